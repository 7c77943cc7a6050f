"""Intervals of ratios of sums: oracles, limits that are possible, and simulations of which the truth is known."""

import math
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
import scipy.stats
import statsmodels.api
from hypothesis import given, strategies as st

from genanalytics.metrics.engines.protocol import PLACE
from genanalytics.metrics.intervals import ratios
from genanalytics.metrics.intervals.binomial import wilson
from genanalytics.metrics.intervals.cells import ArrayCells, Total, name_sums
from genanalytics.metrics.intervals.moments import Family, Moments
from genanalytics.metrics.intervals.ratios import FEWEST, Limits

Draw = Callable[[np.random.Generator, tuple[int, int]], "np.ndarray"]


def moments_of(over: "np.ndarray", under: "np.ndarray", family: Family = "positive") -> Moments:
    """Return the moments of clusters: a row per cluster, a column per group."""
    groups = over.shape[1]
    sums = dict(zip(name_sums("it"), (over.T.ravel(), under.T.ravel()), strict=True))
    cells = ArrayCells(pa.table({PLACE: np.repeat(np.arange(groups), len(over))} | sums), [])
    totals = {"it": Total(over.sum(axis=0), under.sum(axis=0))}
    return cells.find_moments("fixed", {"it": family}, totals, None)["it"].moments


def mean_of(values: "np.ndarray") -> Limits:
    return ratios.find_positive(moments_of(values, np.ones(values.shape)))


def column(*values: float) -> "np.ndarray":
    return np.array(values)[:, None]


def covered(limits: Limits, truth: float) -> tuple[float, float]:
    """Return the share of limits that contain a value, and the share of samples with limits."""
    known = limits.reasons == ""
    return float(((limits.low <= truth) & (truth <= limits.high))[known].mean()), float(known.mean())


def test_the_error_is_that_of_a_weighted_regression_with_hc2_errors() -> None:
    """A ratio is the mean of ratios weighted by the denominators; HC3 is the same with the residuals of all others."""
    over, under = np.random.default_rng(3).lognormal(0, [[0.9], [0.4]], (2, 60))
    found = moments_of(over[:, None], under[:, None])
    model = statsmodels.api.WLS(over / under, np.ones(len(over)), weights=under)
    assert found.value[0] == pytest.approx(over.sum() / under.sum())
    assert math.sqrt(found.hc2_2[0]) == pytest.approx(model.fit(cov_type="HC2").bse[0])
    bounded = moments_of(over[:, None], under[:, None], "bounded")
    assert math.sqrt(bounded.hc3_2[0]) == pytest.approx(model.fit(cov_type="HC3").bse[0])
    turned = statsmodels.api.WLS(under / over, np.ones(len(over)), weights=over).fit(cov_type="HC2")
    assert math.sqrt(found.turned_2[0]) / found.value[0] == pytest.approx(turned.bse[0] / turned.params[0])


def test_the_mean_of_values_that_hardly_differ_has_students_interval() -> None:
    values = np.random.default_rng(1).normal(100, 1, 400)
    found = mean_of(values[:, None])
    expected = scipy.stats.t.interval(0.95, 399, values.mean(), scipy.stats.sem(values))
    assert (found.low[0], found.high[0]) == pytest.approx(expected, abs=0.02 * (expected[1] - expected[0]))


VALUES = st.lists(st.tuples(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3)), min_size=FEWEST, max_size=40)


@given(VALUES, st.floats(1e-6, 1e6), st.randoms(use_true_random=False))
def test_limits_scale_with_the_unit_and_do_not_depend_on_the_order(
    sums: list[tuple[float, float]], factor: float, random: object
) -> None:
    over, under = np.array(sums).T[:, :, None]
    found = ratios.find_positive(moments_of(over, under))
    scaled = ratios.find_positive(moments_of(over * factor, under))
    order = np.random.default_rng(random.randrange(1000)).permutation(len(over))  # type: ignore[attr-defined]
    shuffled = ratios.find_positive(moments_of(over[order], under[order]))
    if found.reasons[0] == scaled.reasons[0] == shuffled.reasons[0]:  # on the edge of a rule, rounding decides
        assert scaled.low == pytest.approx(found.low * factor, rel=1e-6, nan_ok=True)
        assert scaled.high == pytest.approx(found.high * factor, rel=1e-6, nan_ok=True)
        assert (shuffled.low[0], shuffled.high[0]) == pytest.approx(
            (found.low[0], found.high[0]), rel=1e-6, nan_ok=True
        )
    if found.reasons[0] == "":
        assert 0 < found.low[0] <= over.sum() / under.sum() <= found.high[0]


