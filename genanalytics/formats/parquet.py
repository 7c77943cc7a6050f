"""Parquet files that any engine reads well, and tables from them with one schema."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from genanalytics.base.content import unreadable
from genanalytics.base.text import to_one_line
from genanalytics.errors import InputError
from genanalytics.formats.limits import check_parquet
from genanalytics.ids.thrift import Thrift
from genanalytics.records.coverage import make_metadata, read_file_coverage, read_metadata, set_coverage
from genanalytics.records.schema import ARROW_SCHEMA, SCHEMA_VERSION

OPTIONS: Mapping[str, Any] = {
    "compression": "zstd",
    "use_dictionary": True,
    "write_statistics": True,
    "write_page_checksum": True,
}
"""Arguments of `pyarrow.parquet.ParquetWriter` for every file."""
_FEW_ROWS = 256
_FEW_OPTIONS = {**OPTIONS, "compression": "snappy"}
"""Arguments for files of fewer rows, in which zstd takes half of the time to write and to read, and saves little."""
ROWS_PER_GROUP = 122_880
"""The number of rows in a row group: DuckDB gives one thread as many."""

_SEAL, _SEAL_BYTES = b"genanalytics footer ", 16
_TRAILER_BYTES = 8
"""The length of the footer in four bytes, and a magic number, end each file."""
_SCHEMA = 2
"""The field of the footer with the columns, after that with the version of Parquet."""
_VERSION = b"genanalytics_schema_version"
_PANDAS = b"pandas"
_NULLABLE: Mapping[str, str] = {
    "int8": "Int8",
    "int16": "Int16",
    "int32": "Int32",
    "int64": "Int64",
    "uint8": "UInt8",
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "float": "Float32",
    "double": "Float64",
    "bool": "boolean",
    "string": "str",
}
"""The pandas dtypes that keep gaps, by the Arrow type; they are those of `records.frame.to_nullable`."""


def sort_by_creation(table: pa.Table) -> pa.Table:
    """Return the rows in the order of `created_at`, gaps last, so that the rows of a day are next to each other."""
    order = _find_order(table)
    return table if order is None else table.take(order)


def write_table(table: pa.Table, path: str | os.PathLike[str]) -> None:
    """Write a table, sorted by `created_at`.

    The metadata contains the version of the columns, the dtypes of pandas, and the coverage.

    Raises:
        OSError: The file cannot be written.
        pyarrow.ArrowException: Parquet has no type for a column.
    """
    metadata = {
        _VERSION: str(SCHEMA_VERSION).encode(),
        _PANDAS: _describe_for_pandas(table.schema),
        **make_metadata(read_metadata(table.schema.metadata)),
    }
    options = OPTIONS if len(table) >= _FEW_ROWS else _FEW_OPTIONS
    with pa.parquet.ParquetWriter(path, table.schema.with_metadata(metadata), **options) as writer:
        for rows in _sort_in_groups(table):
            writer.write_table(rows, row_group_size=ROWS_PER_GROUP)
    _seal_footer(path)


def pack_table(table: pa.Table) -> bytes:
    """Return the content of the file that `write_table` writes.

    Raises:
        OSError: There is no room for a temporary file.
        pyarrow.ArrowException: Parquet has no type for a column.
    """
    with TemporaryDirectory() as directory:
        path = Path(directory, "table.parquet")
        write_table(table, path)
        return path.read_bytes()


def _seal_footer(path: str | os.PathLike[str]) -> None:
    """Write a checksum of the footer in front of it, where no reader looks: Parquet has checksums of pages alone."""
    with open(path, "r+b") as file:  # noqa: PTH123 - a path of any form
        footer, start = _read_footer(file)
        file.seek(start)
        file.write(_SEAL + _hash(footer) + footer)


def check_footer(file: BinaryIO, path: str | os.PathLike[str]) -> bytes:
    """Return the footer of a file; refuse one that does not match the checksum in front of it, if there is one.

    Raises:
        InputError: It does not match.
    """
    footer, start = _read_footer(file)
    file.seek(max(0, start - len(_SEAL) - _SEAL_BYTES))
    seal, checksum = file.read(len(_SEAL)), file.read(_SEAL_BYTES)
    if seal == _SEAL and checksum != _hash(footer):
        msg = f"cannot read {os.fspath(path)}: it is damaged (the checksum of its footer does not match)"
        raise InputError(msg)
    return footer


def cut_schema(footer: bytes) -> bytes | None:
    """Return the start of a footer with the columns and their types, the same for files that agree in these.

    It is None if the footer is damaged.
    """
    try:
        return footer[: Thrift(footer).find_end(_SCHEMA)]
    except (IndexError, RecursionError, ValueError):
        return None


def _read_footer(file: BinaryIO) -> tuple[bytes, int]:
    """Return the last bytes of a file from its footer on, and where they start."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TRAILER_BYTES))
    length = int.from_bytes(file.read(4), "little")
    start = max(0, size - _TRAILER_BYTES - length)
    file.seek(start)
    return file.read(), start


