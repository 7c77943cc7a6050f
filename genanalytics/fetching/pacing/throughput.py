"""What got through, and when."""

import math
from collections import deque

_WINDOW_S, _FULL_SECOND = 4.0, 50
"""Accepted requests are counted over a second if there are so many of them, otherwise over this time."""


class Throughput:
    """The times of the accepted requests.

    Attributes:
        total: Their number.
        last_at: The time of the last one; minus infinity if there is none.
    """

    def __init__(self) -> None:
        self.total = 0
        self.last_at = -math.inf
        self._at: deque[float] = deque()
        self._began_at, self._began_with = math.inf, 0

    def note(self, now: float) -> None:
        """Count an accepted request."""
        self.total += 1
        self.last_at = now
        self._at.append(now)
        while self._at[0] < now - _WINDOW_S:
            self._at.popleft()

    def count(self, now: float, seconds: float) -> int:
        """Return how many requests were accepted in the last seconds, four at most."""
        return sum(at > now - seconds for at in self._at)

    def measure(self, now: float, age_s: float) -> float:
        """Return the accepted requests per second of late, in a run of `age_s` seconds."""
        recent = self.count(now, 1)
        if recent >= _FULL_SECOND or age_s < 1:
            return recent / min(1, age_s)
        return len(self._at) / min(_WINDOW_S, age_s)

    def begin_average(self, now: float) -> None:
        """Begin a time over which `find_average` is taken."""
        self._began_at, self._began_with = now, self.total

    def find_average(self, now: float) -> float:
        """Return the accepted requests per second since `begin_average`; infinity if there is no such time."""
        return (self.total - self._began_with) / (now - self._began_at) if now > self._began_at else math.inf
