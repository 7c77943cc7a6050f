"""The statistics of a file that the log of a Delta table contains, so that engines skip files."""

import json
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute

_LONGEST_TEXT = 32
"""Longer texts would make the log large."""
_MILLISECOND = 1_000


def describe_rows(rows: pa.Table) -> str:
    """Return the JSON of the number of rows, and of the gaps and the limits of each column that has limits.

    Times are in milliseconds, as the protocol wants it; the limits contain all values.

    >>> json.loads(describe_rows(pa.table({"n": [2, None, 1]})))
    {'numRecords': 3, 'minValues': {'n': 1}, 'maxValues': {'n': 2}, 'nullCount': {'n': 1}}
    """
    least: dict[str, Any] = {}
    most: dict[str, Any] = {}
    gaps: dict[str, int] = {}
    for field in rows.schema:
        values = rows[field.name]
        if pa.types.is_nested(field.type):
            continue
        gaps[field.name] = values.null_count
        if values.null_count < len(values) and _has_limits(values):
            limits = pa.compute.min_max(values).as_py()
            least[field.name] = _to_json(limits["min"], up=False)
            most[field.name] = _to_json(limits["max"], up=True)
    return json.dumps({"numRecords": len(rows), "minValues": least, "maxValues": most, "nullCount": gaps})


def _has_limits(values: pa.ChunkedArray) -> bool:
    if pa.types.is_string(values.type):
        return bool(pa.compute.max(pa.compute.binary_length(values)).as_py() <= _LONGEST_TEXT)
    if pa.types.is_floating(values.type):
        return not pa.compute.any(pa.compute.invert(pa.compute.is_finite(values))).as_py()
    return bool(pa.types.is_integer(values.type) or pa.types.is_timestamp(values.type))


def _to_json(value: Any, *, up: bool) -> Any:  # noqa: ANN401 - any value of a column
    """Return a limit as JSON; times are rounded to milliseconds, away from the values.

    >>> _to_json(datetime(2026, 9, 1, 12, 0, 0, 1), up=True), _to_json(datetime(2026, 9, 1, 12, 0, 0, 1), up=False)
    ('2026-09-01T12:00:00.001Z', '2026-09-01T12:00:00.000Z')
    """
    if not isinstance(value, datetime):
        return value
    rest = value.microsecond % _MILLISECOND
    moved = value + timedelta(microseconds=(_MILLISECOND - rest) % _MILLISECOND if up else -rest)
    return moved.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
