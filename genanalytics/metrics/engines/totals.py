"""Sums, counts and percentiles of row values in memory, added up part by part."""

from collections.abc import Mapping, Sequence

import numpy as np

from genanalytics.metrics.declare import Aggregate, Count, Quantile, RowValue, Sum
from genanalytics.metrics.engines.arrays import Column, stack
from genanalytics.metrics.engines.kernels import Portion, Ranked
from genanalytics.metrics.engines.protocol import list_quantiles, list_values

_AT_ONCE = 1 << 16
"""How many numbers are added up at once: all row values of a small frame, but one row value of a large one."""


class Totals:
    """Aggregates of row values by group, of rows that come in parts.

    Args:
        aggregates: The aggregates.
        groups: The number of groups.
        rows: The number of all rows.
    """

    def __init__(self, aggregates: Sequence[Aggregate], groups: int, rows: int) -> None:
        self._sizes = np.zeros((1, groups))
        at_once = max(1, _AT_ONCE // max(rows, 1))
        ranked = list_quantiles(aggregates)
        others = [value for value in list_values(aggregates, ()) if value not in ranked]
        self._blocks = [
            _Block(values[start:][:at_once], groups, ranked)
            for values in ([*ranked], others)
            for start in range(0, len(values), at_once)
        ]
        self._rows = self._find_rows(aggregates)

    def _find_rows(self, aggregates: Sequence[Aggregate]) -> list[int]:
        """Return the places of the aggregates among the sums, the counts, the percentiles and the number of rows."""
        values = [value for block in self._blocks for value in block.values]
        ranked = [step for block in self._blocks for _, step in block.quantiles]
        rows: dict[Aggregate, int] = {Sum(value): row for row, value in enumerate(values)}
        rows |= {Count(value): row for row, value in enumerate(values, len(values))}
        rows |= {step: row for row, step in enumerate(ranked, 2 * len(values))}
        rows[Count()] = -1
        return [rows[step] for step in aggregates]

    def add(self, portion: Portion, measured: Mapping[RowValue, Column]) -> None:
        """Add the arranged row values of a part of the rows."""
        size = portion.size()
        self._sizes[0, portion.groups] += size
        for block in self._blocks:
            block.add(portion, size, measured)

    def find(self) -> "np.ndarray":
        """Return the aggregates: a row for each of them, and a column per group; NaN for gaps."""
        sums = [block.sums for block in self._blocks]
        counts = [block.counts for block in self._blocks]
        ranked = [block.find() for block in self._blocks]
        numbers: np.ndarray = np.concatenate([*sums, *counts, *ranked, self._sizes])[self._rows]
        return numbers


class _Block:
    """Row values that are added up together.

    Args:
        values: The row values.
        groups: The number of groups.
        quantiles: The percentiles of all row values.
    """

    def __init__(self, values: Sequence[RowValue], groups: int, quantiles: Mapping[RowValue, list[Quantile]]) -> None:
        self.values = values
        self.quantiles = [(place, step) for place, value in enumerate(values) for step in quantiles.get(value, ())]
        self.sums = np.zeros((len(values), groups))
        self.counts = np.zeros((len(values), groups), dtype=np.int64)
        self._ranked = Ranked(len(values), groups)

    def add(self, portion: Portion, size: "np.ndarray", measured: Mapping[RowValue, Column]) -> None:
        """Add a part of the rows, given the number of its rows in each of its groups."""
        groups, numbers = portion.groups, stack([measured[value] for value in self.values], portion.rows)
        known = numbers.known
        counts = np.tile(size, (len(self.values), 1)) if known is None else portion.sum(known)
        self.sums[:, groups] += portion.sum(numbers.values)
        self.counts[:, groups] += counts
        if self.quantiles:
            self._ranked.add(groups, numbers.values, known, counts)

    def find(self) -> "np.ndarray":
        """Return the percentiles: a row for each of them, and a column per group."""
        if not self.quantiles:
            return self.sums[:0]
        return self._ranked.find([(place, step.ranks) for place, step in self.quantiles])
