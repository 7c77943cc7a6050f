"""How a daily series goes on, against processes whose truth is known."""

import numpy as np
import pytest

from genanalytics.decide.budget.bands import expect, fit, simulate
from support.spending import PROCESSES, draw_costs

MONTHS = 60
WEEK = [10.0, 12.0, 11.0, 9.0, 8.0, 2.0, 1.0]


def count_held(process: str, weeks: int, ahead: int, months: int, seed: int) -> tuple[float, float]:
    """Return how often the band of 80 % and that of 95 % contain the sum of the days ahead."""
    rng = np.random.default_rng(seed)
    held = []
    for _ in range(months):
        costs = draw_costs(process, 7 * weeks + ahead, rng)
        model = fit(costs[: 7 * weeks])
        assert model is not None
        sums = simulate(model, ahead, draws=1_000)[:, -1]
        actual = costs[7 * weeks :].sum()
        lowest, low, high, highest = np.quantile(sums, [0.025, 0.1, 0.9, 0.975])
        held.append([low <= actual <= high, lowest <= actual <= highest])
    shares = np.mean(held, axis=0)
    return float(shares[0]), float(shares[1])


REASONABLE = [name for name in PROCESSES if "5 %" not in name]


def test_the_bands_hold_as_often_as_they_say_over_all_reasonable_processes() -> None:
    shares = [
        count_held(process, weeks, ahead, 24, 10 * number + weeks)
        for number, process in enumerate(REASONABLE)
        for weeks, ahead in ((3, 25), (4, 15), (12, 5))
    ]
    of_80, of_95 = np.mean(shares, axis=0)
    assert 0.76 < of_80 < 0.86  # of 648 months
    assert 0.91 < of_95 < 0.97


@pytest.mark.parametrize("process", ["independent days, weekday pattern", "correlated days (AR 0.5)"])
def test_the_80_percent_band_of_a_month_holds_in_75_to_85_of_100_months(process: str) -> None:
    shares = [count_held(process, weeks, 20, MONTHS, 40 + weeks)[0] for weeks in (4, 8, 12)]
    assert 0.72 < np.mean(shares) < 0.88  # of 180 months: two standard errors around 75 to 85 %


def test_a_strong_trend_is_beyond_the_bands() -> None:
    assert count_held("5 % more each week", 12, 25, MONTHS, 7)[0] < 0.6


def test_weeks_that_repeat_go_on_as_they_were() -> None:
    model = fit(np.array(WEEK * 4))
    assert model is not None
    assert expect(model, 10).tolist() == pytest.approx([*WEEK, *WEEK[:3]])
    assert simulate(model, 10, draws=50)[:, -1].tolist() == pytest.approx([86.0] * 50)


def test_only_a_part_of_the_first_day_is_to_come() -> None:
    model = fit(np.array(WEEK * 4))
    assert model is not None
    assert expect(model, 2, 0.25).tolist() == pytest.approx([2.5, 12.0])
    assert simulate(model, 2, 0.25, draws=5)[:, 0].tolist() == pytest.approx([2.5] * 5)


def test_days_before_the_whole_weeks_do_not_count() -> None:
    model = fit(np.array([1e6, *WEEK * 3]))
    assert model is not None
    assert expect(model, 7).tolist() == pytest.approx(WEEK)


def test_recent_weeks_count_more_than_early_ones() -> None:
    model = fit(np.repeat([1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0], 7))
    assert model is not None
    weights = [0.5 ** (age / 3) for age in range(8)]
    assert model.level == pytest.approx(1 + sum(weights[:4]) / sum(weights))


def test_a_weekday_that_never_cost_anything_stays_free() -> None:
    rng = np.random.default_rng(3)
    costs = np.where(np.arange(28) % 7 < 5, rng.gamma(10, 1, 28), 0.0)
    model = fit(costs)
    assert model is not None
    assert expect(model, 7)[5:].tolist() == [0, 0]
    sums = simulate(model, 7, draws=100)
    assert (sums[:, 4] == sums[:, 6]).all()


def test_a_pattern_that_chance_explains_is_shrunk() -> None:
    rng = np.random.default_rng(4)
    raw, shrunk = [], []
    for _ in range(50):
        costs = rng.gamma(4, 1, 21)
        model = fit(costs)
        assert model is not None
        raw.append(np.var(costs.reshape(3, 7).mean(axis=0) / costs.mean()))
        shrunk.append(np.var(model.pattern))
    assert np.mean(shrunk) < 0.4 * np.mean(raw)


def test_one_extreme_day_is_no_pattern() -> None:
    rng = np.random.default_rng(5)
    costs = 10 * rng.gamma(50, 1 / 50, 42)
    costs[17] *= 20
    model = fit(costs)
    assert model is not None
    assert model.pattern.max() < 1.4


def test_nothing_spent_has_no_level() -> None:
    assert fit(np.zeros(21)) is None


def test_the_same_values_give_the_same_draws() -> None:
    model = fit(np.random.default_rng(6).gamma(4, 1, 28))
    assert model is not None
    assert (simulate(model, 9) == simulate(model, 9)).all()
    assert (simulate(model, 9) != simulate(model, 9, seed=2)).any()
