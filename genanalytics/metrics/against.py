"""Statistics next to those of another period: the change of each, and how sure it is."""

import math
import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd

from genanalytics.base.frames import TEXT
from genanalytics.errors import InputError
from genanalytics.metrics.declare import ShareOfTotal, Statistic, name_limits
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.grouping.calendar import Period
from genanalytics.metrics.intervals.difference import (
    UNKNOWN as NO_LIMITS,
    Bounded,
    Interval,
    combine_logs,
    combine_plain,
)
from genanalytics.metrics.sets.cost import REQUESTS, UNKNOWN
from genanalytics.units import Unit, find_unit_of_difference

_DAY = "day"


def name_changes(name: str) -> tuple[str, str, str, str, str]:
    """Return the names of the columns about the change of a statistic.

    >>> name_changes("requests")
    ('requests_previous', 'requests_change', 'requests_change_low', 'requests_change_high', 'requests_certainty')
    """
    change = f"{name}_change"
    return f"{name}_previous", change, *name_limits(change), f"{name}_certainty"


def list_limits(statistics: Sequence[Statistic]) -> list[str]:
    """Return the names of the columns with limits, of the values and of their changes."""
    return [
        name
        for statistic in statistics
        for name in (*name_limits(statistic.name), *name_limits(name_changes(statistic.name)[1]))
    ]


def list_common_groups(by: str | Sequence[str] | None, every: Period | None) -> list[str]:
    """Return the columns to group both periods by.

    Raises:
        InputError: Two periods have no such groups in common.
    """
    names = [by] if isinstance(by, str) else list(by or ())
    if every is not None or _DAY in names:
        given = f"every={every!r}" if every is not None else f"by={_DAY!r}"
        msg = f"against= compares whole periods, which have nothing in common by {given}: leave out one of the two"
        raise InputError(msg)
    return names


def add_changes(
    now: pd.DataFrame, before: pd.DataFrame, by: Sequence[str], statistics: Sequence[Statistic]
) -> pd.DataFrame:
    """Return a summary with the changes since another one; a group of either of them has a row.

    The limits of a change come from those of both values: on the logarithmic scale for positive quantities, on their
    own scale for others (MOVER, see `intervals.difference`). Both values count as independent.

    Args:
        now: The result of `summarize` with intervals and `cost_unknown`.
        before: The result for the other period, with the same arguments.
        by: The columns that name the groups.
        statistics: The statistics, `requests` too.
    """
    names = {name: f"{name}_previous" for name in now.columns if name not in by}
    other = before.rename(columns=names)
    both = now.merge(other, how="outer", on=list(by)) if by else now.merge(other, how="cross")
    found = both[[*by]].copy()
    is_partial = any(summary.attrs["lower_bounds"] for summary in (now, before))
    for statistic in statistics:
        found = found.assign(**_compare(both, statistic, is_partial=is_partial))
    found.attrs = now.attrs | _describe(now, statistics)
    return found


def _compare(both: pd.DataFrame, statistic: Statistic, *, is_partial: bool) -> "dict[str, pd.Series[Any]]":
    """Return the columns of a statistic: its value and limits, the value before, and the change."""
    name, limits = statistic.name, name_limits(statistic.name)
    previous, change, low, high, certainty = name_changes(name)
    columns = {one: both[one] for one in (name, *limits, previous) if one in both}
    for value, requests in ((name, REQUESTS.name), (previous, f"{REQUESTS.name}_previous")):
        if statistic.of_nothing is not None:  # which of the groups without any row have
            columns[value] = columns[value].mask(both[requests].isna(), statistic.of_nothing)
    columns[change] = columns[name] - columns[previous]
    if statistic.basis is None:
        words = _find_completeness(both, statistic, is_partial=is_partial)
    else:
        ends = _find_limits_of_changes(columns[name], columns[previous], both, statistic)
        for column, values in zip((low, high), ends, strict=True):
            columns[column] = pd.Series(pd.arrays.FloatingArray(values, np.isnan(values)), index=both.index)
        is_sure = (ends[0] > 0) | (ends[1] < 0)
        words = pd.Series(np.where(is_sure, "sure", "unclear"), index=both.index, dtype=TEXT)
    columns[certainty] = words.where(columns[change].notna())
    return columns


def _find_completeness(both: pd.DataFrame, statistic: Statistic, *, is_partial: bool) -> "pd.Series[Any]":
    """Return `exact` or `incomplete` for the change of a total in each group."""
    words = pd.Series("incomplete" if is_partial else "exact", index=both.index, dtype=TEXT)
    is_share = isinstance(statistic.finish, ShareOfTotal)
    if statistic.unit is not Unit.USD and not is_share:
        return words
    unknown = (both[name].fillna(0) > 0 for name in (UNKNOWN.name, f"{UNKNOWN.name}_previous"))
    lacks = reduce(operator.or_, unknown)
    if is_share:  # needs the costs of all groups
        lacks = lacks | bool(lacks.any())
    return words.mask(lacks, "incomplete")


def _find_limits_of_changes(
    now: "pd.Series[Any]", before: "pd.Series[Any]", both: pd.DataFrame, statistic: Statistic
) -> "tuple[np.ndarray, np.ndarray]":
    """Return the lower and the upper limits of the changes of a statistic, by group."""
    low, high = name_limits(statistic.name)
    columns = (now, both[low], both[high], before, both[f"{low}_previous"], both[f"{high}_previous"])
    rows = np.array([to_floats(column) for column in columns]).T
    limits = np.array([_find_limits(Bounded(*row[:3]), Bounded(*row[3:]), statistic) for row in rows])
    lower, upper = limits.reshape(-1, 2).T
    return lower, upper


def _find_limits(a: Bounded, b: Bounded, statistic: Statistic) -> Interval:
    """Return the limits of `a - b`; NaN without limits of both."""
    if not all(map(math.isfinite, (*a, *b))):
        return NO_LIMITS
    basis = statistic.basis
    is_log = basis is not None and basis.kind != "rate" and (basis.kind == "quantile" or basis.bound == "positive")
    combine = combine_logs if is_log and min(a.low, b.low) > 0 else combine_plain
    return combine(a, b)[0]


def _describe(now: pd.DataFrame, statistics: Sequence[Statistic]) -> dict[str, dict[str, str]]:
    """Return units and labels with those of the new columns."""
    units, labels = dict(now.attrs["units"]), dict(now.attrs["labels"])
    for statistic in statistics:
        previous, *changes, _ = name_changes(statistic.name)
        unit, label = Unit(units[statistic.name]), labels[statistic.name]
        units[previous], labels[previous] = unit.value, f"{label} before"
        for name, words in zip(changes, ("change", "change low", "change high"), strict=True):
            units[name] = find_unit_of_difference(unit).value
            labels[name] = f"{label} {words}"
    return {"units": units, "labels": labels}
