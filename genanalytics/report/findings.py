"""The findings of a report: sentences with a figure and a chart."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from genanalytics.base.text import name_group
from genanalytics.metrics import summarize
from genanalytics.metrics.engines.source import Records
from genanalytics.records.coverage import COVERAGE, Coverage, describe_coverage
from genanalytics.units import Unit, format_count, format_value, mark_lower_bound

LEAST_REQUESTS = 100
"""A finding about a rate or a tail needs a group of at least this many requests."""
LEAST_DAYS = 4
NOTABLE_CHANGE = 0.1
NOTABLE_LOSS = 0.005
LONG_TAIL = 1.5


@dataclass(frozen=True, slots=True)
class Finding:
    """One or two sentences about the data.

    Attributes:
        figure: Its number, with the unit.
        text: The sentences.
        chart: The name of a chart that shows it; empty for none.
        alarming: Whether money is lost, or something is slow or wrong.
    """

    figure: str
    text: str
    chart: str = ""
    alarming: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """The summaries behind a report, as `summarize` returns them.

    Attributes:
        total: One row: every statistic over all rows.
        models: By model.
        providers: By provider, with intervals.
        days: Cost by model for every day.
    """

    total: pd.DataFrame
    models: pd.DataFrame
    providers: pd.DataFrame
    days: pd.DataFrame


def compute_figures(data: Records, *, tz: str) -> Figures:
    """Return the summaries of the data, with days in the time zone `tz`.

    Raises:
        MissingColumnError: The data lacks a column.
    """
    return Figures(
        total=summarize(data),
        models=summarize(data, by="model"),
        providers=summarize(data, by="provider_name", intervals=True),
        days=summarize(data, every="day", by="model", tz=tz, metrics="effective_cost"),
    )


def find_findings(summaries: Figures) -> list[Finding]:
    """Return the findings, cost first."""
    return [
        *_find_largest(summaries.models),
        *_find_change(summaries.days),
        *_find_savings(summaries.total),
        *_find_losses(summaries.models),
        *_find_tails(summaries.providers),
        *_find_errors(summaries.providers, summaries.total.iloc[0]),
        *_find_gaps(summaries.total),
    ]


def _find_largest(models: pd.DataFrame) -> Iterator[Finding]:
    known = models.dropna(subset=["effective_cost"])
    total = known["effective_cost"].sum()
    if known.empty or total <= 0:
        return
    first = known.iloc[int(known["effective_cost"].argmax())]
    mark = mark_lower_bound if "effective_cost" in models.attrs["lower_bounds"] else str
    text = (
        f"{_name(first['model'])} is the largest cost: {mark(format_value(first['effective_cost'], Unit.USD))} of"
        f" {mark(format_value(total, Unit.USD))}, in {mark(format_count(int(first['requests']), 'request'))}."
    )
    yield Finding(format_value(first["effective_cost"] / total, Unit.SHARE), text, "cost-ranking")


def _find_change(days: pd.DataFrame) -> Iterator[Finding]:
    """Yield the change of the cost per day between the two halves of the whole days."""
    dated = days[days["time"].notna()]
    times = sorted(dated["time"].unique())[1:-1]  # the first and the last day may be incomplete
    half = len(times) // 2
    if len(times) < LEAST_DAYS:
        return
    costs = dated.assign(cost=dated["effective_cost"].fillna(0.0), model=dated["model"].fillna("no model"))
    before, after = (
        costs[costs["time"].isin(part)].groupby("model")["cost"].sum() / half
        for part in (times[-2 * half : -half], times[-half:])
    )
    was, now = float(before.sum()), float(after.sum())
    if was <= 0 or abs(now / was - 1) < NOTABLE_CHANGE:
        return
    changes = after.sub(before, fill_value=0.0).astype(float)
    cause = str(changes.abs().idxmax())
    sign = "+" if changes[cause] > 0 else ""
    span = f"in the {format_count(half, 'day')} to {times[-1]:%Y-%m-%d} against the {format_count(half, 'day')} before"
    text = (
        f"Cost per day changed from {format_value(was, Unit.USD)} to {format_value(now, Unit.USD)}, {span};"
        f" the largest part is {cause}, {sign}{format_value(changes[cause], Unit.USD)} per day."
    )
    change = now / was - 1
    yield Finding(f"{'+' if change > 0 else ''}{format_value(change, Unit.SHARE)}", text, "cost-over-time", change > 0)


def _find_savings(totals: pd.DataFrame) -> Iterator[Finding]:
    total, mark = totals.iloc[0], mark_lower_bound if totals.attrs["lower_bounds"] else str
    if pd.isna(total["net_cache_savings"]):
        text = "No record reports a discount, so savings and costs of prompt caching are unknown."
        yield Finding("no discount reported", text, "cache-waterfall")
        return
    net, rate = float(total["net_cache_savings"]), total["cache_savings_rate"]
    share = f", a savings rate of {format_value(rate, Unit.SHARE)}" if pd.notna(rate) else ""
    verb = "saved" if net >= 0 else "cost"
    text = (
        f"Prompt caching {verb} {format_value(abs(net), Unit.USD)} net{share}: cache reads saved"
        f" {mark(format_value(total['read_savings'], Unit.USD))}, cache writes cost an extra"
        f" {mark(format_value(total['write_premium'], Unit.USD))}."
    )
    yield Finding(format_value(net, Unit.USD), text, "cache-waterfall", net < 0)


def _find_losses(models: pd.DataFrame) -> Iterator[Finding]:
    """Yield the models where caching costs more than it saves."""
    cost, mark = models["cost_without_cache"].sum(), mark_lower_bound if models.attrs["lower_bounds"] else str
    losing = models[(models["net_cache_savings"] < -NOTABLE_LOSS * cost).fillna(value=False)]
    for _, row in losing.sort_values("net_cache_savings").head(3).iterrows():
        text = (
            f"Caching loses money with {_name(row['model'])}: cache writes cost an extra"
            f" {mark(format_value(row['write_premium'], Unit.USD))}, cache reads saved"
            f" {mark(format_value(row['read_savings'], Unit.USD))}."
        )
        yield Finding(format_value(row["net_cache_savings"], Unit.USD), text, "cache-savings-rate", alarming=True)


def _find_tails(providers: pd.DataFrame) -> Iterator[Finding]:
    """Yield the providers whose slow requests are slower than elsewhere, by the lower limit of the interval."""
    judged = providers[(providers["ttft_ms_n"] >= LEAST_REQUESTS) & providers["ttft_ms_p95_low"].notna()]
    for _, row in judged.sort_values("ttft_ms_p95", ascending=False).head(2).iterrows():
        others = judged.loc[judged.index != row.name, "ttft_ms_p95"]
        if others.empty or not row["ttft_ms_p95_low"] > LONG_TAIL * others.median():
            continue
        slow, low, usual = (
            format_value(ms, Unit.MS) for ms in (row["ttft_ms_p95"], row["ttft_ms_p95_low"], others.median())
        )
        text = (
            f"At {_name(row['provider_name'])} one request in twenty waits {slow} or longer for its first token (95 %"
            f" interval from {low}); the median of the other providers is {usual}. Providers serve different models, so"
            " compare the same model before you act."
        )
        yield Finding(f"p95 {slow}", text, "latency-tails", alarming=True)


def _find_errors(providers: pd.DataFrame, total: "pd.Series[Any]") -> Iterator[Finding]:
    """Yield the providers with a higher error rate than all requests, by the lower limit of the interval."""
    if pd.isna(total["error_rate"]):
        return
    judged = providers[providers["requests"] >= LEAST_REQUESTS]
    above = judged[(judged["error_rate_low"] > total["error_rate"]).fillna(value=False)]
    for _, row in above.sort_values("error_rate", ascending=False).head(2).iterrows():
        share, low, high, usual = (
            format_value(each, Unit.SHARE)
            for each in (row["error_rate"], row["error_rate_low"], row["error_rate_high"], total["error_rate"])
        )
        text = (
            f"Of {row['requests']:,} generations of {_name(row['provider_name'])}, {share} ended in an error (95 %"
            f" interval {low} to {high}); among all generations it is {usual}."
        )
        yield Finding(share, text, "outcomes", alarming=True)


def _find_gaps(totals: pd.DataFrame) -> Iterator[Finding]:
    """Yield the gaps in the data, and impossible values."""
    total, coverage = totals.iloc[0], Coverage.from_json(totals.attrs[COVERAGE])
    if coverage is not None and coverage.is_partial:
        text = describe_coverage(coverage).removeprefix("Coverage: ")
        yield Finding(coverage.format_share(), text, alarming=True)
    if total["cost_unknown"]:
        unknown = format_count(int(total["cost_unknown"]), "request")
        text = f"The cost of {unknown} is not fully known, so every total is a lower bound."
        yield Finding(unknown, text, alarming=True)
    if pd.notna(total["misfit_share"]) and total["misfit_share"] > 0:
        share = format_value(total["misfit_share"], Unit.SHARE)
        text = f"In {share} of the streamed requests the time to the first token exceeds the whole time."
        yield Finding(share, f"{text} They have no decode time.", alarming=True)


def _name(group: object) -> str:
    return name_group(group, missing="an unnamed one")
