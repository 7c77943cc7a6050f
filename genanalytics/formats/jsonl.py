"""JSON lines: one record per line, in the form of the service's answer."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from genanalytics.base.mask import hide_api_keys
from genanalytics.base.moments import to_utc
from genanalytics.errors import InputError
from genanalytics.ids.form import find_problem
from genanalytics.records.frame import to_arrow
from genanalytics.records.parse import Row, parse_rows
from genanalytics.records.record import NotARecordError, read_record

_LONGEST_LINE = 1 << 24
"""The longest line that is read, in bytes; an answer of the service has at most 1 MiB."""


def to_json_lines(frame: pd.DataFrame) -> Iterator[str]:
    """Yield one JSON object per row: requested_id, fetched_at, and the record under `data`; gaps are left out.

    >>> from genanalytics.records.frame import parse_frame
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


def read_jsonl(path: Path) -> pa.Table:
    """Return the records of a file with one answer per line, from the service or from `write_jsonl`.

    Raises:
        OSError: The file cannot be read.
        ValueError: A line is not an answer.
    """
    with path.open("rb") as stream:
        numbered = enumerate(iter(lambda: stream.readline(_LONGEST_LINE + 1), b""), start=1)
        rows = [_read_row(line, number) for number, line in numbered if line.strip()]
    return parse_rows(rows)


def has_only_other_rows(path: Path) -> bool:
    """Return whether each line of a file is an object without the `data` of an answer, such as a row of failures.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as stream:
        return all(_is_other_row(line) for line in stream if line.strip())


def _is_other_row(line: bytes) -> bool:
    try:
        row = json.loads(line)
    except ValueError:
        return False
    return isinstance(row, dict) and "data" not in row


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


def _read_row(line: bytes, number: int) -> Row:
    if len(line) > _LONGEST_LINE:
        msg = f"line {number:,} is longer than {_LONGEST_LINE:,} bytes, which no answer is"
        raise ValueError(msg)
    try:
        carried = read_record(line)["id"]
        envelope = json.loads(line)
        requested_id = _check_id(envelope.get("requested_id", carried))
        fetched_at = _read_moment(envelope.get("fetched_at"))
    except (NotARecordError, ValueError) as error:
        msg = f"line {number:,} is not an answer: {error}"
        raise ValueError(msg) from error
    return Row(requested_id, line, fetched_at)


def _read_moment(fetched_at: Any) -> float | None:  # noqa: ANN401 - any value of JSON
    try:
        return None if fetched_at is None else to_utc(datetime.fromisoformat(fetched_at)).timestamp()
    except (OverflowError, TypeError, ValueError) as error:
        msg = f"fetched_at is {fetched_at!a:.80}: give an ISO date and time, such as 2026-08-01T12:00Z"
        raise ValueError(msg) from error


def _check_id(value: object) -> str:
    if isinstance(value, str) and find_problem(value) is None:
        return value
    msg = f"{hide_api_keys(ascii(value)):.80} cannot be an id"
    raise ValueError(msg)
