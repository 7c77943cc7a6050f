"""A file written whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genanalytics.base.stores.address import is_url
from genanalytics.base.text import explain
from genanalytics.errors import GenAnalyticsError, InputError, OutputError


@contextmanager
def replace_file(path: Path, *, mode: int = 0o666) -> Iterator[Path]:
    """Yield the path of an empty, hidden file that replaces `path` when the block ends without an error.

    Until then, and for good if the block raises, the old file stays. If `path` is a link, its target is replaced.

    Args:
        path: The file to write.
        mode: The permission bits of the file, less the umask.

    Raises:
        InputError: The path is a URL.
        OutputError: The file cannot be written.
    """
    _check_local(path)
    with _explain_errors(path):
        target = Path(os.path.realpath(path))
        part = _create_part(target, mode)
        try:
            yield part
            sync(part)
            part.replace(target)
            sync(target.parent)
        finally:
            part.unlink(missing_ok=True)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Check that `replace_file` could write a file, before the work that would be lost.

    A part of the file is created and removed: permissions alone do not show what a file system allows.

    Raises:
        InputError: Its directory does not exist, or `path` is one or a URL.
        OutputError: The directory cannot be written, or `path` is a device.
    """
    check_current_directory(path)
    parent = Path(path).parent
    if not parent.is_dir():
        msg = f"cannot write {os.fspath(path)!r}: there is no directory {str(parent)!r}; create it first"
        raise InputError(msg)
    if Path(path).is_dir():
        msg = f"cannot write {os.fspath(path)!r}: it is a directory; give a file"
        raise InputError(msg)
    with _explain_errors(path):
        _create_part(Path(os.path.realpath(path)), 0o600).unlink()


def _check_local(path: str | os.PathLike[str]) -> None:
    """Check that a path is no URL, of which a local folder would be made.

    Raises:
        InputError: It is one.
    """
    if is_url(path):
        msg = (
            f"cannot write {os.fspath(path)!r}: it is a URL, and only a data set is written to an object store"
            " (`genanalytics export --dataset URL`); give a path"
        )
        raise InputError(msg)


def check_current_directory(path: str | os.PathLike[str]) -> None:
    """Check that a relative path leads anywhere, and is no URL.

    Raises:
        InputError: The current directory was deleted, or the path is a URL.
    """
    _check_local(path)
    try:
        Path(path).absolute()
    except FileNotFoundError as error:
        msg = f"cannot write {os.fspath(path)!r}: the current directory was deleted; change to another one"
        raise InputError(msg) from error


def check_utf_8(path: str | os.PathLike[str]) -> None:
    """Check that libraries that take text only can write a path.

    Raises:
        InputError: The path, or the directory that it starts from, is not UTF-8.
    """
    try:
        os.path.realpath(path).encode()
    except UnicodeEncodeError as error:
        msg = f"cannot write {os.fspath(path)!r}: its path is not UTF-8; give another name or directory"
        raise InputError(msg) from error


@contextmanager
def _explain_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except GenAnalyticsError:
        raise
    except OSError as error:
        msg = f"cannot write {path}: {explain(error)}"
        raise OutputError(msg) from error


def _create_part(target: Path, mode: int) -> Path:
    """Create the empty, hidden file that will replace `target`, and return its path."""
    if target.exists() and not target.is_file():  # renaming a file would replace a device
        msg = f"cannot write {target}: it is a directory, a device or a pipe; give a file"
        raise OutputError(msg)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    return part


def sync(path: Path) -> None:
    """Flush a file, or the names in a directory, to the disk before anything that follows."""
    if os.name == "nt" and path.is_dir():  # Windows syncs no directories
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
