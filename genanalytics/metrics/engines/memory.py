"""Statistics of a frame in memory: Arrow computes the row values, numpy the aggregates."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.errors import InputError
from genanalytics.metrics.declare import Aggregate, Count, RowValue, Sum
from genanalytics.metrics.engines.kernels import Groups, group_rows, to_floats
from genanalytics.metrics.engines.protocol import (
    CLUSTERS,
    HOUR,
    PLACE,
    list_columns,
    list_quantiles,
    list_values,
    order_by_need,
)
from genanalytics.metrics.grouping.calendar import count_hours
from genanalytics.metrics.grouping.keys import GroupKey
from genanalytics.records.frame import to_frame
from genanalytics.records.schema import BY_NAME, Kind

_PORTION_ROWS = 200_000
_CODES = "number of the group"


class InMemory:
    """A pandas frame."""

    large = False

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame.copy(deep=False)
        self._frame.attrs = {}  # pandas would copy them with each column
        self.columns = [str(name) for name in frame.columns]

    def count(self) -> int:
        return len(self._frame)

    def is_nested(self, column: str) -> bool:
        return bool(pa.types.is_nested(getattr(self._frame[column].dtype, "pyarrow_dtype", pa.null())))

    def aggregate(
        self,
        by: Sequence[GroupKey],
        aggregates: Sequence[Aggregate],
        own: Mapping[str, nw.Expr],
        needs: Sequence[str | RowValue],
    ) -> pa.Table:
        groups, names = group_rows([key.pandas(self._read(key.column)) for key in by], len(self._frame))
        found: dict[str, Any] = {key.group: pa.Array.from_pandas(name) for key, name in zip(by, names, strict=True)}
        values = list_values(aggregates, ())
        added = [step for step in aggregates if isinstance(step, Sum | Count)]
        quantiles = list_quantiles(aggregates)
        totals: dict[Sum | Count, np.ndarray] = dict.fromkeys(added, np.zeros(groups.count))
        ranked = {value: np.empty(len(self._frame)) for value in quantiles}
        for part in _divide(len(self._frame)):
            inside, table = groups.part(part), self._compute(values, (), part)
            floats = {value: to_floats(table[value.name]) for value in values}
            totals = {step: total + _add(inside, floats, step) for step, total in totals.items()}
            for value, column in ranked.items():
                column[part] = floats[value]
        found |= {step.name: total for step, total in totals.items()}
        for value, steps in quantiles.items():
            rows = groups.at_ranks(ranked[value], [step.ranks for step in steps])
            found |= {step.name: pa.array(row, from_pandas=True) for step, row in zip(steps, rows, strict=True)}
        if own:
            found |= _aggregate_own(groups, self._compute(list_values((), needs), needs), own)
        return pa.table(found)

    def count_classes(self, by: Sequence[GroupKey], value: RowValue, steps: Mapping[str, nw.Expr]) -> pa.Table:
        table = nw.from_native(self._compute([value], ()), eager_only=True)
        for name, step in steps.items():
            table = table.with_columns(step.alias(name))
        (last,) = list(steps)[-1:]
        index = to_floats(table[last].to_native())
        known = ~np.isnan(index)
        series = [key.pandas(self._read(key.column))[known].reset_index(drop=True) for key in by]
        inner, names = group_rows([*series, pd.Series(index[known])], int(known.sum()))
        columns = [*(key.group for key in by), last]
        found = {column: pa.Array.from_pandas(name) for column, name in zip(columns, names, strict=True)}
        return pa.table(found | {"n": inner.size()})

    def sum_clusters(self, by: Sequence[GroupKey], values: Sequence[RowValue], groups: pa.Table) -> "nw.LazyFrame[Any]":
        labels: dict[str, pd.Series] = {}
        alone = np.ones(len(self._frame), dtype=bool)
        for column, name in CLUSTERS.items():
            if column in self.columns:
                labels[name] = self._read(column).where(alone)
                alone &= labels[name].isna().to_numpy()
        places = self._find_places(by, groups)
        single = pd.Series(np.where(alone, np.arange(len(alone)), -1))
        inner, names = group_rows([pd.Series(places), *labels.values(), single], len(self._frame))
        found: dict[str, Any] = {
            column: pa.Array.from_pandas(name) for column, name in zip([PLACE, *labels], names[:-1], strict=True)
        }
        hours = self._find_hours()
        if hours is not None:
            row = names[-1].to_numpy()
            found[HOUR] = pa.Array.from_pandas(hours.iloc[np.maximum(row, 0)].where(row >= 0))
        sums = {column: np.zeros(inner.count) for value in values for column in (Sum(value).name, Count(value).name)}
        others = [name for name in groups.column_names if name not in {PLACE, *(key.group for key in by)}]
        constants = {name: to_floats(groups[name]) for name in others}
        for part in _divide(len(self._frame)):
            given = {name: pa.array(numbers[places[part]]) for name, numbers in constants.items()}
            own, table = inner.part(part), self._compute(values, (), part, given)
            for value in values:
                floats = to_floats(table[value.name])
                sums[Sum(value).name] += own.sum(floats)
                sums[Count(value).name] += own.known(floats)
        clusters: nw.LazyFrame[Any] = nw.from_native(pa.table(found | sums)).lazy()
        return clusters

    def join(self, lazy: "nw.LazyFrame[Any]", table: pa.Table, on: Sequence[str]) -> "nw.LazyFrame[Any]":
        joined: nw.LazyFrame[Any] = lazy.join(nw.from_native(table).lazy(), on=list(on), how="inner")
        return joined

    def _find_places(self, by: Sequence[GroupKey], groups: pa.Table) -> "np.ndarray":
        """Return the number of each row's group."""
        if not by:
            return np.zeros(len(self._frame), dtype=np.int64)
        inner, names = group_rows([key.pandas(self._read(key.column)) for key in by], len(self._frame))
        columns = [key.group for key in by]
        found = pa.table({column: pa.Array.from_pandas(name) for column, name in zip(columns, names, strict=True)})
        numbered = groups.select([*columns, PLACE]).to_pandas()
        placed: np.ndarray = found.to_pandas().merge(numbered, on=columns, how="left")[PLACE].to_numpy()
        found_places: np.ndarray = placed[inner.codes]
        return found_places

    def _find_hours(self) -> "pd.Series | None":
        """Return the hour of each row since 1970; None without moments."""
        if "created_at" not in self.columns or not pd.api.types.is_datetime64_any_dtype(self._frame["created_at"]):
            return None
        return count_hours(self._read("created_at").reset_index(drop=True))

    def find_latest(self, column: str) -> pd.Timestamp | None:
        last = self._read(column).max()
        return None if pd.isna(last) else last

    def table(self, names: Iterable[str], part: slice = slice(None)) -> pa.Table:
        """Return columns of a part of the rows as Arrow, known columns with the types of the schema."""
        return pa.table({name: self._to_arrow(name, part) for name in names})

    def _compute(
        self,
        values: Sequence[RowValue],
        needs: Sequence[str | RowValue],
        part: slice = slice(None),
        given: "Mapping[str, pa.Array] | None" = None,
    ) -> pa.Table:
        """Return the columns that are needed, given ones, and the row values of a part of the rows, as Arrow."""
        steps = order_by_need(values)
        table = self.table(list_columns(steps, needs), part)
        for name, column in (given or {}).items():
            table = table.append_column(name, column)
        computed = nw.from_native(table, eager_only=True)
        for step in steps:
            computed = computed.with_columns(*(value.expression.alias(value.name) for value in step))
        return computed.to_native()

    def _read(self, name: str) -> pd.Series:
        """Return a column with the dtype of the schema."""
        values = self._frame[name]
        column = BY_NAME.get(name)
        if column is None or str(values.dtype) == column.kind.pandas_dtype:
            return values
        if column.kind is Kind.TIME:
            moments: pd.Series = pd.to_datetime(values, utc=True).dt.as_unit("us")
            return moments
        return to_frame(pa.table({name: self._to_arrow(name)}))[name].set_axis(values.index)

    def _to_arrow(self, name: str, part: slice = slice(None)) -> pa.Array:
        column = BY_NAME.get(name)
        try:
            return pa.Array.from_pandas(self._frame[name].iloc[part], type=column.kind.arrow_type if column else None)
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            msg = f"column {name!r} of the frame contains values that are not of its type: {error}"
            raise InputError(msg) from error


def _divide(rows: int) -> list[slice]:
    """Return the rows in parts, so that only the row values of one part are in memory at once."""
    return [slice(start, min(start + _PORTION_ROWS, rows)) for start in range(0, max(rows, 1), _PORTION_ROWS)]


def _add(groups: Groups, floats: "Mapping[RowValue, np.ndarray]", step: Sum | Count) -> "np.ndarray":
    match step:
        case Sum(value):
            return groups.sum(floats[value])
        case Count(RowValue() as value):
            return groups.known(floats[value])
        case _:
            return groups.size()


def _aggregate_own(groups: Groups, table: pa.Table, own: Mapping[str, nw.Expr]) -> dict[str, Any]:
    """Return aggregates that are declared as expressions, by group, as pandas computes them."""
    steps = [step.alias(name) for name, step in own.items()]
    if groups.undivided:
        found = nw.from_native(table, eager_only=True).select(*steps)
    else:
        frame = to_frame(table).assign(**{_CODES: groups.codes})
        found = nw.from_native(frame, eager_only=True).group_by(_CODES).agg(*steps).sort(_CODES)
    return {name: found[name].to_arrow() for name in own}
