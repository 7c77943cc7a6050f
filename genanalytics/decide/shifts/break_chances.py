"""The chance of a step as clear as an observed one in a series of days without a step.

No formula holds for few days, so the chances are simulated: the table has the statistics of `steps` that series without
a step exceed with a given chance. The days of these series depend on each other as strongly as half of each day's
deviation remaining the next day (AR(1) of 0.5), with normal noise or with heavy tails (Student's t of 3 degrees of
freedom), whichever gives the larger value. Series whose days depend less on each other have fewer false alarms than the
p value says. `python3 dev.py bench breaks` makes the table.
"""

import numpy as np

DAYS = (14, 16, 18, 21, 24, 27, 28, 35, 45, 60, 90, 180, 365)
"""The number of days: a row of the table each. From 28 days on, a step needs 7 days on either side, not 5."""

CHANCES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001)
"""A column of the table each."""

STATISTICS: tuple[tuple[float, ...], ...] = (
    (1.5, 2.97, 4.08, 5.2, 6.73, 7.91, 9.15, 10.88, 12.39, 14.03, 16.41, 18.72),
    (1.55, 2.93, 3.97, 4.97, 6.28, 7.28, 8.28, 9.71, 10.82, 11.87, 13.25, 14.42),
    (1.6, 2.93, 3.89, 4.82, 5.99, 6.84, 7.73, 8.9, 9.8, 10.8, 12.32, 13.58),
    (1.71, 2.88, 3.74, 4.55, 5.59, 6.37, 7.13, 8.1, 8.81, 9.48, 10.47, 11.47),
    (1.74, 2.83, 3.6, 4.36, 5.32, 6.03, 6.71, 7.58, 8.23, 8.86, 9.67, 10.47),
    (1.77, 2.81, 3.52, 4.22, 5.12, 5.79, 6.43, 7.29, 7.91, 8.53, 9.34, 9.96),
    (1.61, 2.61, 3.33, 4.02, 4.9, 5.55, 6.19, 7.03, 7.62, 8.35, 9.18, 9.87),
    (1.7, 2.6, 3.23, 3.85, 4.62, 5.2, 5.78, 6.51, 7.07, 7.62, 8.29, 8.82),
    (1.77, 2.6, 3.16, 3.69, 4.37, 4.87, 5.38, 6.02, 6.49, 6.99, 7.68, 8.14),
    (1.85, 2.61, 3.12, 3.6, 4.21, 4.65, 5.12, 5.73, 6.2, 6.62, 7.28, 7.76),
    (1.93, 2.62, 3.07, 3.51, 4.06, 4.47, 4.88, 5.43, 5.85, 6.3, 7.02, 7.5),
    (2.04, 2.67, 3.06, 3.44, 3.91, 4.27, 4.64, 5.14, 5.55, 6.04, 6.7, 7.51),
    (2.12, 2.71, 3.08, 3.42, 3.86, 4.18, 4.48, 4.97, 5.36, 5.79, 6.47, 7.45),
)
"""Rows as `DAYS`, columns as `CHANCES`."""

RAISED = 1.25
"""The factor by which chances are raised: the table is simulated, and its last column is right to about a fifth."""

LEAST_CHANCE = 1e-9
"""The lowest chance that is returned."""

_SHARES = 1 / np.array(DAYS[::-1])
_TABLE = np.log(np.array(STATISTICS[::-1]))
_CHANCES = np.log(np.array((1.0, *CHANCES)))
_TAIL = 3
"""The number of columns at the end of the table that give the slope beyond it."""


def find_chance(statistic: float, days: int) -> float:
    """Return the chance of a statistic, or a higher one, in a series of days without a step.

    Beyond the table, the logarithm of the chance falls with that of the statistic as it does at the end of the table.

    >>> find_chance(4.9, 28), find_chance(1.0, 28), find_chance(float("inf"), 28)
    (0.025, 1.0, 1e-09)
    """
    if np.isinf(statistic):
        return LEAST_CHANCE
    points = np.array([0.0, *(np.interp(1 / days, _SHARES, column) for column in _TABLE.T)])
    seen = float(np.log(max(statistic, 1.0)))
    slope = (_CHANCES[-1] - _CHANCES[-_TAIL]) / (points[-1] - points[-_TAIL])
    found = np.interp(seen, points, _CHANCES) + slope * max(0.0, seen - points[-1])
    return min(1.0, max(LEAST_CHANCE, RAISED * float(np.exp(found))))
