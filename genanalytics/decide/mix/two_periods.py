"""Two periods of data to compare: the last full week or month, and another one."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pandas as pd

from genanalytics.errors import InputError
from genanalytics.metrics.engines.source import Records, open_source
from genanalytics.metrics.grouping.calendar import TIME, find_starts, find_zone, label_starts
from genanalytics.metrics.grouping.labels import check_columns
from genanalytics.metrics.sets.cost import REQUESTS
from genanalytics.metrics.sets.rows import FIRST, LAST
from genanalytics.metrics.summary import summarize
from genanalytics.metrics.where.rows import keep_between
from genanalytics.units import format_count

Every = Literal["week", "month"]
PREVIOUS = "previous"

_LONGER_THAN = {"week": timedelta(days=8), "month": timedelta(days=32)}
_TWO_WEEKS = 14


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the calendar.

    Attributes:
        name: Its name in words.
        start: The moment of its start.
        end: The moment after its end.
        days: Its length in local days.
    """

    name: str
    start: pd.Timestamp
    end: pd.Timestamp
    days: int

    def keep(self, data: Any) -> Any:  # noqa: ANN401 - of the same kind
        """Return the rows of data that are in the span."""
        return keep_between(data, self.start, self.end)


@dataclass(frozen=True, slots=True)
class Periods:
    """Two periods.

    Attributes:
        before: The one to compare with.
        after: The later one.
        notices: How they were chosen, each in one sentence.
    """

    before: Span
    after: Span
    notices: tuple[str, ...]


def choose_periods(data: Records, *, every: Every = "month", against: str = PREVIOUS, tz: str = "UTC") -> Periods:
    """Return the last full period of data, and the one before it or another one.

    A period is full if the records reach its last day, or end before it by no more days than they pause elsewhere. If
    only one period has records besides the last one, which is not full, its full days are compared with as many days of
    the other one.

    Args:
        data: Anything that `summarize` takes.
        every: `week` (from Monday) or `month`.
        against: `previous`, or a day of the period to compare with, such as `2026-08-01`.
        tz: The time zone of days, by its IANA name.

    Raises:
        InputError: The data contains only one period, none of the other one, or `against` is no day.
    """
    check_against(against)
    check_columns(open_source(data), ["created_at"], "a change between periods")
    counts = summarize(data, every="day", tz=tz, metrics=REQUESTS)
    counts = counts[counts[TIME].notna()]
    if counts.empty:
        msg = "no record has a time (created_at), so there are no periods: give records of two periods"
        raise InputError(msg)
    calendar = _Calendar(every, find_zone(tz), counts)
    if len(calendar.starts) == 1:
        raise _refuse_single(calendar)
    last = calendar.starts[-1]
    if calendar.reaches(calendar.find_end(last)):
        return _choose_full(calendar, last, against, ())
    if against == PREVIOUS and len(calendar.starts) == len(("last", "other")):
        return _choose_days(calendar)
    notice = f"the records end on {calendar.last:%Y-%m-%d}, so {calendar.name(last)} is not full and left out"
    return _choose_full(calendar, calendar.starts[-2], against, (notice,))


class _Calendar:
    """The periods of records.

    Args:
        every: `week` or `month`.
        zone: The time zone.
        counts: The days from the first record to the last one, and their requests.

    Attributes:
        every: `week` or `month`.
        zone: The time zone.
        first: The day of the first record.
        last: The day of the last one.
        pause: The most days without a record between two with one.
        starts: The starts of the periods with records.
    """

    def __init__(self, every: Every, zone: ZoneInfo, counts: pd.DataFrame) -> None:
        self.every, self.zone = every, zone
        used = counts.loc[counts[REQUESTS.name] > 0, TIME]
        self.first, self.last = used.iloc[0], used.iloc[-1]
        steps = used.dt.tz_localize(None).dt.normalize().diff().dt.days
        self.pause = int(steps.max()) - 1 if len(used) > 1 else 0
        self.starts = [*label_starts(pd.Series(find_starts(used, every, zone)), every, zone).unique()]

    def reaches(self, end: pd.Timestamp) -> bool:
        """Return whether the records reach the end of a period."""
        return count_days(self.last, end) - 1 <= self.pause

    def find_start(self, moment: pd.Timestamp, every: str | None = None) -> pd.Timestamp:
        chosen = every or self.every
        starts = pd.Series(find_starts(pd.Series([moment]), chosen, self.zone))
        start: pd.Timestamp = label_starts(starts, chosen, self.zone).iloc[0]
        return start

    def locate(self, day: date) -> pd.Timestamp:
        """Return the start of a day."""
        return pd.Timestamp(day).tz_localize(self.zone, nonexistent="shift_forward", ambiguous=True)

    def find_end(self, start: pd.Timestamp) -> pd.Timestamp:
        """Return the start of the next period."""
        return self.find_start(start + _LONGER_THAN[self.every])

    def find_previous(self, start: pd.Timestamp) -> pd.Timestamp:
        return self.find_start(start - timedelta(hours=1))

    def add_days(self, start: pd.Timestamp, days: int) -> pd.Timestamp:
        return self.find_start(start + timedelta(days=days, hours=12), "day")

    def name(self, start: pd.Timestamp) -> str:
        return f"{start:%B %Y}" if self.every == "month" else f"the week of {start:%Y-%m-%d}"

    def make_span(self, start: pd.Timestamp, end: pd.Timestamp, name: str) -> tuple[Span, tuple[str, ...]]:
        """Return the part of a span that the records cover, and notices about it."""
        if count_days(start, self.first) <= self.pause or self.first <= start:
            return Span(name, start, end, count_days(start, end)), ()
        span = Span(name, self.first, end, count_days(self.first, end))
        return span, (f"The records begin on {self.first:%Y-%m-%d}, so {name} counts as {span.days} days",)


