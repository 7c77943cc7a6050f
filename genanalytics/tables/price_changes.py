"""Changes of prices in words."""

from typing import Any

import pandas as pd

from genanalytics.base.text import name_group
from genanalytics.bill.book import list_keys
from genanalytics.bill.levels import CHANGE, SURCHARGE, TIER
from genanalytics.units import Unit, format_count, format_value

NO_CHANGE = "No price change: every group has one known price at a time, or none."


def conclude_price_changes(found: pd.DataFrame) -> str:
    """Return the result of `ga.price_changes` in a sentence: the largest change or surcharge, and the sums by kind."""
    if found.empty:
        return NO_CHANGE
    real = found[found["kind"] != TIER]
    tiers = int((found["kind"] == TIER).sum())
    if real.empty:
        return f"No price changed, and no surcharge was paid: {_count_tiers(tiers)}."
    row = real.loc[real["extra_cost"].abs().sort_values(ascending=False, kind="stable").index[0]].to_dict()
    rest = f"; {_count_tiers(tiers)}" if tiers else ""
    return f"{_name_largest(row, list_keys(found))} In all, {' and '.join(_list_sums(found))}{rest}."


def _name_largest(row: dict[Any, Any], keys: list[str]) -> str:
    group = ", ".join(name_group(row[name]) for name in keys)
    size = format_value(abs(float(row["extra_cost"])), Unit.USD)
    number = format_count(int(row["requests"]), "request")
    direction = "less" if row["extra_cost"] < 0 else "more"
    return f"The largest {row['kind']}: {group}: {row['relation']}, {size} {direction} for {number}."


def _list_sums(found: pd.DataFrame) -> list[str]:
    """Return the sums of the changes and of the surcharges."""
    sums = []
    for kind in (SURCHARGE, CHANGE):
        count, total = int((found["kind"] == kind).sum()), float(found.attrs["totals"][kind])
        if count:
            direction = "saved" if total < 0 else "cost"
            sums.append(f"{format_count(count, kind)} {direction} {format_value(abs(total), Unit.USD)}")
    return sums


def _count_tiers(number: int) -> str:
    """Return the number of tiers, with what they are."""
    differences = format_count(number, "other difference")
    return f"{differences} {'is a tier' if number == 1 else 'are tiers'}, chosen by you or set by the prompt"
