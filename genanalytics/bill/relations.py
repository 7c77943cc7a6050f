"""How a price regime differs from the main regime of its group, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from genanalytics.base.text import is_missing
from genanalytics.bill.book import PRICES
from genanalytics.bill.survey import BATCH, MARKS, NO_TIER, TIERS

_MANY = 5
_LABELS = dict(zip(PRICES, ("input", "cache reads", "cache writes", "output", "requests"), strict=True))


def describe_relation(regime: Mapping[str, Any], main: Mapping[str, Any]) -> str:
    """Return how a regime relates to the main one: the ratio of their prices, and what separates their rows.

    Args:
        regime: A row of `survey` with the prices of the regime.
        main: The row of the regime with most requests.
    """
    reasons = [_name_mark(regime, main, TIERS), _name_length(regime, main)]
    if regime["requests"] >= _MANY:  # few rows have something in common by chance
        reasons += [_name_mark(regime, main, MARKS), _name_time(regime, main)]
    reason = next((reason for reason in reasons if reason), "at the same time")
    return f"{_name_ratio(regime, main)}, {reason}"


def _find_ratios(regime: Mapping[str, Any], main: Mapping[str, Any]) -> dict[str, float]:
    """Return the ratio of each price that both regimes have, to four digits."""
    both = [name for name in PRICES if pd.notna(regime[name]) and _is_positive(main[name])]
    return {name: float(f"{regime[name] / main[name]:.4g}") for name in both}


def _is_positive(price: float) -> bool:
    return price > 0  # NaN is not


def _name_ratio(regime: Mapping[str, Any], main: Mapping[str, Any]) -> str:
    """Return the ratio of prices in words: one number, or one for each price that differs.

    >>> main = {"regime": 1, "input_price": 3.0, "output_price": 15.0} | dict.fromkeys(PRICES[1:3], 0.3)
    >>> main |= {"output_price": 15.0, "request_price": 0.0}
    >>> _name_ratio(main | {"regime": 2, "input_price": 6.0, "output_price": 22.5}, main)
    'input 2 and output 1.5 times regime 1'
    """
    ratios = _find_ratios(regime, main)
    of = f"times regime {int(main['regime'])}"
    added = [f"{_LABELS[name]} at US$ {regime[name]:g}" for name in PRICES if main[name] == 0 < regime[name]]
    if added:
        return f"{' and '.join(added)} in addition to the prices of regime {int(main['regime'])}"
    if len(set(ratios.values())) == 1:
        return f"{next(iter(ratios.values())):g} {of}"
    parts = [f"{_LABELS[name]} {ratio:g}" for name, ratio in ratios.items() if ratio != 1]
    return f"{' and '.join(parts)} {of}" if parts else "other prices"


def _name_mark(regime: Mapping[str, Any], main: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """Return the column whose one value is that of all rows of the regime, and of none of the main one."""
    for name in names:
        value, ends = regime.get(f"mark {name} min"), (main.get(f"mark {name} min"), main.get(f"mark {name} max"))
        if value is None or pd.isna(value) or value != regime.get(f"mark {name} max"):
            continue
        words = _word(name, value)
        if words and (pd.isna(ends[0]) or value < ends[0] or value > ends[1]):
            return words
    return None


def is_separated(one: Mapping[str, Any], other: Mapping[str, Any], names: Sequence[str]) -> bool:
    """Return whether a value of a column is that of all rows of one regime and of none of the other."""
    return _name_mark(one, other, names) is not None or _name_mark(other, one, names) is not None


def _word(name: str, value: object) -> str | None:
    """Return what a value says of all rows; None if it is no reason for another price."""
    if value == NO_TIER:
        return None
    if name == BATCH:
        return "batch" if value else None
    if name == "is_byok":
        return "with the user's own key" if value else "without the user's own key"
    return f"where {name} is {value:g}" if isinstance(value, float) else f"where {name} is {value}"


def _name_length(regime: Mapping[str, Any], main: Mapping[str, Any]) -> str | None:
    """Return the lengths of prompts that only the regime has."""
    found = _read_ends("mark prompt", regime, main)
    if found is None:
        return None
    (low, high), (main_low, main_high) = found
    if low > main_high:
        return f"prompts of {_find_round(main_high, low):,} tokens or more"
    return f"prompts below {_find_round(high, main_low):,} tokens" if high < main_low else None


def _read_ends(name: str, *rows: Mapping[str, Any]) -> list[tuple[Any, Any]] | None:
    """Return the lowest and the highest value of each row; None if one is missing."""
    ends = [(row.get(f"{name} min"), row.get(f"{name} max")) for row in rows]
    return None if any(is_missing(end) for pair in ends for end in pair) else ends


def is_of_length(relations: pd.Series) -> pd.Series:
    """Return whether the length of the prompt is the reason in each relation (bool).

    >>> is_of_length(pd.Series(["2 times regime 1, prompts of 200,000 tokens or more", "regime 1", None])).tolist()
    [True, False, False]
    """
    found: pd.Series = relations.str.contains(r", prompts (?:of|below) [\d,]+ tokens", na=False)
    return found


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


def _name_time(regime: Mapping[str, Any], main: Mapping[str, Any]) -> str | None:
    """Return when the regime applied, if that is before or after the main one."""
    found = _read_ends("moment", regime, main)
    if found is None:
        return None
    (first, last), (main_first, main_last) = found
    if first > main_last:
        return f"from {first:%Y-%m-%d %H:%M} UTC on"
    return f"until {last:%Y-%m-%d %H:%M} UTC" if last < main_first else None
