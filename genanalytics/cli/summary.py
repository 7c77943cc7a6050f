"""The command `summary`."""

from typing import Any

import click

from genanalytics.cli.output import Output, print_groups, prints_rows
from genanalytics.cli.records import Selection, forms_groups, reads_records, split_names


@click.command(
    epilog="""\b
Examples:
  genanalytics summary generations.parquet --by model --metrics latency
  genanalytics summary openrouter_activity.csv --every day --tz Europe/Berlin --csv > days.csv
  genanalytics summary generations.parquet --by provider_name --json | jq '.[0].effective_cost'"""
)
@forms_groups
@click.option(
    "--metrics",
    multiple=True,
    metavar="SET|NAME[,...]",
    help="Choose the figures: cost, cache, latency, reliability, tokens, or names such as ttft_ms_p95.",
)
@click.option("--intervals", is_flag=True, help="Show the 95 % interval of each figure.")
@click.option(
    "--percentiles",
    default="auto",
    show_default=True,
    metavar="HOW",
    help="Compute percentiles exactly, or by sketch (right to 1 %, with little memory); auto decides by the"
    " number of rows.",
)
@reads_records
@prints_rows
def summary(
    selection: Selection,
    by: tuple[str, ...],
    every: str | None,
    metrics: tuple[str, ...],
    intervals: bool,
    percentiles: str,
    output: Output,
) -> None:
    """Show cost, cache savings, latency and more, by group.

    Reads files of `fetch` and `export`, and the service's own activity export (CSV). With the pandas engine, a record
    in several files counts once. The most expensive group comes first. JSON and CSV have a total row only with --total.
    """
    options: dict[str, Any] = {
        "every": every,
        "tz": selection.tz,
        "metrics": split_names(",".join(metrics)) if metrics else None,
        "percentiles": percentiles,
        "intervals": intervals,
    }
    with selection.open() as data:
        print_groups(data, by, output, **options)
