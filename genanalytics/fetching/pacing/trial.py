"""Whether refusals end at a lower rate."""

import math
from typing import Literal

from genanalytics.fetching.pacing.alarm import NOISE

_ODDS = 3.0
"""The logarithm of the odds that end a trial, for noise or for a limit."""
_SETTLING, _LEAST_ANSWERS = 10, 20
"""The answers of a trial that do not count yet, and the fewest that can prove noise."""


class Trial:
    """A lower rate on trial: a limit ends the refusals, noise does not care.

    A sequential probability ratio test (Wald, 1945) of two shares of refusals: half of the share before, and almost
    none. The first part tries a little less than what was accepted. That may be too much where a burst was accepted, so
    a second part tries less than what is accepted now.

    Args:
        rate: The rate before, which noise gives back.
        share: The share of refusals before.
        is_deep: Whether this is the second part.
    """

    def __init__(self, rate: float, share: float, *, is_deep: bool) -> None:
        self.rate = rate
        self.share = share
        self.is_deep = is_deep
        self._odds = 0.0
        self._answers = 0
        self._refused = 0

    @property
    def share_now(self) -> float:
        """The share of refusals during the trial."""
        return self._refused / max(1, self._answers - _SETTLING)

    def note(self, *, refused: bool) -> Literal["noise", "limit"] | None:
        """Weigh an answer; return the result once it is sure."""
        self._answers += 1
        if self._answers <= _SETTLING:  # these still belong to the rate before
            return None
        self._refused += refused
        noise = max(5 * NOISE, self.share / 2)
        self._odds += math.log(noise / NOISE) if refused else math.log((1 - noise) / (1 - NOISE))
        if self._odds < -_ODDS:
            return "limit"
        is_noise = self._odds > _ODDS and self._answers - _SETTLING >= _LEAST_ANSWERS
        return "noise" if is_noise else None
