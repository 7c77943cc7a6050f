"""The directory of a data set: its lock, and checks that nothing in it leads to files of others.

Files are in `.files`; the names that other programs read are links into it.
"""

import errno
import json
import os
import re
import shlex
import socket
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from genanalytics.base.atomic import check_current_directory, check_utf_8
from genanalytics.base.locks import HAS_LOCKS, lock_file
from genanalytics.base.text import explain
from genanalytics.dataset.failures import FAILURES_FILE
from genanalytics.dataset.folder import CURRENT, FILES
from genanalytics.dataset.manifest import MANIFEST
from genanalytics.dataset.place import MANIFESTS
from genanalytics.errors import InputError, OutputError

COMMITS = ".commits"
"""The folder of the commits of a data set of format 1."""
DATA = "data"
_LINKS = (FAILURES_FILE, MANIFEST)
"""The visible names that are links."""
NEXT = "next"
"""The folder in `FILES` with a partition of the view in the making; a writer empties it when it begins."""
_FOLDERS = (DATA, "failures", "ids", MANIFESTS, NEXT)
MODE = 0o775
"""The permissions of a new directory, from which the umask may take more: others cannot write, even without a umask."""
SIGNPOST = "READ_data_NOT_THIS_FOLDER.parquet"
"""A file among the files, so that a glob over hidden folders is an error instead of each row several times."""

_LOCK = ".lock"
_OURS = frozenset({_LOCK, FILES, DATA, *_LINKS, COMMITS, CURRENT, ".current.next"})
_STRAY = re.compile(r"\.DS_Store|\._.*|\.directory|Thumbs\.db|desktop\.ini|.*~", re.IGNORECASE)
"""Files that file managers and editors leave anywhere."""
_COMMIT = re.compile(r"\d{8}")
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EINVAL})


def check_place(directory: Path) -> None:
    """Refuse a directory that others can change, that has other content, or whose links lead elsewhere.

    Raises:
        InputError: It cannot be used.
        OutputError: The system has no locks.
    """
    check_path(directory)
    if not HAS_LOCKS:
        msg = f"cannot write the data set {directory}: this system has no flock; write single files with `ga.write`"
        raise OutputError(msg)
    if directory.is_dir():
        _check_private(directory, directory.stat(), owners={os.geteuid(), 0})
        _check_content(directory)
        _check_current(directory / CURRENT)
        _check_visible(directory)


def check_path(directory: Path) -> None:
    """Refuse a path that leads nowhere, or that Parquet's library cannot write.

    Raises:
        InputError: The current directory was deleted, or the path is not UTF-8.
    """
    check_current_directory(directory)
    check_utf_8(directory)


def _check_content(directory: Path) -> None:
    """Refuse a directory with other content, and copies of a data set that lack its links."""
    if (directory / MANIFEST).is_file() and not (directory / MANIFEST).is_symlink():
        if os.path.lexists(directory / CURRENT) or os.path.lexists(directory / FILES):
            msg = (
                f"{directory} is a copy of a data set in which links became files, which is read-only: continue the"
                " original, copy it with links kept (cp -a, rsync -a), or give a new directory"
            )
        else:
            msg = (
                f"{directory} contains a copy of a data set, which is read-only: give a new directory, or an existing"
                " data set"
            )
        raise InputError(msg)
    if not os.path.lexists(directory / FILES) and not os.path.lexists(directory / CURRENT):
        names = (path.name for path in directory.iterdir())
        foreign = sorted(name for name in names if name not in _OURS and not _STRAY.fullmatch(name))
        if foreign:
            msg = f"{directory} contains other files ({foreign[0]}): give a new directory, or an existing data set"
            raise InputError(msg)


def _check_current(current: Path) -> None:
    """Refuse a link of a data set of format 1 that does not lead to a commit."""
    if os.path.lexists(current):
        folder, commit = os.path.split(current.readlink()) if current.is_symlink() else ("", "")
        if folder != COMMITS or not _COMMIT.fullmatch(commit):
            raise _make_foreign(current)
        _check_own(current, current.lstat(), stat.S_ISLNK)


def _check_visible(directory: Path) -> None:
    """Refuse visible names that do not lead into the files, and a `data` that is not our own folder."""
    for path in (directory / name for name in (DATA, *_LINKS)):
        if not os.path.lexists(path):
            continue
        if path.is_symlink():
            target = path.readlink()
            is_ours = target.parts[0] == FILES and ".." not in target.parts and path.name != DATA
            if not is_ours and target != Path(CURRENT, path.name):
                raise _make_foreign(path)
            _check_own(path, path.lstat(), stat.S_ISLNK)
        else:
            _check_own(path, path.lstat(), stat.S_ISDIR if path.name == DATA else stat.S_ISLNK)
            _check_private(path, path.lstat(), owners={os.geteuid()})


