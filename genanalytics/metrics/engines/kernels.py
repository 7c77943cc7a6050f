"""Sums, counts and percentiles by group in memory, with numpy.

Rows are grouped once: each row gets the number of its group, which all aggregates read. A sum takes one pass.
Known values are gathered group by group, and each group is sorted for its percentiles.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa

_NUMBERS = {pa.int64(), pa.float64()}
"""The types that a tensor of Arrow takes as they are."""
_SMALL = (1, 4, 16, 64)
"""Limits of group sizes: groups between two of them are sorted together, larger groups one at a time."""


class Groups:
    """Rows by group.

    Args:
        codes: The number of each row's group, from 0; None for one group of all rows.
        rows: The number of rows.
        count: The number of groups.
    """

    def __init__(self, codes: "np.ndarray | None", rows: int, count: int) -> None:
        self._codes = codes
        self._rows = rows
        self.count = count

    @property
    def undivided(self) -> bool:
        """Whether all rows are one group, which exists even without rows."""
        return self._codes is None

    @property
    def codes(self) -> "np.ndarray":
        """The number of each row's group."""
        return np.zeros(self._rows, dtype=np.int64) if self._codes is None else self._codes

    def size(self) -> "np.ndarray":
        """Return the number of rows of each group."""
        if self._codes is None:
            return np.array([self._rows])
        return np.bincount(self._codes, minlength=self.count)

    def sum(self, values: "np.ndarray") -> "np.ndarray":
        """Return the sum of the known values of each group; 0 if there are none."""
        if self._codes is None:
            return np.array([np.nansum(values)])
        gaps = np.isnan(values)
        filled = np.where(gaps, 0.0, values) if gaps.any() else values
        return np.bincount(self._codes, weights=filled, minlength=self.count)

    def part(self, rows: slice) -> "Portion":
        """Return a part of the rows."""
        return Portion(None if self._codes is None else self._codes[rows], rows.stop - rows.start, self.count)


class Portion:
    """A part of the rows in the order of their groups, so that a group is one run of rows.

    Args:
        codes: The number of each row's group; None for one group of all rows.
        rows: The number of rows.
        count: The number of all groups.
    """

    def __init__(self, codes: "np.ndarray | None", rows: int, count: int) -> None:
        self.rows = rows
        self._order: np.ndarray | None = None
        self._starts = np.zeros(min(rows, 1), dtype=np.intp)
        self.groups = self._starts
        """The groups that have rows in this part, in ascending order."""
        if codes is not None and rows:
            small = count <= np.iinfo(np.uint16).max  # which numpy sorts in one pass over them
            self._order = np.argsort(codes.astype(np.uint16), kind="stable") if small else np.argsort(codes)
            ordered = codes[self._order]
            self._starts = np.flatnonzero(np.diff(ordered, prepend=-1))
            self.groups = ordered[self._starts]

    def arrange(self, values: "np.ndarray") -> "np.ndarray":
        """Return values of the rows in the order of this part."""
        return values if self._order is None else values.take(self._order)

    def size(self) -> "np.ndarray":
        """Return the number of rows of each of `groups`."""
        return np.append(self._starts[1:], self.rows) - self._starts if self.rows else self._starts

    def sum(self, values: "np.ndarray") -> "np.ndarray":
        """Return the sums of arranged values, along the last axis, in each of `groups`; of flags, how many are true."""
        dtype = np.intp if values.dtype == bool else values.dtype
        if not self.rows:
            return np.zeros(values.shape, dtype)
        return np.add.reduceat(values, self._starts, axis=-1, dtype=dtype)


