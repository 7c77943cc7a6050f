"""Texts that are packed in one another: Base64, hexadecimal, gzip and zlib, in any order."""

import re
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator

MOST_LAYERS = 6
"""So many layers are unpacked."""

_MOST_BYTES = 1 << 23
"""A text whose layers together are longer than this is taken for one that contains what is looked for."""
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


def contains_packed(text: bytes, is_in: Callable[[bytes], bool], undo_escapes: Callable[[bytes], bytes]) -> bool:
    """Return whether what `is_in` looks for is packed in a text; `undo_escapes` is applied between the layers."""
    layer, left = [text], _MOST_BYTES
    for _ in range(MOST_LAYERS):
        layer = [inner for outer in layer for plain in _read(outer, undo_escapes) for inner in _unpack(plain)]
        left -= sum(map(len, layer))
        if left < 0 or any(map(is_in, layer)):
            return True
    return False


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
