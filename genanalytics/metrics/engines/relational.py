"""Statistics of a relation of DuckDB or a data frame of Spark, computed where the data is."""

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from genanalytics.errors import InputError
from genanalytics.metrics.declare import Aggregate, Count, Quantile, RowValue, Sum
from genanalytics.metrics.engines.dialects import Dialect
from genanalytics.metrics.engines.protocol import (
    CLUSTERS,
    HOUR,
    PLACE,
    list_columns,
    list_values,
    order_by_need,
)
from genanalytics.metrics.grouping.calendar import HOURS, MICROS
from genanalytics.metrics.grouping.keys import GroupKey

_PLAIN = {pa.lib.Type_DECIMAL128: pa.float64(), pa.lib.Type_DICTIONARY: pa.string()}
_ALONE = "a row alone"


class Relational:
    """Data on an engine.

    Args:
        native: The relation or data frame.
        dialect: The SQL of its engine.
    """

    large = True

    def __init__(self, native: Any, dialect: Dialect) -> None:  # noqa: ANN401 - of engines that may not be installed
        self._native = native
        self._dialect = dialect
        self._schema = nw.from_native(native).collect_schema()
        self.columns = self._schema.names()

    def count(self) -> int:
        return int(nw.from_native(self._native).select(nw.len()).collect(backend="pyarrow").item())

    def is_nested(self, column: str) -> bool:
        return bool(self._schema[column].is_nested())

    def aggregate(
        self,
        by: Sequence[GroupKey],
        aggregates: Sequence[Aggregate],
        own: Mapping[str, nw.Expr],
        needs: Sequence[str | RowValue],
    ) -> pa.Table:
        names = [key.group for key in by]
        values = self._compute(by, list_values(aggregates, needs), needs)
        groups = _collect(nw.from_native(self._dialect.group_by(values.to_native(), names, aggregates)))
        found = {name: groups[name] for name in names}
        for step in aggregates:
            if isinstance(step, Quantile):
                column, place = self._dialect.find_quantile(step, aggregates)
                found[step.name] = pa.compute.list_element(groups[column], place)
            else:
                found[step.name] = groups[step.name]
        if own:  # the same groups once more, brought into the same order by their values
            order = [(name, "ascending") for name in names]
            steps = [step.alias(name) for name, step in own.items()]
            computed = _collect(values.group_by(*names).agg(*steps) if names else values.select(*steps))
            first = pa.table(found)
            first, computed = (table.sort_by(order) if names else table for table in (first, computed))
            found = {name: first[name] for name in first.column_names} | {name: computed[name] for name in own}
        return pa.table(found)

    def count_classes(self, by: Sequence[GroupKey], value: RowValue, steps: Mapping[str, nw.Expr]) -> pa.Table:
        names = [key.group for key in by]
        values = self._compute(by, [value], ())
        for name, step in steps.items():
            values = values.with_columns(step.alias(name))
        (last,) = list(steps)[-1:]
        groups = _collect(values.group_by(*names, last).agg(nw.len().alias("n")))
        return groups.filter(pa.compute.is_valid(groups[last]))  # to filter, an engine would compute each step twice

    def sum_clusters(self, by: Sequence[GroupKey], values: Sequence[RowValue], groups: pa.Table) -> "nw.LazyFrame[Any]":
        columns = [column for column in CLUSTERS if column in self.columns]
        alone, labels = nw.lit(value=True), []
        for column in columns:
            labels.append(nw.when(alone).then(nw.col(column)).alias(CLUSTERS[column]))
            alone = alone & nw.col(column).is_null()
        names = [PLACE, *(CLUSTERS[column] for column in columns)]
        hours = []
        if self._has_moments():
            hours = [nw.when(alone).then(HOURS).alias(HOUR)]
            names.append(HOUR)
        sums = [value.column.cast(nw.Float64).fill_null(0.0).alias(Sum(value).name) for value in values]
        counts = [(~value.column.is_null()).cast(nw.Float64).alias(Count(value).name) for value in values]
        computed = self._compute(by, values, [*columns, *([MICROS] if hours else [])], groups)
        rows = computed.with_columns(*labels, *hours).select(*names, alone.alias(_ALONE), *sums, *counts)
        single = rows.filter(nw.col(_ALONE)).drop(_ALONE)
        if not columns:
            return single
        shared = rows.filter(~nw.col(_ALONE)).drop(_ALONE)
        summed = [name for name in shared.collect_schema().names() if name not in names]
        return nw.concat([shared.group_by(*names).agg(*(nw.col(name).sum() for name in summed)), single])

    def join(self, lazy: "nw.LazyFrame[Any]", table: pa.Table, on: Sequence[str]) -> "nw.LazyFrame[Any]":
        joined: nw.LazyFrame[Any] = nw.from_native(self._dialect.join(lazy.to_native(), table, list(on)))
        return joined

    def find_latest(self, column: str) -> pd.Timestamp | None:
        found = nw.from_native(self._native).select(nw.col(column).max()).collect(backend="pyarrow")[column][0]
        if found is None:
            return None
        moment = pd.Timestamp(found)
        return moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")

    def _compute(
        self,
        by: Sequence[GroupKey],
        values: Sequence[RowValue],
        needs: Sequence[str | RowValue],
        groups: pa.Table | None = None,
    ) -> "nw.LazyFrame[Any]":
        """Return the data with the keys, under `GroupKey.group`, the columns of groups, and the row values."""
        steps = order_by_need(values)
        timed = MICROS in needs or any(key.column == "created_at" != key.name for key in by)
        native = self._add_micros() if timed else self._native
        rows: nw.LazyFrame[Any] = nw.from_native(native)
        for key in by:
            name = key.column
            for name, step in key.lazy.items():
                rows = rows.with_columns(step.alias(name))
            rows = rows.with_columns(nw.col(name).alias(key.group))
        read = [*(key.group for key in by), *list_columns(steps, needs)]
        rows = rows.select(*read) if read else rows
        if groups is not None:
            rows = self.join(rows, groups, [key.group for key in by])
        for level in steps:
            rows = rows.with_columns(*(value.expression.alias(value.name) for value in level))
        return rows

    def _has_moments(self) -> bool:
        """Return whether `created_at` contains moments of which the zone is known."""
        dtype = self._schema.get("created_at")
        return isinstance(dtype, nw.Datetime) and (dtype.time_zone is not None or self._dialect.reads_naive_as_utc)

    def _add_micros(self) -> Any:  # noqa: ANN401
        """Return the data with the microseconds of `created_at`, for which each engine has its own function.

        Raises:
            InputError: The column contains no moments.
        """
        if self._has_moments():
            return self._dialect.add_micros(self._native, "created_at", MICROS)
        dtype = self._schema["created_at"]
        msg = f"column 'created_at' is of type {dtype}: to group by time, give timestamps with a time zone"
        raise InputError(msg)


def _collect(lazy: "nw.LazyFrame[Any]") -> pa.Table:
    """Return the result of an engine with the types of a frame in memory: sums of integers come as wide decimals."""
    table = lazy.collect(backend="pyarrow").to_native()
    fields = [field.with_type(_PLAIN.get(field.type.id, field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))
