"""The endpoints of the account, for the records of a sample: analytics and daily activity, with the service's traps.

Counts are texts, amounts are numbers that are cut after six decimals, and an answer with too many rows is cut without a
way to the next ones. A generation appears after two minutes.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from http import HTTPStatus
from typing import Any, NoReturn
from uuid import NAMESPACE_URL, uuid5

from genanalytics.sandbox.records import Record, Sample

ACTIVITY_DAYS = 30
"""The number of completed days that the daily activity has."""
LAG = timedelta(minutes=2)
"""The age at which a generation appears."""
MOST_ROWS = 10_000

_DEFAULT_ROWS = 1_000
_MOST_DIMENSIONS = 2
_MICRO = Decimal("0.000001")
_NANO = 1_000_000_000
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_FIELDS = frozenset({"metrics", "dimensions", "granularity", "time_range", "limit"})
_CAPS = {"minute": timedelta(hours=3), "hour": timedelta(days=31)}
_PER_GENERATION = {"generation_id": "id", "provider": "provider_name"}
"""The dimensions of at most 31 days, with their fields in a record."""
_DIMENSIONS = {"model": "model", **_PER_GENERATION}
_LONGEST = timedelta(days=367)
_STARTS: Mapping[str, Callable[[datetime], str]] = {
    "minute": lambda moment: f"{moment:%Y-%m-%d %H:%M}:00",
    "hour": lambda moment: f"{moment:%Y-%m-%d %H}:00:00",
    "day": lambda moment: f"{moment:%Y-%m-%d}",
    "week": lambda moment: f"{moment - timedelta(days=moment.weekday()):%Y-%m-%d}",
    "month": lambda moment: f"{moment:%Y-%m}-01",
}
"""The start of the period of a moment, as text, by granularity."""


class RefusalError(Exception):
    """A request that is answered with an error.

    Attributes:
        status: The status of the answer.
    """

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class _Generation:
    """A record with the figures that the account shows."""

    record: Record
    created: datetime
    credits: int
    """The charge in nano-dollars."""
    byok: int
    """The charge of the provider to the user's own key, in nano-dollars."""

    def count(self, field: str) -> int:
        value = self.record.get(field)
        return value if isinstance(value, int) else 0


_COUNTS: Mapping[str, Callable[[_Generation], int]] = {
    "request_count": lambda _: 1,
    "byok_request_count": lambda one: bool(one.record.get("is_byok")),
    "tokens_prompt": lambda one: one.count("native_tokens_prompt"),
    "tokens_completion": lambda one: one.count("native_tokens_completion"),
    "reasoning_tokens": lambda one: one.count("native_tokens_reasoning"),
    "cached_tokens": lambda one: one.count("native_tokens_cached"),
}
_AMOUNTS: Mapping[str, Callable[[_Generation], int]] = {
    "total_usage": lambda one: one.credits + one.byok,
    "credits_usage": lambda one: one.credits,
    "byok_usage": lambda one: one.byok,
}


class Account:
    """The account that a sample belongs to.

    Args:
        sample: The records.
        now: The moment on the service's clock.
    """

    def __init__(self, sample: Sample, now: datetime) -> None:
        self.now = now
        self._generations = [_make_generation(sample, id_) for id_ in sample.records]

    def query(self, document: object) -> dict[str, object]:
        """Return the answer to a query of the analytics.

        Raises:
            RefusalError: The service would refuse the query.
        """
        query = _read_query(document, self.now)
        end = min(query.end, self.now - LAG)
        groups: dict[tuple[str, ...], list[_Generation]] = {}
        for one in self._generations:
            if query.start <= one.created < end:
                groups.setdefault(query.name_group(one), []).append(one)
        rows = [query.make_row(group, groups[group]) for group in sorted(groups)]
        if not rows and not query.dimensions and not query.granularity:
            rows = [query.make_row((), [])]
        shown = rows[: query.limit]
        metadata = {"query_time_ms": 31, "row_count": len(shown), "truncated": len(shown) < len(rows)}
        return {"data": {"data": shown, "metadata": metadata, "cachedAt": int(self.now.timestamp() * 1000)}}

    def list_activity(self, day: str = "") -> dict[str, list[dict[str, object]]]:
        """Return the daily activity: a row per day, model and provider, for the last completed days.

        Args:
            day: One day, such as 2026-09-30; empty for all.

        Raises:
            RefusalError: There is no such day.
        """
        today = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        first = today - timedelta(days=ACTIVITY_DAYS)
        days = {f"{first + timedelta(days=number):%Y-%m-%d}" for number in range(ACTIVITY_DAYS)}
        if day and day not in days:
            raise RefusalError(HTTPStatus.BAD_REQUEST, "Date must be within the last 30 (completed) UTC days")
        shown = {day} if day else days
        groups: dict[tuple[str, str, str], list[_Generation]] = {}
        for one in self._generations:
            date = f"{one.created:%Y-%m-%d}"
            if date in shown and one.created < self.now - LAG:
                group = date, str(one.record["model"]), str(one.record["provider_name"])
                groups.setdefault(group, []).append(one)
        return {"data": [_make_activity_row(*group, groups[group]) for group in sorted(groups, reverse=True)]}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    metrics: Sequence[str]
    dimensions: Sequence[str]
    granularity: str
    start: datetime
    end: datetime
    limit: int

    def name_group(self, one: _Generation) -> tuple[str, ...]:
        """Return the time of a generation, if there is a granularity, and its dimensions."""
        times = [_STARTS[self.granularity](one.created)] if self.granularity else []
        return *times, *(str(one.record.get(_DIMENSIONS[name])) for name in self.dimensions)

    def make_row(self, group: Iterable[str], members: Sequence[_Generation]) -> dict[str, object]:
        prefix = "created_at" if _PER_GENERATION.keys() & set(self.dimensions) else "date"
        times = [f"{prefix}__{self.granularity}"] if self.granularity else []
        row: dict[str, object] = dict(zip([*times, *self.dimensions], group, strict=True))
        for name in self.metrics:
            row[name] = (
                str(sum(map(_COUNTS[name], members))) if name in _COUNTS else _cut(sum(map(_AMOUNTS[name], members)))
            )
        return row


