"""Ids in tables that Arrow reads: Parquet, Arrow files and streams, tables in memory."""

from collections.abc import Iterator
from itertools import chain

import pyarrow as pa
import pyarrow.parquet

from genanalytics.base.content import Content, translate_errors
from genanalytics.ids.columns import SAMPLE_ROWS, Notify, choose_column, find_in_texts, read_column, to_text

_ERRORS = (pa.ArrowException, MemoryError, OverflowError, UnicodeDecodeError)


def read_parquet_ids(content: Content, column: str | None, notify: Notify) -> Iterator[str]:
    """Yield the ids of a Parquet file; a field of a struct counts as a column, such as `data.id`."""
    with translate_errors(content.name, *_ERRORS), content.file() as path, pa.parquet.ParquetFile(path) as file:
        first = next(file.iter_batches(SAMPLE_ROWS), None)
        if first is None:
            return
        chosen = choose_column(_sample(first), column, content.name, notify)
        batches = file.iter_batches(columns=None if chosen is None else [chosen])
        yield from _read_batches(batches, chosen, content.name, notify)


def read_arrow_file(content: Content, column: str | None, notify: Notify) -> Iterator[str]:
    """Yield the ids of an Arrow file (IPC, also called Feather)."""
    with translate_errors(content.name, *_ERRORS), content.file() as path, pa.memory_map(str(path)) as mapped:
        file = pa.ipc.open_file(mapped)
        batches = map(file.get_batch, range(file.num_record_batches))
        yield from _read_stream(batches, column, content.name, notify)


def read_arrow_stream(content: Content, column: str | None, notify: Notify) -> Iterator[str]:
    """Yield the ids of an Arrow stream (IPC)."""
    stream = pa.PythonFile(content.stream(), mode="r")
    with translate_errors(content.name, *_ERRORS), pa.ipc.open_stream(stream) as batches:
        yield from _read_stream(batches, column, content.name, notify)


def read_table_ids(table: object, column: str | None, notify: Notify) -> Iterator[str]:
    """Yield the ids of a table of pyarrow, pandas, polars or any library with Arrow's C stream interface."""
    with translate_errors("this table", *_ERRORS):
        yield from _read_stream(pa.RecordBatchReader.from_stream(table), column, "the table", notify)


def _read_stream(batches: Iterator[pa.RecordBatch], column: str | None, name: str, notify: Notify) -> Iterator[str]:
    batches = (_validate(batch) for batch in batches if batch.num_rows)
    first = next(batches, None)
    if first is not None:
        chosen = choose_column(_sample(first.slice(0, SAMPLE_ROWS)), column, name, notify)
        yield from _read_batches(chain([first], batches), chosen, name, notify)


def _validate(batch: pa.RecordBatch) -> pa.RecordBatch:
    batch.validate(full=True)  # checks untrusted offsets before anything follows them
    return batch


def _read_batches(batches: Iterator[pa.RecordBatch], column: str | None, name: str, notify: Notify) -> Iterator[str]:
    """Return the values of a column; without a column, every id anywhere in a text."""
    if column is None:
        return find_in_texts(
            text for batch in batches for values in _flatten(batch).values() for text in _to_texts(values)
        )
    return read_column((text for batch in batches for text in _to_texts(_flatten(batch)[column])), name, notify)


def _sample(batch: pa.RecordBatch) -> dict[str, list[str | None]]:
    return {name: _to_texts(values) for name, values in _flatten(batch).items()}


def _flatten(batch: pa.RecordBatch) -> dict[str, pa.ChunkedArray]:
    """Return the columns that can hold text; the fields of a struct under both names, such as `data.id`."""
    table = pa.Table.from_batches([batch])
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return {
        field.name: values
        for field, values in zip(table.schema, table.columns, strict=True)
        if _is_text(field.type.value_type if pa.types.is_dictionary(field.type) else field.type)
    }


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    is_string = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    is_binary = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    return bool(is_string or is_binary or types.is_fixed_size_binary(kind))


def _to_texts(values: pa.ChunkedArray) -> list[str | None]:
    return [to_text(value) for value in values.to_pylist()]
