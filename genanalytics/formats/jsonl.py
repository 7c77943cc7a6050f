"""Frames as JSON lines, each a record as the service would answer it, and back."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from genanalytics.errors import InputError
from genanalytics.ids.form import problem
from genanalytics.records.frame import as_table, from_rows
from genanalytics.records.parse import Row
from genanalytics.records.record import NotARecordError, read_record


def json_lines(frame: pd.DataFrame) -> Iterator[str]:
    """Yield one JSON object per row: requested_id, fetched_at, and the record under `data`.

    >>> frame = from_rows([Row("gen-1", b'{"data": {"id": "gen-1", "latency": 1.5, "new": 1}}', 0.0)])
    >>> next(json_lines(frame))
    '{"requested_id":"gen-1","fetched_at":"1970-01-01T00:00:00+00:00","data":{"id":"gen-1","latency":1.5,"new":1}}'
    """
    for row in as_table(frame).to_pylist():
        known = {name: plain(value) for name, value in row.items() if value is not None}
        line = {name: known.pop(name) for name in ("requested_id", "fetched_at") if name in known}
        extra = known.pop("extra", "{}")
        try:
            text = json.dumps(line | {"data": known | json.loads(extra)}, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as error:
            msg = f"the row of {line.get('requested_id')!r} cannot be written as JSON: {error}"
            raise InputError(msg) from error
        yield text


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever a column can hold
    """Return a value as JSON has it; the parts without a value are left out."""
    match value:
        case dict():
            return {name: plain(inner) for name, inner in value.items() if inner is not None}
        case list():
            return [plain(inner) for inner in value]
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value.isoformat()
    return str(value)


def read_json_lines(path: Path) -> pd.DataFrame:
    """Return the records of a file with an answer a line, as the service sends it or as `json_lines` writes it.

    Raises:
        OSError: The file cannot be read.
        InputError: A line is no answer.
    """
    rows: list[Row] = []
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                rows.append(_row(line, path, number))
    return from_rows(rows)


def _row(line: bytes, path: Path, number: int) -> Row:
    try:
        carried = read_record(line)["id"]
        envelope = json.loads(line)
        requested_id = _checked_id(envelope.get("requested_id", carried))
        moment = envelope.get("fetched_at")
        fetched_at = None if moment is None else _seconds(datetime.fromisoformat(moment))
    except (NotARecordError, TypeError, ValueError) as error:
        msg = f"line {number:,} of {path} is no answer: {error}"
        raise InputError(msg) from error
    return Row(requested_id, line, fetched_at)


def _checked_id(value: object) -> str:
    if isinstance(value, str) and problem(value) is None:
        return value
    msg = f"{value!a:.80} cannot be an id"
    raise ValueError(msg)


def _seconds(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
