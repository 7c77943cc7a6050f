"""A summary as people read it: the main statistics, the most expensive group first, and notes on the figures."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import pandas as pd

from genanalytics.base.opening import opens_paths
from genanalytics.base.text import list_names, suggest
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics.against import name_changes
from genanalytics.metrics.catalog import DEFAULT, MEANT, SETS, resolve, resolve_one
from genanalytics.metrics.declare import Statistic, name_limits
from genanalytics.metrics.engines.sketch import ACCURACY
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import TIME, Period
from genanalytics.metrics.grouping.keys import DERIVED
from genanalytics.metrics.sets.caching import WITHOUT
from genanalytics.metrics.sets.cost import EFFECTIVE_COST, REQUESTS, UNKNOWN
from genanalytics.metrics.sets.items import ITEM_VALUES
from genanalytics.metrics.summary import OPEN, Percentiles, summarize
from genanalytics.records.coverage import COVERAGE
from genanalytics.records.schema import BY_NAME, Kind
from genanalytics.tables.cells import OPEN_MARK
from genanalytics.tables.changes import describe_changes
from genanalytics.tables.charts import Trends, find_trends
from genanalytics.tables.notes import describe_gaps, list_notices
from genanalytics.tables.table import MAIN, TIMES, Table
from genanalytics.tables.trim import add_coverage, list_bounds, sort_rows
from genanalytics.units import Unit, format_count, format_value

Metrics = Sequence[Statistic | str] | Statistic | str
"""Statistics, row values and sets, by name."""
_OF_SETS: Mapping[str, tuple[str, ...]] = {
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
_COMPARED = ("effective_cost", "cost_per_request_mean", "cache_savings_rate", "ttft_ms_p50", "error_rate")
"""The statistics of a table with changes, whose columns are wide."""
_MOST_TRENDS = 50
"""With more groups, the costs over time are not computed."""
_OF_NOTES: Mapping[str, tuple[str, ...]] = {
    "cost": ("cost_unknown",),
    "cache": ("cache_coverage",),
    "latency": ("ttft_ms_n", "e2e_ms_n"),
}
"""The statistics in the notes about a set."""


@opens_paths("data", "against")
def overview(
    data: Records,
    by: str | Sequence[str] = (),
    *,
    every: Period | None = None,
    tz: str = "UTC",
    metrics: Metrics | None = None,
    percentiles: Percentiles = "auto",
    intervals: bool = False,
    against: Records | None = None,
    columns: Sequence[str] | None = None,
    sort: str | None = None,
    limit: int | None = None,
    total: bool = True,
    trends: bool = False,
    width: int = 120,
) -> Table:
    """Return cost, savings and latency by group as a table, the most expensive group first, with notes below it.

    If some of the requested ids have no record, each count and each sum is shown as a lower bound.

    Args:
        data: Anything that `summarize` takes, such as the path of a file, or the result of `select`, which chooses rows
            and a period.
        by: The columns to group by.
        every: The period to group by too; periods are in their own order.
        tz: The time zone.
        metrics: Names of statistics, of row values and of sets; the table shows the main statistics of a large set.
            None for some of each set, fewer with `against`.
        percentiles: `auto`, `exact` or `sketch`, as in `summarize`.
        intervals: Whether to show the intervals of the statistics.
        against: Records of another period, as in `summarize`: each figure is followed by its change since then.
        columns: The columns to show, out of those of `summarize`; None for the main ones.
        sort: The column to sort by, perhaps with `:asc` or `:desc`; None for the most expensive group first.
        limit: The number of groups to show; None for all, of which a notebook and `print` show 100.
        total: Whether the last row has the figures of all records.
        trends: Whether to compute the costs over time too, for the charts of a wide terminal.
        width: The maximum number of characters in a line of the printed table.

    Returns:
        The table, as text when printed and as HTML in a notebook. Its `summary` contains the figures.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: A name is unknown.
    """
    by = [by] if isinstance(by, str) else [*by]
    keys = [*([TIME] if every is not None else []), *by]
    if metrics is None and against is not None:
        metrics = _COMPARED
    own = [] if metrics is None else resolve(metrics)
    chosen = find_statistics(columns, sort, keys, own, intervals=intervals, changes=against is not None)
    shown = choose_names(metrics) if columns is None else [name for name in columns if name not in keys]
    sets = [name for name, statistics in SETS.items() if {one.name for one in statistics} & set(shown)]
    options: dict[str, Any] = {
        "tz": tz,
        "metrics": _add_notes([*(shown if columns is None else ()), *chosen], shown, sets, own),
        "percentiles": percentiles,
        "intervals": intervals,
        "against": against,
    }
    whole = rank_groups(data, **options)
    groups = rank_groups(data, by, every=every, **options) if keys else whole
    if every is not None and by:
        groups = groups[groups[REQUESTS.name] > 0]  # each group has a row for every period; most are empty
    if COVERAGE in shown:
        groups = add_coverage(groups)
    names = [REQUESTS.name, *shown] if columns is None else shown
    groups_by = keys if columns is None else [name for name in columns if name in keys]
    has_trends = trends and len(groups) <= _MOST_TRENDS and not {*TIMES} & {*keys}
    return Table(
        summary=groups if sort is None else sort_rows(groups, sort),
        by=groups_by,
        names=names,
        total=whole if groups_by and total else None,
        at_least=list_bounds(whole),
        notes=[*_describe_all(groups, whole, keys, sets), *describe_gaps(names, [groups, whole])],
        limit=limit,
        trends=_compute_trends(data, by, tz) if has_trends else None,
        width=width,
    )


def _add_notes(
    names: Sequence[str], shown: Sequence[str], sets: Sequence[str], own: Sequence[Statistic]
) -> list[Statistic]:
    """Return the statistics of these names, and those in the notes about the shown ones."""
    wanted = [*names, *(name for one in sets for name in _OF_NOTES.get(one, ()))]
    if WITHOUT.name in shown:  # it is a cost too
        wanted.append(UNKNOWN.name)
    named = {one.name: one for one in own}
    return [named.get(name) or resolve_one(name) for name in dict.fromkeys(wanted)]


def _compute_trends(data: Records, by: Sequence[str], tz: str) -> Trends | None:
    """Return the costs of groups over time; None if they are unknown, also for data without times."""
    try:
        days = summarize(data, by=by, every="day", tz=tz, metrics=[EFFECTIVE_COST])
    except MissingColumnError:
        return None
    return find_trends(days, by)


def find_statistics(
    columns: Sequence[str] | None,
    sort: str | None,
    keys: Sequence[str],
    own: Sequence[Statistic],
    *,
    intervals: bool,
    changes: bool,
) -> list[str]:
    """Return the statistics of the columns to show and to sort by, before anything is computed.

    Args:
        columns: The columns to show; None for none in particular.
        sort: The column to sort by, perhaps with a direction.
        keys: The columns that name the groups, which have no statistic.
        own: Statistics that have no name elsewhere.
        intervals: Whether there are columns for the limits of intervals.
        changes: Whether there are columns for changes.

    Raises:
        InputError: There is no such column.
    """
    statistics = {one.name: one.name for one in (REQUESTS, *own, *DEFAULT, *chain(*SETS.values()))}
    parts = [name_limits] * intervals + [name_changes] * changes
    made = {column: name for name in statistics for name_parts in parts for column in name_parts(name)}
    others = [*keys, *([OPEN] if TIME in keys else []), COVERAGE]
    known = [*others, *statistics]
    wanted = [*(columns or ()), *([sort.removesuffix(":asc").removesuffix(":desc")] if sort else [])]
    for name in wanted:
        if name not in known and name not in made:
            msg = f"no column {name!r}; {_find_hint(name, known)}there are {list_names(known, near=name)}"
            raise InputError(msg, arguments=["by"])
    return [(made | statistics)[name] for name in wanted if name not in others]


def _find_hint(name: str, known: Sequence[str]) -> str:
    """Return the column that a user meant, or how to get one that names groups."""
    meant = MEANT.get(name.lower())
    if meant in known:
        return f"did you mean {meant!r}? "
    if name in DERIVED or (name in BY_NAME and BY_NAME[name].kind is Kind.TEXT):
        return f"give by={name} to group by it; "
    return suggest(name, known)


@opens_paths("data")
def rank_groups(
    data: Records,
    by: Sequence[str] = (),
    *,
    every: Period | None = None,
    tz: str = "UTC",
    metrics: Metrics | None = None,
    percentiles: Percentiles = "auto",
    intervals: bool = False,
    against: Records | None = None,
) -> pd.DataFrame:
    """Return the result of `summarize` with the most expensive group first, within each period.

    Arguments and errors are those of `overview`; a repeated statistic is computed once.
    """
    statistics = list(dict.fromkeys(resolve(DEFAULT if metrics is None else metrics)))
    hidden = [] if EFFECTIVE_COST in statistics else [EFFECTIVE_COST.name]
    groups = summarize(
        data,
        by=by,
        every=every,
        tz=tz,
        metrics=[*statistics, *hidden],
        percentiles=percentiles,
        intervals=intervals,
        against=against,
    )
    times = [*([TIME] if every is not None else []), *(name for name in by if name in TIMES)]
    order = [*times, EFFECTIVE_COST.name, REQUESTS.name]
    groups = groups.sort_values(order, ascending=[name in times for name in order], kind="stable", ignore_index=True)
    unwanted = [column for name in hidden for column in (name, *name_limits(name), *name_changes(name))]
    return groups.drop(columns=[column for column in unwanted if column in groups])


def choose_names(metrics: Metrics | None) -> list[str]:
    """Return the names of the statistics in a table, each once."""
    if metrics is None:
        return [*MAIN]
    given = [metrics] if isinstance(metrics, str | Statistic) else metrics
    names = (name for one in given for name in _list_shown(one))
    return list(dict.fromkeys(names))


def _list_shown(metric: str | Statistic) -> Sequence[str]:
    """Return the names of the statistics that a table shows for a metric."""
    main = _OF_SETS.get(metric) if isinstance(metric, str) else None
    return main or [one.name for one in resolve(metric)]


def _describe_all(groups: pd.DataFrame, whole: pd.DataFrame, by: Sequence[str], sets: Sequence[str]) -> Iterator[str]:
    """Yield the notes on the figures of groups and of all records."""
    yield from describe_changes(whole, [str(name) for name in whole])
    yield from list_notices(whole)
    yield from _write_notes(whole.iloc[0], sets)
    if whole.attrs["percentiles"] == "sketch":
        yield f"Percentiles: from a sketch, right to {100 * ACCURACY:.0f} %."
    if OPEN in groups and groups[OPEN].fillna(value=False).any():
        yield f"{OPEN_MARK} still running at the last fetch, so records may be missing."
    if "weekday" in by:
        yield "Weekdays: 1 is Monday."
    if whole.attrs["tz"] != "UTC" and {*TIMES} & {*by}:
        yield f"Times: {whole.attrs['tz']}."


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
