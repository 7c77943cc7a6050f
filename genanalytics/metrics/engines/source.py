"""Data to compute statistics of: a frame in memory, a relation of DuckDB, a data frame of Spark.

Both kinds of source answer two questions alike: aggregates of row values by group, and the counts of a row value by
group and class. Everything else about a statistic is the same code on any of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from genanalytics.errors import InputError
from genanalytics.metrics.declare import Aggregate, Count, Limit, Quantile, RowValue, Sum, closure
from genanalytics.metrics.engines.dialects import DUCKDB, SPARK, Dialect
from genanalytics.metrics.engines.kernels import Groups, as_floats, grouped
from genanalytics.metrics.grouping.keys import MICROS, Key
from genanalytics.records.frame import from_table
from genanalytics.records.schema import BY_NAME, Kind

GROUP = "by {}"
"""The name of a key while a source computes: a row value may be called like the column that it is grouped by."""

_LEVELS = "percentiles of {}"
_PORTION = 200_000
_PLAIN = {pa.lib.Type_DECIMAL128: pa.float64(), pa.lib.Type_DICTIONARY: pa.string()}


CLUSTER = {"session_id": "session of a cluster", "request_id": "request of a cluster"}
"""The columns that tell which rows depend on each other, the first one known; and what they are called in clusters."""

_ALONE = "a row alone"


class Source(Protocol):
    """What statistics can be computed of."""

    columns: list[str]
    large: bool
    """Whether there may be more rows than memory holds."""

    def count(self) -> int:
        """Return the number of rows."""

    def is_nested(self, column: str) -> bool:
        """Return whether a column holds lists or structures."""

    def aggregate(
        self, keys: Sequence[Key], rows: Sequence[RowValue], needs: Sequence[str], aggregates: Mapping[str, Aggregate]
    ) -> pa.Table:
        """Return the aggregates by group: the keys under the names of `GROUP`, then a column per aggregate."""

    def counts(self, keys: Sequence[Key], value: RowValue, steps: Mapping[str, nw.Expr]) -> pa.Table:
        """Return how many rows of each group are in each class of a row value: the keys, the class and `n`.

        The steps make the class out of the value, each over the ones before; the last one is the class, null for gaps.
        """

    def clusters(self, keys: Sequence[Key], rows: Sequence[RowValue]) -> "nw.LazyFrame[Any]":
        """Return the sums of row values by group and cluster, without computing them yet.

        A cluster is what depends on each other: the rows of a session, else of a request, else a row alone.

        Returns:
            The keys under the names of `GROUP`, `CLUSTER` where the data has them (both null for a row alone), and for
            each row value `<value> sum` and `<value> n` as float64, 0 where none is known.
        """

    def latest(self, column: str) -> pd.Timestamp | None:
        """Return the last moment of a column; None where there is none."""


def source_of(data: object) -> Source:
    """Return data as a source.

    Raises:
        InputError: It is nothing that statistics can be computed of.
    """
    if isinstance(data, pd.DataFrame):
        return InMemory(data)
    if isinstance(data, pa.Table):
        return InMemory(from_table(data))
    if hasattr(data, "aggregate") and hasattr(data, "project") and hasattr(data, "sql_query"):
        return Relational(data, DUCKDB)
    if hasattr(data, "selectExpr") and hasattr(data, "sparkSession"):
        return Relational(data, SPARK)
    if type(data).__module__.partition(".")[0] == "polars":
        return InMemory(from_table(nw.from_native(data).lazy().collect().to_arrow()))  # type: ignore[call-overload]
    msg = (
        f"cannot compute statistics of a {type(data).__module__}.{type(data).__qualname__}: give a pandas or polars"
        " frame, an Arrow table, a DuckDB relation or a Spark data frame"
    )
    raise InputError(msg)


def levelled(rows: Sequence[RowValue]) -> list[list[RowValue]]:
    """Return row values and what they are made of, in steps: each step needs nothing but the ones before.

    Raises:
        InputError: One name stands for two row values, which would change a statistic without a word.
    """
    depths: dict[str, int] = {}
    named: dict[str, RowValue] = {}
    for value in closure(tuple(rows)):
        if named.setdefault(value.name, value) is not value:
            msg = f"the row value {value.name!r} stands for two expressions: give one of them another name"
            raise InputError(msg)
        inner = (depths[need.name] for need in value.needs if isinstance(need, RowValue))
        depths[value.name] = 1 + max(inner, default=-1)
    steps: list[list[RowValue]] = [[] for _ in range(max(depths.values(), default=-1) + 1)]
    for name, depth in depths.items():
        steps[depth].append(named[name])
    return steps


def _columns(steps: Sequence[Sequence[RowValue]], needs: Sequence[str]) -> list[str]:
    """Return the columns of the data that row values and aggregates read."""
    inner = [need for step in steps for value in step for need in value.needs if isinstance(need, str)]
    return list(dict.fromkeys((*needs, *inner)))


class InMemory:
    """A pandas frame. The row values are Arrow's work, the aggregates numpy's."""

    large = False

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self.columns = [str(name) for name in frame.columns]

    def count(self) -> int:
        return len(self._frame)

    def is_nested(self, column: str) -> bool:
        return bool(pa.types.is_nested(getattr(self._frame[column].dtype, "pyarrow_dtype", pa.null())))

    def aggregate(
        self, keys: Sequence[Key], rows: Sequence[RowValue], needs: Sequence[str], aggregates: Mapping[str, Aggregate]
    ) -> pa.Table:
        groups, found = self._grouped(keys)
        added = {name: step for name, step in aggregates.items() if isinstance(step, Sum | Count)}
        levels = _percentiles(aggregates)
        totals = dict.fromkeys(added, np.zeros(groups.count))
        ranked = {value: np.empty(len(self._frame)) for value in levels}
        for part in _portions(len(self._frame)):
            inside, table = groups.part(part), self._values(rows, needs, part)
            read = {step.value for step in added.values()} - {""} | set(levels)
            floats = {value: as_floats(table[value]) for value in read}
            totals = {name: total + _added(inside, floats, added[name]) for name, total in totals.items()}
            for value in levels:
                ranked[value][part] = floats[value]
        quantiles = {
            step: row
            for value, steps in levels.items()
            for step, row in zip(steps, groups.at_ranks(ranked[value], [step.ranks for step in steps]), strict=True)
        }
        own = {name: step for name, step in aggregates.items() if isinstance(step, nw.Expr)}
        computed = _own(groups, self._values(rows, needs), own) if own else {}
        for name, step in aggregates.items():
            match step:
                case Sum() | Count():
                    found[name] = totals[name]
                case Quantile() | Limit():
                    found[name] = pa.array(quantiles[step], from_pandas=True)
                case _:
                    found[name] = computed[name]
        return pa.table(found)

    def counts(self, keys: Sequence[Key], value: RowValue, steps: Mapping[str, nw.Expr]) -> pa.Table:
        table = nw.from_native(self._values([value], ()), eager_only=True)
        for name, step in steps.items():
            table = table.with_columns(step.alias(name))
        (last,) = list(steps)[-1:]
        index = as_floats(table[last].to_native())
        known = ~np.isnan(index)
        series = [key.pandas(self._typed(key.column))[known].reset_index(drop=True) for key in keys]
        inner, names = grouped([*series, pd.Series(index[known])], int(known.sum()))
        columns = [*(GROUP.format(key.name) for key in keys), last]
        found = {column: pa.Array.from_pandas(name) for column, name in zip(columns, names, strict=True)}
        return pa.table(found | {"n": inner.size()})

    def clusters(self, keys: Sequence[Key], rows: Sequence[RowValue]) -> "nw.LazyFrame[Any]":
        labels: dict[str, pd.Series] = {}
        alone = np.ones(len(self._frame), dtype=bool)
        for column, name in CLUSTER.items():
            if column in self.columns:
                labels[name] = self._typed(column).where(alone)
                alone &= labels[name].isna().to_numpy()
        single = pd.Series(np.where(alone, np.arange(len(alone)), -1))
        series = [key.pandas(self._typed(key.column)) for key in keys]
        groups, names = grouped([*series, *labels.values(), single], len(self._frame))
        columns = [*(GROUP.format(key.name) for key in keys), *labels]
        found = {column: pa.Array.from_pandas(name) for column, name in zip(columns, names[:-1], strict=True)}
        table = self._values(rows, ())
        for value in rows:
            floats = as_floats(table[value.name])
            found[f"{value.name} sum"] = groups.sum(floats)
            found[f"{value.name} n"] = groups.known(floats).astype(float)
        clusters: nw.LazyFrame[Any] = nw.from_native(pa.table(found)).lazy()
        return clusters

    def latest(self, column: str) -> pd.Timestamp | None:
        last = self._typed(column).max()
        return None if pd.isna(last) else last

    def table(self, names: Iterable[str], part: slice = slice(None)) -> pa.Table:
        """Return columns as Arrow, those of the schema with its types; of a part of the rows."""
        return pa.table({name: self._arrow(name, part) for name in names})

    def _grouped(self, keys: Sequence[Key]) -> tuple[Groups, dict[str, Any]]:
        """Return the rows by group, and the keys of the groups."""
        groups, names = grouped([key.pandas(self._typed(key.column)) for key in keys], len(self._frame))
        columns = (GROUP.format(key.name) for key in keys)
        return groups, {column: pa.Array.from_pandas(name) for column, name in zip(columns, names, strict=True)}

    def _values(self, rows: Sequence[RowValue], needs: Sequence[str], part: slice = slice(None)) -> pa.Table:
        """Return the columns that are needed and the row values, as Arrow; of a part of the rows."""
        steps = levelled(rows)
        values = nw.from_native(self.table(_columns(steps, needs), part), eager_only=True)
        for step in steps:
            values = values.with_columns(*(value.value.alias(value.name) for value in step))
        return values.to_native()

    def _typed(self, name: str) -> pd.Series:
        """Return a column with the dtype that the schema gives it."""
        values = self._frame[name]
        column = BY_NAME.get(name)
        if column is None or str(values.dtype) == column.kind.pandas_dtype:
            return values
        if column.kind is Kind.TIME:
            moments: pd.Series = pd.to_datetime(values, utc=True).dt.as_unit("us")
            return moments
        return from_table(pa.table({name: self._arrow(name)}))[name].set_axis(values.index)

    def _arrow(self, name: str, part: slice = slice(None)) -> pa.Array:
        column = BY_NAME.get(name)
        try:
            return pa.Array.from_pandas(self._frame[name].iloc[part], type=column.kind.arrow_type if column else None)
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            msg = f"column {name!r} of the frame holds something else than its type: {error}"
            raise InputError(msg) from error


class Relational:
    """A relation of DuckDB or a data frame of Spark, which compute where the data lies."""

    large = True

    def __init__(self, native: Any, dialect: Dialect) -> None:  # noqa: ANN401 - of engines that need not be installed
        self._native = native
        self._dialect = dialect
        self._schema = nw.from_native(native).collect_schema()
        self.columns = self._schema.names()

    def count(self) -> int:
        return int(nw.from_native(self._native).select(nw.len()).collect(backend="pyarrow").item())

    def is_nested(self, column: str) -> bool:
        return bool(self._schema[column].is_nested())

    def aggregate(
        self, keys: Sequence[Key], rows: Sequence[RowValue], needs: Sequence[str], aggregates: Mapping[str, Aggregate]
    ) -> pa.Table:
        names = [GROUP.format(key.name) for key in keys]
        values = self._values(keys, rows, needs)
        levels = {
            _LEVELS.format(value): [step for step in steps if isinstance(step, Quantile)]  # limits come from counts
            for value, steps in _percentiles(aggregates).items()
        }
        steps = {name: step for name, step in aggregates.items() if isinstance(step, Sum | Count)} | levels
        groups = _collected(nw.from_native(self._dialect.grouped(values.to_native(), names, steps)))
        own = [step.alias(name) for name, step in aggregates.items() if isinstance(step, nw.Expr)]
        if own:  # the same groups once more, which their keys put into the same order
            order = [(name, "ascending") for name in names]
            grouped = values.group_by(*names).agg(*own) if names else values.select(*own)
            groups, computed = (table.sort_by(order) if names else table for table in (groups, _collected(grouped)))
        found = {name: groups[name] for name in names}
        for name, step in aggregates.items():
            match step:
                case Quantile(value):
                    place = levels[_LEVELS.format(value)].index(step)
                    found[name] = pa.compute.list_element(groups[_LEVELS.format(value)], place)
                case nw.Expr():
                    found[name] = computed[name]
                case _:
                    found[name] = groups[name]
        return pa.table(found)

    def counts(self, keys: Sequence[Key], value: RowValue, steps: Mapping[str, nw.Expr]) -> pa.Table:
        names = [GROUP.format(key.name) for key in keys]
        values = self._values(keys, [value], ())
        for name, step in steps.items():
            values = values.with_columns(step.alias(name))
        (last,) = list(steps)[-1:]
        groups = _collected(values.group_by(*names, last).agg(nw.len().alias("n")))
        return groups.filter(pa.compute.is_valid(groups[last]))  # an engine would work out every step twice to filter

    def clusters(self, keys: Sequence[Key], rows: Sequence[RowValue]) -> "nw.LazyFrame[Any]":
        columns = [column for column in CLUSTER if column in self.columns]
        alone, labels = nw.lit(value=True), []
        for column in columns:
            labels.append(nw.when(alone).then(nw.col(column)).alias(CLUSTER[column]))
            alone = alone & nw.col(column).is_null()
        names = [*(GROUP.format(key.name) for key in keys), *(CLUSTER[column] for column in columns)]
        sums = [nw.col(value.name).cast(nw.Float64).fill_null(0.0).alias(f"{value.name} sum") for value in rows]
        counts = [(~nw.col(value.name).is_null()).cast(nw.Float64).alias(f"{value.name} n") for value in rows]
        values = (
            self._values(keys, rows, columns).with_columns(*labels).select(*names, alone.alias(_ALONE), *sums, *counts)
        )
        single = values.filter(nw.col(_ALONE)).drop(_ALONE)
        if not columns:
            return single
        shared = values.filter(~nw.col(_ALONE)).drop(_ALONE)
        summed = [name for name in shared.collect_schema().names() if name not in names]
        return nw.concat([shared.group_by(*names).agg(*(nw.col(name).sum() for name in summed)), single])

    def latest(self, column: str) -> pd.Timestamp | None:
        found = nw.from_native(self._native).select(nw.col(column).max()).collect(backend="pyarrow")[column][0]
        if found is None:
            return None
        moment = pd.Timestamp(found)
        return moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")

    def _values(self, keys: Sequence[Key], rows: Sequence[RowValue], needs: Sequence[str]) -> "nw.LazyFrame[Any]":
        """Return the data with the keys, under the names of `GROUP`, and the row values as columns."""
        steps = levelled(rows)
        native = self._timed() if any(key.column == "created_at" != key.name for key in keys) else self._native
        values: nw.LazyFrame[Any] = nw.from_native(native)
        for key in keys:
            name = key.column
            for name, step in key.lazy.items():
                values = values.with_columns(step.alias(name))
            values = values.with_columns(nw.col(name).alias(GROUP.format(key.name)))
        read = [*(GROUP.format(key.name) for key in keys), *_columns(steps, needs)]
        values = values.select(*read) if read else values
        for level in steps:
            values = values.with_columns(*(value.value.alias(value.name) for value in level))
        return values

    def _timed(self) -> Any:  # noqa: ANN401
        """Return the data with the microseconds of `created_at`: the one thing that each engine has its own word for.

        Raises:
            InputError: The column holds no moments.
        """
        dtype = self._schema["created_at"]
        if isinstance(dtype, nw.Datetime) and (dtype.time_zone is not None or self._dialect.reads_naive_as_utc):
            return self._dialect.with_micros(self._native, "created_at", MICROS)
        msg = f"column 'created_at' is of type {dtype}: time is grouped by a timestamp with a time zone"
        raise InputError(msg)


def _percentiles(aggregates: Mapping[str, Aggregate]) -> dict[str, list[Quantile | Limit]]:
    """Return the percentiles and their limits that are asked for, by row value."""
    asked: dict[str, list[Quantile | Limit]] = {}
    for step in aggregates.values():
        if isinstance(step, Quantile | Limit) and step not in asked.setdefault(step.value, []):
            asked[step.value].append(step)
    return asked


def _portions(rows: int) -> list[slice]:
    """Return the rows in parts, so that the row values of all of them never stand in memory at once."""
    return [slice(start, min(start + _PORTION, rows)) for start in range(0, max(rows, 1), _PORTION)]


def _added(groups: Groups, floats: "Mapping[str, np.ndarray]", step: Sum | Count) -> "np.ndarray":
    match step:
        case Sum(value):
            return groups.sum(floats[value])
        case Count(""):
            return groups.size()
        case Count(value):
            return groups.known(floats[value])


def _own(groups: Groups, table: pa.Table, aggregates: Mapping[str, nw.Expr]) -> dict[str, Any]:
    """Return aggregates that are declared as expressions, by group, as pandas computes them."""
    steps = [step.alias(name) for name, step in aggregates.items()]
    if groups.undivided:
        found = nw.from_native(table, eager_only=True).select(*steps)
    else:
        frame = from_table(table).assign(**{GROUP: groups.codes})
        found = nw.from_native(frame, eager_only=True).group_by(GROUP).agg(*steps).sort(GROUP)
    return {name: found[name].to_arrow() for name in aggregates}


def _collected(lazy: "nw.LazyFrame[Any]") -> pa.Table:
    """Return what an engine computes, with the types of a frame in memory: sums of integers come as wide decimals."""
    table = lazy.collect(backend="pyarrow").to_native()
    fields = [field.with_type(_PLAIN.get(field.type.id, field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))
