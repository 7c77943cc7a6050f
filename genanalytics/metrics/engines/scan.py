"""Parquet of any size, opened for statistics by DuckDB, Spark or pandas.

With every engine, the files have one schema: the columns of `schema.COLUMNS` with their types, missing values where a
file lacks a column, then all other columns. Names of folders (`model=x`) add no columns.
"""

import glob
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet

from genanalytics.base.text import explain
from genanalytics.dataset.failures import FAILURES_FILE
from genanalytics.dataset.manifest import is_dataset, list_files
from genanalytics.errors import InputError
from genanalytics.formats.parquet import check_footer, check_rows
from genanalytics.metrics.engines.dialects import DUCKDB, SPARK, read_reason
from genanalytics.records.frame import cast_known, to_frame
from genanalytics.records.schema import ARROW_SCHEMA

Engine = Literal["duckdb", "spark", "pandas"]
Place = str | os.PathLike[str]

_MAGIC = b"PAR1"
_SPILL_SHARE = 0.5
"""The share of the free disk that DuckDB may fill with data that exceeds the memory."""


def scan(
    source: Place | Iterable[Place],
    *,
    engine: Engine = "duckdb",
    session: Any = None,  # noqa: ANN401 - of engines that may not be installed
    memory_limit: str | None = None,
    temp_directory: Place | None = None,
) -> Any:  # noqa: ANN401
    """Return Parquet files as data for `summarize`; except with `pandas`, nothing is read yet.

    Args:
        source: A file, a glob (`**` too), a directory, or several of them. A directory means all `*.parquet` below it,
            except for names that begin with `.` or `_`; a data set of `export` means the files of its last commit. A
            URL (`s3://...`) is passed to the engine.
        engine: `duckdb` returns a relation on a connection of its own, `spark` a data frame of `session`, `pandas` a
            frame in memory.
        session: The Spark session. For `duckdb`, a connection whose database is used instead of a new one, for example
            one with the keys of an object store. No setting of either is changed.
        memory_limit: The maximum memory of DuckDB, such as `"4GB"`; None for four fifths of the machine's.
        temp_directory: The directory for data that exceeds it, which fills at most half of the free disk; None for the
            system's own.

    Raises:
        InputError: There is no such file, it is not Parquet, its footer is damaged, it is the `failures.parquet` of a
            data set, a known column has another type, or the engine is unknown, not installed, or without its session.

    >>> scan("nowhere/*.parquet")
    Traceback (most recent call last):
    genanalytics.errors.InputError: there is no file 'nowhere/*.parquet'
    """
    if engine not in _OPENERS:
        msg = f"no engine {engine!r}; there are {', '.join(_OPENERS)}"
        raise InputError(msg)
    if (engine != "duckdb" or session is not None) and (memory_limit is not None or temp_directory is not None):
        msg = f"memory_limit and temp_directory are for a new connection of DuckDB: set them on the {engine} session"
        raise InputError(msg)
    if engine == "duckdb":
        session = _connect(session, memory_limit, temp_directory)
    if engine == "spark" and session is None:
        msg = "engine='spark' needs the session of a cluster: scan(..., engine='spark', session=spark)"
        raise InputError(msg, arguments=["engine"])
    if engine == "pandas" and session is not None:
        msg = "engine='pandas' has no session: leave it out, or use 'duckdb' or 'spark'"
        raise InputError(msg, arguments=["engine"])
    return _OPENERS[engine](_find_all(source), session)


def _find_all(source: Place | Iterable[Place]) -> list[str]:
    """Return the files and URLs of a source, each once."""
    places = [source] if isinstance(source, str | os.PathLike) else list(source)
    found = [file for place in places for file in _find(os.fspath(place))]
    if not found:
        msg = "no file to scan: give a file, a glob, a directory, or a list of them"
        raise InputError(msg)
    return list(dict.fromkeys(found))


def _find(place: str) -> list[str]:
    if _is_url(place):
        return [place]
    path, missing = Path(place), f"there is no file {place!r}"
    if path.is_dir():
        found = list_files(path) if is_dataset(path) else _leave_out_hidden(path.rglob("*.parquet"), path)
        missing = f"no *.parquet below the directory {place!r}"
    elif path.exists():
        found = [path]
    else:
        files = glob.iglob(place, recursive=True)  # noqa: PTH207 - which accepts absolute patterns
        found = _leave_out_hidden(map(Path, files), path)
    if not found:
        raise InputError(missing)
    for file in found:
        _check(file)
    return [os.path.abspath(file) for file in found]  # noqa: PTH100 - which keeps links


def _leave_out_hidden(files: Iterable[Path], place: Path) -> list[Path]:
    """Return files in order, without those below a hidden name, unless the place itself contains that name."""
    given = set(place.parts)
    return sorted(
        file
        for file in files
        if file.is_file() and not any(part[0] in "._" and part not in given for part in file.parts)
    )


