"""The billed requests of a group as arrays: counts and the true amounts behind the shown ones."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np

from genanalytics.bill.amounts import Interval, Resolution, bound


@dataclass(frozen=True, slots=True)
class Requests:
    """Billed requests: float64 arrays of one length, amounts in micro-dollars.

    Attributes:
        prompt: Native prompt tokens.
        completion: Native completion tokens.
        cached: The part of the prompt that was read from the cache; NaN if it is unknown.
        charge: What was paid.
        discount: What caching saved (negative: cost); exactly 0 where none is reported.
        has_discount: Whether a saving or a cost of caching is reported (bool).
    """

    prompt: "np.ndarray"
    completion: "np.ndarray"
    cached: "np.ndarray"
    charge: Interval
    discount: Interval
    has_discount: "np.ndarray"

    def __len__(self) -> int:
        return len(self.prompt)

    def __getitem__(self, rows: "np.ndarray") -> Self:
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    def choose(self, other: "Requests", rows: "np.ndarray") -> "Requests":
        """Return these requests, but the amounts of some rows out of `other`."""
        charge, discount = (
            Interval(np.where(rows, theirs.low, ours.low), np.where(rows, theirs.high, ours.high))
            for ours, theirs in ((self.charge, other.charge), (self.discount, other.discount))
        )
        return replace(self, charge=charge, discount=discount)

    @property
    def gross(self) -> Interval:
        """What would have been paid without caching."""
        return self.charge + self.discount

    @property
    def uncached(self) -> "np.ndarray":
        """The part of the prompt that was not read from the cache: the most that can have been written to it."""
        tokens: np.ndarray = self.prompt - self.cached
        return tokens


@dataclass(frozen=True, slots=True)
class Shown:
    """Requests as records show them: float64 arrays of one length, amounts in micro-dollars.

    `saved` is NaN where nothing is reported; the others are as in `Requests`.
    """

    prompt: "np.ndarray"
    completion: "np.ndarray"
    cached: "np.ndarray"
    paid: "np.ndarray"
    saved: "np.ndarray"

    def bound(self, resolution: Resolution) -> Requests:
        """Return the requests with the true amounts that are shown as these ones."""
        reported = np.isfinite(self.saved)
        shown = np.where(reported, self.saved, 0.0)
        saved = bound(shown, resolution)
        saved = Interval(np.where(reported, saved.low, 0.0), np.where(reported, saved.high, 0.0))
        charge = bound(self.paid, resolution)
        return Requests(self.prompt, self.completion, self.cached, charge, saved, reported & (shown != 0))


def join_requests(parts: Sequence[Requests]) -> Requests:
    """Return all requests of several groups, one group after the other."""
    return Requests(
        np.concatenate([part.prompt for part in parts]),
        np.concatenate([part.completion for part in parts]),
        np.concatenate([part.cached for part in parts]),
        _join_intervals([part.charge for part in parts]),
        _join_intervals([part.discount for part in parts]),
        np.concatenate([part.has_discount for part in parts]),
    )


def _join_intervals(parts: Sequence[Interval]) -> Interval:
    return Interval(np.concatenate([part.low for part in parts]), np.concatenate([part.high for part in parts]))
