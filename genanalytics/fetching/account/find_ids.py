"""The ids of a period, from the service itself."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Never

from genanalytics.base.moments import read_moment
from genanalytics.errors import GenAnalyticsError, InputError
from genanalytics.fetching.account.analytics import (
    HOUR_S,
    MOST_ROWS,
    MOST_S,
    Listed,
    Page,
    Window,
    count_requests,
    list_generations,
)
from genanalytics.fetching.account.management import TIMEOUT_S, Management, TooMuchError
from genanalytics.fetching.progress import make_progress_bar
from genanalytics.fetching.secret import Secret
from genanalytics.ids.form import find_problem, read_created_s
from genanalytics.units import format_count

if TYPE_CHECKING:
    from tqdm import tqdm

LAG_S = 120
"""A generation can take this long to appear."""

_FILLED = 0.5
"""The share of `MOST_ROWS` that a part of a window is planned to have: traffic is uneven."""
_STALE_S = 60


@dataclass(frozen=True, slots=True, repr=False)
class FoundIds:
    """The ids of a period, each once, in order of time. It can be iterated over, and given to `fetch`.

    Attributes:
        ids: The ids.
        counted: The number of requests that the service counts in the period.
        requests: The number of HTTP requests.
        notices: What the user should know, each in one sentence.
    """

    ids: tuple[str, ...]
    counted: int
    requests: int
    notices: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        counted, asked = format_count(self.counted, "counted request"), format_count(self.requests, "HTTP request")
        return f"<FoundIds {format_count(len(self.ids), 'id')} of {counted}, {asked}>"


def find_ids(
    *,
    since: str | date,
    until: str | date | None = None,
    management_key: "str | Secret | None" = None,
    base_url: str | None = None,
    timeout_s: float = TIMEOUT_S,
    progress: bool | None = None,
) -> FoundIds:
    """Return the ids of all generations of a period, from the service's analytics.

    A period of more than 30 days is divided, and parts with too many rows are divided again, down to a second. Each
    part is checked against the number of requests that the service counts in it; a difference is a notice.

    Args:
        since: The first moment: a date or time in UTC, an age such as `7d`, `today` or `yesterday`.
        until: The moment after the period, in the same forms; None for now.
        management_key: The management key; None for the one in `OPENROUTER_MANAGEMENT_KEY`. An API key is refused.
        base_url: The URL of the API; None for `GENANALYTICS_BASE_URL`, or else the service's.
        timeout_s: The time limit for one request in seconds.
        progress: Whether to draw a progress bar; None draws one in a terminal or a notebook only.

    Raises:
        KeyRefusedError: There is no management key, or the service refused it.
        InputError: A moment cannot be read, or the period is empty.
        GenAnalyticsError: The service does not answer, or a second has more generations than it lists.
    """
    secret, url = Secret(management_key), Secret(base_url)
    del management_key, base_url  # an exception from here on may print the variables of its frames
    now = time.time()
    window = _read_window(since, until, now)
    with (
        Management(secret, base_url=url, timeout_s=timeout_s) as management,
        make_progress_bar(None, progress=progress) as bar,
    ):
        search = _Search(management, bar)
        for part in window.split(MOST_S):
            search.look_through(part)
        notices = search.list_notices(window, now)
        return FoundIds(search.sort_ids(), search.counted, management.requests, notices)


class _Search:
    """What was found so far."""

    def __init__(self, management: Management, bar: "tqdm[Never]") -> None:
        self.counted = 0
        self._management = management
        self._bar = bar
        self._moments: dict[str, int] = {}
        self._missing = self._surplus = self._without_id = self._outside = 0
        self._refused: dict[str, str] = {}
        self._warnings: dict[str, None] = {}
        self._cached_at = math.inf

    def look_through(self, window: Window) -> None:
        """Take the ids of a window, and compare their number with that of a query without dimensions."""
        counted = self._count(window)
        self.counted += counted
        self._bar.total = self.counted
        parts = math.ceil(counted / (_FILLED * MOST_ROWS)) if counted > MOST_ROWS else 1
        listed: dict[str, int] = {}
        without_id = 0
        for part, rows in self._list_all(window.split(math.ceil(window.seconds / parts))):
            without_id += sum(row.requests for row in rows if row.id is None)
            listed |= {row.id: row.requests for row in rows if row.id is not None and self._take(row.id, row, part)}
            self._bar.update(len(self._moments) - self._bar.n)
        difference = counted - sum(listed.values()) - without_id
        self._without_id += without_id
        self._missing += max(difference, 0)
        self._surplus += max(-difference, 0)

    def _count(self, window: Window) -> int:
        try:
            return count_requests(self._management, window)
        except TooMuchError as error:
            if window.seconds == 1:
                raise _give_up(window, error) from None
        return sum(self._count(half) for half in window.split(math.ceil(window.seconds / 2)))

    def _list_all(self, windows: list[Window]) -> Iterator[tuple[Window, list[Listed]]]:
        """Yield each window with its rows; one with too many of them is divided."""
        waiting = windows[::-1]
        while waiting:
            window = waiting.pop()
            rows = self._list(window)
            if rows is None:
                waiting += window.split(math.ceil(window.seconds / 2))[::-1]
            else:
                yield window, rows

    def _list(self, window: Window) -> list[Listed] | None:
        """Return the rows of a window; None if it has too many for one answer.

        Raises:
            GenAnalyticsError: It is a second, which cannot be divided.
        """
        try:
            page, rows = list_generations(self._management, window)
        except TooMuchError as error:
            if window.seconds == 1:
                raise _give_up(window, error) from None
            return None
        self._note(page)
        if not page.is_cut:
            return rows
        if window.seconds > 1:
            return None
        missing = self._count(window) - sum(row.requests for row in rows)
        if missing > 0:
            msg = (
                f"the second {window} has more generations than the service lists:"
                f" {format_count(missing, 'id')} missing; take the ids of this second from logs or the export"
            )
            raise GenAnalyticsError(msg)
        return rows

    def _note(self, page: Page) -> None:
        self._warnings.update(dict.fromkeys(page.warnings))
        if page.cached_at is not None:
            self._cached_at = min(self._cached_at, page.cached_at)

    def _take(self, generation_id: str, row: Listed, window: Window) -> bool:
        """Keep an id, and return whether its row counts: one of another time does not."""
        created = read_created_s(generation_id)
        hour = created if row.hour is None else row.hour
        if hour is not None and not window.start - HOUR_S < hour <= window.end:
            self._outside += 1
            return False
        problem = find_problem(generation_id)
        if problem is None:
            moment = hour if created is None else created
            self._moments[generation_id] = window.start if moment is None else moment
        else:
            self._refused[generation_id] = problem
        return True

    def sort_ids(self) -> tuple[str, ...]:
        """Return the ids in order of time."""
        return tuple(sorted(self._moments, key=lambda one: (self._moments[one], one)))

    def list_notices(self, window: Window, now: float) -> tuple[str, ...]:
        """Return what the user should know of the search."""
        notices = [f"the service warns: {warning}" for warning in self._warnings]
        if self._missing:
            requests = format_count(self._missing, "request")
            notices.append(f"the service counts {requests} more than it lists: their ids are missing")
        if self._surplus:
            requests = format_count(self._surplus, "request")
            notices.append(f"the service lists {requests} more than it counts; all listed ids are here")
        if self._without_id:
            notices.append(f"{format_count(self._without_id, 'request')} without an id: no record can be fetched")
        if self._outside:
            notices.append(f"left out {format_count(self._outside, 'row')} of another time than asked for")
        if self._refused:
            first, reason = next(iter(self._refused.items()))
            refused = format_count(len(self._refused), "value")
            notices.append(f"left out {refused} that cannot be ids; the first is {first!a:.80}: {reason}")
        if self._cached_at < min(window.end, now) - _STALE_S:
            moment = f"{datetime.fromtimestamp(self._cached_at, UTC):%Y-%m-%d %H:%M} UTC"
            notices.append(f"the service answered with figures of {moment}: later ids are missing")
        elif window.end > now - LAG_S:
            notices.append("ids of the last two minutes may be missing: the service lists them late")
        return tuple(notices)


def _give_up(window: Window, error: Exception) -> GenAnalyticsError:
    return GenAnalyticsError(f"the service does not answer for {window}, a single second: {error}; try again later")


def _read_window(since: str | date, until: str | date | None, now: float) -> Window:
    """Return the period in whole seconds; its end is at most an hour from now, as clocks differ."""
    start = math.floor(_read_second("since", since, now))
    end = now if until is None else _read_second("until", until, now)
    end = math.ceil(min(end, now + HOUR_S))
    if start >= end:
        msg = f"since={since!s} is not before until={'now' if until is None else until!s}: give an earlier moment"
        raise InputError(msg, arguments=["since", "until"])
    return Window(start, end)


def _read_second(name: str, value: str | date, now: float) -> float:
    """Return a moment as Unix time in seconds, at the earliest 1970."""
    return max(read_moment(name, value, now=datetime.fromtimestamp(now, UTC)).timestamp(), 0.0)
