"""Costs elsewhere in words."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from genanalytics.base.text import name_group
from genanalytics.decide.elsewhere.result import format_bounds
from genanalytics.units import Unit, format_count, format_value

COLUMNS = ("requests", "requests_apart", "cost", "cost_there_low", "cost_there_high", "change_low", "change_high")
"""The figures of a table of costs elsewhere."""

_NAMES = (("", ("model", "provider_name")), ("to_", ("model", "provider")))


_MOST_LINES = 5
"""The lines below one heading; the table has a column with all of them."""
_MOST_NAMES = 2
_BOUNDS = ("cost", "cost_there_low", "cost_there_high")


def conclude_what_if(found: pd.DataFrame) -> str:
    """Return the result of `ga.what_if` in a sentence: the cost of one alternative, or the largest saving."""
    answered = found[found["refused"].isna()]
    if answered.empty:
        return f"No answer: {found['refused'].iloc[0]}." if len(found) else "No answer: there are no requests."
    stays = (answered["to_model"] == answered["model"]) & (answered["to_provider"] == answered["provider_name"])
    if len(answered[~stays].drop_duplicates(["to_model", "to_provider"])) > 1:
        return _name_largest_saving(answered)
    name = _name(answered.iloc[0].to_dict()) if len(answered) == 1 else f"{len(answered)} models and providers together"
    return f"{name}: {_compare(answered)}."


def _compare(rows: pd.DataFrame) -> str:
    number = format_count(int(rows["requests"].sum()), "request")
    cost, low, high = (float(rows[column].sum()) for column in _BOUNDS)
    return f"{number} that cost {format_value(cost, Unit.USD)} would have cost {format_bounds(low, high)}"


def _name_largest_saving(answered: pd.DataFrame) -> str:
    """Return the alternative that surely saves most, or that none does."""
    best = answered.sort_values("change_high", kind="stable").head(1)
    row = best.iloc[0].to_dict()
    if row["change_high"] < 0:
        saving = format_bounds(-float(row["change_high"]), -float(row["change_low"]))
        return f"Largest saving: {_name(row)}: {_compare(best)}, {saving} less."
    hoped = answered.sort_values("change_low", kind="stable").head(1)
    row = hoped.iloc[0].to_dict()
    if row["change_low"] >= 0:
        return f"No saving: none of {format_count(len(answered), 'alternative')} would have cost less, even at best."
    return f"No sure saving. At best: {_name(row)}: {_compare(hoped)}."


def choose_names(rows: pd.DataFrame) -> list[str]:
    """Return the columns that name the rows of a table; the other model is left out where it is the same."""
    same = (rows["to_model"] == rows["model"]).all()
    return ["model", "provider_name", *([] if same else ["to_model"]), "to_provider"]


def list_conditions(found: pd.DataFrame) -> dict[str, list[str]]:
    """Return what was assumed, what is apart and what has no answer, by heading: the most frequent texts."""
    answered = found[found["refused"].isna()]
    ranked = answered.sort_values("cost", ascending=False, kind="stable")
    grouped = {
        "Assumed:": _list_words(ranked, "assumed"),
        "Apart:": _add_up_apart(answered),
        "No answer:": _list_words(found, "refused"),
    }
    return {heading: lines for heading, lines in grouped.items() if lines}


def _list_words(rows: pd.DataFrame, name: str) -> list[str]:
    """Return each part of the texts of a column with the rows that have it, the most frequent first."""
    named: dict[str, list[str]] = {}
    for row in rows[rows[name].notna()].to_dict("records"):
        for text in dict.fromkeys(row[name].split("; ")):
            named.setdefault(text, []).append(_name(row))
    ranked = sorted(named.items(), key=lambda item: -len(item[1]))
    lines = [_say_for(text, names, len(rows)) for text, names in ranked[:_MOST_LINES]]
    more = len(ranked) - len(lines)
    return [*lines, f"and {format_count(more, 'other')}: see the column {name}"] if more > 0 else lines


def _say_for(text: str, names: Sequence[str], count: int) -> str:
    if len(names) == count:
        return text
    if len(names) > _MOST_NAMES:
        return f"{text} ({len(names)} of {count} rows)"
    return f"{', '.join(names)}: {text}"


def _add_up_apart(answered: pd.DataFrame) -> list[str]:
    """Return why requests are apart, each reason with its number; of several alternatives, the one with most counts."""
    most: dict[str, dict[tuple[str, ...], int]] = {}
    for row in answered[answered["apart"].notna()].to_dict("records"):
        for part in row["apart"].split("; "):
            number, _, reason = part.partition(" ")
            group = tuple(map(name_group, (row["model"], row["provider_name"])))
            count = int(number.replace(",", ""))
            most.setdefault(reason, {})[group] = max(count, most.get(reason, {}).get(group, 0))
    sums = {reason: sum(counts.values()) for reason, counts in most.items()}
    return [f"{number:,} {reason}" for reason, number in sorted(sums.items(), key=lambda item: -item[1])]


def _name(row: dict[Any, Any]) -> str:
    """Return the groups of a row: now, and the alternative if it differs."""
    now, there = ([row[f"{prefix}{name}"] for name in names] for prefix, names in _NAMES)
    text = " at ".join(map(name_group, now))
    others = [name_group(value) for value, same in zip(there, now, strict=True) if value == value and value != same]  # noqa: PLR0124 - a gap differs from itself
    return f"{text}, to {' at '.join(others)}" if others else text
