"""Ids in an SQLite database."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from genanalytics.base.content import Content, translate_errors
from genanalytics.base.text import escape_unprintable
from genanalytics.ids.columns import SAMPLE_ROWS, Notify, choose_column, find_in_texts, no_column, read_column, to_text

_ERRORS = (sqlite3.Error, MemoryError, OverflowError, UnicodeDecodeError)


def read_sqlite_ids(content: Content, column: str | None, notify: Notify) -> Iterator[str]:
    """Yield the ids of the tables of a database, which is only read; views and virtual tables are left out."""
    with content.file() as path, translate_errors(content.name, *_ERRORS), closing(_connect(path)) as database:
        samples = {table: _sample(database, table) for table in _list_tables(database)}
        wanted = {table: _match_column(column, table, sample) for table, sample in samples.items()}
        if column is not None and not any(wanted.values()):
            names = [f"{table}.{name}" for table, sample in samples.items() for name in sample]
            raise no_column(column, names, content.name)
        for table, sample in samples.items():
            if column is None or wanted[table]:
                name = f"{content.name}, table {escape_unprintable(table)}"
                chosen = choose_column(sample, wanted[table], name, notify)
                values = _read_values(database, table, [*sample] if chosen is None else [chosen])
                yield from read_column(values, name, notify) if chosen is not None else find_in_texts(values)


def _connect(path: Path) -> sqlite3.Connection:
    """Return a connection that changes nothing, runs no code of the file, and takes any bytes for text."""
    log = path.with_name(f"{path.name}-wal")
    # without a log nobody is writing, and SQLite can read the database without creating files next to it
    mode = "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"
    database = sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True)
    database.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    database.execute("PRAGMA trusted_schema = OFF")
    return database


def _list_tables(database: sqlite3.Connection) -> list[str]:
    tables = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
    return [
        name
        for name, sql in tables
        if not name.startswith("sqlite_") and not str(sql).upper().lstrip().startswith("CREATE VIRTUAL")
    ]


def _sample(database: sqlite3.Connection, table: str) -> dict[str, list[str | None]]:
    rows = database.execute(f"SELECT * FROM {_quote(table)} LIMIT {SAMPLE_ROWS}")  # noqa: S608 - quoted
    names = [description[0] for description in rows.description]
    columns: dict[str, list[str | None]] = {name: [] for name in names}
    for row in rows:
        for name, value in zip(names, row, strict=True):
            columns[name].append(to_text(value))
    return {name: values for name, values in columns.items() if not values or any(map(bool, values))}


def _match_column(column: str | None, table: str, sample: dict[str, list[str | None]]) -> str | None:
    """Return the column that the caller named, alone or after the table's name, if this table has it."""
    bare = column.removeprefix(f"{table}.") if column is not None else None
    return bare if bare in sample else None


def _read_values(database: sqlite3.Connection, table: str, columns: Sequence[str]) -> Iterator[str | None]:
    if columns:
        names = ", ".join(map(_quote, columns))
        rows = database.execute(f"SELECT {names} FROM {_quote(table)}")  # noqa: S608 - quoted
        yield from (to_text(value) for row in rows for value in row)


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
