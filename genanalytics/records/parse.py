"""Answer bodies to Arrow: by Arrow's own parser where every value fits its column, by our rules where one does not."""

import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute
import pyarrow.json

from genanalytics.records.record import Record, read_record
from genanalytics.records.schema import ARROW_SCHEMA, ATTEMPT, COLUMNS, Kind, Origin

_FIELDS = tuple(column for column in COLUMNS if column.origin is not Origin.OURS)
FIELD_NAMES = frozenset(column.name for column in _FIELDS)
"""The names of the columns that come out of a record."""

_ATTEMPT_KINDS = {
    field.name: {pa.string(): Kind.TEXT, pa.bool_(): Kind.FLAG, pa.int64(): Kind.INTEGER}[field.type]
    for field in ATTEMPT.fields
}
_INT64 = range(-(2**63), 2**63)
_EXACT = 2.0**53
"""Below this size, every integer is exactly a double."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6}0*)?(?:Z|[+-]\d\d(?::?\d\d)?)?")
"""The forms of `created_at`: any number of fraction digits, UTC where no zone is given; finer than 1 us is no fit."""
_ENCODED_SURROGATE = re.compile(rb"\xed[\xa0-\xbf]")
_SURROGATE = re.compile("[\ud800-\udfff]")

_RECORD = pa.struct(
    [(column.name, pa.string() if column.kind is Kind.TIME else column.kind.arrow_type) for column in _FIELDS]
)
_PARSE_OPTIONS = pa.json.ParseOptions(pa.schema([("data", _RECORD)]), unexpected_field_behavior="error")
_FEW = 64
"""So many rows are left to the rules once Arrow's parser has refused them."""


class Row(NamedTuple):
    """One record as it came: the id that was asked for, the answer's body, and when it came.

    `fetched_at` is Unix time in seconds, or None where that is not known.
    """

    requested_id: str
    body: bytes
    fetched_at: float | None


def to_table(rows: Sequence[Row]) -> pa.Table:
    """Return the rows as an Arrow table of `schema.ARROW_SCHEMA`, in their order.

    Raises:
        NotARecordError: A body is no record; what is fetched was checked before.
    """
    return pa.concat_tables([ARROW_SCHEMA.empty_table(), *_portions(rows)])


