"""Intervals of ratios of sums, from the sums of clusters: rows that depend on each other, such as those of a session.

A mean is a ratio too (a sum divided by a count), and a sum is a ratio with a fixed denominator. Everything is computed
from the residuals `over - ratio * under` of the clusters, so that a resample costs a few products of matrices.
"""

from dataclasses import dataclass

import numpy as np

from genanalytics.metrics.intervals.binomial import LEVEL, Z

FEWEST = 6
"""With fewer clusters the spread cannot be estimated; a median needs as many rows."""

MOST = 5_000
"""With more clusters the sums are so nearly normal that resampling is no better than the delta method."""

_DRAWS = 1_999
_SEED = 1927
_NOTHING = 1e-12
_ROUNDING = 1e-5
"""A difference that is a smaller share of its operands is a rounding error: in float64, in float32."""


def student(clusters: "np.ndarray | int") -> "np.ndarray":
    """Return the 97.5 % point of Student's t for a number of clusters, to 0.0003 for `FEWEST` of them and above.

    M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions" (1964), 26.7.5.

    >>> student(np.array([6, 31, 1_000_000])).round(3).tolist()
    [2.57, 2.042, 1.96]
    """
    freedom = np.maximum(np.asarray(clusters, dtype=float) - 1, 1)
    terms = (
        (Z**3 + Z) / 4,
        (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96,
        (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384,
        (79 * Z**9 + 776 * Z**7 + 1482 * Z**5 - 1920 * Z**3 - 945 * Z) / 92_160,
    )
    point: np.ndarray = Z + sum(term / freedom ** (power + 1) for power, term in enumerate(terms))
    return point


@dataclass(frozen=True, slots=True)
class Moments:
    """The sums over the clusters of each group that the delta method needs.

    Attributes:
        clusters: The number of clusters in which something is known.
        over: The sum of the numerators.
        under: The sum of the denominators.
        over_2: The sum of the squares of the numerators.
        product: The sum of the products of both.
        under_2: The sum of the squares of the denominators.
    """

    clusters: "np.ndarray"
    over: "np.ndarray"
    under: "np.ndarray"
    over_2: "np.ndarray"
    product: "np.ndarray"
    under_2: "np.ndarray"


def delta(sums: Moments) -> "tuple[np.ndarray, np.ndarray]":
    """Return the limits of ratios by the delta method; NaN for fewer clusters than `FEWEST`.

    W. G. Cochran, "Sampling Techniques" (1977), section 6.3, with Student's t instead of the normal distribution.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        known = np.where(sums.clusters >= FEWEST, sums.clusters, np.nan)
        ratio = sums.over / sums.under
        squares = np.maximum(sums.over_2 - 2 * ratio * sums.product + ratio**2 * sums.under_2, 0.0)
        half = student(sums.clusters) * np.sqrt(squares * known / (known - 1)) / np.abs(sums.under)
        return ratio - half, ratio + half


def studentize(over: "np.ndarray", under: "np.ndarray", weights: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Return the limits of ratios of sums by the bootstrap of Student's t.

    The distance of each draw from the ratio is measured in standard errors of the draw itself. That follows the
    skewness of costs and times, unlike the percentiles of the draws (B. Efron and R. J. Tibshirani, "An Introduction to
    the Bootstrap", 1993, section 12.5; A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application",
    1997, chapter 5). The result is widened by the ratio of Student's t to the normal distribution, since few clusters
    understate their own spread (T. C. Hesterberg, "What Teachers Should Know About the Bootstrap", The American
    Statistician 69, 2015).

    Args:
        over: A row per cluster and a column per ratio: the sums of the numerators, 0 where nothing is known.
        under: The same of the denominators.
        weights: `draw_counts` of at least as many clusters.

    Returns:
        Lower and upper limit per column; NaN with fewer clusters than `FEWEST`, or if they differ so much that a limit
        has no bound.
    """
    known = np.count_nonzero((over != 0) | (under != 0), axis=0)
    limits = np.full((2, len(known)), np.nan)
    able = known >= FEWEST
    over, under, known = over[:, able], under[:, able], known[able]
    with np.errstate(divide="ignore", invalid="ignore"):
        by = under.sum(axis=0)
        ratio = over.sum(axis=0) / by
        residuals = over - ratio * under
        spread = np.sqrt((residuals**2).sum(axis=0))
        spread[spread <= _NOTHING * np.abs(over).sum(axis=0)] = 0.0
        low, high = _find_points(residuals / spread, under / by, weights[: len(over)])
        error = spread / by * np.sqrt(known / (known - 1)) * student(known) / Z
        found = np.sort([ratio - np.where(spread == 0, 0.0, point) * error for point in (high, low)], axis=0)
    limits[:, able] = np.where(np.isfinite(found).all(axis=0), found, np.nan)
    return limits[0], limits[1]


def draw_counts(clusters: int) -> "np.ndarray":
    """Return how often each cluster is drawn: a row per cluster and a column per draw, the same every time.

    The counts are Poisson instead of multinomial, which makes no difference to a ratio; so the first rows are the draws
    of fewer clusters.
    """
    return np.random.default_rng(_SEED).poisson(1.0, (clusters, _DRAWS)).astype(np.float32)


def _find_points(
    residuals: "np.ndarray", under: "np.ndarray", weights: "np.ndarray"
) -> "tuple[np.ndarray, np.ndarray]":
    """Return the points between which Student's t is in 95 % of the draws, per column; infinite if it has no bound."""
    sums = np.hstack([residuals, residuals**2, residuals * under, under, under**2]).astype(np.float32)
    distance, squares, products, by, by_2 = np.split(sums.T @ weights, 5)
    ratio = distance / by
    scale = squares + ratio**2 * by_2
    variance = scale - 2 * ratio * products
    variance[variance <= _ROUNDING * scale] = 0.0  # the same cluster was drawn every time
    # a draw without a known cluster has no t: it counts as 0
    t = np.nan_to_num(distance / np.sqrt(variance), nan=0.0, posinf=np.inf, neginf=-np.inf)
    last = round((_DRAWS + 1) * (1 + LEVEL) / 2) - 1
    t.partition([_DRAWS - 1 - last, last], axis=1)
    return np.minimum(t[:, _DRAWS - 1 - last], 0.0), np.maximum(t[:, last], 0.0)