def test_the_inverse_of_a_ratio_has_the_inverse_limits() -> None:
    rng = np.random.default_rng(5)
    over, under = rng.lognormal(0, 1, (30, 200)), rng.lognormal(0, rng.uniform(0, 2, 200), (30, 200))
    one, other = (ratios.find_positive(moments_of(*pair)) for pair in ((over, under), (under, over)))
    both = (one.reasons == "") & (other.reasons == "")
    assert both.mean() > 0.8
    assert one.low[both] == pytest.approx(1 / other.high[both])
    assert one.high[both] == pytest.approx(1 / other.low[both])


def test_gaps_have_their_reason() -> None:
    assert mean_of(column(1, 2, 3, 4, 5)).reasons.tolist() == [ratios.TOO_FEW]
    assert mean_of(column(*[2.0] * 9)).reasons.tolist() == [ratios.CONSTANT]
    for largest, percent in ((100, 90), (40, 80), (30, 75)):
        assert mean_of(column(*[1.0] * 8, largest)).reasons.tolist() == [ratios.LARGEST.format(percent)]
    values, weights = column(*range(1, 9)), column(*[1.0] * 7, 1000)
    assert ratios.find_positive(moments_of(values * weights, weights)).reasons.tolist() == [ratios.UNEQUAL]
    heavy = mean_of(np.random.default_rng(2).pareto(1.2, (500, 40)) + 1)
    assert (heavy.reasons != "").mean() > 0.9
    assert set(heavy.reasons) <= {"", ratios.HEAVY, *map(ratios.LARGEST.format, (75, 80, 90))}
    assert np.isnan(heavy.low[heavy.reasons != ""]).all()


def test_without_a_hit_a_share_has_plain_limits() -> None:
    """By hand, of 0 in 20 equal clusters: 3.8415 / (20 + 3.8415)."""
    under = np.full((20, 2), 7.0)
    over = np.column_stack([np.zeros(20), np.full(20, 7.0)])
    found = ratios.find_share(moments_of(over, under, "bounded"))
    assert found.low.tolist() == [0, pytest.approx(1 - 0.16113, abs=1e-5)]
    assert found.high.tolist() == [pytest.approx(0.16113, abs=1e-5), pytest.approx(1)]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 1e4)), min_size=1, max_size=40))
def test_limits_of_a_share_are_from_0_to_1(parts: list[tuple[float, float]]) -> None:
    share, under = np.array(parts).T[:, :, None]
    sums = moments_of(share * under, under, "bounded")
    for found in (ratios.find_share(sums), ratios.find_at_most_one(sums)):
        assert (found.reasons[0] == "") == (not np.isnan(found.low[0]))
        assert np.isnan(found.high[0]) or found.high[0] <= 1
    found = ratios.find_share(sums)
    assert np.isnan(found.low[0]) or 0 <= found.low[0] <= found.high[0]


def test_the_effective_rows_of_independent_flags_are_the_rows() -> None:
    flags = np.random.default_rng(4).random((50, 3)) < 0.3
    sums = moments_of(flags.astype(float), np.ones(flags.shape), "bounded")
    share = flags.mean(axis=0)
    assert ratios.count_effective_rows(sums, np.full(3, 50.0), share * (1 - share) / 50).tolist() == [50] * 3


def test_clusters_of_equal_flags_are_single_rows_with_fewer_degrees_of_freedom() -> None:
    """By hand: 40 sessions of ten equal flags are 40 rows; t of 19 degrees (20 clusters with a 1) and of 399."""
    flags = column(*[10.0] * 20, *[0.0] * 20)
    sums = moments_of(flags, np.full((40, 1), 10.0), "bounded")
    found = ratios.count_effective_rows(sums, np.array([400.0]), np.array([0.25 / 400]))
    hc2 = 40 / (40 / 39)  # the residuals are enlarged
    assert found[0] == pytest.approx(hc2 * (1.9659 / 2.0860) ** 2, rel=1e-3)


LOGNORMAL: list[tuple[float, float]] = [(1.0, 0.93), (1.5, 0.93), (2.0, 0.91)]


@pytest.mark.parametrize(("sigma", "least"), LOGNORMAL)
@pytest.mark.parametrize("n", [12, 50, 200, 1000])
def test_means_of_lognormal_values_are_within_their_limits(n: int, sigma: float, least: float) -> None:
    """The band is widened by 2.6 standard errors of as many runs."""
    runs = 1000 if n < 1000 else 300
    values = np.random.default_rng(n).lognormal(0, sigma, (n, runs))
    found = mean_of(values)
    share, given_share = covered(found, math.exp(sigma**2 / 2))
    error = 2.6 * math.sqrt(0.05 * 0.95 / runs)
    assert least - error < share < 0.97 + error
    assert given_share > 0.85
    assert np.nanmin(found.low) > 0


