"""The frame as a file, written whole or not at all, and back; the suffix of the path names the form."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from genanalytics.base.atomic import replacing
from genanalytics.dataset import manifest as dataset
from genanalytics.errors import GenAnalyticsError, InputError, MissingColumnError
from genanalytics.formats.csv import for_spreadsheets, read_csv, write_csv
from genanalytics.formats.jsonl import json_lines, read_json_lines
from genanalytics.formats.parquet import read_table, unreadable, write_table
from genanalytics.records.frame import as_table, from_table
from genanalytics.records.schema import BY_NAME

SUFFIXES = (".parquet", ".csv", ".jsonl", ".arrow", ".duckdb")

_ASKED = b"genanalytics_asked"
_TABLE = "generations"
"""What the table in a DuckDB file is called."""


def write_parquet(frame: pd.DataFrame, path: str | os.PathLike[str], *, asked: int | None = None) -> None:
    """Write a frame as one Parquet file (zstd), in the order of `created_at`; it says what each column means.

    Args:
        frame: The frame.
        path: The file.
        asked: How many distinct ids were asked for, so that the file knows its coverage.

    Raises:
        InputError: A column holds what its type cannot.
        OutputError: The file cannot be written.
    """
    table = as_table(frame)
    metadata = {} if asked is None else {_ASKED: str(asked).encode()}
    with _written(Path(path)) as part:
        write_table(table, part, metadata)


def read_parquet(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return a Parquet file, or a data set that `export` wrote, as a frame: each row exactly as it was written.

    Args:
        path: The file, or the directory of the data set, be it a URL that pyarrow knows (s3://, gs://, ...).

    Raises:
        InputError: It cannot be read, a newer version wrote it, or a known column holds another type.
    """
    with _readable(path):
        of_dataset = dataset.is_dataset(path) or Path(path).is_dir()
        return from_table(dataset.read_table(path) if of_dataset else read_table(path))


def coverage_of(path: str | os.PathLike[str]) -> float | None:
    """Return the share of the ids asked for that have a row (0 to 1), or None where a file does not say.

    Raises:
        InputError: The file cannot be read.
    """
    if dataset.is_dataset(path):
        manifest = dataset.read_manifest(path)
        return manifest.rows / (manifest.rows + manifest.failures) if manifest.rows + manifest.failures else None
    if Path(path).suffix.lower() != ".parquet":
        return None
    with _readable(path), pa.parquet.ParquetFile(path) as file:
        asked = int((file.schema_arrow.metadata or {}).get(_ASKED, b"0"))
        return file.metadata.num_rows / asked if asked else None


