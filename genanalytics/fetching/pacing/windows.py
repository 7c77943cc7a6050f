"""Limits per window of time: many requests get through at once, and then none until the window ends."""

import math

SHORT_PAUSE_S = 2.0
"""A pause up to this long tells nothing about windows."""

_ALIKE = 0.75
"""Two windows are alike if one let so many times as many requests a second through as the other one."""
_LONGEST_S = 20.0


class Windows:
    """What gets through from the end of a pause to the end of the next one.

    If two such windows in a row let about the same through, this is the limit, and requests that are spread over the
    window at this rate meet no pause.

    Attributes:
        next_at: When the present window ends if it is as long as the last one.
        growth_s: How long a rate is kept to see whether a window allows it; 0 unless the windows are alike.
    """

    def __init__(self) -> None:
        self.next_at = -math.inf
        self.growth_s = 0.0
        self._began_at: float | None = None
        self._total = 0
        self._rate = 0.0

    def end(self, now: float, total: int, *, started_at: float) -> float | None:
        """Note that a pause ended after `total` accepted requests; return the limit per second if it is known.

        The run started at `started_at`, which is the beginning of the first window.
        """
        length_s = now - (started_at if self._began_at is None else self._began_at)
        rate, before = (total - self._total) / length_s, self._rate
        self._began_at, self._total, self._rate = now, total, rate
        self.next_at = now + length_s
        if min(rate, before) <= _ALIKE * max(rate, before):
            self.growth_s = 0.0
            return None
        self.growth_s = min(_LONGEST_S, length_s)
        return max(rate, before)