def _check(file: Path) -> None:
    """Refuse a file that is incomplete, has a damaged footer, or is the `failures.parquet` of a data set."""
    if file.name == FAILURES_FILE and is_dataset(file.parent):
        msg = f"{file} contains ids without a record: give the data set itself, {file.parent}"
        raise InputError(msg)
    try:
        with file.open("rb") as stream:
            begins = stream.read(len(_MAGIC)) == _MAGIC
            stream.seek(-min(len(_MAGIC), stream.seek(0, os.SEEK_END)), os.SEEK_END)
            whole = begins and stream.read() == _MAGIC
            if whole:
                check_footer(stream, file)
    except OSError as error:
        raise _unreadable([str(file)], explain(error)) from error
    if not whole:
        hint = "it has no end: was it cut short?" if begins else "for CSV and JSON, use `ga.read`"
        msg = f"{file} is not a Parquet file; {hint}"
        raise InputError(msg)


def _is_url(place: str) -> bool:
    return re.match(r"[a-z][a-z0-9+.-]+:/", place) is not None


def _connect(given: Any, memory_limit: str | None, temp_directory: Place | None) -> Any:  # noqa: ANN401
    """Return a connection of DuckDB in UTC: a new one with limits, or one to the database of a given one."""
    duckdb = _import_duckdb()
    if given is not None:  # the zone is the connection's own, everything else (keys, limits) the database's
        connection = given.cursor()
        connection.execute("SET TimeZone = 'UTC'")
        return connection
    parent = Path(tempfile.gettempdir() if temp_directory is None else temp_directory)
    try:
        spill = f"{shutil.disk_usage(parent).free * _SPILL_SHARE:.0f}B"
    except OSError as error:
        msg = f"temp_directory={os.fspath(parent)!r}: {explain(error)}"
        raise InputError(msg) from error
    settings = {
        "TimeZone": "UTC",
        # a directory that does not exist yet is created when needed, and removed with the connection
        "temp_directory": str(parent / f"genanalytics-{secrets.token_hex(8)}"),
        "max_temp_directory_size": spill,  # a query fails rather than fill the disk
    }
    connection = duckdb.connect()
    try:
        for name, value in (settings | ({} if memory_limit is None else {"memory_limit": memory_limit})).items():
            connection.execute(f"SET {name} = ?", [value])
    except duckdb.Error as error:
        msg = f"memory_limit={memory_limit!r}: {read_reason(error)}"
        raise InputError(msg) from error
    return connection


def _import_duckdb() -> Any:  # noqa: ANN401
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = "engine='duckdb' needs the package duckdb: pip install 'genanalytics[duckdb]'"
        raise InputError(msg, arguments=["engine"]) from error
    return duckdb


def _open_with_duckdb(files: Sequence[str], connection: Any) -> Any:  # noqa: ANN401
    literal = [file if _is_url(file) else glob.escape(file) for file in files]
    try:
        return DUCKDB.select_columns(connection.read_parquet(literal, union_by_name=True, hive_partitioning=False))
    except DUCKDB.list_errors() as error:
        raise _unreadable(files, read_reason(error)) from error


def _open_with_spark(files: Sequence[str], session: Any) -> Any:  # noqa: ANN401
    literal = [file if _is_url(file) else re.sub(r"([*?{}\[\]\\,])", r"\\\1", file) for file in files]
    reader = session.read.option("mergeSchema", "true").option("recursiveFileLookup", "true")
    try:
        return SPARK.select_columns(reader.parquet(*literal))
    except SPARK.list_errors() as error:
        raise _unreadable(files, read_reason(error)) from error


def _open_with_pandas(files: Sequence[str], _: None) -> Any:  # noqa: ANN401
    for url in filter(_is_url, files):
        msg = f"engine='pandas' reads only files of this machine, not {url}: use 'duckdb' or 'spark'"
        raise InputError(msg, arguments=["engine"])
    try:
        tables = []
        for file in files:
            # a ParquetFile, not a data set: names of folders would be columns
            with pa.parquet.ParquetFile(file, page_checksum_verification=True) as parquet:
                check_rows(parquet, file)
                tables.append(cast_known(parquet.read()))
        table = pa.concat_tables([ARROW_SCHEMA.empty_table(), *tables], promote_options="permissive")
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(files, read_reason(error)) from error
    return to_frame(table)


def _unreadable(files: Sequence[str], reason: str) -> InputError:
    which = files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1:,} more"
    return InputError(f"cannot read {which}: {reason}")


_OPENERS: Mapping[str, Callable[[Sequence[str], Any], Any]] = MappingProxyType(
    {"duckdb": _open_with_duckdb, "spark": _open_with_spark, "pandas": _open_with_pandas}
)
