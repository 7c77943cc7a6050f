"""Between which limits a statistic lies: 95 % of such intervals hold what ever more data of the same kind would give.

What a statistic estimates (its `Basis`) decides the method. A rate has Wilson's interval and a percentile that of order
statistics (`binomial`); both take rows as independent. Sums, means and ratios of sums follow from clusters
(`bootstrap`), since the rows of a session are not independent.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.metrics.declare import Aggregate, Basis, Limit, Statistic
from genanalytics.metrics.engines.kernels import as_floats
from genanalytics.metrics.engines.source import Source
from genanalytics.metrics.grouping.keys import Key
from genanalytics.metrics.intervals.binomial import wilson
from genanalytics.metrics.intervals.bootstrap import FEWEST, MOST, delta, draws, studentized
from genanalytics.metrics.intervals.clusters import Clusters

NAMES = ("{}_low", "{}_high")
"""What the limits of a statistic are called in a summary."""

MOST_CLUSTERS = 100_000
"""Of more clusters than these, in all groups together, none is resampled: sums of squares are taken where the data is,
for the delta method."""

_LIMITS = ("{} low", "{} high")


def limit_steps(statistics: Sequence[Statistic]) -> dict[str, Aggregate]:
    """Return the aggregates that the limits of rates and percentiles are made of."""
    found: dict[str, Aggregate] = {}
    for statistic in statistics:
        match statistic.basis:
            case Basis("rate", over):
                found |= over.sums
            case Basis("quantile", over, _, float(level)):
                low, high = (name.format(statistic.name) for name in _LIMITS)
                found |= {low: Limit(over.name, level, 0), high: Limit(over.name, level, 1)}
    return found


def with_limits(groups: pa.Table, source: Source, keys: Sequence[Key], statistics: Sequence[Statistic]) -> pa.Table:
    """Return groups with the limits of statistics beside them.

    Args:
        groups: Keys under the names of `GROUP` and aggregates, `limit_steps` among them; one row per group.
        source: What the groups are made of.
        keys: What they are grouped by.
        statistics: What limits are wanted of; those without a basis have none.
    """
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    bases: dict[str, Basis] = {}
    for statistic in statistics:
        match statistic.basis:
            case Basis("rate", over):
                successes, n = (as_floats(groups[name]) for name in over.sums)
                found[statistic.name] = wilson(successes, n)
            case Basis("sum" | "mean" | "ratio") as basis:
                bases[statistic.name] = basis
    if bases:
        found |= _of_sums(Clusters(source, keys, bases, groups), bases)
    for name, limits in found.items():
        for limit, values in zip(_LIMITS, limits, strict=True):
            groups = groups.append_column(limit.format(name), pa.array(values, from_pandas=True))
    return groups


def limit_columns(
    groups: pa.Table, statistic: Statistic, values: "np.ndarray"
) -> dict[str, pd.api.extensions.ExtensionArray]:
    """Return the limits of a statistic by the names of their columns, gaps where it has no value or they are not known.

    No limit is on the wrong side of the value, by which rounding would else differ.
    """
    low, high = (as_floats(groups[name.format(statistic.name)]) for name in _LIMITS)
    limits = np.minimum(low, values), np.maximum(high, values)
    return {
        name.format(statistic.name): pd.arrays.FloatingArray(limit, np.isnan(limit))
        for name, limit in zip(NAMES, limits, strict=True)
    }


def _of_sums(clusters: Clusters, bases: Mapping[str, Basis]) -> "dict[str, tuple[np.ndarray, np.ndarray]]":
    """Return the limits of sums, means and ratios of sums: by resampling, or the delta method for very many clusters.

    A sum is what a cluster adds on average, times the clusters.
    """
    count, moments = clusters.moments()
    found = {name: delta(*sums) for name, sums in moments.items()}
    if np.nansum(count) <= MOST_CLUSTERS:
        weights = draws(int(np.max(count, where=count <= MOST, initial=0)))
        for places, over, under in clusters.by_size():
            if FEWEST <= len(over) <= MOST:
                low, high = (limit.reshape(len(places), -1) for limit in studentized(over, under, weights))
                for column, limits in enumerate(found.values()):
                    limits[0][places], limits[1][places] = low[:, column], high[:, column]
    return {
        name: (low * count, high * count) if bases[name].kind == "sum" else (low, high)
        for name, (low, high) in found.items()
    }
