"""The command `summary`."""

from collections.abc import Sequence
from typing import Any

import click

from genanalytics.cli.against import open_both, takes_against
from genanalytics.cli.groups import print_groups
from genanalytics.cli.options import Command, combine
from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, forms_groups, reads_records, split_names
from genanalytics.cli.values import METRICS, print_names

_figures_options = combine(
    click.option(
        "--metrics",
        multiple=True,
        metavar="SET|NAME[,...]",
        type=METRICS,
        help="Choose the figures: cost, cache, latency, reliability, tokens, or names such as ttft_ms_p95.",
    ),
    takes_against("Show the change since the previous period, or since other records."),
    click.option("--intervals", is_flag=True, help="Show the 95 % interval of each figure."),
    click.option(
        "--percentiles",
        default="auto",
        show_default=True,
        metavar="HOW",
        help="Compute percentiles exactly, or by sketch (right to 1 %, with little memory); auto decides by the"
        " number of rows.",
    ),
    click.option(
        "--list",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=print_names,
        help="Print the names of all figures and columns, with their meaning.",
    ),
)


def shows_groups(command: Command) -> Command:
    """Let a command take the groups and the figures of a table."""
    return combine(forms_groups, _figures_options)(command)


@click.command(
    epilog="""\b
Examples:
  genanalytics summary generations.parquet --by model --metrics latency
  genanalytics summary generations.parquet --last week --against previous --by provider_name
  genanalytics summary openrouter_activity.csv --every day --tz Europe/Berlin --csv > days.csv
  genanalytics summary generations.parquet --by provider_name --json | jq '.[0].effective_cost'"""
)
@shows_groups
@reads_records
@prints_rows
def summary(selection: Selection, output: Output, **options: Any) -> None:
    """Show cost, cache savings, latency and more, by group.

    Reads files of `fetch` and `export`, and the service's own activity export (CSV). With the pandas engine, a record
    in several files counts once. The most expensive group comes first. JSON and CSV have a total row only with --total.
    """
    print_summary(selection, output, **options)


def print_summary(
    selection: Selection,
    output: Output,
    *,
    by: Sequence[str],
    every: str | None,
    metrics: Sequence[str],
    against: str | None,
    intervals: bool,
    percentiles: str,
) -> None:
    """Print the figures of records by group, with the options of `shows_groups`."""
    options: dict[str, Any] = {
        "every": every,
        "tz": selection.tz,
        "metrics": split_names(",".join(metrics)) if metrics else None,
        "percentiles": percentiles,
        "intervals": intervals,
    }
    with open_both(selection, against) as (data, other):
        print_groups(data, by, output, against=other, **options)
