"""What is appended to a log: from its start, and across every kind of rotation.

A log is renamed and created anew; it is copied and truncated; it is missing for a while; its last line is half written.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from genanalytics.base.content import unreadable
from genanalytics.following.copies import BINARY, LEFT_OPEN_S, Copy, Identity, RotatedCopies, State, describe
from genanalytics.following.growing import GrowingSearch

_PIECE_BYTES = 1 << 20
_MARK_BYTES = 256
"""The number of bytes at the start, and before the place of reading, by which the file is recognized."""
_WHOLE = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", *BINARY)
"""Files that begin with one of these are packed, or are not text: no program appends to them."""


class Tail:
    """A log, read as it grows.

    Args:
        path: The log, which need not exist yet.
        since: The argument of `RotatedCopies`.

    Attributes:
        was_found: Whether the log has existed at any time.
    """

    def __init__(self, path: Path, *, since: float | None = None) -> None:
        self.was_found = False
        self._path = path
        self._open: _OpenFile | None = None
        self._left: list[_OpenFile] = []
        self._rotated = RotatedCopies(path, since)

    def read(self) -> Iterator[str]:
        """Yield the ids that were appended since the last call; an id can occur again after a rotation.

        Raises:
            InputError: The log or a rotated copy of it cannot be read, or is not text. Everything else was read.
        """
        if self._open is not None:
            yield from self._open.read()
        while (found := _open_file(self._path, self._open)) is not None:
            if self._open is not None:
                self._left.append(self._open)
            self._open = found
            self.was_found = True
            yield from self._open.read()
        yield from self._read_left()
        yield from self._rotated.read({file.identity for file in self._list_open()})

    def finish(self) -> Iterator[str]:
        """Yield the ids at the ends of the files, which nothing follows any more, and close the files."""
        for file in self._list_open():
            yield from file.finish()
        yield from self._rotated.finish()
        self.close()

    def close(self) -> None:
        """Close the files."""
        for file in self._list_open():
            file.stream.close()
        self._left, self._open = [], None

    def _list_open(self) -> "list[_OpenFile]":
        return [*self._left, *filter(None, [self._open])]

    def _read_left(self) -> Iterator[str]:
        """Yield the ids that a program still wrote to a file after it was renamed."""
        kept = []
        for file in self._left:
            yield from file.read()
            if time.monotonic() - file.grew_at < LEFT_OPEN_S:
                kept.append(file)
            else:
                yield from file.finish()
        self._left = kept


class Member:
    """A file of a directory that is followed: it is open only while it is read, since there can be thousands.

    A file that was renamed is found again in the directory, under its new name.

    Args:
        path: The file.

    Attributes:
        was_found: True: it was found in the directory.
    """

    def __init__(self, path: Path) -> None:
        self.was_found = True
        self._path = path
        self._file: _OpenFile | None = None

    def read(self) -> Iterator[str]:
        """Yield the ids that were appended since the last call.

        Raises:
            InputError: The file cannot be read.
        """
        found = _open_file(self._path, None, seen=None if self._file is None else self._file.state)
        if found is None:
            return
        if self._file is not None and found.identity == self._file.identity:
            self._file.stream, self._file.state = found.stream, found.state
        else:
            yield from self.finish()
            self._file = found
        with self._file.stream:
            yield from self._file.read()

    def finish(self) -> Iterator[str]:
        """Yield the id at the end, which nothing follows any more."""
        if self._file is not None:
            yield from self._file.finish()

    def close(self) -> None:
        """Do nothing: the file is not open."""


@dataclass(slots=True)
class _OpenFile:
    """An open log.

    Attributes:
        path: Its name when it was opened.
        stream: The file.
        state: Its state when it was opened.
        grew_at: When it last grew (`time.monotonic`).
    """

    path: Path
    stream: BinaryIO
    state: State
    grew_at: float
    _place: int = 0
    _head: bytes = b""
    _mark: bytes = b""
    _search: GrowingSearch = field(default_factory=GrowingSearch)
    _copy: Copy = field(default_factory=Copy)

    @property
    def identity(self) -> Identity:
        """The device and the inode."""
        return self.state[:2]

    def read(self) -> Iterator[str]:
        """Yield the ids from the place of reading to the end, or all again if the file was truncated."""
        if not self._is_same():
            # the end may be half an id, which a copy of the file has whole
            self._place, self._head, self._mark, self._search = 0, b"", b"", GrowingSearch()
        if not self._place and os.pread(self.stream.fileno(), 16, 0).startswith(_WHOLE):
            yield from self._copy.read(self.path, describe(os.fstat(self.stream.fileno())))
            return
        while piece := os.pread(self.stream.fileno(), _PIECE_BYTES, self._place):
            self.grew_at = time.monotonic()
            self._place += len(piece)
            self._head = (self._head + piece[:_MARK_BYTES])[:_MARK_BYTES]
            self._mark = (self._mark + piece)[-_MARK_BYTES:]
            yield from self._search.feed(piece)

    def finish(self) -> Iterator[str]:
        """Yield the id at the end, and close the file."""
        yield from self._search.finish()
        yield from self._copy.take_end()
        self.stream.close()

    def _is_same(self) -> bool:
        """Return whether the file still has what was read: a truncated file can be as long again."""
        marks = ((0, self._head), (self._place - len(self._mark), self._mark))
        return all(os.pread(self.stream.fileno(), len(mark), place) == mark for place, mark in marks)


def _open_file(path: Path, current: _OpenFile | None, seen: State | None = None) -> _OpenFile | None:
    """Return the file that has the name of the log now; None if it is the current one, is as seen, or if none is."""
    try:
        found = describe(path.stat())
        if found == seen or (current is not None and found[:2] == current.identity):
            return None
        stream = path.open("rb", buffering=0)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from error
    opened = _OpenFile(path, stream, describe(os.fstat(stream.fileno())), time.monotonic())
    if current is not None and opened.identity == current.identity:
        stream.close()
        return None
    return opened
