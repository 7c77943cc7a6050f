"""A range of time as users ask for it: since, until, the last week, this month and the one before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

from genanalytics.base.moments import CalendarUnit, find_start, parse_age, read_moment, step
from genanalytics.base.text import suggest
from genanalytics.errors import InputError
from genanalytics.metrics.grouping.calendar import find_zone
from genanalytics.metrics.where.rows import keep_between

UNITS: tuple[CalendarUnit, ...] = get_args(CalendarUnit)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A range of time.

    Attributes:
        start: Its first moment, in UTC; None without limit.
        end: The moment after it; None without limit.
        tz: The time zone of its days.
        unit: `day`, `week` or `month`, if the range begins with one and ends with it or within it.
    """

    start: datetime | None
    end: datetime | None
    tz: ZoneInfo
    unit: CalendarUnit | None = None

    @property
    def is_limited(self) -> bool:
        """Whether the range has a first or a last moment."""
        return self.start is not None or self.end is not None

    def keep(self, data: Any) -> Any:  # noqa: ANN401 - of the same kind
        """Return the rows of data that were created within the range."""
        return keep_between(data, self.start, self.end) if self.is_limited else data

    def find_previous(self) -> "TimeRange":
        """Return the range before: the calendar unit before, up to the same point, or as many months, days or moments.

        Raises:
            InputError: The range has no start or no end.
        """
        if self.start is None or self.end is None:
            msg = "a comparison with the previous period needs a period: give last='week', or since= and until="
            raise InputError(msg, arguments=["last", "since", "until"])
        try:
            return self._step_back(self.start, self.end)
        except (OverflowError, ValueError):
            msg = f"there is no period before {self}: give a later start"
            raise InputError(msg) from None

    def _step_back(self, start: datetime, end: datetime) -> "TimeRange":
        first, after = start.astimezone(self.tz).replace(tzinfo=None), end.astimezone(self.tz).replace(tzinfo=None)
        if self.unit is not None:
            before = step(start, self.unit, -1, self.tz)
            is_full = end == step(start, self.unit, 1, self.tz)
            clock = before.astimezone(self.tz).replace(tzinfo=None) + (after - first)  # days can have 23 or 25 hours
            same = clock.replace(tzinfo=self.tz).astimezone(UTC)
            return TimeRange(before, start if is_full else min(same, start), self.tz, self.unit)
        if all(find_start(moment, "month", self.tz) == moment for moment in (start, end)):
            months = 12 * (after.year - first.year) + after.month - first.month
            return TimeRange(step(start, "month", -months, self.tz), start, self.tz)
        if all(find_start(moment, "day", self.tz) == moment for moment in (start, end)):
            return TimeRange(step(start, "day", -round((after - first) / timedelta(days=1)), self.tz), start, self.tz)
        return TimeRange(start - (end - start), start, self.tz)

    @property
    def phrase(self) -> str:
        """The range with its preposition: `of 2026-09-01 to 2026-09-02`, `since 2026-09-01`."""
        return f"of {self}" if self.start is not None and self.end is not None else str(self)

    def __str__(self) -> str:
        """Return its first and its last day, or its moments if it does not consist of full days."""
        moments = [None if moment is None else moment.astimezone(self.tz) for moment in (self.start, self.end)]
        start, end = moments
        if any(moment is not None and find_start(moment, "day", self.tz) != moment for moment in moments):
            first, last = ("" if moment is None else f"{moment:%Y-%m-%d %H:%M}" for moment in moments)
        else:
            first = "" if start is None else f"{start:%Y-%m-%d}"
            last = "" if end is None else f"{end - timedelta(hours=1):%Y-%m-%d}"
        if first and last:
            return first if first == last else f"{first} to {last}"
        return f"since {first}" if first else f"up to {last}" if last else "all time"


def find_time_range(
    *,
    since: str | date | None = None,
    until: str | date | None = None,
    last: str | None = None,
    period: str | None = None,
    tz: str = "UTC",
    now: datetime | None = None,
) -> TimeRange:
    """Return a range of time.

    Args:
        since: Its first moment: an ISO date or time, an age such as `7d`, `today` or `yesterday`.
        until: The moment after it, in the same forms: `today` leaves out today.
        last: The last full `day`, `week` (from Monday) or `month`; or an age, such as `7d`, up to now.
        period: This `day`, `week` or `month` up to now.
        tz: The time zone of days, by its IANA name.
        now: The current moment; the clock by default.

    Raises:
        InputError: A moment cannot be read, the range is empty, or more than one way is given to choose it.

    >>> now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    >>> print(find_time_range(last="week", now=now))
    2026-11-16 to 2026-11-22
    >>> print(find_time_range(period="week", now=now).find_previous())
    2026-11-16 00:00 to 2026-11-18 12:00
    """
    zone, now = find_zone(tz), now or datetime.now(UTC)
    given = [name for name, value in (("last", last), ("period", period)) if value]
    if len(given) > 1 or (given and (since or until)):
        given += [name for name, value in (("since", since), ("until", until)) if value]
        msg = f"{' and '.join(f'{name}=' for name in given)} are ways to choose one period: give only one of them"
        raise InputError(msg, arguments=given)
    if last is not None:
        return _find_last(last, zone, now)
    if period is not None:
        if period not in UNITS:
            raise _refuse(period, UNITS, name="period")
        return TimeRange(find_start(now, period, zone), now, zone, period)
    start, end = (
        None if value is None else read_moment(name, value, tz=zone, now=now)
        for name, value in (("since", since), ("until", until))
    )
    if start is not None and end is not None and start >= end:
        msg = f"since={since!s} is not before until={until!s}: exchange them, or leave one out"
        raise InputError(msg, arguments=["since", "until"])
    return TimeRange(start, end, zone)


def _find_last(last: str, zone: ZoneInfo, now: datetime) -> TimeRange:
    if last in UNITS:
        end = find_start(now, last, zone)
        return TimeRange(step(end, last, -1, zone), end, zone, last)
    try:
        start = now - parse_age(last)
    except (ValueError, OverflowError):
        start = now
    if start == now:
        raise _refuse(last, (*UNITS, "an age such as 7d or 12h"), name="last")
    return TimeRange(start, now, zone)


def _refuse(value: str, allowed: Sequence[str], *, name: str) -> InputError:
    msg = f"{name}={value!r}; {suggest(value, UNITS)}give {', '.join(allowed[:-1])} or {allowed[-1]}"
    return InputError(msg, arguments=[name])
