"""The chance of a difference without an effect (p-value), and which of many differences to believe."""

import math
from collections.abc import Sequence

import numpy as np

from genanalytics.metrics.intervals.binomial import Z

_HALF = 0.5

FALSE_DISCOVERIES = 0.05
"""The expected share of false discoveries among all discoveries."""


def count_independent_rows(share: float, low: float, high: float) -> float:
    """Return the number of independent rows whose rate has these Wilson limits; NaN if a limit is unknown.

    The farther limit p solves n (p - share)^2 = z^2 p (1 - p).

    >>> round(count_independent_rows(0.8, 0.49016, 0.94332), 2)
    10.0
    """
    far = low if share - low > high - share else high
    return Z**2 * far * (1 - far) / (far - share) ** 2 if far != share else math.nan


def find_chance_of_rate(share: float, n: float, others: float, n_others: float) -> float:
    """Return the chance that a rate is at least so far above that of the others, if nothing differs; one-sided.

    The mid-p value of Fisher's test (H. O. Lancaster, "Significance tests in discrete distributions", JASA 56, 1961),
    by W. Molenaar's approximation ("Simple approximations to the Poisson, binomial, and hypergeometric distributions",
    Biometrics 29, 1973), halfway between the chances of at least so many and of more rows. It needs no whole numbers:
    `n` and `n_others` can be numbers of independent rows.

    >>> round(find_chance_of_rate(0.08, 100, 0.0275, 2000), 3)
    0.006
    """
    above = (share * n + _HALF) * ((1 - others) * n_others + _HALF)
    below = ((1 - share) * n + _HALF) * (others * n_others + _HALF)
    distance = math.sqrt(above) - math.sqrt(below)
    return _find_upper_tail(2 * distance / math.sqrt(max(n + n_others - 1, 1.0)))


def find_chance_of_change(before: Sequence[float], after: Sequence[float]) -> float:
    """Return the chance that pairs of amounts differ at least so much on average, if nothing changed; two-sided.

    Student's t for the relative differences (after - before) / (|after| + |before|): so a pair with large amounts does
    not outweigh all others. They are symmetric if nothing changed, for which t is cautious (Y. Benjamini, "Is the t
    test really conservative when the parent distribution is long-tailed?", JASA 78, 1983). t becomes normal by D. L.
    Wallace, "Bounds on normal approximations to Student's and the chi-square distributions", Annals of Mathematical
    Statistics 30, 1959. The chance is 1 if the amounts together change in the other direction, or for one pair.

    >>> round(find_chance_of_change([1.0, 2.0, 3.0, 4.0], [1.5, 2.5, 4.0, 8.0]), 3)
    0.029
    """
    was, now = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    sizes = np.abs(was) + np.abs(now)
    values = (now - was) / np.where(sizes > 0, sizes, 1.0)
    freedom = len(values) - 1
    if freedom < 1 or not values.sum() * (now - was).sum() > 0:
        return 1.0
    with np.errstate(divide="ignore"):
        t_2 = values.mean() ** 2 * len(values) / values.var(ddof=1)
    shrunk = (8 * freedom + 1) / (8 * freedom + 3)
    return 2 * _find_upper_tail(shrunk * math.sqrt(freedom * math.log1p(t_2 / freedom)))


def find_discoveries(chances: Sequence[float]) -> list[bool]:
    """Return which differences to believe, so that at most 5 % of them are false on average.

    Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate: a practical and powerful approach to multiple
    testing", JRSS B 57, 1995. If nothing differs at all, each discovery is false: then at most 5 of 100 families have
    any.

    >>> find_discoveries([0.01, 0.5, 0.03, 0.9])
    [True, False, False, False]
    """
    ranked = np.sort(chances)
    below = ranked <= FALSE_DISCOVERIES * np.arange(1, len(ranked) + 1) / max(len(ranked), 1)
    limit = ranked[below].max(initial=-1.0)
    return [bool(chance <= limit) for chance in chances]


def _find_upper_tail(z: float) -> float:
    """Return the chance that a standard normal value is above z."""
    return math.erfc(z / math.sqrt(2)) / 2
