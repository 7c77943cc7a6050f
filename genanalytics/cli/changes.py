"""The command `changes`."""

from functools import partial
from typing import TYPE_CHECKING

import click

from genanalytics.base.text import is_missing, name_group
from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, reads_records, split_names
from genanalytics.cli.terminal import say_notes
from genanalytics.cli.values import COLUMNS_OF_GROUPS
from genanalytics.units import Unit, format_count, format_value

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("metric", "since", "level", "change", "cost_effect", "q", "cause")
_LEAST_SHOWN = 1e-6


@click.command(
    epilog="""\b
Examples:
  genanalytics changes generations.parquet
  genanalytics changes generations.parquet --by provider_name --tz Europe/Berlin
  genanalytics changes generations.parquet --by '' --json"""
)
@reads_records
@prints_rows
@click.option(
    "--by",
    multiple=True,
    metavar="COLUMN[,COLUMN]",
    type=COLUMNS_OF_GROUPS,
    default=("model",),
    show_default=True,
    help="Look at each group of columns too; '' looks at all records together only.",
)
def changes(
    selection: Selection,
    output: Output,
    by: tuple[str, ...],
) -> None:
    """Show what changed, and since when.

    Cost, requests, tokens, caching, times and errors of each day are compared with the days before, without weekday
    patterns. Changes of prices are exact. At least 14 days are needed.
    """
    from genanalytics.decide.shifts.changes import changes as find_changes
    from genanalytics.tables.notes import list_notices

    names = split_names(",".join(by))
    with selection.open() as data:
        found = find_changes(data, by=names, tz=selection.tz)
    readable, groups = partial(_make_readable, names=names), names or ["scope"]
    if output.print_rows(found, [*groups, *_COLUMNS], prepare=readable):
        return
    notices = list_notices(found)
    series = f"{format_count(found.attrs['series'], 'daily statistic')} of {format_count(found.attrs['days'], 'day')}"
    if found.empty:
        answer = f"No change is proved: {series}." if found.attrs["series"] else "Nothing can be compared."
        say_notes(answer, *notices)
        return
    answer = f"{format_count(len(found), 'change')} in {series}. {_describe(found.iloc[0], names)}"
    output.say_table(found, groups, _COLUMNS, prepare=readable, answer=[answer])
    say_notes(*notices)


def _describe(row: "pd.Series", names: list[str]) -> str:
    """Return the change with the largest effect in a sentence."""
    group = ", ".join(name_group(row[name]) for name in names) if row["scope"] == "group" else "all rows"
    since = "slowly" if row["kind"] == "drift" else f"since {_format_since(row)}"
    change = f"{row['metric']} of {group} from {_format_levels(row)} {since}"
    if is_missing(row["cost_effect"]):  # no cost is known, so the first row has the clearest change
        return f"The clearest: {change}; its effect on the cost is unknown."
    effect = format_value(abs(row["cost_effect"]), Unit.USD)
    direction = "more" if row["cost_effect"] > 0 else "less"
    return f"The largest: {change}, {effect} {direction} a day."


def _make_readable(found: "pd.DataFrame", names: list[str]) -> "pd.DataFrame":
    """Return the rows with text for what has its own unit in each, and with a name for all rows together."""
    rows = [row for _, row in found.iterrows()]
    whole = found["scope"] == "all rows"
    groups = {name: found[name].astype("object").mask(whole, "all rows" if name == names[0] else "") for name in names}
    texts = {
        "level": list(map(_format_levels, rows)),
        "since": [f"{_format_since(row)}{_format_limits(row)}" for row in rows],
        "q": ["certain" if row["kind"] == "price" else f"{max(row['q_value'], _LEAST_SHOWN):.2g}" for row in rows],
    }
    found = found.assign(**groups, **texts)
    found.attrs["units"] = {name: unit for name, unit in found.attrs["units"].items() if name not in texts}
    return found


def _format_levels(row: "pd.Series") -> str:
    levels = [None if is_missing(row[name]) else float(f"{row[name]:.4g}") for name in ("before", "after")]
    return " to ".join(format_value(level, Unit(row["unit"])) for level in levels)


def _format_since(row: "pd.Series") -> str:
    if row["kind"] == "drift":
        return "slowly"
    return f"{row['since']:%Y-%m-%d %H:%M}" if row["kind"] == "price" else f"{row['since']:%Y-%m-%d}"


def _format_limits(row: "pd.Series") -> str:
    if row["kind"] != "level" or row["since_low"] == row["since_high"]:
        return ""
    return f" ({row['since_low']:%m-%d} to {row['since_high']:%m-%d})"
