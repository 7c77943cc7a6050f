"""How a row value is distributed: few points to draw, of however many rows."""

import math
from collections.abc import Mapping, Sequence

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from genanalytics.errors import InputError
from genanalytics.metrics.catalog import row_value
from genanalytics.metrics.declare import RowValue
from genanalytics.metrics.engines import sketch
from genanalytics.metrics.engines.source import Source, source_of
from genanalytics.metrics.grouping.keys import Key
from genanalytics.metrics.grouping.labels import check_columns, keys_of, labelled

_SHOWN = {"ecdf": ("value", "share", "n"), "histogram": ("low", "high", "rows", "share", "n")}
"""The columns of each kind, beside the keys."""
_EXACT_ROWS = 1_000_000
"""Up to so many rows in memory each value is a point of its own; of more, and on engines, classes are counted."""


def distribution(
    data: object,
    value: str | RowValue,
    *,
    by: str | Sequence[str] | None = None,
    every: str | None = None,
    tz: str = "UTC",
    kind: str = "ecdf",
    points: int = 500,
    per_decade: int = 10,
) -> pd.DataFrame:
    """Return how a row value is distributed in each group: points of its ECDF, or a histogram of logarithmic buckets.

    Args:
        data: What `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        value: `ttft_ms`, `e2e_ms`, `decode_ms`, `itl_ms`, `tps_e2e`, `tps_decode`, `moderation_ms`,
            `cost_per_request`, or a row value of one's own.
        by: What to group by, as in `summarize`.
        every: The stretches of time to group by, as in `summarize`; those without a row are not there.
        tz: The zone of all times, by its IANA name.
        kind: `ecdf` or `histogram`.
        points: How many points the ECDF of a group has at most. If there are more distinct values, half of the points
            lie evenly over the rows, and half ever denser toward both ends; each one is a point of the full ECDF.
        per_decade: Into how many buckets a histogram divides each power of ten.

    Returns:
        The columns of the keys, then

        - for an ECDF `value`, in the unit of the row value, `share`, the share of the group's rows at or below it
          (above 0, to 1), and `n`, the rows of the group that have a value at all;
        - for a histogram `low` and `high`, the limits of a bucket, `rows` in it, their `share` of the group, and `n`.
          A bucket holds the limit further from zero and not the other one; zero has a bucket of its own, with 0 for
          both limits; buckets without a row are not there.

        Rows are ordered by the keys, then by value; a group without any value has none. `attrs` holds `value`, `label`,
        `unit`, `description`, `tz`, and `accuracy`, the largest relative error of a value: 0 for histograms
        and for up to a million rows in memory, else 0.01, since the ECDF is then made of the classes of a sketch.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: Something of that name is unknown, or a number of points or buckets is not above 0.

    >>> from genanalytics.metrics import Unit
    >>> waiting = RowValue("waiting", "waiting", Unit.MS, "Time waited", ("ms",), nw.col("ms"))
    >>> distribution(pd.DataFrame({"ms": [20, 10, 20, 90]}), waiting).to_dict("list")
    {'value': [10.0, 20.0, 90.0], 'share': [0.25, 0.75, 1.0], 'n': [4, 4, 4]}
    """
    if kind not in _SHOWN:
        msg = f"kind={kind!r}; there are {', '.join(_SHOWN)}"
        raise InputError(msg)
    for name, number in (("points", points), ("per_decade", per_decade)):
        if number < 1:
            msg = f"{name}={number!r}: give a whole number above 0"
            raise InputError(msg)
    source, wanted = source_of(data), row_value(value)
    check_columns(source, wanted.columns, wanted.name)
    keys = keys_of(source, by, every, tz, beside=_SHOWN[kind])
    exact = kind == "histogram" or (not source.large and source.count() <= _EXACT_ROWS)
    if kind == "histogram":
        growth = math.log(10) / per_decade
        found = _histogram(_counts(source, keys, wanted, sketch.classes(wanted.name, growth)), growth)
    elif exact:
        found = _ecdf(_counts(source, keys, wanted, {"itself": nw.col(wanted.name).cast(nw.Float64)}), keys, points)
    else:
        counts = _counts(source, keys, wanted, sketch.classes(wanted.name))
        found = _ecdf(counts.assign(value=sketch.middles(counts["value"].to_numpy())), keys, points)
    found = found[[*(key.name for key in keys), *_SHOWN[kind]]].reset_index(drop=True)
    found.attrs = {
        "value": wanted.name,
        "label": wanted.label,
        "unit": wanted.unit.value,
        "description": wanted.description,
        "tz": tz,
        "accuracy": 0.0 if exact else sketch.ACCURACY,
    }
    return found


def _counts(source: Source, keys: Sequence[Key], value: RowValue, steps: Mapping[str, nw.Expr]) -> pd.DataFrame:
    """Return how many `rows` of each group have which `value` or class of it, in order, and the group's `n` beside."""
    table = source.counts(keys, value, steps)
    classes, rows = table[list(steps)[-1]].to_numpy(), table["n"].to_numpy()
    names = [key.name for key in keys]
    counts = labelled(table, keys).assign(value=classes, rows=rows).sort_values([*names, "value"], ignore_index=True)
    n = counts.groupby(names, dropna=False)["rows"].transform("sum") if names else counts["rows"].sum()
    return counts.assign(n=n).astype({"rows": "Int64", "n": "Int64"})


def _histogram(counts: pd.DataFrame, growth: float) -> pd.DataFrame:
    low, high = sketch.limits(counts["value"].to_numpy(), growth)
    return counts.assign(low=low, high=high, share=counts["rows"] / counts["n"])


def _ecdf(counts: pd.DataFrame, keys: Sequence[Key], points: int) -> pd.DataFrame:
    sizes = [len(counts)]
    below = counts["rows"].cumsum()
    if keys:
        groups = counts.groupby([key.name for key in keys], dropna=False, sort=False)
        sizes, below = groups.size().tolist(), groups["rows"].cumsum()
    ends = np.cumsum(sizes, dtype=int)
    cumulated = below.to_numpy(dtype=np.int64)
    kept = [end - size + _chosen(cumulated[end - size : end], points) for end, size in zip(ends, sizes, strict=True)]
    return counts.assign(share=below / counts["n"]).iloc[np.concatenate([np.arange(0), *kept])]


def _chosen(cumulated: "np.ndarray", points: int) -> "np.ndarray":
    """Return which points of an ECDF to keep, out of the rows at or below each of them."""
    if len(cumulated) <= points:
        return np.arange(len(cumulated))
    rows = cumulated[-1]
    toward_ends = np.linspace(-math.log(rows), math.log(rows), points // 2)
    shares = np.concatenate([1 / (1 + np.exp(-toward_ends)), np.linspace(1, 0, points - points // 2)])
    return np.unique(np.searchsorted(cumulated, shares * (rows - 1), side="right"))
