"""The names of a chart's groups, and the data that a chart is based on."""

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from genanalytics.base.text import escape_unprintable, name_group, shorten
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.sets.rows import FIRST, LAST
from genanalytics.metrics.summary import summarize
from genanalytics.plots.glyphs import spell
from genanalytics.records.coverage import COVERAGE, Coverage
from genanalytics.units import format_count, mark_lower_bound

FREE = "every known cost is $0.00"
"""Why a chart of costs is empty although they are known."""
_LONGEST = 48
"""The longest name in a chart, in letters."""


def describe_basis(data: Records, tz: str) -> str:
    """Return the number of generations, their first and last day, and incomplete or unknown coverage.

    >>> moments = pd.to_datetime(["2026-09-01T12:00Z", "2026-09-30T23:30Z"])
    >>> describe_basis(pd.DataFrame({"created_at": moments}), "Europe/Berlin")
    '2 generations, 2026-09-01 to 2026-10-01 (Europe/Berlin); coverage unknown'
    """
    summary = summarize(data, tz=tz, metrics=[])
    number = int(summary["requests"].iloc[0])
    generations = format_count(number, "generation")
    if "requests" in summary.attrs["lower_bounds"]:
        generations = mark_lower_bound(generations)
    parts = [generations + (_describe_days(data, tz) if number else "")]
    return "; ".join(filter(None, [*parts, _describe_coverage(summary)]))


def _describe_days(data: Records, tz: str) -> str:
    try:
        period = find_period(data)
    except MissingColumnError:
        return ""
    if period is None:
        return ", all without a date"
    first, last = (moment.tz_convert(tz) for moment in period)
    last_day = "" if first.date() == last.date() else f" to {last:%Y-%m-%d}"
    return f", {first:%Y-%m-%d}{last_day} ({tz})"


def _describe_coverage(summary: pd.DataFrame) -> str:
    """Return the coverage of the data of a summary in a few words; "" if it is complete."""
    coverage = Coverage.from_json(summary.attrs[COVERAGE])
    if coverage is None:
        return "coverage unknown"
    if not coverage.is_partial:
        return ""
    whole = " of all requested ids, unknown among these" if coverage.part else ""
    return f"coverage {coverage.format_share()}{whole}: totals are lower bounds"


def find_period(data: Records) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """Return the moments of the first and the last generation; None if none has a date.

    Raises:
        MissingColumnError: The data has no `created_at`.
    """
    edges = summarize(data, metrics=[FIRST, LAST]).iloc[0]
    return None if pd.isna(edges[FIRST.name]) else (edges[FIRST.name], edges[LAST.name])


def choose_mark(summary: pd.DataFrame, name: str) -> Callable[[str], str]:
    """Return the function that writes the sign of a lower bound to the texts of a column, if it contains them."""
    return mark_lower_bound if name in summary.attrs["lower_bounds"] else str


def are_bounds(summary: pd.DataFrame, name: str, unknown: "np.ndarray | None" = None) -> "np.ndarray":
    """Return whether each value of a column is a lower bound: records are missing, or costs are unknown.

    The numbers of unknown costs are in `cost_unknown` unless they are given.

    >>> rows = pd.DataFrame({"model": ["a", "b"], "total_cost": [1.0, None]})
    >>> rows = rows.assign(upstream_inference_cost=0.0, is_byok=False)
    >>> are_bounds(summarize(rows, by="model", metrics=["effective_cost", "cost_unknown"]), "effective_cost").tolist()
    [False, True]
    """
    every = name in summary.attrs["lower_bounds"]
    found: np.ndarray = ((to_floats(summary["cost_unknown"]) if unknown is None else unknown) > 0) | every
    return found


def check_top(top: int) -> int:
    """Return a number of groups.

    Raises:
        InputError: It is no whole number, or below 1.
    """
    if not isinstance(top, Integral) or top < 1:
        msg = f"top is {top!r}: give the number of groups to draw, from 1 on"
        raise InputError(msg)
    return top


def write_n(number: int, mark: Callable[[str], str]) -> str:
    """Return the number of observations, with the mark of `choose_mark`.

    >>> write_n(1200, str), write_n(1200, mark_lower_bound)
    ('n = 1,200', 'n ≥ 1,200')
    """
    text = mark(f"{number:,}")
    return f"n {text}" if text.startswith("≥") else f"n = {text}"


def name_subject(by: str) -> str:
    """Return the name of a key in a title.

    >>> name_subject("provider_name"), name_subject("session_id"), name_subject("model")
    ('provider', 'session', 'model')
    """
    name = by.removesuffix("_name").removesuffix("_id").replace("_", " ")
    return shorten(spell(escape_unprintable(name)), _LONGEST)


def shorten_group(group: Any, *, longest: int = _LONGEST) -> str:  # noqa: ANN401 - a column can contain anything
    r"""Return the name of a group in one short line, without characters that fonts lack.

    >>> shorten_group(None), shorten_group("a\nb"), shorten_group(pd.Timestamp("2026-09-01", tz="UTC"))
    ('not given', 'a\\nb', '2026-09-01')
    """
    return shorten(spell(name_group(group, missing="not given")), longest)


def to_finite(values: pd.Series) -> "np.ndarray":
    """Return the values of a column that can be drawn: gaps and infinities are NaN."""
    floats = to_floats(values)
    return np.where(np.isfinite(floats), floats, np.nan)


def any_known(summary: pd.DataFrame, name: str) -> bool:
    """Return whether a sum is known in any group with rows; the 0 of an empty period does not count."""
    return bool(np.isfinite(to_finite(summary[name])[summary["requests"] > 0]).any())


def is_free(summary: pd.DataFrame, *names: str) -> bool:
    """Return whether all known costs are 0, so that a chart of them would be blank."""
    return all((np.nan_to_num(to_finite(summary[name])) == 0).all() for name in names)


def describe_undated(summary: pd.DataFrame) -> str:
    """Return the number of generations without a date, which a chart over time cannot include; "" for none."""
    number = int(summary["requests"][summary["time"].isna()].sum())
    return f"{number:,} undated left out" if number else ""


def describe_unknown(number: int) -> str:
    """Return the number of requests with an unknown cost, which makes costs lower bounds; "" for none."""
    return f"a lower bound: cost not fully known for {format_count(number, 'request')}" if number else ""


def describe_hidden(shown: int, groups: int, noun: str) -> str:
    """Return the number of groups shown, if not all are; else ""."""
    return f"the largest {shown} of {groups:,} by {noun}" if groups > shown else ""
