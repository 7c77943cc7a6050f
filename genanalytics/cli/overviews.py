"""The figures of records by model without a further word: of a path, of today, of this week, of this month."""

from dataclasses import replace
from typing import Any

import click

from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, reads_all_times, reads_records
from genanalytics.cli.summary import print_summary, shows_groups

_USUAL_BY = ("model",)


def _print(selection: Selection, output: Output, by: tuple[str, ...], every: str | None, **options: Any) -> None:
    """Print a summary by model, unless other groups are given."""
    groups = by or (() if every else _USUAL_BY)
    print_summary(selection, output, by=groups, every=every, **options)


@click.command("overview", hidden=True)
@shows_groups
@reads_records
@prints_rows
def overview(selection: Selection, output: Output, **options: Any) -> None:
    """Show cost, savings and latency of the records in a file, by model."""
    _print(selection, output, **options)


def _make_command(name: str, unit: str, words: str) -> click.Command:
    """Return the command that shows the records of a day, week or month up to now."""

    def show(selection: Selection, output: Output, **options: Any) -> None:
        _print(replace(selection, times={"period": unit}), output, **options)

    show.__doc__ = f"""Show cost, savings and latency {words}, by model.

    The same as `summary --period {unit} --by model`. Add `--against previous` for the change since the {unit} before up
    to the same time. Without PATH, the records of GENANALYTICS_DATA or of the configuration are read.
    """
    epilog = f"""\b
Examples:
  genanalytics {name} generations.parquet
  genanalytics {name} generations.parquet --tz local --against previous"""
    return click.command(name, epilog=epilog)(shows_groups(reads_all_times(prints_rows(show))))


today = _make_command("today", "day", "of today")
week = _make_command("week", "week", "of this week")
month = _make_command("month", "month", "of this month")
