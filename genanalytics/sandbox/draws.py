"""Random draws that are the same on every Python and every platform."""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from random import Random
from statistics import NormalDist
from string import ascii_letters, digits
from typing import Generic, TypeVar

T = TypeVar("T")

_LETTERS = ascii_letters + digits
_STANDARD_NORMAL = NormalDist()


class Weighted(Generic[T]):
    """Items with weights, which need not add up to one."""

    def __init__(self, weights: Mapping[T, float]) -> None:
        self._items = tuple(weights)
        self._reach = tuple(accumulate(weights.values()))

    def at(self, share: float) -> T:
        """Return the item at which the cumulative weight passes `share` (0 to 1) of all weight."""
        return self._items[bisect_right(self._reach, share * self._reach[-1], hi=len(self._items) - 1)]


class Draws:
    """A stream of draws from one seed.

    Python guarantees the same sequence in all versions only for `random.Random.random()`, so all draws here are inverse
    transforms of that method.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed).random  # noqa: S311 - sample data, not a secret

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self._random() < probability

    def uniform(self, low: float, high: float) -> float:
        """Return a number from `low` up to `high`."""
        return low + (high - low) * self._random()

    def whole(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return low + int(self._random() * (high - low + 1))

    def lognormal(self, median: float, sigma: float) -> float:
        """Return a lognormal number with this median; `sigma` is the standard deviation of its logarithm."""
        share = self._random() or 0.5  # 0 has no normal quantile
        return median * math.exp(sigma * _STANDARD_NORMAL.inv_cdf(share))

    def size(self, median: float, sigma: float) -> int:
        """Return a lognormal whole number, at least 1."""
        return max(1, round(self.lognormal(median, sigma)))

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items, all equally likely."""
        return items[int(self._random() * len(items))]

    def weighted(self, choices: Weighted[T]) -> T:
        """Return one of the items, by their weights."""
        return choices.at(self._random())

    def letters(self, length: int) -> str:
        """Return a number of letters and digits, as in ids."""
        return "".join([self.pick(_LETTERS) for _ in range(length)])
