"""Intervals from counting alone: of a rate, and of a percentile by the ranks of its neighbours."""

from functools import lru_cache
from statistics import NormalDist

import numpy as np

LEVEL = 0.95
"""The share of intervals that should contain the true value."""

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution."""

_TAIL = (1 - LEVEL) / 2
_GENEROUS = 0.97
_REACH = 12
"""The standard deviations of a binomial count that matter: the chance of a count further out is below 1e-30."""


def wilson(successes: "np.ndarray", n: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Return the lower and the upper limit of a rate, from 0 to 1; NaN if `n` is 0.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).

    >>> low, high = wilson(np.array([8]), np.array([10]))
    >>> f"{low[0]:.3f} to {high[0]:.3f}"
    '0.490 to 0.943'
    """
    known = np.where(n > 0, n, np.nan)
    share = successes / known
    middle = (share + Z**2 / (2 * known)) / (1 + Z**2 / known)
    half = Z * np.sqrt(share * (1 - share) / known + Z**2 / (4 * known**2)) / (1 + Z**2 / known)
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


@lru_cache(maxsize=1 << 16)
def find_ranks(n: int, level: float) -> tuple[int, int] | None:
    """Return the ranks, from 1 to `n`, of the values that enclose a percentile; None if `n` is too small.

    The number of rows below the true percentile is binomial for any distribution of the values. So the true
    percentile is outside these values with a chance of at most 2.5 % on either side (H. A. David and H. N. Nagaraja,
    "Order Statistics", 2003, section 7.1). Counts have steps: if both sides together leave out less than 3 %, one rank
    moves inwards by one, if the values still enclose 95 %; the ranks of a median stay symmetric.

    >>> find_ranks(100, 0.5), find_ranks(100, 0.99)
    ((40, 61), None)
    """
    first, chances = _find_chances(n, level)
    low = first + int(np.searchsorted(np.cumsum(chances), _TAIL, side="right"))
    high = first + len(chances) - int(np.searchsorted(np.cumsum(chances[::-1]), _TAIL, side="right"))
    if low < 1 or high > n:
        return None

    def covered(limits: tuple[int, int]) -> float:
        return float(chances[limits[0] - first : limits[1] - first].sum())

    if covered((low, high)) > _GENEROUS and level != 0.5:  # noqa: PLR2004 - of a median, neither side is the one to move
        tighter = sorted([(low + 1, high), (low, high - 1)], key=covered)
        return next((limits for limits in tighter if covered(limits) >= LEVEL), (low, high))
    return low, high


@lru_cache(maxsize=1 << 16)
def find_points(n: int, level: float) -> tuple[float, float] | None:
    """Return the distances of the values at `find_ranks` from the percentile, in standard errors; None for too few.

    They are the normal quantiles of the chances that the percentile is beyond these values: 1.96 on both sides, except
    that counts have steps.

    >>> [round(point, 2) for point in find_points(100, 0.95)]
    [2.27, 1.79]
    """
    limits = find_ranks(n, level)
    if limits is None:
        return None
    first, chances = _find_chances(n, level)
    below, above = chances[: limits[0] - first].sum(), chances[limits[1] - first :].sum()
    return -NormalDist().inv_cdf(float(below)), -NormalDist().inv_cdf(float(above))


def _find_chances(n: int, level: float) -> "tuple[int, np.ndarray]":
    """Return the chances of a binomial count that are not negligible, and the first of these counts."""
    reach = _REACH * (n * level * (1 - level)) ** 0.5 + 3 * _REACH
    first, last = max(0, int(n * level - reach)), min(n, int(n * level + reach))
    counts = np.arange(first, last)
    steps = np.log(
        (n - counts) / (counts + 1) * (level / (1 - level))
    )  # from the chance of a count to that of the next
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    weights = np.exp(logs - logs.max())
    return first, weights / weights.sum()
