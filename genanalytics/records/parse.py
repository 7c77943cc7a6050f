"""Bodies of answers as Arrow: by Arrow's own parser if every value fits its column, otherwise by rules in Python."""

import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute
import pyarrow.json

from genanalytics.base.moments import to_utc
from genanalytics.records.record import Record, read_record
from genanalytics.records.schema import ARROW_SCHEMA, ATTEMPT, COLUMNS, Kind, Origin

_FIELDS = tuple(column for column in COLUMNS if column.origin is not Origin.OURS)
FIELD_NAMES = frozenset(column.name for column in _FIELDS)
"""The names of the columns that come from a record."""

_ATTEMPT_KINDS = {
    field.name: {pa.string(): Kind.TEXT, pa.bool_(): Kind.FLAG, pa.int64(): Kind.INTEGER}[field.type]
    for field in ATTEMPT.fields
}
_INT64 = range(-(2**63), 2**63)
_EXACT = 2.0**53
"""Below this size, every integer is exact as a double."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6}0*)?(?:Z|[+-]\d\d(?::?\d\d)?)?")
"""The formats of `created_at`: UTC without a zone, any number of zeros in the fraction, but nothing finer than 1 us."""
_ENCODED_SURROGATE = re.compile(rb"\xed[\xa0-\xbf]")
_SURROGATE = re.compile("[\ud800-\udfff]")

_RECORD = pa.struct(
    [(column.name, pa.string() if column.kind is Kind.TIME else column.kind.arrow_type) for column in _FIELDS]
)
_PARSE_OPTIONS = pa.json.ParseOptions(pa.schema([("data", _RECORD)]), unexpected_field_behavior="error")
ROWS_PER_TABLE = 4_096
"""The number of rows to parse at a time."""
_FEW = 64
"""The number of rows that the rules read after Arrow's parser has refused them."""


class Arrived(Protocol):
    """A record as it arrived: the requested id, the body of the answer, and its time.

    `fetched_at` is Unix time in seconds, or None if it is unknown.
    """

    @property
    def requested_id(self) -> str: ...  # noqa: D102 - see above

    @property
    def body(self) -> bytes: ...  # noqa: D102

    @property
    def fetched_at(self) -> float | None: ...  # noqa: D102


class Row(NamedTuple):
    """A record as it arrived, and nothing else."""

    requested_id: str
    body: bytes
    fetched_at: float | None


def parse_rows(rows: Sequence[Arrived]) -> pa.Table:
    """Return the rows as an Arrow table of `schema.ARROW_SCHEMA`, in their order.

    Raises:
        NotARecordError: A body is not a record. Fetched bodies have been checked before.
    """
    return pa.concat_tables([ARROW_SCHEMA.empty_table(), *_parse_portions(rows)])


