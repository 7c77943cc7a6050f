"""The findings of a report: sentences with a figure and the section that shows it.

Some describe the data: their figures are sums and counts of the records, which are known. Others claim that something
differs or has changed. A claim is a finding only if chance hardly explains it, judged with all other claims together.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from genanalytics.base.text import name_group
from genanalytics.metrics.intervals.chances import find_chance_of_change, find_discoveries
from genanalytics.records.coverage import COVERAGE, Coverage, describe_coverage
from genanalytics.report.bill import find_price_findings
from genanalytics.report.figures import Evidence, Figures
from genanalytics.report.finding import Finding
from genanalytics.units import Unit, format_change, format_count, format_value, mark_lower_bound

LEAST_REQUESTS = 100
"""A claim about a provider needs at least this many of its requests."""
LEAST_DAYS = 4
"""A change needs at least this many whole days, each with the same weekday before."""
NOTABLE_CHANGE = 0.1
"""A smaller change of the cost per day, as a share, is no finding."""
NOTABLE_LOSS = 0.005
"""A smaller loss by caching, as a share of the cost without caching, is no finding."""
NOTABLE_USD = 0.01
"""A finding about less money is not shown."""
NOTABLE_SHARE = 0.005
"""Nor is one about a smaller share of the cost of all records; the same share as for actions."""
LONG_TAIL = 2.0
"""A long tail: the share of slow requests is at least this many times the share at all other providers."""

_WEEK = 7
_MOST = 2
"""The largest number of providers in findings of one kind."""


class _Claim(NamedTuple):
    """A finding that may be due to chance.

    Attributes:
        chance: The chance of such a difference if nothing differs or has changed.
        finding: What it says; None if the difference is too small to matter.
        size: The larger of two is shown first.
    """

    chance: float
    finding: Finding | None
    size: float = 0.0


def choose_notable(findings: Iterable[Finding], total: pd.DataFrame, actions: Sequence[str]) -> list[Finding]:
    """Return the findings that a reader of the first page needs.

    A finding about money is left out if it is about less than a cent, or less than `NOTABLE_SHARE` of the cost of all
    records: the sections have these amounts. So is one that an action says already.

    Args:
        findings: The findings.
        total: One row, as `summarize` returns it.
        actions: The texts of the actions.
    """
    cost = total["effective_cost"].fillna(0.0).iloc[0]
    least = max(NOTABLE_USD, NOTABLE_SHARE * float(cost))
    return [
        finding
        for finding in findings
        if (finding.usd is None or abs(finding.usd) >= least)
        and not (finding.about and any(finding.about in action for action in actions))
    ]


def find_findings(figures: Figures) -> list[Finding]:
    """Return the findings, cost first."""
    changes, tails, errors = find_claims(figures)
    return [
        *_find_largest(figures.models),
        *changes,
        *find_price_findings(figures.bill),
        *_find_savings(figures.total),
        *_find_losses(figures.models),
        *tails,
        *errors,
        *_find_gaps(figures.total),
    ]


def find_claims(evidence: Evidence) -> list[list[Finding]]:
    """Return the findings that something differs or has changed: of the cost, of waiting times, of errors."""
    return _choose_true([*_judge_change(evidence.days)], [*_judge_tails(evidence)], [*_judge_errors(evidence)])


def _choose_true(*kinds: list[_Claim]) -> list[list[Finding]]:
    """Return the findings of each kind that chance hardly explains, the largest first.

    All claims of a report are one family, since readers see them together: if nothing differs, at most 5 of 100 reports
    have any.
    """
    believed = iter(find_discoveries([claim.chance for kind in kinds for claim in kind]))
    found = []
    for kind in kinds:
        chosen = [claim for claim in kind if next(believed) and claim.finding is not None]
        chosen.sort(key=lambda claim: claim.size, reverse=True)
        found.append([claim.finding for claim in chosen[:_MOST] if claim.finding is not None])
    return found


def _find_largest(models: pd.DataFrame) -> Iterator[Finding]:
    """Yield the model with the largest known cost, and its share of all; of refunds there are no shares."""
    known = models.dropna(subset=["effective_cost"])
    if len(known) <= 1 or known["effective_cost"].max() <= 0:  # one model is all of it
        return
    first, refunds = known.iloc[int(known["effective_cost"].argmax())], (known["effective_cost"] < 0).any()
    total, word = known["effective_cost"].sum(), "known cost" if models["cost_unknown"].sum() else "cost"
    mark = mark_lower_bound if "effective_cost" in models.attrs["lower_bounds"] else str
    amount = mark(format_value(first["effective_cost"], Unit.USD))
    text = f"{_name(first['model'])} is the largest {word}: {amount}"
    requests = f"in {mark(format_count(int(first['requests']), 'request'))}"
    if refunds:
        why = "Refunds make the cost of other models negative, so it has no share."
        yield Finding(amount, f"{text}, {requests}. {why}", "spend", usd=float(first["effective_cost"]))
        return
    share = format_value(first["effective_cost"] / total, Unit.SHARE)
    text = f"{text} of {mark(format_value(total, Unit.USD))}, {requests}."
    yield Finding(share, text, "spend", usd=float(first["effective_cost"]))


def _judge_change(days: pd.DataFrame) -> Iterator[_Claim]:
    """Yield the change of the cost per day between days of the same weekday."""
    before, after, span = _pair_days(days)
    if len(after) < LEAST_DAYS:
        return
    changes = after.mean() - before.mean()
    was, change = float(before.mean().sum()), float(changes.sum())
    if abs(change) <= NOTABLE_CHANGE * abs(was):
        yield _Claim(1.0, None)
        return
    chance = find_chance_of_change(before.sum(axis=1).tolist(), after.sum(axis=1).tolist())
    partial = "effective_cost" in days.attrs["lower_bounds"]
    mark = mark_lower_bound if partial else str
    amounts = " to ".join(mark(format_value(amount, Unit.USD)) for amount in (was, was + change))
    text = f"Cost per day changed from {amounts}, {span}; {_name_cause(changes, change)}."
    if partial:
        text = f"{text} Missing records may be the reason."
    is_share = was > 0 and min(before.min().min(), after.min().min()) >= 0  # not with refunds
    figure = format_change(change / was, Unit.SHARE) if is_share else f"{format_change(change, Unit.USD)} per day"
    yield _Claim(chance, Finding(figure, text, "spend", usd=change * len(after)))


def _pair_days(days: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Return the cost of each model on earlier days and on as many later ones, and which days these are.

    The last whole weeks have as many weeks before. Of less than two, the days of the second week count. The first and
    the last day may be incomplete. A day with an unknown cost has no pair: unknown is not 0.
    """
    dated = days[days["time"].notna()].fillna({"model": "no model"})
    costs = dated.pivot_table(values="effective_cost", index="time", columns="model", aggfunc="sum").iloc[1:-1]
    known = dated.groupby("time")["cost_unknown"].sum().iloc[1:-1].to_numpy() == 0
    weeks = max(len(costs) // (2 * _WEEK), 1)
    later = np.arange(len(costs))[max(len(costs) - weeks * _WEEK, weeks * _WEEK) :]
    earlier = later - weeks * _WEEK
    paired = known[earlier] & known[later]
    before, after = (costs.iloc[places[paired]].astype(float) for places in (earlier, later))
    if after.empty:
        return before, after, ""
    span = f"in the {format_count(len(later), 'day')} to {costs.index[-1]:%Y-%m-%d} against the same weekdays"
    span = f"{span} {format_count(weeks, 'week')} before"
    if paired.all():
        return before, after, span
    return before, after, f"{span}, without days with unknown costs, in {format_count(len(after), 'pair')} of days"


def _name_cause(changes: "pd.Series[float]", change: float) -> str:
    """Return the model that moved the cost most in the direction of the change, and what others moved it back."""
    along, back = changes[changes * change > 0].abs(), float(changes[changes * change < 0].sum())
    cause = along.index[int(along.argmax())]
    text = f"the largest part is {_name(cause)}, {format_change(math.copysign(along.max(), change), Unit.USD)} per day"
    return f"{text}, while others changed it by {format_change(back, Unit.USD)}" if back else text


def _find_savings(totals: pd.DataFrame) -> Iterator[Finding]:
    total, mark = totals.iloc[0], mark_lower_bound if totals.attrs["lower_bounds"] else str
    if pd.isna(total["net_cache_savings"]):
        text = "No record reports a discount, so savings and costs of prompt caching are unknown."
        yield Finding("no discount reported", text, "caching")
        return
    net, saved = float(total["net_cache_savings"]), total["cache_savings_rate"]
    is_share = pd.notna(saved) and total["cost_without_cache"] > 0 and saved <= 1  # not with refunds
    share = f", a savings rate of {format_value(saved, Unit.SHARE)}" if is_share else ""
    verb = "saved" if net >= 0 else "cost"
    text = (
        f"Prompt caching {verb} {format_value(abs(net), Unit.USD)} net{share}: cache reads saved"
        f" {mark(format_value(total['read_savings'], Unit.USD))}, cache writes cost an extra"
        f" {mark(format_value(total['write_premium'], Unit.USD))}."
    )
    yield Finding(format_value(net, Unit.USD), text, "caching", net < 0, net)


def _find_losses(models: pd.DataFrame) -> Iterator[Finding]:
    """Yield the models where caching costs more than it saves."""
    cost, mark = max(models["cost_without_cache"].sum(), 0.0), mark_lower_bound if models.attrs["lower_bounds"] else str
    if models["net_cache_savings"].notna().sum() <= 1:  # the finding about all savings says it
        return
    losing = models[(models["net_cache_savings"] < -NOTABLE_LOSS * cost).fillna(value=False)]
    for _, row in losing.sort_values("net_cache_savings").head(3).iterrows():
        text = (
            f"Caching loses money with {_name(row['model'])}: cache writes cost an extra"
            f" {mark(format_value(row['write_premium'], Unit.USD))}, cache reads saved"
            f" {mark(format_value(row['read_savings'], Unit.USD))}."
        )
        net = float(row["net_cache_savings"])
        yield Finding(format_value(net, Unit.USD), text, "caching", alarming=True, usd=net)


def _judge_tails(evidence: Evidence) -> Iterator[_Claim]:
    """Yield for each provider the claim that more of its requests are slow than of all other providers'."""
    limit = format_value(evidence.total["ttft_ms_p95"].iloc[0], Unit.MS)
    p95 = {_name(name): ms for name, ms in evidence.providers[["provider_name", "ttft_ms_p95"]].itertuples(index=False)}
    for row in _list_judged(evidence.slow):
        if row.value < LONG_TAIL * row.others:
            yield _Claim(1.0, None)
            continue
        text = (
            f"At {row.name}, {row.quote} of the requests wait longer than {limit} for their first token; at all other"
            f" providers together {format_value(row.others, Unit.SHARE)}. Providers serve different models, so compare"
            " the same model before you act."
        )
        figure = f"p95 {format_value(p95[row.name], Unit.MS)}"
        yield _Claim(row.chance, Finding(figure, text, "speed"), row.value)


def _judge_errors(evidence: Evidence) -> Iterator[_Claim]:
    """Yield for each provider the claim that more of its requests fail than of all other providers'."""
    for row in _list_judged(evidence.errors):
        text = (
            f"Of {format_count(row.n, 'generation')} of {row.name}, {row.quote} ended in an error; among those of all"
            f" other providers together {format_value(row.others, Unit.SHARE)}."
        )
        figure = format_value(row.value, Unit.SHARE)
        yield _Claim(row.chance, Finding(figure, text, "reliability", alarming=True), row.value)


class _Judged(NamedTuple):
    """A provider and a rate; `quote` is the rate with its interval."""

    name: str
    n: int
    value: float
    others: float
    chance: float
    quote: str


def _list_judged(compared: pd.DataFrame) -> Iterator[_Judged]:
    """Yield the providers with enough requests."""
    for row in compared[compared["n"] >= LEAST_REQUESTS].to_dict("records"):
        value, low, high = (format_value(row[name], Unit.SHARE) for name in ("value", "low", "high"))
        quote = f"{value} (95 % interval {low} to {high})"
        yield _Judged(_name(row["provider_name"]), row["n"], row["value"], row["others"], row["chance"], quote)


def _find_gaps(totals: pd.DataFrame) -> Iterator[Finding]:
    """Yield the gaps in the data, and impossible values."""
    total, coverage = totals.iloc[0], Coverage.from_json(totals.attrs[COVERAGE])
    if coverage is not None and coverage.is_partial:
        text = describe_coverage(coverage).removeprefix("Coverage: ")
        yield Finding(coverage.format_share(), text)
    if total["cost_unknown"]:
        unknown = format_count(int(total["cost_unknown"]), "request")
        text = f"The cost of {unknown} is not fully known, so every total is a lower bound."
        yield Finding(unknown, text)
    if pd.notna(total["misfit_share"]) and total["misfit_share"] > 0:
        share = format_value(total["misfit_share"], Unit.SHARE)
        text = f"In {share} of the streamed requests the time to the first token exceeds the whole time."
        yield Finding(share, f"{text} They have no decode time.")


def _name(group: object) -> str:
    return name_group(group, missing="an unnamed one")
