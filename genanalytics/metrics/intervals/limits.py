"""The 95 % interval of each statistic: 95 % of such intervals contain the value that ever more data would give.

The `Basis` of a statistic decides the method. A rate has Wilson's interval, a percentile that of order statistics
(`binomial`); both treat rows as independent. Sums, means and ratios of sums are computed from clusters (`bootstrap`),
since the rows of a session are not independent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.metrics.declare import Aggregate, Basis, Count, Quantile, RowValue, Statistic, Sum, name_limits
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.protocol import Source
from genanalytics.metrics.grouping.keys import GroupKey
from genanalytics.metrics.intervals.binomial import find_ranks, wilson
from genanalytics.metrics.intervals.bootstrap import FEWEST, MOST, delta, draw_counts, studentize
from genanalytics.metrics.intervals.clusters import Clusters

MOST_CLUSTERS = 100_000
"""With more clusters in all groups together, none is resampled: sums of squares are computed where the data is, for the
delta method."""

_Limits = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class Limit(Quantile):
    """The lower (`side` 0) or the upper (`side` 1) limit of a percentile: the value at a rank of `find_ranks`."""

    side: Literal[0, 1]

    @property
    def name(self) -> str:
        """The name of its column while a statistic is computed."""
        return f"{('lower', 'upper')[self.side]} limit of {super(Limit, self).name}"

    @property
    def outward(self) -> int:  # type: ignore[override]
        """The direction in which an approximation may miss."""
        return (-1, 1)[self.side]

    def ranks(self, n: "np.ndarray") -> "np.ndarray":
        """Return its ranks among numbers of known values, of which the smallest has rank 0; NaN among too few."""
        sizes, places = np.unique(n, return_inverse=True)
        found = (find_ranks(int(size), self.level) for size in sizes)
        return np.array([np.nan if ranks is None else ranks[self.side] - 1.0 for ranks in found])[places]


def list_limits(statistics: Sequence[Statistic]) -> list[Aggregate]:
    """Return the aggregates that the limits of rates and percentiles are made of."""
    found: list[Aggregate] = []
    for statistic in statistics:
        match statistic.basis:
            case Basis("rate", over):
                found += [Sum(over), Count(over)]
            case Basis("quantile", over, _, float(level)):
                found += _make_limits(over, level)
    return found


def add_limits(groups: pa.Table, source: Source, by: Sequence[GroupKey], statistics: Sequence[Statistic]) -> pa.Table:
    """Return groups with the limits of the statistics that have a basis, as columns for `make_limit_columns`.

    The groups are those of `source` by `by`, with their aggregates, including `list_limits`.
    """
    found: dict[str, _Limits] = {}
    clustered: dict[str, Basis] = {}
    for statistic in statistics:
        match statistic.basis:
            case Basis("rate", over):
                successes, n = (to_floats(groups[step.name]) for step in (Sum(over), Count(over)))
                found[statistic.name] = wilson(successes, n)
            case Basis("quantile", over, _, float(level)):
                low, high = (to_floats(groups[limit.name]) for limit in _make_limits(over, level))
                found[statistic.name] = low, high
            case Basis() as basis:
                clustered[statistic.name] = basis
    if clustered:
        found |= _find_cluster_limits(Clusters(source, by, clustered, groups), clustered)
    for name, limits in found.items():
        for column, values in zip(_name_columns(name), limits, strict=True):
            groups = groups.append_column(column, pa.array(values, from_pandas=True))
    return groups


def make_limit_columns(
    groups: pa.Table, statistic: Statistic, values: "np.ndarray"
) -> dict[str, pd.api.extensions.ExtensionArray]:
    """Return the limits of a statistic by the names of their columns, gaps where value or limits are unknown.

    Rounding never puts a limit on the wrong side of the value.
    """
    low, high = (to_floats(groups[column]) for column in _name_columns(statistic.name))
    limits = np.minimum(low, values), np.maximum(high, values)
    return {
        name: pd.arrays.FloatingArray(limit, np.isnan(limit))
        for name, limit in zip(name_limits(statistic.name), limits, strict=True)
    }


def _name_columns(name: str) -> tuple[str, str]:
    return f"lower limit of {name}", f"upper limit of {name}"


def _make_limits(over: RowValue, level: float) -> list[Limit]:
    return [Limit(over, level, 0), Limit(over, level, 1)]


def _find_cluster_limits(clusters: Clusters, bases: Mapping[str, Basis]) -> "dict[str, _Limits]":
    """Return the limits of sums, means and ratios: by resampling, or by the delta method for very many clusters.

    A sum is the average of what a cluster adds, times the number of clusters.
    """
    count, moments = clusters.moments()
    found = {name: delta(moment) for name, moment in moments.items()}
    if np.nansum(count) <= MOST_CLUSTERS:
        weights = draw_counts(int(np.max(count, where=count <= MOST, initial=0)))
        for places, over, under in clusters.by_size():
            if FEWEST <= len(over) <= MOST:
                low, high = (limit.reshape(len(places), -1) for limit in studentize(over, under, weights))
                for column, limits in enumerate(found.values()):
                    limits[0][places], limits[1][places] = low[:, column], high[:, column]
    return {
        name: (low * count, high * count) if bases[name].kind == "sum" else (low, high)
        for name, (low, high) in found.items()
    }
