"""The pace that all workers share: when the next request may be sent, and how long to wait before one is sent again."""

import math
import random
import threading
import time
from collections import deque
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

BASE_DELAY_S = 0.25
MAX_DELAY_S = 20.0

_YEAR_S = 365.0 * 24 * 60 * 60

_MEASURED_S = 1.0
"""Over how long it is measured what gets through; refusals within it are one."""
_KEPT_SHARE = 0.8
_UNPROVEN = 4.0
"""The rate after a refusal before which nothing got through; refused again, it is halved."""
_SLOWEST = 0.1
_GROWTH_PER_S = 0.03
_GROWTH_PER_S2 = 0.01


class Pace:
    """When the next request may be sent: one pace for all workers.

    Requests go out as fast as workers are free, until the service refuses one for there being too many. From then on
    they are spread evenly, at a share of what really got through in the second before. The rate then grows, slowly at
    first and faster the longer nothing is refused, until it meets the limit again: additive increase and
    multiplicative decrease, the increase accelerating as in CUBIC (Ha, Rhee and Xu, 2008), so that one stray refusal is
    soon forgotten.

    Args:
        rate: At most so many requests per second; None for no limit but the service's own.
    """

    def __init__(self, rate: float | None) -> None:
        self._cap = rate or math.inf
        self._base = math.inf  # requests per second, as of the last refusal
        self._refused_at = -math.inf
        self._taken_at = -math.inf
        self._held_until = -math.inf
        self._through: deque[float] = deque()
        self._lock = threading.Lock()
        self._queue = threading.Lock()

    def wait(self, stopped: threading.Event) -> None:
        """Return when the caller may send, or at once when `stopped` is set."""
        with self._queue:  # one waits for the next turn, the others for that one: nobody holds a turn of an old pace
            delay_s = 0.0
            while not stopped.wait(delay_s):
                delay_s = self._turn_in_s()
                if delay_s <= 0:
                    return

    def _turn_in_s(self) -> float:
        """Return in how many seconds the next turn is, and take it if that is now."""
        with self._lock:
            now = time.monotonic()
            interval_s = 1 / self._rate(now)
            turn = max(self._held_until, self._taken_at + interval_s, now - interval_s)
            if turn <= now:
                self._taken_at = turn
            return turn - now

    def hold(self, seconds: float) -> None:
        """Let nobody send for `seconds` from now."""
        with self._lock:
            self._held_until = max(self._held_until, time.monotonic() + seconds)

    def accepted(self) -> None:
        """Note that a request got through."""
        with self._lock:
            now = time.monotonic()
            self._through.append(now)
            while self._through[0] <= now - _MEASURED_S:
                self._through.popleft()

    def refused(self) -> None:
        """Note that the service refused a request for there being too many; those of one moment are one refusal."""
        with self._lock:
            now = time.monotonic()
            if now - self._refused_at < _MEASURED_S:
                return
            through = sum(at > now - _MEASURED_S for at in self._through) / _MEASURED_S
            rate = self._rate(now)
            kept = _KEPT_SHARE * min(through, rate) if through else min(_UNPROVEN, rate / 2)
            self._base = max(_SLOWEST, kept)
            self._refused_at = now

    def _rate(self, now: float) -> float:
        if self._base == math.inf:
            return self._cap
        age_s = now - self._refused_at
        return min(self._cap, self._base * (1 + _GROWTH_PER_S * age_s + _GROWTH_PER_S2 * age_s**2))


class Quota:
    """How much asking again a run can afford; it ends the storm that retries make of an outage.

    A retry costs `COST`; an answer at the first attempt earns 1, one after retries what the last of them cost. Source:
    the "standard" retry mode of botocore.
    """

    CAPACITY = 2_500
    COST = 5

    def __init__(self) -> None:
        self._left = self.CAPACITY

    def take(self) -> bool:
        """Pay for a retry; return False, and pay nothing, when too little is left."""
        if self._left < self.COST:
            return False
        self._left -= self.COST
        return True

    def earn(self, *, retried: bool) -> None:
        """Note that the service answered."""
        self._left = min(self.CAPACITY, self._left + (self.COST if retried else 1))


def backoff_s(attempt: int) -> float:
    """Return how long to wait after the `attempt`-th failure (from 1): full jitter under a doubling ceiling.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog.

    >>> all(0 <= backoff_s(attempt) <= min(20, 0.25 * 2**attempt) for attempt in range(1, 20))
    True
    """
    return random.uniform(0, min(MAX_DELAY_S, BASE_DELAY_S * 2**attempt))  # noqa: S311 - jitter is no secret


def retry_after_s(header: str | None) -> float | None:
    """Return the seconds that a `Retry-After` header asks for, or None where there is none or it cannot be read.

    Seconds, fractions of them, and HTTP dates are understood (RFC 9110, section 10.2.3, and what servers send). More
    than a year counts as one: the moment can always be told.

    >>> retry_after_s("2"), retry_after_s("0.5"), retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT"), retry_after_s("soon")
    (2.0, 0.5, 0.0, None)
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            moment = parsedate_to_datetime(header)
        except (ValueError, OverflowError):
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - datetime.now(UTC)).total_seconds()
    return min(max(0.0, seconds), _YEAR_S) if math.isfinite(seconds) else None
