"""Who owns the files of the cache, and who else can change them.

SQLite writes to any file with the name of its log or its index, and applies any journal to the database. So each of
them must be a file of this user, and no link.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from genanalytics.errors import CacheError

_PARTS = ("", "-wal", "-shm", "-journal")
_FILE_MODE = 0o600
_WRITE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def make_directory(path: Path) -> None:
    """Create the directory of a database if it does not exist; make it and the files of the database private.

    Raises:
        CacheError: One of them belongs to another user or is linked, or others can write to the directory.
        OSError: The directory cannot be created, or a mode cannot be changed.
    """
    directory = path.parent
    if not directory.is_dir():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)  # for any umask
    for status in (directory.lstat(), directory.stat()):
        _check_owner(directory, status)
    try:
        _close_directory(directory, path.name)
    finally:  # on a read-only disk, the files are read all the same
        files = _check_files(path)
    for file, status in files:
        if stat.S_IMODE(status.st_mode) != _FILE_MODE:
            with suppress(FileNotFoundError):  # another process has closed the database
                file.chmod(_FILE_MODE)


def find_exposure(directory: Path) -> str:
    """Return a notice if every user can replace the directory, because one above it is open; otherwise an empty text.

    Owners of directories above are trusted, and groups too: most have one member.
    """
    if not hasattr(os, "geteuid"):
        return ""
    for folder in directory.resolve().parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return (
                f"any user can replace the cache {directory}, since {folder} can be written by all (mode {mode:o}):"
                " use chmod o-w, or give another cache_dir (--cache-dir)"
            )
    return ""


def _close_directory(directory: Path, name: str) -> None:
    """Take the permission to write from others; a directory that has another use too is refused instead."""
    mode = stat.S_IMODE(directory.stat().st_mode)
    if not hasattr(os, "geteuid") or not mode & _WRITE_BY_OTHERS:
        return
    if mode & stat.S_ISVTX or not all(file.name.startswith(name) for file in directory.iterdir()):
        _refuse(directory, f"other users can write to this directory (mode {mode:o}); use chmod go-w, or")
    directory.chmod(mode & ~_WRITE_BY_OTHERS)


def _check_files(path: Path) -> list[tuple[Path, os.stat_result]]:
    """Return the files of the database that exist, with their status."""
    files = []
    for part in _PARTS:
        file = path.with_name(path.name + part)
        with suppress(FileNotFoundError):
            files.append((file, file.lstat()))
    for file, status in files:
        _check_owner(file, status)
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISLNK(status.st_mode):
            _refuse(file, "it is not a file;")
        if stat.S_ISLNK(status.st_mode) or status.st_nlink > 1:
            _refuse(file, "it is a link, or has another link;")
    return files


def _check_owner(path: Path, status: os.stat_result) -> None:
    if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
        _refuse(path, f"it belongs to another user (uid {status.st_uid});")


def _refuse(path: Path, reason: str) -> NoReturn:
    msg = f"cannot use the cache {path}: {reason} give another cache_dir (--cache-dir)"
    raise CacheError(msg)
