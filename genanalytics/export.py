"""The frame as a file, written whole or not at all, and back: Parquet, CSV, JSON lines."""

import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from genanalytics.answers import NotARecordError, excerpt, read_record
from genanalytics.errors import InputError, MissingColumnError, OutputError
from genanalytics.frame import from_rows, from_table
from genanalytics.ids import problem
from genanalytics.parse import Row
from genanalytics.schema import ARROW_SCHEMA, BY_NAME, SCHEMA_VERSION, Column, Kind

SUFFIXES = (".parquet", ".csv", ".jsonl")

_ASKED = b"genanalytics_asked"
_LONGEST_LINE = 1 << 26
"""How long a line of CSV can be: many times as long as the longest answer that is fetched."""


def write_parquet(frame: pd.DataFrame, path: str | os.PathLike[str], *, asked: int | None = None) -> None:
    """Write a frame as one Parquet file (zstd), with each column's unit and meaning in the file's schema.

    Args:
        frame: The frame.
        path: The file.
        asked: How many distinct ids were asked for, so that the file knows its coverage.

    Raises:
        InputError: A column holds what its type cannot.
        OutputError: The file cannot be written.
    """
    table = _to_arrow(frame)
    metadata = {b"genanalytics_schema_version": str(SCHEMA_VERSION).encode()}
    if asked is not None:
        metadata[_ASKED] = str(asked).encode()
    with _whole(Path(path)) as stream:
        pa.parquet.write_table(table.replace_schema_metadata(metadata), stream, compression="zstd")


