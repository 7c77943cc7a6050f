"""The actions that the records suggest, one function per kind."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from genanalytics.base.text import name_group
from genanalytics.bill.book import BY
from genanalytics.bill.items import Itemized
from genanalytics.bill.levels import SURCHARGE
from genanalytics.decide.advice.action import PATH, Action, Amount, Basis, write_condition
from genanalytics.decide.elsewhere.what_if import what_if
from genanalytics.decide.losses.ledger import ENDINGS, UNREAD
from genanalytics.decide.losses.waste import Measured, measure_waste
from genanalytics.decide.replay.cache_replay import BY as REPLAYED_BY, cache_replay
from genanalytics.metrics.grouping.calendar import TIME
from genanalytics.metrics.sets.cost import EFFECTIVE_COST
from genanalytics.metrics.summary import summarize
from genanalytics.units import Unit, format_count, format_value

MOVED = ("provider", "endpoint", "regime")
"""The causes of lost caches that fixed routing avoids."""
_ALIVE_MS = 300_000
"""Every provider keeps a cache for at least this time after its last use."""
_RISKS_OF_WASTE = {
    "cancelled": "an answer that is cancelled earlier still costs its prompt",
    "error": "a retry at another provider can cost more",
    "filtered": "a check of prompts takes time, and can refuse good ones",
    "empty answer": "none known",
    UNREAD: "a later call that would have read the cache pays the full price",
}
"""The classes of waste with an action; longer answers instead of truncated ones would cost more."""
OFF = "off"
_POLICIES = {
    OFF: "Turn prompt caching off",
    "five_min": "Cache prompts for 5 minutes",
    "one_hour": "Cache prompts for 1 hour",
}
_RISKS = {
    OFF: "later calls pay the full price if sessions get longer",
    "five_min": "calls after longer gaps write the prompt again; see the details for an assumed price of writes",
    "one_hour": "each write costs more, so fewer calls make it a loss; see the details for an assumed price",
}


@dataclass(frozen=True)
class Found:
    """What the actions are made of.

    Attributes:
        data: The records with their items.
        prices: The result of `ga.prices`.
        days: The start of every day of the period.
        tz: The time zone of the days.
        wasted: What `measure_waste` returns for the data; None computes it.
    """

    data: Itemized
    prices: pd.DataFrame
    days: pd.DatetimeIndex
    tz: str
    wasted: Measured | None = None

    @cached_property
    def measured(self) -> Measured:
        """The waste, with the price changes and the lost caches."""
        return measure_waste(self.data, self.prices) if self.wasted is None else self.wasted

    @cached_property
    def replayed(self) -> pd.DataFrame:
        """Other lifetimes of the cache that are surely cheaper, by app and model."""
        replayed = cache_replay(self.data, prices=self.prices)
        return replayed[replayed["best"].notna()]


def list_surcharges(found: Found) -> Iterator[Action]:
    """Yield an action for each surcharge: a higher price of the same model and provider at the same time."""
    changes = found.measured.changes
    rows = changes[(changes["kind"] == SURCHARGE) & (changes["extra_cost"] > 0)]
    if rows.empty:
        return
    by = [*BY, "regime"]
    costs = summarize(found.data, by=by, every="day", tz=found.tz, metrics=[EFFECTIVE_COST])
    for row in rows.to_dict("records"):
        daily = _select_days(costs, row, by, found.days)
        model, provider = (name_group(row[name], missing="not given") for name in BY)
        command = ["price-changes", PATH, *write_condition("model", row["model"])]
        yield Action(
            what=f"Avoid the surcharge on {model} at {provider}: exclude the expensive endpoint",
            evidence=f"{format_count(row['requests'], 'request')} at {row['relation']}: an extra"
            f" {format_value(row['extra_cost'], Unit.USD)}",
            risk="fewer endpoints can serve a request",
            details=command,
            basis=Basis.BILLED,
            worth=daily * (row["extra_cost"] / daily.sum()),
        )


def list_waste(found: Found) -> Iterator[Action]:
    """Yield an action for each ending that was billed for nothing."""
    yield from _list_classes(found, [name for name in ENDINGS if name in _RISKS_OF_WASTE])


def list_unread(found: Found) -> Iterator[Action]:
    """Yield an action for cache writes that nothing read, unless caching is to be turned off where they are."""
    if not (found.replayed["best"] == OFF).any():
        yield from _list_classes(found, [UNREAD])


def _list_classes(found: Found, names: Sequence[str]) -> Iterator[Action]:
    ledger, by_day = found.measured.ledger, found.measured.by_day
    days = pd.date_range(by_day.index.min(), by_day.index.max(), freq="D")
    rows = ledger[ledger["class"].isin(names) & (ledger["cost"] > 0)]
    for row in rows.to_dict("records"):
        advice, _, reason = row["advice"].partition(": ")
        command = ["waste", PATH]
        yield Action(
            what=advice,
            evidence=f"{format_count(row['requests'], 'request')} ({row['class']}) for"
            f" {format_value(row['cost'], Unit.USD)}{f' ({reason})' if reason else ''}",
            risk=_RISKS_OF_WASTE[row["class"]],
            details=command,
            basis=Basis.UPPER_BOUND,
            worth=by_day[row["class"]].reindex(days, fill_value=0.0),
        )


def list_flips(found: Found) -> Iterator[Action]:
    """Yield an action for caches that were lost since a session moved to another provider, endpoint or price."""
    flips = found.measured.flips
    if flips is None:
        return
    lost = flips[flips["cause"].isin(MOVED) & (flips["gap_ms"] <= _ALIVE_MS) & flips["loss"].notna()]
    if lost.empty:
        return
    daily = lost.groupby(lost["created_at"].dt.tz_convert(found.tz).dt.normalize())["loss"].sum()
    command = ["cache-flips", PATH]
    yield Action(
        what="Keep each session on one provider and endpoint",
        evidence=f"{format_count(len(lost), 'call')} read little or nothing of the cache after the session moved,"
        f" within 5 minutes of the call before: at most {format_value(lost['loss'].sum(), Unit.USD)}",
        risk="a session waits or fails if its provider is slow or down",
        details=command,
        basis=Basis.UPPER_BOUND,
        worth=daily.reindex(found.days).astype("float64").fillna(0.0),
    )


def list_lifetimes(found: Found) -> Iterator[Action]:
    """Yield an action for each app and model where another lifetime of the cache, or no cache, is surely cheaper."""
    for row in found.replayed.to_dict("records"):
        app, model = (name_group(row[name], missing="not given") for name in REPLAYED_BY)
        conditions = [word for name in REPLAYED_BY for word in write_condition(name, row[name])]
        command = ["cache-replay", PATH, *conditions]
        amounts = " against ".join(format_value(row[name], Unit.USD) for name in (row["best"], "as_seen"))
        yield Action(
            what=f"{_POLICIES[row['best']]} for {model} in app {app}",
            evidence=f"a replay of {format_count(row['requests'], 'call')}: {amounts} as billed",
            risk=_RISKS[row["best"]],
            details=command,
            basis=Basis.ESTIMATE,
            worth=Amount(*(row[f"difference{end}"] for end in ("", "_low", "_high"))),
        )


def list_providers(found: Found) -> Iterator[Action]:
    """Yield an action for each model and provider whose highest cost at another provider is lower."""
    offers = what_if(found.data, prices=found.prices)
    cheaper = offers[(offers["refused"].isna() & (offers["change_high"] < 0)).fillna(value=False)]
    if cheaper.empty:
        return
    best = cheaper.sort_values("cost_there_high", kind="stable").drop_duplicates([*BY])
    costs = summarize(found.data, by=[*BY], every="day", tz=found.tz, metrics=[EFFECTIVE_COST])
    for row in best.to_dict("records"):
        daily = _select_days(costs, row, [*BY], found.days)
        now, there, model = (name_group(row[name]) for name in ("provider_name", "to_provider", "model"))
        low, high = (format_value(row[f"cost_there_{end}"], Unit.USD) for end in ("low", "high"))
        command = [
            "what-if",
            PATH,
            "--to",
            f"provider_name={row['to_provider']}",
            *write_condition("model", row["model"]),
        ]
        yield Action(
            what=f"Route {model} to {there} instead of {now}",
            evidence=f"{format_count(row['requests'], 'request')} for {format_value(row['cost'], Unit.USD)} would have"
            f" cost {low if low == high else f'{low} to {high}'} there",
            risk="quantization, limits and speed can differ: compare both providers first",
            details=command,
            check=["summary", PATH, *write_condition("model", row["model"]), "--by", "provider_name"],
            basis=Basis.ESTIMATE,
            worth=daily * (-row["change_high"] / daily.sum()),
        )


def _select_days(costs: pd.DataFrame, row: dict[Any, Any], by: list[str], days: pd.DatetimeIndex) -> "pd.Series[float]":
    """Return the cost per day of the group of a row; 0 on a day without requests."""
    group = pd.DataFrame([{name: row[name] for name in by}]).astype(costs[by].dtypes)
    here = costs.merge(group, on=by).set_index(TIME)[EFFECTIVE_COST.name]  # a gap meets a gap
    return here.reindex(days).astype("float64").fillna(0.0)
