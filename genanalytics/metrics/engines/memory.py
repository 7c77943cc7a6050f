"""Statistics of a frame in memory: numpy computes row values and aggregates, narwhals all other row values."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.base.text import to_one_line
from genanalytics.errors import InputError
from genanalytics.metrics.declare import Aggregate, Count, RowValue, Sum
from genanalytics.metrics.engines.aggregates import Aggregates
from genanalytics.metrics.engines.arrays import Column, Operand, UnsupportedError, read_column, stack
from genanalytics.metrics.engines.columns import (
    check_names,
    clean,
    count_infinite,
    describe_infinite,
    read_masked,
    to_number,
)
from genanalytics.metrics.engines.kernels import Groups, Portion, group_rows, to_floats
from genanalytics.metrics.engines.plan import make_plan, plan_steps
from genanalytics.metrics.engines.protocol import (
    CLUSTERS,
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
from genanalytics.metrics.engines.sketch import classify, find_places
from genanalytics.metrics.engines.totals import Totals
from genanalytics.metrics.grouping.calendar import count_hours
from genanalytics.metrics.grouping.keys import GroupKey
from genanalytics.metrics.names import name_clean
from genanalytics.records.frame import Values, to_nullable
from genanalytics.records.schema import BY_NAME, COLUMNS, Kind

_PORTION_ROWS = 65_536
"""So few that columns and row values stay in the cache of a processor."""
_CODES = "number of the group"
_CLEAN = {"str", "boolean", "Int64", "int64", "datetime64[us, UTC]"}
"""The pandas dtypes of columns that are grouped by as they are."""
_MASKED = {
    column.name: column.kind.pandas_dtype for column in COLUMNS if column.kind in {Kind.INTEGER, Kind.NUMBER, Kind.FLAG}
}
"""The pandas dtypes of columns of numbers and flags, which are read without Arrow."""


class InMemory:
    """A pandas frame or an Arrow table.

    Raises:
        InputError: Two columns have the same name.
    """

    large = False
    sketches = False

    def __init__(self, data: pd.DataFrame | pa.Table) -> None:
        self._carried = data.attrs.get("notices", ()) if isinstance(data, pd.DataFrame) else ()
        if isinstance(data, pd.DataFrame) and data.attrs:
            data = pd.DataFrame(data, copy=False)  # without attributes, which pandas copies with each column
        self._data = data
        self._labels = data.columns.to_list() if isinstance(data, pd.DataFrame) else data.column_names
        self.columns = list(map(str, self._labels))
        check_names(self.columns)
        self._places = {name: place for place, name in enumerate(self.columns)}
        self._series: dict[str, pd.Series] = {}
        self._objects: dict[str, Values] = {}
        self._not_finite: set[str] = set()

    @property
    def notices(self) -> list[str]:
        found = [name for name in self.columns if name in self._not_finite]
        own = describe_infinite({name: count_infinite(self._convert(name)) for name in found})
        return list(dict.fromkeys([*self._carried, *own]))  # such as those of `ga.label`

    def count(self) -> int:
        return len(self._data)

    def has_room(self, size: int) -> bool:  # noqa: ARG002 - for less than the data itself
        return True

    def is_nested(self, column: str) -> bool:
        if isinstance(self._data, pd.DataFrame) and str(self._find(column).dtype) in _CLEAN:
            return False
        return bool(pa.types.is_nested(self._convert(column, slice(0)).type))

    def aggregate(
        self,
        by: Sequence[GroupKey],
        aggregates: Sequence[Aggregate],
        own: Mapping[str, nw.Expr],
        needs: Sequence[str | RowValue],
    ) -> Aggregates:
        groups, names = group_rows([key.pandas(self._read(key.column)) for key in by], len(self._data))
        keys = {key.group: pa.Array.from_pandas(name) for key, name in zip(by, names, strict=True)}
        values, totals = list_values(aggregates, ()), Totals(aggregates, groups.count, len(self._data))
        for part in _divide(len(self._data)):
            portion = groups.part(part)
            totals.add(portion, self._measure(values, portion, part))
        others = _aggregate_own(groups, self._compute(list_values((), needs), needs), own) if own else {}
        return Aggregates(keys, tuple(aggregates), totals.find(), others)

    def count_classes(self, by: Sequence[GroupKey], value: RowValue, steps: Mapping[str, nw.Expr]) -> pa.Table:
        rows = slice(0, len(self._data))
        measured = self._measure([value], Groups(None, rows.stop, 1).part(rows), rows)[value]
        (numbers,), known = stack([measured], rows.stop)
        gaps = None if known is None else ~known[0]
        table = nw.from_native(pa.table({value.name: pa.array(numbers, mask=gaps)}), eager_only=True)
        for name, step in steps.items():
            table = table.with_columns(step.alias(name))
        (last,) = list(steps)[-1:]
        index = to_floats(table[last].to_native())
        placed = ~np.isnan(index)
        series = [key.pandas(self._read(key.column))[placed].reset_index(drop=True) for key in by]
        inner, names = group_rows([*series, pd.Series(index[placed])], int(placed.sum()))
        columns = [*(key.group for key in by), last]
        found = {column: pa.Array.from_pandas(name) for column, name in zip(columns, names, strict=True)}
        return pa.table(found | {"n": inner.size()})

    def sketch(self, by: Sequence[GroupKey], values: Sequence[RowValue], groups: pa.Table) -> list[pa.Table]:
        return [find_places(self.count_classes(by, value, classify(value)), groups) for value in values]

    def sum_clusters(self, by: Sequence[GroupKey], values: Sequence[RowValue], groups: pa.Table) -> "nw.LazyFrame[Any]":
        labels: dict[str, pd.Series] = {}
        alone = np.ones(len(self._data), dtype=bool)
        for column, name in CLUSTERS.items():
            if column in self.columns:
                labels[name] = self._read(column).where(alone)
                alone &= labels[name].isna().to_numpy()
        places = self._find_places(by, groups)
        single = pd.Series(np.where(alone, np.arange(len(alone)), -1))
        inner, names = group_rows([pd.Series(places), *labels.values(), single], len(self._data))
        found: dict[str, Any] = {
            column: pa.Array.from_pandas(name) for column, name in zip([PLACE, *labels], names[:-1], strict=True)
        }
        hours = self._find_hours()
        if hours is not None:
            row = names[-1].to_numpy()
            found[HOUR] = pa.Array.from_pandas(hours.iloc[np.maximum(row, 0)].where(row >= 0))
        steps = [kind(value) for value in values for kind in (Sum, Count)]
        sums = Totals(steps, inner.count, len(self._data))
        others = [name for name in groups.column_names if name not in {PLACE, *(key.group for key in by)}]
        constants = {name: to_floats(groups[name]) for name in others}
        for part in _divide(len(self._data)):
            given = {name: numbers[places[part]] for name, numbers in constants.items()}
            portion = inner.part(part)
            sums.add(portion, self._measure(values, portion, part, given))
        found |= {step.name: pa.array(row) for step, row in zip(steps, sums.find(), strict=True)}
        clusters: nw.LazyFrame[Any] = nw.from_native(pa.table(found)).lazy()
        return clusters

    def join(self, lazy: "nw.LazyFrame[Any]", table: pa.Table, on: Sequence[str]) -> "nw.LazyFrame[Any]":
        joined: nw.LazyFrame[Any] = lazy.join(nw.from_native(table).lazy(), on=list(on), how="inner")
        return joined

    def extend(
        self,
        by: Sequence[GroupKey],
        groups: pa.Table,
        needs: Sequence[str],
        steps: Steps,
        wanted: Sequence[str],
    ) -> pa.Table:
        """Return further columns of all rows, without the columns of the data."""
        numbers = [name for name in groups.column_names if name not in {key.group for key in by}]
        placed = groups.append_column(PLACE, pa.array(np.arange(len(groups))))
        found = self._find_places(by, placed)
        places = pa.array(np.nan_to_num(found).astype(np.int64), mask=np.isnan(found))
        columns = {name_clean(name): name for name in needs}
        parts = _divide(len(self._data))

        def read(name: str, part: slice) -> Values:
            return groups[name].take(places[part]) if name in numbers else self._read_or_gaps(columns[name], part)

        extension = plan_steps(steps, tuple(wanted))
        if extension is not None:
            with suppress(UnsupportedError):
                return pa.concat_tables(extension.run(partial(read, part=part), len(places[part])) for part in parts)
        tables = []
        for part in parts:
            table = nw.from_native(pa.table({name: read(name, part) for name in (*columns, *numbers)}), eager_only=True)
            for step in steps.each:
                table = compute(table.with_columns, step)
            tables.append(table.select(*wanted).to_native())
        return pa.concat_tables(tables)

    def add_previous(self, by: Sequence[str], names: Mapping[str, str]) -> pa.Table:
        """Return further columns of all rows, without the columns of the data."""
        groups, _ = group_rows([self._read(name) for name in by], len(self._data))
        moments, ids = (self._read(name) for name in ORDER)
        placed = np.logical_and.reduce([moments.notna(), *(self._read(name).notna() for name in by)])
        ranked = pd.DataFrame({"group": groups.codes, "moment": moments, "id": ids})[placed]
        order = ranked.sort_values(["group", "moment", "id"], kind="stable").index.to_numpy()
        has_previous = groups.codes[order[1:]] == groups.codes[order[:-1]]
        previous = pd.array([pd.NA], dtype="Int64").repeat(len(self._data))
        previous[order[1:][has_previous]] = order[:-1][has_previous]
        places = pa.array(previous, from_pandas=True)
        return pa.table({wanted: self._to_arrow(name).take(places) for name, wanted in names.items()})

    def _read_or_gaps(self, name: str, part: slice) -> Values:
        if name in self._places:
            return to_number(name, self._to_arrow(name, part))
        column, length = BY_NAME.get(name), len(range(len(self._data))[part])
        return to_number(name, pa.nulls(length, pa.string() if column is None else column.kind.arrow_type))

    def _find_places(self, by: Sequence[GroupKey], groups: pa.Table) -> "np.ndarray":
        """Return the number of each row's group; NaN if it is not among `groups`."""
        if not by:
            return np.zeros(len(self._data), dtype=np.int64)
        inner, names = group_rows([key.pandas(self._read(key.column)) for key in by], len(self._data))
        found = pa.table({key.group: pa.Array.from_pandas(name) for key, name in zip(by, names, strict=True)})
        numbers = groups.select([*found.column_names, PLACE])
        if not found.equals(numbers.drop_columns([PLACE])):  # these are the groups of other data
            joined = to_nullable(found).merge(to_nullable(numbers), on=found.column_names, how="left")
            numbers = pa.table({PLACE: pa.Array.from_pandas(joined[PLACE])})
        places: np.ndarray = to_floats(numbers[PLACE])[inner.codes]
        return places if np.isnan(places).any() else places.astype(np.int64)

    def _find_hours(self) -> "pd.Series | None":
        """Return the hour of each row since 1970; None without moments."""
        if "created_at" not in self.columns or not pa.types.is_timestamp(self._convert("created_at", slice(0)).type):
            return None
        return count_hours(self._read("created_at"))

    def find_latest(self, column: str) -> pd.Timestamp | None:
        last = self._read(column).max()
        return None if pd.isna(last) else last

    def select(self, names: Sequence[str]) -> "nw.LazyFrame[Any]":
        columns: nw.LazyFrame[Any] = nw.from_native(self.table(names)).lazy()
        return columns

    def table(self, names: Iterable[str], part: slice = slice(None)) -> pa.Table:
        """Return columns of a part of the rows as Arrow, as `columns.clean` returns them."""
        return pa.table({name: self._to_arrow(name, part) for name in names})

    def _measure(
        self,
        values: Sequence[RowValue],
        portion: Portion,
        part: slice,
        given: "Mapping[str, np.ndarray] | None" = None,
    ) -> dict[RowValue, Column]:
        """Return the row values of a part of the rows, arranged; they may read given numbers too."""
        plan, numbers = make_plan(tuple(values)), given or {}

        def read(name: str) -> Operand:
            if name in numbers:
                return Column(portion.arrange(numbers[name]), portion.arrange(~np.isnan(numbers[name])))
            if name not in plan.needs:
                raise UnsupportedError
            return self._read_operand(name, part, portion)

        try:
            found, others = plan.run(read), plan.others
        except UnsupportedError:
            found, others = {}, tuple(values)
        if others:
            table = self._compute(others, (), part, {name: pa.array(column) for name, column in numbers.items()})
            for value, floats in _to_numbers(table, others).items():
                known = ~np.isnan(floats)
                found[value] = Column(portion.arrange(np.where(known, floats, 0.0)), portion.arrange(known))
        return found

    def _read_operand(self, name: str, part: slice, portion: Portion) -> Operand:
        """Return a column of a part of the rows, arranged; numbers and flags of a typed frame without Arrow."""
        if isinstance(self._data, pd.DataFrame) and name in _MASKED:
            values = self._find(name, part).array
            found = read_masked(values, portion.arrange) if values.dtype.name == _MASKED[name] else None
            if found is not None:
                return found
        return read_column(to_number(name, self._to_arrow(name, part)), portion.arrange)

    def _compute(
        self,
        values: Sequence[RowValue],
        needs: Sequence[str | RowValue],
        part: slice = slice(None),
        given: "Mapping[str, pa.Array] | None" = None,
    ) -> pa.Table:
        """Return the columns that are needed, given ones, and the row values of a part of the rows, by narwhals."""
        steps = order_by_need(values)
        columns = {name: to_number(name, self._to_arrow(name, part)) for name in list_columns(steps, needs)}
        computed = nw.from_native(pa.table(columns | dict(given or {})), eager_only=True)
        for step in steps:
            computed = compute(computed.with_columns, {value.name: value.expression for value in step})
        return computed.to_native()

    def _read(self, name: str) -> pd.Series:
        """Return a column as pandas."""
        if isinstance(self._data, pd.DataFrame):
            values = self._find(name)
            column, dtype = BY_NAME.get(name), str(values.dtype)
            if dtype in _CLEAN and (column is None or dtype == column.kind.pandas_dtype):
                return values.reset_index(drop=True)
        return to_nullable(pa.table({name: self._to_arrow(name)}))[name]

    def _to_arrow(self, name: str, part: slice = slice(None)) -> Values:
        values = self._convert(name, part)
        try:
            found = clean(name, values)
        except pa.ArrowException as error:
            raise _refuse(name, error) from error
        if found.null_count > values.null_count:
            self._not_finite.add(name)
        return found

    def _convert(self, name: str, part: slice = slice(None)) -> Values:
        """Return a column of a part of the rows as Arrow, with the values of the data."""
        if isinstance(self._data, pa.Table):
            return self._data.column(self._places[name])[part]
        values = self._find(name)
        if values.dtype == object:  # only all of its values show their type
            if name not in self._objects:
                self._objects[name] = _convert(name, values)
            return self._objects[name][part]
        return _convert(name, self._find(name, part))

    def _find(self, name: str, part: slice = slice(None)) -> pd.Series:
        """Return a column of a part of the rows of a frame."""
        if name not in self._series:
            label = self._labels[self._places[name]]
            self._series[name] = self._data[name] if label == name else self._data.iloc[:, self._places[name]]
        values, rows = self._series[name], len(self._data)
        return values if part.indices(rows) == (0, rows, 1) else values.iloc[part]


