"""The period of a forecast."""

from calendar import monthrange
from datetime import date, datetime, timedelta

from genanalytics.base.text import to_one_line
from genanalytics.errors import InputError

_MOST_DAYS = 366


def find_period(until: str | date, since: str | date | None, following: date) -> tuple[date, date]:
    """Return the first and the last day of a period.

    Args:
        until: `week`, `month` or the last day.
        since: The first day; None for that of the week or month, or, with a last day, of the month of `following`.
        following: The first day that is not complete.

    Raises:
        InputError: `until` or `since` is not a period or a day, or nothing of the period is to come.

    >>> find_period("month", None, date(2026, 9, 24)), find_period("week", None, date(2026, 9, 24))[0]
    ((datetime.date(2026, 9, 1), datetime.date(2026, 9, 30)), datetime.date(2026, 9, 21))
    """
    first = following.replace(day=1)
    if until == "week":
        first = following - timedelta(days=following.weekday())
        last = first + timedelta(days=6)
    elif until == "month":
        last = following.replace(day=monthrange(following.year, following.month)[1])
    else:
        last = read_day(until, "until", "week, month or a day")
    if since is not None:
        first = read_day(since, "since", "a day")
    if last < following:
        known = following - timedelta(days=1)
        msg = f"until={last} is a past day: the data are complete up to {known}; give {following} or a later day"
        raise InputError(msg, arguments=["until"])
    if first > last:
        msg = f"since={first} is after the last day of the period, {last}: give an earlier day"
        raise InputError(msg, arguments=["since"])
    if (last - following).days >= _MOST_DAYS:
        msg = f"until={last} is more than {_MOST_DAYS} days after {following}, where the data end: give an earlier day"
        raise InputError(msg, arguments=["until"])
    return first, last


def read_day(value: str | date, name: str, allowed: str = "a day") -> date:
    """Return a day.

    Raises:
        InputError: It is none.
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        msg = f"{name}={to_one_line(str(value))!r} cannot be used: give {allowed}, such as 2026-10-31"
        raise InputError(msg, arguments=[name]) from None
