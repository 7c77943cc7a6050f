"""What to do about the cost, and what else a reader should know."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from genanalytics.base.text import capitalize
from genanalytics.decide.advice.action import PATH, Basis
from genanalytics.report.blocks import Block, Fact, Facts, Section, Text
from genanalytics.report.findings import choose_notable, find_findings
from genanalytics.report.given import Given
from genanalytics.report.page import clean
from genanalytics.tables.recommendations import COMMANDS, describe_amount, fill_command, fill_paths
from genanalytics.units import Unit, format_count, format_value

MOST = 5
"""The largest number of actions."""
_LONGEST = 400
_MARKS = {Basis.BILLED: "", Basis.ESTIMATE: "~ ", Basis.UPPER_BOUND: "≤ "}
_SECTIONS: Mapping[str, str] = {
    "cache-flips": "caching",
    "cache-replay": "caching",
    "price-changes": "prices",
    "waste": "reliability",
    "what-if": "prices",
}
"""The sections with details, by the command that an action names."""


def make_act_on(given: Given) -> Section:
    """Return the section: at most five actions in US$ a month, then findings for information."""
    shown = given.recommended.head(MOST)
    notable = choose_notable(find_findings(given.figures), given.figures.total, shown["action"].tolist())
    findings = [Fact(each.figure, clean(each.text, _LONGEST), each.link, each.alarming) for each in notable]
    actions = [_make_fact(row, given) for row in shown.to_dict("records")]
    blocks: list[Block] = [
        *([Facts("actions", actions)] if actions else []),
        *(Text(clean(f"{capitalize(notice)}.", _LONGEST)) for notice in _list_notices(given, len(shown))),
        Facts("findings", findings, "For information", "No other findings."),
    ]
    return Section("act-on", "Act on", _describe(shown, given.recommended), blocks)


def _make_fact(row: dict[Any, Any], given: Given) -> Fact:
    worth = f"{_MARKS[Basis(row['basis'])]}{format_value(row['usd_per_month'], Unit.USD, decimals=2)} a month"
    interval = describe_amount(row).partition("(")[2].removesuffix(")")
    text = f"{row['action']}. Evidence: {row['evidence']}. Risk: {row['risk']}. Worth: {interval}."
    commands = [
        (label, clean(fill_command(row, name, given.files or [PATH], given.options), _LONGEST))
        for name, label in COMMANDS.items()
    ]
    link = _SECTIONS.get(shlex.split(row["details"])[1], "")
    return Fact(worth, clean(text, _LONGEST), link, commands=commands)


def _describe(shown: pd.DataFrame, recommended: pd.DataFrame) -> str:
    """Return the answer of the section in one sentence."""
    if shown.empty:
        considered = recommended.attrs["considered"]
        if not considered:
            return "Nothing to recommend."
        return f"Nothing to recommend: none of {format_count(considered, 'action')} is surely worth it."
    first = shown.iloc[0]
    action = first["action"][:1].lower() + first["action"][1:]
    worth = describe_amount(first.to_dict()).partition(" (")[0]
    return clean(f"Do first: {action}, worth {worth}.", _LONGEST)


def _list_notices(given: Given, shown: int) -> Iterator[str]:
    yield from given.recommended.attrs["notices"]
    left = len(given.recommended) - shown
    if left:
        command = fill_paths(f"genanalytics recommend {PATH}", given.files or [PATH], given.options)
        yield f"{format_count(left, 'more action')}: {command}"
