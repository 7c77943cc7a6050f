"""Ways in which daily costs go on, and what the method would have said in the past."""

from datetime import date, timedelta

import numpy as np
import pytest

from genanalytics.decide.budget.daily import Daily, read_days
from genanalytics.decide.budget.paths import backtest, find_past, fit_past, list_spans, look_ahead
from support.spending import draw_costs, make_spending

FIRST = date(2026, 6, 1)
"""A Monday."""


def read(costs: "np.ndarray") -> Daily:
    return read_days(make_spending(costs), "effective_cost", "UTC")


@pytest.mark.parametrize("process", ["independent days, weekday pattern", "correlated days (AR 0.5)"])
def test_a_level_that_stays_is_rarely_taken_for_a_break(process: str) -> None:
    rng = np.random.default_rng(1)
    starts = [find_past(draw_costs(process, 60, rng, first=FIRST), np.arange(60) % 7).start for _ in range(200)]
    assert sum(start > 0 for start in starts) <= 10


def test_only_the_days_after_the_last_break_count() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        costs = draw_costs("independent days, weekday pattern", 84, rng, first=FIRST)
        costs[20:] *= 4
        costs[50:] /= 5
        assert abs(find_past(costs, np.arange(84) % 7).start - 50) <= 1


def test_less_than_three_weeks_after_a_break_are_too_few() -> None:
    costs = np.arange(41.0)
    assert look_ahead(costs, 21, 5) is None
    assert look_ahead(costs, 20, 5) is not None
    assert fit_past(np.zeros(30), 0) is None


def test_sums_can_begin_later() -> None:
    found = look_ahead(draw_costs("heavy-tailed sessions", 28, np.random.default_rng(3)), 0, 10)
    assert found is not None
    later = found.count_from(4)
    assert later.expected.tolist() == found.expected[4:].tolist()
    assert later.sums[:, -1] == pytest.approx(found.sums[:, -1] - found.sums[:, 3])
    assert found.count_from(0).sums.tolist() == found.sums.tolist()


def test_past_weeks_and_months_are_forecast_from_three_weeks_on() -> None:
    daily = read(np.ones(92))  # the next day is 1 September
    assert [span.begin for span in list_spans(daily, months=False)] == list(range(85, 20, -7))
    assert [span[1:] for span in list_spans(daily, months=True) if span.kind == "month"] == [(61, 92), (30, 61)]


def test_a_month_without_that_day_is_left_out() -> None:
    daily = read(np.ones(90))  # the next day is 30 August
    spans = [span[1:] for span in list_spans(daily, months=True) if span.kind == "month"]
    assert spans == [(59, 61), (29, 30)]
    february = Daily(date(2026, 1, 1), np.ones(89), None, 1.0, None, None, 0, 0, 0, daily.zone)  # next: 31 March
    assert [span for span in list_spans(february, months=True) if span.kind == "month"] == [("month", 30, 31)]


def test_a_past_forecast_knows_only_the_days_before_it() -> None:
    costs = draw_costs("another level each week", 56, np.random.default_rng(4), first=FIRST)
    changed = costs.copy()
    changed[49:] = 1_000
    found, other = (backtest(one, list_spans(one, months=False)) for one in (read(costs), read(changed)))
    names = ["first", "last", "weeks", "expected", "low_80", "high_80", "low_95", "high_95"]
    assert found[names].equals(other[names])
    assert found["actual"].tolist() == pytest.approx([costs[begin : begin + 7].sum() for begin in range(49, 20, -7)])
    assert not other["held_95"].iloc[0]
    assert found["weeks"].tolist() == [7, 6, 5, 4, 3]
    assert found["first"].iloc[0].date() == FIRST + timedelta(days=49)
    inside = (found["low_80"] <= found["actual"]) & (found["actual"] <= found["high_80"])
    assert found["held_80"].tolist() == inside.tolist()


def test_nothing_is_judged_without_days_or_after_a_break() -> None:
    rng = np.random.default_rng(5)
    costs = draw_costs("independent days, weekday pattern", 56, rng, first=FIRST)
    costs[30:] *= 6
    found = backtest(read(costs), list_spans(read(costs), months=False))
    assert found["expected"].isna().tolist()[:2] == [True, True]
    assert found["held_80"].isna().tolist()[:2] == [True, True]
    assert backtest(read(costs[:10]), []).empty


def test_days_of_unknown_cost_are_not_judged() -> None:
    frame = make_spending(np.ones(35) + np.arange(35) % 7)
    frame.loc[frame["created_at"].dt.strftime("%m-%d") == "07-04", "total_cost"] = None
    daily = read_days(frame, "effective_cost", "UTC")
    assert len(backtest(daily, list_spans(daily, months=False))) == 1


def test_the_past_is_half_a_year_at_most() -> None:
    costs = draw_costs("independent days, weekday pattern", 250, np.random.default_rng(6), first=FIRST)
    weekdays = np.arange(250) % 7
    assert find_past(costs, weekdays) == (250 - 26 * 7, False)
    costs[200:] *= 5
    assert find_past(costs, weekdays) == (200, True)
