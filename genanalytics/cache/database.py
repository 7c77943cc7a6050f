"""The cache's file: whose it is, whether it can be read and written, and what becomes of a damaged one.

Whoever opens the file or sets it aside holds a lock on its directory meanwhile: a write-ahead log that stayed behind
beside a new database would be applied to it. The file itself is never opened but by SQLite, since closing any handle of
it drops the locks that SQLite holds on it for the whole process.
"""

import errno
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

from genanalytics.errors import CacheError

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be renamed in the first place
    fcntl = None  # type: ignore[assignment]

BUSY_TIMEOUT_MS = 10_000
"""How long to wait for another process that is writing."""

_OF_THE_DISK = frozenset({errno.EROFS, errno.ENOSPC, errno.EDQUOT})
_NO_PERMISSION = frozenset({errno.EACCES, errno.EPERM})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_TOOBIG})
_UNWRITABLE = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
)
_NOT_OURS = ("no such table", "no such column", "table responses has no column", "unsupported file format")
DAMAGE_SHOWS_AS = (sqlite3.DatabaseError, UnicodeDecodeError)
"""The second comes from the text of an error that quotes a damaged schema."""

_PROBE = "SELECT CAST(key AS BLOB), CAST(value AS BLOB), CAST(expires AS BLOB) FROM responses LIMIT 1"
"""What fails on a file cut short or of another layout; cast, since one bad row, be it the first, makes no bad file."""

_PRIMARY = 0xFF  # an extended code of SQLite's holds the primary one in its lowest byte


class Opened(NamedTuple):
    """A connection to the cache's database.

    Attributes:
        connection: The connection; to an empty database in memory where the disk holds none and takes none.
        identity: Which file it is, whatever its name becomes; None in memory.
        refusal: Why nothing can be written; empty where it can.
        news: What the user should know, in one sentence, where a damaged file was set aside.
    """

    connection: sqlite3.Connection
    identity: tuple[int, int] | None
    refusal: str
    news: str = ""


def is_damage(error: sqlite3.DatabaseError | UnicodeDecodeError) -> bool:
    """Return whether an error says that the file is no database, or not the cache's."""
    if isinstance(error, UnicodeDecodeError):
        return True
    return _code(error) in _DAMAGED or str(error).startswith(_NOT_OURS)


def is_read_only(error: sqlite3.Error) -> bool:
    """Return whether an error says that this file will not be written, now or later."""
    return _code(error) == sqlite3.SQLITE_READONLY


def identity_of(path: Path) -> tuple[int, int] | None:
    """Return which file stands at a path now, or None where there is none."""
    try:
        there = path.stat()
    except OSError:
        return None
    return there.st_dev, there.st_ino


def open_database(path: Path) -> Opened:
    """Return a connection to the database, made if it is not there.

    What is damaged is set aside for a new one; what cannot be written is read.

    Raises:
        CacheError: The file or its directory belongs to somebody else, or is no file.
        OSError: The directory or the file cannot be made or read, for another reason than the disk's.
        sqlite3.Error: The file cannot be read as a database.
    """
    try:
        _make_directory(path.parent)
        with _locked(path.parent):
            _make_file(path)
            news = ""
            try:
                connection = _connected(path)
            except DAMAGE_SHOWS_AS as error:
                if not is_damage(error):
                    raise
                news = _set_aside(path, error)
                _make_file(path)
                connection = _connected(path)
            return Opened(connection, identity_of(path), "", news)
    except (OSError, sqlite3.Error) as error:
        if not _is_unwritable(error, path):
            raise
        refusal = (error.strerror if isinstance(error, OSError) else None) or str(error)
    for mode in ("mode=ro", "immutable=1"):  # the second where not even the index of the log can be made
        with suppress(*DAMAGE_SHOWS_AS):
            return Opened(_connected_for_reading(path, mode), identity_of(path), refusal)
    return Opened(_in_memory(), None, refusal)


def in_memory(refusal: str) -> Opened:
    """Return an empty database that keeps nothing."""
    return Opened(_in_memory(), None, refusal)


def set_aside(path: Path, identity: tuple[int, int] | None, error: Exception) -> str:
    """Rename a damaged database and its log, and return what is to be said; nothing where another process was first.

    Args:
        path: The database.
        identity: Which file was found damaged; another one that stands there now is left alone.
        error: How the damage showed.

    Raises:
        OSError: It cannot be renamed.
    """
    with _locked(path.parent):
        return _set_aside(path, error) if identity and identity_of(path) == identity else ""


def _set_aside(path: Path, error: Exception) -> str:
    stem = f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    names = (path.with_name(f"{stem}-{number}" if number else stem) for number in count())
    aside = next(name for name in names if not os.path.lexists(name))
    for part in ("-wal", "-shm", ""):  # the log first: beside the next database it would do harm
        with suppress(FileNotFoundError):
            path.with_name(path.name + part).rename(aside.with_name(aside.name + part))
    return f"the cache was damaged ({error}), so it was set aside as {aside} and a new one was begun"


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY


def _is_unwritable(error: OSError | sqlite3.Error, path: Path) -> bool:
    if isinstance(error, sqlite3.Error):
        return _code(error) in _UNWRITABLE
    return error.errno in _OF_THE_DISK or (error.errno in _NO_PERMISSION and os.access(path, os.R_OK))


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep other processes and threads from opening or renaming the database, as far as the file system has locks."""
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


def _make_directory(directory: Path) -> None:
    if not directory.is_dir():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)  # whatever the umask
    _check_owner(directory)


def _make_file(path: Path) -> None:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        _check_owner(path)
        if not stat.S_ISREG(path.stat().st_mode):
            msg = f"cannot use the cache {path}: it is no file; name another directory with cache_dir (--cache-dir)"
            raise CacheError(msg) from None
        if stat.S_IMODE(path.stat().st_mode) != 0o600:  # noqa: PLR2004
            path.chmod(0o600)
    else:
        os.fchmod(handle, 0o600)
        os.close(handle)
    for place in (path, path.parent):
        if not os.access(place, os.W_OK):
            read_only = hasattr(os, "statvfs") and os.statvfs(place).f_flag & os.ST_RDONLY
            code = errno.EROFS if read_only else errno.EACCES
            raise OSError(code, os.strerror(code), str(place))


def _check_owner(path: Path) -> None:
    """Refuse what somebody else owns, be it a link or what the link leads to: they could read it, or change it."""
    if hasattr(os, "geteuid"):
        for owner in (path.lstat().st_uid, path.stat().st_uid):
            if owner != os.geteuid():
                msg = (
                    f"cannot use the cache: {path} belongs to another user (uid {owner});"
                    " name another directory with cache_dir (--cache-dir)"
                )
                raise CacheError(msg)


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # what SQLite advises with such a log
        _make_table(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_table(connection: sqlite3.Connection) -> None:
    """Make the table that requests-cache expects; in a file that has it, nothing is written."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'responses'").fetchone() is None:
        connection.execute("CREATE TABLE IF NOT EXISTS responses (key TEXT PRIMARY KEY, value BLOB, expires INTEGER)")
        connection.execute("CREATE INDEX IF NOT EXISTS expires_idx ON responses(expires)")
    with closing(connection.execute(_PROBE)) as rows:
        rows.fetchone()


def _connected_for_reading(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}", uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        with closing(connection.execute(_PROBE)) as rows:
            rows.fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _in_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _make_table(connection)
    return connection
