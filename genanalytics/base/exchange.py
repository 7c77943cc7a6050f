"""Two names of a directory exchanged in one step, so that a reader finds one or the other and never neither."""

import ctypes
import errno
import os
import sys
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})


def exchange(first: Path, second: Path) -> None:
    """Exchange two existing names on one file system.

    Where the system or the file system cannot do it in one step, it takes renames, between which `second` is missing.

    Raises:
        OSError: They cannot be exchanged.
    """
    if not _exchange_at_once(os.fsencode(first), os.fsencode(second)):
        aside = first.with_name(f"{first.name}.aside")
        second.rename(aside)
        first.rename(second)
        aside.rename(first)


def _exchange_at_once(first: bytes, second: bytes) -> bool:
    """Return whether it was possible."""
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "renameat2"):
        code = libc.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE)
    elif sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        code = libc.renamex_np(first, second, _RENAME_EXCHANGE)  # RENAME_SWAP has the same value
    else:
        return False
    number = ctypes.get_errno()
    if code != 0 and number not in _UNSUPPORTED:
        raise OSError(number, os.strerror(number), os.fsdecode(second))
    return bool(code == 0)
