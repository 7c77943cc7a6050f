"""The SQL of each engine, for what narwhals cannot say well.

Percentiles are the main reason: narwhals asks for one at a time, and an engine then holds all values of a group each
time, while it computes a list of percentiles from one sorted copy.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import narwhals.stable.v2 as nw
import pyarrow as pa

from genanalytics.errors import InputError
from genanalytics.metrics.declare import Aggregate, Count, Quantile, RowValue, Sum
from genanalytics.metrics.engines.protocol import list_quantiles
from genanalytics.records.schema import ARROW_SCHEMA, ATTEMPT, COLUMNS, Column, Kind


@dataclass(frozen=True, slots=True)
class Dialect:
    """The SQL of an engine; templates take a column.

    Attributes:
        mark: The quotation mark of a name, doubled within the name.
        micros: The microseconds since 1970 of a moment.
        reads_naive_as_utc: Whether `micros` reads a moment without a zone as UTC, or in the zone of the session.
        naive: The moment, with a zone, of a moment without a zone, which is in UTC.
        percentiles: All percentiles of a column as a list; the levels are between commas.
        types: The names of column types.
        select: Returns expressions over data as its columns.
        group: Returns aggregates of data, after the keys of their groups.
        join: Returns the rows of data with the columns of the row of a small table that has the same keys, if there is
            one; missing keys are equal.
    """

    mark: str
    micros: str
    reads_naive_as_utc: bool
    naive: str
    percentiles: str
    types: Mapping[Kind, str]
    select: Callable[[Any, Sequence[str]], Any]
    group: Callable[[Any, Sequence[str], Sequence[str]], Any]
    join: Callable[[Any, pa.Table, Sequence[str]], Any]

    def quote(self, column: str) -> str:
        """Return the name of a column in quotation marks.

        >>> DUCKDB.quote('5" disk'), SPARK.quote('5" disk')
        ('"5"" disk"', '`5" disk`')
        """
        return self.mark + column.replace(self.mark, 2 * self.mark) + self.mark

    def add_micros(self, data: Any, column: str, name: str) -> Any:  # noqa: ANN401 - the engine's own types
        """Return data with the microseconds since 1970 of a moment as another column."""
        return self.select(data, ["*", f"{self.micros.format(self.quote(column))} AS {self.quote(name)}"])

    def group_by(self, data: Any, by: Sequence[str], aggregates: Iterable[Aggregate]) -> Any:  # noqa: ANN401
        """Return aggregates by group, under their names; percentiles as lists (`find_quantile`)."""
        steps = {step.name: self._write(step) for step in aggregates if isinstance(step, Sum | Count)}
        for value, quantiles in list_quantiles(aggregates).items():
            levels = ", ".join(f"CAST({quantile.level!r} AS DOUBLE)" for quantile in quantiles)
            steps[_name_list(value)] = self.percentiles.format(self.quote(value.name), levels)
        written = [f"{step} AS {self.quote(name)}" for name, step in steps.items()]
        return self.group(data, list(map(self.quote, by)), written)

    @staticmethod
    def find_quantile(quantile: Quantile, aggregates: Iterable[Aggregate]) -> tuple[str, int]:
        """Return the column with the list that contains a percentile, and its place in the list."""
        return _name_list(quantile.value), list_quantiles(aggregates)[quantile.value].index(quantile)

    def select_columns(self, data: Any) -> Any:  # noqa: ANN401
        """Return data with one schema: the columns of `schema.COLUMNS` with their types, then all others.

        Raises:
            InputError: A known column has another type.
        """
        schema = nw.from_native(data).collect_schema()
        known = [f"{self._cast(column, schema.get(column.name))} AS {self.quote(column.name)}" for column in COLUMNS]
        return self.select(data, [*known, *(self.quote(name) for name in schema if name not in ARROW_SCHEMA.names)])

    def _write(self, step: Sum | Count) -> str:
        match step:
            case Sum(value):
                return f"sum({self.quote(value.name)})"
            case Count(RowValue() as value):
                return f"count({self.quote(value.name)})"
            case _:
                return "count(*)"

    def _cast(self, column: Column, dtype: nw.dtypes.DType | None) -> str:
        name, wanted = self.quote(column.name), self.types[column.kind]
        if dtype is None or dtype == nw.Unknown:  # the column is missing, or has no values
            return f"CAST(NULL AS {wanted})"
        if not _ACCEPTED[column.kind](dtype):
            msg = f"column {column.name!r} holds {dtype}, it should hold {column.kind.arrow_type}"
            raise InputError(msg)
        if column.kind is Kind.ATTEMPTS:
            return name
        if column.kind is Kind.TIME and isinstance(dtype, nw.Datetime) and dtype.time_zone is None:
            return self.naive.format(name)
        if column.kind is Kind.INTEGER and dtype.is_float():
            return f"CAST(round({name}) AS {wanted})"
        return f"CAST({name} AS {wanted})"


_ACCEPTED: Mapping[Kind, Callable[[nw.dtypes.DType], bool]] = MappingProxyType(
    {
        Kind.INTEGER: lambda dtype: dtype.is_numeric(),
        Kind.NUMBER: lambda dtype: dtype.is_numeric(),
        Kind.FLAG: lambda dtype: dtype == nw.Boolean,
        Kind.TEXT: lambda dtype: dtype in {nw.String, nw.Categorical, nw.Enum},
        Kind.TIME: lambda dtype: isinstance(dtype, nw.Datetime),
        Kind.ATTEMPTS: lambda dtype: isinstance(dtype, nw.List),
    }
)
"""Which types of a file can be cast to a column of each kind."""


def _name_list(value: RowValue) -> str:
    return f"percentiles of {value.name}"


def _name_types(text: str, time: str, attempts: str, field: str) -> Mapping[Kind, str]:
    """Return the types of columns, given those that differ from engine to engine."""
    names = {pa.int64(): "BIGINT", pa.bool_(): "BOOLEAN", pa.string(): text}
    fields = ", ".join(field.format(each.name, names[each.type]) for each in ATTEMPT)
    return MappingProxyType(
        {
            Kind.INTEGER: "BIGINT",
            Kind.NUMBER: "DOUBLE",
            Kind.FLAG: "BOOLEAN",
            Kind.TEXT: text,
            Kind.TIME: time,
            Kind.ATTEMPTS: attempts.format(fields),
        }
    )


def _group_in_spark(frame: Any, by: Sequence[str], steps: Sequence[str]) -> Any:  # noqa: ANN401
    from pyspark.sql.functions import expr  # noqa: PLC0415 - it is installed where its frames come from

    return frame.groupBy(*by).agg(*map(expr, steps))


def _join_in_spark(frame: Any, table: pa.Table, on: Sequence[str]) -> Any:  # noqa: ANN401
    from pyspark.sql.functions import broadcast  # noqa: PLC0415
    from pyspark.sql.types import DoubleType, LongType, StructField, StructType  # noqa: PLC0415

    numbers = {field.name: LongType() if pa.types.is_integer(field.type) else DoubleType() for field in table.schema}
    types = numbers | {name: frame.schema[name].dataType for name in on}
    schema = StructType([StructField(name, types[name]) for name in table.column_names])
    rows = [tuple(row[name] for name in table.column_names) for row in table.to_pylist()]
    small = broadcast(frame.sparkSession.createDataFrame(rows, schema))
    conditions = [frame[f"`{name}`"].eqNullSafe(small[f"`{name}`"]) for name in on]
    joined = frame.join(small, conditions) if on else frame.crossJoin(small)
    for name in on:
        joined = joined.drop(small[f"`{name}`"])
    return joined


def _join_in_duckdb(relation: Any, table: pa.Table, on: Sequence[str]) -> Any:  # noqa: ANN401
    genanalytics_groups = table  # which the query finds by the name of the variable
    small = relation.query("genanalytics_rows", "SELECT * FROM genanalytics_groups").set_alias("small")
    del genanalytics_groups
    names = list(map(DUCKDB.quote, on))
    same = " AND ".join(f"many.{name} IS NOT DISTINCT FROM small.{name}" for name in names)
    added = [f"small.{DUCKDB.quote(name)}" for name in table.column_names if name not in on]
    return relation.set_alias("many").join(small, same or "true").project(", ".join(["many.*", *added]))


DUCKDB = Dialect(
    mark='"',
    micros="epoch_us({})",
    reads_naive_as_utc=True,
    naive="timezone('UTC', {})",
    percentiles="quantile_cont(CAST({} AS DOUBLE), [{}])",
    types=_name_types("VARCHAR", "TIMESTAMPTZ", "STRUCT({})[]", "{} {}"),
    select=lambda relation, columns: relation.project(", ".join(columns)),
    group=lambda relation, by, steps: relation.aggregate(", ".join([*by, *steps]), ", ".join(by)),
    join=_join_in_duckdb,
)
SPARK = Dialect(
    mark="`",
    micros="unix_micros({})",
    reads_naive_as_utc=False,
    naive="CAST(concat(CAST({} AS STRING), 'Z') AS TIMESTAMP)",  # any other way reads the zone of the session
    percentiles="percentile(CAST({} AS DOUBLE), array({}))",
    types=_name_types("STRING", "TIMESTAMP", "ARRAY<STRUCT<{}>>", "{}: {}"),
    select=lambda frame, columns: frame.selectExpr(*columns),
    group=_group_in_spark,
    join=_join_in_spark,
)