def _parse_portions(rows: Sequence[Arrived]) -> Iterator[pa.Table]:
    """Yield tables in order: a portion that Arrow refuses is halved until a few rows are left for the rules."""
    arrays = _parse_by_arrow(rows)
    if arrays is not None:
        yield _add_ours(rows, arrays)
    elif len(rows) <= _FEW:
        yield _add_ours(rows, _parse_by_rules(rows))
    else:
        yield from _parse_portions(rows[: len(rows) // 2])
        yield from _parse_portions(rows[len(rows) // 2 :])


def _add_ours(rows: Sequence[Arrived], arrays: dict[str, pa.Array]) -> pa.Table:
    fetched_us = [None if row.fetched_at is None else round(row.fetched_at * 1e6) for row in rows]
    arrays["requested_id"] = pa.array([row.requested_id for row in rows], pa.string())
    arrays["fetched_at"] = pa.array(fetched_us, pa.int64()).cast(Kind.TIME.arrow_type)
    return pa.table(arrays, schema=ARROW_SCHEMA)


def _parse_by_arrow(rows: Sequence[Arrived]) -> dict[str, pa.Array] | None:
    """Return the columns of records, or None if a value does not fit: Arrow's parser takes all rows or none.

    It is as strict as the rules: `12.0` is not an integer, and an unknown field is an error. NaN, integers that are not
    exact as doubles, and nulls instead of records or attempts are checked afterwards.
    """
    # in JSON, a line break is only between tokens, where it means the same as a blank
    text = b"\n".join(row.body.replace(b"\n", b" ").replace(b"\r", b" ") for row in rows)
    if _ENCODED_SURROGATE.search(text):  # not UTF-8, which Arrow does not check
        return None
    try:
        options = pa.json.ReadOptions(use_threads=False, block_size=len(text) + 1)
        records = pa.json.read_json(pa.BufferReader(text), options, _PARSE_OPTIONS).column("data").combine_chunks()
    except (pa.ArrowInvalid, OverflowError):  # OverflowError: more than a block can hold
        return None
    if len(records) != len(rows) or records.null_count:
        return None
    arrays = dict(zip(_RECORD.names, records.flatten(), strict=True))
    moments = [(None, True) if value is None else _fit_moment(value) for value in arrays["created_at"].to_pylist()]
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


def _parse_by_rules(rows: Sequence[Arrived]) -> dict[str, pa.Array]:
    """Return the columns of records; a column with a value that Arrow refuses is read value by value."""
    records = [read_record(row.body) for row in rows]
    extras = [{name: value for name, value in record.items() if name not in FIELD_NAMES} for record in records]
    arrays = {
        column.name: _convert([record.get(column.name) for record in records], column.kind, column.name, extras)
        for column in _FIELDS
    }
    texts = [_dump(extra, row.body) if extra else None for extra, row in zip(extras, rows, strict=True)]
    arrays["extra"] = pa.array(texts, pa.string())
    return arrays


def fit(value: object, kind: Kind) -> tuple[Any, bool]:
    """Return the value of a column of this kind for a JSON value, and whether it is exact.

    >>> fit(12.0, Kind.INTEGER), fit(12.5, Kind.INTEGER), fit("yes", Kind.FLAG), fit(None, Kind.TEXT)
    ((12, True), (12, False), (None, False), (None, True))
    """
    return (None, True) if value is None else _FITS[kind](value)


def _convert(values: list[Any], kind: Kind, name: str, extras: list[Record]) -> pa.Array:
    """Return `values` as an array of `kind`; a value that does not fit leaves a gap and goes into its row's extra."""
    if kind in _PLAIN and set(map(type, values)) <= _PLAIN[kind]:
        try:
            array = pa.array(values, kind.arrow_type)
        except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
            pass  # a value out of range, or text that is not Unicode: the rules below find it
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
"""The types that Arrow converts like the rules below; all others are read value by value."""


def _fit_integer(value: object) -> tuple[int | None, bool]:
    if type(value) is int and value in _INT64:
        return value, True
    if type(value) is float and math.isfinite(value) and round(value) in _INT64:
        return round(value), value.is_integer()
    return None, False


def _fit_number(value: object) -> tuple[float | None, bool]:
    if type(value) is float and math.isfinite(value):
        return value, True
    if type(value) is int and abs(value) <= sys.float_info.max:
        return float(value), int(float(value)) == value
    return None, False


def _fit_flag(value: object) -> tuple[bool | None, bool]:
    return (value, True) if isinstance(value, bool) else (None, False)


def _fit_text(value: object) -> tuple[str | None, bool]:
    return (value, True) if isinstance(value, str) and not _SURROGATE.search(value) else (None, False)


def _fit_moment(value: object) -> tuple[datetime | None, bool]:
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        try:
            return to_utc(datetime.fromisoformat(value)), True
        except (ValueError, OverflowError):
            pass  # in the format of a moment, but there is no such day or hour
    return None, False


def _fit_attempts(value: object) -> tuple[list[Record] | None, bool]:
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
    Kind.INTEGER: _fit_integer,
    Kind.NUMBER: _fit_number,
    Kind.FLAG: _fit_flag,
    Kind.TEXT: _fit_text,
    Kind.TIME: _fit_moment,
    Kind.ATTEMPTS: _fit_attempts,
}
"""For each kind: value -> (the value of the column, whether it is exact)."""


def _dump(extra: Record, body: bytes) -> str:
    try:
        return _json(extra)
    except ValueError:  # a number beyond the range of a double: only the body has its digits
        texts = json.loads(body, parse_float=lambda text: float(text) if math.isfinite(float(text)) else text)["data"]
        return _json({name: texts[name] for name in extra})


def _json(extra: Record) -> str:
    return json.dumps(extra, separators=(",", ":"), allow_nan=False)
