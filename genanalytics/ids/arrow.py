"""Ids in tables that Arrow reads: Arrow files and streams, tables in memory. What they unpack to is limited."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import pyarrow as pa
import pyarrow.compute

from genanalytics.base.content import Content, translate_errors
from genanalytics.errors import InputError
from genanalytics.ids.columns import (
    LONGEST_VALUE,
    SAMPLE_ROWS,
    Notify,
    choose_column,
    count_ids,
    find_in_value,
    read_column,
    to_text,
)
from genanalytics.ids.messages import measure_file, measure_messages
from genanalytics.units import format_count

ERRORS = (pa.ArrowException, MemoryError, OverflowError, UnicodeDecodeError)
"""What pyarrow raises for a file that it cannot read."""

_LARGEST_MESSAGE = 1 << 27
"""The bytes that one compressed batch of rows may unpack to."""
_FILE_START = b"ARROW1\x00\x00"
"""A file begins with this, and a list of its batches ends it; a stream has neither."""
_SHORT_BYTES = 1 << 22
"""Values of this size altogether become Python texts at once; of others, one at a time is cut first."""


def read_arrow_ids(content: Content, column: str | None, notify: Notify) -> Iterator[str]:
    """Yield the ids of an Arrow file (IPC, also called Feather) or stream.

    Raises:
        InputError: It cannot be read, or a batch of rows unpacks to more than 128 MiB.
    """
    with translate_errors(content.name, *ERRORS), content.file() as path, pa.memory_map(str(path)) as mapped:
        is_file = content.head.startswith(_FILE_START)
        _check_messages(measure_file(mapped) if is_file else measure_messages(mapped), content.name)
        with _open(mapped, is_file=is_file) as reader:
            texts = [place for place, field in enumerate(reader.schema) if _holds_text(field.type)]
        with _open(mapped, is_file=is_file, fields=texts) as reader:
            batches = map(reader.get_batch, range(reader.num_record_batches)) if is_file else iter(reader)
            yield from _read_batches(batches if texts else iter(()), column, content.name, notify)


def _open(
    mapped: pa.NativeFile, *, is_file: bool, fields: Sequence[int] = ()
) -> pa.RecordBatchFileReader | pa.RecordBatchStreamReader:
    """Return a reader of these fields; of all, if there are none."""
    mapped.seek(0)
    options = pa.ipc.IpcReadOptions(included_fields=[*fields])
    return (pa.ipc.open_file if is_file else pa.ipc.open_stream)(mapped, options=options)


def read_table_ids(table: object, column: str | None, notify: Notify) -> Iterator[str]:
    """Yield the ids of a table of pyarrow, pandas, polars or any library with Arrow's C stream interface."""
    with translate_errors("this table", *ERRORS):
        yield from _read_batches(pa.RecordBatchReader.from_stream(table), column, "the table", notify)


def flatten(batch: pa.RecordBatch) -> dict[str, pa.ChunkedArray]:
    """Return the columns that can hold text; the fields of a struct under both names, such as `data.id`."""
    table = pa.Table.from_batches([batch])
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return {
        field.name: values
        for field, values in zip(table.schema, table.columns, strict=True)
        if _is_text(_get_value_type(field.type))
    }


def to_texts(values: pa.ChunkedArray) -> Iterator[str | None]:
    """Yield values as texts of at most `LONGEST_VALUE` bytes; each different value is converted once."""
    for chunk in values.chunks:
        if not pa.types.is_dictionary(chunk.type):
            yield from _cut(chunk)
            continue
        _check_indices(chunk)
        texts = list(_cut(chunk.dictionary))
        yield from (None if index is None else texts[index] for index in chunk.indices.to_pylist())


def find_ids(values: pa.ChunkedArray) -> Iterator[str]:
    """Yield every id of the service's form anywhere in values; each different value is searched once."""
    for chunk in values.chunks:
        if not pa.types.is_dictionary(chunk.type):
            yield from chain.from_iterable(map(_search, chunk))
            continue
        _check_indices(chunk)
        found = [list(_search(value)) for value in chunk.dictionary]
        yield from (
            each for index in chunk.indices.to_pylist() if index is not None and found[index] for each in found[index]
        )


def _check_messages(sizes: Iterable[int], name: str) -> None:
    largest = max(sizes, default=0)
    if largest > _LARGEST_MESSAGE:
        msg = (
            f"cannot read {name}: one of its batches unpacks to {format_count(largest, 'byte')}, and the limit is"
            f" {_LARGEST_MESSAGE:,}; write it in smaller batches or as Parquet"
        )
        raise InputError(msg)


def _read_batches(batches: Iterator[pa.RecordBatch], column: str | None, name: str, notify: Notify) -> Iterator[str]:
    """Yield the values of the column with ids; without one, every id anywhere in a text."""
    batches = (_validate(batch) for batch in batches if batch.num_rows)
    first = next(batches, None)
    if first is None:
        return
    matches = {head: count_ids(to_texts(values)) for head, values in flatten(first.slice(0, SAMPLE_ROWS)).items()}
    chosen = choose_column(matches, column, name, notify)
    every = map(flatten, chain([first], batches))
    if chosen is None:
        yield from (found for columns in every for values in columns.values() for found in find_ids(values))
    else:
        yield from read_column((text for columns in every for text in to_texts(columns[chosen])), name, notify)


def _validate(batch: pa.RecordBatch) -> pa.RecordBatch:
    batch.validate(full=True)  # checks untrusted offsets before anything follows them
    return batch


def _check_indices(values: pa.DictionaryArray) -> None:
    """Refuse indices outside the dictionary: of a damaged Parquet file, Arrow returns them as they are."""
    bounds = pa.compute.min_max(values.indices)
    if values.null_count < len(values) and not 0 <= bounds["min"].as_py() <= bounds["max"].as_py() < len(
        values.dictionary
    ):
        msg = "a value refers to none of the values of its column, so the file is damaged"
        raise pa.ArrowInvalid(msg)


def _cut(values: pa.Array) -> Iterator[str | None]:
    if values.nbytes <= _SHORT_BYTES:
        for value in values.to_pylist():
            text = to_text(value)
            yield None if text is None else text[:LONGEST_VALUE]
        return
    for value in values:
        yield to_text(bytes(_view(value)[:LONGEST_VALUE])) if value.is_valid else None


def _search(value: pa.Scalar) -> Iterator[str]:
    return find_in_value(_view(value)) if value.is_valid else iter(())


def _view(value: pa.Scalar) -> memoryview:
    """Return the bytes of a text without a copy."""
    held = value.as_buffer()
    return memoryview(b"") if held is None else memoryview(held)


def _holds_text(kind: pa.DataType) -> bool:
    """Return whether a type is text or has a field with text."""
    if pa.types.is_struct(kind):
        return any(_holds_text(field.type) for field in kind)
    return _is_text(_get_value_type(kind))


def _get_value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    is_string = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    is_binary = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    return bool(is_string or is_binary or types.is_fixed_size_binary(kind))
