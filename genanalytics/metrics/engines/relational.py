"""Statistics of data on a SQL engine, computed where the data is."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from genanalytics.errors import InputError
from genanalytics.metrics.declare import Aggregate, Count, Quantile, RowValue, Sum
from genanalytics.metrics.engines.aggregates import Aggregates, read_aggregates
from genanalytics.metrics.engines.columns import check_names, check_type, describe_infinite
from genanalytics.metrics.engines.dialects import Dialect, name_flag
from genanalytics.metrics.engines.portable import Portable
from genanalytics.metrics.engines.protocol import (
    CLUSTERS,
    ERRORS,
    HOUR,
    ORDER,
    PLACE,
    Steps,
    check_numbers,
    check_single,
    compute,
    list_columns,
    list_values,
    order_by_need,
)
from genanalytics.metrics.engines.sketch import CLASS, classify, find_places
from genanalytics.metrics.grouping.calendar import HOURS, MICROS
from genanalytics.metrics.grouping.keys import GroupKey
from genanalytics.metrics.names import make_plain, name_clean
from genanalytics.records.schema import BY_NAME, Kind
from genanalytics.units import Unit

_PLAIN = {pa.lib.Type_DECIMAL128: pa.float64(), pa.lib.Type_DICTIONARY: pa.string()}
_ALONE = "a row alone"
_PLACED = "row with a place in time"


class Relational:
    """Data on an engine.

    Args:
        native: The relation or data frame.
        dialect: The SQL of its engine.
    """

    large = True

    def __init__(self, native: Any, dialect: Dialect | Portable) -> None:  # noqa: ANN401 - of engines that may not be installed
        check_names(native.columns, ignore_case=True)
        self._dialect = dialect
        self.sketches = dialect.sketches
        self._native = native
        with dialect.explain_errors():
            self._schema = nw.from_native(native).collect_schema()
        self._infinite: dict[str, int] = {}
        self.columns = self._schema.names()

    @property
    def notices(self) -> list[str]:
        return describe_infinite({name: self._infinite.get(name, 0) for name in self.columns})

    def count(self) -> int:
        return int(self._collect(nw.from_native(self._native).select(n=nw.len()))["n"][0].as_py())

    def has_room(self, size: int) -> bool:
        if isinstance(self._dialect, Portable):
            return False
        with self._dialect.explain_errors():
            return size <= self._dialect.find_memory(self._native)

    def is_nested(self, column: str) -> bool:
        return bool(self._schema[column].is_nested())

    def aggregate(
        self,
        by: Sequence[GroupKey],
        aggregates: Sequence[Aggregate],
        own: Mapping[str, nw.Expr],
        needs: Sequence[str | RowValue],
    ) -> Aggregates:
        names = [key.group for key in by]
        groups = None if own else self._group_finite(by, aggregates)
        if groups is None:
            computed = list_values(aggregates, needs)
            flags = self._list_flags(by, computed, needs)
            values = self._compute(by, computed, (*needs, *(flag.name for flag in flags.values())))
            check_numbers(list_values(aggregates, ()), values.collect_schema())
            groups = self._group(values, names, [*aggregates, *map(Count, flags.values())])
            self._infinite |= {name: pc.sum(groups[Count(flag).name]).as_py() or 0 for name, flag in flags.items()}
        found = {name: groups[name] for name in names}
        for step in aggregates:
            if isinstance(step, Quantile):
                found[step.name] = self._dialect.read_quantile(groups, step, aggregates)
            else:
                found[step.name] = groups[step.name]
        if own:  # the same groups once more, brought into the same order by their values
            order = [(name, "ascending") for name in names]
            errors = (*ERRORS, *self._dialect.list_errors())
            others = compute(lambda steps: self._aggregate_own(values, names, steps), own, errors)
            first = pa.table(found)
            first, others = (table.sort_by(order) if names else table for table in (first, others))
            found = {name: first[name] for name in first.column_names} | {name: others[name] for name in own}
        return read_aggregates(pa.table(found), by, aggregates)

    def _group_finite(self, by: Sequence[GroupKey], aggregates: Sequence[Aggregate]) -> pa.Table | None:
        """Return aggregates by group, computed as if all numbers were finite; None if some are not.

        Checking a number takes longer than adding it up, and a sum with a number that is not finite is not finite.
        """
        computed = list_values(aggregates, ())
        flags = self._list_flags(by, computed, ())
        if not flags.keys().isdisjoint(key.column for key in by):  # a key has no sum
            return None
        sums = [step for step in aggregates if isinstance(step, Sum)]
        checked = {*computed} - {step.value for step in sums}
        values = self._compute(by, computed, [flag.name for flag in flags.values()], checked=checked, trusted=True)
        check_numbers(computed, values.collect_schema())
        of_columns = list(map(Sum, flags.values()))
        try:
            groups = self._group(values, [key.group for key in by], [*aggregates, *of_columns])
        except InputError:  # such as a cast of infinity to an integer; any other error comes again with checks
            return None
        return groups if all(_is_finite(groups[step.name]) for step in (*sums, *of_columns)) else None

    def count_classes(self, by: Sequence[GroupKey], value: RowValue, steps: Mapping[str, nw.Expr]) -> pa.Table:
        names = [key.group for key in by]
        flags = self._list_flags(by, [value], ())
        values = self._compute(by, [value], [flag.name for flag in flags.values()])
        check_numbers([value], values.collect_schema())
        for name, step in steps.items():
            values = values.with_columns(step.alias(name))
        (last,) = list(steps)[-1:]
        return self._count_rows(values.group_by(*names, last), last, flags)

    def sketch(self, by: Sequence[GroupKey], values: Sequence[RowValue], groups: pa.Table) -> list[pa.Table]:
        if isinstance(self._dialect, Portable) or not (values and self._dialect.holds_classes):
            return [find_places(self.count_classes(by, value, classify(value)), groups) for value in values]
        keys = groups.select([key.group for key in by]).append_column(PLACE, pa.array(range(len(groups)), pa.int32()))
        flags = {value: self._list_flags(by, [value], ()) for value in values}
        marks = list(dict.fromkeys(flag.name for each in flags.values() for flag in each.values()))
        rows = self._compute(by, values, marks, keys, checked=())
        check_numbers(values, rows.collect_schema())
        names = {value: f"class {place}" for place, value in enumerate(values)}
        classed = self._dialect.classify(rows.to_native(), names, [PLACE, *marks])
        with ExitStack() as stack:
            with self._dialect.explain_errors():
                held: nw.LazyFrame[Any] = nw.from_native(stack.enter_context(self._dialect.hold(classed)))
            return [
                self._count_rows(held.rename({name: CLASS}).group_by(PLACE, CLASS), CLASS, flags[value])
                for value, name in names.items()
            ]

    def _count_rows(self, grouped: Any, last: str, flags: Mapping[str, RowValue]) -> pa.Table:  # noqa: ANN401 - of narwhals
        """Return the number of rows of each group as `n`, without groups that have a gap in the last key."""
        counts = [flag.column.count().alias(flag.name) for flag in flags.values()]
        groups = self._collect(grouped.agg(nw.len().alias("n"), *counts))
        self._infinite |= {name: pc.sum(groups[flag.name]).as_py() or 0 for name, flag in flags.items()}
        groups = groups.drop_columns([flag.name for flag in flags.values()])
        return groups.filter(pc.is_valid(groups[last]))  # to filter, an engine would compute each step twice

    def sum_clusters(self, by: Sequence[GroupKey], values: Sequence[RowValue], groups: pa.Table) -> "nw.LazyFrame[Any]":
        columns = [column for column in CLUSTERS if column in self.columns]
        alone, labels = nw.lit(value=True), []
        for column in columns:
            labels.append(nw.when(alone).then(nw.col(column)).alias(CLUSTERS[column]))
            alone = alone & nw.col(column).is_null()
        names = [PLACE, *(CLUSTERS[column] for column in columns)]
        hours = []
        if isinstance(self._schema.get("created_at"), nw.Datetime):
            hours = [nw.when(alone).then(HOURS).alias(HOUR)]
            names.append(HOUR)
        sums = [value.column.cast(nw.Float64).fill_null(0.0).alias(Sum(value).name) for value in values]
        counts = [(~value.column.is_null()).cast(nw.Float64).alias(Count(value).name) for value in values]
        computed = self._compute(by, values, [*columns, *([MICROS] if hours else [])], groups)
        if labels or hours:
            computed = computed.with_columns(*labels, *hours)
        rows = computed.select(*names, alone.alias(_ALONE), *sums, *counts)
        single = rows.filter(nw.col(_ALONE)).drop(_ALONE)
        if not columns:
            return single
        shared = rows.filter(~nw.col(_ALONE)).drop(_ALONE)
        summed = [name for name in shared.collect_schema().names() if name not in names]
        return nw.concat([shared.group_by(*names).agg(*(nw.col(name).sum() for name in summed)), single])

    def extend(
        self,
        by: Sequence[GroupKey],
        groups: pa.Table,
        needs: Sequence[str],
        steps: Steps,
        wanted: Sequence[str],
    ) -> Any:  # noqa: ANN401 - of engines that may not be installed
        """Return the data with further columns."""
        self._check(needs)
        read = [name for name in dict.fromkeys((*needs, *(key.column for key in by))) if name in self._schema]
        rows: nw.LazyFrame[Any] = nw.from_native(self._dialect.add_clean(self._native, read))
        keys = (nw.col(name_clean(key.column)).alias(key.group) for key in by)
        rows = rows.with_columns(*map(self._read_clean, needs), *keys)
        rows = self.join(rows, groups, [key.group for key in by])
        for step in steps.each:
            rows = compute(rows.with_columns, step, (*ERRORS, *self._dialect.list_errors()))
            rows = nw.from_native(self._dialect.fence(rows.to_native(), step))
        return self._keep(rows, wanted)

    def add_previous(self, by: Sequence[str], names: Mapping[str, str]) -> Any:  # noqa: ANN401 - as `extend`
        """Return the data with further columns."""
        read = list(dict.fromkeys((*by, *ORDER, *names)))
        self._check(read)
        rows: nw.LazyFrame[Any] = nw.from_native(self._dialect.add_clean(self._native, read))
        keys, order = (list(map(name_clean, columns)) for columns in (by, ORDER))
        placed = nw.all_horizontal(*(~nw.col(key).is_null() for key in (*keys, order[0])), ignore_nulls=False)
        rows = rows.with_columns(placed.alias(_PLACED))
        found = {
            wanted: nw.col(name_clean(name)).shift(1).over(_PLACED, *keys, order_by=order)
            for name, wanted in names.items()
        }
        rows = rows.with_columns(nw.when(nw.col(_PLACED)).then(value).alias(name) for name, value in found.items())
        return self._keep(rows, list(names.values()))

    def _keep(self, rows: "nw.LazyFrame[Any]", wanted: Sequence[str]) -> Any:  # noqa: ANN401 - as `extend`
        """Return rows with the columns of the data, under their own names, and wanted ones."""
        plain = {make_plain(name): name for name in self._schema}
        kept = rows.select(*plain, *wanted).to_native()
        return self._dialect.rename(kept, plain | dict(zip(wanted, wanted, strict=True)))

    def _read_clean(self, name: str) -> nw.Expr:
        """Return a column for the steps of `extend`: integers of the record as float64, gaps without the column."""
        column, clean_name = BY_NAME.get(name), name_clean(name)
        found = nw.col(clean_name) if name in self._schema else nw.lit(None).alias(clean_name)
        if column is not None and column.kind in {Kind.INTEGER, Kind.NUMBER}:
            return found.cast(nw.Float64)
        if name in self._schema:
            return found
        return found.cast(nw.Boolean if column is not None and column.kind is Kind.FLAG else nw.String)

    def join(self, lazy: "nw.LazyFrame[Any]", table: pa.Table, on: Sequence[str]) -> "nw.LazyFrame[Any]":
        joined: nw.LazyFrame[Any] = nw.from_native(self._dialect.join(lazy.to_native(), table, list(on)))
        return joined

    def select(self, names: Sequence[str]) -> "nw.LazyFrame[Any]":
        self._check(names)
        columns: nw.LazyFrame[Any] = nw.from_native(self._clean(names)).select(*map(self._find, names))
        return columns

    def find_latest(self, column: str) -> pd.Timestamp | None:
        self._check([column])
        found = self._collect(nw.from_native(self._clean([column])).select(self._find(column).max()))[column][0].as_py()
        return None if found is None else pd.Timestamp(found)

    def _compute(
        self,
        by: Sequence[GroupKey],
        values: Sequence[RowValue],
        needs: Sequence[str | RowValue],
        groups: pa.Table | None = None,
        checked: Iterable[RowValue] | None = None,
        *,
        trusted: bool = False,
    ) -> "nw.LazyFrame[Any]":
        """Return the data with the keys, under `GroupKey.group`, the columns of groups, and the row values.

        Those of `checked`, all by default, are gaps where they are not finite. So are columns, unless they are trusted.
        """
        steps = order_by_need(values)
        columns = list_columns(steps, needs)
        self._check([*(key.column for key in by), *columns])
        if "*" in columns:
            msg = f"in an expression, {self._dialect.name} takes the column '*' for all columns: rename it"
            raise InputError(msg)
        native = self._clean([*(key.column for key in by), *columns], trusted=trusted)
        if MICROS in columns or any(key.column == "created_at" != key.name for key in by):
            native = self._dialect.add_micros(native, "created_at", MICROS)
        rows: nw.LazyFrame[Any] = nw.from_native(native)
        for key in by:
            name = make_plain(key.column)
            for name, step in key.lazy.items():
                rows = rows.with_columns(step.alias(name))
            rows = rows.with_columns(nw.col(name).alias(key.group))
        read = [*(nw.col(key.group) for key in by), *map(self._read, columns)]
        rows = rows.select(*read) if read else rows
        if groups is not None:
            rows = self.join(rows, groups, [key.group for key in by])
        for level in steps:
            expressions = {value.name: value.expression for value in level}
            rows = compute(rows.with_columns, expressions, (*ERRORS, *self._dialect.list_errors()))
        schema = rows.collect_schema() if values else {}
        floats = [value for value in (values if checked is None else checked) if schema[value.name].is_float()]
        finite = (nw.when(value.column.is_finite()).then(value.column).alias(value.name) for value in floats)
        return rows.with_columns(*finite) if floats else rows

    def _clean(self, names: Iterable[str], *, trusted: bool = False) -> Any:  # noqa: ANN401 - of engines that may not be installed
        """Return columns of the data as statistics read them, under plain names.

        Libraries that write SQL take seconds to copy statements with all columns.
        """
        wanted = {"created_at" if name == MICROS else name for name in names}
        known = [name for name in self._schema if name in wanted] or self.columns[:1]
        with self._dialect.explain_errors():
            return self._dialect.clean(self._native, known, trusted=trusted)

    def _read(self, name: str) -> nw.Expr:
        """Return a column as row values read it: integers of the record as float64, which never overflow."""
        column = BY_NAME.get(name)
        found = self._find(name)
        return found.cast(nw.Float64) if column is not None and column.kind is Kind.INTEGER else found

    def _find(self, name: str) -> nw.Expr:
        """Return a column by its own name: columns of the data are stored under plain names, added ones are not."""
        return nw.col(make_plain(name)).alias(name) if name in self._schema else nw.col(name)

    def _list_flags(
        self, by: Sequence[GroupKey], values: Sequence[RowValue], needs: Sequence[str | RowValue]
    ) -> dict[str, RowValue]:
        """Return the columns of floats that are read, and for each the row value that is its flag (`name_flag`)."""
        read = [*(key.column for key in by), *list_columns(order_by_need(values), needs)]
        floats = [name for name in dict.fromkeys(read) if name in self._schema and self._schema[name].is_float()]
        return {name: _make_flag(name_flag(name)) for name in floats}

    def _aggregate_own(self, values: "nw.LazyFrame[Any]", names: Sequence[str], steps: Sequence[nw.Expr]) -> pa.Table:
        if names:
            return self._collect(values.group_by(*names).agg(*steps))
        found = self._collect(values.select(*steps))
        check_single(nw.from_native(found, eager_only=True))
        return found

    def _group(self, values: "nw.LazyFrame[Any]", names: Sequence[str], aggregates: Sequence[Aggregate]) -> pa.Table:
        return self._collect(nw.from_native(self._dialect.group_by(values.to_native(), names, aggregates)))

    def _collect(self, lazy: "nw.LazyFrame[Any]") -> pa.Table:
        """Return a result with the types of a frame in memory: sums of integers come as wide decimals."""
        with self._dialect.explain_errors():
            table = lazy.collect(backend="pyarrow").to_native()
        fields = [field.with_type(_choose_type(field.type)) for field in table.schema]
        return table.cast(pa.schema(fields), safe=False)

    def _check(self, names: Iterable[str]) -> None:
        for name in names:
            if name in self._schema:
                check_type(name, self._schema[name])


def _make_flag(name: str) -> RowValue:
    return RowValue(name, name, Unit.COUNT, name, (), nw.col(name))


def _is_finite(sums: pa.ChunkedArray) -> bool:
    """Return whether all sums are finite: then all values that they contain are."""
    return pc.all(pc.is_finite(sums)).as_py() is not False


def _choose_type(found: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(found):
        return pa.timestamp("us", None if found.tz is None else "UTC")
    return _PLAIN.get(found.id, found)
