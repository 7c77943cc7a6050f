"""Clusters of rows that depend on each other, and what each adds to a mean or a ratio of sums."""

from collections.abc import Iterator, Mapping, Sequence

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.metrics.declare import Basis, Count, Sum
from genanalytics.metrics.engines.kernels import group_rows
from genanalytics.metrics.engines.protocol import CLUSTERS, Source
from genanalytics.metrics.grouping.keys import GroupKey
from genanalytics.metrics.intervals.bootstrap import Moments

_NUMBER = "clusters"
_PLACE = "place of a group"

_AT_ONCE = 32
"""The number of groups that are resampled at once."""

_SOLE = 1e-9
"""The distance from 1 of the share of a sole cluster, whose residual is 0 anyway."""


class Clusters:
    """The clusters of groups: the rows of a session, of a request, or a single row (`Source.sum_clusters`).

    Args:
        source: The data.
        by: The keys of the groups.
        bases: The estimated quantities, by name: a mean or a ratio; a sum counts as the mean of what a cluster adds.
        groups: The keys of the groups, under `GroupKey.group`; a row each.
    """

    def __init__(self, source: Source, by: Sequence[GroupKey], bases: Mapping[str, Basis], groups: pa.Table) -> None:
        self.names = list(bases)
        self._keys = groups.select([key.group for key in by])
        values = [value for basis in bases.values() for value in (basis.over, basis.under) if value is not None]
        clusters = source.sum_clusters(by, list(dict.fromkeys(values)))
        columns = clusters.collect_schema().names()
        self._labels = [label for label in CLUSTERS.values() if label in columns]
        pairs = [
            part.alias(column)
            for name, basis in bases.items()
            for part, column in zip(_express_parts(basis), (_name_over(name), _name_under(name)), strict=True)
        ]
        self._lazy = clusters.select(*self._keys.column_names, *self._labels, *pairs)

    def moments(self) -> "tuple[np.ndarray, dict[str, Moments]]":
        """Return the number of clusters per group, and the moments of each name."""
        products, sums = [], [nw.len().alias(_NUMBER)]
        columns = {name: _name_moments(name) for name in self.names}
        for moments in columns.values():
            x, y = nw.col(moments["over"]), nw.col(moments["under"])
            known = nw.when((x != 0) | (y != 0)).then(nw.lit(1.0)).otherwise(nw.lit(0.0))
            squares = {"clusters": known, "over_2": x * x, "product": x * y, "under_2": y * y}
            products += [step.alias(moments[part]) for part, step in squares.items()]
            sums += [nw.col(column).sum() for column in moments.values()]
        by = self._keys.column_names
        lazy = self._lazy.with_columns(*products)
        table = (lazy.group_by(*by).agg(*sums) if by else lazy.select(*sums)).collect(backend="pyarrow").to_native()
        places = self._find_places(table)

        def place(column: str) -> "np.ndarray":
            values = np.full(len(self._keys) if by else 1, np.nan)
            values[places] = table[column].to_numpy()
            return values

        return place(_NUMBER), {
            name: Moments(**{part: place(column) for part, column in moments.items()})
            for name, moments in columns.items()
        }

    def by_size(self) -> "Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]":
        """Yield the places of groups with equally many clusters, with all their numerators and denominators.

        These have a row per cluster and a column per group and name. Clusters are ordered by their labels, and single
        rows by their values, so that the order of the data does not matter.
        """
        table, places = self._collect()
        overs, unders = list(map(_name_over, self.names)), list(map(_name_under, self.names))
        table = table.append_column(_PLACE, pa.array(places))
        table = table.sort_by([(name, "ascending") for name in (_PLACE, *self._labels, *overs, *unders)])
        over, under = (np.column_stack([table[name].to_numpy() for name in part]) for part in (overs, unders))
        found, starts, sizes = np.unique(table[_PLACE].to_numpy(), return_index=True, return_counts=True)
        for size in np.unique(sizes):
            same = np.flatnonzero(sizes == size)
            for first in range(0, len(same), _AT_ONCE):
                batch = same[first : first + _AT_ONCE]
                rows = starts[batch] + np.arange(size)[:, None]
                yield found[batch], over[rows].reshape(size, -1), under[rows].reshape(size, -1)

    def residuals(self, ratios: "np.ndarray", totals: "np.ndarray", factors: "np.ndarray") -> "np.ndarray":
        """Return the distance of each cluster from the ratios of its groups: the sum of `factor (over - ratio under)`.

        A cluster draws the ratio of its group towards itself by its share of the denominators. Its residual is enlarged
        for that, so that the sum of squares is right on average (J. G. MacKinnon and H. White, 1985: HC2).

        Args:
            ratios: The ratio of each group, of the first of the names.
            totals: The sum of the denominators of each group.
            factors: Any number of rows, each with a factor per group.

        Returns:
            A row per row of the factors, and a column per cluster; NaN for a cluster outside the groups of a row, which
            are those with a factor other than 0.
        """
        table, places = self._collect()
        over, under = (table[column(self.names[0])].to_numpy() for column in (_name_over, _name_under))
        alone = np.ones(len(table), dtype=bool)
        for label in self._labels:
            alone &= table[label].is_null().to_numpy()
        labels = [table[label].to_pandas() for label in self._labels]
        clusters, _ = group_rows([*labels, pd.Series(np.where(alone, np.arange(len(table)), -1))], len(table))
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.clip(under / totals[places], 0.0, 1 - _SOLE)
            own = (over - ratios[places] * under) / np.sqrt(1 - share)
        found = []
        for row in factors:
            counts = row[places] != 0
            inside = np.bincount(clusters.codes[counts], minlength=clusters.count) > 0
            found.append(np.where(inside, clusters.sum(np.where(counts, row[places] * own, 0.0)), np.nan))
        return np.array(found)

    def _collect(self) -> "tuple[pa.Table, np.ndarray]":
        """Return the clusters and the group of each."""
        table = self._lazy.collect(backend="pyarrow").to_native()
        return table, self._find_places(table)

    def _find_places(self, table: pa.Table) -> "np.ndarray":
        """Return the group of each row of a table."""
        names = self._keys.column_names
        if not names:
            return np.zeros(len(table), dtype=np.int64)
        groups = self._keys.to_pandas().assign(**{_PLACE: np.arange(len(self._keys))})
        placed: np.ndarray = table.select(names).to_pandas().merge(groups, on=names, how="left")[_PLACE].to_numpy()
        return placed


def _name_over(name: str) -> str:
    return f"numerator of {name}"


def _name_under(name: str) -> str:
    return f"denominator of {name}"


def _name_moments(name: str) -> dict[str, str]:
    """Return the columns of the fields of `Moments`."""
    parts = {part: f"{part} of {name}" for part in ("clusters", "over_2", "product", "under_2")}
    return {"over": _name_over(name), "under": _name_under(name)} | parts


def _express_parts(basis: Basis) -> tuple[nw.Expr, nw.Expr]:
    """Return what a cluster adds to the numerator and to the denominator."""
    over = nw.col(Sum(basis.over).name)
    if basis.under is not None:
        return over, nw.col(Sum(basis.under).name)
    return over, nw.lit(1.0) if basis.kind == "sum" else nw.col(Count(basis.over).name)
