"""The on-disk cache of answers.

Compared with the stock SQLite backend of requests-cache:

- `look_up` reads many cache keys with one statement, and `store` writes many entries in one transaction; the stock
  session needs a statement, a lock and a commit for each.
- An entry has a checksum and is never unpickled (`entry`).
- Waiting for a lock has a limit, and a failed commit raises; the stock lock never gives up and drops a failed commit.
- A damaged file is set aside, and a file that cannot be written is read (`database`); the stock backend deletes the one
  and fails on the other. A forked process opens its own connection.
- The file is private (0600 in a 0700 directory), since records contain origins and users of prompts.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from genanalytics.base.processes import PerProcess
from genanalytics.base.text import explain
from genanalytics.cache.entry import Entry
from genanalytics.cache.privacy import find_exposure
from genanalytics.cache.table import Table
from genanalytics.errors import CacheError

FILE_NAME = "generations.sqlite"


class Archive:
    """The cache in a directory. A context manager: leaving it closes the file.

    Safe to share between threads; a forked process gets its own connection. A damaged file is set aside and a new one
    begun. A file that cannot be written is read. If the disk accepts no file, the run has no cache.

    Args:
        directory: The directory of `generations.sqlite`, created if it does not exist.

    Raises:
        CacheError: The directory or the file cannot be used, or belongs to another user.
    """

    def __init__(self, directory: Path) -> None:
        path = (directory.expanduser() / FILE_NAME).absolute()
        self.path = path
        self._tables = PerProcess(lambda: Table(path))
        try:
            table = self._tables.get()
            table.open()
            table.notices += filter(None, [find_exposure(path.parent)])
        except CacheError:
            raise
        except (OSError, sqlite3.Error) as error:
            msg = f"cannot use the cache {self.path}: {explain(error)}; give another cache_dir (--cache-dir)"
            raise CacheError(msg) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._tables.get().close()

    @property
    def refusal(self) -> str:
        """The reason why nothing can be kept, in one sentence; empty if it can."""
        refusal = self._tables.get().refusal
        if not refusal:
            return ""
        found = "it is read only" if self.is_on_disk else "this run has no cache"
        return f"the cache {self.path} cannot be written ({refusal}), so {found}"

    @property
    def is_on_disk(self) -> bool:
        """Whether there is a file to read."""
        return self._tables.get().identity is not None

    def take_notices(self) -> list[str]:
        """Return the notices that were not yet returned, each in one sentence."""
        table = self._tables.get()
        notices, table.notices = table.notices, []
        return notices

    def look_up(self, cache_keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries of cache keys, by cache key; a damaged row counts as missing.

        Raises:
            CacheError: The file cannot be read.
        """
        with self._translate_errors():
            return self._tables.get().read(cache_keys)

    def store(self, entries: Mapping[str, Entry]) -> None:
        """Write entries, by cache key, in one transaction: all of them or none.

        Raises:
            CacheError: The file cannot be written.
        """
        with self._translate_errors():
            self._tables.get().write(entries)
        if self.refusal:
            raise CacheError(self.refusal)

    def rows(self) -> Iterator[tuple[str, Entry | None]]:
        """Yield cache key and entry of every row, as the file was at the first one; None for a damaged entry.

        Raises:
            CacheError: The file cannot be read.
        """
        with self._translate_errors():
            yield from self._tables.get().read_all()

    def remove(self, entries: Iterable[tuple[str, Entry]] | None) -> int:
        """Delete these entries by cache key, or all rows, and return their number; the file shrinks.

        An entry that another process has replaced since stays.

        Raises:
            CacheError: The file cannot be written.
        """
        if self.refusal:
            raise CacheError(self.refusal)
        with self._translate_errors():
            return self._tables.get().remove(entries)

    def size(self) -> int:
        """Return the bytes that the database and its log take on the disk."""
        parts = (self.path, self.path.with_name(f"{FILE_NAME}-wal"))
        return sum(part.stat().st_size for part in parts if part.exists())

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except CacheError:
            raise
        except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
            msg = f"the cache {self.path} failed: {error}"
            raise CacheError(msg) from error
