"""The cost of each day, which days are complete, and how much of the open day is still to come."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from genanalytics.base.text import suggest
from genanalytics.errors import InputError
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.protocol import Source
from genanalytics.metrics.engines.source import Records, open_source
from genanalytics.metrics.grouping.calendar import TIME, find_zone, list_periods
from genanalytics.metrics.sets.cost import REQUESTS
from genanalytics.metrics.summary import summarize

Cost = Literal["effective_cost", "billed_cost", "byok_cost"]
COSTS: tuple[Cost, ...] = get_args(Cost)
_UNKNOWN = "cost_unknown"
_TOLERANCE = pd.Timedelta(days=1)
"""How long after the last fetch a fetched record may be dated: clocks differ."""


@dataclass(frozen=True, slots=True, eq=False)
class Daily:
    """The cost of each day.

    Attributes:
        first: The first day with a record; None without any, and then there are no costs.
        costs: The known cost of each complete day in US$: 0 without a record, NaN if no cost of its records is known.
        open_cost: The known cost of the day after them, which is not complete; None if no record is of that day.
        rest: The part of that day that is still to come (0 to 1).
        open_from: The moment at which that part begins; None if no record is of that day.
        fetched: The day of the last fetch; None if it is unknown.
        unknown: The number of requests whose cost is unknown, wholly or in part.
        undated: The number of records without a time.
        stray: The number of records that are left out because their time is long after the last fetch.
        zone: The time zone of the days.
    """

    first: date | None
    costs: "np.ndarray"
    open_cost: float | None
    rest: float
    open_from: pd.Timestamp | None
    fetched: date | None
    unknown: int
    undated: int
    stray: int
    zone: ZoneInfo

    def find_day(self, place: int) -> date:
        """Return the day at a place, counted from the first one.

        Raises:
            ValueError: There are no days.
        """
        if self.first is None:
            msg = "there are no days"
            raise ValueError(msg)
        return self.first + timedelta(days=place)

    @property
    def next(self) -> date:
        """The first day that is not complete."""
        return self.find_day(len(self.costs))

    def find_weekdays(self) -> "np.ndarray":
        """Return the weekday of each complete day; 0 is Monday."""
        if self.first is None:
            return np.zeros(0, dtype=np.int64)
        weekdays: np.ndarray = (self.first.weekday() + np.arange(len(self.costs))) % 7
        return weekdays


def read_days(data: Records, cost: str, tz: str) -> Daily:
    """Return the cost of each day, on any engine with few aggregations.

    The day of the last fetch is open. If records are dated after it, or if it is unknown, the last day with a record is
    open from its last record on. Fetched records that are dated more than a day after the last fetch are left out.

    Args:
        data: Anything that `summarize` takes.
        cost: One of `COSTS`.
        tz: The time zone of days, by its IANA name.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: `cost` or `tz` is unknown.
    """
    if cost not in COSTS:
        msg = f"cost={cost!r} cannot be forecast; {suggest(str(cost), COSTS)}there are {', '.join(COSTS)}"
        raise InputError(msg, arguments=["cost"])
    zone, source = find_zone(tz), open_source(data)
    found = summarize(data, every="day", tz=tz, metrics=[cost, _UNKNOWN])
    end = _find_end(source, zone)
    is_stray = found[TIME] >= end.limit if end.limit is not None else pd.Series(data=False, index=found.index)
    kept = found[~is_stray]
    dated = kept[kept[TIME].notna() & (kept[REQUESTS.name] > 0)].reset_index(drop=True)
    undated = int(kept.loc[kept[TIME].isna(), REQUESTS.name].sum())
    last_fetch = None if end.fetched is None else end.fetched.tz_convert(zone).date()
    others = (last_fetch, int(kept[_UNKNOWN].sum()), undated, int(found.loc[is_stray, REQUESTS.name].sum()), zone)
    if dated.empty or end.known is None:
        return Daily(None, np.zeros(0), None, 1.0, None, *others)
    first, last = (moment.date() for moment in (dated[TIME].iloc[0], dated[TIME].iloc[-1]))
    values = np.zeros((last - first).days + 1)  # a day that a change of the time zone skipped cost nothing
    values[[(moment.date() - first).days for moment in dated[TIME]]] = to_floats(dated[cost])
    moment = end.known.tz_convert(zone)
    complete = (moment.date() - first).days
    if complete >= len(values):
        return Daily(first, values, None, 1.0, None, *others)
    rest = _find_rest(moment.date(), moment, zone)
    return Daily(first, values[:complete], float(np.nansum(values[complete:])), rest, moment, *others)


def list_days(first: date | None, last: date | None, zone: ZoneInfo) -> pd.DatetimeIndex:
    """Return the starts of days as moments in a time zone; none without a first or a last day."""
    if first is None or last is None:
        return pd.DatetimeIndex([], dtype="datetime64[us]").tz_localize(zone)
    begin, end = (pd.Timestamp(day.isoformat()).tz_localize("UTC") for day in (first, last))
    days = list_periods(begin, end, "day", zone)
    return days.as_unit("us")


def fill_gaps(values: "np.ndarray") -> "np.ndarray":
    """Return daily costs in which a day of unknown cost has the mean of the others of its weekday, or of all."""
    filled, known = values.copy(), values[~np.isnan(values)]
    for place in np.flatnonzero(np.isnan(values)):
        same = values[place % 7 :: 7]
        own = same[~np.isnan(same)]
        if len(known):
            filled[place] = (own if len(own) else known).mean()
    return filled


class _End(NamedTuple):
    """Up to when costs are known.

    Attributes:
        fetched: The moment of the last fetch; None if it is unknown.
        known: The moment up to which costs are known; None without a record that has a time.
        limit: The begin of the days whose records are left out; None if there are none.
    """

    fetched: pd.Timestamp | None
    known: pd.Timestamp | None
    limit: pd.Timestamp | None


def _find_end(source: Source, zone: ZoneInfo) -> _End:
    """Return up to when costs are known: the last fetch, or a later record, as of an activity export."""
    fetched = source.find_latest("fetched_at") if "fetched_at" in source.columns else None
    last = source.find_latest("created_at")
    if fetched is None or last is None or last <= fetched:
        return _End(fetched, last if fetched is None else fetched, None)
    rows = source.select(["created_at", "fetched_at"])
    known = max(fetched, _find_last(rows.filter(nw.col("fetched_at").is_null())) or fetched)
    day = (known + _TOLERANCE).tz_convert(zone).date() + timedelta(days=1)
    limit = list_days(day, day, zone)[0]
    kept = rows.filter(nw.col("created_at") < limit.tz_convert("UTC").to_pydatetime())
    return _End(fetched, max(known, _find_last(kept) or known), limit)


def _find_last(rows: "nw.LazyFrame[Any]") -> pd.Timestamp | None:
    found = rows.select(nw.col("created_at").max()).collect(backend="pyarrow").to_native()["created_at"][0].as_py()
    return None if found is None else pd.Timestamp(found)


def _find_rest(day: date, moment: pd.Timestamp, zone: ZoneInfo) -> float:
    begin, end = (list_days(one, one, zone)[0] for one in (day, day + timedelta(days=1)))
    return float(min(max((end - moment) / (end - begin), 0.0), 1.0))