def _hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=_SEAL_BYTES).digest()


def _describe_for_pandas(schema: pa.Schema) -> bytes:
    """Return the metadata that pandas looks for in Parquet files, so that it reads columns with dtypes that keep gaps.

    The format is described in https://pandas.pydata.org/docs/development/developer.html.
    """
    columns = [
        {
            "name": field.name,
            "field_name": field.name,
            "pandas_type": str(field.type),
            "numpy_type": _NULLABLE.get(str(field.type), "object"),  # any other type is read as without metadata
            "metadata": None,
        }
        for field in schema
    ]
    return json.dumps({"index_columns": [], "column_indexes": [], "columns": columns}).encode()


def _find_order(table: pa.Table) -> pa.Array | None:
    """Return the places of the rows in the order of `created_at`, gaps last; None if they are in that order."""
    if "created_at" not in table.column_names:
        return None
    moments = table.column("created_at").combine_chunks()
    known = moments[: len(moments) - moments.null_count]
    if known.null_count == 0 and pa.compute.all(pa.compute.less_equal(known[:-1], known[1:])).as_py() is not False:
        return None
    return pa.compute.array_sort_indices(moments, order="ascending", null_placement="at_end")


def _sort_in_groups(table: pa.Table) -> Iterator[pa.Table]:
    """Yield the rows in order; a thread gathers the next group while one is written."""
    order = _find_order(table)
    if order is None:
        yield table
        return
    with ThreadPoolExecutor(1) as gatherer:
        ready = None
        for start in range(0, len(order), ROWS_PER_GROUP):
            next_one = gatherer.submit(table.take, order.slice(start, ROWS_PER_GROUP))
            if ready is not None:
                yield ready.result()
            ready = next_one
        if ready is not None:
            yield ready.result()


def read_table(
    path: str | os.PathLike[str],
    *,
    columns: list[str] | None = None,
    filesystem: object | None = None,
    is_own: bool = False,
) -> pa.Table:
    """Return the rows of one file, in their order, with its coverage in the metadata.

    Args:
        path: The file.
        columns: The columns to read; None for all.
        filesystem: The pyarrow file system of the path; None for the local one.
        is_own: Whether this user's exports wrote the file here, so that the memory of its rows needs no check.

    Raises:
        InputError: The file was written by a newer version, or cannot be read.
        FileNotFoundError: There is no such file.
    """
    try:
        # a ParquetFile, not a data set: a directory named model=x above the file adds no column
        with open_file(path, filesystem, whole=columns is None) as file:
            metadata = file.metadata.metadata or {}
            check_version(metadata.get(_VERSION), path)
            if not is_own and (filesystem is None or isinstance(filesystem, pa.fs.LocalFileSystem)):
                check_rows(file, path)
            coverage = read_file_coverage(metadata, file.metadata.num_rows)
            rows = file.read(columns=columns, use_threads=file.metadata.num_rows >= _FEW_ROWS)
            return set_coverage(rows, coverage)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error


