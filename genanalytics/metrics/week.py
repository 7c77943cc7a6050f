"""A statistic of each hour of the week, per occurrence of that hour."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from genanalytics.metrics.declare import Statistic
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import find_starts, find_zone
from genanalytics.metrics.sets.rows import FIRST, LAST
from genanalytics.metrics.summary import summarize

DAYS, HOURS = 7, 24


@dataclass(frozen=True, slots=True, eq=False)
class Week:
    """A statistic by weekday and hour; gaps are NaN.

    Attributes:
        cells: A row per weekday, Monday first, and a column per hour of the day. Sums and counts are means per hour.
        days: The same per weekday.
        hours: The same per hour of the day.
        occurrences: How often each hour of the week occurs in the period, as `count_hours_of_week` returns it.
        is_mean: Whether the statistic is a sum or a count, so that its values are means per hour.
        undated: The number of generations without a date, which are left out.
    """

    cells: np.ndarray
    days: np.ndarray
    hours: np.ndarray
    occurrences: np.ndarray
    is_mean: bool
    undated: int


def summarize_week(data: Records, statistic: Statistic, *, tz: str = "UTC") -> Week:
    """Return a statistic by hour of the week, over the hours from the first to the last generation.

    A sum or a count is divided by the number of times that its hour occurs; an hour that occurs without a generation
    counts as 0. Other statistics are those of all generations of the hour.

    Args:
        data: Anything that `summarize` takes.
        statistic: The statistic.
        tz: The time zone of weekdays and hours, by its IANA name.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone.
    """
    edges = summarize(data, tz=tz, metrics=[FIRST, LAST]).iloc[0]
    first, last = edges[FIRST.name], edges[LAST.name]
    occurrences = np.zeros((DAYS, HOURS)) if pd.isna(first) else count_hours_of_week(first, last, tz)
    found = summarize(data, by=["weekday", "hour"], tz=tz, metrics=[statistic])
    dated = found.dropna(subset=["weekday", "hour"])
    cells = _place(dated, statistic, (DAYS, HOURS), ["weekday", "hour"])
    parts = [
        _place(summarize(data, by=by, tz=tz, metrics=[statistic]).dropna(subset=[by]), statistic, (size,), [by])
        for by, size in (("weekday", DAYS), ("hour", HOURS))
    ]
    is_mean = statistic.of_nothing == 0
    times = [occurrences, occurrences.sum(axis=1), occurrences.sum(axis=0)]
    tables = [_divide(table, n) if is_mean else table for table, n in zip([cells, *parts], times, strict=True)]
    undated = int(found["requests"].sum() - dated["requests"].sum())
    return Week(tables[0], tables[1], tables[2], occurrences, is_mean, undated)


def count_hours_of_week(first: pd.Timestamp, last: pd.Timestamp, tz: str) -> np.ndarray:
    """Return how often each hour of the week occurs, from the hour of one moment to that of another, both included.

    An hour that clocks skip does not occur, and one that they repeat occurs twice. Where clocks change by half an hour,
    numbers have fractions.

    Returns:
        A row per weekday, Monday first, and a column per hour of the day.

    >>> monday = pd.Timestamp("2026-03-23T10:59Z")
    >>> count_hours_of_week(monday, monday + pd.Timedelta(days=7), "UTC")[0, 9:12].tolist()
    [1.0, 2.0, 1.0]
    """
    zone = find_zone(tz)
    start, end = pd.DatetimeIndex(find_starts(pd.Series([first, last]), "hour", zone)).tz_localize("UTC")
    quarters = pd.date_range(start, end + pd.Timedelta(hours=1), freq="15min", inclusive="left").tz_convert(zone)
    places = quarters.day_of_week.to_numpy() * HOURS + quarters.hour.to_numpy()
    return np.bincount(places, minlength=DAYS * HOURS).reshape(DAYS, HOURS) / 4


def _place(groups: pd.DataFrame, statistic: Statistic, shape: tuple[int, ...], keys: list[str]) -> np.ndarray:
    """Return a statistic in a table; groups without a generation have what the statistic is of nothing."""
    table = np.full(shape, np.nan if statistic.of_nothing is None else float(statistic.of_nothing))
    firsts = {"weekday": 1, "hour": 0}
    table[tuple(groups[key].to_numpy(dtype=int) - firsts[key] for key in keys)] = to_floats(groups[statistic.name])
    return table


def _divide(sums: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return sums per occurrence; NaN for what does not occur."""
    divided = np.full(sums.shape, np.nan)
    np.divide(sums, times, out=divided, where=times > 0)
    return divided
