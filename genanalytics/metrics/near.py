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
