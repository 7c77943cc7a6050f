"""How often each hour of the week occurs, and means per occurrence."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from genanalytics.metrics.catalog import resolve_one
from genanalytics.metrics.week import count_hours_of_week, summarize_week
from support.generations import frame_of

COST, SLOWEST = resolve_one("effective_cost"), resolve_one("ttft_ms_p50")
MON, SUN = 0, 6


def count(first: str, last: str, tz: str) -> np.ndarray:
    return count_hours_of_week(pd.Timestamp(first), pd.Timestamp(last), tz)


def test_the_first_and_the_last_hour_count_even_if_they_are_partial() -> None:
    """From Monday 10:59 to Monday 10:00, four weeks later: 4 x 168 hours and one more."""
    found = count("2026-09-07T10:59Z", "2026-10-05T10:00Z", "UTC")
    assert found[MON, 10] == 5
    assert found[MON, 9] == 4
    assert found[MON, 11] == 4
    assert found.sum() == 4 * 168 + 1


def test_one_moment_is_one_hour() -> None:
    found = count("2026-09-07T10:59Z", "2026-09-07T10:59Z", "Asia/Kolkata")
    assert np.argwhere(found).tolist() == [[MON, 16]]  # 16:29 there
    assert found.sum() == 1


def test_an_hour_that_clocks_skip_does_not_occur() -> None:
    """In Berlin, 2:00 to 3:00 is skipped on Sunday, 2026-03-29; two whole weeks have one Sunday with that hour."""
    found = count("2026-03-15T23:00Z", "2026-03-29T21:59Z", "Europe/Berlin")
    assert found[SUN, 1:4].tolist() == [2, 1, 2]
    assert found.sum() == 2 * 168 - 1


def test_an_hour_that_clocks_repeat_occurs_twice() -> None:
    """In Berlin, 2:00 to 3:00 is repeated on Sunday, 2026-10-25."""
    found = count("2026-10-11T22:00Z", "2026-10-25T22:59Z", "Europe/Berlin")
    assert found[SUN, 1:4].tolist() == [2, 3, 2]
    assert found.sum() == 2 * 168 + 1


def test_half_an_hour_that_clocks_repeat_is_half_an_occurrence() -> None:
    """On Lord Howe, clocks go back from 2:00 to 1:30 on Sunday, 2026-04-05."""
    found = count("2026-04-04T13:00Z", "2026-04-05T13:29Z", "Australia/Lord_Howe")
    assert found[SUN, :4].tolist() == [1, 1.5, 1, 1]


@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001 - in UTC
    st.integers(0, 24 * 20),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]),
)
def test_occurrences_are_what_a_clock_shows(moment: datetime, hours: int, tz: str) -> None:
    """A clock that is read every quarter of an hour from the first full hour to the end of the last one."""
    zone, first = ZoneInfo(tz), pd.Timestamp(moment, tz="UTC")
    last = first + timedelta(hours=hours)
    start = first - timedelta(
        minutes=(first.astimezone(zone)).minute, seconds=first.second, microseconds=first.microsecond
    )
    seen = np.zeros((7, 24))
    for quarter in range(4 * (hours + 1)):
        shown = (start + timedelta(minutes=15 * quarter)).astimezone(zone)
        seen[shown.weekday(), shown.hour] += 0.25
    np.testing.assert_array_equal(count_hours_of_week(first, last, tz), seen)


def cost_at(*moments: str, **fields: object) -> list[dict[str, object]]:
    return [{"created_at": moment, "total_cost": 3.0, **fields} for moment in moments]


def test_a_sum_is_a_mean_per_occurrence() -> None:
    """Monday 10:00 occurs three times and has 3 + 3 US$; Monday 11:00 occurs twice, without any generation."""
    week = summarize_week(frame_of(*cost_at("2026-09-07T10:10:00Z", "2026-09-21T10:20:00Z")), COST)
    assert week.is_mean
    assert week.cells[MON, [9, 10, 11]].tolist() == [0, 2.0, 0]
    assert week.days[MON] == pytest.approx(6 / (14 + 24 + 11))
    assert week.hours[10] == pytest.approx(6 / 15)
    assert float((week.cells * week.occurrences).sum()) == pytest.approx(6)


def test_hours_that_never_occur_are_gaps() -> None:
    week = summarize_week(frame_of(*cost_at("2026-09-07T10:10:00Z", "2026-09-07T12:10:00Z")), COST)
    assert np.argwhere(np.isfinite(week.cells)).tolist() == [[MON, 10], [MON, 11], [MON, 12]]
    assert np.flatnonzero(np.isfinite(week.days)).tolist() == [MON]


def test_an_unknown_cost_is_a_gap_and_not_nothing() -> None:
    frame = frame_of(*cost_at("2026-09-07T10:10:00Z"), *cost_at("2026-09-07T11:10:00Z", total_cost=None))
    assert np.isnan(summarize_week(frame, COST).cells[MON, 11])


def test_other_statistics_are_those_of_all_generations_of_the_hour() -> None:
    moments = ("2026-09-07T10:10:00Z", "2026-09-14T10:10:00Z", "2026-09-21T10:10:00Z")
    rows = [cost_at(moment, latency=latency)[0] for moment, latency in zip(moments, (100, 700, 200), strict=True)]
    week = summarize_week(frame_of(*rows), SLOWEST)
    assert not week.is_mean
    assert week.cells[MON, 10] == 200
    assert np.isfinite(week.cells).sum() == 1


def test_generations_without_a_date_are_counted_and_left_out() -> None:
    week = summarize_week(frame_of(*cost_at("2026-09-07T10:10:00Z"), {"created_at": None}), COST)
    assert week.undated == 1
    assert np.nansum(week.cells) == 3.0