OTHERS: dict[str, tuple[Draw, float]] = {
    "exponential": (lambda rng, shape: rng.exponential(1, shape), 1.0),
    "uniform": (lambda rng, shape: rng.random(shape), 0.5),
    "half zero": (lambda rng, shape: rng.lognormal(0, 1, shape) * (rng.random(shape) < 0.5), math.exp(0.5) / 2),
    "two points": (lambda rng, shape: np.where(rng.random(shape) < 0.3, 10.0, 1.0), 3.7),
}


@pytest.mark.parametrize(("draw", "truth"), OTHERS.values(), ids=OTHERS)
def test_other_distributions_are_within_their_limits_too(draw: Draw, truth: float) -> None:
    share, _ = covered(mean_of(draw(np.random.default_rng(9), (50, 1000))), truth)
    assert 0.93 - 0.018 < share < 0.98


@pytest.mark.parametrize("draw", ["normal", "laplace"])
def test_values_of_any_sign_have_cautious_limits(draw: str) -> None:
    values = getattr(np.random.default_rng(9), draw)(0.3, 1, (50, 1000))
    share, _ = covered(ratios.find_any(moments_of(values, np.ones(values.shape))), 0.3)
    assert share > 0.95


def test_speeds_and_their_inverse_are_within_their_limits() -> None:
    """Tokens per time: the tail is in the denominator."""
    rng = np.random.default_rng(6)
    tokens, times = rng.lognormal(0, 1, (50, 1000)), rng.lognormal(0, 1.5, (50, 1000))
    truth = math.exp(0.5) / math.exp(1.5**2 / 2)
    assert covered(ratios.find_positive(moments_of(tokens, times)), truth)[0] > 0.93
    assert covered(ratios.find_positive(moments_of(times, tokens)), 1 / truth)[0] > 0.93


@pytest.mark.parametrize("n", [12, 50, 200])
@pytest.mark.parametrize("kind", ["share", "savings"])
def test_shares_of_sums_are_within_their_limits(n: int, kind: str) -> None:
    rng = np.random.default_rng(n)
    prompts = rng.lognormal(0, 1, (n, 1000))
    part = rng.beta(0.5, 1, prompts.shape)
    if kind == "share":
        found, truth = ratios.find_share(moments_of(part * prompts, prompts, "bounded")), 1 / 3
    else:
        saved = (2 * part - 0.5) * prompts * 0.5
        found, truth = ratios.find_at_most_one(moments_of(saved, prompts, "bounded")), (2 / 3 - 0.5) * 0.5
    share, _ = covered(found, truth)
    assert 0.92 - 0.018 < share < 0.98
    assert np.nanmax(found.high) <= 1


def clustered_flags(
    rng: np.random.Generator, shape: tuple[int, int], size: int, rate: float, correlation: float
) -> "np.ndarray":
    """Return the number of flags that are 1 in sessions of a size, with a correlation inside sessions."""
    if correlation == 0:
        return rng.binomial(size, rate, shape).astype(float)
    strength = 1 / correlation - 1
    return rng.binomial(size, rng.beta(rate * strength, (1 - rate) * strength, shape)).astype(float)


@pytest.mark.parametrize("sessions", [12, 50, 200])
@pytest.mark.parametrize("correlation", [0, 0.05, 0.2])
@pytest.mark.parametrize("rate", [0.02, 0.05, 0.2, 0.5])
def test_rates_of_correlated_sessions_are_within_their_limits(sessions: int, rate: float, correlation: float) -> None:
    """Wilson's interval of the rows contains 75 to 78 of 100 at a correlation of 0.2; rare events are cautious."""
    runs = 1000
    hits = clustered_flags(np.random.default_rng(sessions), (sessions, runs), 10, rate, correlation)
    sums = moments_of(hits, np.full(hits.shape, 10.0), "bounded")
    n, share = np.full(runs, 10.0 * sessions), hits.sum(axis=0) / (10 * sessions)
    rows = ratios.count_effective_rows(sums, n, share * (1 - share) / n)
    low, high = wilson(share * rows, rows)
    held = ((low <= rate) & (rate <= high)).mean()
    assert held > 0.93 - 0.018
    assert held < 0.99 or rate < 0.1


@pytest.mark.parametrize(("sigma", "sessions"), [(0.0, 100), (1.0, 50), (1.5, 200)])
def test_the_sum_of_a_like_period_includes_that_the_number_of_requests_varies(sigma: float, sessions: int) -> None:
    """With equal costs, the interval of the mean alone contained the expected sum in 30 of 100 runs."""
    rng = np.random.default_rng(sessions)
    held = given_limits = 0
    for _ in range(400):
        costs = rng.lognormal(0, sigma, (rng.poisson(sessions), 1))
        found = ratios.find_like_period(moments_of(costs, np.ones(costs.shape)))
        given_limits += found.reasons[0] == ""
        held += found.low[0] <= sessions * math.exp(sigma**2 / 2) <= found.high[0]
    assert given_limits > 380
    assert 0.93 - 0.029 < held / given_limits < 0.97 + 0.029
