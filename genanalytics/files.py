"""Any file with records as a frame, and a frame as a file: the suffix and the content decide the format."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from genanalytics.base.atomic import replace_file
from genanalytics.base.content import Content, open_content, translate_errors
from genanalytics.dataset import manifest
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.formats.arrow import read_arrow, write_arrow
from genanalytics.formats.csv import make_harmless, read_csv, write_csv
from genanalytics.formats.duckdb import check_duckdb, read_duckdb, write_duckdb
from genanalytics.formats.jsonl import read_jsonl, write_jsonl, write_rows
from genanalytics.formats.parquet import read_table, write_table
from genanalytics.records.frame import to_arrow, to_frame
from genanalytics.service.activity import is_activity, read_activity

_ASKED = b"genanalytics_asked"
_ERRORS = (OSError, OverflowError, RecursionError, ValueError, pa.ArrowException)

_WRITERS: Mapping[str, Callable[[pa.Table, Path], None]] = {
    ".parquet": write_table,
    ".csv": write_csv,
    ".jsonl": write_jsonl,
    ".arrow": write_arrow,
    ".duckdb": write_duckdb,
}
_READERS: Mapping[str, Callable[[Path], pa.Table]] = {
    ".parquet": read_table,
    ".csv": read_csv,
    ".jsonl": read_jsonl,
    ".arrow": read_arrow,
    ".duckdb": read_duckdb,
}
SUFFIXES = tuple(_WRITERS)


def read(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> pd.DataFrame:
    """Return the records of files as one frame.

    The suffix of a file decides its format: .parquet, .csv, .jsonl, .arrow or .duckdb. For any other suffix the content
    decides, unpacked if it is packed with gzip or zstd. JSON lines may be written by `write` or be answers of the
    service. An activity export of the service is recognised by its header.

    Args:
        paths: A file, the directory of a data set, or several of them. The rows of one file are returned as they are.
            Several files become one frame with each generation once: the record fetched last.

    Raises:
        InputError: A file cannot be read, or has no known format.
        MissingColumnError: A file has no column `requested_id`, `fetched_at` or `created_at`, and so no records.
    """
    if isinstance(paths, str | os.PathLike):
        return _read_one(paths)
    frames = [_read_one(path) for path in paths]
    if not frames:
        msg = "no files to read: give the path of a file, or several paths"
        raise InputError(msg)
    return join_frames(frames)


def write(frame: pd.DataFrame, path: str | os.PathLike[str], *, asked: int | None = None) -> None:
    """Write a frame to a file whose suffix decides the format: .parquet, .csv, .jsonl, .arrow or .duckdb.

    The file is written whole or not at all. Parquet files are sorted by `created_at`, all others keep the order. JSON
    lines contain one record per line in the form of the service's answer, with the requested id and the time of the
    fetch; gaps are left out. In CSV, nested values are JSON, and an empty text is "", while a gap is nothing. A DuckDB
    file contains one table, `generations`.

    Args:
        frame: The frame.
        path: The file.
        asked: The number of distinct ids that were asked for; a Parquet file keeps it, so that its coverage is known.

    Raises:
        InputError: The suffix is another one, or a column holds values that its type cannot.
        OutputError: The file cannot be written.
    """
    suffix = check_suffix(path)
    if suffix == ".parquet":
        write_parquet(frame, path, asked=asked)
    else:
        _write(to_arrow(frame), Path(path), _WRITERS[suffix])


def write_parquet(frame: pd.DataFrame, path: str | os.PathLike[str], *, asked: int | None = None) -> None:
    """Write a frame as one Parquet file (zstd), sorted by `created_at`, with the meaning of each column.

    Args:
        frame: The frame.
        path: The file.
        asked: The number of distinct ids that were asked for, so that the file knows its coverage.

    Raises:
        InputError: A column holds values that its type cannot.
        OutputError: The file cannot be written.
    """
    metadata = {} if asked is None else {_ASKED: str(asked).encode()}
    _write(to_arrow(frame), Path(path), lambda table, part: write_table(table, part, metadata))


def read_parquet(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return a Parquet file, or a data set that `export` wrote, as a frame: each row exactly as it was written.

    Args:
        path: The file, or the directory of the data set. A data set can also be a URL that pyarrow knows (s3://, gs://,
            ...).

    Raises:
        InputError: It cannot be read, a newer version wrote it, or a known column has another type.
    """
    with translate_errors(path, *_ERRORS):
        is_directory = manifest.is_dataset(path) or Path(path).is_dir()
        return to_frame(manifest.read_table(path) if is_directory else read_table(path))


def read_coverage(path: str | os.PathLike[str]) -> float | None:
    """Return the share of the requested ids that have a row (0 to 1), or None if the file does not contain it.

    Raises:
        InputError: The file cannot be read.
    """
    if manifest.is_dataset(path):
        found = manifest.read_manifest(path)
        return found.rows / (found.rows + found.failures) if found.rows + found.failures else None
    if Path(path).suffix.lower() != ".parquet":
        return None
    with translate_errors(path, *_ERRORS), pa.parquet.ParquetFile(path) as file:
        asked = int((file.schema_arrow.metadata or {}).get(_ASKED, b"0"))
        return file.metadata.num_rows / asked if asked else None


