"""The distribution of a row value: a few points to draw, for any number of rows."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from genanalytics.base.opening import opens_paths
from genanalytics.base.remembering import remembers
from genanalytics.errors import InputError
from genanalytics.metrics.catalog import find_row_value
from genanalytics.metrics.declare import RowValue
from genanalytics.metrics.engines import sketch
from genanalytics.metrics.engines.protocol import Source
from genanalytics.metrics.engines.source import Records, open_source
from genanalytics.metrics.grouping.calendar import Period
from genanalytics.metrics.grouping.keys import GroupKey
from genanalytics.metrics.grouping.labels import check_columns, label_groups, resolve_by
from genanalytics.metrics.summary import describe_completeness

Kind = Literal["ecdf", "histogram"]

_COLUMNS = {"ecdf": ("value", "share", "n"), "histogram": ("low", "high", "rows", "share", "n")}
"""The columns of each kind, besides the groups."""
EXACT_ROWS = 1_000_000
"""Up to this many rows in memory each value is a point; with more rows, and on engines, classes are counted."""


@remembers
@opens_paths("data")
def distribution(
    data: Records,
    metric: str | RowValue,
    *,
    by: str | Sequence[str] | None = None,
    every: Period | None = None,
    tz: str = "UTC",
    kind: Kind = "ecdf",
    points: int = 500,
    per_decade: int = 10,
) -> pd.DataFrame:
    """Return the distribution of a row value in each group: points of its ECDF, or a histogram of logarithmic buckets.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        metric: `ttft_ms`, `e2e_ms`, `decode_ms`, `itl_ms`, `tps_e2e`, `tps_decode`, `moderation_ms`,
            `cost_per_request`, or your own row value.
        by: The columns to group by, as in `summarize`.
        every: The period to group by, as in `summarize`; empty periods are left out.
        tz: The time zone, by its IANA name.
        kind: `ecdf` or `histogram`.
        points: The maximum number of points of a group's ECDF. If there are more distinct values, half of the points
            are spread evenly over the rows, and half get denser toward both ends; each is a point of the full ECDF.
        per_decade: The number of buckets of a histogram per power of ten.

    Returns:
        The columns of `by`, then

        - for an ECDF `value`, in the unit of the row value, `share`, the share of the group's rows at or below it
          (above 0, to 1), and `n`, the rows of the group that have a value;
        - for a histogram `low` and `high`, the limits of a bucket, `rows` in it, their `share` of the group, and `n`.
          A bucket includes its limit further from zero and not the other one; zero has its own bucket, with 0 for both
          limits; empty buckets are left out.

        Rows are ordered by group, then by value; a group without any value has none. `attrs` contains `metric`,
        `label`, `unit`, `description`, `tz`, and `accuracy`, the largest relative error of a value: 0 for histograms
        and for up to a million rows in memory, else 0.01, since the ECDF is then made of the classes of a sketch. It
        contains `coverage` and `lower_bounds` as in `summarize`.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: A name is unknown, or a number of points or buckets is not above 0.

    >>> from genanalytics.metrics import Unit
    >>> waiting = RowValue("waiting", "waiting", Unit.MS, "Time waited", ("ms",), nw.col("ms"))
    >>> distribution(pd.DataFrame({"ms": [20, 10, 20, 90]}), waiting).to_dict("list")
    {'value': [10.0, 20.0, 90.0], 'share': [0.25, 0.75, 1.0], 'n': [4, 4, 4]}
    """
    if kind not in _COLUMNS:
        msg = f"kind={kind!r}; there are {', '.join(_COLUMNS)}"
        raise InputError(msg)
    for name, number in (("points", points), ("per_decade", per_decade)):
        if number < 1:
            msg = f"{name}={number!r}: give a whole number above 0"
            raise InputError(msg)
    source, value = open_source(data), find_row_value(metric)
    check_columns(source, value.columns, value.name)
    keys = resolve_by(source, by, every, tz, others=_COLUMNS[kind])
    exact = kind == "histogram" or (not source.large and source.count() <= EXACT_ROWS)
    if kind == "histogram":
        growth = math.log(10) / per_decade
        counts = _count(source, keys, value, sketch.classify(value, growth))
        low, high = sketch.find_limits(counts["value"].to_numpy(), growth)
        found = counts.assign(low=low, high=high, share=counts["rows"] / counts["n"])
    elif exact:
        found = _make_ecdf(_count(source, keys, value, {"itself": value.column.cast(nw.Float64)}), keys, points)
    else:
        counts = _count(source, keys, value, sketch.classify(value))
        found = _make_ecdf(counts.assign(value=sketch.find_middles(counts["value"].to_numpy())), keys, points)
    found = found[[*(key.name for key in keys), *_COLUMNS[kind]]].reset_index(drop=True)
    found.attrs = {
        "metric": value.name,
        "label": value.label,
        "unit": value.unit.value,
        "description": value.description,
        "tz": tz,
        "accuracy": 0.0 if exact else sketch.ACCURACY,
        **describe_completeness(data, ("rows", "n")),
        "notices": source.notices,
    }
    return found


def _count(source: Source, by: Sequence[GroupKey], value: RowValue, steps: Mapping[str, nw.Expr]) -> pd.DataFrame:
    """Return the number of `rows` of each group with each `value` or class of it, in order, and the group's `n`."""
    table = source.count_classes(by, value, steps)
    classes, rows = table[list(steps)[-1]].to_numpy(), table["n"].to_numpy()
    names = [key.name for key in by]
    counts = label_groups(table, by).assign(value=classes, rows=rows)
    counts = counts.sort_values([*names, "value"], ignore_index=True)
    n = counts.groupby(names, dropna=False)["rows"].transform("sum") if names else counts["rows"].sum()
    return counts.assign(n=n).astype({"rows": "Int64", "n": "Int64"})


def _make_ecdf(counts: pd.DataFrame, by: Sequence[GroupKey], points: int) -> pd.DataFrame:
    sizes = [len(counts)]
    below = counts["rows"].cumsum()
    if by:
        groups = counts.groupby([key.name for key in by], dropna=False, sort=False)
        sizes, below = groups.size().tolist(), groups["rows"].cumsum()
    ends = np.cumsum(sizes, dtype=int)
    cumulated = below.to_numpy(dtype=np.int64)
    kept = [
        end - size + _choose_points(cumulated[end - size : end], points) for end, size in zip(ends, sizes, strict=True)
    ]
    return counts.assign(share=below / counts["n"]).iloc[np.concatenate([np.arange(0), *kept])]


def _choose_points(cumulated: "np.ndarray", points: int) -> "np.ndarray":
    """Return the places of the points of an ECDF to keep, out of the rows at or below each of them."""
    if len(cumulated) <= points:
        return np.arange(len(cumulated))
    rows = cumulated[-1]
    toward_ends = np.linspace(-math.log(rows), math.log(rows), points // 2)
    shares = np.concatenate([1 / (1 + np.exp(-toward_ends)), np.linspace(1, 0, points - points // 2)])
    return np.unique(np.searchsorted(cumulated, shares * (rows - 1), side="right"))
