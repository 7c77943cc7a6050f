"""The SQL of each engine, for what narwhals cannot say well.

Percentiles are the main reason: narwhals asks for one at a time, and an engine then holds all values of a group each
time, while it computes a list of percentiles from one sorted copy.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType, ModuleType
from typing import Any

import narwhals.stable.v2 as nw
import pyarrow as pa
import pyarrow.compute as pc

from genanalytics.errors import InputError
from genanalytics.metrics.declare import Aggregate, Count, Quantile, RowValue, Sum
from genanalytics.metrics.engines.capacity import find_memory_of_duckdb, find_memory_of_spark
from genanalytics.metrics.engines.columns import check_type
from genanalytics.metrics.engines.protocol import Window, list_quantiles
from genanalytics.metrics.engines.sketch import write_class
from genanalytics.metrics.names import make_plain, name_clean
from genanalytics.records.schema import ARROW_SCHEMA, ATTEMPT, BY_NAME, COLUMNS, Column, Kind

_INFINITY = "CAST('Infinity' AS DOUBLE)"
"""For DuckDB and Spark, NaN is above it."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The SQL of an engine; templates take a column.

    Attributes:
        mark: The quotation mark of a name, doubled within the name.
        micros: The microseconds since 1970 of a moment.
        naive: The moment, with a zone, of a moment without a zone, which is in UTC.
        percentiles: All percentiles of a column as a list; the levels are between commas.
        types: The names of column types.
        select: Returns expressions over data as its columns.
        group: Returns aggregates of data, after the keys of their groups.
        join: Returns all rows of data with the columns of the row of a small table that has the same keys, gaps if
            there is none; missing keys are equal.
        fence: Returns the same data, whose columns of some names the engine computes before those that are made of
            them. An engine that puts one expression into another may compute it once for each use: many steps would
            never end.
        hold: Returns a context with the same data, computed once: DuckDB writes it to a temporary file.
        name: The name of the engine.
        list_errors: Returns what the engine raises.
        find_memory: Returns the bytes of memory that the engine may use for data.
        sketches: Whether percentiles are sketched unless exact ones are wanted.
        holds_classes: Whether the classes of all sketched values are held (`hold`), so that rows are read once.
    """

    mark: str
    micros: str
    naive: str
    percentiles: str
    types: Mapping[Kind, str]
    select: Callable[[Any, Sequence[str]], Any]
    group: Callable[[Any, Sequence[str], Sequence[str]], Any]
    join: Callable[[Any, pa.Table, Sequence[str]], Any]
    fence: Callable[[Any, Iterable[str]], Any]
    hold: Callable[[Any], AbstractContextManager[Any]]
    name: str
    list_errors: Callable[[], tuple[type[Exception], ...]]
    find_memory: Callable[[Any], int]
    sketches: bool = False
    holds_classes: bool = False

    @contextmanager
    def explain_errors(self) -> Iterator[None]:
        """Raise what the engine raises as `InputError`."""
        with explain_engine_errors(self.name, self.list_errors):
            yield

    def quote(self, column: str) -> str:
        """Return the name of a column in quotation marks.

        >>> DUCKDB.quote('5" disk'), SPARK.quote('5" disk')
        ('"5"" disk"', '`5" disk`')
        """
        return self.mark + column.replace(self.mark, 2 * self.mark) + self.mark

    def rename(self, data: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - the engine's own types
        """Return data with its columns under other names, in the order of the names."""
        return self.select(data, [f"{self.quote(old)} AS {self.quote(new)}" for old, new in names.items()])

    def add_micros(self, data: Any, column: str, name: str) -> Any:  # noqa: ANN401 - the engine's own types
        """Return data with the microseconds since 1970 of a moment as another column."""
        return self.select(data, ["*", f"{self.micros.format(self.quote(column))} AS {self.quote(name)}"])

    def classify(self, data: Any, names: Mapping[RowValue, str], kept: Iterable[str]) -> Any:  # noqa: ANN401
        """Return columns of data, and the classes of row values (`sketch.classify`) under the names given."""
        classes = {name: write_class(f"CAST({self.quote(value.name)} AS DOUBLE)") for value, name in names.items()}
        steps = [*map(self.quote, kept), *(f"{step} AS {self.quote(name)}" for name, step in classes.items())]
        return self.select(data, steps)

    def group_by(self, data: Any, by: Sequence[str], aggregates: Iterable[Aggregate]) -> Any:  # noqa: ANN401
        """Return aggregates by group, under their names; percentiles as lists (`read_quantile`)."""
        steps = {step.name: self._write(step) for step in aggregates if isinstance(step, Sum | Count)}
        for value, quantiles in list_quantiles(aggregates).items():
            levels = ", ".join(f"CAST({quantile.level!r} AS DOUBLE)" for quantile in quantiles)
            steps[_name_list(value)] = self.percentiles.format(self.quote(value.name), levels)
        written = [f"{step} AS {self.quote(name)}" for name, step in steps.items()]
        return self.group(data, list(map(self.quote, by)), written)

    @staticmethod
    def read_quantile(groups: pa.Table, step: Quantile, aggregates: Iterable[Aggregate]) -> pa.ChunkedArray:
        """Return a percentile by group, out of the result of `group_by`."""
        place = list_quantiles(aggregates)[step.value].index(step)
        return pc.list_element(groups[_name_list(step.value)], place)

    def add_windows(self, data: Any, moment: str, windows: Mapping[str, Window]) -> Any:  # noqa: ANN401
        """Return data with aggregates of the rows around each row."""
        return self.select(data, ["*", *(self._write_window(moment, *one) for one in windows.items())])

    def select_columns(self, data: Any) -> Any:  # noqa: ANN401
        """Return data with one schema: the columns of `schema.COLUMNS` with their types, then all others.

        Raises:
            InputError: A known column has another type.
        """
        schema = nw.from_native(data).collect_schema()
        known = [f"{self._cast(column, schema.get(column.name))} AS {self.quote(column.name)}" for column in COLUMNS]
        return self.select(data, [*known, *(self.quote(name) for name in schema if name not in ARROW_SCHEMA.names)])

    def clean(self, data: Any, names: Iterable[str], *, trusted: bool = False) -> Any:  # noqa: ANN401
        """Return columns of data as `columns.clean` describes them, under plain names (`make_plain`).

        Each column of floats has its `name_flag`. Known columns of a wrong type stay as they are. Floats that are
        trusted to be finite are not checked: their flag is a copy of them.
        """
        steps: list[str] = []
        schema = nw.from_native(data).collect_schema()
        for name, dtype in ((name, schema[name]) for name in names):
            number = f"CAST({self.quote(name)} AS DOUBLE)"
            cleaned = f"{number} + 0.0" if trusted and dtype.is_float() else self._clean(name, dtype)
            flag = cleaned if trusted else f"CASE WHEN abs({number}) = {_INFINITY} THEN 1 END"
            steps.append(f"{cleaned} AS {self.quote(make_plain(name))}")
            if dtype.is_float():
                steps.append(f"{flag} AS {self.quote(name_flag(name))}")
        return self.select(data, steps)

    def add_clean(self, data: Any, names: Iterable[str]) -> Any:  # noqa: ANN401
        """Return data under plain names (`make_plain`), and some columns as `clean` has them under `name_clean`."""
        schema = nw.from_native(data).collect_schema()
        kept = [f"{self.quote(name)} AS {self.quote(make_plain(name))}" for name in schema]
        cleaned = [f"{self._clean(name, schema[name])} AS {self.quote(name_clean(name))}" for name in names]
        return self.select(data, [*kept, *cleaned])

    def _clean(self, name: str, dtype: nw.dtypes.DType) -> str:
        column, kind = self.quote(name), BY_NAME[name].kind if name in BY_NAME else None
        number, text = f"CAST({column} AS DOUBLE)", f"CAST({column} AS {self.types[Kind.TEXT]})"
        if dtype.is_float():
            return f"CASE WHEN abs({number}) < {_INFINITY} THEN {number} + 0.0 END"
        if dtype.is_decimal() or dtype in {nw.Int128, nw.UInt128} or (kind is Kind.NUMBER and dtype.is_numeric()):
            return number
        if dtype == nw.Unknown:  # no values, or a type of the engine such as UUID
            return text if kind is None else f"CAST({column} AS {self.types[kind]})"
        if isinstance(dtype, nw.Categorical | nw.Enum):
            return text
        if kind is Kind.TIME and isinstance(dtype, nw.Datetime) and dtype.time_zone is None:
            return self.naive.format(column)
        return column

    def _write(self, step: Sum | Count) -> str:
        match step:
            case Sum(value):
                return f"sum(CAST({self.quote(value.name)} AS DOUBLE))"  # a sum of integers could overflow
            case Count(RowValue() as value):
                return f"count({self.quote(value.name)})"
            case _:
                return "count(*)"

    def _write_window(self, moment: str, name: str, window: Window) -> str:
        what = "count(*)" if window.largest is None else f"max(CAST({self.quote(window.largest)} AS DOUBLE))"
        by = ", ".join(map(self.quote, window.by))
        frame = ""
        if window.start is not None or window.end is not None:
            start, end = (
                _write_edge(edge, side) for edge, side in ((window.start, "PRECEDING"), (window.end, "FOLLOWING"))
            )
            frame = f" ORDER BY {self.quote(moment)} RANGE BETWEEN {start} AND {end}"
        return f"{what} OVER (PARTITION BY {by}{frame}) AS {self.quote(name)}"

    def _cast(self, column: Column, dtype: nw.dtypes.DType | None) -> str:
        name, wanted = self.quote(column.name), self.types[column.kind]
        if dtype is None:
            return f"CAST(NULL AS {wanted})"
        check_type(column.name, dtype)
        if column.kind is Kind.ATTEMPTS:
            return name
        if column.kind is Kind.TIME and isinstance(dtype, nw.Datetime) and dtype.time_zone is None:
            return self.naive.format(name)
        if column.kind is Kind.INTEGER and dtype.is_float():
            return f"CAST(round({name}) AS {wanted})"
        return f"CAST({name} AS {wanted})"


def name_flag(column: str) -> str:
    """Return the name of the flag of a column: 1 where it is infinite, or a copy, whose sum shows that it is."""
    return f"infinite values of {make_plain(column)}"


def _name_list(value: RowValue) -> str:
    return f"percentiles of {value.name}"


def _write_edge(edge: int | None, side: str) -> str:
    if edge is None:
        return f"UNBOUNDED {side}"
    if edge == 0:
        return "CURRENT ROW"
    return f"{-edge} PRECEDING" if edge < 0 else f"{edge} FOLLOWING"


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


def _import_functions(frame: Any) -> ModuleType:  # noqa: ANN401
    """Return Spark's functions for a frame: a frame of Spark Connect takes columns of another class.

    Spark itself decides by the environment of the process, which may have sessions of both kinds.
    """
    remote = nw.from_native(frame).implementation.is_pyspark_connect()
    return import_module("pyspark.sql.connect.functions" if remote else "pyspark.sql.functions")


def _group_in_spark(frame: Any, by: Sequence[str], steps: Sequence[str]) -> Any:  # noqa: ANN401
    expr = _import_functions(frame).expr
    return frame.groupBy(*by).agg(*map(expr, steps))


def _join_in_spark(frame: Any, table: pa.Table, on: Sequence[str]) -> Any:  # noqa: ANN401
    from pyspark.sql.types import (  # noqa: PLC0415 - it is installed where its frames come from
        BooleanType,
        DoubleType,
        LongType,
        StringType,
        StructField,
        StructType,
    )

    known = {"int": LongType(), "uint": LongType(), "string": StringType(), "bool": BooleanType()}
    types = {field.name: known.get(str(field.type).rstrip("0123456789"), DoubleType()) for field in table.schema}
    types |= {name: frame.schema[name].dataType for name in on}
    schema = StructType([StructField(name, types[name]) for name in table.column_names])
    rows = [tuple(row[name] for name in table.column_names) for row in table.to_pylist()]
    small = frame.sparkSession.createDataFrame(rows, schema).hint("broadcast")
    conditions = [frame[f"`{name}`"].eqNullSafe(small[f"`{name}`"]) for name in on]
    joined = frame.join(small, conditions, "left") if on else frame.crossJoin(small)
    for name in on:
        joined = joined.drop(small[f"`{name}`"])
    return joined


def _fence_in_spark(frame: Any, names: Iterable[str]) -> Any:  # noqa: ANN401
    """Return the frame with columns that depend, as far as Spark can know, on where a row is computed.

    Spark copies no such column into another, and derives no facts from it: the facts about a chain of columns grow
    exponentially, and a filter, which would be a fence too, makes Spark derive them.
    """
    expr = _import_functions(frame).expr
    always = "spark_partition_id() >= 0"
    fenced = {name: expr(f"CASE WHEN {always} THEN {SPARK.quote(name)} END") for name in names}
    return frame.withColumns(fenced)


def _join_in_duckdb(relation: Any, table: pa.Table, on: Sequence[str]) -> Any:  # noqa: ANN401
    genanalytics_groups = table  # which the query finds by the name of the variable
    small = relation.query("genanalytics_rows", "SELECT * FROM genanalytics_groups").set_alias("small")
    del genanalytics_groups
    names = list(map(DUCKDB.quote, on))
    same = " AND ".join(f"many.{name} IS NOT DISTINCT FROM small.{name}" for name in names)
    added = [f"small.{DUCKDB.quote(name)}" for name in table.column_names if name not in on]
    return relation.set_alias("many").join(small, same or "true", how="left").project(", ".join(["many.*", *added]))


@contextmanager
def _hold_in_spark(frame: Any) -> Iterator[Any]:  # noqa: ANN401
    held = frame.persist()
    try:
        yield held
    finally:
        held.unpersist()


@contextmanager
def _hold_in_duckdb(relation: Any) -> Iterator[Any]:  # noqa: ANN401
    with _make_folder(relation) as folder:
        path = str(Path(folder) / "rows.parquet")
        relation.write_parquet(path)
        quoted = path.replace("'", "''")
        yield relation.query("genanalytics_rows", f"SELECT * FROM read_parquet('{quoted}')")  # noqa: S608 - quoted


def _make_folder(relation: Any) -> TemporaryDirectory[str]:  # noqa: ANN401
    """Return a new folder on the disk to which the connection spills; elsewhere if that directory is not writable."""
    [(spills,)] = relation.query("genanalytics_rows", "SELECT current_setting('temp_directory')").fetchall()
    make, place = partial(TemporaryDirectory, prefix="genanalytics-", ignore_cleanup_errors=True), Path(spills or "")
    if place.is_absolute():
        with suppress(OSError):  # such as the directory of a database that is only read
            return make(dir=place if place.is_dir() else place.parent)
    return make()


def _list_errors_of_duckdb() -> tuple[type[Exception], ...]:
    import duckdb  # noqa: PLC0415 - it is installed where its relations come from

    return (duckdb.Error,)


def _list_errors_of_spark() -> tuple[type[Exception], ...]:
    from pyspark.errors import PySparkException  # noqa: PLC0415 - they are installed where the frames come from

    try:
        from py4j.protocol import Py4JError  # noqa: PLC0415
    except ImportError:  # the client of Spark Connect has no Java
        return (PySparkException,)
    return (PySparkException, Py4JError)


@contextmanager
def explain_engine_errors(name: str, list_errors: Callable[[], tuple[type[Exception], ...]]) -> Iterator[None]:
    """Raise what an engine raises as `InputError`, with its name."""
    try:
        yield
    except list_errors() as error:
        msg = f"{name} cannot compute this: {read_reason(error)}"
        raise InputError(msg) from error


def read_reason(error: Exception) -> str:
    r"""Return the reason of an engine's error in a line; Spark's follows its name in capitals, far below.

    >>> read_reason(Exception("Traceback (most recent call last):\n  File ...\nOSError: the store is closed"))
    'the store is closed'
    """
    text = str(error)
    reasons: list[str] = re.findall(r"\[[A-Z_.]{5,}\] .*", text)
    if "Traceback (most recent" in text:  # of a file system in Python
        reasons += re.findall(r"^\w+: (.*)", text, re.MULTILINE)
    if reasons:
        return reasons[-1]
    first, *others = text.splitlines() or [""]
    return f"{first} {others[0]}" if others and first.endswith(":") else first


DUCKDB = Dialect(
    name="DuckDB",
    list_errors=_list_errors_of_duckdb,
    mark='"',
    micros="epoch_us({})",
    naive="timezone('UTC', CAST({} AS TIMESTAMP))",
    percentiles="quantile_cont(CAST({} AS DOUBLE), [{}])",
    types=_name_types("VARCHAR", "TIMESTAMPTZ", "STRUCT({})[]", "{} {}"),
    select=lambda relation, columns: relation.project(", ".join(columns)),
    group=lambda relation, by, steps: relation.aggregate(", ".join([*by, *steps]), ", ".join(by)),
    join=_join_in_duckdb,
    fence=lambda relation, _: relation.filter("random() < 2"),  # always true, which the engine cannot know
    hold=_hold_in_duckdb,
    find_memory=find_memory_of_duckdb,
    holds_classes=True,
)
SPARK = Dialect(
    name="Spark",
    list_errors=_list_errors_of_spark,
    mark="`",
    micros="unix_micros({})",
    naive="CAST(concat(CAST({} AS STRING), 'Z') AS TIMESTAMP)",  # any other way reads the zone of the session
    percentiles="percentile(CAST({} AS DOUBLE), array({}))",
    types=_name_types("STRING", "TIMESTAMP", "ARRAY<STRUCT<{}>>", "{}: {}"),
    select=lambda frame, columns: frame.selectExpr(*columns),
    group=_group_in_spark,
    join=_join_in_spark,
    fence=_fence_in_spark,
    hold=_hold_in_spark,
    find_memory=find_memory_of_spark,
)
