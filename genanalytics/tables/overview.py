"""A summary as people read it: which statistics, which group first, and what the figures rest on."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from genanalytics.metrics import DEFAULT, EFFECTIVE_COST, REQUESTS, SETS, resolved, summarize
from genanalytics.metrics.engines.sketch import ACCURACY
from genanalytics.metrics.grouping.keys import TIME
from genanalytics.metrics.summary import OPEN
from genanalytics.tables.table import LIMITS, as_text, names_of
from genanalytics.units import Unit, counted, write

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
"""What a table shows if nothing is asked for."""
_SHOWN: Mapping[str, tuple[str, ...]] = {
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
}
"""What a table shows of a large set; its other statistics are there by name, and in JSON and CSV."""
_BEHIND: Mapping[str, tuple[str, ...]] = {
    "cost": ("cost_unknown",),
    "cache": ("cache_coverage",),
    "latency": ("ttft_ms_n", "e2e_ms_n"),
}
"""What the footnotes about a set are made of."""
_OPEN_MARK = "*"
_TIMES = ("day", "hour", "weekday")
"""Keys that are shown in their order."""


def overview(
    data: object,
    by: Sequence[str] = (),
    *,
    every: str | None = None,
    tz: str = "UTC",
    metrics: Sequence[str] | None = None,
    percentiles: str = "auto",
    intervals: bool = False,
    coverage: float | None = None,
    width: int = 100,
) -> str:
    """Return where the money and the time go: a table by group, the dearest first, and what its figures rest on.

    Args:
        data: What `summarize` takes.
        by: What to group by.
        every: The stretches of time to group by too; they then stand in their order.
        tz: The zone of all times.
        metrics: Names of statistics, of row values and of sets; of a large set the table shows a part. None for a few
            of each.
        percentiles: `auto`, `exact` or `sketch`, as `summarize` takes it.
        intervals: Show the intervals of the statistics too.
        coverage: The share of the ids asked for that have a record (0 to 1), where that is known.
        width: How many characters a line may have.

    Raises:
        MissingColumnError: The data lacks a column that is needed.
        InputError: Something of that name is unknown.
    """
    shown = _shown(metrics)
    sets = [name for name, statistics in SETS.items() if {one.name for one in statistics} & set(shown)]
    wanted = [*shown, *(name for one in sets for name in _BEHIND.get(one, ()))]
    total = ranked(data, tz=tz, metrics=wanted, percentiles=percentiles, intervals=intervals)
    keys = [*([TIME] if every is not None else []), *by]
    groups = total
    if keys:
        groups = ranked(data, by, every=every, tz=tz, metrics=wanted, percentiles=percentiles, intervals=intervals)
    if every is not None and by:
        groups = groups[groups[REQUESTS.name] > 0]  # each group has every stretch of time; people look for what was
    unknown = "cost" in sets and total["cost_unknown"].iloc[0] > 0
    unfinished = every is not None and bool(groups[OPEN].fillna(value=False).any())
    table = as_text(
        _marked(groups) if unfinished else groups,
        keys,
        [REQUESTS.name, *shown],
        total=total if keys else None,
        at_least={EFFECTIVE_COST.name} if unknown or (coverage is not None and coverage < 1) else set(),
        width=width,
    )
    notes = list(_footnotes(total.iloc[0], sets, coverage))
    if total.attrs["percentiles"] == "sketch":
        notes.append(f"Percentiles: from a sketch, right to {100 * ACCURACY:.0f} %.")
    if unfinished:
        notes.append(f"{_OPEN_MARK} not over when records were fetched last, so that some may be missing.")
    if "weekday" in by:
        notes.append("Weekdays: 1 is Monday.")
    if tz != "UTC" and {TIME, *_TIMES} & {*keys}:
        notes.append(f"Times: {tz}.")
    return "\n".join([table, *notes])


def ranked(
    data: object,
    by: Sequence[str] = (),
    *,
    every: str | None = None,
    tz: str = "UTC",
    metrics: Sequence[str] | None = None,
    percentiles: str = "auto",
    intervals: bool = False,
) -> pd.DataFrame:
    """Return what `summarize` returns, in another order: the dearest group first, under its time if there is one.

    Args and errors are those of `overview`; a statistic that is named twice stands there once.
    """
    statistics = list(dict.fromkeys(resolved(DEFAULT if metrics is None else metrics)))
    hidden = [] if EFFECTIVE_COST in statistics else [EFFECTIVE_COST.name]
    also: dict[str, Any] = {"intervals": True} if intervals else {}
    groups = summarize(data, by=by, every=every, tz=tz, metrics=[*statistics, *hidden], percentiles=percentiles, **also)
    times = [*([TIME] if every is not None else []), *(name for name in by if name in _TIMES)]
    order = [*times, EFFECTIVE_COST.name, REQUESTS.name]
    groups = groups.sort_values(order, ascending=[name in times for name in order], kind="stable", ignore_index=True)
    return groups.drop(columns=[name + limit for name in hidden for limit in ("", *LIMITS) if name + limit in groups])


def _shown(metrics: Sequence[str] | None) -> list[str]:
    """Return the statistics that a table shows, by name and each once."""
    if metrics is None:
        return [*_OVERVIEW]
    names = (name for metric in metrics for name in _SHOWN.get(metric) or [one.name for one in resolved(metric)])
    return list(dict.fromkeys(names))


def _marked(groups: pd.DataFrame) -> pd.DataFrame:
    """Return groups with a mark behind the stretches of time that may still be incomplete."""
    unfinished = groups[OPEN].fillna(value=False)
    marks = [_OPEN_MARK if mark else "" for mark in unfinished]
    return groups.assign(**{TIME: [name + mark for name, mark in zip(names_of(groups[TIME]), marks, strict=True)]})


def _footnotes(total: "pd.Series[Any]", sets: Sequence[str], coverage: float | None) -> Iterator[str]:
    """Yield what has to be known to read the figures rightly."""
    if coverage is not None and coverage < 1:
        yield f"Coverage: {write(coverage, Unit.SHARE)} of the ids have a record, so totals are lower bounds."
    if "cost" in sets and total["cost_unknown"]:
        unknown = counted(int(total["cost_unknown"]), "request")
        yield f"Cost: not known in full for {unknown}, so the total is a lower bound."
    if "cache" in sets:
        known = write(None if pd.isna(total["cache_coverage"]) else total["cache_coverage"], Unit.SHARE)
        yield f"Cache: a discount is reported for {known} of the requests; the savings rate is that of those alone."
    if "latency" in sets:
        streamed, timed = (write(total[name], Unit.COUNT) for name in ("ttft_ms_n", "e2e_ms_n"))
        yield (
            f"Latency: successful requests only; time to first token (TTFT) of {streamed} streamed ones, end to end"
            f" (E2E) of {timed}."
        )
    if "reliability" in sets:
        yield "Reliability: among recorded generations; a request that never got an id is not seen here."
