"""The cost of each day, and which days are complete."""

from datetime import date

import duckdb
import numpy as np
import pandas as pd
import pytest

from genanalytics import InputError, MissingColumnError
from genanalytics.decide.budget.daily import fill_gaps, list_days, read_days
from genanalytics.metrics.grouping.calendar import find_zone
from support.generations import frame_of, on
from support.spending import make_spending


def test_days_without_a_record_inside_cost_nothing_and_others_are_no_days() -> None:
    frame = frame_of(on("2026-03-01", total_cost=2.0), on("2026-03-04", total_cost=3.0), on("2026-03-04"))
    found = read_days(frame, "effective_cost", "UTC")
    assert (found.first, found.next) == (date(2026, 3, 1), date(2026, 3, 5))
    assert found.costs.tolist() == [2, 0, 0, 4]
    assert found.open_cost is None
    assert found.find_weekdays().tolist() == [6, 0, 1, 2]


def test_the_day_of_the_last_fetch_is_open() -> None:
    frame = frame_of(on("2026-03-01"), on("2026-03-02"), on("2026-03-03", total_cost=0.5), fetched="2026-03-03T18:00")
    found = read_days(frame, "effective_cost", "UTC")
    assert found.costs.tolist() == [1, 1]
    assert (found.next, found.open_cost, found.rest) == (date(2026, 3, 3), 0.5, 0.25)


def test_without_a_time_of_fetching_the_last_day_is_open_after_its_last_record() -> None:
    frame = frame_of(on("2026-03-01"), on("2026-03-02")).assign(
        fetched_at=pd.Series(pd.NaT, index=[0, 1], dtype="datetime64[us, UTC]")
    )
    for one in (frame, frame.drop(columns="fetched_at")):
        found = read_days(one, "effective_cost", "UTC")
        assert (found.costs.tolist(), found.open_cost, found.rest, found.fetched) == ([1], 1.0, 0.5, None)


def test_records_after_the_last_fetch_make_the_last_of_them_decide_on_any_engine() -> None:
    frame = frame_of(*(on(f"2026-03-0{day}") for day in range(1, 6)), fetched="2026-03-03T00:00")
    frame.loc[2:, "fetched_at"] = pd.NaT  # as of an activity export
    for one in (frame, duckdb.connect().from_df(frame)):
        found = read_days(one, "effective_cost", "UTC")
        assert (found.costs.tolist(), found.open_cost, found.rest) == ([1] * 4, 1.0, 0.5)
        assert found.open_from == pd.Timestamp("2026-03-05T12:00Z")
        assert (found.fetched, found.stray) == (date(2026, 3, 3), 0)


def test_fetched_records_long_after_the_last_fetch_are_left_out_and_counted() -> None:
    days = [on("2026-03-01"), on("2026-03-02"), on("2026-03-03", total_cost=0.25), on("2030-01-01", total_cost=None)]
    frame = frame_of(*days, fetched="2026-03-03T00:00")
    for one in (frame, duckdb.connect().from_df(frame)):
        found = read_days(one, "effective_cost", "UTC")
        assert (found.costs.tolist(), found.open_cost, found.rest) == ([1, 1], 0.25, 0.5)
        assert (found.stray, found.unknown) == (1, 0)
    nothing = read_days(frame[3:], "effective_cost", "UTC")
    assert (nothing.first, nothing.stray) == (None, 1)


def test_the_days_are_those_of_the_time_zone_even_if_clocks_change() -> None:
    frame = frame_of(*({"created_at": f"2026-03-{day}T23:30:00Z"} for day in (27, 28, 29)), fetched="2026-03-29T21:00")
    found = read_days(frame[:2], "effective_cost", "Europe/Berlin")
    assert found.first == date(2026, 3, 28)
    assert found.open_cost == 1
    assert found.rest == pytest.approx(1 / 23)
    assert list_days(date(2026, 3, 29), date(2026, 3, 30), find_zone("Europe/Berlin"))[1].isoformat()[-6:] == "+02:00"


def test_unknown_costs_are_no_zeros_and_are_counted() -> None:
    frame = frame_of(on("2026-03-01"), on("2026-03-02", total_cost=None), on("2026-03-03"), {"created_at": None})
    found = read_days(frame, "effective_cost", "UTC")
    assert np.isnan(found.costs).tolist() == [False, True, False]
    assert (found.unknown, found.undated) == (1, 1)


def test_both_payments_count_unless_one_is_chosen() -> None:
    frame = frame_of(on("2026-03-01", total_cost=0.25, is_byok=True, upstream_inference_cost=4.0))
    for cost, amount in (("effective_cost", 4.25), ("billed_cost", 0.25), ("byok_cost", 4.0)):
        assert read_days(frame, cost, "UTC").costs.tolist() == [amount]
    with pytest.raises(InputError, match="cost='billed' cannot be forecast; did you mean 'billed_cost'"):
        read_days(frame, "billed", "UTC")


def test_no_records_are_no_days_and_a_missing_column_is_named() -> None:
    frame = make_spending([1.0] * 3)
    found = read_days(frame[:0], "effective_cost", "UTC")
    assert found.first is None
    assert len(found.costs) == len(found.find_weekdays()) == 0
    with pytest.raises(MissingColumnError, match="total_cost"):
        read_days(frame.drop(columns="total_cost"), "effective_cost", "UTC")


def test_an_engine_finds_the_same_days() -> None:
    frame = make_spending(list(range(1, 30)), fetched="2026-06-29T15:00")
    here, there = (read_days(data, "effective_cost", "Asia/Tokyo") for data in (frame, duckdb.connect().from_df(frame)))
    assert there.costs.tolist() == pytest.approx(here.costs.tolist())
    assert (there.first, there.next, there.rest) == (here.first, here.next, here.rest)
    assert there.open_cost == pytest.approx(here.open_cost)


def test_a_gap_is_filled_from_its_weekday() -> None:
    costs = np.array([1.0] * 7 + [np.nan] + [2.0] * 6 + [5.0] + [3.0] * 6)
    assert fill_gaps(costs)[7] == 3.0  # the mean of 1 and 5
    assert fill_gaps(np.array([2.0, np.nan, 4.0])).tolist() == [2, 3, 4]
