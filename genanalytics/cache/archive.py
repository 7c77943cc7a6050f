"""The on-disk HTTP cache: a requests-cache SQLite backend that is read in bulk and written in batches.

What differs from the stock backend, and why:

- An entry is a line of JSON and the answer's body as it came, under a checksum: nothing is ever unpickled, a row that
  was damaged or moved is a miss, and the body of a known id goes to the parser without a response object around it.
- `look_up` reads many keys with one statement and `store` writes many entries in one transaction; the stock session
  pays a statement, a lock and a commit for each.
- A lock is waited for within bounds and a failed commit is raised; the stock lock tries for ever and loses a failed
  commit without a word.
- A damaged file is set aside, one that cannot be written is read (`cachefile`); the stock backend deletes the one and
  fails on the other. A connection is not carried over a fork.
- The file is private (0600 in a 0700 directory), since prompts' origins and users stand in the records.
"""

import json
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from requests_cache.backends.base import BaseCache
from requests_cache.backends.sqlite import SQLiteDict
from requests_cache.models.request import CachedRequest
from requests_cache.models.response import CachedResponse

from genanalytics.cache.database import (
    DAMAGE_SHOWS_AS,
    Opened,
    identity_of,
    in_memory,
    is_damage,
    is_read_only,
    open_database,
    set_aside,
)
from genanalytics.errors import CacheError

FILE_NAME = "generations.sqlite"

_KEYS_PER_STATEMENT = 500
_WRITE_TRIES = 3
_DIGEST = 16
_VERSION = 1
_KEY = re.compile(rb"[0-9a-f]{32}")
_INHERITED: list[sqlite3.Connection | None] = []
"""Connections of parent processes: referred to for ever, so that nothing finalizes them."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored answer.

    Attributes:
        requested_id: The id that was asked for.
        url: The request's URL; no credential is a part of it.
        status: 200 with a record, or 404.
        fetched_at: When the answer came (Unix time in seconds).
        expires: When to ask again (Unix time in seconds); None for a record that is final.
        returned_id: The id that the record carries, where that is another one than the one asked for.
        body: The answer as it came.
    """

    requested_id: str
    url: str
    status: int
    fetched_at: float
    expires: int | None
    returned_id: str | None
    body: bytes

    def is_current(self, now: float) -> bool:
        """Return whether the entry answers without asking again."""
        return self.expires is None or now < self.expires


def cache_key(base_url: str, account: str, generation_id: str) -> str:
    """Return the key of an answer: a hex digest, since requests-cache pastes keys into SQL.

    >>> cache_key("https://gateway/v1", "team-a", "gen-1") == cache_key("https://gateway/v1", "team-b", "gen-1")
    False
    """
    parts = f"{base_url}\0{account}\0{generation_id}"  # none of the three can hold a NUL
    return blake2b(parts.encode(), digest_size=_DIGEST).hexdigest()


