"""Any file with records as a frame, and a frame as a file: the suffix and the content decide the format."""

import os
from collections.abc import Callable, Iterable, Mapping, Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from genanalytics.base.atomic import check_utf_8, check_writable, replace_file
from genanalytics.base.content import expand_glob, open_content, translate_errors
from genanalytics.base.stores.address import is_url, parse_url, to_local
from genanalytics.base.stores.arrow import make_filesystem
from genanalytics.base.stores.find import find_objects, has_pattern, is_object
from genanalytics.base.stores.hold import hold_object
from genanalytics.base.stores.store import Store
from genanalytics.dataset import manifest
from genanalytics.dataset.delta import rows as delta
from genanalytics.dataset.delta.places import check_files, check_objects, is_delta
from genanalytics.errors import InputError, MissingColumnError, PoorerResultError
from genanalytics.formats.arrow import read_arrow, write_arrow
from genanalytics.formats.csv import make_harmless, read_csv, write_csv
from genanalytics.formats.duckdb import check_duckdb, read_duckdb, write_duckdb
from genanalytics.formats.json import has_only_other_rows, read_json
from genanalytics.formats.jsonl import write_jsonl, write_rows
from genanalytics.formats.limits import find_limit
from genanalytics.formats.other import explain_ids, holds_ids
from genanalytics.formats.parquet import open_file, read_table, write_table
from genanalytics.formats.recognize import find_format
from genanalytics.formats.sidecar import SIDECAR, read_sidecar, write_sidecar
from genanalytics.records.coverage import Coverage, read_file_coverage, read_metadata, set_coverage
from genanalytics.records.frame import to_arrow, to_frame
from genanalytics.records.joining import join_frames
from genanalytics.service.activity import is_activity, read_activity
from genanalytics.units import format_count

_THREADS = 8
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
    ".jsonl": read_json,
    ".arrow": read_arrow,
    ".duckdb": read_duckdb,
}
SUFFIXES = tuple(_WRITERS)
_WITHOUT_METADATA = (".csv", ".jsonl")
"""The formats whose coverage is in a file next to the data."""
_RECORD_COLUMNS = ("requested_id", "fetched_at", "created_at")
_CHARGED_ID = "ResourceId"
"""The column of FOCUS charges with the requested id."""


