"""A summary as people read it: the main statistics, the most expensive group first, and notes on the figures."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from genanalytics.base.opening import opens_paths
from genanalytics.metrics.catalog import DEFAULT, SETS, resolve
from genanalytics.metrics.declare import name_limits
from genanalytics.metrics.engines.sketch import ACCURACY
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import TIME, Period
from genanalytics.metrics.sets.caching import WITHOUT
from genanalytics.metrics.sets.cost import EFFECTIVE_COST, REQUESTS, UNKNOWN
from genanalytics.metrics.sets.items import ITEM_VALUES
from genanalytics.metrics.summary import OPEN, Percentiles, summarize
from genanalytics.tables.table import describe_gaps, describe_rounding, format_table, list_notices, name_groups
from genanalytics.tables.trim import choose_columns, describe_left_out, limit_rows, list_bounds, sort_rows
from genanalytics.units import Unit, format_count, format_value

_OVERVIEW = (
    "effective_cost",
    "cost_share",
    "net_cache_savings",
    "cache_savings_rate",
    "ttft_ms_p50",
    "ttft_ms_p95",
    "e2e_ms_p50",
    "e2e_ms_p95",
)
"""The statistics of a table without `metrics`."""
_MAIN: Mapping[str, tuple[str, ...]] = {
    "cost": (
        "effective_cost",
        "cost_share",
        "billed_cost",
        "byok_cost",
        "cost_per_request_mean",
        "cost_per_request_p50",
        "cost_per_request_p95",
        "usd_per_mtok",
    ),
    "cache": (
        "net_cache_savings",
        "cache_savings_rate",
        "cost_without_cache",
        "read_savings",
        "write_premium",
        "cache_payback",
        "cache_hit_rate",
        "cache_touched_share",
    ),
    "latency": (
        "ttft_ms_p50",
        "ttft_ms_p95",
        "ttft_ms_p99",
        "e2e_ms_p50",
        "e2e_ms_p95",
        "e2e_ms_p99",
        "tps_e2e_p50",
        "tps_decode_p50",
    ),
    "items": tuple(item.name for item in ITEM_VALUES),
}
"""The statistics of a large set that a table shows; the others are available by name, and in JSON and CSV."""
_OF_NOTES: Mapping[str, tuple[str, ...]] = {
    "cost": ("cost_unknown",),
    "cache": ("cache_coverage",),
    "latency": ("ttft_ms_n", "e2e_ms_n"),
}
"""The statistics in the notes about a set."""
_OPEN_MARK = "*"
_TIMES = ("day", "hour", "weekday")
"""Groups in their own order."""


@opens_paths("data")
def overview(
    data: Records,
    by: Sequence[str] = (),
    *,
    every: Period | None = None,
    tz: str = "UTC",
    metrics: Sequence[str] | None = None,
    percentiles: Percentiles = "auto",
    intervals: bool = False,
    columns: Sequence[str] | None = None,
    sort: str | None = None,
    limit: int | None = None,
    total: bool = True,
    width: int = 100,
) -> str:
    """Return cost, savings and latency as a text table by group, the most expensive group first, with notes below it.

    If some of the requested ids have no record, each count and each sum is shown as a lower bound.

    Args:
        data: Anything that `summarize` takes.
        by: The columns to group by.
        every: The period to group by too; periods are in their own order.
        tz: The time zone.
        metrics: Names of statistics, of row values and of sets; the table shows the main statistics of a large set.
            None for some of each set.
        percentiles: `auto`, `exact` or `sketch`, as in `summarize`.
        intervals: Whether to show the intervals of the statistics.
        columns: The columns to show, out of those of `rank_groups`; None for the main ones.
        sort: The column to sort by, perhaps with `:asc` or `:desc`; None for the most expensive group first.
        limit: The number of groups to show; None for all.
        total: Whether the last row has the figures of all groups.
        width: The maximum number of characters in a line.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: A name is unknown.
    """
    groups_by = [*([TIME] if every is not None else []), *by]
    shown = choose_names(metrics) if columns is None else [name for name in columns if name not in groups_by]
    is_free = columns is not None or sort is not None
    computed = [one.name for one in resolve(DEFAULT if metrics is None else metrics)] if is_free else shown
    sets = [name for name, statistics in SETS.items() if {one.name for one in statistics} & set(shown)]
    wanted = [*computed, *(name for one in sets for name in _OF_NOTES.get(one, ()))]
    if WITHOUT.name in shown:  # it is a cost too
        wanted.append(UNKNOWN.name)
    whole = rank_groups(data, tz=tz, metrics=wanted, percentiles=percentiles, intervals=intervals)
    groups = whole
    if groups_by:
        groups = rank_groups(data, by, every=every, tz=tz, metrics=wanted, percentiles=percentiles, intervals=intervals)
    if every is not None and by:
        groups = groups[groups[REQUESTS.name] > 0]  # each group has a row for every period; most are empty
    if sort is not None:
        groups = sort_rows(groups, sort)
    groups, left_out = limit_rows(groups, limit)
    unfinished = every is not None and bool(groups[OPEN].fillna(value=False).any())
    readable = _mark_open(groups) if unfinished else groups
    names = [REQUESTS.name, *shown] if columns is None else shown
    named = groups_by if columns is None else [name for name in columns if name in groups_by]
    table = format_table(
        readable if columns is None else choose_columns(readable, columns),
        named,
        names,
        total=whole if named and total else None,
        at_least=list_bounds(whole),
        width=width,
    )
    notes = [
        *describe_left_out(left_out),
        *describe_rounding(groups, shown),
        *list_notices(whole),
        *_write_notes(whole.iloc[0], sets),
    ]
    if whole.attrs["percentiles"] == "sketch":
        notes.append(f"Percentiles: from a sketch, right to {100 * ACCURACY:.0f} %.")
    if unfinished:
        notes.append(f"{_OPEN_MARK} still running at the last fetch, so records may be missing.")
    if "weekday" in by:
        notes.append("Weekdays: 1 is Monday.")
    if tz != "UTC" and {TIME, *_TIMES} & {*groups_by}:
        notes.append(f"Times: {tz}.")
    notes += describe_gaps([name for name in shown if name in whole.attrs["labels"]], [groups, whole])
    return "\n".join([table, *notes])


@opens_paths("data")
def rank_groups(
    data: Records,
    by: Sequence[str] = (),
    *,
    every: Period | None = None,
    tz: str = "UTC",
    metrics: Sequence[str] | None = None,
    percentiles: Percentiles = "auto",
    intervals: bool = False,
) -> pd.DataFrame:
    """Return the result of `summarize` with the most expensive group first, within each period.

    Arguments and errors are those of `overview`; a repeated statistic is computed once.
    """
    statistics = list(dict.fromkeys(resolve(DEFAULT if metrics is None else metrics)))
    hidden = [] if EFFECTIVE_COST in statistics else [EFFECTIVE_COST.name]
    groups = summarize(
        data, by=by, every=every, tz=tz, metrics=[*statistics, *hidden], percentiles=percentiles, intervals=intervals
    )
    times = [*([TIME] if every is not None else []), *(name for name in by if name in _TIMES)]
    order = [*times, EFFECTIVE_COST.name, REQUESTS.name]
    groups = groups.sort_values(order, ascending=[name in times for name in order], kind="stable", ignore_index=True)
    unwanted = [column for name in hidden for column in (name, *name_limits(name)) if column in groups]
    return groups.drop(columns=unwanted)


def choose_names(metrics: Sequence[str] | None) -> list[str]:
    """Return the names of the statistics in a table, each once."""
    if metrics is None:
        return [*_OVERVIEW]
    names = (name for metric in metrics for name in _MAIN.get(metric) or [one.name for one in resolve(metric)])
    return list(dict.fromkeys(names))


def _mark_open(groups: pd.DataFrame) -> pd.DataFrame:
    """Return groups with a mark after the periods that may still be incomplete."""
    marks = groups[OPEN].fillna(value=False).map({True: _OPEN_MARK, False: ""})
    return groups.assign(**{TIME: [name + mark for name, mark in zip(name_groups(groups[TIME]), marks, strict=True)]})


def _write_notes(total: "pd.Series[Any]", sets: Sequence[str]) -> Iterator[str]:
    """Yield the notes that a reader needs to understand the figures."""
    if total.get(UNKNOWN.name):
        unknown = format_count(int(total[UNKNOWN.name]), "request")
        yield f"Cost: not fully known for {unknown}, so the total is a lower bound."
    if "cache" in sets:
        known = format_value(total["cache_coverage"], Unit.SHARE)
        yield f"Cache: a discount is reported for {known} of the requests; the savings rate covers only these."
    if "latency" in sets:
        streamed, timed = (format_value(total[name], Unit.COUNT) for name in ("ttft_ms_n", "e2e_ms_n"))
        yield (
            f"Latency: successful requests only; time to first token (TTFT) of {streamed} streamed requests, end to end"
            f" (E2E) of {timed}."
        )
    if "reliability" in sets:
        yield "Reliability: among recorded generations; requests that never got an id are not included."
