"""Moments in time, as users type them and as the local calendar divides them."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal

from genanalytics.errors import InputError

CalendarUnit = Literal["day", "week", "month"]

_AGE = re.compile(r"([0-9]{1,9}) ?(s|min|h|d|w)")
_UNITS = {
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
FORMS = "a date or time (2026-09-01, 2026-09-01T12:30), an age (7d, 12h, 30min), today, yesterday or now"
"""The moments that `parse_moment` reads, for messages."""


def to_utc(moment: datetime) -> datetime:
    """Return a moment in UTC; one without a zone is taken as UTC.

    >>> to_utc(datetime.fromisoformat("2026-09-01T12:00+02:00")).isoformat()
    '2026-09-01T10:00:00+00:00'
    """
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parse_age(text: str) -> timedelta:
    """Return an age: a whole number with s, min, h, d or w.

    Raises:
        ValueError: The text is not an age, or it is longer than a thousand years.

    >>> parse_age("90d").days, parse_age("30min").seconds
    (90, 1800)
    """
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    try:
        age = int(found[1]) * _UNITS[found[2]]
    except OverflowError:
        raise ValueError(text) from None
    if age > timedelta(days=365_000):
        raise ValueError(text)
    return age


def parse_moment(text: str, *, tz: tzinfo, now: datetime | None = None) -> datetime:
    """Return a moment in UTC, one of `FORMS`.

    Args:
        text: The moment. A date is its first moment; an age is that long before now.
        tz: The time zone of dates, of times without an offset, and of today and yesterday.
        now: The current moment; the clock by default.

    Raises:
        ValueError: The text is none of these.

    >>> from zoneinfo import ZoneInfo
    >>> parse_moment("yesterday", tz=ZoneInfo("Europe/Berlin"), now=datetime(2026, 9, 2, 12, tzinfo=UTC)).isoformat()
    '2026-08-31T22:00:00+00:00'
    """
    now = to_utc(now or datetime.now(UTC))
    word = text.strip().lower()
    if word == "now":
        return now
    if word in {"today", "yesterday"}:
        today = find_start(now, "day", tz)
        return today if word == "today" else step(today, "day", -1, tz)
    try:
        if _AGE.fullmatch(word):
            return now - parse_age(word)
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=tz)).astimezone(UTC)
    except OverflowError:
        raise ValueError(text) from None


def read_moment(name: str, value: str | date, *, tz: tzinfo = UTC, now: datetime | None = None) -> datetime:
    """Return the value of an argument as a moment in UTC.

    Args:
        name: The argument, for the message.
        value: A text, as `parse_moment` reads it, a date, or a date and time.
        tz: The time zone of dates and of times without an offset.
        now: The current moment; the clock by default.

    Raises:
        InputError: The value is none of these.

    >>> from zoneinfo import ZoneInfo
    >>> read_moment("since", date(2026, 9, 1), tz=ZoneInfo("Europe/Berlin")).isoformat()
    '2026-08-31T22:00:00+00:00'
    """
    try:
        if isinstance(value, str):
            return parse_moment(value, tz=tz, now=now)
        moment = value if isinstance(value, datetime) else datetime.combine(value, time())
        return (moment if moment.tzinfo else moment.replace(tzinfo=tz)).astimezone(UTC)
    except (OverflowError, TypeError, ValueError):
        msg = f"{name}={value!r:.80} is not a moment: give {FORMS}"
        raise InputError(msg, arguments=[name]) from None


def find_start(moment: datetime, unit: CalendarUnit, tz: tzinfo) -> datetime:
    """Return the start of the local day, week (from Monday) or month of a moment, in UTC.

    >>> find_start(datetime(2026, 9, 2, 23, tzinfo=UTC), "week", UTC).isoformat()
    '2026-08-31T00:00:00+00:00'
    """
    day = moment.astimezone(tz).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    if unit == "week":
        day -= timedelta(days=day.weekday())
    elif unit == "month":
        day = day.replace(day=1)
    return _localize(day, tz)


def step(start: datetime, unit: CalendarUnit, count: int, tz: tzinfo) -> datetime:
    """Return the start of the day, week or month that is `count` later, out of a start that `find_start` returned.

    >>> step(datetime(2026, 1, 1, tzinfo=UTC), "month", -1, UTC).isoformat()
    '2025-12-01T00:00:00+00:00'
    """
    local = (start + timedelta(hours=3)).astimezone(tz)  # beyond a midnight that the clocks skip
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    if unit != "month":
        return _localize(day + count * timedelta(days=1 if unit == "day" else 7), tz)
    months = day.year * 12 + day.month - 1 + count
    return _localize(day.replace(year=months // 12, month=months % 12 + 1), tz)


def _localize(day: datetime, tz: tzinfo) -> datetime:
    """Return local midnight in UTC; where clocks skip it, the moment of the skip, and where it is twice, the first."""
    return day.replace(tzinfo=tz).astimezone(UTC)
