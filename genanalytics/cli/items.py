"""The command `items`."""

import click

from genanalytics.cli.groups import print_groups
from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, forms_groups, reads_records

_METRICS = ("billed_cost", "items")


@click.command(
    epilog="""\b
Examples:
  genanalytics items generations.parquet --by model
  genanalytics items generations.parquet --every day --csv > items.csv"""
)
@forms_groups
@reads_records
@prints_rows
def items(
    selection: Selection,
    by: tuple[str, ...],
    every: str | None,
    output: Output,
) -> None:
    """Show what the bill was for: input, caching, output.

    Cache reads and writes are items of their own. The items of each request come from the unit prices that `prices`
    shows, and add up to the billed cost. What a provider charged to your own key (BYOK) is not part of it. JSON and CSV
    also contain shares and average prices.
    """
    from genanalytics.bill.items import add_items

    with selection.open() as data:
        print_groups(add_items(data), by, output, every=every, tz=selection.tz, metrics=_METRICS)
