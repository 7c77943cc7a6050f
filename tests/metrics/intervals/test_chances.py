"""Chances of differences without an effect, against scipy; and which differences to believe."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given, strategies as st

from genanalytics.metrics.intervals.binomial import wilson
from genanalytics.metrics.intervals.chances import (
    count_independent_rows,
    find_chance_of_change,
    find_chance_of_rate,
    find_discoveries,
)

CHANCES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(st.integers(1, 5000), st.floats(0, 1))
def test_the_independent_rows_are_those_of_the_interval(n: int, share: float) -> None:
    low, high = wilson(np.array([share * n]), np.array([n]))
    assert count_independent_rows(share, float(low[0]), float(high[0])) == pytest.approx(n, rel=1e-4)


@pytest.mark.parametrize(
    ("with_it", "n", "others", "n_others"),
    [(8, 100, 55, 2000), (20, 300, 300, 9000), (45, 500, 200, 2000), (12, 120, 3, 120), (60, 2000, 1, 100)],
)
def test_the_chance_of_a_rate_is_the_mid_p_value_of_fishers_test(
    with_it: int, n: int, others: int, n_others: int
) -> None:
    table = scipy.stats.hypergeom(n + n_others, with_it + others, n)
    found = find_chance_of_rate(with_it / n, n, others / n_others, n_others)
    assert found == pytest.approx(table.sf(with_it) + table.pmf(with_it) / 2, rel=0.25, abs=1e-6)


@pytest.mark.parametrize(("n", "n_others"), [(100, 2000), (500, 500), (2000, 300)])
@pytest.mark.parametrize("share", [0.01, 0.05])
def test_few_rates_are_surprising_if_nothing_differs(n: int, n_others: int, share: float) -> None:
    rng = np.random.default_rng(n)
    drawn = np.stack([rng.binomial(n, share, 20_000), rng.binomial(n_others, share, 20_000)])
    tables, counts = np.unique(drawn, axis=1, return_counts=True)
    chances = np.array([find_chance_of_rate(a / n, n, b / n_others, n_others) for a, b in tables.T])
    for limit in (0.05, 0.005):
        assert counts[chances <= limit].sum() / 20_000 < 1.3 * limit


@pytest.mark.parametrize("pairs", [4, 7, 14])
@pytest.mark.parametrize("t", [2.0, 3.0, 5.0])
def test_the_chance_of_a_change_is_that_of_students_t(pairs: int, t: float) -> None:
    relative = np.linspace(-0.1, 0.1, pairs)
    relative += t * relative.std(ddof=1) / np.sqrt(pairs)
    found = find_chance_of_change(list(1 - relative), list(1 + relative))
    assert found == pytest.approx(2 * scipy.stats.t.sf(t, pairs - 1), rel=0.1)


def test_equal_pairs_one_pair_and_opposite_directions_are_no_change() -> None:
    assert find_chance_of_change([1.0, 2.0, 0.0], [1.0, 2.0, 0.0]) == 1
    assert find_chance_of_change([1.0], [9.0]) == 1
    assert find_chance_of_change([1.0, 1.0, 1.0, 90.0], [2.0, 2.0, 2.0, 30.0]) == 1  # more on most days, less in all
    assert find_chance_of_change([1.0] * 4, [2.0] * 4) == 0


def test_discoveries_are_those_of_benjamini_and_hochberg() -> None:
    """Their example of 1995, section 4.1: 15 chances, of which the four smallest are discoveries."""
    chances = [
        *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
        *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
    ]
    assert find_discoveries(chances) == [True] * 4 + [False] * 11
    assert find_discoveries([]) == []


@given(CHANCES)
def test_discoveries_are_those_of_scipy(chances: list[float]) -> None:
    adjusted = scipy.stats.false_discovery_control(chances)
    assume(abs(adjusted - 0.05).min() > 1e-9)  # both round
    assert find_discoveries(chances) == (adjusted <= 0.05).tolist()
