"""Percentiles from counts: for more rows than a group's values can be held of.

The idea is DDSketch's (Masson, Rim and Lee, 2019): values are counted in classes whose limits grow by a constant
factor, so that any percentile is known to a relative error of `ACCURACY`. Counting is plain SQL: every engine gives the
same classes, the counts can be added up, and nothing but them is held.
"""

import math
import sys
from collections.abc import Mapping, Sequence

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.metrics.declare import Limit, Quantile

ACCURACY = 0.01
"""The largest relative error of a percentile."""

_GROWTH = math.log((1 + ACCURACY) / (1 - ACCURACY))
CLASS = "class"
_SIZE = "size of the value"
_POWER = "power of the size"
_LARGEST = sys.float_info.max
_ZERO = 0
_ROUNDING = 1e-9
"""So that a value on the limit of a class, such as 1000 ms, is not carried over it by the rounding of its logarithm."""
_SHIFT = 200_000
"""Classes of positive values are counted from here: that of the smallest float64 is still positive."""


def classes(value: str, growth: float = _GROWTH) -> dict[str, nw.Expr]:
    """Return the class of a row value, in steps, the last of which is `CLASS`.

    It is 0 for zero, above for positive values, below for negative ones, null for gaps.

    Args:
        value: The name of the row value.
        growth: The logarithm of the factor by which limits grow.
    """
    size = nw.when(nw.col(value) < 0).then(-nw.col(value)).otherwise(nw.col(value)).cast(nw.Float64)
    power = nw.when(nw.col(_SIZE) > 0).then(nw.col(_SIZE)).log() / growth
    return {
        _SIZE: nw.when(size > _LARGEST)
        .then(nw.lit(_LARGEST))
        .otherwise(size),  # what is infinite counts as the largest
        _POWER: (power - _ROUNDING).ceil() + _SHIFT,
        CLASS: nw.when(nw.col(_SIZE) == 0)
        .then(nw.lit(float(_ZERO)))
        .otherwise(nw.when(nw.col(value) < 0).then(-nw.col(_POWER)).otherwise(nw.col(_POWER)))
        .cast(nw.Int64),
    }


def middles(indices: "np.ndarray") -> "np.ndarray":
    """Return the value that stands for each class: no value of the class is further from it than `ACCURACY`."""
    powers = np.abs(indices).astype(float) - _SHIFT
    sizes = np.exp(powers * _GROWTH) * (1 - ACCURACY)
    return np.where(indices == _ZERO, 0.0, np.sign(indices) * sizes)


def limits(indices: "np.ndarray", growth: float = _GROWTH) -> "tuple[np.ndarray, np.ndarray]":
    """Return the lower and the upper limit of each class; the one further from zero belongs to it."""
    powers = np.abs(indices).astype(float) - _SHIFT
    inner, outer = np.exp((powers - 1) * growth), np.exp(powers * growth)
    signs = np.sign(indices)
    low = np.where(signs < 0, -outer, inner)
    high = np.where(signs < 0, -inner, outer)
    return np.where(signs == 0, 0.0, low), np.where(signs == 0, 0.0, high)


def at_ranks(indices: "np.ndarray", counts: "np.ndarray", ranks: Sequence[float]) -> "np.ndarray":
    """Return the values at ranks, counted from 0, out of the classes of one group and how many rows each has.

    Between two ranks the value is interpolated, as percentiles of type 7 are; a rank outside of the rows gives NaN.
    """
    order = np.argsort(indices)
    ends = np.cumsum(counts[order])
    values = middles(indices[order])
    wanted = np.asarray(ranks, dtype=float)
    below, above = np.floor(wanted), np.ceil(wanted)
    inside = (wanted >= 0) & (wanted <= (ends[-1] - 1 if len(ends) else -1))
    result = np.full(len(wanted), np.nan)
    low, high = (values[np.searchsorted(ends, rank[inside], side="right")] for rank in (below, above))
    result[inside] = low + (high - low) * (wanted - below)[inside]
    return result


def joined(groups: pa.Table, counted: pa.Table, steps: Mapping[str, Quantile | Limit]) -> pa.Table:
    """Return groups with percentiles of a row value, or limits of them, beside them.

    Args:
        groups: Keys and aggregates, one row per group.
        counted: The same keys, `class` and `n`: how many rows of a group are in a class.
        steps: What is asked for, by the names of its columns.
    """
    keys = counted.column_names[:-2]
    frame = counted.to_pandas()
    parts = frame.groupby(keys, dropna=False, sort=False) if keys else [((), frame)]
    found = pd.DataFrame(
        [
            (*group, *_at_ranks(part[CLASS].to_numpy(), part["n"].to_numpy(), list(steps.values())))
            for group, part in parts
        ],
        columns=[*keys, *steps],
    )
    if keys:
        found = found.astype({key: frame[key].dtype for key in keys})  # which no row at all would not tell
        found = groups.select(keys).to_pandas().merge(found, on=keys, how="left")
    for name in steps:
        groups = groups.append_column(name, pa.array(found[name].to_numpy(dtype=float), from_pandas=True))
    return groups


def _at_ranks(indices: "np.ndarray", counts: "np.ndarray", steps: Sequence[Quantile | Limit]) -> "np.ndarray":
    """Return percentiles; and limits of them, each moved to that of its class, so that nothing lies outside by it."""
    n = np.array([counts.sum()])
    values = at_ranks(indices, counts, [step.ranks(n)[0] for step in steps])
    outward = [2 * step.side - 1 if isinstance(step, Limit) else 0 for step in steps]
    values /= 1 - ACCURACY * np.sign(values) * outward
    return values
