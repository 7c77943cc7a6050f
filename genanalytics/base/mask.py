r"""API keys in untrusted text: found however they are escaped, and replaced by `[key]`.

A text is compared with its escapes undone, layer by layer: those of JSON (`\u002d`, `\\u002d`), percent-encoding
(`%2d`, `%252d`) and HTML (`&#45;`, `&#x2d;`, `&sol;`, `&amp;#45;`), in any mixture. Upper and lower case, the two
alphabets of Base64, white space and NUL make no difference either, so that line breaks and UTF-16 hide nothing.
"""

import re
from collections.abc import Iterator, Sequence
from html.entities import html5
from string import ascii_lowercase, ascii_uppercase
from typing import NamedTuple

HIDDEN = "[key]"
"""What stands in the place of an API key."""

_MOST_LAYERS = 8
"""A text with more layers of escapes is hidden as a whole."""

_FOLD = bytes.maketrans(f"{ascii_uppercase}-_".encode(), f"{ascii_lowercase}+/".encode())
_BLANKS = bytes(range(0x21))  # NUL, control characters, space
_ESCAPE = re.compile(
    rb"\\\\*u00([0-7][0-9a-f])"
    rb"|\\\\*x([0-7][0-9a-f])"
    rb"|%(?:25)*([0-7][0-9a-f])"
    rb"|%(?:25)*u00([0-7][0-9a-f])"
    rb"|&(?:amp;)*#x0*([0-7]?[0-9a-f]);"
    rb"|&(?:amp;)*#0*([0-9]{1,3});"
    rb"|&(?:amp;)*([a-z]{1,24});"
    rb"|\\\\*([^\\ux])"
    rb"|\\(\\)\\*"
)
r"""The escapes of one ASCII character in folded text. A run of `\`, of `%25` or of `&amp;` is one escape: otherwise
each of a million would be a layer. Each branch begins with a literal, which lets `re` skip other text quickly."""
_DECIMAL, _ENTITY, _SELF = 6, 7, 8
"""The numbers of the groups of `_ESCAPE` that are no hexadecimal code."""

_ENTITIES = {
    name[:-1].lower().encode(): character.encode()
    for name, character in html5.items()
    if name.endswith(";") and len(character) == 1 and character.isascii()
}
_LINE_ESCAPES = b"bfnrtv"


class Mask:
    """What to hide.

    Args:
        pattern: A regular expression for folded text (see `fold`).
        markers: Texts of which every match contains one: looking for them is much faster, if they are short.
        least_length: The length of the shortest match.
    """

    def __init__(self, pattern: bytes, markers: Sequence[bytes], *, least_length: int) -> None:
        self._pattern = re.compile(pattern)
        self._markers = tuple(markers)
        self.least_length = least_length

    def hide(self, text: bytes) -> bytes:
        """Return a text with `[key]` in the place of each match; without a match, the text itself."""
        if not self._is_in(fold(text)):
            return text
        hidden = self._replace(text)
        return HIDDEN.encode() if self._is_in(fold(hidden)) else hidden

    def hide_text(self, text: str) -> str:
        """Return a text with `[key]` in the place of each match; without a match, the text itself."""
        encoded = text.encode("utf-8", "surrogatepass")
        hidden = self.hide(encoded)
        return text if hidden is encoded else hidden.decode("utf-8", "surrogatepass")

    def _is_in(self, folded: bytes) -> bool:
        if b"\\" not in folded and b"%" not in folded and b"&" not in folded:  # nearly every answer
            return self._matches(folded)
        return any(layer is None or self._matches(layer) for layer in _peel(folded))

    def _matches(self, folded: bytes) -> bool:
        for marker in self._markers:  # a loop: this runs for every answer, and `any` takes four times as long
            if marker in folded:
                return self._pattern.search(folded) is not None
        return False

    def _replace(self, text: bytes) -> bytes:
        spans = sorted(span for layer in _trace(text) for span in layer.find(self._pattern))
        parts, end = [], 0
        for start, stop in spans:
            if start >= end:
                parts += [text[end:start], HIDDEN.encode()]
            end = max(end, stop)
        return b"".join([*parts, text[end:]])


def fold(text: bytes) -> bytes:
    """Return a text without blanks and in lower case, `-` and `_` as the `+` and `/` of the other Base64 alphabet.

    >>> fold(b"sk-OR-v1 ")
    b'sk+or+v1'
    """
    return text.translate(_FOLD, _BLANKS)


def unescape(folded: bytes) -> bytes | None:
    r"""Return folded text without escapes; None if there are too many layers of them.

    >>> unescape(fold(rb"sk\u002Dor%252dv1")), unescape(b"%5cu0025" + b"5cu0025" * 9)
    (b'sk+or+v1', None)
    """
    *_, plain = _peel(folded)
    return plain


def _peel(folded: bytes) -> Iterator[bytes | None]:
    """Yield folded text with ever more layers of escapes undone; at last None if there are too many."""
    for _ in range(_MOST_LAYERS):
        yield folded
        plain = _ESCAPE.sub(_decode, folded)
        if plain == folded:
            return
        folded = plain
    yield None


def _decode(escape: re.Match[bytes]) -> bytes:
    """Return the folded character of an escape: none for a blank."""
    number, code = escape.lastindex or _SELF, escape[escape.lastindex or _SELF]
    if number == _ENTITY:
        character = _ENTITIES.get(code, escape[0])
    elif number >= _SELF:
        character = b"" if code in _LINE_ESCAPES else code
    else:
        character = chr(int(code, 10 if number == _DECIMAL else 16)).encode()
    return fold(character)


class _Layer(NamedTuple):
    """A text with some escapes undone, and the place in the original of each of its bytes."""

    text: bytes
    starts: list[int]
    ends: list[int]

    def find(self, pattern: re.Pattern[bytes]) -> Iterator[tuple[int, int]]:
        for match in pattern.finditer(self.text):
            yield self.starts[match.start()], self.ends[match.end() - 1]

    def unescape(self) -> "_Layer":
        parts: list[bytes] = []
        starts: list[int] = []
        ends: list[int] = []
        last = 0
        for escape in _ESCAPE.finditer(self.text):
            start, end = escape.span()
            character = _decode(escape)
            if character != escape[0]:
                parts += [self.text[last:start], character]
                starts += self.starts[last:start] + [self.starts[start]] * len(character)
                ends += self.ends[last:start] + [self.ends[end - 1]] * len(character)
                last = end
        return _Layer(b"".join([*parts, self.text[last:]]), starts + self.starts[last:], ends + self.ends[last:])


def _trace(text: bytes) -> Iterator[_Layer]:
    """Yield the folded text, and what `unescape` makes of it layer by layer."""
    places = [place for place, byte in enumerate(text) if byte not in _BLANKS]
    layer = _Layer(fold(text), places, [place + 1 for place in places])
    for _ in range(_MOST_LAYERS + 1):
        yield layer
        layer = layer.unescape()


_WORD = re.compile(r"[A-Za-z0-9_.:/-]*")
_OPENROUTER_KEYS = Mask(rb"sk\+or\+v[0-9]+\+[0-9a-f]{8,}", [b"sk+or+v"], least_length=17)


def hide_api_keys(text: str) -> str:
    """Return a text with `[key]` in the place of each API key of OpenRouter; without one, the text itself.

    >>> hide_api_keys("Bearer sk-or-v1-0123456789abcdef"), hide_api_keys("gen-1")
    ('Bearer [key]', 'gen-1')
    """
    if _WORD.fullmatch(text) and "sk-or-" not in text.lower():  # nearly every id
        return text
    return _OPENROUTER_KEYS.hide_text(text)
