"""Locks between processes. Each ends with its process, so that none can become stale."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

HAS_LOCKS = fcntl is not None
"""Whether this system has `flock`."""


@contextmanager
def lock_directory(directory: Path) -> Iterator[None]:
    """Wait for the lock on a directory and hold it; a file system without locks gives none, and no error."""
    if fcntl is None:
        yield
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def lock_file(stream: IO[str]) -> bool:
    """Lock an open file until it is closed, and return True; return False if another process holds the lock.

    Raises:
        OSError: The file system has no locks.
    """
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
