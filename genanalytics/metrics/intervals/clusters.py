"""What depends on each other, summed up: clusters of rows, and what each adds to a mean or a ratio of sums."""

from collections.abc import Iterator, Mapping, Sequence

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.metrics.declare import Basis
from genanalytics.metrics.engines.kernels import grouped
from genanalytics.metrics.engines.source import CLUSTER, GROUP, Source
from genanalytics.metrics.grouping.keys import Key

_CLUSTERS = "clusters"
_PLACE = "place of a group"
_OVER, _UNDER = "{} over", "{} under"
_SUMS = ("{} clusters", _OVER, _UNDER, "{} over squared", "{} product", "{} under squared")

_TOGETHER = 32
"""How many groups are worked on together."""

_SOLE = 1e-9
"""How far the share of a cluster stays below 1, which is that of a cluster whose residual is 0 anyway."""


class Clusters:
    """The clusters of groups: the rows of a session, of a request, or one alone (`Source.clusters`).

    Args:
        source: Where the rows are.
        keys: What they are grouped by.
        bases: What is estimated, by name: a mean or a ratio; a sum counts as the mean of what a cluster adds.
        groups: The keys of the groups, under the names of `GROUP`; a row each.
    """

    def __init__(self, source: Source, keys: Sequence[Key], bases: Mapping[str, Basis], groups: pa.Table) -> None:
        self.names = list(bases)
        self._keys = groups.select([GROUP.format(key.name) for key in keys])
        rows = [value for basis in bases.values() for value in (basis.over, basis.under) if value is not None]
        clusters = source.clusters(keys, list(dict.fromkeys(rows)))
        columns = clusters.collect_schema().names()
        self._labels = [label for label in CLUSTER.values() if label in columns]
        pairs = [expression for name, basis in bases.items() for expression in _pair(name, basis)]
        self._lazy = clusters.select(*self._keys.column_names, *self._labels, *pairs)

    def moments(self) -> "tuple[np.ndarray, dict[str, tuple[np.ndarray, ...]]]":
        """Return the number of clusters per group, and for each name what `bootstrap.delta` asks for."""
        products, sums = [], [nw.len().alias(_CLUSTERS)]
        for name in self.names:
            known, over, under, over_2, product, under_2 = (part.format(name) for part in _SUMS)
            x, y = nw.col(over), nw.col(under)
            told = nw.when((x != 0) | (y != 0)).then(nw.lit(1.0)).otherwise(nw.lit(0.0))
            products += [told.alias(known), (x * x).alias(over_2), (x * y).alias(product), (y * y).alias(under_2)]
            sums += [nw.col(part.format(name)).sum() for part in _SUMS]
        keys = self._keys.column_names
        lazy = self._lazy.with_columns(*products)
        table = (lazy.group_by(*keys).agg(*sums) if keys else lazy.select(*sums)).collect(backend="pyarrow").to_native()
        places = self._places(table)

        def placed(column: str) -> "np.ndarray":
            values = np.full(len(self._keys) if keys else 1, np.nan)
            values[places] = table[column].to_numpy()
            return values

        return placed(_CLUSTERS), {name: tuple(placed(part.format(name)) for part in _SUMS) for name in self.names}

    def by_size(self) -> "Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]":
        """Yield the places of groups that have equally many clusters, with all their numerators and denominators.

        These have a row per cluster and a column per group and name. Clusters are ordered by their labels, and rows
        alone by their values, whatever order the data has.
        """
        table, places = self._collected()
        overs, unders = ([part.format(name) for name in self.names] for part in (_OVER, _UNDER))
        table = table.append_column(_PLACE, pa.array(places))
        table = table.sort_by([(name, "ascending") for name in (_PLACE, *self._labels, *overs, *unders)])
        over, under = (np.column_stack([table[name].to_numpy() for name in part]) for part in (overs, unders))
        found, starts, sizes = np.unique(table[_PLACE].to_numpy(), return_index=True, return_counts=True)
        for size in np.unique(sizes):
            same = np.flatnonzero(sizes == size)
            for first in range(0, len(same), _TOGETHER):
                batch = same[first : first + _TOGETHER]
                rows = starts[batch] + np.arange(size)[:, None]
                yield found[batch], over[rows].reshape(size, -1), under[rows].reshape(size, -1)

    def residuals(self, ratios: "np.ndarray", totals: "np.ndarray", factors: "np.ndarray") -> "np.ndarray":
        """Return how far each cluster lies from the ratios of its groups: `factor * (over - ratio * under)`, summed up.

        A cluster draws the ratio of its group to itself by its share of the denominators. Its residual is enlarged for
        that, so that the sum of squares is right on average (J. G. MacKinnon and H. White, 1985: HC2).

        Args:
            ratios: The ratio of each group, of the first of the names.
            totals: The sum of the denominators of each group.
            factors: Any number of rows, each with a factor per group.

        Returns:
            A row per row of the factors, and a column per cluster; NaN for a cluster in none of the groups of a row,
            which are those whose factor is not 0.
        """
        table, places = self._collected()
        over, under = (table[part.format(self.names[0])].to_numpy() for part in (_OVER, _UNDER))
        alone = np.ones(len(table), dtype=bool)
        for label in self._labels:
            alone &= table[label].is_null().to_numpy()
        labels = [table[label].to_pandas() for label in self._labels]
        clusters, _ = grouped([*labels, pd.Series(np.where(alone, np.arange(len(table)), -1))], len(table))
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.clip(under / totals[places], 0.0, 1 - _SOLE)
            own = (over - ratios[places] * under) / np.sqrt(1 - share)
        found = []
        for row in factors:
            lies = row[places] != 0
            inside = np.bincount(clusters.codes[lies], minlength=clusters.count) > 0
            found.append(np.where(inside, clusters.sum(np.where(lies, row[places] * own, 0.0)), np.nan))
        return np.array(found)

    def _collected(self) -> "tuple[pa.Table, np.ndarray]":
        """Return the clusters and the group of each."""
        table = self._lazy.collect(backend="pyarrow").to_native()
        return table, self._places(table)

    def _places(self, table: pa.Table) -> "np.ndarray":
        """Return which group each row of a table belongs to."""
        names = self._keys.column_names
        if not names:
            return np.zeros(len(table), dtype=np.int64)
        groups = self._keys.to_pandas().assign(**{_PLACE: np.arange(len(self._keys))})
        placed: np.ndarray = table.select(names).to_pandas().merge(groups, on=names, how="left")[_PLACE].to_numpy()
        return placed


def _pair(name: str, basis: Basis) -> tuple[nw.Expr, nw.Expr]:
    """Return what a cluster adds to the numerator and to the denominator."""
    over = nw.col(f"{basis.over.name} sum")
    match basis:
        case Basis("ratio", _, under) if under is not None:
            by = nw.col(f"{under.name} sum")
        case Basis("sum"):
            by = nw.lit(1.0)
        case _:
            by = nw.col(f"{basis.over.name} n")
    return over.alias(_OVER.format(name)), by.alias(_UNDER.format(name))