def write_failures(failures: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write the failures of a fetch; the suffix of `path` decides the format, and JSON lines contain one row each.

    Raises:
        InputError: The suffix is another one.
        OutputError: The file cannot be written.
    """
    writers = {**_WRITERS, ".jsonl": write_rows}
    _write(to_arrow(failures), Path(path), writers[check_suffix(path)])


def write_spreadsheet(frame: pd.DataFrame, path: str | os.PathLike[str]) -> int:
    """Write a frame as CSV for a spreadsheet, and return the number of cells that had to be made harmless.

    A text that a spreadsheet would run as a formula gets a leading apostrophe. Times are ISO 8601 in UTC. So the file
    cannot be read back exactly; a file that `write` wrote can.

    Raises:
        InputError: A column holds values that its type cannot.
        OutputError: The file cannot be written.
    """
    table, changed = make_harmless(to_arrow(frame))
    _write(table, Path(path), write_csv)
    return changed


def join_frames(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return frames as one, each generation once: the record fetched last, or the row of an export if there is none."""
    frame = pd.concat(frames, ignore_index=True)
    latest = frame.sort_values("fetched_at", kind="stable", na_position="first")
    return latest[latest["requested_id"].isna() | ~latest.duplicated("requested_id", keep="last")].sort_index()


def check_target(path: str | os.PathLike[str]) -> None:
    """Check that `write` could write this file, before the work that would be lost.

    Raises:
        InputError: The suffix is unknown, its format needs a package that is not installed, or there is no such
            directory.
    """
    if check_suffix(path) == ".duckdb":
        check_duckdb()
    check_place(path)


def check_place(path: str | os.PathLike[str]) -> None:
    """Check that there can be a file at `path`.

    Raises:
        InputError: Its directory does not exist, or `path` is a directory.
    """
    parent = Path(path).parent
    if not parent.is_dir():
        msg = f"cannot write {os.fspath(path)!r}: there is no directory {str(parent)!r}; create it first"
        raise InputError(msg)
    if Path(path).is_dir():
        msg = f"cannot write {os.fspath(path)!r}: it is a directory; give a file"
        raise InputError(msg)


def check_suffix(path: str | os.PathLike[str]) -> str:
    """Return the suffix of `path` in lower case.

    Raises:
        InputError: It is not the suffix of a format.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        found = f"ends in {suffix!r}" if suffix else "has no suffix"
        msg = f"{os.fspath(path)!r} {found}: give a file that ends in {', '.join(SUFFIXES)}"
        raise InputError(msg)
    return suffix


def _read_one(path: str | os.PathLike[str]) -> pd.DataFrame:
    suffix = Path(path).suffix.lower()
    if manifest.is_dataset(path) or Path(path).is_dir():
        frame = read_parquet(path)
    elif suffix in SUFFIXES and suffix != ".csv":
        with translate_errors(path, *_ERRORS):
            frame = to_frame(_READERS[suffix](Path(path)))
    else:
        frame = _read_by_content(Path(path))
    missing = [name for name in ("requested_id", "fetched_at", "created_at") if name not in frame.columns]
    if missing:
        names = ", ".join(map(repr, missing))
        what = "no records, but failures" if "outcome" in frame.columns else "no records"
        msg = (
            f"{os.fspath(path)} has no column {names}, so it contains {what}:"
            " give a file of `genanalytics fetch --output` or `export`"
        )
        raise MissingColumnError(msg)
    return frame


def _read_by_content(path: Path) -> pd.DataFrame:
    with translate_errors(path, *_ERRORS), open_content(path) as content:
        if is_activity(content):
            return read_activity(path)
        with content.file() as file:
            return to_frame(_READERS[_find_format(content, path)](file))


def _find_format(content: Content, path: Path) -> str:
    """Return the suffix of a file's format: its own, or else the one that its first bytes show."""
    if path.suffix.lower() in SUFFIXES:
        return path.suffix.lower()
    text = content.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    signs = {
        ".parquet": content.head.startswith(b"PAR1"),
        ".arrow": content.head.startswith(b"ARROW1"),
        ".duckdb": content.head[8:12] == b"DUCK",
        ".jsonl": text.startswith(b"{"),
        ".csv": b"requested_id" in text.partition(b"\n")[0],
    }
    return next((suffix for suffix, is_found in signs.items() if is_found), None) or check_suffix(path)


def _write(table: pa.Table, path: Path, writer: Callable[[pa.Table, Path], None]) -> None:
    try:
        with replace_file(path) as part:
            writer(table, part)
    except pa.ArrowException as error:  # the format lacks a type: the frame is at fault, not the disk
        msg = f"cannot write {path}: {error}"
        raise InputError(msg) from error
