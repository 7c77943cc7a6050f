"""The pace that all workers share: the time of the next request, and the wait before a retry."""

import math
import random
import threading
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from genanalytics.fetching.pacing.controller import Controller, Verdict

BASE_DELAY_S = 0.25
MAX_DELAY_S = 20.0

_YEAR_S = 365.0 * 24 * 60 * 60


class Pace:
    """When the next request may be sent: one pace for all workers, which `Controller` finds.

    Args:
        rate: The maximum number of requests per second; None for no limit but the service's own.
    """

    def __init__(self, rate: float | None) -> None:
        self._controller = Controller(rate or math.inf)
        self._lock = threading.Lock()
        self._queue = threading.Lock()

    def wait(self, stopped: threading.Event) -> float | None:
        """Return when the request of the caller counts as sent (`time.monotonic`); None once `stopped` is set.

        Tell `note` what became of the request.
        """
        with self._queue:  # one caller waits for the next turn, the others queue: no one holds a turn of an old pace
            delay_s = 0.0
            while not stopped.wait(delay_s):
                with self._lock:
                    now = time.monotonic()
                    delay_s = self._controller.take_turn(now)
                if delay_s == 0:
                    return now
            return None

    def note(self, sent_at: float, verdict: Verdict, *, retry_after_s: float = 0.0) -> None:
        """Take the verdict on a request that `wait` let go at `sent_at`, and the pause that the service asked for."""
        with self._lock:
            self._controller.note(time.monotonic(), sent_at, verdict, retry_after_s)


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