def read(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> pd.DataFrame:
    """Return the records of files as one frame.

    The suffix of a file decides its format: .parquet, .csv, .jsonl, .arrow or .duckdb. For any other suffix the content
    decides, unpacked if it is packed with gzip or zstd. JSON may be lines that `write` wrote, answers of the service
    (one, one per line, or a list), or their records alone. An activity export is recognized by its header.

    Args:
        paths: A file, the directory of a data set or a Delta table, a glob, or several of them, which can also be URLs
            (`s3://`, `gs://`, `az://`, `abfss://`). The rows of one file are returned as they are. Several become one
            frame with each generation once: the record fetched last.

    Returns:
        The records. `attrs["coverage"]` contains the numbers of requested ids (`asked`) and of those with a record
        (`found`), and the ids without one (`missing`; None if there are more than 1,000). It is absent if the
        coverage is unknown. Of several files, all requested ids are counted, less those found in any file.

    Raises:
        InputError: A file cannot be read, or has no known format.
        MissingColumnError: A file has no column `requested_id`, `fetched_at` or `created_at`, and so no records.
    """
    if isinstance(paths, str | os.PathLike):
        return _read_one(to_local(paths))
    frames = [_read_one(to_local(path)) for path in paths]
    if not frames:
        msg = "no files to read: give the path of a file, or several paths"
        raise InputError(msg)
    return join_frames(frames)


def write(frame: pd.DataFrame, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write a frame to a file whose suffix decides the format: .parquet, .csv, .jsonl, .arrow or .duckdb.

    The file is written whole or not at all. Parquet files are sorted by `created_at`, all others keep the order. JSON
    lines contain one record per line in the form of the service's answer, with the requested id and the time of the
    fetch; gaps are left out. In CSV, nested values are JSON, and an empty text is "", while a gap is nothing. A DuckDB
    file contains the tables `generations` and `coverage`.

    Args:
        frame: The frame. Its coverage (`attrs["coverage"]`, as `fetch` and `read` return it) is written too: into the
            metadata of Parquet and Arrow files; for CSV and JSON lines, into `<path>.coverage.json`.
        path: The file.
        force: Whether to replace a file even if records in it were requested again and not found.

    Raises:
        InputError: The suffix is another one, or a column holds values that its type cannot.
        PoorerResultError: The file exists and has records whose ids are among the missing ones of the frame, or the
            frame is empty. The file stays as it is.
        OutputError: The file cannot be written.
    """
    _write(to_arrow(frame), Path(path), _WRITERS[check_suffix(path)], force=force)


def write_parquet(frame: pd.DataFrame, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write a frame as one Parquet file (zstd), sorted by `created_at`, with the meaning of each column.

    Args:
        frame: The frame; its coverage is written too, as by `write`.
        path: The file.
        force: Whether to replace a file even if records in it were requested again and not found.

    Raises:
        InputError: A column holds values that its type cannot.
        PoorerResultError: As in `write`.
        OutputError: The file cannot be written.
    """
    _write(to_arrow(frame), Path(path), write_table, force=force)


def read_parquet(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return a Parquet file, a data set that `export` wrote, or a Delta table, as a frame: each row as it was written.

    Args:
        path: The file, or the directory of the data set or the table, which can also be a URL (s3://, gs://, ...).

    Raises:
        InputError: It cannot be read, a newer version wrote it, or a known column has another type.
    """
    path = to_local(path)
    if is_object(path):
        with hold_object(path) as held:
            return read_parquet(held)
    with translate_errors(path, *_ERRORS):
        if is_delta(path):
            return to_frame(delta.read_table(path))
        is_directory = is_url(path) or manifest.is_dataset(path) or Path(path).is_dir()
        return to_frame(manifest.read_table(path) if is_directory else read_table(path))


def read_coverage(path: str | os.PathLike[str]) -> Coverage | None:
    """Return the coverage of a Parquet file or a data set without reading its rows; None if it is unknown.

    Raises:
        InputError: The file cannot be read.
    """
    path = to_local(path)
    if is_object(path):
        address = parse_url(path)
        place, filesystem = address.key, make_filesystem(Store(replace(address, key="")))
    elif manifest.is_dataset(path):
        return manifest.read_coverage(path)
    elif is_delta(path):
        return delta.read_coverage(path)
    else:
        place, filesystem = os.fspath(path), None
    with translate_errors(path, *_ERRORS), open_file(place, filesystem) as file:
        rows = file.metadata.num_rows
        coverage = read_file_coverage(file.schema_arrow.metadata, rows)
    return None if coverage is None else coverage.of_rows(rows)


def write_failures(failures: pd.DataFrame, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write the failures of a fetch; the suffix of `path` decides the format, and JSON lines contain one row each.

    Raises:
        InputError: The suffix is another one.
        PoorerResultError: The file exists and contains records. `force` replaces it.
        OutputError: The file cannot be written.
    """
    writer = {**_WRITERS, ".jsonl": write_rows}[check_suffix(path)]
    if not force:
        check_replacement(path, missing=None)
    _write(to_arrow(failures), Path(path), writer, force=True)


def write_spreadsheet(frame: pd.DataFrame, path: str | os.PathLike[str], *, force: bool = False) -> int:
    """Write a frame as CSV for a spreadsheet, and return the number of cells that had to be made harmless.

    A text that a spreadsheet would run as a formula gets a leading apostrophe. Times are ISO 8601 in UTC. So the file
    cannot be read back exactly; a file that `write` wrote can.

    Raises:
        InputError: A column holds values that its type cannot.
        PoorerResultError: As in `write`.
        OutputError: The file cannot be written.
    """
    table, changed = make_harmless(to_arrow(frame))
    _write(table, Path(path), write_csv, force=force)
    return changed


def check_replacement(
    path: str | os.PathLike[str], *, missing: AbstractSet[str] | None, found: AbstractSet[str] = frozenset()
) -> None:
    """Check that a file, if there is one, has no record that a new result lacks.

    A file that can be read and contains no records can be replaced; so can an empty one.

    Args:
        path: The file.
        missing: The ids that were requested for the new result and have no record; None if they are not known. Then
            every id that is not in `found` may be one of them.
        found: The ids with a record in the new result.

    Raises:
        PoorerResultError: The file has such records, or it cannot be read, so that it may have some.
    """
    file = Path(path)
    if missing == frozenset() or not file.is_file() or not file.stat().st_size:
        return
    try:
        with translate_errors(file, *_ERRORS):
            if file.suffix.lower() == ".jsonl" and has_only_other_rows(file):
                return
        ids = _find_ids(_load(file))
    except MissingColumnError:  # a file of another program
        return
    except InputError as error:
        msg = f"{error}. So it was not replaced: name another file, or replace it with force=True (--force)"
        raise PoorerResultError(msg) from error
    lost = len(ids - found if missing is None else ids & missing)
    if lost:
        msg = (
            f"{os.fspath(path)} was not replaced: {lost:,} of its {format_count(len(ids), 'record')} would be lost,"
            " since the new result has no record for them. Name another file, or replace it with force=True (--force)"
        )
        raise PoorerResultError(msg)


def check_target(path: str | os.PathLike[str]) -> None:
    """Check that `write` could write this file, before the work that would be lost.

    Raises:
        InputError: The suffix is unknown, its format needs a package that is not installed, there is no such
            directory, or the path is not UTF-8.
        OutputError: The directory cannot be written.
    """
    if check_suffix(path) == ".duckdb":
        check_duckdb()
    check_writable(path)
    check_utf_8(path)


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
    if is_object(path):
        with hold_object(path, sidecars=[SIDECAR]) as held:
            return _read_one(held)
    name = os.fspath(path)
    if is_url(path) and has_pattern(name):
        return _read_all(name, _find_matches(name))
    if not is_url(path) and (found := expand_glob(name)) != [name]:
        return _read_all(name, found)
    if name.startswith(("http:", "https:")):
        parse_url(path)  # which refuses it
    try:
        return _check_columns(_load(path), path)
    except (InputError, MissingColumnError) as error:
        is_one = not (is_url(path) or manifest.is_dataset(path) or is_delta(path))
        if is_one and holds_ids(Path(path)):
            raise type(error)(explain_ids(path)) from error
        raise


def _find_matches(url: str) -> list[str]:
    """Return the URLs of the objects that match a glob."""
    with translate_errors(url, OSError):
        found = [each.address for each in find_objects(url)]
    check_objects(url, found)
    return list(map(str, found))


def _read_all(pattern: str, places: list[str]) -> pd.DataFrame:
    """Return the records of the files or objects that match a glob."""
    places = [place for place in places if not place.endswith(SIDECAR)]
    if not places:
        msg = f"there is no {'object' if is_url(pattern) else 'file'} {pattern!r}"
        raise InputError(msg)
    with ThreadPoolExecutor(_THREADS) as pool:
        frames = list(pool.map(_read_one, places))
    return frames[0] if len(frames) == 1 else join_frames(frames)


def _check_columns(frame: pd.DataFrame, path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return a frame of records; refuse any other frame."""
    missing = [name for name in _RECORD_COLUMNS if name not in frame.columns]
    if missing:
        names = ", ".join(map(repr, missing))
        what = "no records, but failures" if "outcome" in frame.columns else "no records"
        msg = (
            f"{os.fspath(path)} has no column {names}, so it contains {what}:"
            " give a file of `genanalytics fetch --output` or `export`"
        )
        raise MissingColumnError(msg)
    return frame


def _find_ids(frame: pd.DataFrame) -> set[str]:
    """Return the ids of the records, or of the FOCUS charges, in a frame; of anything else, none."""
    if set(_RECORD_COLUMNS) <= set(frame):
        return set(frame["requested_id"].dropna())
    return set(frame[_CHARGED_ID].dropna()) if _CHARGED_ID in frame else set()


def _load(path: str | os.PathLike[str]) -> pd.DataFrame:
    suffix = Path(path).suffix.lower()
    if suffix == ".parquet" and Path(path).is_file():
        check_files(os.fspath(path), [Path(path)])
    if is_url(path) or manifest.is_dataset(path) or Path(path).is_dir() or is_delta(path):
        frame = read_parquet(path)
    elif suffix in SUFFIXES and suffix != ".csv":
        with translate_errors(path, *_ERRORS):
            frame = to_frame(_add_coverage(_READERS[suffix](Path(path)), Path(path), suffix))
    else:
        frame = _read_by_content(Path(path))
    return frame


def _read_by_content(path: Path) -> pd.DataFrame:
    with translate_errors(path, *_ERRORS), open_content(path) as content:
        if is_activity(content):
            return read_activity(path)
        suffix = find_format(content, path)
        with content.file(find_limit(path.stat().st_size) if path.is_file() else None) as file:
            table = _READERS[suffix](file)
        return to_frame(_add_coverage(table, path, suffix))


def _add_coverage(table: pa.Table, path: Path, suffix: str) -> pa.Table:
    """Return the table of a file with its coverage, which some formats keep next to the file."""
    return set_coverage(table, read_sidecar(path)) if suffix in _WITHOUT_METADATA else table


def _write(table: pa.Table, path: Path, writer: Callable[[pa.Table, Path], None], *, force: bool) -> None:
    if not force:
        _check_replacement(table, path)
    has_sidecar = path.suffix.lower() in _WITHOUT_METADATA
    try:
        with replace_file(path) as part:
            writer(table, part)
            if has_sidecar:
                write_sidecar(path, None)  # so that an interruption leaves no coverage of other data
    except pa.ArrowException as error:  # the format lacks a type: the frame is at fault, not the disk
        msg = f"cannot write {path}: {error}"
        raise InputError(msg) from error
    if has_sidecar:
        write_sidecar(path, read_metadata(table.schema.metadata))


def _check_replacement(table: pa.Table, path: Path) -> None:
    coverage = read_metadata(table.schema.metadata)
    if not len(table):
        check_replacement(path, missing=None)
    elif coverage is not None and coverage.is_partial:
        column = next((name for name in ("requested_id", _CHARGED_ID) if name in table.column_names), None)
        found = set() if column is None else set(table[column].to_pylist())
        missing = None if coverage.missing is None else set(coverage.missing)
        check_replacement(path, missing=missing, found=found)
