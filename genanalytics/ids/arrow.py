"""Ids in tables: Parquet, Arrow, SQLite, and text with separators."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from genanalytics.base.content import Content, reason_of
from genanalytics.errors import InputError
from genanalytics.ids.columns import SAMPLE, Tell, choose, values_of
from genanalytics.ids.form import PATTERN
from genanalytics.ids.text import Delimited, search
from genanalytics.units import printable

_CHUNKS = 2
"""So many chunks of text with separators are parsed at once."""

_LONGEST_ROW = 1 << 26
"""Prompts and answers stand in such tables too; in what is longer, a quote is missing."""


def ids_in_parquet(content: Content, column: str | None, tell: Tell) -> Iterator[str]:
    """Yield the ids of a Parquet file; a field of a struct is a column too, such as `data.id`."""
    with _readable(content.name), content.file() as path, pa.parquet.ParquetFile(path) as file:
        first = next(file.iter_batches(SAMPLE), None)
        if first is None:
            return
        chosen = choose(_sample(first), column, content.name, tell)
        batches = file.iter_batches(columns=None if chosen is None else [chosen])
        yield from _in_batches(batches, chosen, content.name, tell)


def ids_in_arrow_file(content: Content, column: str | None, tell: Tell) -> Iterator[str]:
    """Yield the ids of an Arrow file (IPC, also called Feather)."""
    with _readable(content.name), content.file() as path, pa.memory_map(str(path)) as mapped:
        file = pa.ipc.open_file(mapped)
        batches = map(file.get_batch, range(file.num_record_batches))
        yield from _in_stream(batches, column, content.name, tell)


def ids_in_arrow_stream(content: Content, column: str | None, tell: Tell) -> Iterator[str]:
    """Yield the ids of an Arrow stream (IPC)."""
    with _readable(content.name), pa.ipc.open_stream(pa.PythonFile(content.stream(), mode="r")) as stream:
        yield from _in_stream(stream, column, content.name, tell)


def ids_in_memory(table: object, column: str | None, tell: Tell) -> Iterator[str]:
    """Yield the ids of a table of pyarrow, pandas, polars or whatever else speaks Arrow's C stream interface."""
    with _readable("this table"):
        yield from _in_stream(pa.RecordBatchReader.from_stream(table), column, "the table", tell)


def ids_in_delimited(content: Content, table: Delimited, column: str, tell: Tell) -> Iterator[str]:
    """Yield the ids of text with separators; a row with too many fields, or too few, is searched."""
    uneven: list[str] = []

    def set_aside(row: pa.csv.InvalidRow) -> str:
        uneven.append(row.text)
        return "skip"

    place = f"f{table.names.index(column)}"
    names = [f"f{number}" for number in range(len(table.names))]
    parse = pa.csv.ParseOptions(delimiter=table.separator, newlines_in_values=True, invalid_row_handler=set_aside)
    convert = pa.csv.ConvertOptions(include_columns=[place], column_types={place: pa.string()})

    def values() -> Iterator[str | None]:
        searched = 0
        for number, rows in enumerate(_rows(content)):
            text = rows.decode("utf-8", "replace").encode()  # Arrow hands over a row in UTF-8 or not at all
            skipped = 0 if number else table.skipped
            read = pa.csv.ReadOptions(
                block_size=len(text) + 1, column_names=names, skip_rows=skipped, use_threads=False
            )
            yield from _texts(pa.csv.read_csv(pa.BufferReader(text), read, parse, convert).column(place))
            yield from search(f"{row}\n".encode() for row in uneven)
            searched += len(uneven)
            uneven.clear()
        if searched:
            tell(f"{content.name}: rows with another number of fields were searched ({searched:,} of them)")

    with _readable(content.name):
        yield from values_of(values(), content.name, tell)


def _rows(content: Content) -> Iterator[bytes]:
    """Yield some whole rows at a time; Arrow's own streaming reader would read 32 blocks ahead, whatever their size."""
    chunks = content.chunks()
    rows = b""
    while some := b"".join(islice(chunks, _CHUNKS)):
        rows += some
        end = _end_of_row(rows) or (len(rows) if len(rows) >= _LONGEST_ROW else 0)
        if end:
            yield rows[:end]
            rows = rows[end:]
    if rows.strip():
        yield rows


def _end_of_row(rows: bytes) -> int:
    """Return where the last whole row ends, 0 where none does; a line that ends within quotes is no end of a row."""
    end = rows.rfind(b"\n") + 1
    quotes = rows.count(b'"', 0, end)
    while quotes % 2:
        before = rows.rfind(b"\n", 0, rows.rfind(b'"', 0, end)) + 1
        quotes -= rows.count(b'"', before, end)
        end = before
    return end


