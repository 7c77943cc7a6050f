"""The table of answers, read in bulk and written in batches, over one connection."""

import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TypeVar

from genanalytics.cache.database import (
    BUSY_TIMEOUT_MS,
    DAMAGE_ERRORS,
    Opened,
    connect,
    identify,
    is_damage,
    is_read_only,
    open_database,
    open_in_memory,
    refuse_newer,
    rename_damaged,
)
from genanalytics.cache.entry import Entry, pack, unpack

_KEYS_PER_STATEMENT = 500
_ROWS_PER_DELETION = 5_000
_WRITE_TRIES = 3
_CACHE_KEY = re.compile(rb"[0-9a-f]{32}")

T = TypeVar("T")


class Table:
    """The table of answers in one file. Safe to share between threads, but not with a forked process.

    Attributes:
        identity: The identity of the open file; None without one.
        refusal: The reason why nothing can be written; empty if it can.
        notices: Notices for the user, each in one sentence.
    """

    def __init__(self, path: Path) -> None:
        self.identity: tuple[int, int] | None = None
        self.refusal = ""
        self.notices: list[str] = []
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.RLock()

    def open(self) -> None:
        """Connect to the file that is at the path now: another process may have set the old one aside."""
        with self._lock:
            if self.identity is not None and identify(self._path) != self.identity:
                self.close()
            with self._locked():
                pass

    def close(self) -> None:
        """Close the connection; using the table opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def read(self, cache_keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries of cache keys; a damaged row counts as missing."""
        return self._recover(lambda: self._read(cache_keys))

    def write(self, entries: Mapping[str, Entry]) -> None:
        """Write entries in one transaction; if the file cannot be written, `refusal` says why."""
        self._recover(lambda: self._write(entries))

    def read_all(self) -> Iterator[tuple[str, Entry | None]]:
        """Yield cache key and entry of every row, as the file was at the first one; None for a damaged entry."""
        self.open()
        with self._snapshot() as connection:
            for stored, value in connection.execute("SELECT CAST(key AS BLOB), CAST(value AS BLOB) FROM responses"):
                if isinstance(stored, bytes) and _CACHE_KEY.fullmatch(stored):
                    yield stored.decode(), unpack(stored.decode(), value)
                else:
                    yield "", None

    def remove(self, entries: Iterable[tuple[str, Entry]] | None) -> int:
        """Delete these entries, or all rows, and return their number; the file shrinks.

        An entry that another process has replaced stays. Row numbers would not do: SQLite uses them again.
        """
        self.open()
        removed = self._remove_all() if entries is None else self._remove_some(iter(entries))
        self._shrink()
        return removed

    def _shrink(self) -> None:
        """Give free space back, unless another process uses the file or the disk is full: it can wait."""
        with self._locked() as connection:
            connection.execute("PRAGMA busy_timeout = 0")
            try:
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.OperationalError:
                return
            finally:
                connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    def _remove_all(self) -> int:
        with self._transaction() as connection:
            return connection.execute("DELETE FROM responses").rowcount

    def _remove_some(self, entries: Iterator[tuple[str, Entry]]) -> int:
        removed = 0
        while some := [(key, pack(key, entry)) for key, entry in islice(entries, _ROWS_PER_DELETION)]:
            with self._transaction() as connection:
                query = "DELETE FROM responses WHERE key = ? AND CAST(value AS BLOB) = ?"
                removed += connection.executemany(query, some).rowcount
        return removed

    def _read(self, cache_keys: Sequence[str]) -> dict[str, Entry]:
        self.open()
        found: dict[str, Entry] = {}
        in_order = sorted(cache_keys)  # neighbors in the index: each of its pages is read once
        with self._locked() as connection:
            for start in range(0, len(in_order), _KEYS_PER_STATEMENT):
                some = {key.encode(): key for key in in_order[start : start + _KEYS_PER_STATEMENT]}
                marks = ",".join("?" * len(some))
                # cast, since a flipped bit can turn bytes into text, and reading text that is not Unicode fails; a key
                # is found by the index, and the row that this leads to can hold another one
                query = f"SELECT CAST(key AS BLOB), CAST(value AS BLOB) FROM responses WHERE key IN ({marks})"  # noqa: S608
                for stored, value in connection.execute(query, list(some.values())):
                    if (key := some.get(stored)) and (entry := unpack(key, value)):
                        found[key] = entry
        return found

    def _write(self, entries: Mapping[str, Entry]) -> None:
        """Write into the file that is at the path, and again if another process sets it aside meanwhile."""
        for _ in range(_WRITE_TRIES):
            self.open()
            if self.refusal:
                return
            try:
                with self._transaction() as connection:
                    connection.executemany(
                        "INSERT OR REPLACE INTO responses (key, value, expires) VALUES (?, ?, ?)",
                        ((key, pack(key, entry), entry.expires) for key, entry in entries.items()),
                    )
            except sqlite3.OperationalError as error:
                if not is_read_only(error):
                    raise
                self.refusal = str(error)  # the file system, or the file's header, did not say so before
                return
            if identify(self._path) == self.identity:
                return

    @contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection that sees none of the changes made from now on."""
        if self.refusal or self.identity is None:  # nothing is written to this file, or it is in memory
            with self._locked() as connection:
                yield connection
            return
        with closing(connect(self._path, read_only="mode=ro")) as connection:
            connection.execute("BEGIN")
            yield connection

    @contextmanager
    def _locked(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection, opened if it is not, with no other thread using it."""
        with self._lock:
            yield self._connection if self._connection is not None else self._take(open_database(self._path))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection; commit at the end of the block, or roll back."""
        with self._locked() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                refuse_newer(connection)  # another process may have changed the layout since the file was opened
                yield connection
                connection.commit()
            except BaseException:
                with suppress(sqlite3.ProgrammingError):  # closed by now: an interrupted block can end late
                    connection.rollback()
                raise

    def _recover(self, work: Callable[[], T]) -> T:
        """Return the result of `work`; if it finds a damaged file, rename the file and start again, once."""
        with self._lock:  # one thread finds the damage, not several
            try:
                return work()
            except DAMAGE_ERRORS as error:
                if not is_damage(error):
                    raise
                with suppress(*DAMAGE_ERRORS), self._locked() as connection:
                    refuse_newer(connection)
                self._replace_damaged(error)
            return work()

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
