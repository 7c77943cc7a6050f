"""Sums, counts and percentiles of row values in memory, added up part by part."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from genanalytics.metrics.declare import Aggregate, Count, Quantile, RowValue, Sum
from genanalytics.metrics.engines.arrays import Numbers
from genanalytics.metrics.engines.kernels import Portion, Ranked
from genanalytics.metrics.engines.protocol import list_quantiles

_RANKED_AT_ONCE = 1 << 20
"""How many values are ranked at once at most: all row values of a small frame, but one row value of a large one."""


class Totals:
    """Aggregates of row values by group, of rows that come in parts.

    Args:
        aggregates: The aggregates.
        groups: The number of groups.
        rows: The number of all rows.
    """

    def __init__(self, aggregates: Iterable[Aggregate], groups: int, rows: int) -> None:
        steps = list(aggregates)
        sums = [step for step in steps if isinstance(step, Sum)]
        counts = [step for step in steps if isinstance(step, Count)]
        self._names = [*(step.name for step in sums), *(step.name for step in counts)]
        self._sums = np.zeros((len(sums), groups))
        self._counts = np.zeros((len(counts), groups), dtype=np.int64)
        self._sum_of = {step.value: row for step, row in zip(sums, self._sums, strict=True)}
        self._count_of = {step.value: row for step, row in zip(counts, self._counts, strict=True)}
        self._ranked: list[tuple[Ranked, Sequence[tuple[int, Quantile]]]] = []
        self._place_of: dict[RowValue, tuple[Ranked, int]] = {}
        quantiles = list(list_quantiles(steps).items())
        at_once = max(1, _RANKED_AT_ONCE // max(rows, 1))
        for start in range(0, len(quantiles), at_once):
            self._rank_together(quantiles[start:][:at_once], groups)

    def _rank_together(self, quantiles: Sequence[tuple[RowValue, Sequence[Quantile]]], groups: int) -> None:
        ranked = Ranked(groups, len(quantiles))
        self._ranked.append((ranked, [(place, step) for place, (_, steps) in enumerate(quantiles) for step in steps]))
        self._place_of |= {value: (ranked, place) for place, (value, _) in enumerate(quantiles)}

    def add(self, portion: Portion, measured: Mapping[RowValue, Numbers]) -> None:
        """Add the arranged row values of a part of the rows."""
        groups, size = portion.groups, portion.size()
        for value, (values, known) in measured.items():
            counts = size if known is None else portion.sum(known)
            if value in self._sum_of:
                self._sum_of[value][groups] += portion.sum(values)
            if value in self._count_of:
                self._count_of[value][groups] += counts
            if value in self._place_of:
                ranked, place = self._place_of[value]
                ranked.add(portion, values, known, counts, place)
        if None in self._count_of:
            self._count_of[None][groups] += size

    def make_columns(self) -> Iterator[tuple[str, pa.Array]]:
        """Yield the names of the aggregates, and their values by group: counts as int64, the others as float64."""
        yield from zip(self._names, (*_cut(self._sums), *_cut(self._counts)), strict=True)
        for ranked, steps in self._ranked:
            found = ranked.find([(place, step.ranks) for place, step in steps])
            yield from zip((step.name for _, step in steps), _cut(found), strict=True)


def _cut(rows: "np.ndarray") -> Iterator[pa.Array]:
    """Yield the rows of a matrix as Arrow, NaN as null; they share its memory."""
    count, size = rows.shape
    cells = pa.array(rows.reshape(-1), from_pandas=True)
    return (cells.slice(row * size, size) for row in range(count))
