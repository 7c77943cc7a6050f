"""Parts of objects: in as few requests as possible, and all of the version that was read first."""

import io
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from threading import Lock, get_ident
from typing import Any

from genanalytics.base.stores.reasons import describe, translate_store_errors
from genanalytics.base.stores.store import Store

_PART_BYTES = 1 << 23
"""A larger object is read in parts of this size."""
_END_BYTES = 1 << 16
"""The size of the end of an object that `ObjectFile` reads at once: the footer of most Parquet files."""
AT_ONCE = 16
"""The number of requests at the same time."""
_OF_EMPTY = re.compile("InvalidRange|416 |non-partial")
"""What errors about parts of an empty object contain."""


@dataclass(frozen=True, slots=True)
class Version:
    """An object as it was at one moment.

    Attributes:
        size: The size in bytes.
        modified: When it was written, by the clock of the store.
        tag: What tells it from other versions; None if the store has no such text.
    """

    size: int
    modified: datetime
    tag: str | None


def read_object(store: Store, key: str) -> bytes:
    """Return the content of an object; the parts of a large one are read at once.

    Raises:
        FileNotFoundError: There is no such object.
        OSError: The store does not answer, or refuses; or the object changes meanwhile.
    """
    return b"".join(iterate_parts(store, key))


def iterate_parts(store: Store, key: str) -> Iterator[bytes]:
    """Yield the content of an object in parts, of which the next ones are already on their way.

    Raises:
        FileNotFoundError: There is no such object.
        OSError: The store does not answer, or refuses; or the object changes meanwhile.
    """
    version, first = _read_start(store, key)
    yield first
    starts = iter(range(len(first), version.size, _PART_BYTES))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(_read_part, store, key, version, start, _PART_BYTES) for start in _take(starts)]
        while waiting:
            part = waiting.pop(0).result()
            waiting += [pool.submit(_read_part, store, key, version, start, _PART_BYTES) for start in _take(starts, 1)]
            yield part


def _read_part(store: Store, key: str, version: Version, start: int, size: int) -> bytes:
    """Return bytes of a version of an object; fewer at its end.

    Raises:
        FileNotFoundError: The object was removed.
        OSError: The store does not answer, or refuses; or there is another version by now.
    """
    end = min(version.size, start + size)
    if start >= end:
        return b""
    from obstore.exceptions import PreconditionError  # noqa: PLC0415 - an extra

    address = store.address.join(key)
    with translate_store_errors(address):
        try:
            return _get(store, key, {"range": (start, end)} | ({"if_match": version.tag} if version.tag else {}))[1]
        except PreconditionError:
            pass
    msg = f"{describe(address)}: the object {address.key} was replaced while it was read; read it again"
    raise OSError(msg)


class RecentParts:
    """The parts of objects that were read last.

    Args:
        most_bytes: How many bytes they may have together.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._parts: OrderedDict[Hashable, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def find(self, name: Hashable, read: Callable[[], bytes]) -> bytes:
        """Return a part, which is read unless it is one of these."""
        with self._lock:
            if name in self._parts:
                self._parts.move_to_end(name)
                return self._parts[name]
        part = read()
        with self._lock:
            self._bytes += len(part) - len(self._parts.pop(name, b""))
            self._parts[name] = part
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._parts.popitem(last=False)[1])
        return part


class ObjectFile(io.RawIOBase):
    """An object as a file that several threads can read, each at a position of its own.

    Args:
        store: The store.
        key: The key of the object.
        known: Its version and its last bytes, if they were read before.
        recent: The parts of objects that were read last.

    Attributes:
        version: What is read, even if the object is replaced meanwhile: then reading raises an error.

    Raises:
        FileNotFoundError: There is no such object.
        OSError: The store does not answer, or refuses.
    """

    def __init__(
        self,
        store: Store,
        key: str,
        *,
        known: tuple[Version, bytes] | None = None,
        recent: RecentParts | None = None,
    ) -> None:
        super().__init__()
        self._store, self._key, self._recent = store, key, recent
        self._positions: dict[int, int] = {}  # not `threading.local`, which threads of other languages lose
        self.version, self._end = known or _read_end(store, key)

    @property
    def size(self) -> int:
        """The size in bytes."""
        return self.version.size

    def reopen(self, recent: RecentParts) -> "ObjectFile":
        """Return another file of the same version, without a request."""
        return ObjectFile(self._store, self._key, known=(self.version, self._end), recent=recent)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position of the thread."""
        return self._positions.get(get_ident(), 0)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position of the thread, and return it."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self.version.size}[whence]
        self._positions[get_ident()] = max(0, origin + offset)
        return self.tell()

    def read(self, size: int | None = -1) -> bytes:
        """Return the bytes from the position of the thread on: as many as asked for, fewer only at the end.

        Raises:
            OSError: The store does not answer, or refuses; or the object changed.
        """
        start = self.tell()
        most = max(0, self.version.size - start)
        content = self._read_at(start, most if size is None or size < 0 else min(size, most))
        self._positions[get_ident()] = start + len(content)
        return content

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        """Fill a buffer, and return the number of bytes."""
        view = memoryview(buffer).cast("B")
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)

    def readall(self) -> bytes:
        """Return the rest."""
        return self.read()

    def _read_at(self, start: int, size: int) -> bytes:
        begin = start - (self.version.size - len(self._end))
        if begin >= 0:
            return self._end[begin : begin + size]
        if self._recent is None:
            return _read_part(self._store, self._key, self.version, start, size)
        name = (self._store.address, self._key, self.version, start, size)
        return self._recent.find(name, lambda: _read_part(self._store, self._key, self.version, start, size))


def _take(starts: Iterator[int], count: int = AT_ONCE) -> list[int]:
    return [start for _, start in zip(range(count), starts, strict=False)]


def _read_start(store: Store, key: str) -> tuple[Version, bytes]:
    """Return the version of an object and its first part; an empty object has no parts."""
    return _get_part(store, key, {"range": (0, _PART_BYTES)})


def _read_end(store: Store, key: str) -> tuple[Version, bytes]:
    if store.address.kind != "az":
        return _get_part(store, key, {"range": {"suffix": _END_BYTES}})
    size = store.find(key).size  # since Azure has no ranges from the end
    return _get_part(store, key, {"range": (max(0, size - _END_BYTES), max(1, size))})


def _get_part(store: Store, key: str, options: dict[str, Any]) -> tuple[Version, bytes]:
    """Return the version and a part of an object; stores refuse any part of an empty one."""
    from obstore.exceptions import BaseError  # noqa: PLC0415 - an extra

    try:
        return _get(store, key, options)
    except (BaseError, OSError) as error:
        if not _OF_EMPTY.search(str(error)):
            with translate_store_errors(store.address.join(key)):
                raise
        found = store.find(key)
        if found.size:
            with translate_store_errors(store.address.join(key)):
                raise
    return Version(0, found.modified, None), b""


def _get(store: Store, key: str, options: dict[str, Any]) -> tuple[Version, bytes]:
    """Return the version and a part of an object; errors are those of obstore."""
    answer = store.native.get(f"{store.address.key}/{key}".lstrip("/"), options=options)
    meta = answer.meta
    return Version(meta["size"], meta["last_modified"], meta["e_tag"]), bytes(answer.bytes())
