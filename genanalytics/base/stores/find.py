"""The objects that a URL names."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from genanalytics.base.content import unreadable
from genanalytics.base.stores.address import Address, is_store_url, parse_url
from genanalytics.base.stores.store import Store

_TRIES = 3
_MOST_S = 3.0
"""What fails later was repeated by obstore."""
_Answer = TypeVar("_Answer")
_SUFFIXES = (".parquet", ".csv", ".json", ".jsonl", ".ndjson", ".arrow", ".duckdb", ".gz", ".zst")
"""Names with these endings are those of objects."""
_SPECIAL = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class FoundObject:
    """An object.

    Attributes:
        address: Its address.
        size: The size in bytes.
    """

    address: Address
    size: int


def has_pattern(url: str) -> bool:
    """Return whether a URL is a glob.

    >>> has_pattern("s3://bucket/data/**/*.parquet"), has_pattern("s3://bucket/data")
    (True, False)
    """
    return _SPECIAL.search(url) is not None


def has_name_of_object(url: str) -> bool:
    """Return whether a URL ends like those of files, so that it is not the URL of a data set or a table.

    >>> has_name_of_object("s3://bucket/calls.jsonl.gz"), has_name_of_object("s3://bucket/lake.v2")
    (True, False)
    """
    return url.endswith(_SUFFIXES)


def is_object(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is the URL of one object, rather than of a prefix or a glob, or no URL.

    Raises:
        InputError: The store does not answer, or refuses, or obstore is not installed.

    >>> is_object("s3://bucket/calls.jsonl.gz"), is_object("s3://bucket/*.csv"), is_object("calls.csv")
    (True, False, False)
    """
    if not is_store_url(path) or has_pattern(os.fspath(path)):
        return False
    address = parse_url(path)
    if has_name_of_object(address.key) or not address.key:
        return bool(address.key)
    store = Store(replace(address, key=""))
    try:
        return bool(repeat(lambda: store.find(address.key)))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise unreadable(str(address), error) from error


def find_objects(url: str) -> list[FoundObject]:
    """Return the objects that a URL names, sorted: one object, those that match a glob, or all below a prefix.

    In a glob, `**` matches any number of folders, and `[*]` an asterisk.

    Raises:
        InputError: It is no URL of an object store, or obstore is not installed.
        OSError: The store does not answer, or refuses.
    """
    address = parse_url(url)
    store = Store(replace(address, key=""))
    if address.key:
        try:
            return [FoundObject(address, store.find(address.key).size)]
        except FileNotFoundError:
            pass
    if not has_pattern(address.key):
        return _list(store, address.key)
    prefix = _SPECIAL.split(address.key, maxsplit=1)[0].rpartition("/")[0]
    matches = re.compile(_translate(address.key)).fullmatch
    return [found for found in _list(store, prefix) if matches(found.address.key)]


def has_objects(url: str) -> bool:
    """Return whether there is an object below a URL.

    Raises:
        InputError: It is no URL of an object store, or obstore is not installed.
        OSError: The store does not answer, or refuses.
    """
    store = Store(url)
    return repeat(lambda: next(store.list(), None)) is not None


def _list(store: Store, prefix: str) -> list[FoundObject]:
    objects = repeat(lambda: list(store.list(f"{prefix}/" if prefix else "")))
    objects.sort(key=lambda found: found.key)
    return [FoundObject(store.address.join(found.key), found.size) for found in objects]


def repeat(request: Callable[[], _Answer]) -> _Answer:
    """Return an answer; a list that is cut off is asked for again, which obstore does not do.

    Raises:
        OSError: The store does not answer, or refuses.
    """
    started = time.monotonic()
    for _ in range(_TRIES - 1):
        try:
            return request()
        except (FileNotFoundError, PermissionError):
            raise
        except OSError:
            if time.monotonic() - started > _MOST_S:
                raise
    return request()


def _translate(pattern: str) -> str:
    r"""Return the regular expression of a glob.

    >>> _translate("a/**/[*]?*.parquet")
    'a/(?:.*/)?[*][^/][^/]*\\.parquet'
    """
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\])", pattern)
    return "".join(
        parts.get(piece) or (_translate_class(piece) if number % 2 else re.escape(piece))
        for number, piece in enumerate(pieces)
    )


def _translate_class(piece: str) -> str:
    inside = piece[1:-1].replace("\\", "\\\\").replace("[", "\\[")
    return f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
