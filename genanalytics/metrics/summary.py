"""Statistics by group."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal, TypedDict, Unpack
from zoneinfo import ZoneInfo

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from genanalytics.base.opening import opens_paths
from genanalytics.base.remembering import remembers
from genanalytics.errors import InputError
from genanalytics.metrics.against import add_changes, list_common_groups, list_limits, name_changes
from genanalytics.metrics.catalog import DEFAULT, resolve
from genanalytics.metrics.declare import (
    Aggregate,
    Quantile,
    ShareOfTotal,
    Statistic,
    name_limits,
)
from genanalytics.metrics.engines.aggregates import Aggregates, read_aggregates
from genanalytics.metrics.engines.kernels import group_rows
from genanalytics.metrics.engines.protocol import Source, list_aggregates, list_quantiles
from genanalytics.metrics.engines.sketch import join_percentiles
from genanalytics.metrics.engines.source import Records, find_coverage_of, open_source
from genanalytics.metrics.finishing import finish
from genanalytics.metrics.grouping.calendar import PERIODS, TIME, Period, find_zone, list_periods
from genanalytics.metrics.grouping.keys import GroupKey, make_period_key
from genanalytics.metrics.grouping.labels import check_columns, read_labels, resolve_by
from genanalytics.metrics.intervals.limits import add_limits, list_gaps, list_needed_aggregates
from genanalytics.metrics.sets.caching import CACHE
from genanalytics.metrics.sets.cost import COST, REQUESTS
from genanalytics.metrics.sets.items import ITEMS
from genanalytics.metrics.sets.latency import LATENCY
from genanalytics.metrics.sets.outcomes import MARGINS, OUTCOMES
from genanalytics.metrics.sets.reliability import RELIABILITY
from genanalytics.metrics.sets.tokens import TOKENS
from genanalytics.records.coverage import COVERAGE
from genanalytics.units import format_count

Percentiles = Literal["auto", "exact", "sketch"]
PERCENTILES: tuple[Percentiles, ...] = ("auto", "exact", "sketch")
_EXACT_BYTES = 80
"""The memory per row that exact percentiles of the default statistics take, on any engine."""

_KEPT_SETS = 128
_MAX_ROWS = 5_000_000
_COST_UNKNOWN = "cost_unknown"
OPEN = "open"
"""The column that says whether records of a period may still be missing."""


@remembers
@opens_paths("data", "against")
def summarize(
    data: Records,
    *,
    by: str | Sequence[str] | None = None,
    every: Period | None = None,
    tz: str = "UTC",
    metrics: Sequence[Statistic | str] | Statistic | str | None = None,
    percentiles: Percentiles = "auto",
    intervals: bool = False,
    against: Records | None = None,
) -> pd.DataFrame:
    """Return one row per group: its values of `by`, `requests`, then the statistics; ordered by the groups.

    Every engine computes the same declarations: pandas in memory; DuckDB, Spark and those of Ibis where the data is.

    Args:
        data: A frame as `fetch` returns it (pandas, polars or Arrow), a DuckDB relation or a Spark data frame, such as
            the result of `scan`, or an Ibis table.
        by: Columns to group by. Derived columns are `day` (the start of a day), `hour` (0 to 23), `weekday` (1 is
            Monday) and `model_family` (the model without date and variant). Rows without a value are a group. None
            makes one group of all rows.
        every: Group by a period too: `minute`, `hour`, `day`, `week` (from Monday) or `month`. The column `time` comes
            first and contains the start of each period. Empty periods are included, with 0 for counts and sums and gaps
            for everything else. `open` is true if the period was still running at the last fetch, so that records
            may be missing. Rows without `created_at` have a row with a gap for `time`.
        tz: The time zone of days, hours and other periods, by its IANA name.
        metrics: Statistics, or names of statistics and of sets (`cost`, `cache`, `tokens`, `latency`, `reliability`);
            None for `metrics.DEFAULT`, which docs/metrics.md describes.
        percentiles: `exact` interpolates between rows. `sketch` counts rows in classes, for more rows than memory
            holds; its percentiles are right to 1 %. `auto` is exact for frames in memory, and on an engine whose memory
            holds 80 bytes for each row: the memory limit of DuckDB, the memory of an executor of Spark.
        intervals: Whether `<name>_low` and `<name>_high` follow each rate, percentile, mean and ratio of sums: the
            limits of its 95 % interval, which docs/metrics.md describes. A total has none: it is known.
        against: Records of another period. Then `<name>_previous`, `<name>_change` (this value minus the previous one)
            and `<name>_certainty` follow each statistic. The certainty is `exact` for a total, and `incomplete` if
            records or costs are missing; for others it is `sure` if the 95 % interval of the change (between
            `<name>_change_low` and `<name>_change_high`, with `intervals`) excludes 0, otherwise `unclear`. A group
            that only one period has is a row too.

    Returns:
        Counts as Int64, all other statistics as Float64. `attrs` contains `units` and `labels` by column; `tz`;
        `percentiles` (`exact` or `sketch`); `coverage` of the data, None if it is unknown; `lower_bounds`, the columns
        that are lower bounds since some requested ids have no record; `shares_of_total`, the columns that add up to 1
        over all groups; `sums`, the counts and sums, which add up over groups; `notices` about the data. With
        intervals, `gaps` contains the reasons for missing intervals by statistic.

    Raises:
        MissingColumnError: The data lacks a column; the message names the statistic that needs it.
        InputError: A name is unknown, two columns of the result would have one name, or `against` is given with
            `every` or with `by="day"`, which no two periods have in common.

    >>> from genanalytics.metrics import Unit
    >>> longest = Statistic("longest", "longest", Unit.MS, "Longest latency", needs=("latency",),
    ...                     own={"longest": nw.col("latency").max()})
    >>> frame = pd.DataFrame({"model": ["a", "b", "a"], "latency": [10, 20, 30]})
    >>> summarize(frame, by="model", metrics=[longest]).to_dict("list")
    {'model': ['a', 'b'], 'requests': [2, 1], 'longest': [30.0, 20.0]}
    """
    if against is not None:
        names = list_common_groups(by, every)
        return _summarize_both(data, against, names, metrics, tz=tz, percentiles=percentiles, intervals=intervals)
    source, zone = open_source(data), find_zone(tz)
    statistics = [REQUESTS, *resolve(DEFAULT if metrics is None else metrics)]
    bounded = [statistic for statistic in statistics if intervals and statistic.basis is not None]
    limits = [name for statistic in bounded for name in name_limits(statistic.name)]
    others = [*([OPEN] if every is not None else []), *(statistic.name for statistic in statistics), *limits]
    keys = resolve_by(source, by, every, tz, others=others)
    known = set(source.columns)
    for statistic in statistics:
        if not known.issuperset(statistic.columns):
            check_columns(source, statistic.columns, statistic.name, hint=_hint(statistic))
    method = choose_percentiles(percentiles, source)
    groups = aggregate(source, keys, statistics, bounded, method)
    labels = read_labels(groups.keys, keys)
    if every is not None:
        labels, groups = _add_empty(labels, groups, every, zone)
    order = _find_order([*labels.values()], len(groups))
    if every is not None:
        labels = {TIME: labels[TIME], OPEN: _find_open(labels[TIME], source, every, zone)} | labels
    columns: dict[Any, Any] = {name: values.array[order] for name, values in labels.items()}
    columns |= finish(groups, statistics, bounded, order)
    summary = pd.DataFrame(columns, index=range(len(groups)), copy=False)
    summary.attrs = {
        **_describe(statistics, bounded),
        "tz": zone.key,
        "percentiles": method,
        "notices": source.notices,
        "shares_of_total": [one.name for one in statistics if isinstance(one.finish, ShareOfTotal)],
        "sums": [one.name for one in statistics if one.adds_up],
        **describe_completeness(data, [one.name for one in statistics if one.can_only_grow]),
    }
    if intervals:
        summary.attrs["gaps"] = list_gaps(groups, bounded)
    return summary


def _summarize_both(
    data: Records,
    against: Records,
    names: list[str],
    metrics: Sequence[Statistic | str] | Statistic | str | None,
    *,
    intervals: bool,
    **options: Any,  # noqa: ANN401 - those of summarize
) -> pd.DataFrame:
    """Return a summary with the changes since another period, whose limits need the intervals of both."""
    statistics = list(dict.fromkeys(resolve(DEFAULT if metrics is None else metrics)))
    added = {name for statistic in (REQUESTS, *statistics) for name in name_changes(statistic.name)}
    if twice := [name for name in names if name in added]:
        msg = f"two columns of the result would be named {', '.join(map(repr, twice))}: rename those of the records"
        raise InputError(msg)
    computed = list(dict.fromkeys([*statistics, *resolve(_COST_UNKNOWN)]))
    methods = [choose_percentiles(options["percentiles"], open_source(each)) for each in (data, against)]
    options["percentiles"] = "sketch" if "sketch" in methods else "exact"  # their difference would look like a change
    now, before = (summarize(each, by=names, metrics=computed, intervals=True, **options) for each in (data, against))
    found = add_changes(now, before, names, [REQUESTS, *statistics])
    notices = now.attrs["notices"]
    others = [f"compared with: {notice}" for notice in before.attrs["notices"] if notice not in notices]
    found.attrs["notices"] = [*notices, *others]
    if names:
        found = found.sort_values(names, kind="stable", ignore_index=True)
    unwanted = [] if intervals else list_limits(statistics)
    found = found.drop(columns=[name for name in unwanted if name in found])
    for attribute in ("units", "labels"):
        found.attrs[attribute] = {name: text for name, text in found.attrs[attribute].items() if name in found}
    return found


def _hint(statistic: Statistic) -> str:
    """Return where the columns of a statistic come from, if no record has them."""
    for label, statistics in (("success", OUTCOMES), ("revenue", MARGINS)):
        if statistic in statistics:
            return f": ga.label(data, ...) or --labels FILE adds it from a table with {label} by key"
    return ": ga.itemize(data) adds it" if statistic in ITEMS else ""


def describe_completeness(data: Records, totals: Iterable[str]) -> dict[Any, Any]:
    """Return the attributes `coverage` and `lower_bounds` of figures, out of the coverage of the data behind them.

    Args:
        data: The data.
        totals: The columns that more records can only add to. They are lower bounds if some records are missing.
    """
    coverage = find_coverage_of(data)
    partial = coverage is not None and coverage.is_partial
    return {COVERAGE: coverage and coverage.to_json(), "lower_bounds": [*totals] if partial else []}


class SummaryOptions(TypedDict, total=False):
    """The options of `summarize`, except `metrics`."""

    by: str | Sequence[str] | None
    every: Period | None
    tz: str
    percentiles: Percentiles
    intervals: bool


@opens_paths("data", "against")
def cost_summary(data: Records, **options: Unpack[SummaryOptions]) -> pd.DataFrame:
    """Return `summarize(..., metrics=COST)`: charges, and their spread over requests."""
    return summarize(data, metrics=COST, **options)


@opens_paths("data", "against")
def cache_summary(data: Records, **options: Unpack[SummaryOptions]) -> pd.DataFrame:
    """Return `summarize(..., metrics=CACHE)`: savings and costs of prompt caching."""
    return summarize(data, metrics=CACHE, **options)


@opens_paths("data", "against")
def latency_summary(data: Records, **options: Unpack[SummaryOptions]) -> pd.DataFrame:
    """Return `summarize(..., metrics=LATENCY)`: times to the first and the last token, and speeds."""
    return summarize(data, metrics=LATENCY, **options)


@opens_paths("data", "against")
def reliability_summary(data: Records, **options: Unpack[SummaryOptions]) -> pd.DataFrame:
    """Return `summarize(..., metrics=RELIABILITY)`: requests that were cancelled, failed, truncated or rerouted."""
    return summarize(data, metrics=RELIABILITY, **options)


@opens_paths("data", "against")
def token_summary(data: Records, **options: Unpack[SummaryOptions]) -> pd.DataFrame:
    """Return `summarize(..., metrics=TOKENS)`: tokens in and out."""
    return summarize(data, metrics=TOKENS, **options)


def choose_percentiles(percentiles: str, source: Source) -> str:
    """Return the method for percentiles: `exact` or `sketch`.

    Raises:
        InputError: There is no such method.
    """
    if percentiles not in PERCENTILES:
        msg = f"percentiles={percentiles!r}; there are {', '.join(PERCENTILES)}"
        raise InputError(msg)
    if percentiles == "auto":
        fits = not source.sketches and (not source.large or source.has_room(source.count() * _EXACT_BYTES))
        return "exact" if fits else "sketch"
    return percentiles


def aggregate(
    source: Source,
    by: Sequence[GroupKey],
    statistics: Sequence[Statistic],
    bounded: Sequence[Statistic],
    percentiles: str,
) -> Aggregates:
    """Return the aggregates of statistics, then those of the limits of the bounded ones, by group.

    `percentiles` is `exact` or `sketch`.
    """
    steps = _list_steps(tuple(statistics), tuple(bounded))
    counted = list_quantiles(steps) if percentiles == "sketch" else {}
    plain = [step for step in steps if not (counted and isinstance(step, Quantile))]
    own = _collect_own(statistics)
    needs = list(dict.fromkeys(need for statistic in statistics for need in statistic.needs))
    found = source.aggregate(by, plain, own, needs)
    if not (counted or bounded):
        return found
    groups = found.to_table()
    for counts, quantiles in zip(source.sketch(by, list(counted), groups), counted.values(), strict=True):
        groups = join_percentiles(groups, counts, quantiles)
    return read_aggregates(add_limits(groups, source, by, bounded), by, steps)


@lru_cache(maxsize=_KEPT_SETS)
def _list_steps(statistics: tuple[Statistic, ...], bounded: tuple[Statistic, ...]) -> tuple[Aggregate, ...]:
    """Return the aggregates that statistics, then limits, are made of, each once."""
    return tuple(dict.fromkeys([*list_aggregates(statistics), *list_needed_aggregates(bounded)]))


def _collect_own(statistics: Sequence[Statistic]) -> dict[str, nw.Expr]:
    found: dict[str, nw.Expr] = {}
    for statistic in statistics:
        for name, step in statistic.own.items():
            if found.setdefault(name, step) is not step:
                msg = f"{statistic.name!r} has another aggregate named {name!r} than an earlier statistic: rename it"
                raise InputError(msg)
    return found


def _add_empty(
    columns: dict[str, pd.Series], groups: Aggregates, every: str, tz: ZoneInfo
) -> tuple[dict[str, pd.Series], Aggregates]:
    """Return the groups with a row of gaps for each period in which one of the other groups has no rows."""
    starts = columns[TIME].dropna()
    if starts.empty:
        return columns, groups
    # an engine takes the nearest known offset for moments before 2000, whose periods begin at other moments
    times = list_periods(starts.min(), starts.max(), every, tz).union(pd.DatetimeIndex(starts.unique()))
    others = [name for name in columns if name != TIME]
    inner, names = group_rows([columns[name] for name in others], len(groups))
    _check_size(len(times), inner.count, every)
    is_dated = columns[TIME].notna().to_numpy()
    dated, undated = np.flatnonzero(is_dated), np.flatnonzero(~is_dated)
    places = np.full((len(times), inner.count), np.nan)  # by period, and by the values of the other keys
    places[times.get_indexer(pd.Index(starts)), inner.codes[dated]] = dated
    codes = np.concatenate([np.tile(np.arange(inner.count), len(times)), inner.codes[undated]])
    moments = [pd.Series(times.repeat(inner.count)), columns[TIME].iloc[undated]]
    full = {TIME: pd.concat(moments, ignore_index=True)}
    full |= {name: pd.Series(keys.array.take(codes)) for name, keys in zip(others, names, strict=True)}
    return {name: full[name] for name in columns}, groups.take(np.concatenate([places.ravel(), undated]))


def _check_size(periods: int, groups: int, every: str) -> None:
    """Check that a result with each group in each period is not too large.

    Raises:
        InputError: It is.
    """
    if periods * groups > _MAX_ROWS:
        longer = PERIODS[PERIODS.index(every) + 1 :]
        way = f"use a longer period ({', '.join(longer)}), or fewer rows" if longer else "use fewer groups or rows"
        msg = f"every={every!r} makes {periods:,} periods of {format_count(groups, 'group')}: {way}"
        raise InputError(msg)


def _find_open(starts: pd.Series, source: Source, every: str, tz: ZoneInfo) -> pd.Series:
    """Return for each period whether the last fetch was before its end; a gap if that is unknown."""
    last = source.find_latest("fetched_at") if "fetched_at" in source.columns else None
    if last is None or starts.empty:
        return pd.Series(pd.NA, index=starts.index, dtype="boolean")
    key = make_period_key(every, tz)
    begun = key.finish(key.pandas(pd.Series([last]))).iloc[0]
    flags: pd.Series = (starts >= begun).astype("boolean").mask(starts.isna())
    return flags


def _find_order(columns: Sequence[pd.Series], rows: int) -> "np.ndarray":
    """Return the places of rows in the order of the first column, then of the second; gaps are last."""
    if not columns:
        return np.arange(rows)
    *first, last = columns
    order: np.ndarray = last.array.argsort(kind="stable")
    for values in reversed(first):
        order = order[values.array[order].argsort(kind="stable")]
    return order


def _describe(statistics: Sequence[Statistic], bounded: Sequence[Statistic]) -> dict[Any, Any]:
    """Return the unit and the label of each column, by its name."""
    units = {statistic.name: statistic.unit.value for statistic in statistics}
    labels = {statistic.name: statistic.label for statistic in statistics}
    for statistic in bounded:
        for name, side in zip(name_limits(statistic.name), ("low", "high"), strict=True):
            units[name] = statistic.unit.value
            labels[name] = f"{statistic.label} {side}"
    return {"units": units, "labels": labels}
