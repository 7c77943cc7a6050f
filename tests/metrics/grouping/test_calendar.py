"""Periods and parts of the local calendar, against the standard library; the same ones on every engine."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings, strategies as st

from genanalytics.errors import InputError
from genanalytics.metrics import COST, summarize
from genanalytics.metrics.grouping.calendar import PERIODS, Period, find_zone
from genanalytics.records.frame import to_frame
from genanalytics.records.schema import ARROW_SCHEMA
from genanalytics.tables.cells import name_groups
from support.engines import assert_alike, relation_in

ZONES = [
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Europe/Berlin",
    "America/Havana",
    "Pacific/Chatham",
]
"""Quarters of an hour; a change by half an hour; one within Ramadan; the common one; one that skips midnight; one at a
quarter to an hour."""
ON_SPARK = ["Asia/Kathmandu", "Africa/Casablanca", "Pacific/Chatham"]
"""Spark takes half a minute for a year."""
QUARTERS = [datetime(2025, 12, 30, tzinfo=UTC) + timedelta(minutes=15 * place) for place in range(370 * 96)]
GRID = pa.table({"created_at": pa.array(QUARTERS, ARROW_SCHEMA.field("created_at").type)})


def identify_period(moment: datetime, every: Period) -> tuple[object, ...]:
    """Return what distinguishes the period of a local moment from all others."""
    match every:
        case "hour":
            return moment.date(), moment.hour, moment.utcoffset()
        case "day":
            return (moment.date(),)
        case "week":
            return moment.isocalendar()[:2]
    return moment.year, moment.month


def expected_starts(zone: str, every: Period) -> dict[datetime, int]:
    """Return the starts of whole periods and the number of quarters in each, by the standard library alone."""
    inside: dict[tuple[object, ...], list[datetime]] = defaultdict(list)
    for quarter in QUARTERS:
        inside[identify_period(quarter.astimezone(ZoneInfo(zone)), every)].append(quarter)
    return {
        min(quarters): len(quarters) for quarters in list(inside.values())[1:-1]
    }  # the grid cuts the first and last


def expected_parts(zone: str) -> dict[tuple[int, int], int]:
    parts: dict[tuple[int, int], int] = defaultdict(int)
    for quarter in QUARTERS:
        local = quarter.astimezone(ZoneInfo(zone))
        parts[local.hour, local.isoweekday()] += 1
    return dict(parts)


YEARS: dict[str, Callable[[str, pytest.FixtureRequest], Any]] = {
    "in memory": lambda *_: GRID,
    "DuckDB": lambda path, _: relation_in("America/St_Johns", path),
    "Spark": lambda path, request: request.getfixturevalue("spark").read.parquet(path),
}


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("grid") / "grid.parquet"
    pq.write_table(GRID, path)
    return str(path)


@pytest.mark.parametrize(
    ("engine", "zone"),
    [
        *itertools.product(["in memory", "DuckDB"], ZONES),
        *(pytest.param("Spark", zone, marks=pytest.mark.long) for zone in ON_SPARK),
    ],
)
def test_a_year_is_divided_by_the_local_calendar(
    engine: str, zone: str, grid: str, request: pytest.FixtureRequest
) -> None:
    data = YEARS[engine](grid, request)
    for every in PERIODS[1:]:
        found = summarize(data, every=every, tz=zone, metrics=[]).iloc[1:-1]
        assert dict(zip(found["time"].dt.tz_convert("UTC"), found["requests"], strict=True)) == expected_starts(
            zone, every
        ), every
        assert found["time"].dtype == f"datetime64[us, {zone}]"
    parts = summarize(data, by=["hour", "weekday"], tz=zone, metrics=[])
    assert {(hour, day): n for hour, day, n in parts.itertuples(index=False)} == expected_parts(zone)


def list_changes(zone: str) -> list[datetime]:
    """Return the changes of the clock from 2000 to 2040, to the minute, by the standard library alone."""
    days = [datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(40 * 365)]
    offsets = [day.astimezone(ZoneInfo(zone)).utcoffset() for day in days]
    changes = []
    for day, before, after in zip(days, offsets, offsets[1:], strict=False):
        if before != after:
            minutes = (day + timedelta(minutes=minute) for minute in range(1, 1441))
            changes.append(next(one for one in minutes if one.astimezone(ZoneInfo(zone)).utcoffset() != before))
    return changes


ODD_ZONES = ["Pacific/Chatham", "America/St_Johns", "Australia/Lord_Howe", "Antarctica/Troll", "America/Caracas"]
"""Changes at a quarter to an hour, at a minute past midnight, by half an hour, by two hours, for good."""
CHANGES = {zone: list_changes(zone) for zone in (*ODD_ZONES, *ZONES) if zone != "Asia/Kathmandu"}
AROUND = st.sampled_from(sorted(CHANGES)).flatmap(
    lambda zone: st.tuples(
        st.just(zone),
        st.sampled_from(CHANGES[zone]),
        st.lists(st.integers(-4 * 3600, 4 * 3600), min_size=1, max_size=12),
    )
)


@settings(max_examples=15)  # seconds each
@given(AROUND)
@example(("Pacific/Chatham", datetime(2026, 4, 4, 14, 0, tzinfo=UTC), [-1800, 60]))
@example(("America/St_Johns", datetime(2011, 11, 6, 2, 31, tzinfo=UTC), [-1, -30, 1, 3599]))
@example(("America/Havana", datetime(2000, 10, 29, 5, 0, tzinfo=UTC), [0, -1]))
def test_hours_around_a_change_of_the_clock_are_those_of_the_standard_library(
    case: tuple[str, datetime, list[int]],
) -> None:
    """Hours on the clock with different offsets are different; none is lost; each is where it begins."""
    zone, change, seconds = case
    moments = [change + timedelta(seconds=second) for second in seconds]
    table = pa.table({"created_at": pa.array(moments, GRID.schema.field("created_at").type)})
    found = summarize(table, every="hour", tz=zone, metrics=[])
    expected = Counter(identify_period(moment.astimezone(ZoneInfo(zone)), "hour") for moment in moments)
    local = [start.to_pydatetime() for start in found["time"]]
    assert {
        identify_period(start, "hour"): n for start, n in zip(local, found["requests"], strict=True) if n
    } == expected
    assert found["requests"].sum() == len(moments)
    assert found["time"].is_unique
    assert len(set(name_groups(found["time"]))) == len(local)
    ends = [*found["time"].iloc[1:], found["time"].iloc[-1] + pd.Timedelta(hours=1)]
    assert all(end - start <= pd.Timedelta(hours=1) for start, end in zip(found["time"], ends, strict=True))
    with duckdb.connect() as connection:
        assert_alike(summarize(connection.from_arrow(table), every="hour", tz=zone, metrics=[]), found)
    days = summarize(table, by="day", tz=zone, metrics=[])
    assert days["requests"].sum() == len(moments)
    assert days["day"].is_unique


@pytest.mark.long
@pytest.mark.parametrize("zone", sorted(CHANGES))
def test_hours_around_every_change_are_the_same_on_spark(zone: str, spark: Any) -> None:  # noqa: ANN401 - a session
    moments = [change + timedelta(minutes=minute) for change in CHANGES[zone][-4:] for minute in range(-120, 121, 7)]
    found = summarize(
        spark.createDataFrame([(moment,) for moment in moments], ["created_at"]), every="hour", tz=zone, metrics=[]
    )
    table = pa.table({"created_at": pa.array(moments, GRID.schema.field("created_at").type)})
    assert_alike(found, summarize(table, every="hour", tz=zone, metrics=[]))


def test_a_day_that_a_zone_skipped_is_no_period() -> None:
    """Samoa had no 30 December 2011."""
    moments = pd.to_datetime(["2011-12-29T12:00Z", "2011-12-31T12:00Z"])
    days = summarize(pd.DataFrame({"created_at": moments}), every="day", tz="Pacific/Apia", metrics=[])
    assert [f"{day:%m-%d}" for day in days["time"]] == ["12-29", "12-31", "01-01"]
    assert days["requests"].tolist() == [1, 0, 1]


@pytest.mark.parametrize("zone", ZONES)
def test_a_minute_is_sixty_seconds_in_any_zone(zone: str) -> None:
    moments = [QUARTERS[place] + timedelta(seconds=second) for place in range(0, 300, 97) for second in (0, 59.999999)]
    table = pa.table({"created_at": pa.array(moments, GRID.schema.field("created_at").type)})
    in_memory, in_duckdb = (
        summarize(data, every="minute", tz=zone, metrics=[]) for data in (table, duckdb.connect().from_arrow(table))
    )
    assert in_memory.loc[in_memory["requests"] > 0, "time"].tolist() == moments[::2]
    assert_alike(in_duckdb, in_memory)


def test_days_are_utc_days_unless_a_zone_is_given() -> None:
    rows = [
        {"created_at": datetime(2026, 3, 1, 23, 59, 59, 999_999, UTC), "total_cost": 1.0},
        {"created_at": datetime(2026, 3, 2, tzinfo=UTC), "total_cost": 2.0},
        {"created_at": None, "total_cost": 4.0},
    ]
    frame = to_frame(pa.Table.from_pylist(rows, schema=ARROW_SCHEMA))
    days = summarize(frame, by="day", metrics=COST)
    assert days["day"].tolist()[:2] == [pd.Timestamp("2026-03-01", tz="UTC"), pd.Timestamp("2026-03-02", tz="UTC")]
    assert pd.isna(days["day"].iloc[2])
    assert days["effective_cost"].tolist() == [1.0, 2.0, 4.0]
    there = summarize(frame, by="day", tz="Europe/Berlin", metrics=COST)
    assert there["day"].tolist()[:1] == [pd.Timestamp("2026-03-02", tz="Europe/Berlin")]
    assert there["effective_cost"].tolist() == [3.0, 4.0]


@pytest.mark.parametrize("every", PERIODS)
def test_periods_without_a_row_are_included(every: Period) -> None:
    moments = [pd.Timestamp("2026-03-02T10:00:30Z"), pd.Timestamp("2026-03-02T10:00:30Z") + 2 * LENGTHS[every]]
    found = summarize(pd.DataFrame({"created_at": moments}), every=every, metrics=[])
    assert found["requests"].tolist() == [1, 0, 1]
    assert found["time"].is_monotonic_increasing


LENGTHS: dict[Period, pd.Timedelta] = {
    "minute": pd.Timedelta(minutes=1),
    "hour": pd.Timedelta(hours=1),
    "day": pd.Timedelta(days=1),
    "week": pd.Timedelta(days=7),
    "month": pd.Timedelta(days=31),
}


@pytest.mark.parametrize("fetched", ["2026-03-02T10:30Z", None])
def test_a_period_is_open_if_the_last_fetch_was_before_its_end(fetched: str | None) -> None:
    moments = pd.to_datetime(["2026-03-01T10:00Z", "2026-03-02T10:00Z"])
    frame = pd.DataFrame({"created_at": moments, "fetched_at": pd.Series([fetched] * 2, dtype="datetime64[us, UTC]")})
    flags = summarize(frame, every="day", metrics=[])["open"]
    assert flags.tolist() == ([False, True] if fetched else [pd.NA, pd.NA])


def test_a_row_without_a_moment_is_in_no_period() -> None:
    frame = pd.DataFrame({"created_at": pd.Series(["2026-03-01T10:00Z", None], dtype="datetime64[us, UTC]")})
    found = summarize(frame, every="day", metrics=[])
    assert found["time"].isna().tolist() == [False, True]
    assert found["requests"].tolist() == [1, 1]


def test_no_row_of_a_time_with_another_offset_is_lost() -> None:
    """Nepal was 5:30 h ahead of UTC until 1986, and Berlin 0:53:28 h until 1893."""
    for zone, year in (("Asia/Kathmandu", 1985), ("Europe/Berlin", 1880)):
        moments = pd.to_datetime([f"{year}-06-01T10:20Z", f"{year}-06-01T13:50Z", f"{year}-06-01T13:55Z"])
        table = pa.table({"created_at": moments})
        for data in (table, duckdb.connect().from_arrow(table)):
            requests = summarize(data, every="hour", tz=zone, metrics=[])["requests"]
            assert requests[requests > 0].tolist() == [1, 2]


def test_too_many_periods_are_refused() -> None:
    frame = pd.DataFrame({"created_at": pd.to_datetime(["2000-01-01T00:00Z", "2026-01-01T00:00Z"])})
    with pytest.raises(
        InputError, match=r"every='minute' makes 13,675,681 periods of 1 group: use a longer period \(hour"
    ):
        summarize(frame, every="minute", metrics=[])


def test_an_unknown_zone_or_period_is_named_with_the_known_ones() -> None:
    assert find_zone("Europe/Berlin").key == "Europe/Berlin"
    with pytest.raises(InputError, match=r"no time zone 'Europe/Berlim'; did you mean 'Europe/Berlin'\? give an IANA"):
        find_zone("Europe/Berlim")
    every: Any = "decade"
    with pytest.raises(InputError, match="every='decade' is not a period: give minute, hour, day, week, month"):
        summarize(pd.DataFrame({"created_at": []}), every=every, metrics=[])
