"""Costs elsewhere in words."""

from typing import Any

import pandas as pd

from genanalytics.base.text import name_group
from genanalytics.decide.elsewhere.result import format_bounds
from genanalytics.units import Unit, format_count, format_value

COLUMNS = ("requests", "requests_apart", "cost", "cost_there_low", "cost_there_high", "change_low", "change_high")
"""The figures of a table of costs elsewhere."""

_NAMES = (("", ("model", "provider_name")), ("to_", ("model", "provider")))


def conclude_what_if(found: pd.DataFrame) -> str:
    """Return the result of `ga.what_if` in a sentence: the row that costs most now."""
    answered = found[found["refused"].isna()]
    if answered.empty:
        return f"No answer: {found['refused'].iloc[0]}." if len(found) else "No answer: there are no requests."
    row = answered.sort_values("cost", ascending=False, kind="stable").iloc[0].to_dict()
    bounds = format_bounds(float(row["cost_there_low"]), float(row["cost_there_high"]))
    number = format_count(int(row["requests"]), "request")
    cost = format_value(float(row["cost"]), Unit.USD)
    return f"{_name(row)}: {number} that cost {cost} would have cost {bounds}."


def choose_names(rows: pd.DataFrame) -> list[str]:
    """Return the columns that name the rows of a table; the other model is left out where it is the same."""
    same = (rows["to_model"] == rows["model"]).all()
    return ["model", "provider_name", *([] if same else ["to_model"]), "to_provider"]


def list_conditions(found: pd.DataFrame) -> dict[str, list[str]]:
    """Return what was assumed, what is apart and what has no answer, by heading: a line for each text."""
    answered = found[found["refused"].isna()]
    grouped = {
        "Assumed:": _group_words(answered, "assumed"),
        "Apart:": _group_words(answered, "apart"),
        "No answer:": _group_words(found, "refused"),
    }
    return {heading: lines for heading, lines in grouped.items() if lines}


def _group_words(rows: pd.DataFrame, name: str) -> list[str]:
    """Return each text of a column with the rows that have it."""
    known = rows[rows[name].notna()]
    named: dict[str, list[str]] = {}
    for row in known.to_dict("records"):
        named.setdefault(row[name], []).append(_name(row))
    return [text if len(names) == len(rows) else f"{', '.join(names)}: {text}" for text, names in named.items()]


def _name(row: dict[Any, Any]) -> str:
    """Return the groups of a row: now, and the alternative if it differs."""
    now, there = ([row[f"{prefix}{name}"] for name in names] for prefix, names in _NAMES)
    text = " at ".join(map(name_group, now))
    others = [name_group(value) for value, same in zip(there, now, strict=True) if value == value and value != same]  # noqa: PLR0124 - a gap differs from itself
    return f"{text}, to {' at '.join(others)}" if others else text
