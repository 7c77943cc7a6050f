"""Rotated copies of a log, and other files that are read whole whenever they changed."""

import os
import re
import time
import zlib
from collections.abc import Iterator, Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from genanalytics.base.content import open_content, unreadable
from genanalytics.errors import InputError
from genanalytics.following.growing import GrowingSearch

Identity = tuple[int, int]
"""The device and the inode of a file."""
State = tuple[int, int, int, int]
"""The device, the inode, the size and the time of the last change of a file."""

LEFT_OPEN_S = 60.0
"""A program can write to its renamed log until it opens the new one; a file can be half copied."""

BINARY = (b"PAR1", b"ARROW1", b"SQLite format 3\x00", b"PK\x03\x04")
"""Files that begin with one of these are not text."""


@dataclass(slots=True)
class Copy:
    """A file that is read whole, plain or packed, and again after each change."""

    _state: State | None = None
    _is_packed: bool = False
    _end: list[str] = field(default_factory=list)
    _problem: InputError | None = None

    def read(self, path: Path, state: State) -> Iterator[str]:
        """Yield the ids of the file if it has changed; one at the end waits until nobody writes to the file any more.

        Raises:
            InputError: It cannot be read; each call repeats that until the file changes.
        """
        if state != self._state:
            self._state, self._end, self._problem = state, [], None
            try:
                yield from self._search(path)
            except (OSError, EOFError, zlib.error, InputError) as error:
                self._problem = error if isinstance(error, InputError) else unreadable(path, error)
        if self._is_packed or time.time() - state[3] / 1e9 > LEFT_OPEN_S:
            yield from self.take_end()
        if self._problem is not None:
            raise self._problem

    def skip(self, state: State) -> None:
        """Take the file as it is for read."""
        self._state = state

    def take_end(self) -> list[str]:
        """Return the id at the end, once."""
        end, self._end = self._end, []
        return end

    def _search(self, path: Path) -> Iterator[str]:
        search = GrowingSearch()
        with open_content(path) as content:
            if content.head.startswith(BINARY):
                msg = f"{path} is not text: read its ids with `genanalytics export --input`"
                raise InputError(msg)
            self._is_packed = content.path is None
            for piece in content.chunks():
                yield from search.feed(piece)
        self._end = search.finish()


class RotatedCopies:
    """The rotated copies of a log: what was written to it between two reads can be in one of them alone.

    Args:
        log: The log.
        since: Copies that exist at the first read are left out, except those with text from after this moment (Unix
            time) and the latest of the others, if it was renamed after it; None leaves out all.
    """

    def __init__(self, log: Path, since: float | None) -> None:
        self._log = log
        self._since = since
        self._is_first = True
        self._copies: dict[Identity, Copy] = {}

    def read(self, known: AbstractSet[Identity]) -> Iterator[str]:
        """Yield the ids of copies that are new or have changed, except for files that are `known`.

        Raises:
            InputError: One of them cannot be read; all others were read.
        """
        found = find_rotated(self._log)
        if self._is_first:
            self._is_first = False
            for state in list_old(found, self._since):
                self._copies.setdefault(state[:2], Copy()).skip(state)
        problem: InputError | None = None
        for path, stat in found.items():
            state = describe(stat)
            if state[:2] in known:
                self._copies.setdefault(state[:2], Copy()).skip(state)
                continue
            try:
                yield from self._copies.setdefault(state[:2], Copy()).read(path, state)
            except InputError as error:
                problem = problem or (error if path.exists() else None)  # perhaps rotated once more
        if problem is not None:
            raise problem

    def finish(self) -> Iterator[str]:
        """Yield the ids at the ends of copies."""
        for copy in self._copies.values():
            yield from copy.take_end()


def find_rotated(log: Path) -> dict[Path, os.stat_result]:
    """Return the rotated copies of a log, such as `app.log.1`, `app.log-20261130.gz` and `app-2026-11-30.log`."""
    stem, suffix = re.escape(log.stem), re.escape(log.suffix)
    is_rotated = re.compile(rf"{re.escape(log.name)}[.\-_].+|{stem}[.\-_][\d.\-_T]+{suffix}").fullmatch
    found = {}
    try:
        for entry in os.scandir(log.parent):
            if is_rotated(entry.name) and entry.is_file():
                found[Path(entry.path)] = entry.stat()
    except OSError:
        pass  # the directory need not exist yet, and a file can be gone: the next call sees what is there then
    return dict(sorted(found.items()))


def list_old(copies: dict[Path, os.stat_result], since: float | None) -> list[State]:
    """Return the states of copies without text from after a moment (Unix time); all, if there is none.

    The latest of them was the log itself at that moment, if it was renamed after it: it is not old.
    """
    if since is None:
        return [describe(stat) for stat in copies.values()]
    old = sorted((stat for stat in copies.values() if stat.st_mtime < since), key=lambda stat: stat.st_mtime)
    if old and old[-1].st_ctime >= since:
        old.pop()
    return [describe(stat) for stat in old]


def describe(found: os.stat_result) -> State:
    """Return the state of a file."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
