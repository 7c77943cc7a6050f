"""The table of answers, read in bulk and written in batches, by this process's own connection."""

import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from genanalytics.base.processes import PerProcess
from genanalytics.cache.database import (
    DAMAGE_ERRORS,
    Opened,
    identify,
    is_damage,
    is_read_only,
    open_database,
    open_in_memory,
    rename_damaged,
)
from genanalytics.cache.entry import Entry, pack, unpack

_KEYS_PER_STATEMENT = 500
_WRITE_TRIES = 3
_CACHE_KEY = re.compile(rb"[0-9a-f]{32}")

T = TypeVar("T")


class Table:
    """The table of answers in one file. Safe to share between threads; a forked process gets its own connection.

    Args:
        path: The database.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handles = PerProcess(lambda: _Handle(path))

    @property
    def refusal(self) -> str:
        """The reason why nothing can be written; empty if it can."""
        return self._handles.get().refusal

    @property
    def is_on_disk(self) -> bool:
        """Whether there is a file to read."""
        return self._handles.get().identity is not None

    def take_notices(self) -> list[str]:
        """Return the notices that were not yet returned, each in one sentence."""
        handle = self._handles.get()
        notices, handle.notices = handle.notices, []
        return notices

    def open(self) -> None:
        """Open the file that is at the path now."""
        self._handles.get().open_current()

    def close(self) -> None:
        """Close the connection; using the table opens it again."""
        self._handles.get().close()

    def read(self, cache_keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries of cache keys; a damaged row counts as missing."""
        return self._handles.get().recover(lambda handle: _read(handle, cache_keys))

    def write(self, entries: Mapping[str, Entry]) -> None:
        """Write entries in one transaction; if the file cannot be written, `refusal` says why."""
        self._handles.get().recover(lambda handle: self._write(handle, entries))

    def read_all(self) -> Iterator[tuple[int, str, Entry | None]]:
        """Yield number, cache key and entry of every row; None for a damaged entry."""
        handle = self._handles.get()
        handle.open_current()
        query = (
            "SELECT rowid, CAST(key AS BLOB), CAST(value AS BLOB) FROM responses WHERE rowid > ? ORDER BY rowid LIMIT ?"
        )
        last = -(1 << 63)
        while True:
            with handle.locked() as connection:
                some = connection.execute(query, (last, _KEYS_PER_STATEMENT)).fetchall()
            for last, stored, value in some:
                if isinstance(stored, bytes) and _CACHE_KEY.fullmatch(stored):
                    yield last, stored.decode(), unpack(stored.decode(), value)
                else:
                    yield last, "", None
            if not some:
                return

    def remove(self, rows: Sequence[int] | None) -> int:
        """Delete rows by their numbers, or all rows, and return their number; the file shrinks."""
        handle = self._handles.get()
        handle.open_current()
        with handle.locked() as connection:
            with handle.transaction():
                if rows is None:
                    removed = connection.execute("DELETE FROM responses").rowcount
                else:
                    removed = connection.executemany(
                        "DELETE FROM responses WHERE rowid = ?", ((row,) for row in rows)
                    ).rowcount
            with suppress(sqlite3.OperationalError):  # another process reads, or the disk is full: it can wait
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return max(removed, 0)

    def _write(self, handle: "_Handle", entries: Mapping[str, Entry]) -> None:
        """Write into the file that is at the path, and again if another process sets it aside meanwhile."""
        for _ in range(_WRITE_TRIES):
            handle.open_current()
            if handle.refusal:
                return
            try:
                with handle.locked() as connection, handle.transaction():
                    connection.executemany(
                        "INSERT OR REPLACE INTO responses (key, value, expires) VALUES (?, ?, ?)",
                        ((key, pack(key, entry), entry.expires) for key, entry in entries.items()),
                    )
            except sqlite3.OperationalError as error:
                if not is_read_only(error):
                    raise
                handle.refusal = str(error)  # the file system, or the file's header, did not say so before
                return
            if identify(self.path) == handle.identity:
                return


class _Handle:
    """The connection of one process."""

    def __init__(self, path: Path) -> None:
        self.identity: tuple[int, int] | None = None
        self.refusal = ""
        self.notices: list[str] = []
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.RLock()

    @contextmanager
    def locked(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection, opened if it is not, with no other thread using it."""
        with self._lock:
            yield self._connection if self._connection is not None else self._take(open_database(self._path))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end of the block, or roll back."""
        with self.locked() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    def open_current(self) -> None:
        """Connect to the file that is at the path now: another process may have set the old one aside."""
        with self._lock:
            if self.identity is not None and identify(self._path) != self.identity:
                self.close()
            with self.locked():
                pass

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def recover(self, work: "Callable[[_Handle], T]") -> T:
        """Return the result of `work`; if it finds a damaged file, rename the file and start again, once."""
        with self._lock:  # one thread finds the damage, not several
            try:
                return work(self)
            except DAMAGE_ERRORS as error:
                if not is_damage(error):
                    raise
                self._replace_damaged(error)
            return work(self)

    def _replace_damaged(self, error: Exception) -> None:
        try:
            notice = rename_damaged(self._path, self.identity, error)
        except OSError as reason:
            self.close()
            self._take(open_in_memory(f"{error}, and it cannot be renamed: {os.strerror(reason.errno or 0)}"))
            return
        self.close()  # after the renaming: SQLite does not touch the log of a file that has moved
        if notice:
            self.notices.append(notice)

    def _take(self, opened: Opened) -> sqlite3.Connection:
        self._connection, self.identity, self.refusal, notice = opened
        if notice:
            self.notices.append(notice)
        return self._connection


def _read(handle: _Handle, cache_keys: Sequence[str]) -> dict[str, Entry]:
    handle.open_current()
    found: dict[str, Entry] = {}
    with handle.locked() as connection:
        for start in range(0, len(cache_keys), _KEYS_PER_STATEMENT):
            some = {key.encode(): key for key in cache_keys[start : start + _KEYS_PER_STATEMENT]}
            marks = ",".join("?" * len(some))
            # cast, since a flipped bit can turn bytes into text, and reading text that is not Unicode fails; a key is
            # found by the index, and the row that this leads to can hold another one
            query = f"SELECT CAST(key AS BLOB), CAST(value AS BLOB) FROM responses WHERE key IN ({marks})"  # noqa: S608
            for stored, value in connection.execute(query, list(some.values())):
                if (key := some.get(stored)) and (entry := unpack(key, value)):
                    found[key] = entry
    return found
