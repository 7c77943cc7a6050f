"""All changes of many series of days, judged together."""

import numpy as np
import pytest

from genanalytics.decide.shifts.segments import adjust, segment
from support.daily import WEEK, draw_noise


def make_logs(rng: np.random.Generator, days: int, levels: "np.ndarray | float" = 1.0, **noise: float) -> "np.ndarray":
    return np.log(levels * WEEK[np.arange(days) % 7]) + 0.1 * draw_noise(rng, days, **noise)


@pytest.mark.parametrize("noise", [{}, {"phi": 0.3}, {"phi": 0.5}, {"freedom": 3}], ids=str)
def test_at_most_one_in_twenty_data_sets_without_an_effect_shows_any_change(noise: dict[str, float]) -> None:
    rng = np.random.default_rng(21)
    weekdays = np.arange(45) % 7
    alarms = 0
    for _ in range(60):
        found = segment([make_logs(rng, 45, **noise) for _ in range(12)], weekdays)
        alarms += any(one.steps for one in found)
    assert alarms <= 7  # 3 are expected at most; 8 or more by chance in 1 %


def test_every_change_of_a_series_is_found_and_those_of_others_stay_apart() -> None:
    rng = np.random.default_rng(22)
    days = np.arange(120)
    up_and_down = np.select([days < 40, days < 75], [1.0, 1.6], 0.8)
    found = segment([make_logs(rng, 120, up_and_down), make_logs(rng, 120)], days % 7)
    assert [step.place for step in found[0].steps] == pytest.approx([40, 75], abs=1)
    assert all(step.first <= true <= step.last for step, true in zip(found[0].steps, (40, 75), strict=True))
    assert max(found[0].q_values) < 0.01
    assert found[1].steps == ()


def test_a_slow_growth_is_a_drift_and_a_staircase_is_not() -> None:
    rng = np.random.default_rng(23)
    days = np.arange(90)
    growth = make_logs(rng, 90, np.exp(days / 60))
    stairs = make_logs(rng, 90, np.select([days < 30, days < 60], [1.0, 2.0], 4.0))
    found = segment([growth, stairs], days % 7)
    assert [one.is_drift for one in found] == [True, False]
    assert len(found[1].steps) == 2


def test_more_series_need_clearer_changes() -> None:
    rng = np.random.default_rng(24)
    days = np.arange(60)
    weak = make_logs(rng, 60, np.where(days < 30, 1.0, 1.17))
    alone = segment([weak], days % 7)[0]
    assert len(alone.steps) == 1
    among = segment([weak, *(make_logs(rng, 60) for _ in range(200))], days % 7)[0]
    assert among.steps == ()


def test_adjusted_chances_are_those_of_benjamini_and_hochberg() -> None:
    assert adjust([]) == []
    assert adjust([0.005, 0.009, 0.05, 0.03, 0.9]) == pytest.approx([0.0225, 0.0225, 0.0625, 0.05, 0.9])


def test_nothing_is_found_in_nothing() -> None:
    assert segment([], np.arange(0)) == []
    gaps = segment([np.full(30, np.nan), np.ones(30)], np.arange(30) % 7)
    assert [one.steps for one in gaps] == [(), ()]
