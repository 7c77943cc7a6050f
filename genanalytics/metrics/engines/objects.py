"""Objects of stores as files of DuckDB, which asks for the parts that a query needs."""

import atexit
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from fsspec import AbstractFileSystem

from genanalytics.base.stores.address import parse_url
from genanalytics.base.stores.find import find_objects, has_pattern
from genanalytics.base.stores.parts import ObjectFile, RecentParts, Version
from genanalytics.base.stores.store import Store

_RECENT_BYTES = 1 << 26
"""DuckDB opens a file again for each step of a query, and reads a small one whole each time."""
_MOST_OPEN = 1_000
"""Of more objects, those that were opened first keep their ends in memory."""
_ESCAPED = re.compile(r"\[([*?\[])\]")
"""A sign of globs that is part of a name."""

_registered: WeakKeyDictionary[Any, frozenset[str]] = WeakKeyDictionary()


def register(connection: Any, schemes: Iterable[str], known: Mapping[str, ObjectFile | None]) -> None:  # noqa: ANN401 - an extra
    """Let a database of DuckDB read the objects of stores, unless it does.

    Args:
        connection: A connection to it.
        schemes: The schemes of their URLs.
        known: Objects that do not change, by their URLs; None for those that are not open yet.
    """
    new = frozenset(schemes).difference(connection.list_filesystems())
    for scheme in new:
        connection.register_filesystem(ObjectFileSystem(scheme, known))
    _registered[connection] = _registered.get(connection, frozenset()) | new


@atexit.register
def _unregister() -> None:
    """Take the file systems from all databases: one that has them when Python ends prints warnings."""
    import duckdb  # noqa: PLC0415 - an extra, which has made the connections

    for connection, schemes in list(_registered.items()):
        for scheme in schemes:
            with suppress(duckdb.Error):  # it is closed
                connection.unregister_filesystem(scheme)


class ObjectFileSystem(AbstractFileSystem):  # type: ignore[misc] # it has no types
    """The objects of all stores of a scheme, for reading.

    DuckDB reads a file from several threads at once, each of which sets a position and then reads. With the files of
    `obstore.fsspec`, which have one position, it gets bytes of other places.

    Args:
        scheme: The scheme of the URLs.
        known: Objects that do not change, by their URLs; None for those that are not open yet.
    """

    cachable = False

    def __init__(self, scheme: str, known: Mapping[str, ObjectFile | None]) -> None:
        super().__init__()
        self.protocol = scheme
        self._names = frozenset(known)
        self._open = {url: file for url, file in known.items() if file is not None}
        self._versions = {url: file.version for url, file in self._open.items()}
        self._stores: dict[str, Store] = {}
        self._recent = RecentParts(_RECENT_BYTES)

    def open(self, path: str, mode: str = "rb", **_: object) -> ObjectFile:
        """Return an object as a file.

        Raises:
            OSError: There is no such object, or the store does not answer, or refuses.
        """
        if mode != "rb":
            msg = f"{path} is opened for reading only"
            raise PermissionError(msg)
        url = self._complete(path)
        opened = self._open.get(url)
        if opened is not None:
            return opened.reopen(self._recent)
        file = ObjectFile(*self._locate(url), recent=self._recent)
        self._versions[url] = file.version
        if url in self._names and len(self._open) < _MOST_OPEN:
            self._open[url] = file
        return file

    def info(self, path: str, **_: object) -> dict[str, Any]:
        """Return the name, the kind and the size of an object."""
        return {"name": path, "type": "file", "size": self._find_version(path).size}

    def modified(self, path: str) -> datetime:
        """Return when an object was written."""
        return self._find_version(path).modified

    def exists(self, path: str, **_: object) -> bool:
        """Return whether there is an object."""
        try:
            self._find_version(path)
        except FileNotFoundError:
            return False
        return True

    def glob(self, path: str, **_: object) -> list[str]:
        """Return the objects that match a glob."""
        url = self._complete(path)
        literal = _ESCAPED.sub(r"\1", url)
        if literal in self._names or not has_pattern(url):
            return [literal]
        return [str(found.address) for found in find_objects(url)]

    def _find_version(self, path: str) -> Version:
        url = self._complete(path)
        if url not in self._versions:
            self.open(url)
        return self._versions[url]

    def _complete(self, path: str) -> str:
        start = f"{self.protocol}://"
        return path if path.startswith(start) else start + path

    def _locate(self, url: str) -> tuple[Store, str]:
        address = parse_url(url)
        bucket = url.removesuffix(address.key)
        if bucket not in self._stores:
            self._stores[bucket] = Store(bucket)
        return self._stores[bucket], address.key
