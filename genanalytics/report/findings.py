"""What the numbers say, in words: each finding with its figure, and the chart that shows it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from genanalytics.metrics import summarize
from genanalytics.units import Unit, counted, write

_LEAST_REQUESTS = 100
"""A group of fewer requests is not singled out for its rate or its tail."""
_LEAST_DAYS = 4
_NOTABLE_CHANGE = 0.1
_NOTABLE_LOSS = 0.005
_LONG_TAIL = 1.5


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence or two about the data.

    Attributes:
        figure: The number that it is about, written with its unit.
        text: What it says.
        chart: The name of the chart that shows it; empty where none does.
        alarming: Whether something is lost, slow or wrong.
    """

    figure: str
    text: str
    chart: str = ""
    alarming: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """The summaries that a report is made of, each as `summarize` returns it.

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


def figures(data: object, *, tz: str) -> Figures:
    """Return the summaries of the data, days being those of the zone `tz`.

    Raises:
        MissingColumnError: The data lacks a column that a statistic is made of.
    """
    return Figures(
        total=summarize(data),
        models=summarize(data, by="model"),
        providers=summarize(data, by="provider_name", intervals=True),
        days=summarize(data, every="day", by="model", tz=tz, metrics="effective_cost"),
    )


def findings(summaries: Figures) -> list[Finding]:
    """Return what stands out, what costs most first."""
    return [
        *_largest(summaries.models),
        *_moved(summaries.days),
        *_saved(summaries.total.iloc[0]),
        *_losing(summaries.models),
        *_tails(summaries.providers),
        *_failing(summaries.providers, summaries.total.iloc[0]),
        *_lacking(summaries.total.iloc[0]),
    ]


def _largest(models: pd.DataFrame) -> Iterator[Finding]:
    known = models.dropna(subset=["effective_cost"])
    total = known["effective_cost"].sum()
    if known.empty or total <= 0:
        return
    first = known.iloc[int(known["effective_cost"].argmax())]
    text = (
        f"{_name(first['model'])} is the largest cost: {write(first['effective_cost'], Unit.USD)} of"
        f" {write(total, Unit.USD)}, in {counted(int(first['requests']), 'request')}."
    )
    yield Finding(write(first["effective_cost"] / total, Unit.SHARE), text, "cost-ranking")


def _moved(days: pd.DataFrame) -> Iterator[Finding]:
    """Yield how the cost per day changed from one half of the whole days to the other."""
    dated = days[days["time"].notna()]
    times = sorted(dated["time"].unique())[1:-1]  # the records begin and end somewhere within the outer ones
    half = len(times) // 2
    if len(times) < _LEAST_DAYS:
        return
    costs = dated.assign(cost=dated["effective_cost"].fillna(0.0), model=dated["model"].fillna("no model"))
    before, after = (
        costs[costs["time"].isin(part)].groupby("model")["cost"].sum() / half
        for part in (times[-2 * half : -half], times[-half:])
    )
    was, now = float(before.sum()), float(after.sum())
    if was <= 0 or abs(now / was - 1) < _NOTABLE_CHANGE:
        return
    changes = after.sub(before, fill_value=0.0).astype(float)
    mover = str(changes.abs().idxmax())
    sign = "+" if changes[mover] > 0 else ""
    span = f"the {counted(half, 'day')} to {times[-1]:%Y-%m-%d} against those before"
    text = (
        f"Cost per day went from {write(was, Unit.USD)} to {write(now, Unit.USD)}, {span};"
        f" {_name(mover)} moved it most, by {sign}{write(changes[mover], Unit.USD)} a day."
    )
    change = now / was - 1
    yield Finding(f"{'+' if change > 0 else ''}{write(change, Unit.SHARE)}", text, "cost-over-time", change > 0)


def _saved(total: "pd.Series[Any]") -> Iterator[Finding]:
    if pd.isna(total["net_cache_savings"]):
        text = "No record reports a discount, so nothing can be said about what prompt caching saved or cost."
        yield Finding("no discount reported", text, "cache-waterfall")
        return
    net, rate = float(total["net_cache_savings"]), total["cache_savings_rate"]
    share = f", a savings rate of {write(rate, Unit.SHARE)}" if pd.notna(rate) else ""
    verb = "saved" if net >= 0 else "cost"
    text = (
        f"Prompt caching {verb} {write(abs(net), Unit.USD)} on balance{share}: reads saved"
        f" {write(total['read_savings'], Unit.USD)}, writes cost {write(total['write_premium'], Unit.USD)} on top."
    )
    yield Finding(write(net, Unit.USD), text, "cache-waterfall", net < 0)


def _losing(models: pd.DataFrame) -> Iterator[Finding]:
    """Yield the models for which caching costs more than it saves."""
    cost = models["cost_without_cache"].sum()
    losing = models[(models["net_cache_savings"] < -_NOTABLE_LOSS * cost).fillna(value=False)]
    for _, row in losing.sort_values("net_cache_savings").head(3).iterrows():
        text = (
            f"Caching loses money with {_name(row['model'])}: what was written cost"
            f" {write(row['write_premium'], Unit.USD)} on top and was read for {write(row['read_savings'], Unit.USD)}."
        )
        yield Finding(write(row["net_cache_savings"], Unit.USD), text, "cache-savings-rate", alarming=True)


def _tails(providers: pd.DataFrame) -> Iterator[Finding]:
    """Yield the providers whose slow requests are surely slower than those of the others."""
    judged = providers[(providers["ttft_ms_n"] >= _LEAST_REQUESTS) & providers["ttft_ms_p95_low"].notna()]
    for _, row in judged.sort_values("ttft_ms_p95", ascending=False).head(2).iterrows():
        others = judged.loc[judged.index != row.name, "ttft_ms_p95"]
        if others.empty or not row["ttft_ms_p95_low"] > _LONG_TAIL * others.median():
            continue
        text = (
            f"One request in twenty waits {write(row['ttft_ms_p95'], Unit.MS)} (95 % interval from"
            f" {write(row['ttft_ms_p95_low'], Unit.MS)} on) or longer for its first token at"
            f" {_name(row['provider_name'])}; the median of the other providers is {write(others.median(), Unit.MS)}."
            " Models differ between providers: compare like with like before acting on it."
        )
        yield Finding(f"p95 {write(row['ttft_ms_p95'], Unit.MS)}", text, "latency-tails", alarming=True)


def _failing(providers: pd.DataFrame, total: "pd.Series[Any]") -> Iterator[Finding]:
    """Yield the providers whose error rate is surely above that of all requests."""
    if pd.isna(total["error_rate"]):
        return
    judged = providers[providers["requests"] >= _LEAST_REQUESTS]
    above = judged[(judged["error_rate_low"] > total["error_rate"]).fillna(value=False)]
    for _, row in above.sort_values("error_rate", ascending=False).head(2).iterrows():
        text = (
            f"Of the {row['requests']:,} generations of {_name(row['provider_name'])},"
            f" {write(row['error_rate'], Unit.SHARE)} ended in an error (95 % interval"
            f" {write(row['error_rate_low'], Unit.SHARE)} to {write(row['error_rate_high'], Unit.SHARE)}), against"
            f" {write(total['error_rate'], Unit.SHARE)} of all."
        )
        yield Finding(write(row["error_rate"], Unit.SHARE), text, "outcomes", alarming=True)


def _lacking(total: "pd.Series[Any]") -> Iterator[Finding]:
    """Yield what the data does not tell, and what in it cannot be."""
    if total["cost_unknown"]:
        unknown = counted(int(total["cost_unknown"]), "request")
        text = f"The cost of {unknown} is not known in full, so every total is a lower bound."
        yield Finding(unknown, text, alarming=True)
    if pd.notna(total["misfit_share"]) and total["misfit_share"] > 0:
        share = write(total["misfit_share"], Unit.SHARE)
        text = f"For {share} of the streamed requests the time to the first token exceeds the whole time."
        yield Finding(share, f"{text} They have no decode time.", alarming=True)


def _name(value: Any) -> str:  # noqa: ANN401 - whatever a column can hold
    return "an unnamed one" if pd.isna(value) else str(value)
