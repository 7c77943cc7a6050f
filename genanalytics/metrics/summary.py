"""Statistics by group."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.errors import InputError
from genanalytics.metrics.catalog import DEFAULT, resolved
from genanalytics.metrics.declare import Aggregate, Known, Limit, Per, Quantile, Statistic
from genanalytics.metrics.engines import sketch
from genanalytics.metrics.engines.kernels import as_floats
from genanalytics.metrics.engines.source import Source, source_of
from genanalytics.metrics.grouping.keys import BUCKETS, TIME, Key, between, bucket, zone_of
from genanalytics.metrics.grouping.labels import check_columns, keys_of, labelled
from genanalytics.metrics.intervals.limits import NAMES, limit_columns, limit_steps, with_limits
from genanalytics.metrics.sets.caching import CACHE
from genanalytics.metrics.sets.cost import COST, REQUESTS
from genanalytics.metrics.sets.latency import LATENCY
from genanalytics.metrics.sets.reliability import RELIABILITY
from genanalytics.metrics.sets.tokens import TOKENS
from genanalytics.records.frame import from_table
from genanalytics.units import Unit

PERCENTILES = ("auto", "exact", "sketch")
EXACT_ROWS = 20_000_000
"""With more rows than these, `auto` takes the sketch on an engine whose data need not fit into memory."""

_MOST_ROWS = 5_000_000
_PLACE = "place of a group"
OPEN = "open"
"""The column that says of a stretch of time whether records of it may still be missing."""


def summarize(
    data: object,
    *,
    by: str | Sequence[str] | None = None,
    every: str | None = None,
    tz: str = "UTC",
    metrics: Sequence[Statistic | str] | str | None = None,
    percentiles: str = "auto",
    intervals: bool = False,
) -> pd.DataFrame:
    """Return one row per group: its keys, `requests`, then the statistics, ordered by the keys.

    The same declarations are computed wherever the data is: in memory, by DuckDB or by Spark.

    Args:
        data: A frame as `fetch` returns it (pandas; polars and Arrow will do), a DuckDB relation or a Spark data frame,
            such as `scan` returns.
        by: Columns to group by. Derived from others are `day` (the start of a day), `hour` (0 to 23), `weekday` (1 is
            Monday) and `model_family` (the model without date and variant). A missing key is a group of its own. None
            makes one group of all rows.
        every: Group by time too: `minute`, `hour`, `day`, `week` (from Monday) or `month`. The column `time` comes
            first and holds the start of each stretch; stretches without a row are there as well, with 0 in counts and
            sums and gaps in whatever else; `open` says whether records can still be missing, since the last fetch fell
            into it. Rows without `created_at` have a row with a gap for `time`.
        tz: The zone of days, hours and all other stretches of time, by its IANA name.
        metrics: What to compute: statistics, or names of them and of sets of them (`cost`, `cache`, `tokens`,
            `latency`, `reliability`); None for `metrics.DEFAULT`, which docs/metrics.md describes.
        percentiles: `exact` interpolates between rows. `sketch` counts rows in classes, for more rows than memory
            holds: percentiles are then right to 1 %. `auto` is exact up to 20 million rows, and for frames in memory.
        intervals: Whether `<name>_low` and `<name>_high` follow each rate, percentile, mean, sum and ratio of sums: the
            limits of its 95 % interval, which docs/metrics.md describes. They are gaps where rows are too few.

    Returns:
        Counts as Int64, all other statistics as Float64. `attrs` holds `units` and `labels` (by column), `tz`, and
        `percentiles`: `exact` or `sketch`.

    Raises:
        MissingColumnError: The data lacks a column; the message says which statistic needs it.
        InputError: Something of that name is unknown, or two columns of the result would have one name.

    >>> from genanalytics.metrics import Unit
    >>> longest = Statistic("longest", "longest", Unit.MS, "Longest latency", needs=("latency",),
    ...                     aggregates={"longest": nw.col("latency").max()})
    >>> frame = pd.DataFrame({"model": ["a", "b", "a"], "latency": [10, 20, 30]})
    >>> summarize(frame, by="model", metrics=[longest]).to_dict("list")
    {'model': ['a', 'b'], 'requests': [2, 1], 'longest': [30.0, 20.0]}
    """
    source, zone = source_of(data), zone_of(tz)
    statistics = [REQUESTS, *resolved(DEFAULT if metrics is None else metrics)]
    bounded = [statistic for statistic in statistics if intervals and statistic.basis is not None]
    limits = [name.format(statistic.name) for statistic in bounded for name in NAMES]
    beside = [*([OPEN] if every is not None else []), *(statistic.name for statistic in statistics), *limits]
    keys = keys_of(source, by, every, tz, beside=beside)
    for statistic in statistics:
        check_columns(source, statistic.columns, statistic.name)
    percentiles = chosen(percentiles, source)
    groups = aggregated(source, keys, statistics, bounded, percentiles)
    labels = labelled(groups, keys)
    if every is not None:
        labels, groups = _with_empty(labels, groups, every, zone)
        labels.insert(1, OPEN, _open(labels[TIME], source, every, zone))
    order = [name for name in labels.columns if name != OPEN]
    if order:  # before there are many columns
        labels = labels.sort_values(order, kind="stable")
        groups, labels = groups.take(labels.index.to_numpy()), labels.reset_index(drop=True)
    summary = pd.concat([labels, finished(groups, statistics, bounded)], axis=1)
    summary.attrs = _described(statistics, bounded) | {"tz": zone.key, "percentiles": percentiles}
    return summary


def cost_summary(
    data: object,
    *,
    by: str | Sequence[str] | None = None,
    every: str | None = None,
    tz: str = "UTC",
    percentiles: str = "auto",
    intervals: bool = False,
) -> pd.DataFrame:
    """Return what `summarize` returns, with `metrics=COST`: what was charged, and how it spreads over requests."""
    return summarize(data, by=by, every=every, tz=tz, metrics=COST, percentiles=percentiles, intervals=intervals)


def cache_summary(
    data: object,
    *,
    by: str | Sequence[str] | None = None,
    every: str | None = None,
    tz: str = "UTC",
    percentiles: str = "auto",
    intervals: bool = False,
) -> pd.DataFrame:
    """Return what `summarize` returns, with `metrics=CACHE`: what prompt caching saved and cost."""
    return summarize(data, by=by, every=every, tz=tz, metrics=CACHE, percentiles=percentiles, intervals=intervals)


def latency_summary(
    data: object,
    *,
    by: str | Sequence[str] | None = None,
    every: str | None = None,
    tz: str = "UTC",
    percentiles: str = "auto",
    intervals: bool = False,
) -> pd.DataFrame:
    """Return what `summarize` returns, with `metrics=LATENCY`: times to the first token and to the last, and speeds."""
    return summarize(data, by=by, every=every, tz=tz, metrics=LATENCY, percentiles=percentiles, intervals=intervals)


def reliability_summary(
    data: object,
    *,
    by: str | Sequence[str] | None = None,
    every: str | None = None,
    tz: str = "UTC",
    percentiles: str = "auto",
    intervals: bool = False,
) -> pd.DataFrame:
    """Return what `summarize` returns, with `metrics=RELIABILITY`: requests cancelled, failed, cut, rerouted."""
    return summarize(data, by=by, every=every, tz=tz, metrics=RELIABILITY, percentiles=percentiles, intervals=intervals)


def token_summary(
    data: object,
    *,
    by: str | Sequence[str] | None = None,
    every: str | None = None,
    tz: str = "UTC",
    percentiles: str = "auto",
    intervals: bool = False,
) -> pd.DataFrame:
    """Return what `summarize` returns, with `metrics=TOKENS`: tokens in and out."""
    return summarize(data, by=by, every=every, tz=tz, metrics=TOKENS, percentiles=percentiles, intervals=intervals)


def chosen(percentiles: str, source: Source) -> str:
    """Return the way in which percentiles are computed: `exact` or `sketch`.

    Raises:
        InputError: There is no such way.
    """
    if percentiles not in PERCENTILES:
        msg = f"percentiles={percentiles!r}; there are {', '.join(PERCENTILES)}"
        raise InputError(msg)
    if percentiles == "auto":
        return "sketch" if source.large and source.count() > EXACT_ROWS else "exact"
    return percentiles


def aggregated(
    source: Source, keys: Sequence[Key], statistics: Sequence[Statistic], bounded: Sequence[Statistic], percentiles: str
) -> pa.Table:
    """Return the aggregates of the statistics by group, each group under the names of `GROUP`.

    Args:
        source: Where the rows are.
        keys: What they are grouped by.
        statistics: What is computed.
        bounded: Those of them that get limits beside them.
        percentiles: `exact` or `sketch`.
    """
    rows = list(dict.fromkeys(value for statistic in statistics for value in statistic.rows))
    needs = list(dict.fromkeys(name for statistic in statistics for name in statistic.needs))
    aggregates = {name: step for statistic in statistics for name, step in statistic.aggregates.items()}
    plain: dict[str, Aggregate] = {}
    counted: dict[str, dict[str, Quantile | Limit]] = {}
    for name, step in (aggregates | limit_steps(bounded)).items():
        sketched = percentiles == "sketch" or (isinstance(step, Limit) and source.large)
        if isinstance(step, Quantile | Limit) and sketched:
            counted.setdefault(step.value, {})[name] = step
        else:
            plain[name] = step
    groups = source.aggregate(keys, rows, needs, plain)
    named = {value.name: value for value in rows}
    for value, steps in counted.items():
        groups = sketch.joined(groups, source.counts(keys, named[value], sketch.classes(value)), steps)
    return with_limits(groups, source, keys, bounded)


def _with_empty(labels: pd.DataFrame, groups: pa.Table, every: str, tz: ZoneInfo) -> tuple[pd.DataFrame, pa.Table]:
    """Return the groups with a row of gaps for each stretch of time in which one of the other keys has none."""
    starts = labels[TIME].dropna()
    if starts.empty:
        return labels, groups
    times = pd.DataFrame({TIME: between(starts.min(), starts.max(), every, tz)})
    others = labels.drop(columns=TIME).drop_duplicates()
    count = len(others) if len(others.columns) else 1
    if len(times) * count > _MOST_ROWS:
        msg = (
            f"every={every!r} makes {len(times):,} stretches of time of {count:,} groups: take a longer one,"
            f" of {', '.join(BUCKETS)}, or fewer rows"
        )
        raise InputError(msg)
    every_one = times.merge(others, how="cross") if len(others.columns) else times
    placed = labels.assign(**{_PLACE: pd.array(range(len(labels)), dtype="Int64")})
    undated = placed[placed[TIME].isna()]
    full = pd.concat([every_one.merge(placed, how="left"), undated], ignore_index=True)
    return full.drop(columns=_PLACE), groups.take(pa.Array.from_pandas(full[_PLACE]))


def _open(starts: pd.Series, source: Source, every: str, tz: ZoneInfo) -> pd.Series:
    """Return for each stretch of time whether the last fetch came before its end; a gap where that is not known."""
    last = source.latest("fetched_at") if "fetched_at" in source.columns else None
    if last is None or starts.empty:
        return pd.Series(pd.NA, index=starts.index, dtype="boolean")
    step = bucket(every, tz)
    begun = step.finish(step.pandas(pd.Series([last]))).iloc[0]
    flags: pd.Series = (starts >= begun).astype("boolean").mask(starts.isna())
    return flags


def finished(groups: pa.Table, statistics: Sequence[Statistic], bounded: Sequence[Statistic]) -> pd.DataFrame:
    """Return the statistics, each with its limits if it has any, out of the aggregates."""
    missing = groups[REQUESTS.name].is_null().to_numpy()
    columns: dict[str, Any] = {}
    for statistic in statistics:
        found = _number(groups, statistic)
        if not isinstance(found, np.ndarray):
            columns[statistic.name] = found
            continue
        if statistic.of_nothing is not None:
            found = np.where(missing, statistic.of_nothing, found)
        gaps = np.isnan(found)
        if statistic.unit is Unit.COUNT:
            columns[statistic.name] = pd.arrays.IntegerArray(np.where(gaps, 0, found).astype(np.int64), gaps)
        else:
            columns[statistic.name] = pd.arrays.FloatingArray(found, gaps)
        if statistic in bounded:
            columns |= limit_columns(groups, statistic, found)
    return pd.DataFrame(columns)


def _described(statistics: Sequence[Statistic], bounded: Sequence[Statistic]) -> dict[str, dict[str, str]]:
    """Return the unit and the label of each column, by its name."""
    units = {statistic.name: statistic.unit.value for statistic in statistics}
    labels = {statistic.name: statistic.label for statistic in statistics}
    for statistic in bounded:
        for name, side in zip(NAMES, ("low", "high"), strict=True):
            units[name.format(statistic.name)] = statistic.unit.value
            labels[name.format(statistic.name)] = f"{statistic.label} {side}"
    return {"units": units, "labels": labels}


def _number(groups: pa.Table, statistic: Statistic) -> "np.ndarray | pd.Series":
    """Return a statistic of each group as float64, gaps as NaN; whatever is no number as it is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        match statistic.name if statistic.finish is None else statistic.finish:
            case Per(over, under):
                by = as_floats(groups[under])
                return as_floats(groups[over]) / np.where(by == 0, np.nan, by)
            case Known(value, n):
                return np.where(as_floats(groups[n]) > 0, as_floats(groups[value]), np.nan)
            case str() as name:
                values = groups[name]
            case expression:
                values = nw.from_native(groups, eager_only=True).select(value=expression)["value"].to_native()
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        return as_floats(values)
    return from_table(pa.table({"value": values}))["value"]
