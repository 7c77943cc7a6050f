"""Changes of the prices of a model at a provider, as rows of `changes`: exact, since they come out of the bill."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from genanalytics.base.text import is_missing, name_group
from genanalytics.bill.book import PRICES, list_keys
from genanalytics.bill.levels import CHANGE
from genanalytics.bill.price_changes import price_changes
from genanalytics.bill.prices import prices as compute_prices
from genanalytics.bill.regimes import KNOWN
from genanalytics.errors import MissingColumnError
from genanalytics.metrics.engines.source import Records, keep_rows
from genanalytics.units import Unit

_LEAST_KNOWN = 0.9
"""The share of the requests at identified prices with which prices are exact."""


@dataclass(frozen=True, slots=True)
class PriceMoves:
    """Changes of prices.

    Attributes:
        rows: A row per change, with the columns of `changes`.
        is_exact: Whether these are all changes of prices: the prices of nearly all requests are known.
        notices: What the user should know.
        prices: The table of prices; None if it is unknown.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    is_exact: bool = False
    notices: list[str] = field(default_factory=list)
    prices: pd.DataFrame | None = None


def find_price_moves(data: Records, prices: pd.DataFrame | None, names: Sequence[str]) -> PriceMoves:
    """Return the changes of prices, in the groups of `names`.

    Args:
        data: The data.
        prices: The result of `ga.prices`; None to compute it.
        names: The columns of the groups of `changes`.
    """
    try:
        table = compute_prices(data) if prices is None else prices
    except MissingColumnError:
        return PriceMoves()
    known = table[table["identified"] == KNOWN]
    if not known["requests"].sum() >= _LEAST_KNOWN * table["requests"].sum() > 0:
        notice = "the prices of many requests are not identified: usd_per_mtok is judged instead"
        return PriceMoves(notices=[notice], prices=table)
    keys = list_keys(table)
    moved = [key for key, regimes in known.groupby(keys, dropna=False) if _follow_each_other(regimes)]
    if not moved:
        return PriceMoves(is_exact=True, prices=table)
    conditions = [reduce(and_, map(_equals, keys, key)) for key in moved]
    found = price_changes(keep_rows(data, reduce(or_, conditions)), table)
    notices = [one for one in found.attrs["notices"] if one not in table.attrs["notices"]]
    changed = found[found["kind"] == CHANGE].to_dict("records")
    return PriceMoves(
        [_make_row(row, known, keys, names) for row in changed], is_exact=True, notices=notices, prices=table
    )


def _follow_each_other(regimes: pd.DataFrame) -> bool:
    """Return whether a regime began after the end of another one."""
    return bool(regimes["first_seen"].max() > regimes["last_seen"].min())


def _equals(name: str, value: object) -> nw.Expr:
    return nw.col(name).is_null() if is_missing(value) else nw.col(name) == value


def _make_row(row: dict[Any, Any], known: pd.DataFrame, keys: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    shown = [name for name in names if name in keys]
    days = max(1.0, (row["until"] - row["since"]) / pd.Timedelta(days=1))
    others = [name_group(row[name]) for name in keys if name not in shown]
    return {name: row[name] for name in shown} | {
        "scope": "group" if shown else "all rows",
        "kind": "price",
        "since": row["since"],
        "since_low": row["since"],
        "since_high": row["since"],
        "cost_effect": row["extra_cost"] / days,
        "cause": f"{', '.join(others)}{': ' if others else ''}{row['relation']}",
        **_compare(row, known, keys),
    }


def _compare(row: dict[Any, Any], known: pd.DataFrame, keys: Sequence[str]) -> dict[str, Any]:
    """Return the first price that changed, before and after."""
    same = [known[name].isna() if is_missing(row[name]) else known[name] == row[name] for name in keys]
    group = known[reduce(and_, same)]
    now = group[group["regime"] == row["regime"]].iloc[0]
    earlier = group[group["last_seen"] < row["since"]].sort_values("last_seen")
    unknown = {"metric": "price", "unit": Unit.USD_PER_MTOK.value}
    if earlier.empty:
        return unknown
    was = earlier.iloc[-1]
    moved = [name for name in PRICES if pd.notna(was[name]) and pd.notna(now[name]) and was[name] != now[name]]
    if not moved:
        return unknown
    name = moved[0]
    change = now[name] / was[name] - 1 if was[name] > 0 else None
    unit = known.attrs["units"].get(name, Unit.USD.value)
    return {"metric": name, "before": was[name], "after": now[name], "unit": unit, "change": change}