def measure_length(data: Records, tz: str) -> int | None:
    """Return the number of local days from the first row to the last one; None if it is unknown."""
    if "created_at" not in open_source(data).columns:
        return None
    ends = summarize(data, metrics=[FIRST, LAST]).iloc[0]
    if pd.isna(ends[FIRST.name]):
        return None
    first, last = (ends[edge.name].tz_convert(find_zone(tz)) for edge in (FIRST, LAST))
    return count_days(first, last) + 1


def count_days(start: pd.Timestamp, end: pd.Timestamp) -> int:
    """Return the number of local days between two starts of days."""
    return int((end.tz_localize(None).normalize() - start.tz_localize(None).normalize()).days)


def _choose_full(calendar: _Calendar, chosen: pd.Timestamp, against: str, notices: tuple[str, ...]) -> Periods:
    day = check_against(against)
    other = calendar.find_previous(chosen) if day is None else calendar.find_start(calendar.locate(day))
    if other == chosen or other not in calendar.starts:
        what = "cannot be compared with itself" if other == chosen else "has no record"
        days = ", ".join(f"{start:%Y-%m-%d}" for start in calendar.starts if start != chosen)
        msg = f"{calendar.name(other)} {what}: give against= with a day of a {calendar.every} that has some: {days}"
        raise InputError(msg, arguments=["against"])
    spans = [calendar.make_span(start, calendar.find_end(start), calendar.name(start)) for start in (other, chosen)]
    return Periods(spans[0][0], spans[1][0], (*notices, *spans[0][1], *spans[1][1]))


def _choose_days(calendar: _Calendar) -> Periods:
    """Return the full days of the last period, and as many of the one before it."""
    last, other = calendar.starts[-1], calendar.find_previous(calendar.starts[-1])
    days = min(count_days(last, calendar.last), count_days(other, calendar.find_end(other)))
    if days < 1 or other not in calendar.starts or calendar.first >= calendar.add_days(other, days):
        msg = (
            f"the records end on {calendar.last:%Y-%m-%d}, and no full day of {calendar.name(last)} can be compared"
            f" with {calendar.name(other)}: give more records"
        )
        raise InputError(msg)
    length = format_count(days, "day")
    spans = [
        calendar.make_span(start, calendar.add_days(start, days), f"the first {length} of {calendar.name(start)}")
        for start in (other, last)
    ]
    notice = f"the records end on {calendar.last:%Y-%m-%d}, so only the full days of {calendar.name(last)} are compared"
    return Periods(spans[0][0], spans[1][0], (notice, *spans[0][1]))


def check_against(text: str) -> date | None:
    """Return the day of the period to compare with; None for the previous one.

    Raises:
        InputError: It is no day.
    """
    if text == PREVIOUS:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        msg = f"against={text!r}: give {PREVIOUS}, or a day of the period to compare with, such as 2026-08-01"
        raise InputError(msg, arguments=["against"]) from None


def _refuse_single(calendar: _Calendar) -> InputError:
    is_long = calendar.every == "month" and count_days(calendar.first, calendar.last) >= _TWO_WEEKS
    fits = "use every='week', which fits these records, or give" if is_long else "give"
    days = f"{calendar.first:%Y-%m-%d} to {calendar.last:%Y-%m-%d}"
    where = f"in one {calendar.every}, {calendar.name(calendar.starts[0])} ({days})"
    msg = f"all records are {where}, and a change needs two: {fits} records of another {calendar.every}"
    return InputError(msg, arguments=["every"])
