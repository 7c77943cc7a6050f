"""The nearest of the names that there are, for the messages about one that is not."""

from collections.abc import Iterable
from difflib import get_close_matches


def near(name: str, names: Iterable[str]) -> str:
    """Return "did you mean ...? " if one of the names is near, else nothing.

    >>> near("modle", ["model", "origin"])
    "did you mean 'model'? "
    """
    found = get_close_matches(name, list(names), n=1)
    return f"did you mean {found[0]!r}? " if found else ""


def excerpt(body: bytes, length: int = 120) -> str:
    r"""Return the beginning of a body on one line, safe to print wherever a stranger's text is not to be trusted.

    >>> excerpt(b"<html>\n\x1b[31mBad gateway")
    "'<html>\\n\\x1b[31mBad gateway'"
    """
    text = ascii(body[: 4 * length].decode("utf-8", "replace"))
    return text if len(text) <= length else f"{text[: length - 4]}...{text[-1]}"
