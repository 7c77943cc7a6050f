"""Values of Thrift's compact protocol, in which Parquet describes itself.

The protocol is described in https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

_TRUE, _FALSE, _BYTE, _SHORT, _INT, _LONG, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_BOOLEANS, _INTEGERS, _LISTS = frozenset({_TRUE, _FALSE}), frozenset({_SHORT, _INT, _LONG}), frozenset({_LIST, _SET})
_SIZES = {_BYTE: 1, _DOUBLE: 8}
_LONG_LIST = 15
"""The short size of a list whose size is written after it."""

Wanted: TypeAlias = Mapping[int, "Wanted"]
"""The fields of a struct to return, by number, each with the fields wanted of the structs in it."""


class Thrift:
    """Values in bytes; the place after the last value read is `place`.

    Its methods raise IndexError at the end of the bytes, and ValueError or RecursionError for what is not Thrift.
    """

    def __init__(self, text: bytes) -> None:
        self._text = text
        self.place = 0

    def read_struct(self, wanted: Wanted) -> dict[int, Any]:
        """Return the wanted fields of a struct by their numbers; text is not returned."""
        fields: dict[int, Any] = {}
        number = 0
        while head := self._read_byte():
            number = number + (head >> 4) if head >> 4 else self._read_signed()
            value = self._read_value(head & 15, wanted.get(number, {}))
            if number in wanted:
                fields[number] = value
        return fields

    def find_end(self, wanted: int) -> int:
        """Return the place after a field of the struct that begins here, or after those with lower numbers."""
        number, end = 0, self.place
        while head := self._read_byte():
            number = number + (head >> 4) if head >> 4 else self._read_signed()
            if number > wanted:
                break
            self._read_value(head & 15, {})
            end = self.place
        return end

    def _read_value(self, kind: int, wanted: Wanted) -> Any:  # noqa: ANN401 - of any kind
        if kind in _INTEGERS:
            return self._read_signed()
        if kind == _BINARY:
            return self._skip(self._read_unsigned())
        if kind == _STRUCT:
            return self.read_struct(wanted)
        if kind in _LISTS:
            return self._read_list(wanted)
        if kind in _BOOLEANS:
            return kind == _TRUE
        if kind in _SIZES:
            return self._skip(_SIZES[kind])
        msg = f"Parquet contains no values of kind {kind}"  # such as maps
        raise ValueError(msg)

    def _read_list(self, wanted: Wanted) -> list[Any]:
        """Return the structs of a list: each takes at least a byte, so a false size raises IndexError at the end."""
        head = self._read_byte()
        size = self._read_unsigned() if head >> 4 == _LONG_LIST else head >> 4
        kind = _BYTE if head & 15 in _BOOLEANS else head & 15
        values = []
        for _ in range(size):
            value = self._read_value(kind, wanted)
            if wanted:
                values.append(value)
        return values

    def _read_byte(self) -> int:
        byte = self._text[self.place]
        self.place += 1
        return byte

    def _read_unsigned(self) -> int:
        value = shift = 0
        while (byte := self._read_byte()) > 127:  # noqa: PLR2004 - the highest bit says that more follows
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
