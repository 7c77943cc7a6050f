"""What the pages of a Parquet column unpack to, out of their headers, before any page is unpacked.

A page of a few bytes can announce two gigabytes. The format of the headers (Thrift, compact protocol) is described in
https://github.com/apache/parquet-format.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from genanalytics.errors import InputError

_HEADER_BYTES = 1 << 20
"""The longest header that is read; it can contain a smallest and a largest value."""
_FIRST_READ = 1 << 10

_PAGE_SIZE, _PACKED_SIZE = 2, 3
_DATA, _DICTIONARY, _DATA_V2 = 5, 7, 8
_VALUES = 1
_ENCODINGS = {_DATA: 2, _DATA_V2: 4}
"""The fields of the headers that count here, by their numbers in the Thrift definition."""
_DELTA_BYTE_ARRAY = 7

_TRUE, _FALSE, _BYTE, _SHORT, _INT, _LONG, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)


class Page(NamedTuple):
    """A page, as its header describes it.

    Attributes:
        size: The unpacked size in bytes.
        values: The number of values.
        is_dictionary: Whether it contains the distinct values of the column.
        repeats: Whether a value may be written as a change of the value before it, so that each may be as long as all.
    """

    size: int
    values: int
    is_dictionary: bool
    repeats: bool

    @property
    def width(self) -> int:
        """The size of a value in bytes: on average, or at most if it cannot be known better."""
        return self.size if self.repeats else self.size // max(1, self.values)


def read_pages(stream: BinaryIO, start: int, end: int) -> Iterator[Page]:
    """Yield the pages of a column chunk between two places of a file.

    Raises:
        InputError: A header cannot be read.
    """
    while start < end:
        header, size = _read_header(stream, start)
        yield _describe(header)
        start += size + max(0, header[_PACKED_SIZE])


def _read_header(stream: BinaryIO, start: int) -> "tuple[dict[int, Any], int]":
    """Return the fields of a header and its size; of a long header, more is read."""
    length = _FIRST_READ
    while True:
        stream.seek(start)
        text = stream.read(length)
        reader = _Thrift(text)
        try:
            header = reader.read_struct()
            _ = header[_PAGE_SIZE], header[_PACKED_SIZE]
        except IndexError:
            if len(text) == length < _HEADER_BYTES:
                length = min(length * 32, _HEADER_BYTES)
                continue
        except (KeyError, RecursionError, ValueError):
            pass
        else:
            return header, reader.place
        msg = f"the header of a page at byte {start:,} is damaged"
        raise InputError(msg)


def _describe(header: "dict[int, Any]") -> Page:
    kind = next((kind for kind in (_DATA, _DATA_V2, _DICTIONARY) if isinstance(header.get(kind), dict)), None)
    inner = {} if kind is None else header[kind]
    repeats = kind in _ENCODINGS and inner.get(_ENCODINGS[kind]) == _DELTA_BYTE_ARRAY
    return Page(max(0, header[_PAGE_SIZE]), max(0, inner.get(_VALUES, 0)), kind == _DICTIONARY, repeats)


class _Thrift:
    """Values of the compact protocol of Thrift in bytes; the place after them is `place`."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self.place = 0

    def read_struct(self) -> "dict[int, Any]":
        """Return the fields of a struct by their numbers."""
        fields: dict[int, Any] = {}
        number = 0
        while head := self._read_byte():
            number = number + (head >> 4) if head >> 4 else self._read_signed()
            fields[number] = self._read_value(head & 15)
        return fields

    def _read_value(self, kind: int) -> Any:  # noqa: ANN401 - of any kind
        match kind:
            case _ if kind in {_TRUE, _FALSE}:
                return kind == _TRUE
            case _ if kind in {_SHORT, _INT, _LONG}:
                return self._read_signed()
            case _ if kind == _STRUCT:
                return self.read_struct()
            case _ if kind in {_BYTE, _DOUBLE, _BINARY}:
                self._skip({_BYTE: 1, _DOUBLE: 8}.get(kind) or self._read_unsigned())
                return None
        msg = f"no page header contains values of kind {kind}"  # neither lists nor maps
        raise ValueError(msg)

    def _read_byte(self) -> int:
        byte = self._text[self.place]
        self.place += 1
        return byte

    def _read_unsigned(self) -> int:
        value = shift = 0
        while (byte := self._read_byte()) & 128:
            value |= (byte & 127) << shift
            shift += 7
        return value | byte << shift

    def _read_signed(self) -> int:
        value = self._read_unsigned()
        return (value >> 1) ^ -(value & 1)

    def _skip(self, size: int) -> None:
        self.place += size
        if self.place > len(self._text):
            raise IndexError(size)
