"""How much memory the rows of a file may take: a file of a few bytes can announce any size.

A record takes about 20 bytes of a file or more, since its id is unlike any other. So the limit grows with the file.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from genanalytics.ids.pages import Chunk, Page, read_chunks, read_pages

_SMALLEST_LIMIT = 1 << 30
_MOST_RATIO = 500
_CELL_BYTES = 8
"""What a cell takes in a frame at least, even a gap."""
_BATCH_BYTES, _BATCH_ROWS = 1 << 24, 1 << 16

_CODECS = {0: "", 1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}
"""The names in pyarrow of how Parquet packs pages."""
_MOST_READ = 1 << 23
"""A dictionary above this is not searched for its longest value."""
_LENGTH_BYTES = 4
"""Before each value of a dictionary is its length."""


def find_limit(size: int) -> int:
    """Return the bytes that the rows of a file of this size may take.

    >>> find_limit(1_000), find_limit(1_000_000_000)
    (1073741824, 500000000000)
    """
    return max(_SMALLEST_LIMIT, _MOST_RATIO * size)


def check_size(unpacked: int, packed: int) -> None:
    """Refuse what takes too many bytes for a file of the size `packed`.

    Raises:
        ValueError: It does.
    """
    if unpacked > find_limit(packed):
        msg = (
            f"it unpacks to more than {find_limit(packed):,} bytes, the limit for a file of its size; check where it"
            " comes from"
        )
        raise ValueError(msg)


def check_parquet(file: pa.parquet.ParquetFile, stream: BinaryIO) -> None:
    """Refuse a Parquet file whose rows take too much memory, before they are read.

    The unpacked pages are a lower bound. A value of a dictionary counts once per row: first as if each were the
    longest; if that exceeds the limit, exactly.

    Raises:
        ValueError: They do, or the file is damaged.
    """
    packed = stream.seek(0, os.SEEK_END)
    least = file.metadata.num_rows * len(file.schema) * _CELL_BYTES
    check_size(least, packed)  # first: the number of rows can be any
    columns = [*_describe(file, stream)]
    least += sum(column.least for column in columns)
    check_size(least, packed)
    texts = [column for column in columns if column.is_text]
    most = [column.find_most([_find_longest(stream, *group) for group in column.groups]) for column in texts]
    if least + sum(most) <= find_limit(packed):
        return
    stream.seek(0)
    names = [column.path for column in texts if column.has_dictionary]
    with pa.parquet.ParquetFile(stream, read_dictionary=names, pre_buffer=False) as packed_file:
        for column, bytes_at_most in zip(texts, most, strict=True):
            if column.is_nested:  # pyarrow reads no long dictionary within a list
                least += bytes_at_most
                check_size(least, packed)
            elif bytes_at_most:
                for batch in packed_file.iter_batches(column.batch_rows, columns=[column.path]):
                    least += sum(map(_measure, batch.columns))
                    check_size(least, packed)


def check_table(table: pa.Table, packed: int) -> None:
    """Refuse a table of a file of the size `packed` if its values, counted once per row, take too much memory.

    Raises:
        ValueError: They do.
    """
    check_size(len(table) * len(table.columns) * _CELL_BYTES, packed)
    # without rows too: pandas ends the process for some types that no record has
    chunks = (chunk for values in table.columns for chunk in values.chunks or [pa.nulls(0, values.type)])
    check_size(sum(map(_measure, chunks)), packed)


class _Column(NamedTuple):
    """What is known of a column of a Parquet file before it is read.

    Attributes:
        path: Its name.
        width: The bytes of a value, or of its place among others.
        is_text: Whether its values are of different lengths.
        is_nested: Whether it is part of a list or a struct.
        groups: Its chunk and pages in each row group.
    """

    path: str
    width: int
    is_text: bool
    is_nested: bool
    groups: list[tuple[Chunk, list[Page]]]

    @property
    def pages(self) -> list[Page]:
        """The pages of all row groups."""
        return [page for _, pages in self.groups for page in pages]

    @property
    def least(self) -> int:
        """The bytes that it takes at least."""
        return sum(page.size + (0 if page.is_dictionary else page.values * self.width) for page in self.pages)

    @property
    def has_dictionary(self) -> bool:
        """Whether it can be read as a dictionary; not where values are written as changes of those before them."""
        return not self.is_nested and not any(page.repeats for page in self.pages)

    @property
    def batch_rows(self) -> int:
        """The number of rows to read at once."""
        widest = 1 if self.has_dictionary else max((page.size for page in self.pages), default=1)
        return min(_BATCH_ROWS, max(1, _BATCH_BYTES // max(1, widest)))

    def find_most(self, longest: Sequence[int]) -> int:
        """Return the bytes that repeated texts can take in addition; `longest` is a length for each row group."""
        return sum(
            page.values * (page.size if page.repeats else length)
            for (_, pages), length in zip(self.groups, longest, strict=True)
            for page in pages
            if not page.is_dictionary
        )


def _describe(file: pa.parquet.ParquetFile, stream: BinaryIO) -> Iterator[_Column]:
    row_groups = read_chunks(stream)
    if any(len(row_group) != len(file.schema) for row_group in row_groups):
        msg = "its footer does not describe every column"
        raise ValueError(msg)
    for place in range(len(file.schema)):
        described = file.schema.column(place)
        width = described.length if described.physical_type == "FIXED_LEN_BYTE_ARRAY" else _CELL_BYTES
        chunks = [row_group[place] for row_group in row_groups]
        yield _Column(
            described.path,
            width,
            described.physical_type == "BYTE_ARRAY",
            described.name != described.path,
            [(chunk, [*read_pages(stream, chunk)]) for chunk in chunks],
        )


def _find_longest(stream: BinaryIO, chunk: Chunk, pages: Iterable[Page]) -> int:
    """Return the length of the longest value of the dictionary of a chunk, or at least that; 0 without one."""
    return max((_read_longest(stream, chunk, page) for page in pages if page.is_dictionary), default=0)


def _read_longest(stream: BinaryIO, chunk: Chunk, page: Page) -> int:
    if page.size > _MOST_READ or chunk.codec not in _CODECS:
        return page.size
    stream.seek(page.start)
    values = stream.read(page.end - page.start)
    if codec := _CODECS[chunk.codec]:
        try:
            values = pa.decompress(values, page.size, codec, asbytes=True)
        except (OSError, ValueError):
            return page.size  # it is damaged: the reader reports it
    longest = place = 0
    while place < len(values):
        length = int.from_bytes(values[place : place + _LENGTH_BYTES], "little")
        longest = max(longest, length)
        place += _LENGTH_BYTES + length
    return min(longest, page.size)


def _measure(values: pa.Array) -> int:
    """Return the bytes that values take, with repeated values counted once per row."""
    kind, types = values.type, pa.types
    cells = len(values) * _CELL_BYTES
    if types.is_struct(kind):
        return cells + sum(map(_measure, values.flatten()))
    if types.is_map(kind):
        return cells + _measure(values.keys) + _measure(values.items)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return cells + _measure(values.flatten())
    if types.is_dictionary(kind):
        return cells + _sum(_measure_texts(values.dictionary).take(values.indices))
    if types.is_list_view(kind) or types.is_large_list_view(kind) or types.is_run_end_encoded(kind):
        msg = f"a column holds {kind}, which no record has"
        raise ValueError(msg)
    if _is_text(kind):
        return cells + _sum(_measure_texts(values))
    return max(cells, int(values.nbytes))


def _measure_texts(values: pa.Array) -> pa.Array:
    """Return the length of each text in bytes; of other values 0 if they are numbers, or the size of all."""
    kind, types = values.type, pa.types
    if types.is_string_view(kind) or types.is_binary_view(kind):  # each begins with its length, in 16 bytes
        views = np.frombuffer(values.buffers()[1], np.int32)[: 4 * (values.offset + len(values))]
        lengths = views[4 * values.offset :: 4]
        return pa.compute.if_else(values.is_valid(), pa.array(lengths, pa.int64()), 0)
    if _is_text(kind):
        return pa.compute.binary_length(values).cast(pa.int64())
    return pa.repeat(pa.scalar(0 if types.is_primitive(kind) else int(values.nbytes), pa.int64()), len(values))


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    is_view = types.is_string_view(kind) or types.is_binary_view(kind)
    is_string = types.is_string(kind) or types.is_large_string(kind)
    return bool(is_view or is_string or types.is_binary(kind) or types.is_large_binary(kind))


def _sum(lengths: pa.Array) -> int:
    return pa.compute.sum(lengths).as_py() or 0
