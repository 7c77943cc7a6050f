"""What the pages of a Parquet column unpack to, out of footer and headers, before any page is unpacked.

A page of a few bytes can announce two gigabytes. The footer is read here, since pyarrow's own description of a column
chunk ends the process if it is damaged. Both are described in https://github.com/apache/parquet-format.
"""

import os
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from genanalytics.errors import InputError
from genanalytics.ids.thrift import Thrift, Wanted
from genanalytics.units import format_count

_HEADER_BYTES = 1 << 20
"""The longest header that is read; it can contain a smallest and a largest value."""
_FIRST_READ = 1 << 10

_PAGE_SIZE, _PACKED_SIZE = 2, 3
_KINDS = _DATA, _DICTIONARY, _DATA_V2 = 5, 7, 8
_VALUES = 1
_ENCODINGS = {_DATA: 2, _DATA_V2: 4}
"""The fields of the headers that count here, by their numbers in the Thrift definition."""
_DELTA_BYTE_ARRAY = 7

_HEADER: Wanted = {_PAGE_SIZE: {}, _PACKED_SIZE: {}, **{kind: {_VALUES: {}, 2: {}, 4: {}} for kind in _KINDS}}

_GROUPS, _CHUNKS, _CHUNK, _ENCRYPTION = 4, 1, 3, 8
_CODEC, _CHUNK_VALUES, _CHUNK_SIZE, _FIRST_DATA, _FIRST_DICTIONARY = 4, 5, 7, 9, 11
_PLACE: Wanted = {_CODEC: {}, _CHUNK_VALUES: {}, _CHUNK_SIZE: {}, _FIRST_DATA: {}, _FIRST_DICTIONARY: {}}
_FOOTER: Wanted = {_GROUPS: {_CHUNKS: {_CHUNK: _PLACE, _ENCRYPTION: {}}}}
_TRAILER_BYTES = 8
"""The size of the footer in four bytes, and a magic number, end each file."""


class Chunk(NamedTuple):
    """Where the pages of a column are, for one row group.

    Attributes:
        start: The place of the first byte.
        end: The place after the last byte.
        values: The number of values, gaps included.
        codec: How its pages are packed, as a number of the Thrift definition.
    """

    start: int
    end: int
    values: int
    codec: int


class Page(NamedTuple):
    """A page, as its header describes it.

    Attributes:
        size: The unpacked size in bytes.
        values: The number of values.
        is_dictionary: Whether it contains the distinct values of the column.
        repeats: Whether a value may be written as a change of the value before it, so that each may be as long as all.
        start: The place of its first byte after the header.
        end: The place after its last byte.
    """

    size: int
    values: int
    is_dictionary: bool
    repeats: bool
    start: int
    end: int

    @property
    def width(self) -> int:
        """The size of a value in bytes: on average, or at most if it cannot be known better."""
        return self.size if self.repeats else self.size // max(1, self.values)


def read_chunks(stream: BinaryIO) -> list[list[Chunk]]:
    """Return where the pages of each column start and end, for each row group of a file.

    Raises:
        InputError: The footer cannot be read.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _TRAILER_BYTES))
    length = int.from_bytes(stream.read(4), "little")
    stream.seek(max(0, size - _TRAILER_BYTES - length))
    try:
        footer = Thrift(stream.read(length)).read_struct(_FOOTER)
        return [[_find_place(chunk) for chunk in group[_CHUNKS]] for group in footer[_GROUPS]]
    except InputError:
        raise
    except (IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        msg = "its footer is damaged"
        raise InputError(msg) from error


def _find_place(described: dict[int, Any]) -> Chunk:
    if _ENCRYPTION in described:
        msg = "it is encrypted: decrypt it first"
        raise InputError(msg)
    chunk = described[_CHUNK]
    start = min(filter(None, (chunk.get(_FIRST_DICTIONARY), chunk[_FIRST_DATA])), default=0)
    return Chunk(start, start + chunk[_CHUNK_SIZE], chunk[_CHUNK_VALUES], chunk[_CODEC])


def read_pages(stream: BinaryIO, chunk: Chunk) -> Iterator[Page]:
    """Yield the pages of a column chunk.

    Raises:
        InputError: A header cannot be read, or the pages have fewer values than the footer says.
    """
    start, missing = chunk.start, chunk.values
    while start < chunk.end:
        page = _read_page(stream, start)
        yield page
        start = page.end
        missing -= 0 if page.is_dictionary else page.values
    if missing > 0:
        msg = f"its footer is damaged: {format_count(missing, 'value')} of a column are in no page"
        raise InputError(msg)


def _read_page(stream: BinaryIO, start: int) -> Page:
    """Return the page whose header begins at `start`; of a long header, more is read."""
    length = _FIRST_READ
    while True:
        stream.seek(start)
        text = stream.read(length)
        reader = Thrift(text)
        try:
            header = reader.read_struct(_HEADER)
            return _describe(header, start + reader.place)
        except IndexError:
            if len(text) == length < _HEADER_BYTES:
                length = min(length * 32, _HEADER_BYTES)
                continue
        except (KeyError, RecursionError, TypeError, ValueError):
            pass  # a field is missing, or of another type
        msg = f"the header of a page at byte {start:,} is damaged"
        raise InputError(msg)


def _describe(header: dict[int, Any], start: int) -> Page:
    kind = next((kind for kind in _KINDS if isinstance(header.get(kind), dict)), None)
    inner = {} if kind is None else header[kind]
    repeats = kind in _ENCODINGS and inner.get(_ENCODINGS[kind]) == _DELTA_BYTE_ARRAY
    size, values, end = max(0, header[_PAGE_SIZE]), max(0, inner.get(_VALUES, 0)), start + max(0, header[_PACKED_SIZE])
    return Page(size, values, kind == _DICTIONARY, repeats, start, end)