def read_parquet(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return a Parquet file as a frame, exactly as it was written.

    Raises:
        InputError: The file cannot be read, or a known column holds another type.
    """
    try:
        # a ParquetFile, not a data set: a directory called model=x above the file adds no column
        with pa.parquet.ParquetFile(path) as file:
            return from_table(file.read())
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def coverage_of(path: str | os.PathLike[str]) -> float | None:
    """Return the share of the ids asked for that have a row in a file (0 to 1), or None where the file does not say.

    Raises:
        InputError: The file cannot be read.
    """
    if checked_suffix(path) != ".parquet":
        return None
    try:
        with pa.parquet.ParquetFile(path) as file:
            asked = int((file.schema_arrow.metadata or {}).get(_ASKED, b"0"))
            return file.metadata.num_rows / asked if asked else None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def write_failures(failures: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write the failures of a fetch in the form that the suffix of `path` names; JSON lines hold a row each.

    Raises:
        InputError: The suffix is another one.
        OutputError: The file cannot be written.
    """
    rows = (json.dumps(row) for row in _to_arrow(failures).to_pylist())
    _write(failures, Path(path), rows)


def write_frame(frame: pd.DataFrame, path: str | os.PathLike[str], *, asked: int | None = None) -> None:
    """Write a frame in the form that the suffix of `path` names: .parquet, .csv or .jsonl.

    JSON lines hold a record each, as the service would answer it, beside the id that was asked for and the moment of
    the answer; fields without a value are left out. In CSV nested values are JSON, and an empty text is "" where a gap
    is nothing.

    Raises:
        InputError: The suffix is another one, or a column holds what its type cannot.
        OutputError: The file cannot be written.
    """
    if checked_suffix(path) == ".parquet":
        write_parquet(frame, path, asked=asked)
    else:
        _write(frame, Path(path), json_lines(frame))


def read_frame(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return a file that `write_frame` wrote as a frame; .jsonl may also hold answers as the service sends them.

    Raises:
        InputError: The suffix is another one, or the file cannot be read.
        MissingColumnError: The file does not say which id each row was asked for under.
    """
    match checked_suffix(path):
        case ".parquet":
            frame = read_parquet(path)
        case ".csv":
            frame = _read_csv(Path(path))
        case _:
            frame = _read_json_lines(Path(path))
    if "requested_id" not in frame.columns:
        msg = f"{os.fspath(path)} has no column 'requested_id': name a file that `genanalytics fetch` wrote"
        raise MissingColumnError(msg)
    return frame


def checked_target(path: str | os.PathLike[str]) -> None:
    """Check that a file can be written under `path`, before the work that would be lost.

    Raises:
        InputError: The suffix names no form, or the directory is not there.
    """
    checked_suffix(path)
    parent = Path(path).parent
    if not parent.is_dir():
        msg = f"cannot write {os.fspath(path)!r}: there is no directory {str(parent)!r}; make it first"
        raise InputError(msg)
    if Path(path).is_dir():
        msg = f"cannot write {os.fspath(path)!r}: it is a directory; name a file"
        raise InputError(msg)


def checked_suffix(path: str | os.PathLike[str]) -> str:
    """Return the suffix of `path` in lower case.

    Raises:
        InputError: It names no form that can be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        found = f"ends in {suffix!r}" if suffix else "has no suffix"
        msg = f"{os.fspath(path)!r} {found}: name a file that ends in {', '.join(SUFFIXES)}"
        raise InputError(msg)
    return suffix


def json_lines(frame: pd.DataFrame) -> Iterator[str]:
    """Yield one JSON object per row: requested_id, fetched_at, and the record under `data`.

    >>> frame = from_rows([Row("gen-1", b'{"data": {"id": "gen-1", "latency": 1.5, "new": 1}}', 0.0)])
    >>> next(json_lines(frame))
    '{"requested_id":"gen-1","fetched_at":"1970-01-01T00:00:00+00:00","data":{"id":"gen-1","latency":1.5,"new":1}}'
    """
    for row in _to_arrow(frame).to_pylist():
        known = {name: _plain(value) for name, value in row.items() if value is not None}
        line = {name: known.pop(name) for name in ("requested_id", "fetched_at") if name in known}
        extra = known.pop("extra", "{}")
        try:
            text = json.dumps(line | {"data": known | json.loads(extra)}, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as error:
            msg = f"the row of {line.get('requested_id')!r} cannot be written as JSON: {error}"
            raise InputError(msg) from error
        yield text


def _write(frame: pd.DataFrame, path: Path, lines: Iterable[str]) -> None:
    """Write a frame in the form that the suffix names; as JSON lines, these lines."""
    match checked_suffix(path):
        case ".parquet":
            write_parquet(frame, path)
        case ".csv":
            with _whole(path) as stream:
                pa.csv.write_csv(_flat(_to_arrow(frame)), stream)
        case _:
            with _whole(path) as stream:
                stream.writelines(line.encode() + b"\n" for line in lines)


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a column can hold
    """Return a value as JSON has it; the parts without a value are left out."""
    match value:
        case dict():
            return {name: _plain(inner) for name, inner in value.items() if inner is not None}
        case list():
            return [_plain(inner) for inner in value]
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value.isoformat()
    return str(value)


def _to_arrow(frame: pd.DataFrame) -> pa.Table:
    """Return a frame as Arrow, its known columns with the types and the descriptions of the schema."""
    fields, arrays = [], []
    for name, values in frame.items():
        column = BY_NAME.get(str(name))
        try:
            if values.dtype == object:  # of a Python float in an integer column, Arrow would cut the fraction off
                values = values.convert_dtypes()  # noqa: PLW2901
            arrays.append(pa.Array.from_pandas(values, type=column.kind.arrow_type if column else None))
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            msg = f"column {name!r} cannot be written: {error}"
            raise InputError(msg) from error
        fields.append(pa.field(str(name), arrays[-1].type, metadata=_described(column)))
    schema = pa.schema(fields)
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        msg = f"two columns of one name cannot be written: {', '.join(twice)}"
        raise InputError(msg)
    return pa.table(arrays, schema=schema)


def _described(column: Column | None) -> dict[str, str]:
    if column is None:
        return {}
    return {"unit": column.unit.value, "meaning": column.meaning, "origin": column.origin.value}


def _flat(table: pa.Table) -> pa.Table:
    """Return the table with its nested columns as JSON text."""
    for index, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            texts = [None if value is None else json.dumps(_plain(value)) for value in table.column(index).to_pylist()]
            table = table.set_column(index, field.name, pa.array(texts, pa.string()))
    return table


def _read_csv(path: Path) -> pd.DataFrame:
    nested = {column.name for column in BY_NAME.values() if column.kind is Kind.ATTEMPTS}
    types = {field.name: pa.string() if field.name in nested else field.type for field in ARROW_SCHEMA}
    try:
        table = pa.csv.read_csv(
            path,
            read_options=pa.csv.ReadOptions(block_size=_LONGEST_LINE),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
            ),
        )
        for index in (place for place, name in enumerate(table.column_names) if name in nested):
            # a fraction stays a text, which Arrow refuses, where it would cut the fraction off
            texts = table.column(index).to_pylist()
            attempts = [None if text is None else json.loads(text, parse_float=str) for text in texts]
            table = table.set_column(index, table.column_names[index], pa.array(attempts, Kind.ATTEMPTS.arrow_type))
    except (OSError, OverflowError, RecursionError, ValueError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    return from_table(table)


def _read_json_lines(path: Path) -> pd.DataFrame:
    rows: list[Row] = []
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    rows.append(_row(line, path, number))
    except OSError as error:
        raise _unreadable(path, error) from error
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


def _unreadable(path: str | os.PathLike[str], error: Exception) -> InputError:
    # Arrow quotes what a file holds
    reason = error.strerror if isinstance(error, OSError) and error.strerror else excerpt(str(error).encode())[1:-1]
    return InputError(f"cannot read {os.fspath(path)}: {reason}")


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """Yield a stream whose content stands under `path` once the block ends well, and nowhere otherwise."""
    target = Path(os.path.realpath(path))  # what a link points to is replaced, not the link
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror}"
        raise OutputError(msg) from error
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror or error}"
        raise OutputError(msg) from error
    except pa.ArrowException as error:  # a type that the form does not know
        msg = f"cannot write {path}: {error}"
        raise InputError(msg) from error
    finally:
        part.unlink(missing_ok=True)
