"""Sums, counts and percentiles by group in memory, with numpy.

Rows are grouped once: each row gets the number of its group, which all aggregates read. A sum takes one pass.
Percentiles select the few order statistics that they interpolate, without a sort.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa

_SMALL = 64
"""With fewer rows per group on average, all groups are sorted at once; larger groups are handled one at a time."""


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

    def part(self, rows: slice) -> "Groups":
        """Return a part of the rows in the same groups."""
        return Groups(None if self._codes is None else self._codes[rows], rows.stop - rows.start, self.count)

    def size(self) -> "np.ndarray":
        """Return the number of rows of each group."""
        if self._codes is None:
            return np.array([self._rows])
        return np.bincount(self._codes, minlength=self.count)

    def known(self, values: "np.ndarray") -> "np.ndarray":
        """Return the number of rows of each group in which a value is known."""
        known = ~np.isnan(values)
        if self._codes is None:
            return np.array([np.count_nonzero(known)])
        if known.all():
            return self.size()
        return np.bincount(self._codes, weights=known, minlength=self.count).astype(np.int64)

    def sum(self, values: "np.ndarray") -> "np.ndarray":
        """Return the sum of the known values of each group; 0 if there are none."""
        if self._codes is None:
            return np.array([np.nansum(values)])
        gaps = np.isnan(values)
        filled = np.where(gaps, 0.0, values) if gaps.any() else values
        return np.bincount(self._codes, weights=filled, minlength=self.count)

    def at_ranks(self, values: "np.ndarray", ranks: "Sequence[Callable[[np.ndarray], np.ndarray]]") -> "np.ndarray":
        """Return the values at ranks among the known values of each group, linearly interpolated between two of them.

        Args:
            values: A value per row, NaN if unknown.
            ranks: Functions from the number of known values of each group to a rank. The smallest value has rank 0;
                NaN means no rank.

        Returns:
            A row per rank and a column per group; NaN without a rank.
        """
        ordered = values if self._order is None else values[self._order]
        counts = self.known(values)
        ends = np.cumsum(counts)
        starts = ends - counts
        ordered = ordered[~np.isnan(ordered)]
        wanted = np.array([rank(counts) for rank in ranks])
        some = ~np.isnan(wanted)
        wanted = np.where(some, wanted, 0.0)
        below, above = (rounded(wanted).astype(np.int64) for rounded in (np.floor, np.ceil))
        if len(ordered) < _SMALL * self.count:
            ordered = ordered[np.lexsort((ordered, np.repeat(np.arange(self.count), counts)))]
        else:
            places = np.concatenate([below, above])
            for group in np.flatnonzero(counts):
                ordered[starts[group] : ends[group]].partition(places[:, group])
        result = np.full(wanted.shape, np.nan)
        low, high = (ordered[(starts + rank)[some]] for rank in (below, above))
        with np.errstate(invalid="ignore"):  # between two infinities no value is known
            share = (wanted - below)[some]
            result[some] = np.where(low == high, low, low + (high - low) * share)
        return result

    @cached_property
    def _order(self) -> "np.ndarray | None":
        """The rows, group by group; 16-bit numbers are sorted in one pass over them."""
        if self._codes is None:
            return None
        small = self.count <= np.iinfo(np.uint16).max
        return np.argsort(self._codes.astype(np.uint16) if small else self._codes, kind="stable")


def group_rows(keys: Sequence[pd.Series], rows: int) -> tuple[Groups, list[pd.Series]]:
    """Return the rows grouped by keys, where gaps are a group too, and the keys of each group."""
    if not keys:
        return Groups(None, rows, 1), []
    codes = np.zeros(rows, dtype=np.int64)
    for values in keys:
        own, uniques = pd.factorize(values, use_na_sentinel=False)
        codes, _ = pd.factorize(codes * len(uniques) + own)  # renumbered, so that many keys never overflow
    first = np.full(int(codes.max()) + 1 if rows else 0, -1, dtype=np.int64)
    first[codes[::-1]] = np.arange(rows)[::-1]
    return Groups(codes, rows, len(first)), [values.iloc[first].reset_index(drop=True) for values in keys]


def to_floats(values: "pa.ChunkedArray | pd.Series") -> "np.ndarray":
    """Return the values of a column as float64, gaps as NaN."""
    floats: np.ndarray
    if isinstance(values, pd.Series):
        floats = values.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        floats = values.cast(pa.float64(), safe=False).to_numpy()
    return floats