class Ranked:
    """The known numbers of several row values by group, of which those at ranks are wanted.

    Args:
        values: The number of row values.
        count: The number of groups.
    """

    def __init__(self, values: int, count: int) -> None:
        self._shape = values, count
        self._parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, groups: "np.ndarray", values: "np.ndarray", known: "np.ndarray | None", counts: "np.ndarray") -> None:
        """Add the arranged values of a part of the rows.

        Args:
            groups: The groups that have rows in this part.
            values: A row per row value.
            known: Where they are known; None if they are everywhere.
            counts: A row per row value: the number of known ones in each of the groups.
        """
        kept = values.reshape(-1) if known is None else values.take(np.flatnonzero(known))
        places = groups + self._shape[1] * np.arange(self._shape[0])[:, None]
        self._parts.append((kept, places.reshape(-1), counts.reshape(-1)))

    def find(self, ranks: "Sequence[tuple[int, Callable[[np.ndarray], np.ndarray]]]") -> "np.ndarray":
        """Return the values at ranks, linearly interpolated between two of them.

        Args:
            ranks: The number of a row value, and a function from the number of its known values in each group to a
                rank. The smallest value has rank 0; a number outside of the values is no rank.

        Returns:
            A row per rank and a column per group; NaN without a rank.
        """
        ordered, counts = self._gather()
        ends = np.cumsum(counts)
        _sort(ordered, ends - counts, counts)
        starts, counts = (each.reshape(self._shape) for each in (ends - counts, counts))
        places = [place for place, _ in ranks]
        sizes = counts[places]
        wanted = np.array([rank(n) for (_, rank), n in zip(ranks, sizes, strict=True)])
        some = (wanted >= 0) & (wanted <= sizes - 1)
        wanted = wanted[some]
        first = starts[places][some]
        below = np.floor(wanted)
        low, high = (ordered[first + rounded.astype(np.int64)] for rounded in (below, np.ceil(wanted)))
        result = np.full(some.shape, np.nan)
        result[some] = np.where(low == high, low, low + (high - low) * (wanted - below))
        return result

    def _gather(self) -> "tuple[np.ndarray, np.ndarray]":
        """Return all values, group by group of each row value, and their number in each of these groups."""
        counts = np.zeros(self._shape[0] * self._shape[1], dtype=np.int64)
        for _, groups, n in self._parts:
            counts[groups] += n
        # the values of one part are already in the order of their groups
        if self._parts and (np.diff(np.concatenate([groups for _, groups, _ in self._parts])) > 0).all():
            return np.concatenate([values for values, _, _ in self._parts]), counts
        free = np.cumsum(counts) - counts
        ordered = np.empty(counts.sum())
        for values, groups, n in self._parts:
            moves = free[groups] - (np.cumsum(n) - n)
            ordered[np.repeat(moves, n) + np.arange(len(values))] = values
            free[groups] += n
        return ordered, counts


def _sort(ordered: "np.ndarray", starts: "np.ndarray", counts: "np.ndarray") -> None:
    """Bring the values of each group into order, in place; numpy sorts them faster than it finds ten of them.

    Small groups of similar sizes are the rows of one block, which is filled up with infinity.
    """
    for above, largest in pairwise(_SMALL):
        groups = np.flatnonzero((counts > above) & (counts <= largest))
        if len(groups):
            places = np.arange(counts[groups].max())
            filled = places < counts[groups, None]
            cells = (starts[groups, None] + places)[filled]
            block = np.full(filled.shape, np.inf)
            block[filled] = ordered[cells]
            block.sort(axis=1)
            ordered[cells] = block[filled]
    for group in np.flatnonzero(counts > _SMALL[-1]):
        ordered[starts[group] : starts[group] + counts[group]].sort()


def group_rows(keys: Sequence[pd.Series], rows: int) -> tuple[Groups, list[pd.Series]]:
    """Return the rows grouped by keys, where gaps are a group too, and the keys of each group."""
    if not keys:
        return Groups(None, rows, 1), []
    codes, uniques = pd.factorize(keys[0], use_na_sentinel=False)
    if len(keys) == 1:
        return Groups(codes, rows, len(uniques)), [pd.Series(uniques, copy=False)]
    for values in keys[1:]:
        own, uniques = pd.factorize(values, use_na_sentinel=False)
        codes, _ = pd.factorize(codes * len(uniques) + own)  # renumbered, so that many keys never overflow
    first = np.full(int(codes.max()) + 1 if rows else 0, -1, dtype=np.int64)
    first[codes[::-1]] = np.arange(rows)[::-1]
    return Groups(codes, rows, len(first)), [pd.Series(values.array.take(first), copy=False) for values in keys]


def to_floats(values: "pa.ChunkedArray | pd.Series") -> "np.ndarray":
    """Return the values of a column as float64, gaps as NaN."""
    floats: np.ndarray
    if isinstance(values, pd.Series):
        floats = values.to_numpy(dtype=np.float64, na_value=np.nan)
    elif pa.types.is_float64(values.type) or (pa.types.is_integer(values.type) and not values.null_count):
        floats = values.to_numpy().astype(np.float64, copy=False)
    else:
        floats = values.cast(pa.float64(), safe=False).to_numpy()
    return floats


def to_matrix(table: pa.Table) -> "np.ndarray":
    """Return the columns of a table as the rows of a matrix of float64, gaps as NaN.

    >>> to_matrix(pa.table({"n": [1, 2], "share": [0.5, None]})).tolist()
    [[1.0, 2.0], [0.5, nan]]
    """
    if not _NUMBERS.issuperset(table.schema.types):
        table = table.cast(pa.schema([(name, pa.float64()) for name in table.column_names]), safe=False)
    matrix = np.empty((table.num_columns, len(table)))
    start = 0
    for batch in table.to_batches() if matrix.size else ():
        end = start + len(batch)
        matrix[:, start:end] = batch.to_tensor(null_to_nan=True, row_major=False).to_numpy().T
        start = end
    return matrix
