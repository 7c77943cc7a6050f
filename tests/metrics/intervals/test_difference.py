"""Limits of differences and ratios, against textbook formulas; that both always agree is a property."""

import math

import numpy as np
import pytest
from hypothesis import assume, example, given, strategies as st

from genanalytics.metrics.intervals.difference import Bounded, combine_logs, combine_plain

POSITIVE = st.tuples(st.floats(1e-6, 1e6), st.floats(1.0001, 100), st.floats(1.0001, 100)).map(
    lambda drawn: Bounded(drawn[0], drawn[0] / drawn[1], drawn[0] * drawn[2])
)
SHARE = st.tuples(st.floats(0.01, 0.99), st.floats(0, 1), st.floats(0, 1)).map(
    lambda drawn: Bounded(drawn[0], drawn[0] * drawn[1], drawn[0] + (1 - drawn[0]) * drawn[2])
)
CORRELATION = st.floats(-0.95, 0.95)


@given(POSITIVE, POSITIVE, CORRELATION)
def test_on_logarithms_difference_and_ratio_always_agree(a: Bounded, b: Bounded, correlation: float) -> None:
    (low, high), (ratio_low, ratio_high) = combine_logs(a, b, correlation)
    assume(abs(ratio_low - 1) > 1e-9)
    assume(abs(ratio_high - 1) > 1e-9)
    assert (low > 0) == (ratio_low > 1)
    assert (high < 0) == (ratio_high < 1)
    assert ratio_low > 0


@given(SHARE, SHARE, CORRELATION)
@example(Bounded(0.5, 0.0, 0.5), Bounded(0.0625, 0.0, 0.296875), 0.5)  # the usual form of the root is 0 / 0
@example(Bounded(0.125, 0.0, 0.5625), Bounded(0.5, 0.0, 0.5), 0.75)
def test_on_their_own_scale_difference_and_ratio_always_agree(a: Bounded, b: Bounded, correlation: float) -> None:
    (low, high), (ratio_low, ratio_high) = combine_plain(a, b, correlation)
    assume(min(abs(low), abs(high)) > 1e-9)
    assert (low > 0) == (ratio_low > 1)
    assert (high < 0) == (ratio_high < 1)


@given(POSITIVE, POSITIVE, CORRELATION)
def test_the_inverse_has_the_inverse_limits(a: Bounded, b: Bounded, correlation: float) -> None:
    _, (low, high) = combine_logs(a, b, correlation)
    _, (other_low, other_high) = combine_logs(b, a, correlation)
    assert (low, high) == pytest.approx((1 / other_high, 1 / other_low))


@given(POSITIVE, POSITIVE, CORRELATION, st.floats(0.01, 100))
def test_another_unit_scales_the_difference(a: Bounded, b: Bounded, correlation: float, factor: float) -> None:
    one, ratio = combine_logs(a, b, correlation)
    first, second = (Bounded(*(factor * part for part in side)) for side in (a, b))
    scaled, same = combine_logs(first, second, correlation)
    assert scaled == pytest.approx((factor * one[0], factor * one[1]), abs=1e-9 * factor * (a.high + b.high))
    assert same == pytest.approx(ratio)


def test_equal_correlated_sides_differ_less() -> None:
    """By hand: both factors are 2, so that the ratio reaches sqrt(2 - 2 r) ln 2 in either direction."""
    side = Bounded(10, 5, 20)
    for correlation in (0.0, 0.5, -0.5):
        _, (low, high) = combine_logs(side, side, correlation)
        reach = math.sqrt(2 - 2 * correlation) * math.log(2)
        assert (low, high) == pytest.approx((math.exp(-reach), math.exp(reach)))


def test_the_interval_of_a_ratio_of_rates_is_donners() -> None:
    """It contains the values r for which the interval of a - r b contains 0."""
    a, b = Bounded(0.3, 0.2, 0.45), Bounded(0.5, 0.35, 0.6)
    _, (low, high) = combine_plain(a, b)
    for ratio, edge in ((low, 0), (high, 1)):
        scaled = Bounded(*(ratio * part for part in b))
        assert combine_plain(a, scaled)[0][edge] == pytest.approx(0, abs=1e-12)


@given(POSITIVE, POSITIVE, CORRELATION)
def test_no_pair_of_values_on_the_ellipse_is_outside(a: Bounded, b: Bounded, correlation: float) -> None:
    """The lower limit of the difference is the least one on an ellipse drawn with a million times finer steps."""
    (low, _), _ = combine_logs(a, b, correlation)
    down, up = math.log(a.value / a.low), math.log(b.high / b.value)
    angle = np.linspace(0, 2 * math.pi, 20_000)
    x = np.cos(angle)
    y = math.sqrt(1 - correlation**2) * np.sin(angle) - correlation * x
    least = float((a.value * np.exp(-down * x) - b.value * np.exp(up * y)).min())
    assert low == pytest.approx(least, abs=1e-3 * (abs(least) + a.value + b.value))
