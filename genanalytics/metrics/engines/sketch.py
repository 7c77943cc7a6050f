"""Percentiles from counts, for groups with more rows than memory holds.

The idea is DDSketch's (Masson, Rim and Lee, 2019): values are counted in classes whose limits grow by a constant
factor, so that any percentile has a relative error of at most `ACCURACY`. Counting is plain SQL: every engine gives the
same classes, counts can be added up, and nothing else is in memory.
"""

import math
import sys
from collections.abc import Sequence

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from genanalytics.metrics.declare import Quantile, RowValue
from genanalytics.metrics.engines.protocol import PLACE
from genanalytics.records.frame import to_nullable

ACCURACY = 0.01
"""The largest relative error of a percentile."""

_GROWTH = math.log((1 + ACCURACY) / (1 - ACCURACY))
CLASS = "class"
_SIZE = "size of the value"
_POWER = "power of the size"
_SMALLEST, _LARGEST = math.ulp(0.0), sys.float_info.max
_ZERO = 0
_ROUNDING = 1e-9
"""Keeps a value on the limit of a class, such as 1000 ms, in its class in spite of the rounding of its logarithm."""
_SHIFT = 200_000
"""Classes of positive values are counted from here, so that the class of the smallest float64 is still positive."""


def classify(value: RowValue, growth: float = _GROWTH) -> dict[str, nw.Expr]:
    """Return the class of a row value, in steps by name; the last one is `CLASS`.

    It is 0 for zero, above for positive values, below for negative ones, null for gaps and for what is not finite.
    `growth` is the logarithm of the factor by which limits grow. `write_class` is the same in SQL.
    """
    number = value.column
    size = nw.when(number < 0).then(-number).otherwise(number).cast(nw.Float64)
    power = nw.when(nw.col(_SIZE) > 0).then(nw.col(_SIZE)).log() / growth
    return {
        _SIZE: nw.when(size <= _LARGEST).then(size),
        _POWER: (power - _ROUNDING).ceil() + _SHIFT,
        CLASS: nw.when(nw.col(_SIZE) == 0)
        .then(nw.lit(float(_ZERO)))
        .otherwise(nw.when(number < 0).then(-nw.col(_POWER)).otherwise(nw.col(_POWER)))
        .cast(nw.Int64),
    }


def write_class(number: str) -> str:
    """Return the class of a number in SQL, as `classify` describes it: 32 bits, which engines count faster than 64.

    The roundings of a logarithm differ from engine to engine, but far less than by `_ROUNDING`.
    """

    def write(size: str) -> str:
        return f"{_SHIFT} + CAST(ceil(ln({size}) / CAST({_GROWTH!r} AS DOUBLE) - {_ROUNDING!r}) AS INTEGER)"

    smallest, largest = (f"CAST({limit!r} AS DOUBLE)" for limit in (_SMALLEST, _LARGEST))
    return (
        f"CASE WHEN {number} BETWEEN {smallest} AND {largest} THEN {write(number)} WHEN {number} = 0 THEN 0"
        f" WHEN {number} BETWEEN -{largest} AND -{smallest} THEN -({write(f'-{number}')}) END"
    )


def find_middles(classes: "np.ndarray") -> "np.ndarray":
    """Return the middle of each class: no value of the class differs from it by more than `ACCURACY`."""
    powers = np.abs(classes).astype(float) - _SHIFT
    sizes = np.exp(powers * _GROWTH) * (1 - ACCURACY)
    return np.where(classes == _ZERO, 0.0, np.sign(classes) * sizes)


def find_limits(classes: "np.ndarray", growth: float) -> "tuple[np.ndarray, np.ndarray]":
    """Return the lower and the upper limit of each class; the limit further from zero belongs to it."""
    powers = np.abs(classes).astype(float) - _SHIFT
    inner, outer = np.exp((powers - 1) * growth), np.exp(powers * growth)
    signs = np.sign(classes)
    low = np.where(signs < 0, -outer, inner)
    high = np.where(signs < 0, -inner, outer)
    return np.where(signs == 0, 0.0, low), np.where(signs == 0, 0.0, high)


def find_at_ranks(classes: "np.ndarray", counts: "np.ndarray", ranks: Sequence[float]) -> "np.ndarray":
    """Return the values at ranks, counted from 0, out of the classes of one group and the number of rows in each.

    Between two ranks the value is interpolated, as in percentiles of type 7; a rank outside the rows gives NaN.
    """
    order = np.argsort(classes)
    ends = np.cumsum(counts[order])
    values = find_middles(classes[order])
    wanted = np.asarray(ranks, dtype=float)
    below, above = np.floor(wanted), np.ceil(wanted)
    inside = (wanted >= 0) & (wanted <= (ends[-1] - 1 if len(ends) else -1))
    result = np.full(len(wanted), np.nan)
    low, high = (values[np.searchsorted(ends, rank[inside], side="right")] for rank in (below, above))
    result[inside] = low + (high - low) * (wanted - below)[inside]
    return result


def find_places(counted: pa.Table, groups: pa.Table) -> pa.Table:
    """Return counts by group and class (`Source.count_classes`) with the row of each group, `PLACE`, for its keys."""
    by = counted.column_names[:-2]
    places = np.zeros(len(counted), dtype=np.int64)
    if by:
        numbered = to_nullable(groups.select(by)).assign(**{PLACE: np.arange(len(groups))})
        places = to_nullable(counted.select(by)).merge(numbered, on=by, how="left")[PLACE].to_numpy()
    return counted.drop_columns(by).append_column(PLACE, pa.array(places))


def join_percentiles(groups: pa.Table, counted: pa.Table, steps: Sequence[Quantile]) -> pa.Table:
    """Return groups with percentiles of a row value, under their names.

    Args:
        groups: Keys and aggregates, one row per group.
        counted: `PLACE`, the row of a group, `class` and `n`: the number of rows of the group in the class.
        steps: The percentiles.
    """
    places, classes, counts = (counted[name].to_numpy() for name in (PLACE, CLASS, "n"))
    ranks = [step.ranks(np.bincount(places, weights=counts, minlength=len(groups))) for step in steps]
    found = np.full((len(steps), len(groups)), np.nan)
    order = np.argsort(places, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(places[order])) + 1) if len(order) else []:
        place = places[rows[0]]
        values = find_at_ranks(classes[rows], counts[rows], [rank[place] for rank in ranks])
        # a limit is moved to that of its class, so that it encloses all values of the class
        found[:, place] = values / (1 - ACCURACY * np.sign(values) * [step.outward for step in steps])
    for step, values in zip(steps, found, strict=True):
        groups = groups.append_column(step.name, pa.array(values, from_pandas=True))
    return groups
