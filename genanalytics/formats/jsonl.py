"""Records as JSON lines: one per line, in the form of the service's answer."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from genanalytics.errors import InputError
from genanalytics.records.frame import to_arrow


def to_json_lines(frame: pd.DataFrame) -> Iterator[str]:
    """Yield one JSON object per row: requested_id, fetched_at, and the record under `data`; gaps are left out.

    >>> from genanalytics.records.frame import parse_frame
    >>> from genanalytics.records.parse import Row
    >>> frame = parse_frame([Row("gen-1", b'{"data": {"id": "gen-1", "latency": 1.5, "new": 1}}', 0.0)])
    >>> next(to_json_lines(frame))
    '{"requested_id":"gen-1","fetched_at":"1970-01-01T00:00:00+00:00","data":{"id":"gen-1","latency":1.5,"new":1}}'
    """
    return _to_lines(to_arrow(frame))


def write_jsonl(table: pa.Table, path: Path) -> None:
    """Write a table of records in the form of `to_json_lines`."""
    _write_lines(_to_lines(table), path)


def write_rows(table: pa.Table, path: Path) -> None:
    """Write a table of any kind, one row per line as it is."""
    _write_lines((json.dumps(row) for row in table.to_pylist()), path)


def to_json_value(value: Any) -> Any:  # noqa: ANN401 - any value of a column
    """Return a value in the types of JSON; parts without a value are left out."""
    match value:
        case dict():
            return {name: to_json_value(inner) for name, inner in value.items() if inner is not None}
        case list():
            return [to_json_value(inner) for inner in value]
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value.isoformat()
    return str(value)


def _to_lines(table: pa.Table) -> Iterator[str]:
    for row in table.to_pylist():
        known = {name: to_json_value(value) for name, value in row.items() if value is not None}
        line = {name: known.pop(name) for name in ("requested_id", "fetched_at") if name in known}
        extra = known.pop("extra", "{}")
        try:
            text = json.dumps(line | {"data": known | json.loads(extra)}, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as error:
            msg = f"the row of {line.get('requested_id')!r} cannot be written as JSON: {error}"
            raise InputError(msg) from error
        yield text


def _write_lines(lines: Iterator[str], path: Path) -> None:
    with path.open("wb") as stream:
        stream.writelines(line.encode() + b"\n" for line in lines)
