"""The rounding of amounts in an activity export, and the test whether small differences are more than that.

A row alone shows nothing: its difference is less than the last decimal. Together, many of them do. If amounts are cut
or rounded to a step q, errors are spread evenly over a range of q, with variance q^2 / 12 (W. R. Bennett, "Spectra of
quantized signals", Bell System Technical Journal 27, 1948). So the sum of n independent errors has the standard
deviation q sqrt(n / 12), and is nearly normal.

What the rounding of each record explains is known, and subtracted: z = (sum of differences - sum of what rounding
explains) / (q sqrt(n / 12)). It is 0 if the export shows exactly the rounded records.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Amounts = NDArray[np.int64]
"""Amounts in whole nano-dollars."""

STEP_NANOUSD = 1_000
"""The last decimal of an export, the sixth."""

_HALF = STEP_NANOUSD // 2
_CRITICAL = 2.394
"""The two-sided 5 % limit of a normal distribution, shared by the three amounts of a generation (Bonferroni)."""
_NEARLY_ALL = 0.99
"""Only if rounding to the nearest explains this share of the rows, amounts are rounded: the service cuts them."""


@dataclass(frozen=True, slots=True)
class Drift:
    """The sum of many small differences, and what rounding explains of it; amounts in whole nano-dollars.

    Attributes:
        generations: The number of generations whose amount is not 0.
        difference: The sum of all differences, activity minus records.
        rounding: What the rounding of the export explains of it.
    """

    generations: int
    difference: int
    rounding: int

    @property
    def unexplained(self) -> int:
        """The rest of the difference."""
        return self.difference - self.rounding

    @property
    def noise(self) -> float:
        """The standard deviation of the sum of as many rounding errors."""
        return STEP_NANOUSD * sqrt(self.generations / 12)

    @property
    def exceeds_noise(self) -> bool:
        """Whether the rest is more than rounding explains, with a chance of error of at most 5 % over three amounts."""
        return abs(self.unexplained) > _CRITICAL * self.noise


def explain_by_rounding(exact: Amounts, shown: Amounts) -> Amounts:
    """Return the difference to each exact amount that the rounding of the shown ones explains, in nano-dollars.

    The service cuts amounts towards zero. If rounding to the nearest explains nearly all amounts, they were rounded
    instead; amounts with more than six decimals were not rounded at all.

    >>> exact = np.array([1_999, 2_500, -1_999])
    >>> explain_by_rounding(exact, np.array([1_000, 2_000, -1_000])).tolist()
    [-999, -500, 999]
    >>> explain_by_rounding(exact, np.array([2_000, 3_000, -2_000])).tolist()
    [1, 500, -1]
    """
    if (shown % STEP_NANOUSD).any():
        return np.zeros_like(exact)
    size, sign = np.abs(exact), np.sign(exact)
    cut = sign * (size - size % STEP_NANOUSD)
    rounded = sign * ((size + _HALF) // STEP_NANOUSD * STEP_NANOUSD)
    rounded = np.where(np.abs(shown - exact) == _HALF, shown, rounded)  # a half can be rounded either way
    of_cut, of_rounded = (float((shown == way).mean()) if len(shown) else 1.0 for way in (cut, rounded))
    explained: Amounts = (rounded if of_rounded > of_cut and of_rounded >= _NEARLY_ALL else cut) - exact
    return explained


def find_drift(exact: Amounts, shown: Amounts) -> Drift:
    """Return the drift between exact amounts and those of an export, each pair within its rounding."""
    counted = int(((exact != 0) | (shown != 0)).sum())
    return Drift(counted, int((shown - exact).sum()), int(explain_by_rounding(exact, shown).sum()))
