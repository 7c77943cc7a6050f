"""Answer bodies to Arrow to one typed pandas frame, and the report of what did not fit."""

import json
import math
import re
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.answers import Record, excerpt, read_record
from genanalytics.errors import InputError
from genanalytics.schema import ARROW_SCHEMA, ATTEMPT, BY_NAME, COLUMNS, Kind, Origin

_INT64 = range(-(2**63), 2**63)
_FIELDS = tuple(column for column in COLUMNS if column.origin is not Origin.OURS)
_FIELD_NAMES = frozenset(column.name for column in _FIELDS)
_ATTEMPT_KINDS = {
    field.name: {pa.string(): Kind.TEXT, pa.bool_(): Kind.FLAG, pa.int64(): Kind.INTEGER}[field.type]
    for field in ATTEMPT.fields
}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6}0*)?(?:Z|[+-]\d\d(?::?\d\d)?)?")
"""The forms of `created_at`: any number of fraction digits, UTC where no zone is given; finer than 1 us is no fit."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_NULLABLE = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64")
_DTYPES = {
    **{pa.type_for_alias(name.lower()): pd.api.types.pandas_dtype(name) for name in _NULLABLE},
    pa.bool_(): pd.BooleanDtype(),
    pa.string(): pd.StringDtype(na_value=np.nan),
    pa.large_string(): pd.StringDtype(na_value=np.nan),
    Kind.ATTEMPTS.arrow_type: pd.ArrowDtype(Kind.ATTEMPTS.arrow_type),
}


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
    records = [read_record(row.body) for row in rows]
    extras: list[Record] = [{} if record.keys() <= _FIELD_NAMES else _unknown(record) for record in records]
    arrays = {"requested_id": pa.array([row.requested_id for row in rows], pa.string())}
    for column in _FIELDS:
        values = [record.get(column.name) for record in records]
        arrays[column.name] = _typed(values, column.kind, column.name, extras)
    arrays["extra"] = pa.array(
        [_dump(extra, row.body) if extra else None for extra, row in zip(extras, rows, strict=True)], pa.string()
    )
    fetched_us = [None if row.fetched_at is None else round(row.fetched_at * 1e6) for row in rows]
    arrays["fetched_at"] = pa.array(fetched_us, pa.int64()).cast(Kind.TIME.arrow_type)
    return pa.table(arrays, schema=ARROW_SCHEMA)


def from_table(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as a frame, its known columns with the dtypes of `schema.COLUMNS`, the others nullable.

    Raises:
        InputError: A known column holds values of another type.
    """
    for index, field in enumerate(table.schema):
        column = BY_NAME.get(field.name)
        if column is not None:
            try:  # a type that is equal too, since pandas tells nested types apart by the names of their parts
                table = table.set_column(index, field.name, table.column(index).cast(column.kind.arrow_type))
            except pa.ArrowException as error:
                reason = excerpt(str(error).encode())[1:-1]  # Arrow quotes what the column holds
                msg = f"column {field.name!r} holds {field.type}, it should hold {column.kind.arrow_type}: {reason}"
                raise InputError(msg) from error
    frame: pd.DataFrame = table.to_pandas(types_mapper=_DTYPES.get, ignore_metadata=True)
    return frame


def from_rows(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the rows as a typed frame, one row each, in their order; without rows an empty frame of the full schema.

    >>> frame = from_rows([Row("gen-1", b'{"data": {"id": "gen-1", "latency": 12.0, "new": [1]}}', 0.0)])
    >>> frame[["requested_id", "latency", "extra"]].to_dict("records")
    [{'requested_id': 'gen-1', 'latency': 12, 'extra': '{"new":[1]}'}]
    """
    return from_table(to_table(rows))


def drift(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what did not fit: one row per field, worked out from the column `extra`.

    Returns:
        Columns `field` (str), `what` (str: `unknown` for a field without a column, `misfit` for a value that its column
        cannot hold), `rows` (Int64, how many records), `example` (str, the first such value as JSON); most rows first.

    >>> frame = from_rows([Row("gen-1", b'{"data": {"id": "gen-1", "latency": 74512.5, "new": 1}}', 0.0)])
    >>> drift(frame).to_dict("records")[0]
    {'field': 'latency', 'what': 'misfit', 'rows': 1, 'example': '74512.5'}
    """
    found: dict[str, tuple[int, str]] = {}
    for text in frame["extra"].dropna():
        for name, value in json.loads(text).items():
            rows, example = found.get(name, (0, json.dumps(value)))
            found[name] = (rows + 1, example)
    report = sorted(
        (-rows, name, "misfit" if name in _FIELD_NAMES else "unknown", example)
        for name, (rows, example) in found.items()
    )
    return pd.DataFrame(
        {
            "field": pd.Series([name for _, name, _, _ in report], dtype="str"),
            "what": pd.Series([what for _, _, what, _ in report], dtype="str"),
            "rows": pd.Series([-rows for rows, _, _, _ in report], dtype="Int64"),
            "example": pd.Series([example for *_, example in report], dtype="str"),
        }
    )


def _unknown(record: Record) -> Record:
    return {name: value for name, value in record.items() if name not in _FIELD_NAMES}


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
    fit = _FITS[kind]
    fitted: list[Any] = []
    for value, extra in zip(values, extras, strict=True):
        fits, exact = (None, True) if value is None else fit(value)
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
