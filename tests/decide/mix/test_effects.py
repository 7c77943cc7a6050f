"""Effects of factors; reference values are worked out by hand."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, strategies as st

from genanalytics.decide.mix.effects import split_product, split_rest


def levels(*columns: Sequence[float]) -> "np.ndarray":
    return np.array(columns, dtype=float).T


def test_the_effect_of_a_factor_is_the_logarithmic_mean_times_its_logarithm() -> None:
    """2 x 3 = 6 becomes 4 x 6 = 24: the mean is 18 / ln 4, and both factors doubled."""
    effects = split_product(levels([2, 6]), levels([4, 24]))
    assert effects[:, 0].tolist() == pytest.approx([9.0, 9.0])


def test_factors_that_cancel_have_effects_on_a_product_that_stays() -> None:
    effects = split_product(levels([2, 6]), levels([1, 6]))
    assert effects[:, 0].tolist() == pytest.approx([-6 * math.log(2), 6 * math.log(2)])


def test_a_factor_that_was_zero_has_the_whole_change() -> None:
    """Requests, tokens, cost: the limit of the logarithmic mean if the price, or all of them, go to zero."""
    appeared, free, nothing = [0, 0, 0], [5, 50, 0], [0, 0, 0]
    effects = split_product(levels(appeared, free, nothing), levels([5, 50, 7], [8, 40, 7], nothing))
    assert effects.T.tolist() == [[7, 0, 0], [0, 0, 7], [0, 0, 0]]
    assert split_product(levels([5, 50, 7]), levels(appeared)).T.tolist() == [[-7, 0, 0]]


def test_a_level_that_cannot_be_is_a_part_of_the_next_factor() -> None:
    """Costs without tokens: the price is one of a request."""
    effects = split_product(levels([2, 0, 6]), levels([2, 30, 12]))
    assert effects[:, 0].tolist() == pytest.approx([0, 0, 6])


def test_a_factor_that_differs_by_arithmetic_alone_has_no_effect() -> None:
    assert split_product(levels([3, 0.1 + 0.2]), levels([6, 0.6]))[1, 0] == 0


def test_amounts_of_any_sign_change_by_rows_and_by_amount_per_row() -> None:
    """2 rows at -1 become 4 rows at 1: no effect of rows at a mean of 0, and 3 rows on average at 2 more."""
    assert split_rest(levels([2]), levels([4]), np.array([-2.0]), np.array([4.0])).tolist() == [[0], [6]]


def test_rows_that_came_or_went_do_not_change_the_amount_per_row() -> None:
    effects = split_rest(levels([0], [3]), levels([3], [0]), np.array([0.0, -6.0]), np.array([-6.0, 0.0]))
    assert effects.tolist() == [[-6, 6], [0, 0]]


factors = st.lists(st.sampled_from([0.0, 1e-6, 0.5, 3.0, 7.25, 1e6]), min_size=4, max_size=4)


@given(factors, factors)
def test_effects_add_up_and_turn_with_the_periods(one: list[float], other: list[float]) -> None:
    was, now = (np.cumprod(np.array(values))[:, None] for values in (one, other))
    effects, turned = split_product(was, now), split_product(now, was)
    scale = max(abs(effects).max(), 1e-300)
    assert effects.sum() == pytest.approx((now - was)[-1, 0], abs=1e-9 * scale)
    assert (effects + turned).ravel().tolist() == pytest.approx([0.0] * 4, abs=1e-9 * scale)


@given(st.integers(0, 9), st.integers(0, 9), st.floats(-5, 5), st.floats(-5, 5))
def test_effects_on_amounts_add_up_and_turn(rows: int, others: int, amount: float, other: float) -> None:
    was, now = np.array([amount if rows else 0.0]), np.array([other if others else 0.0])
    counts, later = levels([10, rows]), levels([20, others])
    effects, turned = split_rest(counts, later, was, now), split_rest(later, counts, now, was)
    assert effects.sum() == pytest.approx((now - was)[0], abs=1e-9)
    assert effects.ravel().tolist() == pytest.approx((-turned).ravel().tolist(), abs=1e-9)
