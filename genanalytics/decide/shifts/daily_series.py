"""Statistics of each day, of all rows and of each group, as series."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from genanalytics.decide.shifts.breaks import FEWEST_DAYS, Scale
from genanalytics.metrics.declare import Statistic
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import TIME
from genanalytics.metrics.sets.cost import EFFECTIVE_COST, REQUESTS
from genanalytics.metrics.summary import OPEN, summarize
from genanalytics.units import Unit

FEWEST_ACTIVE = 5
"""The fewest days on which a total is not 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """A statistic of each day.

    Attributes:
        key: The values of the columns of the group; None for all rows.
        metric: The statistic.
        daily: Its values; NaN where it is unknown.
        costs: The effective cost of the same rows.
    """

    key: tuple[object, ...] | None
    metric: Statistic
    daily: "np.ndarray"
    costs: "np.ndarray"

    @property
    def is_long(self) -> bool:
        """Whether enough days have a value, and enough of them one that counts, to find a change."""
        known = self.daily[~np.isnan(self.daily)]
        active = np.count_nonzero(known) if self.metric.of_nothing == 0 else FEWEST_ACTIVE
        return len(known) >= FEWEST_DAYS and bool(active >= FEWEST_ACTIVE)

    @property
    def scale(self) -> Scale:
        """The scale that makes its spread even."""
        is_share = self.metric.unit is Unit.SHARE and np.nanmin(self.daily) >= 0 and np.nanmax(self.daily) <= 1
        return "share" if is_share else "log"


@dataclass(frozen=True, slots=True, eq=False)
class DailySeries:
    """Series of the same days.

    Attributes:
        starts: The start of each day, and the end of the last one.
        series: The series.
        undated: The number of rows without a time.
        notices: What the user should know about the data.
        has_open_day: Whether the last day of the data was still running and is left out.
        keys: The columns of the groups, without rows: their names and types.
    """

    starts: pd.DatetimeIndex
    series: list[Series]
    undated: int
    notices: list[str]
    has_open_day: bool
    keys: pd.DataFrame

    def drop(self, metric: Statistic) -> "DailySeries":
        """Return the series of all other statistics."""
        return replace(self, series=[one for one in self.series if one.metric is not metric])

    @property
    def days(self) -> int:
        """The number of days."""
        return max(0, len(self.starts) - 1)

    @property
    def weekdays(self) -> "np.ndarray":
        """The weekday of each day; 0 is Monday."""
        days: np.ndarray = self.starts[:-1].day_of_week.to_numpy()
        return days


def read_daily(data: Records, names: Sequence[str], tz: str, metrics: Sequence[Statistic]) -> DailySeries:
    """Return the series of all rows, and of each group of the columns `names`.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: A column cannot be grouped by, or there is no such time zone.
    """
    wanted = [metric for metric in metrics if metric is not REQUESTS and metric is not EFFECTIVE_COST]
    read = [EFFECTIVE_COST, *wanted]
    whole = summarize(data, every="day", tz=tz, metrics=read)
    groups = summarize(data, by=names, every="day", tz=tz, metrics=read) if names else whole[:0]
    undated = int(whole.loc[whole[TIME].isna(), REQUESTS.name].sum())
    opened = whole.loc[whole[OPEN].fillna(value=False), TIME]
    closed, within = (one[one[TIME].notna() & ~one[TIME].isin(opened)] for one in (whole, groups))
    starts = pd.DatetimeIndex(closed[TIME])
    ends = starts[-1:] + pd.DateOffset(days=1)
    found = list(_make_series(None, closed, metrics))
    if names:
        for key, rows in within.groupby(list(names), dropna=False, sort=True):
            found += _make_series(key, rows, metrics)
    return DailySeries(
        pd.DatetimeIndex(starts.append(ends)),
        found,
        undated,
        whole.attrs["notices"],
        not opened.empty,
        groups.loc[:, list(names)][:0],
    )


def _make_series(key: tuple[object, ...] | None, rows: pd.DataFrame, metrics: Sequence[Statistic]) -> Iterator[Series]:
    costs = _read(rows, EFFECTIVE_COST)
    for metric in metrics:
        yield Series(key, metric, _read(rows, metric), costs)


def _read(rows: pd.DataFrame, metric: Statistic) -> "np.ndarray":
    values: np.ndarray = rows[metric.name].to_numpy(dtype=float, na_value=np.nan)
    return values
