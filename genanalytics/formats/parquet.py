"""Arrow tables as Parquet files that any engine reads well, and back under one schema."""

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from genanalytics.base.text import excerpt
from genanalytics.errors import InputError, reason_of
from genanalytics.records.schema import ARROW_SCHEMA, SCHEMA_VERSION

OPTIONS: Mapping[str, Any] = {"compression": "zstd", "use_dictionary": True, "write_statistics": True}
"""How every Parquet file is written: arguments of `pyarrow.parquet.ParquetWriter`."""
ROWS_PER_GROUP = 122_880
"""How many rows a row group has: what DuckDB gives to one thread."""

_VERSION = b"genanalytics_schema_version"


def by_creation(table: pa.Table) -> pa.Table:
    """Return the rows in the order of `created_at`, gaps last: what a reader wants of one day lies side by side."""
    order = _order(table)
    return table if order is None else table.take(order)


def write_table(table: pa.Table, path: str | os.PathLike[str], metadata: Mapping[bytes, bytes] | None = None) -> None:
    """Write a table, sorted by `created_at`, with the version of the columns in the file's metadata.

    Raises:
        OSError: The file cannot be written.
        pyarrow.ArrowException: Parquet has no such type.
    """
    told = {_VERSION: str(SCHEMA_VERSION).encode()} | dict(metadata or {})
    with pa.parquet.ParquetWriter(path, table.schema.with_metadata(told), **OPTIONS) as writer:
        for rows in _groups(table):
            writer.write_table(rows, row_group_size=ROWS_PER_GROUP)


def _order(table: pa.Table) -> pa.Array | None:
    """Return the places of the rows in the order of `created_at`, gaps last, or None where they stand in it."""
    if "created_at" not in table.column_names:
        return None
    moments = table.column("created_at").combine_chunks()
    known = moments[: len(moments) - moments.null_count]
    if known.null_count == 0 and pa.compute.all(pa.compute.less_equal(known[:-1], known[1:])).as_py() is not False:
        return None
    return pa.compute.array_sort_indices(moments, order="ascending", null_placement="at_end")


def _groups(table: pa.Table) -> Iterator[pa.Table]:
    """Yield the rows in order; of those that are not, the next group is gathered while one is written."""
    order = _order(table)
    if order is None:
        yield table
        return
    with ThreadPoolExecutor(1) as beside:
        ready = None
        for start in range(0, len(order), ROWS_PER_GROUP):
            coming = beside.submit(table.take, order.slice(start, ROWS_PER_GROUP))
            if ready is not None:
                yield ready.result()
            ready = coming
        if ready is not None:
            yield ready.result()


def read_table(
    path: str | os.PathLike[str], *, columns: list[str] | None = None, filesystem: object | None = None
) -> pa.Table:
    """Return the rows of one file, in their order.

    Args:
        path: The file.
        columns: The columns to read; without it all of them.
        filesystem: The pyarrow file system on which the path lies; without it this machine's.

    Raises:
        InputError: The file was written by a newer version, or cannot be read.
        FileNotFoundError: There is no such file.
    """
    try:
        # a ParquetFile, not a data set: a directory called model=x above the file adds no column
        with pa.parquet.ParquetFile(path, filesystem=filesystem) as file:
            check_version((file.schema_arrow.metadata or {}).get(_VERSION), path)
            return file.read(columns=columns)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error


def check_version(found: bytes | int | None, path: str | os.PathLike[str]) -> None:
    """Refuse what a newer version of this package wrote with columns that mean something else now.

    Raises:
        InputError: The version is above `schema.SCHEMA_VERSION`.
    """
    if found is not None and int(found) > SCHEMA_VERSION:
        msg = (
            f"{os.fspath(path)} was written by a newer genanalytics (columns of version {int(found)}, this one knows"
            f" {SCHEMA_VERSION}): upgrade with `pip install --upgrade genanalytics`"
        )
        raise InputError(msg)


def unified(tables: Iterable[pa.Table]) -> pa.Table:
    """Return tables of older and newer versions as one: all of `schema.COLUMNS`, then what other versions have more.

    What a table lacks is null there. What had no column when a file was written stays in that file's `extra`.

    Raises:
        InputError: A column holds values of types that do not go together.

    >>> old, new = pa.table({"requested_id": ["gen-1"]}), pa.table({"requested_id": ["gen-2"], "of_2027": [1]})
    >>> unified([old, new]).select(["requested_id", "of_2027"]).to_pydict()
    {'requested_id': ['gen-1', 'gen-2'], 'of_2027': [None, 1]}
    """
    try:
        return pa.concat_tables([ARROW_SCHEMA.empty_table(), *tables], promote_options="permissive")
    except pa.ArrowException as error:
        msg = f"the files do not go together: {excerpt(str(error).encode())[1:-1]}"
        raise InputError(msg) from error


def unified_schema(paths: Iterable[str | os.PathLike[str]]) -> pa.Schema:
    """Return the one schema under which the files are read together; see `unified`.

    Raises:
        InputError: A file cannot be read, or a column has types that do not go together.
    """
    schemas = []
    for path in paths:
        try:
            schemas.append(pa.parquet.read_schema(path))
        except (OSError, pa.ArrowException) as error:
            raise unreadable(path, error) from error
    return unified([schema.empty_table() for schema in schemas]).schema.remove_metadata()


def unreadable(path: str | os.PathLike[str], error: Exception) -> InputError:
    """Return the error that says in one sentence why a file cannot be read."""
    # Arrow quotes what a file holds
    reason = reason_of(error) if isinstance(error, OSError) and error.errno else excerpt(str(error).encode())[1:-1]
    return InputError(f"cannot read {Path(path) if isinstance(path, os.PathLike) else path}: {reason}")
