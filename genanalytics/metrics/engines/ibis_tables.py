"""Tables of Ibis, which translates its expressions into the SQL of many engines."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from secrets import token_hex
from typing import Any

import pyarrow as pa

from genanalytics.errors import InputError
from genanalytics.metrics.engines.portable import Portable
from genanalytics.metrics.engines.protocol import Window

_NAMES = {
    "bigquery": "BigQuery",
    "clickhouse": "ClickHouse",
    "duckdb": "DuckDB",
    "postgres": "PostgreSQL",
    "snowflake": "Snowflake",
    "trino": "Trino",
}
_EXACT = {"databricks", "duckdb", "postgres", "pyspark", "snowflake"}
"""The engines whose percentiles through Ibis interpolate between rows; those of ClickHouse are estimates."""
_EPOCH = "1970-01-01T00:00:00"


def describe_ibis(table: Any) -> Portable:  # noqa: ANN401 - of a package that may not be installed
    """Return the engine of a table.

    Raises:
        InputError: The table belongs to no connection.
    """
    import ibis  # noqa: PLC0415 - it is installed where its tables come from

    try:
        engine = ibis.get_backend(table).name
    except ibis.common.exceptions.IbisError as error:
        msg = "the Ibis table belongs to no connection: take it from one, such as connection.table('generations')"
        raise InputError(msg) from error
    return Portable(
        name=f"Ibis on {_NAMES.get(engine, engine)}",
        is_exact=engine in _EXACT,
        library_errors=(ibis.common.exceptions.IbisError,),
        to_utc=_to_utc,
        add_micros=_add_micros,
        add_windows=_add_windows,
        join=_join,
        fence=lambda table, _: table.filter(ibis.random() < 2),  # noqa: PLR2004 - always true, which no engine knows
        hold=_hold,
    )


def _to_utc(table: Any, names: Sequence[str]) -> Any:  # noqa: ANN401
    import ibis  # noqa: PLC0415

    first = ibis.timestamp(f"{_EPOCH}+00:00")  # a cast reads the zone of the session
    passed = {name: table[name].delta(ibis.timestamp(_EPOCH), unit="microsecond") for name in names}
    return table.mutate(**{name: first + value.as_interval("us") for name, value in passed.items()})


def _add_micros(table: Any, column: str, name: str) -> Any:  # noqa: ANN401
    import ibis  # noqa: PLC0415

    moment = table[column]
    first = _EPOCH if moment.type().timezone is None else f"{_EPOCH}+00:00"
    return table.mutate(**{name: moment.delta(ibis.timestamp(first), unit="microsecond")})


def _add_windows(table: Any, moment: str, windows: Mapping[str, Window]) -> Any:  # noqa: ANN401
    import ibis  # noqa: PLC0415

    found = {}
    for name, window in windows.items():
        value = table.count() if window.largest is None else table[window.largest].cast("float64").max()
        by = [table[key] for key in window.by]
        if window.start is None and window.end is None:
            found[name] = value.over(ibis.window(group_by=by))
        else:
            found[name] = value.over(ibis.range_window(group_by=by, order_by=table[moment], **_write_range(window)))
    return table.mutate(**found)


def _write_range(window: Window) -> dict[str, Any]:
    """Return the limits of a window as Ibis takes them: distances before a row, or after it."""
    start, end = window.start, window.end
    if start is not None and start > 0:
        return {"following": (start, end)}
    if end is not None and end <= 0:
        return {"preceding": (None if start is None else -start, -end)}
    return {"preceding": None if start is None else -start, "following": end}


def _join(table: Any, small: pa.Table, on: Sequence[str]) -> Any:  # noqa: ANN401
    import ibis  # noqa: PLC0415

    types = table.schema()
    names = {name: f"{name} of a group" for name in on}
    other = ibis.memtable(small.rename_columns([names.get(name, name) for name in small.column_names]))
    other = other.cast({names[name]: types[name] for name in on})
    if not on:
        return table.cross_join(other)
    same = [table[name].identical_to(other[names[name]]) for name in on]
    return table.left_join(other, same).drop(*names.values())


@contextmanager
def _hold(table: Any) -> Iterator[Any]:  # noqa: ANN401
    """Yield the rows of a table out of a temporary table, which `Table.cache` and `drop_table` cannot drop.

    Ibis 12 writes a statement without the name of the table if SQLGlot is new.
    """
    import ibis  # noqa: PLC0415
    import sqlglot  # noqa: PLC0415 - of Ibis

    backend, name = ibis.get_backend(table), f"genanalytics_{token_hex(8)}"
    held = backend.create_table(name, table, temp=True)
    try:
        yield held
    finally:
        quoted = sqlglot.exp.to_identifier(name, quoted=True).sql(dialect=backend.dialect)
        backend.raw_sql(f"DROP TABLE {quoted}")
