"""Statistics by group."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import narwhals.stable.v2 as nw
import pandas as pd
import pyarrow as pa

from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics.caching import CACHE
from genanalytics.metrics.cost import COST, REQUESTS
from genanalytics.metrics.declare import Statistic
from genanalytics.metrics.latency import LATENCY

DEFAULT: tuple[Statistic, ...] = (*COST, *CACHE, *LATENCY)

DERIVED_KEYS: dict[str, tuple[str, nw.Expr]] = {
    "day": ("created_at", nw.col("created_at").dt.truncate("1d")),
}
"""Keys that are made of a column, by name: the column that they need, and the expression. Days are UTC days."""


def summarize(
    data: pd.DataFrame, *, by: str | Sequence[str] | None = None, metrics: Sequence[Statistic] | None = None
) -> pd.DataFrame:
    """Return one row per group: its keys, `requests`, then the statistics, ordered by the keys.

    Args:
        data: A frame as `fetch` returns it.
        by: Columns to group by; `day` (UTC) is derived from `created_at`. A missing key is a group of its own. None
            makes one group of all rows.
        metrics: What to compute; None for `metrics.DEFAULT`, which docs/metrics.md describes.

    Raises:
        MissingColumnError: The frame lacks a column; the message says which statistic needs it.
        InputError: Two columns of the result would have one name.

    >>> from genanalytics.units import Unit
    >>> latency = {"latency": nw.col("latency")}
    >>> longest = Statistic("longest", "longest", Unit.MS, "Longest latency", ("latency",), latency,
    ...                     {"longest": nw.col("latency").max()})
    >>> frame = pd.DataFrame({"model": ["a", "b", "a"], "latency": [10, 20, 30]})
    >>> summarize(frame, by="model", metrics=[longest]).to_dict("list")
    {'model': ['a', 'b'], 'requests': [2, 1], 'longest': [30, 20]}
    """
    keys = [by] if isinstance(by, str) else list(by or ())
    statistics = [
        REQUESTS,
        *(metric for metric in (DEFAULT if metrics is None else metrics) if metric.name != REQUESTS.name),
    ]
    _check(data, keys, statistics)
    rows: dict[str, nw.Expr] = {}
    aggregates: dict[str, nw.Expr] = {}
    for statistic in statistics:
        _merge(rows, statistic.rows, statistic.name)
        aggregates |= statistic.aggregates
    # keys stand under names of their own, so that a row value may be called like the column that it groups by
    grouping = {f"by {key}": _key(key) for key in keys}
    values = nw.from_native(data, eager_only=True).with_columns(**grouping, **rows)
    if keys:
        groups = values.group_by(*grouping).agg(**aggregates).sort(*grouping, nulls_last=True)
    else:
        groups = values.select(**aggregates)
    finished = groups.select(
        *(nw.col(column).alias(key) for column, key in zip(grouping, keys, strict=True)),
        *(statistic.finished() for statistic in statistics),
    )
    return finished.to_pandas().reset_index(drop=True)


def reference() -> str:
    """Return the statistics of `DEFAULT` as a Markdown table: name, label, unit, meaning.

    >>> reference().splitlines()[2]
    '| `requests` | requests | count | Number of rows |'
    """
    rows = [
        f"| `{statistic.name}` | {statistic.label} | {statistic.unit} | {statistic.description} |\n"
        for statistic in (REQUESTS, *DEFAULT)
    ]
    return "".join(["| name | label | unit | meaning |\n", "|---|---|---|---|\n", *rows])


def _merge(rows: dict[str, nw.Expr], more: Mapping[str, nw.Expr], statistic: str) -> None:
    """Add row values; a name that stood for another expression would change another statistic without a word."""
    for name, value in more.items():
        if rows.setdefault(name, value) is not value:
            msg = f"the row value {name!r} of {statistic!r} stands for another one already: give it another name"
            raise InputError(msg)


def _key(name: str) -> nw.Expr:
    return DERIVED_KEYS[name][1] if name in DERIVED_KEYS else nw.col(name)


def _check(data: pd.DataFrame, keys: Sequence[str], statistics: Sequence[Statistic]) -> None:
    """Raise where a key or a statistic cannot be had."""
    names = [*keys, *(statistic.name for statistic in statistics)]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        msg = f"{', '.join(map(repr, twice))} would stand in the summary twice: name each key and each statistic once"
        raise InputError(msg)
    available = set(data.columns)
    for key in keys:
        if DERIVED_KEYS.get(key, (key,))[0] not in available:
            known = ", ".join([*map(str, data.columns), *DERIVED_KEYS])
            near = get_close_matches(key, [*map(str, data.columns), *DERIVED_KEYS], n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            msg = f"cannot group by {key!r}; {hint}there are {known}"
            raise MissingColumnError(msg)
        if key in available and pa.types.is_nested(getattr(data[key].dtype, "pyarrow_dtype", pa.null())):
            msg = f"cannot group by {key!r}: it holds lists"
            raise InputError(msg)
    for statistic in statistics:
        missing = [column for column in statistic.needs if column not in available]
        if missing:
            msg = f"the frame has no column {', '.join(map(repr, missing))}, which {statistic.name!r} is made of"
            raise MissingColumnError(msg)
