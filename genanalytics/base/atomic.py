"""A file written whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genanalytics.base.text import explain
from genanalytics.errors import GenAnalyticsError, OutputError


@contextmanager
def replace_file(path: Path, *, mode: int = 0o666) -> Iterator[Path]:
    """Yield the path of an empty, hidden file that replaces `path` when the block ends without an error.

    Until then, and for good if the block raises, the old file stays. If `path` is a link, its target is replaced.

    Args:
        path: The file to write.
        mode: The permission bits of the file, less the umask.

    Raises:
        OutputError: The file cannot be written.
    """
    target = Path(os.path.realpath(path))
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        try:
            yield part
            sync(part)
            part.replace(target)
            sync(target.parent)
        finally:
            part.unlink(missing_ok=True)
    except GenAnalyticsError:
        raise
    except OSError as error:
        msg = f"cannot write {path}: {explain(error)}"
        raise OutputError(msg) from error


def sync(path: Path) -> None:
    """Flush a file, or the names in a directory, to the disk before anything that follows."""
    if os.name == "nt" and path.is_dir():  # Windows syncs no directories
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
