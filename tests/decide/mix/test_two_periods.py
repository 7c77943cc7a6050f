"""The periods that are compared."""

from collections.abc import Iterable

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from genanalytics.decide.mix.two_periods import Periods, choose_periods
from genanalytics.errors import InputError, MissingColumnError


def at(*days: str) -> pd.DataFrame:
    """Return a record at noon of each day."""
    moments = pd.to_datetime([f"{day}T12:00Z" for day in days], utc=True).as_unit("us")
    return pd.DataFrame({"created_at": moments, "total_cost": 1.0})


def daily(first: str, last: str, *, without: Iterable[str] = ()) -> pd.DataFrame:
    days = pd.date_range(first, last).strftime("%Y-%m-%d")
    return at(*(day for day in days if day not in without))


def describe(periods: Periods) -> list[tuple[str, str, str, int]]:
    spans = (periods.before, periods.after)
    return [(one.name, f"{one.start:%Y-%m-%d}", f"{one.end:%Y-%m-%d}", one.days) for one in spans]


def test_the_last_full_month_and_the_one_before() -> None:
    data = daily("2026-07-01", "2026-09-30")
    periods = choose_periods(data)
    assert describe(periods) == [
        ("August 2026", "2026-08-01", "2026-09-01", 31),
        ("September 2026", "2026-09-01", "2026-10-01", 30),
    ]
    assert periods.notices == ()
    assert [len(span.keep(data)) for span in (periods.before, periods.after)] == [31, 30]


def test_a_period_that_is_not_full_is_left_out() -> None:
    periods = choose_periods(daily("2026-09-07", "2026-09-30"), every="week")
    assert describe(periods) == [
        ("the week of 2026-09-14", "2026-09-14", "2026-09-21", 7),
        ("the week of 2026-09-21", "2026-09-21", "2026-09-28", 7),
    ]
    assert periods.notices == ("the records end on 2026-09-30, so the week of 2026-09-28 is not full and left out",)


def test_days_without_records_that_are_usual_do_not_make_a_period_partial() -> None:
    """Nothing happens on Saturdays and Sundays."""
    weekends = ["2026-09-12", "2026-09-13", "2026-09-19", "2026-09-20"]
    periods = choose_periods(daily("2026-09-07", "2026-09-18", without=weekends), every="week")
    assert [span.name for span in (periods.before, periods.after)] == [
        "the week of 2026-09-07",
        "the week of 2026-09-14",
    ]


def test_two_periods_of_which_the_last_is_not_full_are_compared_by_the_same_days() -> None:
    periods = choose_periods(daily("2026-08-01", "2026-09-12"))
    assert describe(periods) == [
        ("the first 11 days of August 2026", "2026-08-01", "2026-08-12", 11),
        ("the first 11 days of September 2026", "2026-09-01", "2026-09-12", 11),
    ]
    assert "only the full days of September 2026 are compared" in periods.notices[0]


def test_a_period_that_the_records_do_not_begin_with_has_fewer_days() -> None:
    periods = choose_periods(daily("2026-08-20", "2026-09-30"))
    assert describe(periods)[0] == ("August 2026", "2026-08-20", "2026-09-01", 12)
    assert periods.notices == ("The records begin on 2026-08-20, so August 2026 counts as 12 days",)


def test_another_period_to_compare_with() -> None:
    assert describe(choose_periods(daily("2026-07-01", "2026-09-30"), against="2026-07-15"))[0][0] == "July 2026"
    with pytest.raises(InputError, match=r"June 2026 has no record: give against= with .* 2026-07-01, 2026-08-01"):
        choose_periods(daily("2026-07-01", "2026-09-30"), against="2026-06-01")
    with pytest.raises(InputError, match="September 2026 cannot be compared with itself"):
        choose_periods(daily("2026-07-01", "2026-09-30"), against="2026-09-01")
    with pytest.raises(InputError, match="against='august': give previous, or a day"):
        choose_periods(daily("2026-07-01", "2026-09-30"), against="august")


def test_days_are_those_of_the_time_zone() -> None:
    """At noon in UTC, a new day begins on Kiritimati (UTC+14)."""
    data = daily("2026-07-01", "2026-09-30")
    periods = choose_periods(data, tz="Pacific/Kiritimati")
    assert periods.after.start == pd.Timestamp("2026-08-31T10:00Z")
    assert [len(span.keep(data)) for span in (periods.before, periods.after)] == [31, 30]


def test_an_hour_that_is_skipped_or_repeated_changes_no_number_of_days() -> None:
    for last in ("2026-03-31", "2026-10-31"):
        periods = choose_periods(daily("2026-01-01", last), tz="Europe/Berlin")
        assert periods.after.days == 31


def test_too_little_is_refused_with_what_is_needed() -> None:
    with pytest.raises(
        InputError, match=r"all records are in one month, August 2026 .* two: use every='week', which fits"
    ):
        choose_periods(daily("2026-08-01", "2026-08-31"))
    with pytest.raises(InputError, match="all records are in one week, the week of 2026-08-24"):
        choose_periods(at("2026-08-24"), every="week")
    with pytest.raises(InputError, match="no full day of the week of 2026-08-24 can be compared"):
        choose_periods(daily("2026-08-20", "2026-08-24"), every="week")
    with pytest.raises(InputError, match="no record has a time"):
        choose_periods(at())
    with pytest.raises(MissingColumnError, match="created_at"):
        choose_periods(at().drop(columns="created_at"))


def test_an_engine_finds_the_same_periods() -> None:
    data = daily("2026-08-20", "2026-09-30")
    relation = duckdb.connect().from_arrow(pa.Table.from_pandas(data))
    periods = choose_periods(relation)
    assert periods == choose_periods(data)
    assert len(periods.after.keep(relation)) == 30
