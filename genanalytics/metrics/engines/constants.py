"""Columns whose values are the same for all rows of a file and are not in it: partition columns of a Delta table.

A column that was added to a table later is null in all rows of the files that lack it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import reduce
from itertools import groupby
from typing import Any

import pyarrow as pa

Values = Mapping[str, pa.Scalar]
"""The values of a file, by the column."""
Constants = Mapping[str, Values]
"""The values of each file that has such columns, by its path or URL."""

_FILE_COLUMN = "genanalytics_file"
"""The column that names the file of each row."""


def drop_present(constants: Constants, columns: Collection[str]) -> Constants:
    """Return the values without nulls of columns that are there.

    >>> drop_present({"a.parquet": {"team": pa.scalar(None)}, "b.parquet": {"part": pa.scalar(1)}}, ["team"])
    {'b.parquet': {'part': <pyarrow.Int64Scalar: 1>}}
    """
    needed = {
        path: {name: value for name, value in values.items() if value.is_valid or name not in columns}
        for path, values in constants.items()
    }
    return {path: values for path, values in needed.items() if values}


def add_to_table(table: pa.Table, values: Values) -> pa.Table:
    """Return the rows of a file with these columns.

    >>> add_to_table(pa.table({"n": [1, 2]}), {"model": pa.scalar("a")}).to_pydict()
    {'n': [1, 2], 'model': ['a', 'a']}
    """
    for name, value in values.items():
        if name not in table.column_names:
            table = table.append_column(name, pa.repeat(value, len(table)))
    return table


def open_with_duckdb(files: Sequence[str], connection: Any, constants: Constants) -> Any:  # noqa: ANN401 - an extra
    """Return Parquet files as one relation with these columns.

    Args:
        files: The files, as DuckDB takes them.
        connection: The connection.
        constants: The values.
    """
    listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    options = f"union_by_name = true, hive_partitioning = false, filename = '{_FILE_COLUMN}'"
    relation = connection.sql(f"FROM read_parquet([{listed}], {options})")
    values = connection.from_arrow(_make_table(constants)).set_alias("of_files")
    names = [name for name in values.columns if name != _FILE_COLUMN]
    own = [name for name in relation.columns if name != _FILE_COLUMN]
    columns = [f"of_rows.{_quote(name)}" for name in own if name not in names]
    for name in names:
        inside = f"of_rows.{_quote(name)}, " if name in own else ""
        columns.append(f"coalesce({inside}of_files.{_quote(name)}) AS {_quote(name)}")
    joined = relation.set_alias("of_rows").join(values, f"of_rows.{_FILE_COLUMN} = of_files.{_FILE_COLUMN}", how="left")
    return joined.project(", ".join(columns))


def open_with_spark(reader: Any, files: Sequence[str], names: Sequence[str], constants: Constants) -> Any:  # noqa: ANN401
    """Return the files as one data frame of Spark with these columns.

    Args:
        reader: The reader of a Spark session.
        files: The files.
        names: How the reader takes each of them.
        constants: The values.
    """
    frames = []
    for values, group in _group(files, names, constants):
        frame = reader.parquet(*group)
        for name, value in values.items():
            if value.is_valid or name not in frame.columns:
                frame = frame.withColumn(name, _make_literal(value))
        frames.append(frame)
    return reduce(lambda first, second: first.unionByName(second, allowMissingColumns=True), frames)


def _group(files: Sequence[str], names: Sequence[str], constants: Constants) -> Iterator[tuple[Values, list[str]]]:
    """Yield the files with the same values."""

    def order(place: tuple[str, str]) -> str:
        return repr(sorted((name, value.as_py()) for name, value in constants.get(place[0], {}).items()))

    for _, group in groupby(sorted(zip(files, names, strict=True), key=order), key=order):
        places = list(group)
        yield constants.get(places[0][0], {}), [name for _, name in places]


def _make_literal(value: pa.Scalar) -> Any:  # noqa: ANN401
    """Return a value as a column of Spark; as text, except for what text cannot become."""
    from pyspark.sql import functions  # noqa: PLC0415 - an extra

    kinds = {"int32": "int", "int64": "bigint", "date32[day]": "date", "double": "double", "bool": "boolean"}
    text = None if value.as_py() is None else str(value.as_py())
    return functions.lit(text).cast(kinds.get(str(value.type), "string"))


def _make_table(constants: Constants) -> pa.Table:
    fields: dict[str, pa.DataType] = {}
    for values in constants.values():
        for name, value in values.items():
            fields.setdefault(name, value.type)
    columns = {
        name: pa.array([values[name].as_py() if name in values else None for values in constants.values()], kind)
        for name, kind in fields.items()
    }
    return pa.table({_FILE_COLUMN: pa.array(list(constants), pa.string()), **columns})


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