class Archive(BaseCache):
    """The cache in a directory.

    It is a requests-cache backend: `CachedSession(backend=archive, key_fn=..., read_only=True)` reads it too. Safe to
    share between threads; a forked process gets a connection of its own. A damaged file is set aside and a new one
    begun; a file that cannot be written is read; a disk that takes no file leaves a run without a cache.

    Args:
        directory: Where `generations.sqlite` lies; made when it is not there.

    Raises:
        CacheError: The directory or the file cannot be used, or belongs to somebody else.
    """

    responses: "_Entries"

    def __init__(self, directory: Path) -> None:
        self.path = (directory.expanduser() / FILE_NAME).absolute()
        # redirects are never followed, so the base's store of them stays empty
        super().__init__(cache_name=str(self.path))
        try:
            self.responses = _Entries(self.path)
            self.responses.open_current()
        except (OSError, sqlite3.Error) as error:
            if isinstance(error, CacheError):
                raise
            reason = error.strerror if isinstance(error, OSError) else error
            msg = f"cannot use the cache {self.path}: {reason}; name another directory with cache_dir (--cache-dir)"
            raise CacheError(msg) from error

    @property
    def refusal(self) -> str:
        """Why nothing can be kept, in one sentence; empty where it can."""
        if not self.responses.refusal:
            return ""
        found = "it is read only" if self.responses.is_on_disk else "this run has no cache"
        return f"the cache {self.path} cannot be written ({self.responses.refusal}), so {found}"

    @property
    def is_on_disk(self) -> bool:
        """Whether there is a file to read."""
        return self.responses.is_on_disk

    def take_news(self) -> list[str]:
        """Return what the user should know and has not been told, each in one sentence."""
        news, self.responses.news = self.responses.news, []
        return news

    def look_up(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries that stand under `keys`, by key; a damaged row is as good as none.

        Raises:
            CacheError: The file cannot be read.
        """
        with self._guarded():
            return self.responses.recovering(lambda: self.responses.read_many(keys))

    def store(self, entries: Mapping[str, Entry]) -> None:
        """Write the entries, by key, in one transaction: all of them or none.

        Raises:
            CacheError: The file cannot be written.
        """
        with self._guarded():
            self.responses.recovering(lambda: self.responses.write_many(entries))
        if self.refusal:
            raise CacheError(self.refusal)

    def rows(self) -> Iterator[tuple[int, Entry | None]]:
        """Yield every row's number and entry; None where the row is damaged.

        Raises:
            CacheError: The file cannot be read.
        """
        with self._guarded():
            yield from self.responses.read_all()

    def remove(self, rows: Sequence[int] | None) -> int:
        """Delete rows by their numbers, or all of them, and return how many went; their space is given back.

        Raises:
            CacheError: The file cannot be written.
        """
        if self.refusal:
            raise CacheError(self.refusal)
        with self._guarded():
            return self.responses.remove(rows)

    def size(self) -> int:
        """Return how many bytes the database and its log take on the disk."""
        parts = (self.path, self.path.with_name(f"{FILE_NAME}-wal"))
        return sum(part.stat().st_size for part in parts if part.exists())

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except CacheError:
            raise
        except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
            msg = f"the cache {self.path} failed: {error}"
            raise CacheError(msg) from error


class _Entries(SQLiteDict):
    """The table of answers: written as `Entry`, read as `CachedResponse` through the doors that every backend has."""

    def __init__(self, path: Path) -> None:
        self.refusal = ""
        self.news: list[str] = []
        self._path = path
        self._pid = os.getpid()
        self._identity: tuple[int, int] | None = None
        super().__init__(":memory:", table_name="responses")  # the base makes the directory of a file, open to all
        self.db_path = path

    @property
    def is_on_disk(self) -> bool:
        return self._identity is not None

    def init_db(self) -> None:
        """Leave the table to whoever opens the file: the base makes it here, before a damaged file can be met."""
        self.close()

    @contextmanager
    def connection(self, commit: bool = False) -> Iterator[sqlite3.Connection]:  # noqa: FBT001, FBT002 - as in the base
        self._leave_to_parent()
        with self._lock:
            if self._connection is None:
                self._take(open_database(self._path))
            connection: sqlite3.Connection = self._connection  # type: ignore[assignment]
        if commit and not self._active_transaction:
            with self._acquire_sqlite_lock():
                yield connection
        else:
            yield connection

    def open_current(self) -> None:
        """Have a connection to the file that stands at the path now: another process may have set the old one aside."""
        self._leave_to_parent()
        with self._lock:
            if self.is_on_disk and identity_of(self._path) != self._identity:
                self.close()
            with self.connection():
                pass

    def close(self) -> None:
        self._leave_to_parent()
        super().close()  # type: ignore[no-untyped-call]

    def recovering(self, work: Callable[[], T]) -> T:
        """Return what `work` returns; where it meets a damaged file, that is set aside and it begins anew, once."""
        self._leave_to_parent()
        with self._lock:  # one thread that finds damage, not several
            try:
                return work()
            except DAMAGE_SHOWS_AS as error:
                if not is_damage(error):
                    raise
                self._replace_damaged(error)
            return work()

    def _replace_damaged(self, error: Exception) -> None:
        try:
            news = set_aside(self._path, self._identity, error)
        except OSError as reason:
            self.close()
            self._take(in_memory(f"{error}, and it cannot be set aside: {reason.strerror}"))
            return
        self.close()  # after renaming: SQLite leaves the log of a file alone that has moved
        if news:
            self.news.append(news)

    def _take(self, opened: Opened) -> None:
        self._connection, self._identity, self.refusal, news = opened
        if news:
            self.news.append(news)

    def _leave_to_parent(self) -> None:
        """Let go of what a fork brought along: neither SQLite's locks nor Python's mean anything in the child."""
        if self._pid != os.getpid():
            _INHERITED.append(self._connection)  # closing it would interfere with the parent's
            self._pid = os.getpid()
            self._connection = None
            self._active_transaction = False
            self._lock = threading.RLock()

    def read_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        self.open_current()
        found: dict[str, Entry] = {}
        with self._lock, self.connection() as connection:
            for start in range(0, len(keys), _KEYS_PER_STATEMENT):
                some = {key.encode(): key for key in keys[start : start + _KEYS_PER_STATEMENT]}
                marks = ",".join("?" * len(some))
                # cast, since a flipped bit can turn bytes into text, and reading text that is no Unicode fails; a key
                # is found by the index, and the row that this leads to can hold another one
                columns = "CAST(key AS BLOB), CAST(value AS BLOB)"
                query = f"SELECT {columns} FROM {self.table_name} WHERE key IN ({marks})"  # noqa: S608 - no value in it
                for stored, value in connection.execute(query, list(some.values())):
                    if (key := some.get(stored)) and (entry := _unpack(key, value)):
                        found[key] = entry
        return found

    def write_many(self, entries: Mapping[str, Entry]) -> None:
        """Write the entries into the file that stands at the path, and once more should it be set aside meanwhile."""
        for _ in range(_WRITE_TRIES):
            self.open_current()
            if self.refusal:
                return
            try:
                with self.bulk_commit():
                    self.update(entries)
            except sqlite3.OperationalError as error:
                if not is_read_only(error):
                    raise
                self.refusal = str(error)  # a file system, or a file's own header, that did not say so before
                return
            if identity_of(self._path) == self._identity:
                return

    def read_all(self) -> Iterator[tuple[int, Entry | None]]:
        self.open_current()
        columns = "rowid, CAST(key AS BLOB), CAST(value AS BLOB)"
        query = f"SELECT {columns} FROM {self.table_name} WHERE rowid > ? ORDER BY rowid LIMIT ?"  # noqa: S608
        last = -(1 << 63)
        while True:
            with self._lock, self.connection() as connection:
                some = connection.execute(query, (last, _KEYS_PER_STATEMENT)).fetchall()
            for last, key, value in some:
                is_key = isinstance(key, bytes) and _KEY.fullmatch(key)
                yield last, _unpack(key.decode(), value) if is_key else None
            if not some:
                return

    def remove(self, rows: Sequence[int] | None) -> int:
        self.open_current()
        with self._lock, self.connection() as connection:
            with self._acquire_sqlite_lock():
                if rows is None:
                    removed = connection.execute(f"DELETE FROM {self.table_name}").rowcount  # noqa: S608
                else:
                    query = f"DELETE FROM {self.table_name} WHERE rowid = ?"  # noqa: S608
                    removed = connection.executemany(query, ((row,) for row in rows)).rowcount
            with suppress(sqlite3.OperationalError):  # another process reads, or the disk is full: it can wait
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return max(removed, 0)

    def deserialize(self, key: str, value: object) -> CachedResponse | None:
        entry = _unpack(key, value)
        if entry is None:
            return None
        response = CachedResponse(
            url=entry.url,
            status_code=entry.status,
            request=CachedRequest(method="GET", url=entry.url),
            created_at=datetime.fromtimestamp(entry.fetched_at, UTC),
            expires=None if entry.expires is None else datetime.fromtimestamp(entry.expires, UTC),
            content=entry.body,
        )
        response.cache_key = key
        return response

    def _write(self, key: str, value: object) -> None:
        if not isinstance(value, Entry):
            msg = f"only a checked answer is stored, not {type(value).__name__}: open the session with read_only=True"
            raise TypeError(msg)
        with self.connection(commit=True) as connection:
            connection.execute(
                f"INSERT OR REPLACE INTO {self.table_name} (key, value, expires) VALUES (?, ?, ?)",  # noqa: S608
                (key, _pack(key, value), value.expires),
            )

    @contextmanager
    def _acquire_sqlite_lock(self) -> Iterator[None]:
        self._leave_to_parent()
        with self._lock, self.connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            self._active_transaction = True
            try:
                yield
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            finally:
                self._active_transaction = False


def _pack(key: str, entry: Entry) -> bytes:
    head = [_VERSION, entry.requested_id, entry.url, entry.status, entry.fetched_at, entry.expires, entry.returned_id]
    content = json.dumps(head).encode() + b"\n" + entry.body
    return _checksum(key, content) + content


def _unpack(key: str, value: object) -> Entry | None:
    if not isinstance(value, bytes) or value[:_DIGEST] != _checksum(key, value[_DIGEST:]):
        return None
    head, _, body = value[_DIGEST:].partition(b"\n")
    version, *fields = json.loads(head)
    if version != _VERSION:
        return None
    requested_id, url, status, fetched_at, expires, returned_id = fields
    return Entry(requested_id, url, status, fetched_at, expires, returned_id, body)


def _checksum(key: str, content: bytes) -> bytes:
    return blake2b(content, digest_size=_DIGEST, salt=bytes.fromhex(key)[:_DIGEST]).digest()
