"""Ids in an SQLite database: stored columns only, one value at a time, none longer than a limit."""

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
"""The longest value that is searched, in bytes."""
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
                    values = map(to_text, table.read([chosen], LONGEST_VALUE))
                    yield from read_column(values, name, notify)
                elif matches[table.name]:
                    yield from table.search([*matches[table.name]])
                    if table.too_long:
                        count = format_count(table.too_long, "value")
                        notify(f"{name}: left out {count} longer than {_LARGEST_VALUE:,} bytes")


def _connect(path: Path) -> sqlite3.Connection:
    """Return a connection that changes nothing, runs no code of the file, and takes any bytes for text."""
    log = path.with_name(f"{path.name}-wal")
    # without a log nobody is writing, and SQLite can read the database without creating files next to it
    mode = "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"
    database = sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True)
    database.text_factory = bytes
    database.execute("PRAGMA trusted_schema = OFF")
    return database


def _list_tables(database: sqlite3.Connection) -> list[str]:
    tables = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
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
        too_long: The number of values that `search` left out.
    """

    def __init__(self, database: sqlite3.Connection, name: str) -> None:
        self.name = name
        self.too_long = 0
        self._database = database
        described = database.execute(f"PRAGMA table_xinfo({_quote(name)})")
        self._columns = [_decode(row[1]) for row in described if row[6] != _COMPUTED]

    def count_ids(self) -> dict[str, int]:
        """Return the result of `count_ids` for the first values of each column, without columns of other values."""
        matches = {}
        for column in self._columns:
            texts = list(map(to_text, self.read([column], LONGEST_VALUE, rows=SAMPLE_ROWS)))
            if not texts or any(texts):
                matches[column] = count_ids(texts)
        return matches

    def read(self, columns: Sequence[str], longest: int, *, rows: int = -1) -> Iterator[object]:
        """Yield values row by row; texts and blobs are cut to `longest` bytes within SQLite."""
        parts = (
            f"CASE WHEN typeof({name}) IN ('text', 'blob') THEN substr(CAST({name} AS BLOB), 1, {longest}) END"
            for name in map(_quote, columns)
        )
        statement = f"SELECT {', '.join(parts)} FROM {_quote(self.name)} LIMIT {rows}"  # noqa: S608 - quoted
        for row in self._database.execute(statement):
            yield from row

    def search(self, columns: Sequence[str]) -> Iterator[str]:
        """Yield every id anywhere in values of at most 32 MiB."""
        for value in self.read(columns, _LARGEST_VALUE + 1):
            if isinstance(value, bytes) and len(value) > _LARGEST_VALUE:
                self.too_long += 1
            elif isinstance(value, bytes):
                yield from find_in_value(value)


def _match_column(column: str | None, table: str, columns: dict[str, int]) -> str | None:
    """Return the column that the caller named, alone or after the table's name, if this table has it."""
    bare = column.removeprefix(f"{table}.") if column is not None else None
    return bare if bare in columns else None


def _decode(text: bytes | None) -> str:
    return (text or b"").decode("utf-8", "surrogateescape")


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
