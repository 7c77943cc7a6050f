"""How many requests may be under way at once."""

import math
import statistics

from genanalytics.fetching.pacing.at_once import AtOnce

_PATIENCE_S = 2.0
"""A start waits no longer than this for its first answers."""
_SLOW, _SLOWER_BY_S = 2.5, 0.02
"""A latency of so many times the lowest one, and so much above it, is a sign of congestion."""
_PATIENT = 4
"""A trial ends after so many times the time of the count before it: requests may hang."""
_BETTER = 1.05
"""A number under way is kept if it lets so many times as many answers through."""
_WINDOW = 16
"""At least so many answers are counted for a comparison."""
_AGAIN_S, _AGAIN_AT_MOST_S = 10.0, 60.0
"""The time between comparisons; it doubles after each one without a gain."""
_FIRST_ANSWERS = 4


class Crowd:
    """The number of requests under way, and its bound.

    A run begins with one request; each accepted one allows one more, as in the slow start of TCP. Later there is no
    bound, unless the latency is far above the lowest one: then half the requests are tried, and kept if more of them
    get through. This compares throughput instead of trusting latency alone, since a slow answer of a service that has
    room is no reason to ask less. The idea of a bound from latency is that of TCP Vegas (Brakmo and Peterson, 1995).

    A service may also refuse more than so many requests at once. This shows in which of them are refused
    (`take_bound`). A bound is raised now and then, and kept if more gets through.
    """

    def __init__(self) -> None:
        self.under_way = 0
        self.latency_s = 1.0
        """The median latency of the last answers."""
        self._bound = math.inf
        self._allowed = 1
        self._most = 0
        self._lowest_s = math.inf
        self._first_at: float | None = None
        self._changed_at = -math.inf
        self._counted_since: float | None = None
        self._latencies: list[float] = []
        self._numbers: dict[float, int] = {}
        self._at_once = AtOnce()
        self._before: tuple[float, float] | None = None
        self._until = math.inf
        self._compared_at = -math.inf
        self._again_s = _AGAIN_S

    def is_full(self, now: float) -> bool:
        """Return whether one more request would be too many."""
        if now > self._until and self._before is not None:
            self._go_back(now, self._before[0])
        is_start = self._first_at is not None and now - self._first_at < _PATIENCE_S
        return self.under_way >= (min(self._allowed, self._bound) if is_start else self._bound)

    def enter(self, now: float) -> None:
        """Count a request that is sent."""
        self._first_at = now if self._first_at is None else self._first_at
        self.under_way += 1
        self._numbers[now] = self.under_way
        self._most = max(self._most, self.under_way)

    def leave(self, now: float, sent_at: float, *, accepted: bool, unlimited: bool) -> bool:
        """Count an answer; return whether it is a refusal of one request too many at once.

        Latency tells something about the number under way at an unlimited rate only, refusals at a limited one only.
        """
        self.under_way -= 1
        number = self._numbers.pop(sent_at, self.under_way + 1)
        if not unlimited:
            self._at_once.note(number, accepted=accepted)
        if not accepted:
            if self._before is not None and self._bound > self._before[0]:
                self._go_back(now, self._before[0])
            return number > self._bound
        latency_s = now - sent_at
        self._allowed += 1
        if self._allowed <= _FIRST_ANSWERS:  # while few are under way
            self._lowest_s = self.latency_s = min(self._lowest_s, latency_s)
        if not unlimited:
            self._before = self._counted_since = None
            self.latency_s += 0.1 * (latency_s - self.latency_s)
        elif sent_at >= self._changed_at:
            self._count(now, latency_s)
        return False

    def take_bound(self) -> bool:
        """Bound the requests under way if only those above a number are refused; return whether it is so."""
        most = self._at_once.find_most()
        if most is None or most >= self._bound:
            return False
        self._bound = most
        self._at_once.reset()
        self._before = self._counted_since = None
        self._compared_at = -math.inf
        return True

    def find_highest_rate(self) -> float:
        """Return the rate above which requests wait for each other and not for their turn."""
        return 2 * max(self._most, 1) / self.latency_s

    def _count(self, now: float, latency_s: float) -> None:
        if self._counted_since is None:
            self._counted_since, self._latencies, self._most = now, [], self.under_way + 1
            return
        self._latencies.append(latency_s)
        if len(self._latencies) >= max(_WINDOW, 2 * self._most):
            taken_s = max(now - self._counted_since, 1e-6)
            through = len(self._latencies) / taken_s
            self.latency_s = statistics.median(self._latencies)
            self._lowest_s = min(self._lowest_s, self.latency_s)
            self._counted_since = None
            self._compare(now, through, taken_s)

    def _compare(self, now: float, through: float, taken_s: float) -> None:
        """Keep the number on trial or go back; if there is none, begin a trial where it may help."""
        if self._before is not None:
            bound, before = self._before
            if through < _BETTER * before:
                self._go_back(now, bound)
                return
            self._before = None
            self._again_s, self._compared_at = _AGAIN_S, -math.inf
        if now - self._compared_at < self._again_s:
            return
        if self.latency_s > max(_SLOW * self._lowest_s, self._lowest_s + _SLOWER_BY_S) and self._most > 1:
            bound = max(1, min(self._bound, self._most) // 2)
        elif self._bound < math.inf:
            bound = self._bound + max(1, self._bound // 2)
        else:
            return
        self._before = (self._bound, through)
        self._until = now + max(_PATIENCE_S, _PATIENT * taken_s)
        self._bound, self._changed_at = bound, now

    def _go_back(self, now: float, bound: float) -> None:
        """End a trial without a gain; the next one comes later."""
        self._bound, self._changed_at, self._compared_at = bound, now, now
        self._again_s = min(_AGAIN_AT_MOST_S, 2 * self._again_s)
        self._before = self._counted_since = None