def _convert(name: str, values: pd.Series) -> Values:
    try:
        return pa.Array.from_pandas(values)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        raise _refuse(name, error) from error


def _refuse(name: str, error: Exception) -> InputError:
    msg = f"column {name!r} contains values that cannot be read: {to_one_line(str(error))}; convert it to one type"
    return InputError(msg)


def _to_numbers(table: pa.Table, values: Sequence[RowValue]) -> "dict[RowValue, np.ndarray]":
    """Return row values as float64; gaps, and what is not finite, as NaN."""
    check_numbers(values, nw.from_native(table, eager_only=True).schema)
    found = {value: to_floats(table[value.name]) for value in values}
    return {
        value: np.where(np.isinf(floats), np.nan, floats) if np.isinf(floats).any() else floats
        for value, floats in found.items()
    }


def _divide(rows: int) -> list[slice]:
    """Return the rows in parts, so that only the row values of one part are in memory at once."""
    return [slice(start, min(start + _PORTION_ROWS, rows)) for start in range(0, max(rows, 1), _PORTION_ROWS)]


def _aggregate_own(groups: Groups, table: pa.Table, own: Mapping[str, nw.Expr]) -> dict[str, Values]:
    """Return aggregates that are declared as expressions, by group, as pandas computes them."""
    if groups.undivided:
        rows = nw.from_native(table, eager_only=True)
        found = compute(lambda steps: check_single(rows.select(*steps)), own)
    else:
        frame = to_nullable(table).assign(**{_CODES: groups.codes})
        found = compute(nw.from_native(frame, eager_only=True).group_by(_CODES).agg, own).sort(_CODES)
    return {name: pa.chunked_array([found[name].to_arrow()]) for name in own}
