"""Student's t, the delta method and the bootstrap, against scipy and statsmodels and against textbook formulas."""

import math

import numpy as np
import pytest
import scipy.stats
import statsmodels.api
from hypothesis import given, strategies as st

from genanalytics.metrics.intervals.binomial import Z
from genanalytics.metrics.intervals.bootstrap import FEWEST, Moments, delta, draw_counts, student, studentize


@pytest.mark.parametrize(("clusters", "point"), [(6, 2.570582), (11, 2.228139), (31, 2.042272), (101, 1.983972)])
def test_students_t_is_that_of_the_tables(clusters: int, point: float) -> None:
    assert float(student(clusters)) == pytest.approx(point, abs=3e-4)


def test_students_t_is_that_of_scipy_to_its_promise() -> None:
    clusters = np.unique(np.concatenate([np.arange(FEWEST, 2000), np.geomspace(2000, 1e9, 100).round()]))
    assert np.abs(student(clusters) - scipy.stats.t.ppf(0.975, clusters - 1)).max() <= 3e-4


def moments_of(over: "np.ndarray", under: "np.ndarray") -> Moments:
    """Return the moments of one group of clusters."""
    sums = (over, under, over**2, over * under, under**2)
    return Moments(np.array([len(over)]), *(np.array([part.sum()]) for part in sums))


def test_the_delta_method_is_that_of_the_textbooks() -> None:
    """By hand: sessions cost 1 2 3 4 5 9 for 1 1 2 2 3 3 tokens; 24 / 12 = 2, residuals -1 0 -1 0 -1 3.

    Their squares sum to 12: a standard error of sqrt(12 x 6 / 5) / 12 = 0.31623, and t of 5 degrees is 2.5706.
    """
    low, high = delta(moments_of(np.array([1.0, 2, 3, 4, 5, 9]), np.array([1.0, 1, 2, 2, 3, 3])))
    half = 2.5706 * 0.31623
    assert (low[0], high[0]) == (pytest.approx(2 - half, abs=2e-4), pytest.approx(2 + half, abs=2e-4))


SUMS = st.lists(st.tuples(st.floats(-100, 100), st.floats(0.1, 100)), min_size=FEWEST, max_size=40)


@given(SUMS)
def test_the_delta_method_is_a_weighted_regression_with_robust_errors(sums: list[tuple[float, float]]) -> None:
    """A ratio of sums is the mean of ratios weighted by the denominators; HC1 is the sandwich with n / (n - 1)."""
    over, under = np.array(sums).T
    low, high = delta(moments_of(over, under))
    model = statsmodels.api.WLS(over / under, np.ones(len(over)), weights=under)
    ((expected_low, expected_high),) = model.fit(cov_type="HC1", use_t=True).conf_int()
    scale = np.abs(over).sum() / under.sum()
    assert low[0] == pytest.approx(expected_low, rel=2e-4, abs=2e-4 * (expected_high - expected_low) + 1e-6 * scale)
    assert high[0] == pytest.approx(expected_high, rel=2e-4, abs=2e-4 * (expected_high - expected_low) + 1e-6 * scale)


def test_too_few_clusters_have_no_limits() -> None:
    values, ones = np.arange(1.0, FEWEST), np.ones(FEWEST - 1)
    assert np.isnan(delta(moments_of(values, ones))).all()
    assert np.isnan(studentize(values[:, None], ones[:, None], draw_counts(FEWEST))).all()


def test_draws_are_the_same_ones_every_time() -> None:
    assert (draw_counts(7) == draw_counts(9)[:7]).all()
    over, under = np.random.default_rng(2).lognormal(size=(2, 30, 1))
    assert studentize(over, under, draw_counts(30)) == studentize(over, under, draw_counts(40))


def test_draws_are_those_of_a_bootstrap() -> None:
    """On average each cluster is drawn once, with a variance of 1."""
    counts = draw_counts(200)
    assert counts.mean() == pytest.approx(1, abs=0.01)
    assert counts.var(axis=1).mean() == pytest.approx(1, abs=0.02)
    assert abs(np.corrcoef(counts[:20])[np.triu_indices(20, 1)]).max() < 0.1


def textbook(over: "np.ndarray", under: "np.ndarray", rng: np.random.Generator, draws: int) -> tuple[float, float]:
    """Return the limits of a ratio by the bootstrap of Student's t, cluster by cluster, as the textbooks write it."""

    def estimate(x: "np.ndarray", y: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        ratios = x.sum(axis=-1) / y.sum(axis=-1)
        return ratios, np.sqrt(((x - ratios[..., None] * y) ** 2).sum(axis=-1)) / y.sum(axis=-1)

    ratio, error = estimate(over, under)
    chosen = rng.integers(0, len(over), (draws, len(over)))
    ratios, errors = estimate(over[chosen], under[chosen])
    low, high = np.quantile((ratios - ratio) / errors, [0.975, 0.025])
    n = len(over)
    wide = error * math.sqrt(n / (n - 1)) * scipy.stats.t.ppf(0.975, n - 1) / Z
    return float(ratio - low * wide), float(ratio - high * wide)


@pytest.mark.parametrize("n", [20, 60, 400])
def test_the_bootstrap_is_that_of_the_textbooks(n: int) -> None:
    """Ten samples of skewed costs, each cluster with its own number of tokens. Other draws move the limits a little."""
    rng = np.random.default_rng(n)
    over, under = rng.lognormal(0, 1, (n, 10)), rng.lognormal(0, 0.5, (n, 10))
    low, high = studentize(over, under, draw_counts(n))
    expected = np.array([textbook(x, y, rng, 6_000) for x, y in zip(over.T, under.T, strict=True)]).T
    width = expected[1] - expected[0]
    assert np.abs((low - expected[0]) / width).mean() < 0.02
    assert np.abs((high - expected[1]) / width).mean() < 0.05  # the long tail of the draws, of which there are 1,999
    assert ((high - low) / width).mean() == pytest.approx(1, abs=0.05)


def test_without_skewness_all_bootstraps_of_scipy_give_nearly_the_same_limits() -> None:
    values = np.random.default_rng(8).normal(10, 2, 400)
    low, high = studentize(values[:, None], np.ones((400, 1)), draw_counts(400))
    half = (high[0] - low[0]) / 2
    for method in ("percentile", "basic", "BCa"):
        found = scipy.stats.bootstrap((values,), np.mean, n_resamples=4000, method=method, rng=1).confidence_interval
        assert (low[0], high[0]) == pytest.approx((found.low, found.high), abs=0.04 * half)


def test_the_bootstrap_contains_the_mean_of_skewed_costs_more_often_than_students_t() -> None:
    """Of 30 lognormal costs. Student's t misses because the mean and its error are correlated."""
    runs, n = 2000, 30
    over = np.random.default_rng(5).lognormal(0, 1, (n, runs))
    mean = math.exp(0.5)
    low, high = studentize(over, np.ones((n, runs)), draw_counts(n))
    covered = ((low <= mean) & (mean <= high)).mean()
    half = scipy.stats.t.ppf(0.975, n - 1) * scipy.stats.sem(over)
    usual = (np.abs(over.mean(axis=0) - mean) <= half).mean()
    assert usual < 0.92
    assert 0.93 - 0.013 < covered < 0.97 + 0.013  # widened by 2.6 standard errors of as many runs
