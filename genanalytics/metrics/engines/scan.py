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
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet

from genanalytics.base.stores.address import is_store_url, is_url, parse_url
from genanalytics.base.stores.parts import ObjectFile
from genanalytics.base.stores.store import Store
from genanalytics.base.text import explain
from genanalytics.errors import InputError
from genanalytics.formats.parquet import check_rows
from genanalytics.metrics.engines.constants import add_to_table, drop_present, open_with_duckdb, open_with_spark
from genanalytics.metrics.engines.dialects import DUCKDB, SPARK, read_reason
from genanalytics.metrics.engines.files import Files, Place, Stores, find_files
from genanalytics.records.frame import cast_known, to_frame
from genanalytics.records.schema import ARROW_SCHEMA

Engine = Literal["duckdb", "spark", "pandas"]

_STORES = "genanalytics"
"""A scheme that is registered in a database of DuckDB together with those of object stores."""
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
            except for names that begin with `.` or `_`; a data set of `export` means the files of its last commit, a
            Delta table the live files of its log. A URL (`s3://`, `gs://`, `az://`, `abfss://`) means the same on an
            object store: DuckDB and pandas read it with the credentials of the environment. Spark reads the files by
            itself, and so does DuckDB in a session that can.
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
    is_new = session is None
    if engine == "duckdb":
        session = _connect(session, memory_limit, temp_directory)
    if engine == "spark" and session is None:
        msg = "engine='spark' needs the session of a cluster: scan(..., engine='spark', session=spark)"
        raise InputError(msg, arguments=["engine"])
    if engine == "pandas" and session is not None:
        msg = "engine='pandas' has no session: leave it out, or use 'duckdb' or 'spark'"
        raise InputError(msg, arguments=["engine"])
    stores: Stores = "list" if engine == "spark" else "read"
    if engine == "duckdb" and _has_own_stores(session):
        stores = "leave"
    files = find_files(source, stores=stores)
    if engine == "duckdb" and files.objects:
        _register_stores(session, files, is_new=is_new)
    return _OPENERS[engine](files, session)


def _connect(given: Any, memory_limit: str | None, temp_directory: Place | None) -> Any:  # noqa: ANN401
    """Return a connection of DuckDB in UTC: a new one with limits, or one to the database of a given one."""
    duckdb = _import_duckdb()
    if given is not None:  # the zone is the connection's own, everything else (keys, limits) the database's
        connection = given.cursor()
        connection.execute("SET TimeZone = 'UTC'")
        return connection
    parent = Path(tempfile.gettempdir() if temp_directory is None else temp_directory).absolute()
    try:
        spill = f"{shutil.disk_usage(parent).free * _SPILL_SHARE:.0f}B"
    except OSError as error:
        msg = f"temp_directory={os.fspath(temp_directory or parent)!r}: {explain(error)}"
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


def _has_own_stores(connection: Any) -> bool:  # noqa: ANN401
    """Return whether a database reads object stores by itself, with the keys that its user gave it."""
    loaded = "SELECT 1 FROM duckdb_extensions() WHERE loaded AND extension_name IN ('httpfs', 'azure')"
    registered = connection.list_filesystems()
    return bool(connection.execute(loaded).fetchall() or registered) and _STORES not in registered


def _register_stores(connection: Any, files: Files, *, is_new: bool) -> None:  # noqa: ANN401
    """Let a database read the objects of stores; a new one reads the versions that were checked."""
    try:
        from genanalytics.metrics.engines.objects import register  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = f"{files.paths[0]} needs the package fsspec: pip install 'genanalytics[cloud]'"
        raise InputError(msg) from error
    schemes = {_STORES, *(url.partition(":")[0] for url in files.objects)}
    register(connection, schemes, files.objects if is_new else {})


def _import_duckdb() -> Any:  # noqa: ANN401
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = "engine='duckdb' needs the package duckdb: pip install 'genanalytics[duckdb]'"
        raise InputError(msg, arguments=["engine"]) from error
    return duckdb


def _open_with_duckdb(files: Files, connection: Any) -> Any:  # noqa: ANN401
    literal = [glob.escape(path) if path in files.objects or not is_url(path) else path for path in files.paths]
    options = {"hive_partitioning": False, "union_by_name": not files.has_one_schema}
    try:
        relation = connection.read_parquet(literal, **options)
        constants = drop_present(files.constants, relation.columns)
        return DUCKDB.select_columns(open_with_duckdb(literal, connection, constants) if constants else relation)
    except DUCKDB.list_errors() as error:
        raise files.unreadable(read_reason(error)) from error


def _open_with_spark(files: Files, session: Any) -> Any:  # noqa: ANN401
    literal = [path if is_url(path) else re.sub(r"([*?{}\[\]\\,])", r"\\\1", path) for path in files.paths]
    merges = "false" if files.has_one_schema else "true"
    reader = session.read.option("mergeSchema", merges).option("recursiveFileLookup", "true")
    try:
        if files.constants:
            return SPARK.select_columns(open_with_spark(reader, files.paths, literal, files.constants))
        return SPARK.select_columns(reader.parquet(*literal))
    except SPARK.list_errors() as error:
        reason = read_reason(error)
        url = next(filter(is_store_url, files.paths), "")
        if url and re.search("No FileSystem for scheme|ClassNotFoundException", str(error)):
            reason = (
                f"this Spark has no file system for {url.partition(':')[0]}://; for S3, start it with the package"
                " hadoop-aws and give s3a://"
            )
        raise files.unreadable(reason) from error


def _open_with_pandas(files: Files, _: None) -> Any:  # noqa: ANN401
    for url in [path for path in files.paths if is_url(path) and path not in files.objects]:
        msg = f"engine='pandas' does not read {url}: use 'duckdb' or 'spark'"
        raise InputError(msg, arguments=["engine"])
    try:
        tables = []
        for path in files.paths:
            # a ParquetFile, not a data set: names of folders would be columns
            source = _open_object(path, files) if path in files.objects else path
            with pa.parquet.ParquetFile(source, page_checksum_verification=True, pre_buffer=True) as parquet:
                if path not in files.objects:
                    check_rows(parquet, path)
                tables.append(cast_known(add_to_table(parquet.read(), files.constants.get(path, {}))))
        table = pa.concat_tables([ARROW_SCHEMA.empty_table(), *tables], promote_options="permissive")
    except (OSError, pa.ArrowException) as error:
        raise files.unreadable(read_reason(error)) from error
    return to_frame(table)


def _open_object(url: str, files: Files) -> pa.NativeFile:
    opened = files.objects[url]
    if opened is None:
        address = parse_url(url)
        opened = ObjectFile(Store(replace(address, key="")), address.key)
    return pa.PythonFile(opened, mode="r")


_OPENERS: Mapping[str, Callable[[Files, Any], Any]] = MappingProxyType(
    {"duckdb": _open_with_duckdb, "spark": _open_with_spark, "pandas": _open_with_pandas}
)