def check_rows(file: pa.parquet.ParquetFile, path: str | os.PathLike[str]) -> None:
    """Refuse a file on this machine whose rows take far more memory than records do.

    Raises:
        InputError: They do, or the file is damaged.
    """
    with open(path, "rb") as stream:  # noqa: PTH123 - a path of any form
        try:
            check_parquet(file, stream)
        except ValueError as error:
            raise unreadable(path, error) from error


@contextmanager
def open_file(
    path: str | os.PathLike[str],
    filesystem: Any = None,  # noqa: ANN401 - pyarrow has no types
    *,
    whole: bool = False,
) -> Iterator[pa.parquet.ParquetFile]:
    """Open a file whose footer is checked; a page is checked when it is read.

    Args:
        path: The file.
        filesystem: The pyarrow file system of the path; None for the local one.
        whole: Whether all of it will be read, so that another file system is asked for it once.

    Raises:
        InputError: The footer does not match its checksum.
        OSError, pyarrow.ArrowException: The file cannot be read.
    """
    name = os.fspath(path)
    with (
        pa.OSFile(name) if filesystem is None else _open_remote(name, filesystem, whole=whole) as stream,
        pa.parquet.ParquetFile(stream, page_checksum_verification=True) as file,
    ):
        check_footer(stream, path)
        yield file


def _open_remote(name: str, filesystem: Any, *, whole: bool) -> pa.NativeFile:  # noqa: ANN401 - pyarrow has no types
    if not whole:
        return filesystem.open_input_file(name)
    with filesystem.open_input_stream(name) as stream:
        return pa.BufferReader(stream.read_buffer())


def check_version(found: bytes | int | None, path: str | os.PathLike[str]) -> None:
    """Refuse a file of a newer version of this package, in which columns have another meaning.

    Raises:
        InputError: The version is above `schema.SCHEMA_VERSION`.
    """
    if found is not None and int(found) > SCHEMA_VERSION:
        msg = (
            f"{os.fspath(path)} was written by a newer genanalytics (columns of version {int(found)}, this one reads"
            f" {SCHEMA_VERSION}): upgrade with `pip install --upgrade genanalytics`"
        )
        raise InputError(msg)


def unify(tables: Iterable[pa.Table]) -> pa.Table:
    """Return tables of older and newer versions as one: all of `schema.COLUMNS`, then columns of other versions.

    Columns that a table lacks are null. Fields that had no column when a file was written stay in its `extra`.

    Raises:
        InputError: A column has types that cannot be combined.

    >>> old, new = pa.table({"requested_id": ["gen-1"]}), pa.table({"requested_id": ["gen-2"], "of_2027": [1]})
    >>> unify([old, new]).select(["requested_id", "of_2027"]).to_pydict()
    {'requested_id': ['gen-1', 'gen-2'], 'of_2027': [None, 1]}
    """
    try:
        return pa.concat_tables([ARROW_SCHEMA.empty_table(), *tables], promote_options="permissive")
    except pa.ArrowException as error:
        msg = f"the files have columns that cannot be combined: {to_one_line(str(error))}"
        raise InputError(msg) from error


def unify_schemas(paths: Iterable[str | os.PathLike[str]]) -> pa.Schema:
    """Return the common schema of files; see `unify`.

    Raises:
        InputError: A file cannot be read, or a column has types that cannot be combined.
    """
    schemas = []
    for path in paths:
        try:
            with open_file(path) as file:
                schemas.append(file.schema_arrow)
        except (OSError, pa.ArrowException) as error:
            raise unreadable(path, error) from error
    return unify([schema.empty_table() for schema in schemas]).schema.remove_metadata()
