"""What the groups of a chart are called, which of them stand out, and what the numbers rest on."""

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics import Statistic, resolved, summarize
from genanalytics.units import Unit, counted, printable


def _edge(name: str, moment: nw.Expr) -> Statistic:
    return Statistic(name, name, Unit.TIME, f"{name} created_at", needs=("created_at",), aggregates={name: moment})


_FIRST = _edge("first moment", nw.col("created_at").min())
_LAST = _edge("last moment", nw.col("created_at").max())


def rests_on(data: object, tz: str) -> str:
    """Return how many generations there are and from when to when they were made.

    >>> moments = pd.to_datetime(["2026-09-01T12:00Z", "2026-09-30T23:30Z"])
    >>> rests_on(pd.DataFrame({"created_at": moments}), "Europe/Berlin")
    '2 generations, 2026-09-01 to 2026-10-01 (Europe/Berlin)'
    """
    number = int(summarize(data, tz=tz, metrics=[])["requests"].iloc[0])
    generations = counted(number, "generation")
    if not number:
        return generations
    try:
        period = period_of(data)
    except MissingColumnError:
        return generations
    if period is None:
        return f"{generations}, none of them dated"
    first, last = (moment.tz_convert(tz) for moment in period)
    last_day = "" if first.date() == last.date() else f" to {last:%Y-%m-%d}"
    return f"{generations}, {first:%Y-%m-%d}{last_day} ({tz})"


def period_of(data: object) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """Return the moments of the first and the last generation; None where none is dated.

    Raises:
        MissingColumnError: The data has no `created_at`.
    """
    edges = summarize(data, metrics=[_FIRST, _LAST]).iloc[0]
    return None if pd.isna(edges[_FIRST.name]) else (edges[_FIRST.name], edges[_LAST.name])


def statistic_of(metric: Statistic | str) -> Statistic:
    """Return one statistic, by its name or itself.

    Raises:
        InputError: There is none of that name, or the name is that of several.
    """
    found = resolved([metric])
    if len(found) != 1:
        names = ", ".join(statistic.name for statistic in found)
        msg = f"{metric!r} stands for {len(found)} statistics: give one of {names}"
        raise InputError(msg)
    return found[0]


def subject(by: str) -> str:
    """Return what a key is called in a title.

    >>> subject("provider_name"), subject("session_id"), subject("model")
    ('provider', 'session', 'model')
    """
    return by.removesuffix("_name").removesuffix("_id").replace("_", " ")


def name_of(group: Any, *, longest: int = 38) -> str:  # noqa: ANN401 - whatever a column can hold
    r"""Return what a group is called: in one line, short enough, with nothing that a font has no picture of.

    >>> name_of(None), name_of("a\nb"), name_of(pd.Timestamp("2026-09-01", tz="UTC"))
    ('not given', 'a\\nb', '2026-09-01')
    """
    if pd.isna(group):
        return "not given"
    if isinstance(group, pd.Timestamp) and group == group.normalize():
        return f"{group:%Y-%m-%d}"
    text = printable(str(group))
    if not text.strip():
        return '""'
    head = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[:head]}…{text[-(longest - 1 - head) :]}"


def numbers(values: pd.Series) -> "np.ndarray":
    """Return what can be drawn of a column: gaps and infinities are NaN."""
    floats: np.ndarray = values.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isfinite(floats), floats, np.nan)


def any_known(summary: pd.DataFrame, name: str) -> bool:
    """Return whether a sum is known anywhere; that of an empty stretch of time, which is 0, does not count."""
    return bool(np.isfinite(numbers(summary[name])[summary["requests"] > 0]).any())


def undated(summary: pd.DataFrame) -> str:
    """Return how many generations have no moment, and are therefore not in a chart over time; "" for none."""
    number = int(summary["requests"][summary["time"].isna()].sum())
    return f"{number:,} undated left out" if number else ""


def hidden(shown: int, groups: int, noun: str) -> str:
    """Return that not all groups are shown; "" if they are."""
    return f"the largest {shown} of {groups:,} by {noun}" if groups > shown else ""
