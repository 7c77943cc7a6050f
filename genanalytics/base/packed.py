"""Texts that are packed in one another: Base64, hexadecimal, gzip and zlib, in any order."""

import re
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator

MOST_LAYERS = 6
"""So many layers are unpacked."""

_MOST_BYTES = 1 << 23
"""The layers of all texts of a search may be as long as this together."""
_LONGEST = 1 << 20
_MOST_STREAMS = 4

_RUN = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_HEX_RUN = re.compile(rb"[0-9A-Fa-f]{32,}")
_STREAM = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")
_OTHER_ALPHABET = bytes.maketrans(b"-_", b"+/")
BLANKS = bytes(range(0x21))
"""NUL, control characters and the space."""
_ANY_STREAM = zlib.MAX_WBITS | 32
"""gzip or zlib, as the header says."""


class TooLongError(Exception):
    """The layers of the texts of a search are too long together."""


class Search:
    """A search in the packed texts of one body: a text of a few bytes can unpack to any size.

    Args:
        is_in: Returns whether the text that is looked for is in a layer.
        undo_escapes: Returns a layer without escapes.
    """

    def __init__(self, is_in: Callable[[bytes], bool], undo_escapes: Callable[[bytes], bytes]) -> None:
        self._is_in = is_in
        self._undo_escapes = undo_escapes
        self._left = _MOST_BYTES

    def finds(self, text: bytes) -> bool:
        """Return whether the text that is looked for is packed in this one.

        Raises:
            TooLongError: The layers of this text, and of the earlier ones, are too long together.
        """
        layer = [text]
        for _ in range(MOST_LAYERS):
            plains = [plain for outer in layer for plain in _read(outer, self._undo_escapes)]
            layer = [self._count(inner) for plain in plains for inner in _unpack(plain)]
            if any(map(self._is_in, layer)):
                return True
        return False

    def _count(self, inner: bytes) -> bytes:
        self._left -= len(inner)
        if self._left < 0:
            raise TooLongError
        return inner


def _read(text: bytes, undo_escapes: Callable[[bytes], bytes]) -> set[bytes]:
    """Return a text as it is, and without escapes unless it is binary."""
    return {text, undo_escapes(text)} if text.isascii() else {text}


def _unpack(text: bytes) -> Iterator[bytes]:
    """Yield everything that may be packed in a text, whichever byte it begins at."""
    for stream in list(_STREAM.finditer(text))[:_MOST_STREAMS]:
        try:
            yield zlib.decompressobj(_ANY_STREAM).decompress(text[stream.start() :], _LONGEST)
        except zlib.error:
            continue  # the bytes only look like a header
    joined = text.translate(None, BLANKS)  # line breaks, and the zeros of UTF-16
    for run in _HEX_RUN.findall(joined):
        yield from (bytes.fromhex(part[: len(part) // 2 * 2].decode()) for part in (run, run[1:]))
    for run in _RUN.findall(joined):
        letters = run.translate(_OTHER_ALPHABET)
        for part in (letters[start:] for start in range(4)):
            yield b64decode(part + b"A" * (-len(part) % 4))
