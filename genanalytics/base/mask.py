r"""API keys in untrusted text: found however they are escaped, and replaced by `[key]`.

A text is compared with its escapes undone, layer by layer: those of JSON (`\u002d`, `\\u002d`), percent-encoding
(`%2d`, `%252d`) and HTML (`&#45;`, `&#x2d;`, `&sol;`, `&amp;#45;`), in any mixture. Upper and lower case, the two
alphabets of Base64, white space and NUL make no difference either, so that line breaks and UTF-16 hide nothing.
Long runs of letters and digits are unpacked too, if wanted (see `packed`).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from html.entities import html5
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits
from typing import NamedTuple

from genanalytics.base.packed import BLANKS, Search, TooLongError

HIDDEN = "[key]"
"""What stands in the place of an API key."""

_MOST_LAYERS = 8
"""A text with more layers of escapes is hidden as a whole."""

_FOLD = bytes.maketrans(f"{ascii_uppercase}-_".encode(), f"{ascii_lowercase}+/".encode())
_DIGIT = b"A"
_AS_RUNS = bytes(ord("A" if chr(byte) in f"{ascii_letters}{digits}+/_-" else " ") for byte in range(256))
"""Turns each digit of Base64 into `_DIGIT`, and all else into a space: runs of digits are found by a plain search."""
_ESCAPE = re.compile(
    rb"\\\\*u00([0-7][0-9a-f])"
    rb"|\\\\*x([0-7][0-9a-f])"
    rb"|%(?:25)*([0-7][0-9a-f])"
    rb"|%(?:25)*u00([0-7][0-9a-f])"
    rb"|&(?:amp;)*#x0*([0-7]?[0-9a-f]);"
    rb"|&(?:amp;)*#0*([0-9]{1,3});"
    rb"|&(?:amp;)*([a-z]{1,24});"
    rb"|\\\\*([^\\ux])"
    rb"|\\(\\)\\*",
    re.IGNORECASE,
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

Normalize = Callable[[bytes], bytes]
"""`fold`, or `_join` where upper and lower case make a difference."""


class Mask:
    """What to hide.

    Args:
        pattern: A regular expression for folded text (see `fold`).
        markers: Texts of which every match contains one: looking for them is much faster, if they are short.
        least_length: The length of the shortest match.
        packed: Whether to look into texts that are packed too: their runs of digits are replaced as a whole.
    """

    def __init__(self, pattern: bytes, markers: Sequence[bytes], *, least_length: int, packed: bool = False) -> None:
        self._pattern = re.compile(pattern)
        self._markers = tuple(markers)
        self.least_length = least_length
        self._shortest_run = _DIGIT * least_length if packed else b""

    def hide(self, text: bytes) -> bytes:
        """Return a text with `[key]` in the place of each match; without a match, the text itself."""
        hidden = text
        if self._is_in(fold(hidden)):
            hidden = self._replace(hidden, fold, self._find)
            if self._is_in(fold(hidden)):
                return HIDDEN.encode()
        try:
            if self._is_packed_in(hidden):
                hidden = self._replace(hidden, _join, self._find_packed)
                if self._is_packed_in(hidden):
                    return HIDDEN.encode()
        except TooLongError:  # it may contain a match
            return HIDDEN.encode()
        return hidden

    def hide_text(self, text: str) -> str:
        """Return a text with `[key]` in the place of each match; without a match, the text itself."""
        encoded = text.encode("utf-8", "surrogatepass")
        hidden = self.hide(encoded)
        return text if hidden is encoded else hidden.decode("utf-8", "surrogatepass")

    def _is_in(self, folded: bytes) -> bool:
        if not _may_have_escapes(folded):  # nearly every answer
            return self._matches(folded)
        return any(layer is None or self._matches(layer) for layer in _peel(folded))

    def _matches(self, folded: bytes) -> bool:
        for marker in self._markers:  # a loop: this runs for every answer, and `any` takes four times as long
            if marker in folded:
                return self._pattern.search(folded) is not None
        return False

    def _is_packed_in(self, text: bytes) -> bool:
        """Return whether a match is packed in a run of digits, which nearly no answer has in this length."""
        if not self._shortest_run:
            return False
        plain = [text, _undo_escapes(text)] if _may_have_escapes(text) else [text]
        return any(
            self._shortest_run in each.translate(_AS_RUNS, BLANKS) and any(self._find_packed(_join(each)))
            for each in plain
        )

    def _find(self, text: bytes) -> Iterator[tuple[int, int]]:
        for match in self._pattern.finditer(text):
            yield match.span()

    def _find_packed(self, text: bytes) -> Iterator[tuple[int, int]]:
        search = Search(lambda inner: self._is_in(fold(inner)), _undo_escapes)
        marked = text.translate(_AS_RUNS)
        start = marked.find(self._shortest_run)
        while start >= 0:
            end = marked.find(b" ", start)
            end = len(text) if end < 0 else end
            if search.finds(text[start:end]):
                yield start, end
            start = marked.find(self._shortest_run, end)

    def _replace(self, text: bytes, normalize: Normalize, find: Callable[[bytes], Iterator[tuple[int, int]]]) -> bytes:
        """Return a text with `[key]` in the place of each span found in one of its layers."""
        spans = sorted(
            (layer.starts[start], layer.ends[stop - 1])
            for layer in _trace(text, normalize)
            for start, stop in find(layer.text)
        )
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
    return text.translate(_FOLD, BLANKS)


def _join(text: bytes) -> bytes:
    """Return a text without blanks."""
    return text.translate(None, BLANKS)


def _may_have_escapes(text: bytes) -> bool:
    return b"\\" in text or b"%" in text or b"&" in text


def unescape(folded: bytes) -> bytes | None:
    r"""Return folded text without escapes; None if there are too many layers of them.

    >>> unescape(fold(rb"sk\u002Dor%252dv1")), unescape(b"%5cu0025" + b"5cu0025" * 9)
    (b'sk+or+v1', None)
    """
    *_, plain = _peel(folded)
    return plain


def _undo_escapes(text: bytes) -> bytes:
    """Return a text without escapes and, if there were any, without blanks."""
    if not _may_have_escapes(text):
        return text
    *_, plain = (layer for layer in _peel(_join(text), _join) if layer is not None)
    return plain


def _peel(text: bytes, normalize: Normalize = fold) -> Iterator[bytes | None]:
    """Yield a normalized text with ever more layers of escapes undone; at last None if there are too many."""
    for _ in range(_MOST_LAYERS):
        yield text
        plain = _ESCAPE.sub(lambda escape: normalize(_decode(escape)), text)
        if plain == text:
            return
        text = plain
    yield None


def _decode(escape: re.Match[bytes]) -> bytes:
    """Return the character of an escape: none for a line break and the like."""
    number, code = escape.lastindex or _SELF, escape[escape.lastindex or _SELF]
    if number == _ENTITY:
        return _ENTITIES.get(code.lower(), escape[0])
    if number >= _SELF:
        return b"" if code in _LINE_ESCAPES else code
    return chr(int(code, 10 if number == _DECIMAL else 16)).encode()


class _Layer(NamedTuple):
    """A text with some escapes undone, and the place in the original of each of its bytes."""

    text: bytes
    starts: list[int]
    ends: list[int]

    def unescape(self, normalize: Normalize) -> "_Layer":
        parts: list[bytes] = []
        starts: list[int] = []
        ends: list[int] = []
        last = 0
        for escape in _ESCAPE.finditer(self.text):
            start, end = escape.span()
            character = normalize(_decode(escape))
            if character != escape[0]:
                parts += [self.text[last:start], character]
                starts += self.starts[last:start] + [self.starts[start]] * len(character)
                ends += self.ends[last:start] + [self.ends[end - 1]] * len(character)
                last = end
        return _Layer(b"".join([*parts, self.text[last:]]), starts + self.starts[last:], ends + self.ends[last:])


def _trace(text: bytes, normalize: Normalize) -> Iterator[_Layer]:
    """Yield the normalized text, and the same with ever more layers of escapes undone."""
    places = [place for place, byte in enumerate(text) if byte not in BLANKS]
    layer = _Layer(normalize(text), places, [place + 1 for place in places])
    for _ in range(_MOST_LAYERS + 1):
        yield layer
        inner = layer.unescape(normalize)
        if inner.text == layer.text:
            return
        layer = inner


_WORD = re.compile(r"[A-Za-z0-9_.:/-]*")
_WORDS = re.compile(r"[A-Za-z0-9_.:/\n-]*")
_OPENROUTER_KEYS = Mask(rb"sk\+or\+v[0-9]+\+[0-9a-f]{8,}", [b"sk+or+v"], least_length=17)


def hide_api_keys(text: str) -> str:
    """Return a text with `[key]` in the place of each API key of OpenRouter; without one, the text itself.

    >>> hide_api_keys("Bearer sk-or-v1-0123456789abcdef"), hide_api_keys("gen-1")
    ('Bearer [key]', 'gen-1')
    """
    if _WORD.fullmatch(text) and "sk-or-" not in text.lower():  # nearly every id
        return text
    return _OPENROUTER_KEYS.hide_text(text)


def hide_in_all(texts: Sequence[str]) -> Sequence[str]:
    """Return each text as `hide_api_keys` does, in a fraction of the time if all of them are usual ids.

    >>> hide_in_all(["gen-1", "sk-or-v1-0123456789abcdef"])
    ['gen-1', '[key]']
    """
    joined = "\n".join(texts)
    are_words = _WORDS.fullmatch(joined) is not None and joined.count("\n") == len(texts) - 1
    if are_words and "sk-or-" not in joined.lower():
        return texts
    return [hide_api_keys(text) for text in texts]
