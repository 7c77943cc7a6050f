"""Parquet of any size, opened for the statistics: where the data lies, DuckDB or Spark computes; or pandas, in memory.

Whatever opens them, the files have one schema: the columns of `schema.COLUMNS` with their types, gaps where a file is
older than a column, then the columns of the caller's own. What a folder's name says (`model=x`) is no column.
"""

import glob
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import pyarrow as pa
import pyarrow.parquet

from genanalytics.dataset import manifest as dataset
from genanalytics.errors import InputError
from genanalytics.records.frame import from_table, typed
from genanalytics.records.schema import ARROW_SCHEMA, ATTEMPT, COLUMNS, Column, Kind

Place = str | os.PathLike[str]

_MAGIC = b"PAR1"
_SPILL_SHARE = 0.5
"""How much of the free disk DuckDB may fill with what does not fit into memory."""


def scan(
    source: Place | Iterable[Place],
    *,
    engine: str = "duckdb",
    session: Any = None,  # noqa: ANN401 - of engines that need not be installed
    memory_limit: str | None = None,
    temp_directory: Place | None = None,
) -> Any:  # noqa: ANN401
    """Return Parquet files as something that `summarize` takes; but for `pandas`, nothing is read yet.

    Args:
        source: A file, a glob (`**` too), a directory, or several of them. A directory stands for all `*.parquet` below
            it, but for names that begin with `.` or `_`; of a data set that `export` wrote, for the files of its last
            commit. A URL (`s3://...`) is handed to the engine as it is.
        engine: `duckdb`: a relation on a connection of its own. `spark`: a data frame of the session given. `pandas`: a
            frame in memory.
        session: The Spark session; for `duckdb` a connection whose database to use instead of a new one, such as one
            that has the keys of an object store. No setting of either is changed.
        memory_limit: How much memory DuckDB may take, such as `"4GB"`; None for four fifths of the machine's.
        temp_directory: Where DuckDB puts what exceeds that, at most half of the free disk; None for the system's own.

    Raises:
        InputError: There is no such file, it is no Parquet, a known column holds another type, the engine is unknown or
            not installed, or lacks its session.

    >>> scan("nowhere/*.parquet")
    Traceback (most recent call last):
    genanalytics.errors.InputError: there is no file 'nowhere/*.parquet'
    """
    if engine not in _ENGINES:
        msg = f"no engine {engine!r}; there are {', '.join(_ENGINES)}"
        raise InputError(msg)
    if (engine != "duckdb" or session is not None) and (memory_limit is not None or temp_directory is not None):
        msg = f"memory_limit and temp_directory are for a new connection of DuckDB: set them on the {engine} session"
        raise InputError(msg)
    if engine == "duckdb":
        session = _connection(session, memory_limit, temp_directory)
    if engine == "spark" and session is None:
        msg = "engine='spark' needs the session of a cluster: scan(..., engine='spark', session=spark)"
        raise InputError(msg)
    if engine == "pandas" and session is not None:
        msg = "engine='pandas' has no session: leave it out, or take 'duckdb' or 'spark'"
        raise InputError(msg)
    return _ENGINES[engine](_files(source), session)


def _files(source: Place | Iterable[Place]) -> list[str]:
    """Return the files and URLs that a source stands for, each once."""
    places = [source] if isinstance(source, str | os.PathLike) else list(source)
    found = [file for place in places for file in _found(os.fspath(place))]
    if not found:
        msg = "no file to scan: name one, a glob, a directory, or a list of them"
        raise InputError(msg)
    return list(dict.fromkeys(found))


def _found(place: str) -> list[str]:
    if _is_url(place):
        return [place]
    path, missing = Path(place), f"there is no file {place!r}"
    if path.is_dir():
        found, missing = _in_directory(path), f"no *.parquet below the directory {place!r}"
    elif path.exists():
        found = [path]
    else:
        found = _shown(map(Path, glob.iglob(place, recursive=True)), path)  # noqa: PTH207 - which takes absolute ones
    if not found:
        raise InputError(missing)
    for file in found:
        _check(file)
    return [os.path.abspath(file) for file in found]  # noqa: PTH100 - which leaves links as they are


def _in_directory(directory: Path) -> list[Path]:
    """Return the files that a directory stands for: of a data set, those of its last commit."""
    return (
        dataset.files(directory) if dataset.is_dataset(directory) else _shown(directory.rglob("*.parquet"), directory)
    )


