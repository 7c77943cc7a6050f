"""Recommended actions as people read them: a numbered list."""

import shlex
from collections.abc import Iterator, Sequence
from textwrap import TextWrapper
from typing import Any

import pandas as pd

from genanalytics.decide.advice.action import PATH, Basis
from genanalytics.tables.notes import list_notices, wrap_notes
from genanalytics.units import Unit, format_value

_INDENT = "   "
_TEXTS = {"evidence": "Evidence", "risk": "Risk", "details": "Details", "check": "Check later"}
_COMMANDS = ("details", "check")
_NARROWEST = 40
"""Texts are at least this wide, in characters."""


def format_recommendations(found: pd.DataFrame, *, paths: Sequence[str] = (PATH,), width: int = 100) -> str:
    """Return the result of `ga.recommend` as a numbered list with its notices.

    Args:
        found: The result of `ga.recommend`.
        paths: The files that the commands name instead of `PATH`.
        width: The maximum number of characters in a line; commands are never divided.
    """
    rows = found.to_dict("records")
    notices = list_notices(found)
    if not rows:
        reasons = [notice for notice in notices if not notice.startswith("Coverage")]
        return "\n".join(["Nothing to recommend.", *sorted(notices, key=lambda notice: notice not in reasons)])
    lines = list[str]()
    for number, row in enumerate(rows, 1):
        lines += _format_action(f"{number}. {describe_amount(row)}: {row['action']}", row, paths, width)
    return "\n".join([*lines, *wrap_notes(notices, max(width, _NARROWEST))])


def describe_amount(row: dict[Any, Any]) -> str:
    """Return what an action is worth, with its interval.

    >>> row = {"usd_per_month": 4.8, "usd_per_month_low": 3.6, "usd_per_month_high": 7.8, "basis": "upper bound"}
    >>> describe_amount(row)
    'at most $4.80 a month (95 % interval $3.60 to $7.80)'
    """
    amount, low, high = (
        format_value(row[f"usd_per_month{end}"], Unit.USD, decimals=2) for end in ("", "_low", "_high")
    )
    words = {Basis.BILLED: "", Basis.ESTIMATE: "about ", Basis.UPPER_BOUND: "at most "}[Basis(row["basis"])]
    return f"{words}{amount} a month (95 % interval {low} to {high})"


def _format_action(title: str, row: dict[Any, Any], paths: Sequence[str], width: int) -> Iterator[str]:
    fill = TextWrapper(max(width, _NARROWEST), break_on_hyphens=False, break_long_words=False)
    fill.subsequent_indent = _INDENT
    yield from fill.wrap(title)
    fill.initial_indent, fill.subsequent_indent = _INDENT, 2 * _INDENT
    for name, label in _TEXTS.items():
        if name in _COMMANDS:
            yield f"{_INDENT}{label}: {fill_paths(row[name], paths)}"
        else:
            yield from fill.wrap(f"{label}: {row[name]}")


def fill_paths(command: str, paths: Sequence[str]) -> str:
    """Return a command with files instead of the word `PATH`.

    >>> fill_paths("genanalytics waste PATH --where 'model=PATH a'", ["my records.parquet"])
    "genanalytics waste 'my records.parquet' --where 'model=PATH a'"
    """
    words = shlex.split(command)
    return shlex.join([each for word in words for each in (paths if word == PATH else [word])])
