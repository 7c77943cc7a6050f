"""The period that a forecast is about."""

from datetime import UTC, date, datetime

import pytest

from genanalytics import InputError
from genanalytics.decide.budget.period import find_period, read_day

NEXT = date(2026, 2, 12)


@pytest.mark.parametrize(
    ("until", "since", "first", "last"),
    [
        ("month", None, "2026-02-01", "2026-02-28"),
        ("week", None, "2026-02-09", "2026-02-15"),
        ("2026-02-20", None, "2026-02-01", "2026-02-20"),
        (date(2026, 4, 30), None, "2026-02-01", "2026-04-30"),
        (datetime(2026, 2, 12, 9, tzinfo=UTC), None, "2026-02-01", "2026-02-12"),
        ("month", "2025-12-01", "2025-12-01", "2026-02-28"),
        ("2026-03-31", date(2026, 3, 1), "2026-03-01", "2026-03-31"),
    ],
)
def test_a_period_contains_the_first_day_that_is_not_complete(
    until: str | date, since: str | date | None, first: str, last: str
) -> None:
    assert find_period(until, since, NEXT) == (date.fromisoformat(first), date.fromisoformat(last))


def test_the_month_after_the_last_complete_day_is_forecast() -> None:
    assert find_period("month", None, date(2026, 3, 1)) == (date(2026, 3, 1), date(2026, 3, 31))
    assert find_period("week", None, date(2026, 3, 2)) == (date(2026, 3, 2), date(2026, 3, 8))  # a Monday


@pytest.mark.parametrize(
    ("until", "since", "message"),
    [
        ("quarter", None, "until='quarter' cannot be used: give week, month or a day, such as 2026-10-31"),
        (7, None, "until='7' cannot be used"),
        ("2026-02-11", None, "until=2026-02-11 is a past day: .* up to 2026-02-11; give 2026-02-12 or a later day"),
        ("2027-03-01", None, "more than 366 days after 2026-02-12"),
        ("month", "then", "since='then' cannot be used: give a day"),
        ("month", "2026-03-01", "since=2026-03-01 is after the last day of the period, 2026-02-28"),
    ],
)
def test_what_is_no_period_is_refused(until: str, since: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_period(until, since, NEXT)


def test_a_day_is_read() -> None:
    assert read_day("2026-10-31", "until") == date(2026, 10, 31)
