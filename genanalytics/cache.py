"""The on-disk HTTP cache: a requests-cache SQLite backend that is read in bulk and written in batches.

What differs from the stock backend, and why:

- An entry is a line of JSON and the answer's body as it came, under a checksum: nothing is ever unpickled, a row that
  was damaged or moved is a miss, and the body of a known id goes to the parser without a response object around it.
- `look_up` reads many keys with one statement and `store` writes many entries in one transaction; the stock session
  pays a statement, a lock and a commit for each.
- A lock is waited for within bounds and a failed commit is raised; the stock lock tries for ever and loses a failed
  commit without a word.
- The file is private (0600 in a 0700 directory), since prompts' origins and users stand in the records.
"""

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from requests_cache.backends.base import BaseCache
from requests_cache.backends.sqlite import SQLiteDict
from requests_cache.models.request import CachedRequest
from requests_cache.models.response import CachedResponse

from genanalytics.errors import CacheError

FILE_NAME = "generations.sqlite"
BUSY_TIMEOUT_MS = 10_000
"""How long to wait for another process that is writing."""

_KEYS_PER_STATEMENT = 500
_DIGEST = 16
_VERSION = 1


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

    It is a requests-cache backend: `CachedSession(backend=archive, key_fn=..., read_only=True)` reads it too.

    Args:
        directory: Where `generations.sqlite` lies; made when it is not there.

    Raises:
        CacheError: The directory or the file cannot be used.
    """

    responses: "_Entries"

    def __init__(self, directory: Path) -> None:
        directory = directory.expanduser()  # as the base does with the file's name
        self.path = directory / FILE_NAME
        super().__init__(
            cache_name=str(self.path)
        )  # redirects are never followed, so the base's store of them stays empty
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            os.fchmod(handle, 0o600)
            os.close(handle)
            self.responses = _Entries(self.path, table_name="responses", busy_timeout=BUSY_TIMEOUT_MS, wal=True)
        except (OSError, sqlite3.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            msg = f"cannot use the cache {self.path}: {reason}; name another directory with cache_dir (--cache-dir)"
            raise CacheError(msg) from error

    def look_up(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries that stand under `keys`, by key; a damaged row is as good as none.

        Raises:
            CacheError: The file cannot be read.
        """
        with self._guarded():
            return self.responses.read_many(keys)

    def store(self, entries: Mapping[str, Entry]) -> None:
        """Write the entries, by key, in one transaction: all of them or none.

        Raises:
            CacheError: The file cannot be written.
        """
        with self._guarded(), self.responses.bulk_commit():
            self.responses.update(entries)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            msg = f"the cache {self.path} failed: {error}"
            raise CacheError(msg) from error


class _Entries(SQLiteDict):
    """The table of answers: written as `Entry`, read as `CachedResponse` through the doors that every backend has."""

    def read_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        with self._lock, self.connection() as connection:
            for start in range(0, len(keys), _KEYS_PER_STATEMENT):
                some = keys[start : start + _KEYS_PER_STATEMENT]
                marks = ",".join("?" * len(some))
                # cast, since a flipped bit can turn bytes into text, and reading text that is no Unicode fails
                query = f"SELECT key, CAST(value AS BLOB) FROM {self.table_name} WHERE key IN ({marks})"  # noqa: S608 - no value in it
                for key, value in connection.execute(query, some):
                    entry = _unpack(key, value)
                    if entry is not None:
                        found[key] = entry
        return found

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