def ids_in_sqlite(content: Content, column: str | None, tell: Tell) -> Iterator[str]:
    """Yield the ids of the tables of an SQLite database, which is only read; views and virtual tables are left out."""
    with content.file() as path, _readable(content.name), closing(_connected(path)) as database:
        samples = {table: _sqlite_sample(database, table) for table in _sqlite_tables(database)}
        wanted = {table: _wanted(column, table, sample) for table, sample in samples.items()}
        if column is not None and not any(wanted.values()):
            there = ", ".join(f"{table}.{name}" for table, sample in samples.items() for name in sample)
            msg = f"no column {column!r} with text in {content.name}; it has {printable(there) or 'none at all'}"
            raise InputError(msg)
        for table, sample in samples.items():
            if column is None or wanted[table]:
                name = f"{content.name}, table {printable(table)}"
                chosen = choose(sample, wanted[table], name, tell)
                values = _sqlite_values(database, table, [*sample] if chosen is None else [chosen])
                yield from values_of(values, name, tell) if chosen is not None else _anywhere(values)


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, sqlite3.Error, MemoryError, OverflowError, UnicodeDecodeError) as error:
        msg = f"cannot read {name}: {reason_of(error)}"
        raise InputError(msg) from error


def _in_stream(batches: Iterator[pa.RecordBatch], column: str | None, name: str, tell: Tell) -> Iterator[str]:
    batches = (_sound(batch) for batch in batches if batch.num_rows)
    first = next(batches, None)
    if first is not None:
        chosen = choose(_sample(first.slice(0, SAMPLE)), column, name, tell)
        yield from _in_batches(chain([first], batches), chosen, name, tell)


def _sound(batch: pa.RecordBatch) -> pa.RecordBatch:
    batch.validate(full=True)  # what a stranger's offsets point to is looked at before it is read
    return batch


def _in_batches(batches: Iterator[pa.RecordBatch], column: str | None, name: str, tell: Tell) -> Iterator[str]:
    """Return the values of a column; without one, every id that stands anywhere in a text."""
    if column is None:
        return _anywhere(value for batch in batches for values in _flat(batch).values() for value in _texts(values))
    return values_of((value for batch in batches for value in _texts(_flat(batch)[column])), name, tell)


def _anywhere(values: Iterable[str | None]) -> Iterator[str]:
    return (found for value in values if value for found in PATTERN.findall(value))


def _sample(batch: pa.RecordBatch) -> dict[str, list[str | None]]:
    return {name: _texts(values) for name, values in _flat(batch).items()}


def _flat(batch: pa.RecordBatch) -> dict[str, pa.ChunkedArray]:
    """Return the columns that can hold text; those of a struct under its name and theirs."""
    table = pa.Table.from_batches([batch])
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return {
        field.name: values
        for field, values in zip(table.schema, table.columns, strict=True)
        if _is_text(field.type.value_type if pa.types.is_dictionary(field.type) else field.type)
    }


def _is_text(kind: pa.DataType) -> bool:
    return any(
        test(kind)
        for test in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_string_view,
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_binary_view,
            pa.types.is_fixed_size_binary,
        )
    )


def _texts(values: pa.ChunkedArray) -> list[str | None]:
    return [_text(value) for value in values.to_pylist()]


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value if isinstance(value, str) else None


def _connected(path: Path) -> sqlite3.Connection:
    """Return a connection that changes nothing, runs nothing of the file's own, and takes any bytes for text."""
    log = path.with_name(f"{path.name}-wal")
    # without a log beside it nobody is writing, and SQLite need not lay files beside the database to read it
    mode = "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"
    database = sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True)
    database.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    database.execute("PRAGMA trusted_schema = OFF")
    return database


def _sqlite_tables(database: sqlite3.Connection) -> list[str]:
    every = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
    return [
        name
        for name, sql in every
        if not name.startswith("sqlite_") and not str(sql).upper().lstrip().startswith("CREATE VIRTUAL")
    ]


def _sqlite_sample(database: sqlite3.Connection, table: str) -> dict[str, list[str | None]]:
    rows = database.execute(f"SELECT * FROM {_quoted(table)} LIMIT {SAMPLE}")  # noqa: S608 - quoted
    names = [description[0] for description in rows.description]
    columns: dict[str, list[str | None]] = {name: [] for name in names}
    for row in rows:
        for name, value in zip(names, row, strict=True):
            columns[name].append(_text(value))
    return {name: values for name, values in columns.items() if not values or any(map(bool, values))}


def _wanted(column: str | None, table: str, sample: dict[str, list[str | None]]) -> str | None:
    """Return the column that was named, by itself or after its table's name, if this table has it."""
    bare = column.removeprefix(f"{table}.") if column is not None else None
    return bare if bare in sample else None


def _sqlite_values(database: sqlite3.Connection, table: str, columns: Sequence[str]) -> Iterator[str | None]:
    if columns:
        listed = ", ".join(map(_quoted, columns))
        rows = database.execute(f"SELECT {listed} FROM {_quoted(table)}")  # noqa: S608 - quoted
        yield from (_text(value) for row in rows for value in row)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
