"""Critical values, against scipy and against samples of which the truth is known."""

import numpy as np
import pytest
import scipy.stats

from genanalytics.metrics.intervals.critical import ABOVE, BELOW, SIZES, SPREADS, critical, student


@pytest.mark.parametrize(("clusters", "point"), [(6, 2.570582), (11, 2.228139), (31, 2.042272), (101, 1.983972)])
def test_students_t_is_that_of_the_tables(clusters: int, point: float) -> None:
    assert float(student(clusters)) == pytest.approx(point, abs=3e-4)


def test_students_t_is_that_of_scipy_to_its_promise() -> None:
    clusters = np.unique(np.concatenate([np.arange(3, 2000), np.geomspace(2000, 1e9, 100).round()]))
    assert np.abs(student(clusters) - scipy.stats.t.ppf(0.975, clusters - 1)).max() <= 3e-4


@pytest.mark.parametrize("table", [BELOW, ABOVE])
def test_without_spread_the_table_is_students_t(table: tuple[tuple[float, ...], ...]) -> None:
    found = np.array(table)
    assert found.shape == (len(SIZES), len(SPREADS))
    assert found[:, 0] == pytest.approx(scipy.stats.t.ppf(0.975, np.array(SIZES) - 1.0), abs=0.006)


def test_between_its_places_the_table_is_interpolated_and_beyond_them_held() -> None:
    sizes, spreads = np.array(SIZES, dtype=float), np.array(SPREADS)
    below, above = critical(*np.meshgrid(sizes, spreads, indexing="ij"))
    assert below == pytest.approx(np.array(BELOW))
    assert above == pytest.approx(np.array(ABOVE))
    beyond = critical(np.array([3.0, 12.0, 1e12]), np.array([1.0, 9.0, 1.0]))
    assert beyond[0] == pytest.approx([BELOW[0][2], BELOW[4][-1], 1.96], abs=1e-3)
    (middle,), _ = critical(np.array([12.0]), np.array([1.25]))
    assert middle == pytest.approx((BELOW[4][2] + BELOW[4][3]) / 2)


@pytest.mark.parametrize("n", [12, 100])
@pytest.mark.parametrize("spread", [0.75, 1.5, 2.25])
def test_beyond_the_points_are_two_and_a_half_percent_of_lognormal_samples(n: int, spread: float) -> None:
    """The table is for samples whose spread is estimated too; 20,000 of them, a standard error of 0.11 points."""
    logs = np.random.default_rng(n).standard_normal((20_000, n)) * spread
    values, centered = np.exp(logs), logs - logs.mean(axis=1, keepdims=True)
    mean = values.mean(axis=1)
    error = scipy.stats.sem(values, axis=1) / mean
    skewness = scipy.stats.skew(logs, axis=1)
    estimated = centered.std(axis=1, ddof=1) + np.maximum(skewness - np.sqrt(6 / n), 0) / 3
    below, above = critical(np.full(len(values), float(n)), estimated)
    t = (np.log(mean) - spread**2 / 2) / error
    assert (t < -below).mean() == pytest.approx(0.025, abs=0.01)
    assert (t > above).mean() == pytest.approx(0.025, abs=0.01)
