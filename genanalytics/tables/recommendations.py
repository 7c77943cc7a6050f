"""Recommended actions as people read them: a numbered list."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from textwrap import TextWrapper
from typing import Any, TypeAlias

import pandas as pd

from genanalytics.decide.advice.action import PATH, Basis
from genanalytics.tables.notes import list_notices, wrap_notes
from genanalytics.units import Unit, format_value

_INDENT = "   "
COMMANDS = {"details": "Details", "check": "Check later"}
"""The columns with commands, and their labels."""
_TEXTS = {"evidence": "Evidence", "risk": "Risk", **COMMANDS}
_TIMES = ("--since", "--until")
Options: TypeAlias = Sequence[tuple[str, str]]
"""Options of the command line that choose records, such as `("--since", "2026-09-01")`."""
_NARROWEST = 40
"""Texts are at least this wide, in characters."""


def format_recommendations(
    found: pd.DataFrame, *, paths: Sequence[str] = (PATH,), options: Options = (), width: int = 100
) -> str:
    """Return the result of `ga.recommend` as a numbered list with its notices.

    Args:
        found: The result of `ga.recommend`.
        paths: The files that the commands name instead of `PATH`.
        options: The options that choose the records.
        width: The maximum number of characters in a line; commands are never divided.
    """
    rows = found.to_dict("records")
    notices = list_notices(found)
    if not rows:
        reasons = [notice for notice in notices if not notice.startswith("Coverage")]
        return "\n".join(["Nothing to recommend.", *sorted(notices, key=lambda notice: notice not in reasons)])
    lines = list[str]()
    for number, row in enumerate(rows, 1):
        commands = {name: fill_command(row, name, paths, options) for name in COMMANDS}
        lines += _format_action(f"{number}. {describe_amount(row)}: {row['action']}", row | commands, width)
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


def _format_action(title: str, row: dict[Any, Any], width: int) -> Iterator[str]:
    fill = TextWrapper(max(width, _NARROWEST), break_on_hyphens=False, break_long_words=False)
    fill.subsequent_indent = _INDENT
    yield from fill.wrap(title)
    fill.initial_indent, fill.subsequent_indent = _INDENT, 2 * _INDENT
    for name, label in _TEXTS.items():
        if name in COMMANDS:
            yield f"{_INDENT}{label}: {row[name]}"
        else:
            yield from fill.wrap(f"{label}: {row[name]}")


def fill_command(row: Mapping[Any, Any], name: str, paths: Sequence[str], options: Options = ()) -> str:
    """Return a command of an action for the same records; the one for later is about other times.

    Args:
        row: The action.
        name: One of `COMMANDS`.
        paths: The files instead of the word `PATH`.
        options: The options that choose the records.

    >>> row = {"details": "genanalytics waste PATH", "check": "genanalytics waste PATH --where 'model=PATH a'"}
    >>> options = [("--since", "2026-09-01"), ("--tz", "Asia/Tokyo")]
    >>> fill_command(row, "details", ["my records.parquet"], options)
    "genanalytics waste 'my records.parquet' --since 2026-09-01 --tz Asia/Tokyo"
    >>> fill_command(row, "check", ["a.csv"], options)
    "genanalytics waste a.csv --where 'model=PATH a' --tz Asia/Tokyo"
    """
    kept = [option for option in options if name == "details" or option[0] not in _TIMES]
    return fill_paths(row[name], paths, kept)


def fill_paths(command: str, paths: Sequence[str], options: Options = ()) -> str:
    """Return a command with files instead of the word `PATH`, and with options that choose their records."""
    words = [each for word in shlex.split(command) for each in (paths if word == PATH else [word])]
    return shlex.join([*words, *(word for option in options for word in option)])
