"""Queries of the service's analytics: a period in, checked rows out.

The documents contradict each other: numbers come as numbers or as texts, and the time of a row under one of two names.
Both forms are read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from genanalytics.base.moments import to_utc
from genanalytics.base.numbers import read_number
from genanalytics.base.text import to_one_line
from genanalytics.errors import GenAnalyticsError
from genanalytics.fetching.account.management import Management

MOST_ROWS = 5_000
"""The service allows 10,000 rows, which are more bytes than an answer may have here."""
MOST_S = 30 * 86_400
"""The service allows 31 days; whether the days at both ends count is unknown."""
HOUR_S = 3_600

_COUNT = "request_count"
_ID = "generation_id"
_TIMES = ("date__hour", "created_at__hour")
_MS = 1_000
_MOST_WARNINGS = 3


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A period in whole seconds (Unix time); `end` is the second after it.

    Whether the service counts the end is unknown: neighbors may share a generation, and nothing is between them.
    """

    start: int
    end: int

    @property
    def seconds(self) -> int:
        """The length."""
        return self.end - self.start

    def split(self, seconds: int) -> "list[Window]":
        """Return the parts of at most this length, in order.

        >>> Window(0, 5).split(2)
        [Window(start=0, end=2), Window(start=2, end=4), Window(start=4, end=5)]
        """
        return [Window(start, min(start + seconds, self.end)) for start in range(self.start, self.end, seconds)]

    def __str__(self) -> str:
        return f"{_format(self.start)} to {_format(self.end)}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of a query by generation.

    Attributes:
        id: The id; None if the service gives none.
        requests: The number of requests of the row.
        hour: The start of its hour (Unix time in seconds); None if it is unknown.
    """

    id: str | None
    requests: int
    hour: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """The answer to a query.

    Attributes:
        rows: The rows.
        is_cut: Whether there are more rows, which no request can reach.
        warnings: The warnings of the service.
        cached_at: The moment that the figures are of (Unix time in seconds); None if it does not say.
    """

    rows: Sequence[Mapping[str, Any]]
    is_cut: bool
    warnings: tuple[str, ...]
    cached_at: float | None


def count_requests(management: Management, window: Window) -> int:
    """Return the number of requests in a window, from a query without dimensions.

    Raises:
        TooMuchError: The window is too large for the service.
        GenAnalyticsError: There is no usable answer.
    """
    page = _query(management, window, {"metrics": [_COUNT]})
    return sum(_read_count(row) for row in page.rows)


def list_generations(management: Management, window: Window) -> tuple[Page, list[Listed]]:
    """Return the answer to a query by generation, and its rows.

    Raises:
        TooMuchError: The window is too large for the service.
        GenAnalyticsError: There is no usable answer.
    """
    query = {"metrics": [_COUNT], "dimensions": [_ID], "granularity": "hour", "limit": MOST_ROWS}
    page = _query(management, window, query)
    return page, [_read_row(row) for row in page.rows]


def _query(management: Management, window: Window, query: Mapping[str, object]) -> Page:
    times = {"start": _format(window.start), "end": _format(window.end)}
    answered = management.query({**query, "time_range": times})
    inner = answered.document.get("data")
    rows = inner.get("data") if isinstance(inner, Mapping) else None
    if not isinstance(inner, Mapping) or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        msg = f"{management.base_url}/analytics/query did not answer with rows: is the base URL right?"
        raise GenAnalyticsError(msg)
    metadata = inner.get("metadata")
    said = metadata if isinstance(metadata, Mapping) else {}
    limit = query.get("limit")
    is_full = isinstance(limit, int) and len(rows) >= limit
    cached_ms = read_number(inner.get("cachedAt"))
    return Page(
        rows,
        is_full or said.get("truncated") in (True, "true") or (read_number(said.get("row_count")) or 0) > len(rows),
        _read_warnings(inner.get("warnings")),
        None if cached_ms is None else cached_ms / _MS,
    )


def _read_warnings(value: object) -> tuple[str, ...]:
    texts = value if isinstance(value, list) else []
    return tuple(to_one_line(text) for text in texts[:_MOST_WARNINGS] if isinstance(text, str))


def _read_row(row: Mapping[str, Any]) -> Listed:
    found = row.get(_ID)
    hour = next((_read_hour(row[name]) for name in _TIMES if name in row), None)
    return Listed(found if isinstance(found, str) and found else None, _read_count(row), hour)


def _read_count(row: Mapping[str, Any]) -> int:
    number = read_number(row.get(_COUNT))
    if number is None or number < 0 or number != int(number):
        msg = f"the service answered {_COUNT}={to_one_line(repr(row.get(_COUNT)))}, which is no number of requests"
        raise GenAnalyticsError(msg)
    return int(number)


def _read_hour(value: object) -> int | None:
    try:
        return int(to_utc(datetime.fromisoformat(str(value))).timestamp())
    except (ValueError, OverflowError):
        return None


def _format(second: int) -> str:
    """Return a second as the service reads it: an offset, or a time without seconds, is refused."""
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}"
