"""Aggregates by group: what a source returns, and statistics are finished from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from genanalytics.metrics.declare import Aggregate, Count
from genanalytics.metrics.engines.kernels import to_matrix
from genanalytics.metrics.grouping.keys import GroupKey
from genanalytics.records.frame import Values


@dataclass(frozen=True, slots=True)
class Aggregates:
    """Aggregates by group.

    Attributes:
        keys: The values of each group, under `GroupKey.group`.
        steps: The aggregates.
        numbers: float64, a row per aggregate and a column per group; NaN for gaps.
        others: Further columns by name, with a row per group.
    """

    keys: Mapping[str, Values]
    steps: tuple[Aggregate, ...]
    numbers: "np.ndarray"
    others: Mapping[str, Values]

    def __len__(self) -> int:
        return int(self.numbers.shape[1])

    def take(self, places: "np.ndarray") -> "Aggregates":
        """Return some of the groups by their places, as float64; NaN makes a group of gaps."""
        gaps = np.isnan(places)
        known = np.where(gaps, 0, places).astype(np.int64)
        taken = pa.array(known, mask=gaps)
        keys, others = (
            {name: values.take(taken) for name, values in columns.items()} for columns in (self.keys, self.others)
        )
        return Aggregates(keys, self.steps, np.where(gaps, np.nan, self.numbers[:, known]), others)

    def to_table(self) -> pa.Table:
        """Return the keys, the aggregates under their names, counts as int64, and the further columns."""
        numbers = {step.name: _to_arrow(step, row) for step, row in zip(self.steps, self.numbers, strict=True)}
        return pa.table({**self.keys, **numbers, **self.others})


def read_aggregates(table: pa.Table, by: Sequence[GroupKey], steps: Sequence[Aggregate]) -> Aggregates:
    """Return what a table contains under the names of keys and aggregates; its other columns are further ones."""
    keys, names = [key.group for key in by], [step.name for step in steps]
    others = [name for name in table.column_names if name not in {*keys, *names}]
    return Aggregates(
        {name: table[name] for name in keys},
        tuple(steps),
        to_matrix(table.select(names)),
        {name: table[name] for name in others},
    )


def _to_arrow(step: Aggregate, row: "np.ndarray") -> pa.Array:
    column = pa.array(row, from_pandas=True)
    return column.cast(pa.int64()) if isinstance(step, Count) else column
