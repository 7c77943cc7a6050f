from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from genanalytics.base.moments import find_start, step
from genanalytics.errors import InputError
from genanalytics.metrics.grouping.calendar import find_zone
from genanalytics.metrics.where.rows import filter_rows
from genanalytics.metrics.where.time_range import UNITS, find_time_range

NOW = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)  # a Wednesday
ZONES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Apia", "America/Havana")


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, "all time"),
        ({"since": "7d"}, "since 2026-11-18 12:30"),
        ({"since": "2026-11-01"}, "since 2026-11-01"),
        ({"until": "yesterday"}, "up to 2026-11-23"),
        ({"since": "2026-11-01", "until": "today"}, "2026-11-01 to 2026-11-24"),
        ({"since": datetime(2026, 11, 1), "until": datetime(2026, 11, 2, tzinfo=UTC)}, "2026-11-01"),  # noqa: DTZ001
        ({"last": "day"}, "2026-11-24"),
        ({"last": "week"}, "2026-11-16 to 2026-11-22"),
        ({"last": "month"}, "2026-10-01 to 2026-10-31"),
        ({"last": "12h"}, "2026-11-25 00:30 to 2026-11-25 12:30"),
        ({"period": "week"}, "2026-11-23 00:00 to 2026-11-25 12:30"),
    ],
)
def test_a_range_is_chosen_as_people_say_it(options: dict[str, str], shown: str) -> None:
    assert str(find_time_range(**options, now=NOW)) == shown


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"last": "week"}, "2026-11-09 to 2026-11-15"),
        ({"last": "month"}, "2026-09-01 to 2026-09-30"),
        ({"period": "month"}, "2026-10-01 00:00 to 2026-10-25 12:30"),
        ({"last": "2d"}, "2026-11-21 12:30 to 2026-11-23 12:30"),
        ({"since": "2026-11-20", "until": "2026-11-22"}, "2026-11-18 to 2026-11-19"),
    ],
)
def test_the_range_before_is_one_of_the_calendar_or_as_long(options: dict[str, str], shown: str) -> None:
    assert str(find_time_range(**options, now=NOW).find_previous()) == shown


def test_a_long_month_so_far_is_compared_with_the_whole_of_a_short_one() -> None:
    before = find_time_range(period="month", now=datetime(2026, 3, 31, 12, tzinfo=UTC)).find_previous()
    assert str(before) == "2026-02-01 to 2026-02-28"


def test_days_with_a_change_of_the_clocks_are_compared_with_whole_days() -> None:
    short = find_time_range(since="2026-03-29", until="2026-03-30", tz="Europe/Berlin").find_previous()
    assert str(short) == "2026-03-28"
    so_far = find_time_range(period="week", tz="Europe/Berlin", now=datetime(2026, 3, 29, 12, tzinfo=UTC))
    assert str(so_far.find_previous()) == "2026-03-16 00:00 to 2026-03-22 14:00"


def test_the_first_day_of_the_calendar_has_no_range_before() -> None:
    with pytest.raises(InputError, match="there is no period before 1-01-01: give a later start"):
        find_time_range(since="0001-01-01", until="0001-01-02").find_previous()


def test_rows_within_the_range_are_kept() -> None:
    frame = pd.DataFrame({"created_at": pd.date_range("2026-11-14", "2026-11-25", freq="D", tz="UTC")})
    kept = find_time_range(last="week", tz="America/New_York", now=NOW).keep(frame)
    assert kept["created_at"].dt.day.tolist() == [17, 18, 19, 20, 21, 22, 23]
    assert find_time_range(now=NOW).keep(frame) is frame


def test_rows_with_clocks_of_any_zone_are_kept_and_texts_are_no_times() -> None:
    frame = pd.DataFrame({"created_at": pd.date_range("2026-11-14", "2026-11-25", freq="D", tz="Asia/Tokyo")})
    polars = pytest.importorskip("polars", reason="polars is an extra")
    for data in (frame, polars.from_pandas(frame)):
        kept = find_time_range(since="2026-11-24", now=NOW).keep(data)
        assert len(kept) == len(filter_rows(data, ["day>=2026-11-24"])) == 1
    texts = frame.astype({"created_at": "str"})
    with pytest.raises(InputError, match=r"'created_at' contains no times but String: convert it"):
        find_time_range(last="week", now=NOW).keep(texts)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"since": "soon"}, "since='soon' is not a moment: give a date or time"),
        ({"since": "2026-11-02", "until": "2026-11-01"}, "since=2026-11-02 is not before until=2026-11-01: exchange"),
        ({"last": "weeks"}, r"last='weeks'; did you mean 'week'\? give day, week, month or an age such as 7d or 12h"),
        ({"period": "7d"}, "period='7d'; give day, week or month"),
        ({"last": "week", "since": "7d"}, "last= and since= are ways to choose one period: give only one of them"),
        ({"last": "999999999w"}, "last='999999999w'"),
    ],
)
def test_a_range_that_cannot_be_read_is_refused_with_the_next_step(options: dict[str, str], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        find_time_range(**options, now=NOW)


def test_without_a_start_or_an_end_there_is_no_range_before() -> None:
    with pytest.raises(InputError, match="needs a period: give last='week', or since= and until="):
        find_time_range(since="2026-11-01", now=NOW).find_previous()


@given(
    st.datetimes(datetime(2005, 1, 1), datetime(2055, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(UNITS),
    st.sampled_from(ZONES),
)
def test_units_of_the_calendar_follow_each_other_without_gaps(moment: datetime, unit: str, zone: str) -> None:
    tz = find_zone(zone)
    start = find_start(moment, unit, tz)  # type: ignore[arg-type]
    after = step(start, unit, 1, tz)  # type: ignore[arg-type]
    assert start <= moment < after
    assert find_start(after, unit, tz) == after  # type: ignore[arg-type]
    assert find_start(after - timedelta(seconds=1), unit, tz) == start  # type: ignore[arg-type]
    assert step(after, unit, -1, tz) == start  # type: ignore[arg-type]


def test_full_months_are_compared_with_as_many_months_before() -> None:
    month = find_time_range(since="2026-09-01", until="2026-10-01", tz="Europe/Berlin")
    assert str(month.find_previous()) == "2026-08-01 to 2026-08-31"
    quarter = find_time_range(since="2026-07-01", until="2026-10-01")
    assert str(quarter.find_previous()) == "2026-04-01 to 2026-06-30"
    assert str(find_time_range(since="2026-09-02", until="2026-10-02").find_previous()) == "2026-08-03 to 2026-09-01"
