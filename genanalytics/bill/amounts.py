"""How exact billed amounts are: their unit, whether they were rounded or cut, and the true amounts behind them.

Amounts are in micro-dollars, so that a price in US$ per million tokens times tokens is an amount.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import numpy as np

FINEST = 1e-6
"""The smallest unit in micro-dollars: amounts as 64-bit floats carry no more of a dollar."""
COARSEST = 1e4
"""The largest unit in micro-dollars: a cent."""
SHOWN = 1.0
"""The unit of the service's activity export in micro-dollars. Only many amounts prove a larger one."""

FEE_STEP = 500.0
"""The step of fees for tools in micro-dollars: such as 0.004 a search result, 0.002 a page."""
MOST_FEE = 2e5
"""The largest fee in micro-dollars that is recognized without a sign of a tool."""
SHARP = 0.1
"""Up to this width of the interval of an amount in micro-dollars, a whole number of steps is no chance."""

_ON_GRID = 0.99
_MANY = 20
NOISE = 1e-15
"""What arithmetic of 64-bit floats adds to an amount, as a share of it."""
FULL = 1e-6
"""The part of the unit by which an amount may miss a whole number of units."""
MICRO_PER_USD = 1e6
NANO_PER_USD = 1e9
NANO_PER_MICRO = 1e3


class Ending(Enum):
    """What happened to the digits below the unit."""

    EXACT = "exact"
    """There are none: the amounts are shown to the last digit."""
    ROUNDED = "rounded"
    CUT = "cut"
    """Cut towards zero, as in the activity export of the service."""
    UNKNOWN = "unknown"


REACH = {Ending.EXACT: 0.0, Ending.ROUNDED: 0.5, Ending.UNKNOWN: 1.0}
"""How far from a shown amount the true one can be, in units, on both sides; `bound` treats `CUT`."""


class Resolution(NamedTuple):
    """The unit of amounts in micro-dollars, and what happened to the digits below it."""

    unit: float = FINEST
    ending: Ending = Ending.UNKNOWN

    def to_json(self) -> dict[str, object]:
        """Return it for `attrs`: the unit in US$, and the ending."""
        return {"unit": self.unit / MICRO_PER_USD, "ending": self.ending.value}

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> "Resolution":
        """Read it from `attrs`."""
        return cls(float(str(stored["unit"])) * MICRO_PER_USD, Ending(stored["ending"]))


@dataclass(frozen=True, slots=True)
class Interval:
    """The lowest and the highest true value of each amount (float64, micro-dollars)."""

    low: "np.ndarray"
    high: "np.ndarray"

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(self.low + other.low, self.high + other.high)

    def __getitem__(self, rows: "np.ndarray") -> "Interval":
        return Interval(self.low[rows], self.high[rows])

    def move(self, amounts: "np.ndarray | float") -> "Interval":
        """Return the interval with these exact amounts added."""
        return Interval(self.low + amounts, self.high + amounts)


def find_unit(amounts: "np.ndarray") -> float:
    """Return the largest power of ten, in micro-dollars, that divides nearly all amounts.

    A unit above the one of the activity export needs many different amounts: a few can be whole by chance.

    >>> find_unit(np.array([153.0, 1641.0])), find_unit(np.array([140.2, 31.25])), find_unit(np.array([1 / 3]))
    (1.0, 0.01, 1e-06)
    """
    distinct = np.unique(np.abs(amounts[np.isfinite(amounts) & (amounts != 0)]))
    if not len(distinct):
        return FINEST
    largest = COARSEST if len(distinct) >= _MANY else SHOWN
    for exponent in range(round(np.log10(largest)), round(np.log10(FINEST)), -1):
        scaled = distinct / 10.0**exponent
        if np.mean(np.abs(scaled - np.round(scaled)) <= FULL + NOISE * scaled) >= _ON_GRID:
            return 10.0**exponent
    return FINEST


def bound(amounts: "np.ndarray", resolution: Resolution) -> Interval:
    """Return the true amounts that are shown as these ones."""
    unit, ending = resolution
    slack = FULL * unit + NOISE * np.abs(amounts)
    if ending is Ending.CUT:  # towards zero: 0 can have been anything between -1 and 1 unit
        low = np.where(amounts > 0, amounts, amounts - unit)
        high = np.where(amounts < 0, amounts, amounts + unit)
        return Interval(low - slack, high + slack)
    reach = REACH[ending] * unit + slack
    return Interval(amounts - reach, amounts + reach)
