"""Critical values: of Student's t, and of Student's t for the logarithm of the mean of skewed values.

`critical` is a small table. For lognormal samples of each size and spread, it contains the points beyond which
t = (log estimate - log truth) / (standard error / estimate) is in 2.5 % of all samples on either side. The spread is
estimated from the same sample, and the points are chosen so that they hold nevertheless (R. Beran, "Prepivoting test
statistics", JASA 83, 1988; W.-Y. Loh, "Calibrating confidence coefficients", JASA 82, 1987). So it does what a
parametric bootstrap of Student's t does (A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application",
1997, sections 2.2.1 and 5.2), without draws. `python3 dev.py bench critical` makes the table.
"""

import numpy as np

from genanalytics.metrics.intervals.binomial import Z

SIZES = (6, 7, 8, 10, 12, 16, 24, 50, 100, 250, 1000, 4000, 16000)
"""The sizes of samples: a row of the table each."""

SPREADS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
"""The standard deviations of the logarithms of the values: a column of the table each. The first is Student's t."""

BELOW = (
    (2.57, 4.1, 8.16, 11.64, 13.12, 14.42, 15.35),
    (2.45, 3.77, 6.87, 10.49, 13.25, 14.72, 16.24),
    (2.36, 3.38, 6.08, 9.38, 11.69, 13.35, 15.3),
    (2.26, 3.07, 5.05, 7.93, 10.33, 12.27, 14.66),
    (2.2, 2.87, 4.51, 7.14, 9.6, 11.78, 13.72),
    (2.13, 2.7, 4.0, 6.0, 8.45, 10.86, 13.46),
    (2.07, 2.47, 3.46, 4.96, 7.07, 9.33, 11.59),
    (2.01, 2.27, 2.95, 4.03, 5.49, 7.37, 9.37),
    (1.98, 2.13, 2.62, 3.47, 4.67, 6.27, 8.07),
    (1.97, 2.09, 2.36, 3.01, 3.97, 5.35, 6.97),
    (1.96, 2.02, 2.17, 2.58, 3.27, 4.36, 5.79),
    (1.96, 1.96, 2.01, 2.29, 2.88, 3.78, 4.97),
    (1.96, 2.04, 2.04, 2.23, 2.63, 3.41, 4.51),
)
"""The points on the side of the samples that are too low: they give the upper limit."""

ABOVE = (
    (2.57, 2.1, 2.02, 1.86, 2.05, 2.26, 1.94),
    (2.45, 1.95, 1.99, 1.84, 2.04, 2.18, 1.96),
    (2.36, 1.91, 1.98, 1.85, 2.0, 2.12, 1.98),
    (2.26, 1.9, 1.85, 1.86, 1.88, 2.08, 1.95),
    (2.2, 1.88, 1.86, 1.84, 1.87, 2.02, 1.96),
    (2.13, 1.89, 1.8, 1.83, 1.83, 1.97, 1.9),
    (2.07, 1.86, 1.76, 1.75, 1.78, 1.88, 1.91),
    (2.01, 1.87, 1.78, 1.71, 1.75, 1.83, 1.91),
    (1.98, 1.89, 1.78, 1.69, 1.69, 1.8, 1.89),
    (1.97, 1.89, 1.77, 1.68, 1.64, 1.71, 1.82),
    (1.96, 1.92, 1.82, 1.7, 1.59, 1.62, 1.72),
    (1.96, 1.96, 1.86, 1.7, 1.55, 1.51, 1.6),
    (1.96, 1.94, 1.94, 1.85, 1.63, 1.48, 1.51),
)
"""The points on the side of the samples that are too high: they give the lower limit."""

_PLACES = np.array([0.0, *(size**-0.5 for size in reversed(SIZES))])
_TABLE = np.array([[(Z,) * len(SPREADS), *reversed(side)] for side in (BELOW, ABOVE)])
_STEP = SPREADS[1]
_EXACT = (12.7062, 4.3027, 3.1824, 2.7764)
"""Student's t for 2 to 5 clusters, for which `student` is not accurate enough."""


def critical(n: "np.ndarray", spread: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Return the critical values below and above for numbers of clusters and spreads of logarithms.

    They are interpolated linearly between spreads and in 1 / sqrt(n), and are those of a normal distribution for
    infinitely many clusters. Fewer clusters than 6 count as 6, a larger spread than 3 as 3.

    >>> below, above = critical(np.array([12, 1_000_000]), np.array([1.0, 1.0]))
    >>> below.round(2).tolist(), above.round(2).tolist()
    ([4.51, 1.97], [1.86, 1.96])
    """
    place = np.clip(1 / np.sqrt(np.maximum(n, 1.0)), 0.0, _PLACES[-1])
    column = np.clip(np.nan_to_num(spread), 0.0, SPREADS[-1]) / _STEP
    row = np.clip(np.searchsorted(_PLACES, place) - 1, 0, len(_PLACES) - 2)
    left = np.minimum(column.astype(int), len(SPREADS) - 2)
    down, right = (place - _PLACES[row]) / (_PLACES[row + 1] - _PLACES[row]), column - left

    def interpolate(side: int) -> "np.ndarray":
        first, second = (
            (1 - right) * _TABLE[side, at, left] + right * _TABLE[side, at, left + 1] for at in (row, row + 1)
        )
        found: np.ndarray = (1 - down) * first + down * second
        return found

    return interpolate(0), interpolate(1)


def student(clusters: "np.ndarray | int") -> "np.ndarray":
    """Return the 97.5 % point of Student's t for a number of clusters, at least 2, to 0.0003.

    M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions" (1964), 26.7.5. Between whole numbers below 6
    it is interpolated.

    >>> student(np.array([3, 6, 31, 1_000_000])).round(3).tolist()
    [4.303, 2.57, 2.042, 1.96]
    """
    counts = np.maximum(np.asarray(clusters, dtype=float), 2.0)
    freedom = np.maximum(counts, 6) - 1
    terms = (
        (Z**3 + Z) / 4,
        (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96,
        (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384,
        (79 * Z**9 + 776 * Z**7 + 1482 * Z**5 - 1920 * Z**3 - 945 * Z) / 92_160,
    )
    point: np.ndarray = Z + sum(term / freedom ** (power + 1) for power, term in enumerate(terms))
    few = np.interp(counts, range(2, 7), [*_EXACT, 2.5706])
    return np.where(counts < 6, few, point)  # noqa: PLR2004 - see _EXACT
