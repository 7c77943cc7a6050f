"""Ids in Parquet files: only columns of text are read, one at a time, in batches whose size follows their pages."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet

from genanalytics.base.content import Content, translate_errors
from genanalytics.errors import InputError
from genanalytics.ids.arrow import ERRORS, find_ids, flatten, to_texts
from genanalytics.ids.columns import SAMPLE_ROWS, Notify, choose_column, count_ids, read_column
from genanalytics.ids.pages import Page, read_chunks, read_pages
from genanalytics.units import format_count

_LARGEST_PAGE = 1 << 26
"""The bytes that a page may unpack to: writers make pages of 1 MiB, or of one longer value."""
_BATCH_BYTES = 1 << 24
_BATCH_ROWS = 1 << 16
_BUFFER_BYTES = 1 << 20
_TEXT_TYPES = ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")


class _Leaf(NamedTuple):
    """A column of text, possibly a field of a struct.

    Attributes:
        path: Its name, such as `data.id`.
        place: Its place in the file.
        length: The length of each value in bytes, 0 if they differ.
        pages: The pages of all its row groups.
    """

    path: str
    place: int
    length: int
    pages: tuple[Page, ...]

    @property
    def largest(self) -> int:
        """The size of the largest page in bytes."""
        return max((page.size for page in self.pages), default=0)

    @property
    def has_dictionary(self) -> bool:
        """Whether its values can be read as a dictionary, in which a value takes memory once."""
        return not self.length and any(page.is_dictionary for page in self.pages)

    @property
    def batch_rows(self) -> int:
        """The number of rows that take about 16 MiB where the values are longest."""
        widest = max((page.width for page in self.pages if not page.is_dictionary), default=0)
        return min(_BATCH_ROWS, max(1, _BATCH_BYTES // max(1, widest, self.length)))


def read_parquet_ids(content: Content, column: str | None, notify: Notify) -> Iterator[str]:
    """Yield the ids of a Parquet file; a field of a struct counts as a column, such as `data.id`.

    Raises:
        InputError: The file cannot be read, or a page of the named column unpacks to more than 64 MiB.
    """
    with translate_errors(content.name, *ERRORS), content.file() as path:
        leaves = _list_leaves(path, content.name)
        small = [leaf for leaf in leaves if leaf.largest <= _LARGEST_PAGE]
        for leaf in leaves:
            if leaf.largest > _LARGEST_PAGE and column in {None, leaf.path}:
                _refuse(leaf, content.name, column, notify)
        with _open(path, small) as file:  # once: of a file with many columns, the description is large
            matches = {
                leaf.path: count_ids(islice(_read_texts(file, leaf, SAMPLE_ROWS), SAMPLE_ROWS)) for leaf in small
            }
            chosen = choose_column(matches, column, content.name, notify)
            if chosen is None:
                yield from _search_groups(file, small)
                return
            leaf = next(leaf for leaf in small if leaf.path == chosen)
            yield from read_column(_read_texts(file, leaf, leaf.batch_rows), content.name, notify)


def _list_leaves(path: Path, name: str) -> list[_Leaf]:
    with pa.parquet.ParquetFile(path) as file, path.open("rb") as stream:
        try:
            return [*_describe_leaves(file.schema, stream)]
        except InputError as error:
            msg = f"cannot read {name}: {error}"
            raise InputError(msg) from error


def _describe_leaves(schema: pa.parquet.ParquetSchema, stream: BinaryIO) -> Iterator[_Leaf]:
    chunks = read_chunks(stream)
    if any(len(group) != len(schema) for group in chunks):
        msg = "its footer does not describe every column"
        raise InputError(msg)
    for place in range(len(schema)):
        described = schema.column(place)
        if described.physical_type in _TEXT_TYPES and not described.max_repetition_level:
            pages = tuple(page for group in chunks for page in read_pages(stream, group[place]))
            length = described.length if described.physical_type == _TEXT_TYPES[1] else 0
            yield _Leaf(described.path, place, length, pages)


def _refuse(leaf: _Leaf, name: str, column: str | None, notify: Notify) -> None:
    """Leave a column out with a notice; raise an error if the caller named it."""
    size = format_count(leaf.largest, "byte")
    problem = f"the column {leaf.path!r} has a page that unpacks to {size}, and the limit is {_LARGEST_PAGE:,}"
    if column is not None:
        msg = f"cannot read {name}: {problem}; write it again with smaller pages"
        raise InputError(msg)
    notify(f"{name}: {problem}, so it was left out")


def _read_texts(file: pa.parquet.ParquetFile, leaf: _Leaf, batch_rows: int) -> Iterator[str | None]:
    for batch in file.iter_batches(min(batch_rows, leaf.batch_rows), columns=[leaf.path]):
        values = flatten(batch).get(leaf.path)
        yield from () if values is None else to_texts(values)


def _search_groups(file: pa.parquet.ParquetFile, leaves: Sequence[_Leaf]) -> Iterator[str]:
    for group in range(file.num_row_groups):
        for leaf in leaves:
            for batch in file.iter_batches(leaf.batch_rows, row_groups=[group], columns=[leaf.path]):
                for values in flatten(batch).values():
                    yield from find_ids(values)


def _open(path: Path, leaves: Sequence[_Leaf]) -> pa.parquet.ParquetFile:
    dictionaries = [leaf.path for leaf in leaves if leaf.has_dictionary]
    return pa.parquet.ParquetFile(path, read_dictionary=dictionaries, pre_buffer=False, buffer_size=_BUFFER_BYTES)
