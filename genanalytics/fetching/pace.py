"""The pace that all workers share: the time of the next request, and the wait before a retry."""

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
"""The window for counting accepted requests; refusals within one window count as one."""
_KEPT_SHARE = 0.8
_UNPROVEN = 4.0
"""The rate after a refusal if nothing was accepted before; at the next refusal it is halved."""
SLOWEST = 0.1
"""The lowest rate, in requests per second."""
_GROWTH_PER_S = 0.03
_GROWTH_PER_S2 = 0.01


class Pace:
    """When the next request may be sent: one pace for all workers.

    Requests are sent as fast as workers are free, until the service refuses one with "too many requests". From then on
    they are spread evenly, at 80 % of the rate that was accepted in the last second. The rate then grows, slowly at
    first and faster the longer nothing is refused, until it meets the limit again: additive increase and
    multiplicative decrease, with an increase that accelerates as in CUBIC (Ha, Rhee and Xu, 2008), so that the effect
    of one stray refusal is short.

    Args:
        rate: The maximum number of requests per second; None for no limit but the service's own.
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
        with self._queue:  # one caller waits for the next turn, the others queue: no one holds a turn of an old pace
            delay_s = 0.0
            while not stopped.wait(delay_s):
                delay_s = self._turn_in_s()
                if delay_s <= 0:
                    return

    def _turn_in_s(self) -> float:
        """Return the seconds until the next turn, and take the turn if it is now."""
        with self._lock:
            now = time.monotonic()
            interval_s = 1 / self._rate(now)
            turn = max(self._held_until, self._taken_at + interval_s, now - interval_s)
            if turn <= now:
                self._taken_at = turn
            return turn - now

    def hold(self, seconds: float) -> None:
        """Let no one send for `seconds` from now."""
        with self._lock:
            self._held_until = max(self._held_until, time.monotonic() + seconds)

    def note_accepted(self) -> None:
        """Note that the service accepted a request."""
        with self._lock:
            now = time.monotonic()
            self._through.append(now)
            while self._through[0] <= now - _MEASURED_S:
                self._through.popleft()

    def note_refused(self) -> None:
        """Note that the service refused a request with "too many requests"; those of one moment count as one."""
        with self._lock:
            now = time.monotonic()
            if now - self._refused_at < _MEASURED_S:
                return
            through = sum(at > now - _MEASURED_S for at in self._through) / _MEASURED_S
            rate = self._rate(now)
            kept = _KEPT_SHARE * min(through, rate) if through else min(_UNPROVEN, rate / 2)
            self._base = max(SLOWEST, kept)
            self._refused_at = now

    def _rate(self, now: float) -> float:
        if self._base == math.inf:
            return self._cap
        age_s = now - self._refused_at
        return min(self._cap, self._base * (1 + _GROWTH_PER_S * age_s + _GROWTH_PER_S2 * age_s**2))


class Quota:
    """The retries that a run can afford, so that retries do not turn an outage into a storm.

    A retry costs `COST`. An answer at the first attempt earns 1, an answer after retries earns `COST`. Source: the
    "standard" retry mode of botocore.
    """

    CAPACITY = 2_500
    COST = 5

    def __init__(self) -> None:
        self._left = self.CAPACITY

    def take(self) -> bool:
        """Pay for a retry, or return False without paying if too little is left."""
        if self._left < self.COST:
            return False
        self._left -= self.COST
        return True

    def earn(self, *, retried: bool) -> None:
        """Note that the service answered."""
        self._left = min(self.CAPACITY, self._left + (self.COST if retried else 1))


def draw_backoff_s(attempt: int) -> float:
    """Return the seconds to wait after the `attempt`-th failure (from 1): full jitter with a doubling upper limit.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog.

    >>> all(0 <= draw_backoff_s(attempt) <= min(20, 0.25 * 2**attempt) for attempt in range(1, 20))
    True
    """
    return random.uniform(0, min(MAX_DELAY_S, BASE_DELAY_S * 2**attempt))  # noqa: S311 - jitter is not a secret


def parse_retry_after_s(header: str | None) -> float | None:
    """Return the seconds that a `Retry-After` header asks for, or None without a readable header.

    Reads seconds, fractions of seconds and HTTP dates (RFC 9110, section 10.2.3, and what servers send). A pause of
    more than a year counts as a year, so that its end is a valid date.

    >>> parse_retry_after_s("0.5"), parse_retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT"), parse_retry_after_s("soon")
    (0.5, 0.0, None)
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
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # converted to UTC, the year 9999 can overflow
        seconds = (moment - datetime.now(UTC)).total_seconds()
    return min(max(0.0, seconds), _YEAR_S) if math.isfinite(seconds) else None
