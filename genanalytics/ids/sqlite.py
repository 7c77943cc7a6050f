"""Ids in an SQLite database: stored columns only, and no value that is longer than a limit is loaded."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from genanalytics.base.content import Content, translate_errors
from genanalytics.base.text import escape_unprintable
from genanalytics.ids.columns import (
    LONGEST_VALUE,
    SAMPLE_ROWS,
    Notify,
    choose_column,
    count_ids,
    find_in_value,
    no_column,
    read_column,
    to_text,
)
from genanalytics.units import format_count

_ERRORS = (sqlite3.Error, MemoryError, OverflowError, UnicodeDecodeError)
_LARGEST_VALUE = 1 << 25
"""The longest value that is loaded, in bytes: SQLite raises an error for a longer one, without reading it."""
_LARGEST_IN_ROW = 1 << 20
"""The longest value that is loaded together with the other values of its row."""
_ROW_NUMBERS = ("rowid", "_rowid_", "oid")
_COMPUTED = 2
"""The mark of a column whose values are computed when they are read (`PRAGMA table_xinfo`)."""


def read_sqlite_ids(content: Content, column: str | None, notify: Notify) -> Iterator[str]:
    """Yield the ids of the tables of a database, which is only read.

    Views, virtual tables and computed columns are left out: they are programs, not data.
    """
    with content.file() as path, translate_errors(content.name, *_ERRORS), closing(_connect(path)) as database:
        tables = [_Table(database, name) for name in _list_tables(database)]
        matches = {table.name: table.count_ids() for table in tables}
        wanted = {table.name: _match_column(column, table.name, matches[table.name]) for table in tables}
        if column is not None and all(match is None for match in wanted.values()):
            names = [f"{table}.{name}" for table, columns in matches.items() for name in columns]
            raise no_column(column, names, content.name)
        for table in tables:
            if column is None or wanted[table.name] is not None:
                name = f"{content.name}, table {escape_unprintable(table.name)}"
                chosen = choose_column(matches[table.name], wanted[table.name], name, notify)
                if chosen is not None:
                    yield from read_column(table.read_texts(chosen), name, notify)
                elif matches[table.name]:
                    yield from table.search([*matches[table.name]])
                if table.too_long:
                    count = format_count(table.too_long, "value")
                    notify(f"{name}: left out {count} longer than {_LARGEST_VALUE:,} bytes")


def _connect(path: Path) -> sqlite3.Connection:
    """Return a connection that changes nothing, runs no code of the file, and takes any bytes for text."""
    logs = (path.with_name(f"{path.name}{suffix}") for suffix in ("-wal", "-journal"))
    # without a log nobody is writing, and SQLite can read the database without creating files next to it; with the
    # journal of a transaction that was never finished, SQLite raises an error instead of reading half of it
    mode = "mode=ro" if any(log.exists() and log.stat().st_size for log in logs) else "mode=ro&immutable=1"
    database = sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True)
    database.text_factory = bytes
    database.execute("PRAGMA trusted_schema = OFF")
    return database


def _list_tables(database: sqlite3.Connection) -> list[str]:
    try:
        tables = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
            raise
        msg = "its last writer was killed in a transaction: open it once with its program or `sqlite3`, which undo it"
        raise sqlite3.OperationalError(msg) from error
    texts = ((_decode(name), _decode(sql)) for name, sql in tables)
    return [
        name
        for name, sql in texts
        if not name.startswith("sqlite_") and not sql.upper().lstrip().startswith("CREATE VIRTUAL")
    ]


class _Table:
    """The stored columns of a table.

    Attributes:
        name: Its name.
        too_long: The number of values that were left out since they are too long.
    """

    def __init__(self, database: sqlite3.Connection, name: str) -> None:
        self.name = name
        self.too_long = 0
        self._database = database
        described = database.execute(f"PRAGMA table_xinfo({_quote(name)})").fetchall()
        self._columns = [_decode(row[1]) for row in described if row[6] != _COMPUTED]
        taken = {_decode(row[1]).lower() for row in described}
        self._row_number = next((free for free in _ROW_NUMBERS if self._has(free, taken)), "")

    def count_ids(self) -> dict[str, int]:
        """Return the result of `count_ids` for the first values of each column, without columns of other values."""
        matches = {}
        for column in self._columns:
            texts = list(self.read_texts(column, rows=SAMPLE_ROWS))
            if not texts or any(texts):
                matches[column] = count_ids(texts)
        self.too_long = 0  # they will be read again
        return matches

    def read_texts(self, column: str, *, rows: int = -1) -> Iterator[str | None]:
        """Yield the values of a column, cut to `LONGEST_VALUE` bytes; None for numbers and values that are too long."""
        for value in self._read([column], rows):
            yield to_text(value[:LONGEST_VALUE]) if isinstance(value, bytes) else None

    def search(self, columns: Sequence[str]) -> Iterator[str]:
        """Yield every id anywhere in the values of columns, row by row."""
        for value in self._read(columns):
            if isinstance(value, bytes):
                yield from find_in_value(value)

    def _read(self, columns: Sequence[str], rows: int = -1) -> Iterator[object]:
        """Yield values row by row; from the first row with a long value on, one value at a time, which is slower."""
        order = f"ORDER BY {self._row_number}" if self._row_number else ""
        done = 0
        try:
            largest = _LARGEST_IN_ROW if self._row_number else _LARGEST_VALUE
            for row in self._select(", ".join(map(_quote, columns)), f"{order} LIMIT {rows}", largest=largest):
                done += 1
                yield from row
        except sqlite3.DataError:  # a value is too long
            if not self._row_number:
                raise
        else:
            return
        left = rows - done if rows >= 0 else rows
        for (number,) in self._select(self._row_number, f"{order} LIMIT {left} OFFSET {done}"):
            for column in columns:
                yield self._read_value(column, number)

    def _read_value(self, column: str, number: int) -> object:
        """Return one value; None if it is too long."""
        try:
            [(value,)] = self._select(_quote(column), f"WHERE {self._row_number} = ?", number, largest=_LARGEST_VALUE)
        except sqlite3.DataError:
            self.too_long += 1
            return None
        return value

    def _select(self, what: str, rest: str, *values: int, largest: int = _LARGEST_IN_ROW) -> sqlite3.Cursor:
        self._database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, largest)
        return self._database.execute(f"SELECT {what} FROM {_quote(self.name)} {rest}", values)  # noqa: S608 - quoted

    def _has(self, row_number: str, columns: set[str]) -> bool:
        """Return whether rows have a number by this name: a column can take the name, and a table can be without."""
        if row_number in columns:
            return False
        try:
            self._select(row_number, "LIMIT 0")
        except sqlite3.OperationalError:
            return False
        return True


def _match_column(column: str | None, table: str, columns: dict[str, int]) -> str | None:
    """Return the column that the caller named, alone or after the table's name, if this table has it."""
    bare = column.removeprefix(f"{table}.") if column is not None else None
    return bare if bare in columns else None


def _decode(text: bytes | None) -> str:
    return (text or b"").decode("utf-8", "surrogateescape")


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