def write_failures(failures: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write the failures of a fetch in the form that the suffix of `path` names; JSON lines hold a row each.

    Raises:
        InputError: The suffix is another one.
        OutputError: The file cannot be written.
    """
    _write(failures, Path(path), (json.dumps(row) for row in as_table(failures).to_pylist()))


def write_frame(frame: pd.DataFrame, path: str | os.PathLike[str], *, asked: int | None = None) -> None:
    """Write a frame in the form that the suffix of `path` names: .parquet, .csv, .jsonl, .arrow or .duckdb.

    JSON lines hold a record each, as the service would answer it, beside the id that was asked for and the moment of
    the answer; fields without a value are left out. In CSV nested values are JSON, and an empty text is "" where a gap
    is nothing. A DuckDB file holds one table, `generations`.

    Raises:
        InputError: The suffix is another one, or a column holds what its type cannot.
        OutputError: The file cannot be written.
    """
    if checked_suffix(path) == ".parquet":
        write_parquet(frame, path, asked=asked)
    else:
        _write(frame, Path(path), json_lines(frame))


def write_spreadsheet(frame: pd.DataFrame, path: str | os.PathLike[str]) -> int:
    """Write a frame as CSV for a spreadsheet, and return how many cells had to be made harmless.

    A text that a spreadsheet would run as a formula gets an apostrophe before it, moments are ISO 8601 in UTC. So the
    file is not read back exactly; one that `write_frame` wrote is.

    Raises:
        InputError: A column holds what its type cannot.
        OutputError: The file cannot be written.
    """
    table, changed = for_spreadsheets(as_table(frame))
    with _written(Path(path)) as part:
        write_csv(table, part)
    return changed


def read_frame(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return a file that `write_frame` wrote, or a data set that `export` wrote, as a frame.

    A file of JSON lines may also hold answers as the service sends them.

    Raises:
        InputError: The suffix is another one, or the file cannot be read.
        MissingColumnError: The file does not say which id each row was asked for under.
    """
    if dataset.is_dataset(path) or Path(path).is_dir():
        frame = read_parquet(path)
    else:
        read = _READERS[checked_suffix(path)]
        with _readable(path):
            frame = read(Path(path))
    if "requested_id" not in frame.columns:
        msg = f"{os.fspath(path)} has no column 'requested_id': name a file that `genanalytics fetch` wrote"
        raise MissingColumnError(msg)
    return frame


def checked_target(path: str | os.PathLike[str]) -> None:
    """Check that a file can be written under `path`, before the work that would be lost.

    Raises:
        InputError: The suffix names no form, its form needs what is not installed, or the directory is not there.
    """
    if checked_suffix(path) == ".duckdb":
        _check_duckdb()
    check_place(path)


def check_place(path: str | os.PathLike[str]) -> None:
    """Check that a file could stand under `path`.

    Raises:
        InputError: The directory is not there, or `path` is one itself.
    """
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


def _write(frame: pd.DataFrame, path: Path, lines: Iterable[str]) -> None:
    """Write a frame in the form that the suffix names; as JSON lines, these lines."""
    suffix = checked_suffix(path)
    if suffix == ".jsonl":
        with _written(path) as part, part.open("wb") as stream:
            stream.writelines(line.encode() + b"\n" for line in lines)
        return
    table = as_table(frame)
    with _written(path) as part:
        _WRITERS[suffix](table, part)


def _write_ipc(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(path, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)


def _read_ipc(path: Path) -> pd.DataFrame:
    with pa.ipc.open_file(path) as reader:
        return from_table(reader.read_all())


def _write_duckdb(table: pa.Table, path: Path) -> None:
    _check_duckdb()
    import duckdb  # noqa: PLC0415 - an extra

    path.unlink()  # DuckDB makes its file itself
    try:
        with duckdb.connect(path) as connection:
            connection.register("rows", table)
            connection.execute(f"CREATE TABLE {_TABLE} AS FROM rows")
            for column in (BY_NAME[name] for name in table.column_names if name in BY_NAME):
                meaning = f"{column.meaning} [{column.unit}]" if column.unit else column.meaning
                quoted = meaning.replace("'", "''")
                connection.execute(f"COMMENT ON COLUMN {_TABLE}.{column.name} IS '{quoted}'")
    except duckdb.IOException as error:
        raise OSError(str(error).rpartition(": ")[2]) from error  # its last words are the system's
    except duckdb.Error as error:
        msg = f"DuckDB cannot hold the frame: {error}"
        raise InputError(msg) from error


def _read_duckdb(path: Path) -> pd.DataFrame:
    _check_duckdb()
    import duckdb  # noqa: PLC0415 - an extra

    path.stat()  # what is not there is said as of every other file
    try:
        with duckdb.connect(path, read_only=True) as connection:
            return from_table(connection.sql(f"FROM {_TABLE}").to_arrow_table())
    except duckdb.Error as error:
        raise unreadable(path, error) from error


def _check_duckdb() -> None:
    if find_spec("duckdb") is None:
        msg = "a .duckdb file needs the package duckdb: pip install 'genanalytics[duckdb]'"
        raise InputError(msg)


_WRITERS: Mapping[str, Callable[[pa.Table, Path], None]] = {
    ".parquet": write_table,
    ".csv": write_csv,
    ".arrow": _write_ipc,
    ".duckdb": _write_duckdb,
}
_READERS: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": read_parquet,
    ".csv": lambda path: from_table(read_csv(path)),
    ".jsonl": read_json_lines,
    ".arrow": _read_ipc,
    ".duckdb": _read_duckdb,
}


@contextmanager
def _written(path: Path) -> Iterator[Path]:
    """Yield what becomes `path`; a type that the form does not know is the frame's fault, not the disk's."""
    try:
        with replacing(path) as part:
            yield part
    except pa.ArrowException as error:
        msg = f"cannot write {path}: {error}"
        raise InputError(msg) from error


@contextmanager
def _readable(path: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except GenAnalyticsError:
        raise
    except (OSError, OverflowError, RecursionError, ValueError, pa.ArrowException) as error:
        raise unreadable(path, error) from error