@contextmanager
def open_files(directory: Path) -> Iterator[int]:
    """Yield a handle of the folder of the files; it is made if it does not exist.

    Files are removed through it: even if the path leads to another folder by now, nothing in that is removed.

    Raises:
        InputError: It is a link, belongs to another user, or can be changed by others.
        OutputError: The file system has no symbolic links.
    """
    path = directory / FILES
    if path.is_symlink():
        raise _make_foreign(path)
    path.mkdir(MODE, exist_ok=True)
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _check_own(path, os.fstat(handle), stat.S_ISDIR)
        _check_private(path, os.fstat(handle), owners={os.geteuid()})
        _add_signpost(handle)
        for name in _FOLDERS:
            with suppress(FileExistsError):
                os.mkdir(name, MODE, dir_fd=handle)
            _check_own(path / name, os.stat(name, dir_fd=handle, follow_symlinks=False), stat.S_ISDIR)
        _check_symbolic_links(path)
        yield handle
    finally:
        os.close(handle)


def _add_signpost(files: int) -> None:
    """Add a file that no reader of Parquet can read, whose name says what to read."""
    with suppress(FileExistsError):
        file = os.open(SIGNPOST, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=files)
        with os.fdopen(file, "w", encoding="utf-8") as stream:
            stream.write(
                "Replaced files are in this folder too, with the same rows. Read DIR/data, never DIR/**/*.parquet.\n"
            )


@contextmanager
def lock(directory: Path) -> Iterator[None]:
    """Hold the lock of a data set; it ends with the process, however the process ends.

    Raises:
        InputError: The file of the lock is a link, or belongs to another user.
        OutputError: Another process writes the data set.
    """
    for folder in reversed([directory, *directory.parents]):  # `parents=True` would leave the mode to the umask
        folder.mkdir(MODE, exist_ok=True)
    with _open_lock(directory / _LOCK) as stream:
        if not lock_file(stream):
            stream.seek(0)
            msg = f"{directory} is being written by {_name_holder(stream.read())}: wait for its end, or stop it"
            raise OutputError(msg)
        stream.truncate(0)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": since}, stream)
        stream.flush()
        yield


def _open_lock(path: Path) -> IO[str]:
    """Open the lock's file, which no one else may have put there: it is overwritten."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _make_foreign(path) from error
        raise
    stream = os.fdopen(handle, "a+", encoding="utf-8")
    try:
        _check_own(path, os.fstat(handle), stat.S_ISREG)
    except BaseException:
        stream.close()
        raise
    return stream


def _name_holder(content: str) -> str:
    try:
        holder = json.loads(content)
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (ValueError, KeyError, TypeError):  # it has the lock, but has not written its name yet
        return "another process"


def _check_own(path: Path, found: os.stat_result, is_kind: Callable[[int], bool]) -> None:
    """Refuse a name of another kind, a file with several names, and a name of another user.

    Raises:
        InputError: It is one of them.
    """
    is_hard_link = stat.S_ISREG(found.st_mode) and found.st_nlink != 1
    if not is_kind(found.st_mode) or is_hard_link or found.st_uid != os.geteuid():
        raise _make_foreign(path)


def _check_private(path: Path, found: os.stat_result, *, owners: Collection[int]) -> None:
    """Refuse a directory in which another user could replace names between a check and a use of them."""
    if found.st_uid not in owners:
        msg = (
            f"{path} belongs to another user (uid {found.st_uid}), who could replace files in it: run as that user, or"
            " give a directory that belongs to you"
        )
        raise InputError(msg)
    if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        msg = (
            f"every user of this machine can replace files in {path} (mode {stat.S_IMODE(found.st_mode):o}): run"
            f" `chmod o-w {shlex.quote(str(path))}`, or give another directory"
        )
        raise InputError(msg)


def _make_foreign(path: Path) -> InputError:
    return InputError(f"{path} is a link, or belongs to another user: give a new directory, or remove it first")


def _check_symbolic_links(files: Path) -> None:
    """Refuse a file system without symbolic links before anything is fetched."""
    probe = files / NEXT / "link"
    try:
        with suppress(FileExistsError):  # a killed writer left it
            probe.symlink_to("file")
        probe.unlink()
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        msg = (
            f"cannot write a data set in {files.parent}: its file system has no symbolic links ({explain(error)}); give"
            " a directory on another one"
        )
        raise OutputError(msg) from error
