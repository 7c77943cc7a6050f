"""DuckDB files, with one table whose columns have comments."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from genanalytics.base.content import unreadable
from genanalytics.errors import InputError
from genanalytics.records.coverage import Coverage, read_metadata, set_coverage
from genanalytics.records.schema import BY_NAME

if TYPE_CHECKING:
    import duckdb

_TABLE = "generations"
_CREATE_COVERAGE = "CREATE TABLE coverage (asked BIGINT, found BIGINT, missing VARCHAR[], exact BOOLEAN, part BOOLEAN)"


def check_duckdb() -> None:
    """Check that the package duckdb is installed.

    Raises:
        InputError: It is not.
    """
    if find_spec("duckdb") is None:
        msg = "a .duckdb file needs the package duckdb: pip install 'genanalytics[duckdb]'"
        raise InputError(msg)


def write_duckdb(table: pa.Table, path: Path) -> None:
    """Write a table as the table `generations`; each known column has its meaning and unit as a comment.

    The table `coverage` has one row with the values of `Coverage`, or none if the coverage is unknown.

    Raises:
        InputError: DuckDB is not installed, or has no such type.
        OSError: The file cannot be written.
    """
    check_duckdb()
    import duckdb  # noqa: PLC0415 - an extra

    path.unlink()  # DuckDB creates its file itself
    try:
        with duckdb.connect(path) as connection:
            connection.register("rows", table)
            connection.execute(f"CREATE TABLE {_TABLE} AS FROM rows")
            _check_names(table.column_names, connection.table(_TABLE).columns)
            for column in (BY_NAME[name] for name in table.column_names if name in BY_NAME):
                meaning = f"{column.meaning} [{column.unit}]" if column.unit else column.meaning
                quoted = meaning.replace("'", "''")
                connection.execute(f"COMMENT ON COLUMN {_TABLE}.{column.name} IS '{quoted}'")
            connection.execute(_CREATE_COVERAGE)
            coverage = read_metadata(table.schema.metadata)
            if coverage is not None:
                values = [*coverage.to_json().values()]
                connection.execute("INSERT INTO coverage VALUES (?, ?, ?, ?, ?)", values)
    except duckdb.IOException as error:
        raise OSError(str(error).rpartition(": ")[2]) from error  # its last words are the system's
    except duckdb.Error as error:
        msg = f"DuckDB cannot store the frame: {error}"
        raise InputError(msg) from error


def read_duckdb(path: Path) -> pa.Table:
    """Return the table `generations` of a file, with its coverage in the metadata.

    Raises:
        InputError: DuckDB is not installed, or the file cannot be read.
        OSError: There is no such file.
    """
    check_duckdb()
    import duckdb  # noqa: PLC0415 - an extra

    path.stat()  # a missing file gets the same message in every format
    try:
        with duckdb.connect(path, read_only=True) as connection:
            table = connection.sql(f"FROM {_TABLE}").to_arrow_table()
            return set_coverage(table, _read_coverage(connection))
    except duckdb.Error as error:
        raise unreadable(path, error) from error


def _check_names(given: Sequence[str], stored: Sequence[str]) -> None:
    """Refuse columns that DuckDB renames, such as an empty name, or one that differs only in its case."""
    for name, stored_name in zip(given, stored, strict=True):
        if name != stored_name:
            msg = f"DuckDB cannot store a column named {name!r} with these others: rename it, or write another format"
            raise InputError(msg)


def _read_coverage(connection: "duckdb.DuckDBPyConnection") -> Coverage | None:
    """Return the row of the table `coverage`; None if another program wrote the file."""
    names = [row[0] for row in connection.execute("SHOW TABLES").fetchall()]
    rows = connection.sql("FROM coverage").to_arrow_table().to_pylist() if "coverage" in names else []
    return Coverage.from_json(rows[0]) if len(rows) == 1 else None