def _shown(files: Iterable[Path], place: Path) -> list[Path]:
    """Return files in order, without those that a name on their way hides which the place itself does not spell out."""
    spelled_out = set(place.parts)
    return sorted(
        file
        for file in files
        if file.is_file() and not any(part[0] in "._" and part not in spelled_out for part in file.parts)
    )


def _check(file: Path) -> None:
    try:
        with file.open("rb") as stream:
            begins = stream.read(len(_MAGIC)) == _MAGIC
            stream.seek(-min(len(_MAGIC), stream.seek(0, os.SEEK_END)), os.SEEK_END)
            whole = begins and stream.read() == _MAGIC
    except OSError as error:
        msg = f"cannot read {file}: {error.strerror}"
        raise InputError(msg) from error
    if not whole:
        hint = (
            "it has no end: was it cut short?" if begins else "convert it first, with `ga.read_frame` for CSV and JSON"
        )
        msg = f"{file} is no Parquet file; {hint}"
        raise InputError(msg)


def _is_url(place: str) -> bool:
    return re.match(r"[a-z][a-z0-9+.-]+:/", place) is not None


@dataclass(frozen=True, slots=True)
class _Types:
    """How an engine calls the types of columns, and its names, in SQL."""

    mark: str
    of: dict[Kind, str]
    naive: str
    """The moment that is meant by one without a zone, which is in UTC."""

    def name(self, column: str) -> str:
        return self.mark + column.replace(self.mark, 2 * self.mark) + self.mark

    def columns(self, schema: nw.Schema) -> list[str]:
        """Return the columns of one schema out of those that there are, as expressions.

        Raises:
            InputError: A known column holds another type.
        """
        known = [f"{self._typed(column, schema.get(column.name))} AS {self.name(column.name)}" for column in COLUMNS]
        return [*known, *(self.name(name) for name in schema if name not in ARROW_SCHEMA.names)]

    def _typed(self, column: Column, dtype: nw.dtypes.DType | None) -> str:
        name, wanted = self.name(column.name), self.of[column.kind]
        if dtype is None or dtype == nw.Unknown:  # nobody ever had a value
            return f"CAST(NULL AS {wanted})"
        if not _FITS[column.kind](dtype):
            msg = f"column {column.name!r} holds {dtype}, it should hold {column.kind.arrow_type}"
            raise InputError(msg)
        if column.kind is Kind.ATTEMPTS:
            return name
        if column.kind is Kind.TIME and isinstance(dtype, nw.Datetime) and dtype.time_zone is None:
            return self.naive.format(name)
        if column.kind is Kind.INTEGER and dtype.is_float():
            return f"CAST(round({name}) AS {wanted})"
        return f"CAST({name} AS {wanted})"


_FITS: dict[Kind, Callable[[nw.dtypes.DType], bool]] = {
    Kind.INTEGER: lambda dtype: dtype.is_numeric(),
    Kind.NUMBER: lambda dtype: dtype.is_numeric(),
    Kind.FLAG: lambda dtype: dtype == nw.Boolean,
    Kind.TEXT: lambda dtype: dtype in {nw.String, nw.Categorical, nw.Enum},
    Kind.TIME: lambda dtype: isinstance(dtype, nw.Datetime),
    Kind.ATTEMPTS: lambda dtype: isinstance(dtype, nw.List),
}


def _attempts(form: str, integer: str, flag: str, text: str) -> str:
    names = {pa.int64(): integer, pa.bool_(): flag, pa.string(): text}
    return ", ".join(form.format(field.name, names[field.type]) for field in ATTEMPT)


_DUCKDB = _Types(
    mark='"',
    of={
        Kind.INTEGER: "BIGINT",
        Kind.NUMBER: "DOUBLE",
        Kind.FLAG: "BOOLEAN",
        Kind.TEXT: "VARCHAR",
        Kind.TIME: "TIMESTAMPTZ",
        Kind.ATTEMPTS: f"STRUCT({_attempts('{} {}', 'BIGINT', 'BOOLEAN', 'VARCHAR')})[]",
    },
    naive="timezone('UTC', {})",
)
_SPARK = _Types(
    mark="`",
    of={
        Kind.INTEGER: "BIGINT",
        Kind.NUMBER: "DOUBLE",
        Kind.FLAG: "BOOLEAN",
        Kind.TEXT: "STRING",
        Kind.TIME: "TIMESTAMP",
        Kind.ATTEMPTS: f"ARRAY<STRUCT<{_attempts('{}: {}', 'BIGINT', 'BOOLEAN', 'STRING')}>>",
    },
    naive="CAST(concat(CAST({} AS STRING), 'Z') AS TIMESTAMP)",  # any other way reads the zone of the session
)


