"""Unit prices and items in a report: what it is computed from, its tables, and what price changes and surcharges cost.

Their figures are exact: tokens times prices that the records prove. So their findings describe, they claim nothing.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from genanalytics.base.frames import TEXT
from genanalytics.base.remembering import remember_too
from genanalytics.base.text import is_missing, name_group
from genanalytics.bill.book import BY
from genanalytics.bill.items import Itemized, divide
from genanalytics.bill.levels import TIER
from genanalytics.bill.price_changes import price_changes
from genanalytics.bill.prices import prices
from genanalytics.metrics import EFFECTIVE_COST, summarize
from genanalytics.metrics.engines.source import Records
from genanalytics.report.finding import Finding
from genanalytics.units import Unit, format_count, format_value, mark_lower_bound

_MOST = 5
"""The largest number of models whose surcharges and price changes have a finding."""
_MAIN = {"the main price": "main price", "the only regime": "only price"}
"""How the main price itself is shown."""
_REGIME = re.compile(r"\bregime \d+")


@dataclass(frozen=True, slots=True)
class Bill:
    """What the bill was for.

    Attributes:
        prices: The result of `ga.prices`.
        changes: The result of `ga.price_changes`.
        itemized: The records with their items.
        models: The items by model.
    """

    prices: pd.DataFrame
    changes: pd.DataFrame
    itemized: Itemized
    models: pd.DataFrame

    @property
    def model_of_change(self) -> str | None:
        """The model with the most expensive surcharge or price change; None if there are none."""
        rows = _list_changes(self)
        return None if rows.empty else rows["model"].iloc[0]


def compute_bill(data: Records) -> Bill:
    """Return prices and items of the data.

    Raises:
        MissingColumnError: The data lacks a column.
    """
    found = prices(data)
    itemized = divide(data, found)
    remember_too(itemized)
    return Bill(
        prices=found,
        changes=price_changes(itemized, found),
        itemized=itemized,
        models=summarize(itemized, by="model", metrics=[EFFECTIVE_COST, "billed_cost", "items"]),
    )


def find_price_findings(bill: Bill) -> Iterator[Finding]:
    """Yield what surcharges and price changes cost, one finding per model, the highest cost first.

    Tiers were the caller's choice.
    """
    rows = _list_changes(bill)
    sums = bill.prices.groupby([*BY], dropna=False, as_index=False)[["requests"]].sum()
    totals = {_fill(row[name] for name in BY): int(row["requests"]) for row in sums.to_dict("records")}
    mark = mark_lower_bound if bill.changes.attrs["lower_bounds"] else str
    first = rows.drop_duplicates("model").head(_MOST)
    for row in first.to_dict("records"):
        of = totals[_fill(row[name] for name in BY)]
        extra = format_value(abs(row["extra_cost"]), Unit.USD)
        text = f"{_describe_price(row, of)} {_describe_extra(row, mark(extra))}"
        figure = mark(extra) if row["extra_cost"] > 0 else f"−{extra}"
        model, provider = (name_group(row[name], missing="not given") for name in BY)
        about = f"surcharge on {model} at {provider}:"
        yield Finding(figure, text, "prices", row["extra_cost"] > 0, float(row["extra_cost"]), about)
    rest = rows.drop(first.index)
    if len(rest):
        usd = float(rest["extra_cost"].sum())
        extra, verb = format_value(usd, Unit.USD), "cost an extra" if usd > 0 else "saved"
        regimes = format_count(len(rest), "other price regime")
        text = f"Surcharges and price changes in {regimes} {verb} {extra.removeprefix('−')}."
        yield Finding(extra, text, "prices", usd=usd)


def _fill(offer: Iterable[Any]) -> tuple[Any, ...]:
    """Return a model and a provider as a key; all missing names are equal."""
    return tuple(None if is_missing(part) else part for part in offer)


def _list_changes(bill: Bill) -> pd.DataFrame:
    """Return surcharges and price changes that made a difference, the highest extra cost first."""
    changes = bill.changes
    return changes[(changes["kind"] != TIER) & (changes["extra_cost"].fillna(0.0) != 0)]


def describe_relations(relations: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return how prices compare with the main price of their group, which has most requests.

    >>> describe_relations(pd.Series(["regime 1", "1.1 times regime 1, at the same time"])).tolist()
    ['main price', '1.1 times the main price, at the same time']
    """
    texts = [_REGIME.sub("the main price", text) for text in relations.fillna("")]
    return pd.Series([_MAIN.get(text, text) for text in texts], relations.index, dtype=TEXT)


def _describe_price(row: "dict[Any, Any]", of: int) -> str:
    """Return how a price differs from the lowest one, and for how many requests."""
    ratio, _, reason = _REGIME.sub("the price", row["relation"]).partition(", ")
    model, provider = (name_group(row[name], missing="not given") for name in BY)
    requests = f"{row['requests']:,} of {format_count(of, 'request')}"
    return f"{model} at {provider}: {ratio} on {requests}{f', {reason}' if reason else ''}."


def _describe_extra(row: "dict[Any, Any]", extra: str) -> str:
    since = " since then" if row["kind"] == "change" else ""
    if row["extra_cost"] < 0:
        return f"This saved {extra}{since}."
    share = (
        f", {format_value(row['share'], Unit.SHARE)} of the cost of these requests" if pd.notna(row["share"]) else ""
    )
    return f"This cost an extra {extra}{since}{share}."
