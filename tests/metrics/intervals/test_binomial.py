"""Intervals from counting, against scipy and statsmodels; a few of them are worked out by hand."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, strategies as st
from statsmodels.stats.proportion import proportion_confint

from genanalytics.metrics.intervals.binomial import find_ranks, stretch_ranks, wilson

LEVELS = (0.5, 0.9, 0.95, 0.99)


def test_the_interval_of_a_rate_at_its_end_has_a_width() -> None:
    """By hand, of 0 in 20: 3.8415 / (20 + 3.8415)."""
    low, high = wilson(np.array([0.0, 20.0]), np.array([20.0, 20.0]))
    assert low.tolist() == [0, pytest.approx(1 - 0.16113, abs=1e-5)]
    assert high.tolist() == [pytest.approx(0.16113, abs=1e-5), 1]


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_the_interval_of_a_rate_is_that_of_statsmodels(n: int, share: float) -> None:
    successes = round(n * share)
    low, high = wilson(np.array([float(successes)]), np.array([float(n)]))
    expected = proportion_confint(successes, n, method="wilson")
    assert (low[0], high[0]) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("n", [100, 500, 5000])
def test_wilsons_interval_contains_a_rate_in_95_of_100_cases(n: int) -> None:
    rates = np.linspace(0.02, 0.98, 25)
    low, high = wilson(np.arange(n + 1.0), np.full(n + 1, float(n)))
    chances = scipy.stats.binom.pmf(np.arange(n + 1)[:, None], n, rates)
    covered = ((low[:, None] <= rates) & (rates <= high[:, None])) * chances
    assert covered.sum(axis=0).mean() == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("level", LEVELS)
def test_a_percentile_is_between_its_ranks_in_95_of_100_cases(level: float) -> None:
    """It is between the values at ranks a and b if a to b - 1 rows are below it: their number is a binomial count."""
    for n in (*range(2, 150), 368, 500, 1000, 10_000, 1_000_000):
        found, below = find_ranks(n, level), scipy.stats.binom(n, level)
        if found is None:
            assert below.pmf(0) > 0.025 or below.pmf(n) > 0.025
            continue
        low, high = found
        covered = below.cdf(high - 1) - below.cdf(low - 1)
        assert 1 <= low <= 1 + (n - 1) * level <= high <= n
        assert covered >= 0.95
        if n >= 100:
            assert covered <= 0.975
        if n >= 1_000_000:
            assert covered <= 0.951
        equal = (
            (below.cdf(np.arange(low + 2)) <= 0.025).sum(),
            n + 1 - (below.sf(np.arange(high - 3, n)) <= 0.025).sum(),
        )
        assert max(low - equal[0], equal[1] - high, 0) <= 1  # tails of 2.5 %, except for one rank


@pytest.mark.parametrize("n", [6, 7, 100, 1001])
def test_the_limits_of_a_median_are_those_of_scipy(n: int) -> None:
    values = np.random.default_rng(n).lognormal(size=n)
    low, high = find_ranks(n, 0.5) or (0, 0)
    expected = scipy.stats.quantile_test(values, q=1.0, p=0.5).confidence_interval(0.95)
    assert np.sort(values)[[low - 1, high - 1]].tolist() == [expected.low, expected.high]


def test_percentiles_of_too_few_rows_have_no_interval() -> None:
    fewest = [next(n for n in range(1, 1000) if find_ranks(n, level)) for level in LEVELS]
    assert fewest == [6, 36, 72, 368]


@pytest.mark.parametrize("n", [100, 500, 5000])
def test_the_intervals_of_percentiles_contain_them_in_93_to_97_of_100_cases(n: int) -> None:
    for level in LEVELS:
        found = find_ranks(n, level)
        if found is not None:
            low, high = found
            assert 0.93 < scipy.stats.binom.cdf(high - 1, n, level) - scipy.stats.binom.cdf(low - 1, n, level) < 0.97


def test_dependent_rows_move_the_ranks_outwards() -> None:
    """By hand: 100 rows that say as much as 25 of which the ranks are 8 and 18: times 101 / 26, rounded outwards."""
    assert find_ranks(25, 0.5) == (8, 18)
    low, high = stretch_ranks(np.array([100.0]), np.array([25.9]), 0.5)
    assert (low[0], high[0]) == (31, 70)


@given(st.integers(6, 10_000), st.floats(0, 1), st.sampled_from(LEVELS))
def test_ranks_are_among_the_rows_and_those_of_independent_rows_at_most(n: int, share: float, level: float) -> None:
    low, high = stretch_ranks(np.array([float(n)] * 2), np.array([n * share, float(n)]), level)
    ranks = find_ranks(n, level)
    assert (None if np.isnan(low[1]) else (low[1], high[1])) == ranks
    if not np.isnan(low[0]):
        assert ranks is not None
        assert 1 <= low[0] <= low[1] + 1
        assert high[1] - 1 <= high[0] <= n