def _connection(given: Any, memory_limit: str | None, temp_directory: Place | None) -> Any:  # noqa: ANN401
    """Return a connection of DuckDB whose zone is UTC: a new one has limits, a given one lends its database."""
    duckdb = _duckdb()
    if given is not None:  # the zone is the connection's own, all else (keys of object stores, limits) the database's
        connection = given.cursor()
        connection.execute("SET TimeZone = 'UTC'")
        return connection
    parent = Path(tempfile.gettempdir() if temp_directory is None else temp_directory)
    try:
        spill = f"{shutil.disk_usage(parent).free * _SPILL_SHARE:.0f}B"
    except OSError as error:
        msg = f"temp_directory={os.fspath(parent)!r}: {error.strerror}"
        raise InputError(msg) from error
    settings = {
        "TimeZone": "UTC",
        # a directory that is not there yet is made when it is needed, and removed with the connection
        "temp_directory": str(parent / f"genanalytics-{secrets.token_hex(8)}"),
        "max_temp_directory_size": spill,  # a query fails rather than fill the disk
    }
    connection = duckdb.connect()
    try:
        for name, value in (settings | ({} if memory_limit is None else {"memory_limit": memory_limit})).items():
            connection.execute(f"SET {name} = ?", [value])
    except duckdb.Error as error:
        msg = f"memory_limit={memory_limit!r}: {_first_line(error)}"
        raise InputError(msg) from error
    return connection


def _duckdb() -> Any:  # noqa: ANN401
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = "engine='duckdb' needs the package duckdb: pip install 'genanalytics[duckdb]'"
        raise InputError(msg) from error
    return duckdb


def _with_duckdb(files: Sequence[str], connection: Any) -> Any:  # noqa: ANN401
    duckdb = _duckdb()
    literal = [file if _is_url(file) else glob.escape(file) for file in files]
    try:
        relation = connection.read_parquet(literal, union_by_name=True, hive_partitioning=False)
        return relation.project(", ".join(_DUCKDB.columns(nw.from_native(relation).collect_schema())))
    except duckdb.Error as error:
        raise _unreadable(files, error) from error


def _with_spark(files: Sequence[str], session: Any) -> Any:  # noqa: ANN401
    from py4j.protocol import Py4JError  # noqa: PLC0415 - they are there where the session comes from
    from pyspark.errors import PySparkException  # noqa: PLC0415

    literal = [file if _is_url(file) else re.sub(r"([*?{}\[\]\\,])", r"\\\1", file) for file in files]
    reader = session.read.option("mergeSchema", "true").option("recursiveFileLookup", "true")
    try:
        frame = reader.parquet(*literal)
        return frame.selectExpr(*_SPARK.columns(nw.from_native(frame).collect_schema()))
    except (PySparkException, Py4JError) as error:
        raise _unreadable(files, error) from error


def _with_pandas(files: Sequence[str], _: None) -> Any:  # noqa: ANN401
    for url in filter(_is_url, files):
        msg = f"engine='pandas' reads files of this machine, and no {url}: take 'duckdb' or 'spark'"
        raise InputError(msg)
    try:
        tables = []
        for file in files:
            with pa.parquet.ParquetFile(file) as parquet:  # alone: as a data set, folders' names would be columns
                tables.append(typed(parquet.read()))
        table = pa.concat_tables([ARROW_SCHEMA.empty_table(), *tables], promote_options="permissive")
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(files, error) from error
    return from_table(table)


def _unreadable(files: Sequence[str], error: Exception) -> InputError:
    which = files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1:,} more"
    return InputError(f"cannot read {which}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    """Return what an engine says in a line; Spark's reason stands under its name in capitals, far below."""
    text = str(error)
    reasons: list[str] = re.findall(r"\[[A-Z_.]{5,}\] .*", text)
    return reasons[-1] if reasons else text.partition("\n")[0]


_ENGINES: dict[str, Callable[[Sequence[str], Any], Any]] = {
    "duckdb": _with_duckdb,
    "spark": _with_spark,
    "pandas": _with_pandas,
}
