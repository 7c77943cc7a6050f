"""The numbers of a report, computed once for all of its parts."""

from collections.abc import Mapping
from dataclasses import dataclass

import narwhals.stable.v2 as nw
import pandas as pd

from genanalytics.bill.items import Itemized, divide
from genanalytics.bill.prices import prices as compute_prices
from genanalytics.metrics import RowValue, Statistic, rate, summarize, total
from genanalytics.metrics.catalog import resolve_one
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import Period
from genanalytics.metrics.others import compare_with_others
from genanalytics.metrics.sets.latency import TTFT
from genanalytics.metrics.sets.rows import finished_with
from genanalytics.plots.groups import find_period
from genanalytics.report.bill import Bill, compute_bill
from genanalytics.units import Unit

ERRORS = resolve_one("error_rate")
FAILED = total(
    RowValue(
        "failed",
        "failed",
        Unit.COUNT,
        "Rows whose finish_reason is error",
        ("finish_reason",),
        finished_with("error").cast(nw.Int64),
    )
)
TILES: tuple[Statistic | str, ...] = (
    "effective_cost",
    "net_cache_savings",
    "cache_savings_rate",
    "ttft_ms_p50",
    "ttft_ms_p95",
    "error_rate",
    FAILED,
    "cost_unknown",
)
"""The statistics of the large numbers, next to the number of requests."""
_MOST_DAYS: Mapping[Period, int] = {"hour": 3, "day": 100, "week": 730}
"""The longest time in days that charts divide into such periods; a longer one is divided into months."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The numbers that decide whether something differs or has changed.

    Attributes:
        total: One row: every statistic over all rows.
        providers: By provider.
        days: Cost by model for every day.
        errors: The error rate of each provider and of all others, as `compare_with_others` returns them.
        slow: The share of its requests that wait longer for their first token than 95 % of all requests.
    """

    total: pd.DataFrame
    providers: pd.DataFrame
    days: pd.DataFrame
    errors: pd.DataFrame
    slow: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures(Evidence):
    """The numbers behind a report.

    Attributes:
        tiles: One row: the statistics of the tiles, with their changes if there are records to compare with.
        models: By model.
        models_before: The cost by model with its change; None without records to compare with.
        over_time: Cost by model for each `every`.
        trends: The statistics of the tiles for each `every`.
        bill: Unit prices and items.
        items_before: The records to compare with, with their items; None without them.
        period: The moments of the first and the last generation; None if none has a date.
        before: The same of the records to compare with.
        every: The periods of charts over time.
    """

    tiles: pd.DataFrame
    models: pd.DataFrame
    models_before: pd.DataFrame | None
    over_time: pd.DataFrame
    trends: pd.DataFrame
    bill: Bill
    items_before: Itemized | None
    period: tuple[pd.Timestamp, pd.Timestamp] | None
    before: tuple[pd.Timestamp, pd.Timestamp] | None
    every: Period


def compute_evidence(data: Records, *, tz: str) -> Evidence:
    """Return the numbers that decide whether something differs or has changed, with days in the time zone `tz`.

    Args:
        data: The records.
        tz: The time zone of days, by its IANA name.

    Raises:
        MissingColumnError: The data lacks a column.
    """
    whole = summarize(data)
    limit = float(whole["ttft_ms_p95"].fillna(0.0).iloc[0])  # without any time, no row is slow
    slow = RowValue("slow", "slow", Unit.SHARE, "TTFT above p95", (TTFT,), (TTFT.column > limit).cast(nw.Int64))
    compared = compare_with_others(data, by="provider_name", rates=[ERRORS, rate(slow)])
    return Evidence(
        total=whole,
        providers=summarize(data, by="provider_name"),
        days=summarize(data, every="day", by="model", tz=tz, metrics=["effective_cost", "cost_unknown"]),
        errors=compared[compared["metric"] == ERRORS.name],
        slow=compared[compared["metric"] == slow.name],
    )


def compute_figures(data: Records, *, previous: Records | None = None, tz: str) -> Figures:
    """Return the numbers for a report on the data, with days in the time zone `tz`.

    Args:
        data: The records.
        previous: Records of another period to compare with.
        tz: The time zone of days and other periods, by its IANA name.

    Raises:
        MissingColumnError: The data lacks a column.
    """
    evidence, period = compute_evidence(data, tz=tz), find_period(data)
    every = choose_every(period)
    return Figures(
        total=evidence.total,
        providers=evidence.providers,
        days=evidence.days,
        errors=evidence.errors,
        slow=evidence.slow,
        tiles=summarize(data, metrics=TILES, against=previous),
        models=summarize(data, by="model"),
        models_before=None if previous is None else _compare_models(data, previous),
        over_time=summarize(data, every=every, by="model", tz=tz, metrics=["effective_cost", "cost_unknown"]),
        trends=summarize(data, every=every, tz=tz, metrics=TILES),
        bill=compute_bill(data),
        items_before=None if previous is None else divide(previous, compute_prices(previous)),
        period=period,
        before=None if previous is None else find_period(previous),
        every=every,
    )


def _compare_models(data: Records, previous: Records) -> pd.DataFrame:
    return summarize(data, by="model", metrics=["effective_cost"], against=previous)


def choose_every(period: tuple[pd.Timestamp, pd.Timestamp] | None) -> Period:
    """Return the length of the bars of a chart, so that there are neither too few nor too many.

    >>> choose_every((pd.Timestamp("2026-09-01"), pd.Timestamp("2026-09-30")))
    'day'
    """
    length = pd.Timedelta(0) if period is None else period[1] - period[0]
    return next((every for every, days in _MOST_DAYS.items() if length <= pd.Timedelta(days=days)), "month")
