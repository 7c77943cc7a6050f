"""The API key: how it is checked, shown, and found in what the service sends back."""

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NoReturn

from genanalytics.base.mask import HIDDEN, Mask, fold, unescape
from genanalytics.errors import KeyRefusedError

KEY_VARIABLE = "OPENROUTER_API_KEY"
MANAGEMENT_KEY_VARIABLE = "OPENROUTER_MANAGEMENT_KEY"

_LEAST_LENGTH = 16
"""A shorter key is not a real one, and its letters could be part of any record."""
_MARKER_LENGTH = 12
"""The end of a form is looked for first: `in` prepares a long text in longer time than it takes to find a short one."""


class Secret:
    """A text that only `reveal` shows: notebooks and crash reports print the variables of objects and frames."""

    __slots__ = ("_mask", "_text")

    def __init__(self, text: "str | Secret | None") -> None:
        self._text = text.reveal() if isinstance(text, Secret) else (text or "").strip()
        self._mask = _make_mask(self)

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    @property
    def fingerprint(self) -> str:
        """A short digest, which identifies the text and does not reveal it."""
        return blake2b(self._text.encode("utf-8", "surrogatepass"), digest_size=8, person=b"genanalytics").hexdigest()

    def hide(self, text: bytes) -> bytes:
        """Return a text with `[key]` in the place of this one, in any case, escaped, encoded or packed."""
        return text if self._mask is None else self._mask.hide(text)

    def hide_text(self, text: str) -> str:
        """Return a text with `[key]` in the place of this one, as `hide` does."""
        if self._mask is None or len(text) < self._mask.least_length:  # nearly every id
            return text
        return self._mask.hide_text(text)

    def hide_in_all(self, texts: Sequence[str]) -> Sequence[str]:
        """Return each text as `hide_text` does."""
        if self._mask is None or max(map(len, texts), default=0) < self._mask.least_length:
            return texts
        return [self.hide_text(text) for text in texts]

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return HIDDEN

    def __reduce__(self) -> NoReturn:
        msg = "an API key cannot be pickled: make a client in each process"
        raise TypeError(msg)


def _make_mask(secret: Secret) -> Mask | None:
    """Return what to look for, or None for a text that is too short to be looked for."""
    if len(secret.reveal()) < _LEAST_LENGTH:
        return None
    forms = sorted(set(_encode(secret.reveal())), key=len)
    markers = {form[-_MARKER_LENGTH:] for form in forms}
    return Mask(b"|".join(map(re.escape, forms)), sorted(markers), least_length=len(forms[0]), packed=True)


def _encode(text: str) -> Iterator[bytes]:
    """Yield the forms of a text, folded: as it is, in hexadecimal, and what any Base64 around it has in common."""
    folded = fold(text.encode("utf-8", "surrogatepass"))
    yield folded
    yield unescape(folded) or folded
    for encoding in ("utf-8", "utf-16-le"):
        encoded = text.encode(encoding, "surrogatepass")
        yield encoded.hex().encode()
        for before in range(3):  # three bytes are four characters, which can begin at any byte
            first, last = -(-before * 8 // 6), (before + len(encoded)) * 8 // 6
            yield fold(b64encode(bytes(before) + encoded))[first:last]


def check_api_key(api_key: Secret, *, offline: bool = False) -> Secret:
    """Return the API key.

    Raises:
        KeyRefusedError: There is none, or it cannot be part of a header. The message does not show it.
    """
    if not api_key:
        msg = f"no API key: set {KEY_VARIABLE}, or name a file that contains it with --api-key-file (api_key in Python)"
        if offline:
            msg += "; or name an account to read its answers, with --account (account in Python)"
        raise KeyRefusedError(msg)
    return _check_header(api_key, "API key", KEY_VARIABLE)


def check_management_key(management_key: Secret) -> Secret:
    """Return the management key.

    Raises:
        KeyRefusedError: There is none, or it cannot be part of a header. The message does not show it.
    """
    if not management_key:
        msg = (
            f"no management key: set {MANAGEMENT_KEY_VARIABLE}, or name a file that contains it with"
            " --management-key-file (management_key in Python); an API key is not enough"
        )
        raise KeyRefusedError(msg)
    return _check_header(management_key, "management key", MANAGEMENT_KEY_VARIABLE)


def _check_header(secret: Secret, name: str, variable: str) -> Secret:
    # never in a variable here: crash reports print the variables of the frames of an exception
    if not secret.reveal().isascii() or not secret.reveal().isprintable() or " " in secret.reveal():
        msg = f"the {name} contains white space, control or non-ASCII characters: check {variable}"
        raise KeyRefusedError(msg)
    return secret
