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
    (1.52, 2.85, 3.84, 4.82, 6.1, 7.07, 8.09, 9.5, 10.64, 11.71, 13.19, 14.26),
    (1.59, 2.86, 3.77, 4.66, 5.81, 6.69, 7.55, 8.72, 9.58, 10.59, 11.91, 13.13),
    (1.7, 2.85, 3.67, 4.46, 5.48, 6.25, 7.0, 7.96, 8.67, 9.35, 10.29, 11.07),
    (1.74, 2.81, 3.56, 4.3, 5.23, 5.93, 6.61, 7.48, 8.12, 8.77, 9.63, 10.47),
    (1.77, 2.79, 3.49, 4.16, 5.05, 5.72, 6.36, 7.21, 7.82, 8.43, 9.22, 9.77),
    (1.61, 2.6, 3.29, 3.97, 4.83, 5.46, 6.1, 6.95, 7.57, 8.27, 9.14, 9.81),
    (1.7, 2.6, 3.22, 3.82, 4.58, 5.14, 5.72, 6.45, 7.03, 7.6, 8.27, 8.81),
    (1.77, 2.6, 3.16, 3.68, 4.35, 4.84, 5.34, 5.99, 6.46, 6.96, 7.65, 8.07),
    (1.85, 2.61, 3.11, 3.59, 4.19, 4.64, 5.1, 5.71, 6.18, 6.6, 7.27, 7.76),
    (1.93, 2.62, 3.07, 3.51, 4.05, 4.47, 4.88, 5.42, 5.85, 6.3, 7.0, 7.5),
    (2.04, 2.67, 3.06, 3.44, 3.91, 4.27, 4.64, 5.14, 5.54, 6.04, 6.7, 7.51),
    (2.12, 2.71, 3.08, 3.42, 3.86, 4.18, 4.48, 4.97, 5.36, 5.79, 6.47, 7.45),
)
"""Rows as `DAYS`, columns as `CHANCES`."""

LEAST_CHANCE = 1e-9
"""Chances below this one are not told apart."""

_SHARES = 1 / np.array(DAYS[::-1])
_TABLE = np.log(np.array(STATISTICS[::-1]))
_CHANCES = np.log(np.array((1.0, *CHANCES)))
_TAIL = 3
"""The columns at the end of the table that say how chances go on."""


def find_chance(statistic: float, days: int) -> float:
    """Return the chance of a statistic, or a higher one, in a series of days without a step.

    Beyond the table, the logarithm of the chance falls with that of the statistic as it does at the end of the table.

    >>> find_chance(4.83, 28), find_chance(1.0, 28), find_chance(float("inf"), 28)
    (0.02, 1.0, 1e-09)
    """
    if np.isinf(statistic):
        return LEAST_CHANCE
    points = np.array([0.0, *(np.interp(1 / days, _SHARES, column) for column in _TABLE.T)])
    seen = float(np.log(max(statistic, 1.0)))
    slope = (_CHANCES[-1] - _CHANCES[-_TAIL]) / (points[-1] - points[-_TAIL])
    found = np.interp(seen, points, _CHANCES) + slope * max(0.0, seen - points[-1])
    return max(LEAST_CHANCE, float(np.exp(found)))
