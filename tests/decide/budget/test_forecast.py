"""What a period will cost."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from genanalytics import Forecast, InputError, MissingColumnError, forecast
from genanalytics.decide.budget.paths import look_ahead
from genanalytics.records.coverage import Coverage
from genanalytics.sandbox import sample
from support.generations import CHARGED, frame_of, parse_records
from support.spending import draw_costs, make_spending

FIRST = date(2026, 6, 1)
STEADY = draw_costs("independent days, weekday pattern", 78, np.random.default_rng(1), first=FIRST)
"""From 1 June to 17 August."""


def plain(found: Forecast) -> dict[str, Any]:
    return {name: value for name, value in found.to_json().items() if name not in {"coverage", "is_lower_bound"}}


def test_known_and_expected_costs_add_up_as_plain_python_says() -> None:
    found = forecast(make_spending(STEADY))
    so_far = sum(STEADY[61:])
    assert (found.first, found.last, found.known_until) == (date(2026, 8, 1), date(2026, 8, 31), date(2026, 8, 17))
    assert found.so_far == pytest.approx(so_far)
    weeks = [STEADY[start : start + 7] for start in range(1, 78, 7)]
    weights = [0.5 ** ((len(weeks) - 1 - place) / 3) for place in range(len(weeks))]
    level = sum(weight * sum(week) for weight, week in zip(weights, weeks, strict=True)) / sum(weights) / 7
    ahead = found.days[found.days["expected"].notna()]
    assert [day.day for day in ahead["day"]] == list(range(18, 32))
    assert ahead["expected"].sum() == pytest.approx(2 * 7 * level)  # two whole weeks
    assert found.expected == pytest.approx(so_far + 14 * level)
    assert (found.weeks, found.weeks_from, found.break_on) == (11, date(2026, 6, 2), None)
    assert found.low_95 < found.low_80 < found.expected < found.high_80 < found.high_95  # type: ignore[operator]


def test_the_days_show_the_past_the_sum_of_the_period_and_its_bands() -> None:
    found = forecast(make_spending(STEADY))
    days = found.days.set_index(found.days["day"].dt.date)
    assert days["cost"].notna().sum() == 78
    assert days["cumulative"].first_valid_index() == date(2026, 8, 1)
    assert days["cumulative"][date(2026, 8, 17)] == pytest.approx(found.so_far)
    last = days.iloc[-1]
    assert [last[name] for name in ("cumulative", "low_80", "high_80", "low_95", "high_95")] == pytest.approx(
        [found.expected, found.low_80, found.high_80, found.low_95, found.high_95]
    )
    assert days["low_80"].isna().sum() == 78
    assert set(found.days.attrs["units"]) == set(found.days.columns[1:])


def test_the_open_day_is_known_in_part() -> None:
    frame = make_spending(STEADY, fetched="2026-08-17T12:00")
    frame = frame[frame["created_at"] < "2026-08-17T12:00Z"]
    found = forecast(frame)
    assert found.known_until == date(2026, 8, 16)
    assert found.so_far == pytest.approx(sum(STEADY[61:77]) + STEADY[77] / 2)
    today = found.days[found.days["day"].dt.date == date(2026, 8, 17)].iloc[0]
    assert today["cost"] == pytest.approx(STEADY[77] / 2)
    whole = forecast(frame[frame["created_at"] < "2026-08-17"]).days["expected"].dropna().iloc[0]
    assert today["expected"] == pytest.approx(STEADY[77] / 2 + whole / 2)
    assert "2026-08-17 is known up to 12:00: the rest of the day is forecast" in found.notices


def test_the_open_day_may_be_the_first_of_the_period_or_before_it() -> None:
    frame = make_spending(STEADY[:62], fetched="2026-08-01T12:00")
    frame = frame[frame["created_at"] < "2026-08-01T12:00Z"]
    known = STEADY[61] / 2
    assert forecast(frame).so_far == pytest.approx(known)
    assert forecast(frame, since="2026-08-02").so_far == 0
    both, later = forecast(frame).expected or 0, forecast(frame, since="2026-08-02").expected
    today = forecast(frame).days["expected"].dropna().iloc[0]
    assert later == pytest.approx(both - today)


def test_days_of_the_period_before_the_first_record_are_unknown() -> None:
    frame = make_spending(STEADY[:24], first="2026-08-05")
    found = forecast(frame)
    assert "The first record is of 2026-08-05: what 2026-08-01 to 2026-08-04 cost is not included" in found.notices
    assert found.so_far == pytest.approx(sum(STEADY[:24]))


def test_another_period_and_another_begin_of_it() -> None:
    frame = make_spending(STEADY)
    week = forecast(frame, until="week")
    assert (week.first, week.last) == (date(2026, 8, 17), date(2026, 8, 23))
    assert week.so_far == pytest.approx(STEADY[77])
    summer = forecast(frame, until="2026-08-31", since="2026-06-01")
    month = forecast(frame)
    assert summer.expected == pytest.approx((month.expected or 0) + sum(STEADY[:61]))
    later = forecast(frame, until=date(2026, 9, 30), since="2026-09-01")
    both = forecast(frame, until="2026-09-30")
    assert later.so_far == 0
    assert later.expected + month.expected == pytest.approx(both.expected)  # type: ignore[operator]
    assert any(
        "44 days are forecast" in notice
        for notice in forecast(frame[frame["created_at"] > "2026-07-20"], until="2026-09-30").notices
    )


def test_the_chance_to_exceed_a_budget_falls_with_the_budget() -> None:
    frame = make_spending(STEADY)
    middle = forecast(frame).expected or 0
    chances = [forecast(frame, budget=middle * part).chance_to_exceed or 0 for part in (0.7, 0.97, 1, 1.03, 1.5)]
    assert chances == sorted(chances, reverse=True)
    assert 0.99 < chances[0] < 1
    assert 0.4 < chances[2] < 0.6
    assert 0 < chances[4] < 0.01


def test_the_day_on_which_the_budget_is_used_up() -> None:
    frame = make_spending(STEADY)
    found = forecast(frame)
    sums = found.days.set_index(found.days["day"].dt.date)["cumulative"]
    soon = forecast(frame, budget=float(sums[date(2026, 8, 25)]) - 1)
    assert soon.used_up == date(2026, 8, 25)
    assert soon.used_up_low <= soon.used_up <= soon.used_up_high  # type: ignore[operator]
    edge = forecast(frame, budget=found.expected)
    assert edge.used_up_low is not None
    assert edge.used_up_high is None
    assert forecast(frame, budget=10_000).used_up_low is None
    over = forecast(frame, budget=float(sums[date(2026, 8, 5)]))
    assert (over.chance_to_exceed, over.used_up, over.used_up_high) == (1.0, date(2026, 8, 5), date(2026, 8, 5))


@pytest.mark.parametrize("days", [1, 14, 20])
def test_fewer_than_21_complete_days_carry_no_forecast(days: int) -> None:
    found = forecast(make_spending(STEADY[:days]), budget=1e6)
    assert found.refusal == (
        f"{days} of 21 complete days since 2026-06-01; with records of every day, one is possible from 2026-06-22 on"
    )
    figures = (found.expected, found.low_80, found.high_95, found.chance_to_exceed, found.used_up_low)
    assert figures == (None,) * 5
    assert found.weeks == 0
    assert found.days["expected"].isna().all()
    assert found.so_far == pytest.approx(sum(STEADY[:days]))
    assert forecast(make_spending(STEADY[:21])).refusal == ""


def test_a_budget_that_is_used_up_needs_no_forecast() -> None:
    found = forecast(make_spending(STEADY[:10]), budget=5)
    assert (found.chance_to_exceed, found.expected) == (1.0, None)
    assert "the budget of $5.00 was used up on 2026-06-0" in found.answer


def test_only_what_came_after_a_break_counts() -> None:
    costs = STEADY.copy()
    costs[40:] *= 5
    found = forecast(make_spending(costs))
    assert found.break_on is not None
    assert abs((found.break_on - (FIRST + timedelta(days=40))).days) <= 1
    assert found.weeks == 5
    assert found.notices[0].startswith(f"The level of the daily cost broke on {found.break_on}")
    rest = (found.expected or 0) - (found.so_far or 0)
    usual = forecast(make_spending(STEADY))
    assert rest == pytest.approx(5 * ((usual.expected or 0) - (usual.so_far or 0)), rel=0.15)


def test_a_break_that_left_less_than_three_weeks_is_a_reason_to_refuse() -> None:
    costs = STEADY.copy()
    costs[64:] *= 8
    found = forecast(make_spending(costs))
    assert found.refusal.startswith("the level of the daily cost broke on 2026-08-0")
    assert " of 21 complete days since 2026-08-0" in found.refusal
    assert found.expected is None


def test_nothing_spent_and_nothing_known_carry_no_forecast() -> None:
    days = [{"created_at": f"2026-06-{day:02}T12:00:00Z"} for day in range(1, 29)]
    free = forecast(frame_of(*(day | {"total_cost": 0.0} for day in days)))
    assert free.refusal == "nothing was spent since 2026-06-01, so there is no level to forecast from"
    unknown = forecast(frame_of(*(day | {"total_cost": None} for day in days)))
    assert unknown.refusal.startswith("no cost is known for 28 of 28 days since 2026-06-01")
    assert "The cost of 28 requests is unknown, wholly or in part, and not included" in unknown.notices


def test_records_of_an_activity_export_after_the_last_fetch_count_once() -> None:
    frame = make_spending(STEADY, fetched="2026-08-10T00:00")
    frame.loc[frame["created_at"] >= "2026-08-10", "fetched_at"] = pd.NaT
    found, other = forecast(frame, budget=500), forecast(frame.drop(columns="fetched_at"), budget=500)
    assert found.so_far == pytest.approx(sum(STEADY[61:]))
    assert (found.known_until, found.expected) == (date(2026, 8, 16), other.expected)
    assert found.notices == other.notices == ("2026-08-17 is known up to 18:00: the rest of the day is forecast",)


def test_a_record_of_the_far_future_changes_nothing_but_a_notice() -> None:
    frame = make_spending(STEADY, fetched="2026-08-18T00:00")
    late = frame.tail(1).assign(created_at=pd.Timestamp("2030-01-01", tz="UTC"))
    found, usual = forecast(pd.concat([frame, late])), forecast(frame)
    assert (found.so_far, found.expected, found.last) == (usual.so_far, usual.expected, usual.last)
    notice = "1 record more than a day after the last fetch, 2026-08-18, left out: check created_at and fetched_at"
    assert found.notices == (*usual.notices, notice)
    alone = forecast(late)
    assert alone.refusal.startswith("no record has a time (created_at) up to a day after the last fetch (fetched_at)")
    assert alone.notices == (notice,)


@pytest.mark.parametrize("refund", [-5_000.0, None])
def test_refunds_that_leave_no_level_are_the_reason(refund: float | None) -> None:
    costs = STEADY[:28].copy() if refund else -STEADY[:28]
    costs[24] = refund or costs[24]
    found = forecast(make_spending(costs))
    assert found.refusal == (
        "refunds make the level of the cost since 2026-06-01 negative or 0, so there is none to forecast from"
    )
    assert found.expected is None


def test_one_day_that_makes_the_answer_is_named() -> None:
    costs = STEADY.copy()
    costs[70] = 1e6
    notice = "1 day, 2026-08-10, is 99 % of the cost that the forecast rests on"
    assert notice in forecast(make_spending(costs)).notices
    assert not any("rests on" in sentence for sentence in forecast(make_spending(STEADY)).notices)


def test_no_record_or_none_with_a_time_is_no_error() -> None:
    frame = make_spending(STEADY)
    for one in (frame[:0], frame[:2].assign(created_at=frame["created_at"].iloc[:0])):
        found = forecast(one, budget=5)
        assert found.refusal.startswith("no record has a time (created_at)")
        assert found.days.empty
        assert found.backtest.empty
        assert found.first is None
        assert "No forecast" in str(found)
        assert found.to_json()["days"] == []


def test_unknown_costs_are_counted_and_records_without_a_time_too() -> None:
    frame = make_spending(STEADY)
    frame.loc[[4, 9, 200], "total_cost"] = None
    frame.loc[20, "created_at"] = pd.NaT
    found = forecast(frame)
    assert "The cost of 3 requests is unknown, wholly or in part, and not included" in found.notices
    assert "1 record without created_at left out" in found.notices


def test_partial_data_give_a_lower_bound() -> None:
    frame = make_spending(STEADY)
    frame.attrs["coverage"] = Coverage.of(["gen-missing"], found=len(frame)).to_json()
    found = forecast(frame, budget=10_000)
    assert found.answer.startswith("August 2026 will cost ≥ $")
    assert "chance to exceed $10,000: at least under 1 %" not in found.answer
    assert "(1 of 235 missing), so totals are lower bounds" in str(found)
    assert found.to_json()["is_lower_bound"] is True
    assert "cumulative" in found.days.attrs["lower_bounds"]


def test_an_engine_and_another_package_say_the_same() -> None:
    frame = make_spending(STEADY, fetched="2026-08-17T15:00")
    here = forecast(frame, budget=600, tz="America/New_York")
    relation = forecast(duckdb.connect().from_df(frame), budget=600, tz="America/New_York")
    for name, value in plain(here).items():
        if isinstance(value, float):
            assert plain(relation)[name] == pytest.approx(value), name
        elif name not in {"days", "backtest"}:
            assert plain(relation)[name] == value, name
    pd.testing.assert_frame_equal(relation.days, here.days)
    pd.testing.assert_frame_equal(relation.backtest, here.backtest)


@settings(max_examples=5)
@given(seed=st.integers(0, 1_000))
def test_the_order_of_rows_does_not_matter_and_inputs_stay(seed: int) -> None:
    frame = make_spending(STEADY[:40])
    shuffled = frame.sample(frac=1, random_state=seed)
    before = shuffled.copy()
    found, other = forecast(frame, budget=500), forecast(shuffled, budget=500)
    pd.testing.assert_frame_equal(shuffled, before)
    pd.testing.assert_frame_equal(found.days, other.days)
    assert other.chance_to_exceed == pytest.approx(found.chance_to_exceed)


@settings(max_examples=15)
@given(records=CHARGED)
def test_any_few_records_get_a_clear_answer(records: list[dict[str, Any]]) -> None:
    found = forecast(frame_of(*records), budget=1)
    assert found.refusal
    assert found.expected is None
    assert "No forecast" in repr(found)
    assert found._repr_html_()


@pytest.mark.parametrize("budget", [0, -5, float("nan"), float("inf"), "much", True, np.True_])
def test_a_budget_is_a_positive_amount(budget: Any) -> None:  # noqa: ANN401
    with pytest.raises(InputError, match=r"budget=.* cannot be used: give an amount in US\$ above 0"):
        forecast(make_spending(STEADY), budget=budget)


def test_wrong_days_and_missing_columns_are_refused_even_without_records() -> None:
    frame = make_spending(STEADY)
    with pytest.raises(InputError, match="until='year' cannot be used"):
        forecast(frame[:0], until="year")
    with pytest.raises(InputError, match="since='x' cannot be used"):
        forecast(frame[:0], since="x")
    with pytest.raises(MissingColumnError, match="total_cost"):
        forecast(frame.drop(columns="total_cost"))


def test_the_rest_of_the_sandboxs_month_is_within_the_band_of_95_percent() -> None:
    month = sample(6_000, seed=3)
    frame = parse_records(month.records)
    first = frame["created_at"].min().normalize()
    known = frame[frame["created_at"] < first + pd.Timedelta(days=23)]
    found = forecast(known, until=(first + pd.Timedelta(days=29)).date(), since=first.date())
    days: dict[date, float] = defaultdict(float)
    records: list[dict[str, Any]] = list(month.records.values())
    for record in records:
        paid = (record["total_cost"] or 0) + ((record["upstream_inference_cost"] or 0) if record["is_byok"] else 0)
        days[date.fromisoformat(record["created_at"][:10])] += paid
    assert found.so_far == pytest.approx(sum(cost for day, cost in days.items() if day < first.date() + timedelta(23)))
    assert found.low_95 <= sum(days.values()) <= found.high_95  # type: ignore[operator]


def test_stated_chances_are_as_frequent_as_they_say() -> None:
    rng = np.random.default_rng(8)
    stated, exceeded = [], []
    for _ in range(200):
        costs = draw_costs("heavy-tailed sessions", 47, rng, first=FIRST)
        ahead = look_ahead(costs[:35], 0, 12, draws=1_000)
        assert ahead is not None
        budget = 60 * 12 * rng.uniform(0.8, 1.2)
        stated.append((ahead.sums[:, -1] > budget).mean())
        exceeded.append(sum(costs[35:]) > budget)
    middle = (np.array(stated) > 0.2) & (np.array(stated) < 0.6)
    assert np.mean(stated) == pytest.approx(np.mean(exceeded), abs=0.08)
    assert np.mean(np.array(exceeded)[middle]) == pytest.approx(np.array(stated)[middle].mean(), abs=0.2)
