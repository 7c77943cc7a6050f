"""The pace that all workers share: when the next request may be sent, and how long to wait before one is sent again."""

import math
import random
import threading
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

BASE_DELAY_S = 0.25
MAX_DELAY_S = 20.0

_YEAR_S = 365.0 * 24 * 60 * 60


class Pace:
    """Spreads requests evenly at `rate` a second, and holds all of them back for as long as the service asks.

    Args:
        rate: Requests per second, or None for no limit.
    """

    def __init__(self, rate: float | None) -> None:
        self._interval_s = 1 / rate if rate else 0.0
        self._next_at = 0.0
        self._lock = threading.Lock()

    def wait(self, stopped: threading.Event) -> None:
        """Return when the caller may send, or at once when `stopped` is set."""
        while not stopped.is_set():
            with self._lock:
                now = time.monotonic()
                if now >= self._next_at:
                    self._next_at = max(self._next_at, now - self._interval_s) + self._interval_s
                    return
                delay_s = self._next_at - now
            stopped.wait(delay_s)

    def hold(self, seconds: float) -> None:
        """Let nobody send for `seconds` from now."""
        with self._lock:
            self._next_at = max(self._next_at, time.monotonic() + seconds)


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
