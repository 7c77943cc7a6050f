"""How a price regime differs from the main regime of its group, in words."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from genanalytics.bill.book import PRICES
from genanalytics.bill.survey import BATCH, MARKS
from genanalytics.units import format_count

_SAME = 1e-6


def describe_relation(regime: Mapping[str, Any], main: Mapping[str, Any]) -> str:
    """Return how a regime relates to the main one: the ratio of their prices, and what separates their rows.

    Args:
        regime: A row of `survey` with the prices of the regime.
        main: The row of the regime with most requests.
    """
    ratio = find_ratio(regime, main)
    prices = "other prices" if ratio is None else f"{ratio:g} times regime {main['regime']}"
    reasons = [reason for reason in (_name_mark(regime, main), _name_length(regime, main)) if reason]
    return ", ".join([prices, *reasons, _name_time(regime, main)])


def find_ratio(regime: Mapping[str, Any], main: Mapping[str, Any]) -> float | None:
    """Return the ratio of the prices of two regimes; None if it is not the same for all prices that both have."""
    ratios = [
        regime[name] / main[name]
        for name in PRICES
        if pd.notna(regime[name]) and pd.notna(main[name]) and (main[name] or regime[name]) and main[name]
    ]
    if not ratios or any(pd.notna(regime[name]) and regime[name] and main[name] == 0 for name in PRICES):
        return None
    ratio = round(ratios[0], 4)
    return ratio if all(abs(one - ratio) <= _SAME * ratio for one in ratios) else None


def _name_mark(regime: Mapping[str, Any], main: Mapping[str, Any]) -> str | None:
    """Return the column whose one value is that of all rows of the regime, and of none of the main one."""
    for name in (BATCH, *MARKS):
        value, ends = regime.get(f"mark {name} min"), (main.get(f"mark {name} min"), main.get(f"mark {name} max"))
        if value is None or pd.isna(value) or value != regime.get(f"mark {name} max"):
            continue
        if pd.isna(ends[0]) or value < ends[0] or value > ends[1]:
            return _word(name, value)
    return None


def _word(name: str, value: object) -> str | None:
    if name == BATCH:
        return "batch" if value else None
    if name == "is_byok":
        return "with the user's own key" if value else "without the user's own key"
    return f"where {name} is {value:g}" if isinstance(value, float) else f"where {name} is {value}"


def _name_length(regime: Mapping[str, Any], main: Mapping[str, Any]) -> str | None:
    """Return the lengths of prompts that only the regime has."""
    low, high = regime.get("mark prompt min"), regime.get("mark prompt max")
    main_low, main_high = main.get("mark prompt min"), main.get("mark prompt max")
    if any(value is None or pd.isna(value) for value in (low, high, main_low, main_high)):
        return None
    if low > main_high:
        return f"prompts of {_find_round(main_high, low):,} tokens or more"
    if high < main_low:
        return f"prompts below {_find_round(high, main_low):,} tokens"
    return None


def _find_round(below: float, above: float) -> int:
    """Return the roundest number above one and up to another.

    >>> _find_round(198_113, 203_000), _find_round(5, 6)
    (200000, 6)
    """
    for power in range(12, -1, -1):
        step = 10**power
        for size in (step, step // 2 or 1):
            candidate = int(above) // size * size
            if candidate > below:
                return candidate
    return int(above)


def _name_time(regime: Mapping[str, Any], main: Mapping[str, Any]) -> str:
    """Return when the regime applied, seen from the main one."""
    first, last = regime.get("moment min"), regime.get("moment max")
    if any(
        moment is None or pd.isna(moment) for moment in (first, last, main.get("moment min"), main.get("moment max"))
    ):
        return "at an unknown time"
    if first > main["moment max"]:
        return f"from {first:%Y-%m-%d %H:%M} UTC on"
    if last < main["moment min"]:
        return f"until {last:%Y-%m-%d %H:%M} UTC"
    return "at the same time"


def describe_single(requests: int) -> str:
    """Return why a group without a regime has none.

    >>> describe_single(1)
    'too few requests: 1 request'
    """
    return f"too few requests: {format_count(requests, 'request')}"
