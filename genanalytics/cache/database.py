"""The file of the cache: opened, created, and renamed if it is damaged.

A process that opens or renames the file holds a lock on its directory: SQLite would apply an old write-ahead log to a
new database next to it. Only SQLite opens the file, since closing any other handle drops the locks that SQLite holds on
it for the whole process.
"""

import errno
import os
import sqlite3
import time
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

from genanalytics.base.locks import lock_directory
from genanalytics.cache.privacy import make_directory
from genanalytics.errors import CacheError

BUSY_TIMEOUT_MS = 10_000
"""The longest wait for another process that is writing."""

_OF_THE_DISK = frozenset({errno.EROFS, errno.ENOSPC, errno.EDQUOT})
_NO_PERMISSION = frozenset({errno.EACCES, errno.EPERM})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_TOOBIG})
_UNWRITABLE = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
)
_NOT_OURS = ("no such table", "no such column", "table responses has no column", "unsupported file format")
DAMAGE_ERRORS = (sqlite3.DatabaseError, UnicodeDecodeError)
"""Errors about a damaged file; the second is raised for an error message that quotes a damaged schema."""

_PROBE = "SELECT CAST(key AS BLOB), CAST(value AS BLOB), CAST(expires AS BLOB) FROM responses LIMIT 1"
"""A query that fails on a truncated file or another layout; cast, since a bad row does not make a bad file."""

_MARK = 0x6761 << 16
"""The upper half of `user_version` in a file that only later versions can read; a flipped bit does not make it."""

_PRIMARY = 0xFF  # the lowest byte of an extended code of SQLite is the primary code


class Opened(NamedTuple):
    """A connection to the cache's database.

    Attributes:
        connection: The connection; to an empty database in memory if the disk has none and accepts none.
        identity: The identity of the file, which a renaming keeps; None in memory.
        refusal: The reason why nothing can be written; empty if it can.
        notice: A notice if a damaged file was renamed.
    """

    connection: sqlite3.Connection
    identity: tuple[int, int] | None
    refusal: str
    notice: str = ""


def is_damage(error: sqlite3.DatabaseError | UnicodeDecodeError) -> bool:
    """Return whether an error means that the file is not a database, or not one of the cache."""
    if isinstance(error, UnicodeDecodeError):
        return True
    return _read_code(error) in _DAMAGED or str(error).startswith(_NOT_OURS)


def is_read_only(error: sqlite3.Error) -> bool:
    """Return whether an error means that the file can never be written."""
    return _read_code(error) == sqlite3.SQLITE_READONLY


def refuse_newer(connection: sqlite3.Connection) -> None:
    """Refuse a file with a layout of a later version: this version would take it for damaged.

    Raises:
        CacheError: A later version wrote the file.
        sqlite3.Error: It cannot be read.
    """
    [(version,)] = connection.execute("PRAGMA user_version")
    if version & ~0xFFFF == _MARK:
        [(_, _, name)] = connection.execute("PRAGMA database_list")
        msg = (
            f"cannot use the cache {name}: a newer version of genanalytics wrote it (layout {version & 0xFFFF}); update"
            " genanalytics, or give another cache_dir (--cache-dir)"
        )
        raise CacheError(msg)


def identify(path: Path) -> tuple[int, int] | None:
    """Return the identity of the file at a path; None without one."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def open_database(path: Path) -> Opened:
    """Return a connection to the database, which is created if it does not exist.

    A damaged file is renamed and replaced by a new one; a read-only file is only read.

    Raises:
        CacheError: The file or its directory is not private to this user, or a newer version wrote the file.
        OSError: The directory or the file cannot be created or read, for another reason than a full or read-only disk.
        sqlite3.Error: The file cannot be read as a database.
    """
    try:
        make_directory(path)
        with lock_directory(path.parent):
            _make_file(path)
            notice = ""
            try:
                connection = connect(path)
            except DAMAGE_ERRORS as error:
                if not is_damage(error):
                    raise
                notice = _rename_damaged(path, error)
                _make_file(path)
                connection = connect(path)
            return Opened(connection, identify(path), "", notice)
    except (OSError, sqlite3.Error) as error:
        if not _is_unwritable(error, path):
            raise
        refusal = (error.strerror if isinstance(error, OSError) else None) or str(error)
    for mode in ("mode=ro", "immutable=1"):  # the second if even the index of the log cannot be created
        with suppress(*DAMAGE_ERRORS):
            return Opened(connect(path, read_only=mode), identify(path), refusal)
    return open_in_memory(refusal)


def open_in_memory(refusal: str) -> Opened:
    """Return an empty database in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _make_table(connection)
    return Opened(connection, None, refusal)


def rename_damaged(path: Path, identity: tuple[int, int] | None, error: Exception) -> str:
    """Rename a damaged database and its log, and return a notice; "" if another process was first.

    A file at the path with another `identity` is left alone; `error` showed the damage.

    Raises:
        OSError: It cannot be renamed.
    """
    with lock_directory(path.parent):
        return _rename_damaged(path, error) if identity and identify(path) == identity else ""


def _rename_damaged(path: Path, error: Exception) -> str:
    stem = f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    names = (path.with_name(f"{stem}-{number}" if number else stem) for number in count())
    aside = next(name for name in names if not os.path.lexists(name))
    for part in ("-wal", "-shm", ""):  # the log first: it would be applied to the next database
        with suppress(FileNotFoundError):
            path.with_name(path.name + part).rename(aside.with_name(aside.name + part))
    return f"the cache was damaged ({error}): it was renamed to {aside}, and a new one was created"


def _read_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY


def _is_unwritable(error: OSError | sqlite3.Error, path: Path) -> bool:
    if isinstance(error, sqlite3.Error):
        return _read_code(error) in _UNWRITABLE
    return error.errno in _OF_THE_DISK or (error.errno in _NO_PERMISSION and os.access(path, os.R_OK))


def _make_file(path: Path) -> None:
    with suppress(FileExistsError):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.fchmod(handle, 0o600)  # for any umask
        os.close(handle)
    for place in (path, path.parent):
        if not os.access(place, os.W_OK):
            read_only = hasattr(os, "statvfs") and os.statvfs(place).f_flag & os.ST_RDONLY
            code = errno.EROFS if read_only else errno.EACCES
            raise OSError(code, os.strerror(code), str(place))


def connect(path: Path, *, read_only: str = "") -> sqlite3.Connection:
    """Return a connection to a file with the table of answers; `read_only` is a parameter of SQLite's URIs."""
    name = f"{path.absolute().as_uri()}?{read_only}" if read_only else path
    connection = sqlite3.connect(name, uri=bool(read_only), isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        refuse_newer(connection)
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")  # recommended by SQLite with such a log
            _make_table(connection)
        with closing(connection.execute(_PROBE)) as rows:
            rows.fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _make_table(connection: sqlite3.Connection) -> None:
    """Create the table that requests-cache expects, if the file lacks it."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'responses'").fetchone() is None:
        connection.execute("CREATE TABLE IF NOT EXISTS responses (key TEXT PRIMARY KEY, value BLOB, expires INTEGER)")
        connection.execute("CREATE INDEX IF NOT EXISTS expires_idx ON responses(expires)")