def _portions(rows: Sequence[Row]) -> Iterator[pa.Table]:
    """Yield tables that follow each other: what Arrow refuses is halved, until few rows are left to the rules."""
    arrays = _by_arrow(rows)
    if arrays is not None:
        yield _with_ours(rows, arrays)
    elif len(rows) <= _FEW:
        yield _with_ours(rows, _by_rules(rows))
    else:
        yield from _portions(rows[: len(rows) // 2])
        yield from _portions(rows[len(rows) // 2 :])


def _with_ours(rows: Sequence[Row], arrays: dict[str, pa.Array]) -> pa.Table:
    fetched_us = [None if row.fetched_at is None else round(row.fetched_at * 1e6) for row in rows]
    arrays["requested_id"] = pa.array([row.requested_id for row in rows], pa.string())
    arrays["fetched_at"] = pa.array(fetched_us, pa.int64()).cast(Kind.TIME.arrow_type)
    return pa.table(arrays, schema=ARROW_SCHEMA)


def _by_arrow(rows: Sequence[Row]) -> dict[str, pa.Array] | None:
    """Return the records' columns, or None where a value does not fit: Arrow's parser takes all rows or none.

    It is as strict as the rules (to it `12.0` is no integer, and a field that it does not know is an error), but for
    what is looked at afterwards: NaN, integers that no double holds, nulls where a record or an attempt should be.
    """
    # a line break stands nowhere in JSON but between its tokens, where it is as good as a blank
    text = b"\n".join(row.body.replace(b"\n", b" ").replace(b"\r", b" ") for row in rows)
    if _ENCODED_SURROGATE.search(text):  # no UTF-8, though Python's json reads it
        return None
    try:
        options = pa.json.ReadOptions(use_threads=False, block_size=len(text) + 1)
        records = pa.json.read_json(pa.BufferReader(text), options, _PARSE_OPTIONS).column("data").combine_chunks()
    except (pa.ArrowInvalid, OverflowError):  # OverflowError: more than a block can hold
        return None
    if len(records) != len(rows) or records.null_count:
        return None
    arrays = dict(zip(_RECORD.names, records.flatten(), strict=True))
    moments = [(None, True) if value is None else _moment(value) for value in arrays["created_at"].to_pylist()]
    fits = (
        not arrays["id"].null_count
        and not arrays["provider_responses"].flatten().null_count
        and all(exact for _, exact in moments)
        and all(_is_exact(arrays[column.name]) for column in _FIELDS if column.kind is Kind.NUMBER)
    )
    arrays["created_at"] = pa.array([moment for moment, _ in moments], Kind.TIME.arrow_type)
    arrays["extra"] = pa.nulls(len(rows), pa.string())
    return arrays if fits else None


def _is_exact(numbers: pa.Array) -> bool:
    return pa.compute.all(pa.compute.less(pa.compute.abs(numbers), _EXACT)).as_py() is not False


def _by_rules(rows: Sequence[Row]) -> dict[str, pa.Array]:
    """Return the records' columns, each value looked at where its column holds one that Arrow would not take."""
    records = [read_record(row.body) for row in rows]
    extras: list[Record] = [{} if record.keys() <= FIELD_NAMES else _unknown(record) for record in records]
    arrays = {}
    for column in _FIELDS:
        values = [record.get(column.name) for record in records]
        arrays[column.name] = _typed(values, column.kind, column.name, extras)
    texts = [_dump(extra, row.body) if extra else None for extra, row in zip(extras, rows, strict=True)]
    arrays["extra"] = pa.array(texts, pa.string())
    return arrays


def fit(value: object, kind: Kind) -> tuple[Any, bool]:
    """Return what a column of this kind holds for a value as JSON has it, and whether that is the whole truth.

    >>> fit(12.0, Kind.INTEGER), fit(12.5, Kind.INTEGER), fit("yes", Kind.FLAG), fit(None, Kind.TEXT)
    ((12, True), (12, False), (None, False), (None, True))
    """
    return (None, True) if value is None else _FITS[kind](value)


def _unknown(record: Record) -> Record:
    return {name: value for name, value in record.items() if name not in FIELD_NAMES}


def _typed(values: list[Any], kind: Kind, name: str, extras: list[Record]) -> pa.Array:
    """Return `values` as an array of `kind`; a value that does not fit leaves a gap and stands in its row's extra."""
    if kind in _PLAIN and set(map(type, values)) <= _PLAIN[kind]:
        try:
            array = pa.array(values, kind.arrow_type)
        except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
            pass  # a value out of range, or text that is no Unicode: the rules below find it
        else:
            if kind is not Kind.NUMBER or math.isfinite(sum(filter(None, values))):
                return array
    fitted: list[Any] = []
    for value, extra in zip(values, extras, strict=True):
        fits, exact = fit(value, kind)
        fitted.append(fits)
        if not exact:
            extra[name] = value
    return pa.array(fitted, kind.arrow_type)


_PLAIN: dict[Kind, frozenset[type]] = {
    Kind.INTEGER: frozenset({int, type(None)}),
    Kind.NUMBER: frozenset({float, int, type(None)}),
    Kind.FLAG: frozenset({bool, type(None)}),
    Kind.TEXT: frozenset({str, type(None)}),
}
"""The types that Arrow converts as the rules below would; whatever else is there is looked at value by value."""


def _integer(value: object) -> tuple[int | None, bool]:
    if type(value) is int and value in _INT64:
        return value, True
    if type(value) is float and math.isfinite(value) and round(value) in _INT64:
        return round(value), value.is_integer()
    return None, False


def _number(value: object) -> tuple[float | None, bool]:
    if type(value) is float and math.isfinite(value):
        return value, True
    if type(value) is int and abs(value) <= sys.float_info.max:
        return float(value), int(float(value)) == value
    return None, False


def _flag(value: object) -> tuple[bool | None, bool]:
    return (value, True) if isinstance(value, bool) else (None, False)


def _text(value: object) -> tuple[str | None, bool]:
    return (value, True) if isinstance(value, str) and not _SURROGATE.search(value) else (None, False)


def _moment(value: object) -> tuple[datetime | None, bool]:
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        try:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC), True
        except (ValueError, OverflowError):
            pass  # looks like a moment, but there is no such day or hour
    return None, False


def _attempts(value: object) -> tuple[list[Record] | None, bool]:
    if not isinstance(value, list) or not all(isinstance(attempt, dict) for attempt in value):
        return None, False
    fitted = [
        {name: _FITS[kind](attempt[name]) for name, kind in _ATTEMPT_KINDS.items() if attempt.get(name) is not None}
        for attempt in value
    ]
    exact = all(attempt.keys() <= _ATTEMPT_KINDS.keys() for attempt in value) and all(
        exact for attempt in fitted for _, exact in attempt.values()
    )
    return [{name: fits for name, (fits, _) in attempt.items()} for attempt in fitted], exact


_FITS: dict[Kind, Callable[[object], tuple[Any, bool]]] = {
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.FLAG: _flag,
    Kind.TEXT: _text,
    Kind.TIME: _moment,
    Kind.ATTEMPTS: _attempts,
}
"""For each kind, value -> (what its column holds, whether that is the whole truth)."""


def _dump(extra: Record, body: bytes) -> str:
    try:
        return _json(extra)
    except ValueError:  # a number beyond a double's range: its digits stand in the body alone
        texts = json.loads(body, parse_float=lambda text: float(text) if math.isfinite(float(text)) else text)["data"]
        return _json({name: texts[name] for name in extra})


def _json(extra: Record) -> str:
    return json.dumps(extra, separators=(",", ":"), allow_nan=False)
