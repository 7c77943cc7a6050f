"""Intervals from counting alone: of a rate, and of a percentile by the ranks of its neighbors."""

from functools import lru_cache

import numpy as np

LEVEL = 0.95
"""The share of intervals that should contain the true value."""

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution."""

_TAIL = (1 - LEVEL) / 2
_GENEROUS = 0.97
_ROUNDING = 1e-9
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


def stretch_ranks(n: "np.ndarray", rows: "np.ndarray", level: float) -> "tuple[np.ndarray, np.ndarray]":
    """Return the ranks among `n` values that enclose a percentile, if they say as much as `rows` independent ones.

    They are `find_ranks` of the effective rows, stretched outwards to all rows (R. S. Woodruff, "Confidence intervals
    for medians and other position measures", JASA 47, 1952; E. L. Korn and B. I. Graubard, "Analysis of Health
    Surveys", 1999, section 2.5). NaN for too few rows.

    >>> low, high = stretch_ranks(np.array([100, 100]), np.array([100.0, 25.0]), 0.5)
    >>> low.tolist(), high.tolist()
    ([40.0, 31.0], [61.0, 70.0])
    """
    with np.errstate(invalid="ignore"):
        whole = np.minimum(np.floor(np.nan_to_num(rows) + _ROUNDING), n)
        sizes, places = np.unique(whole, return_inverse=True)
        found = [find_ranks(int(size), level) if size >= 1 else None for size in sizes]
        ranks = np.array([(np.nan, np.nan) if pair is None else pair for pair in found]).reshape(-1, 2)[places]
        stretch = (n + 1) / (whole + 1)
        low, high = np.floor(ranks[:, 0] * stretch + _ROUNDING), np.ceil(ranks[:, 1] * stretch - _ROUNDING)
    return np.maximum(low, 1.0), np.minimum(high, n)


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