def _read_query(document: object, now: datetime) -> _Query:
    if not isinstance(document, Mapping) or not document.keys() <= _FIELDS:
        unknown = ", ".join(sorted(document.keys() - _FIELDS)) if isinstance(document, Mapping) else "no object"
        _refuse(f"not known here: {unknown}")
    metrics = _read_names(document.get("metrics"), "metrics", [*_COUNTS, *_AMOUNTS])
    dimensions = _read_names(document.get("dimensions", []), "dimensions", _DIMENSIONS)
    if not metrics or len(dimensions) > _MOST_DIMENSIONS:
        _refuse("metrics: Too small" if not metrics else "dimensions: Too big: expected array to have <=2 items")
    granularity = document.get("granularity", "")
    if not isinstance(granularity, str) or (granularity and granularity not in _STARTS):
        _refuse("granularity: Invalid option")
    limit = document.get("limit", _DEFAULT_ROWS)
    if not isinstance(limit, int) or not 1 <= limit <= MOST_ROWS:
        _refuse(f"limit: Too big: expected number to be <={MOST_ROWS}")
    start, end = _read_range(document.get("time_range"), now)
    cap = _CAPS.get(granularity, _CAPS["hour"] if _PER_GENERATION.keys() & set(dimensions) else _LONGEST)
    if end - start > cap:
        _refuse(f"time_range: at most {cap.total_seconds() / 3_600:g} hours for this query")
    return _Query(metrics=metrics, dimensions=dimensions, granularity=granularity, start=start, end=end, limit=limit)


def _read_names(value: object, field: str, known: Iterable[str]) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) and name in known for name in value):
        _refuse(f"{field}: Invalid input")
    return value


def _read_range(value: object, now: datetime) -> tuple[datetime, datetime]:
    if value is None:
        return now - timedelta(days=7), now
    ends = [value.get("start"), value.get("end")] if isinstance(value, Mapping) else []
    if not ends or not all(isinstance(text, str) and _TIME.fullmatch(text) for text in ends):
        _refuse("time_range: Invalid ISO datetime")
    try:
        start, end = (datetime.fromisoformat(str(text)) for text in ends)
    except ValueError:
        _refuse("time_range: Invalid ISO datetime")
    if start >= end:
        _refuse("time_range: start must be before end")
    return start, end


def _refuse(message: str) -> NoReturn:
    raise RefusalError(HTTPStatus.BAD_REQUEST, message)


def _make_generation(sample: Sample, id_: str) -> _Generation:
    record = sample.records[id_]
    created = datetime.fromisoformat(str(record["created_at"]))
    items = sample.items.get(id_)
    upstream = items.total if items is not None else _to_nano(record.get("upstream_inference_cost"))
    return _Generation(
        record=record,
        created=created.replace(tzinfo=created.tzinfo or UTC).astimezone(UTC),
        credits=_to_nano(record.get("total_cost")),
        byok=upstream if record.get("is_byok") else 0,
    )


def _make_activity_row(date: str, slug: str, provider: str, members: Sequence[_Generation]) -> dict[str, object]:
    return {
        "date": date,
        "model": re.sub(r"-\d{8}$", "", slug),
        "model_permaslug": slug,
        "endpoint_id": str(uuid5(NAMESPACE_URL, f"{slug}/{provider}")),
        "provider_name": provider,
        "usage": _cut(sum(one.credits for one in members)),
        "byok_usage_inference": _cut(sum(one.byok for one in members)),
        "requests": len(members),
        "prompt_tokens": sum(one.count("native_tokens_prompt") for one in members),
        "completion_tokens": sum(one.count("native_tokens_completion") for one in members),
        "reasoning_tokens": sum(one.count("native_tokens_reasoning") for one in members),
    }


def find_now(sample: Sample) -> datetime:
    """Return the moment on the clock of a sample's account: noon of the day after its month.

    >>> from genanalytics.sandbox import sample
    >>> find_now(sample(9, month="2026-10")).isoformat()
    '2026-11-01T12:00:00+00:00'
    """
    last = max((str(record["created_at"]) for record in sample.records.values()), default="1970-01-01")
    month = datetime.fromisoformat(f"{last[:7]}-01T12:00:00+00:00")
    return month + timedelta(days=monthrange(month.year, month.month)[1])


def _to_nano(usd: Any) -> int:  # noqa: ANN401 - a value of a record
    return round(usd * _NANO) if isinstance(usd, int | float) else 0


def _cut(nano_dollars: int) -> float:
    """Return US$, cut towards zero after six decimals."""
    return float((Decimal(nano_dollars) / _NANO).quantize(_MICRO, rounding=ROUND_DOWN))
