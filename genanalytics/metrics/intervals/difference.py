"""Limits of a difference and of a ratio of two estimates, out of the limits of each (MOVER).

On either scale, the difference excludes 0 exactly when the ratio excludes 1: both are limits of the same set of pairs
of values.
"""

import math
from typing import NamedTuple

import numpy as np

Interval = tuple[float, float]
UNKNOWN: Interval = (math.nan, math.nan)

_STEPS = 720


class Bounded(NamedTuple):
    """An estimate and its limits."""

    value: float
    low: float
    high: float


def combine_logs(a: Bounded, b: Bounded, correlation: float = 0.0) -> tuple[Interval, Interval]:
    """Return the limits of the difference and of the ratio of two positive estimates with positive limits.

    The limits of the ratio are those of the difference of logarithms (G. Y. Zou and A. Donner, "Construction of
    confidence limits about effect measures", Statistics in Medicine 27, 2008; with a correlation: G. Y. Zou, "Toward
    using confidence intervals to compare correlations", Psychological Methods 12, 2007). The limits of the difference
    are its extremes over the same ellipse of pairs of logarithms.
    """
    low, difference_low = _find_lower(a, b, correlation)
    high, difference_high = _find_lower(b, a, correlation)
    ratio = a.value / b.value
    return (difference_low, -difference_high), (ratio * math.exp(-low), ratio * math.exp(high))


def combine_plain(a: Bounded, b: Bounded, correlation: float = 0.0) -> tuple[Interval, Interval]:
    """Return the limits of the difference and of the ratio of two estimates, such as rates.

    R. G. Newcombe, "Interval estimation for the difference between independent proportions", Statistics in Medicine 17,
    1998, method 10; for the ratio A. Donner and G. Y. Zou, "Closed-form confidence intervals for functions of the
    normal mean and standard deviation", Statistical Methods in Medical Research 21, 2012: the values r for which the
    interval of a - r b contains 0. The ratio is unknown unless both estimates are above 0; without an upper limit it is
    infinite.
    """
    down, up = (a.value - a.low, b.high - b.value), (a.high - a.value, b.value - b.low)
    middle = a.value - b.value
    difference = middle - _add(*down, correlation), middle + _add(*up, correlation)
    if not (a.value > 0 and b.value > 0):
        return difference, UNKNOWN
    relative = ((one / a.value, other / b.value) for one, other in (down, up))  # so that no square is too large
    (over, under, middle), (over_up, under_up, middle_up) = (
        (1 - one * one, 1 - other * other, 1 - correlation * one * other) for one, other in relative
    )
    root = math.sqrt(max(middle**2 - over * under, 0.0))
    if middle < 0 and under < 0:  # the sides vary together, and one beyond its value: the same root in another form
        low = (middle - root) / under
    elif middle + root > 0:
        low = over / (middle + root)
    else:
        low = 0.0  # that of an estimate whose lower limit is 0
    root = math.sqrt(max(middle_up**2 - over_up * under_up, 0.0))
    if middle_up < 0 and over_up < 0:
        high = over_up / (middle_up - root)
    else:
        high = (middle_up + root) / under_up if under_up > 0 else math.inf
    ratio = a.value / b.value
    return difference, (ratio * low, ratio * high)


def _find_lower(a: Bounded, b: Bounded, correlation: float) -> tuple[float, float]:
    """Return how far the logarithm of a/b reaches down, and the least a - b over the same ellipse."""
    down, up = math.log(a.value / a.low), math.log(b.high / b.value)
    reach = _add(down, up, correlation)
    left = math.sqrt(1 - correlation**2)
    angles = np.linspace(0, 2 * math.pi, _STEPS)
    # where the ratio is least: a step between the angles must not hide it
    least = math.atan2(left * up, down - correlation * up)
    angles = np.append(angles, least)
    of_a = np.cos(angles)
    of_b = left * np.sin(angles) - correlation * of_a
    with np.errstate(over="ignore"):
        differences = a.value * np.exp(-down * of_a) - b.value * np.exp(up * of_b)
    return reach, float(differences.min())


def _add(one: float, other: float, correlation: float) -> float:
    size = max(abs(one), abs(other))
    if not size > 0:
        return 0.0
    one, other = one / size, other / size  # so that no square is too large
    return size * math.sqrt(max(one * one + other * other - 2 * correlation * one * other, 0.0))
