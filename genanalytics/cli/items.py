"""The command `items`."""

import click

from genanalytics.cli.records import forms_groups, open_records, print_groups, reads_records

_METRICS = ("billed_cost", "items")


@click.command(
    epilog="""\b
Examples:
  genanalytics items generations.parquet --by model
  genanalytics items generations.parquet --every day --csv > items.csv"""
)
@forms_groups
@reads_records
def items(
    paths: tuple[str, ...],
    by: tuple[str, ...],
    every: str | None,
    where: tuple[str, ...],
    tz: str,
    engine: str,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Show what the bill was for: input, cache reads and writes, output.

    The items of each request come from the unit prices that `prices` shows, and add up to the billed cost. What a
    provider charged to your own key (BYOK) is not part of it. JSON and CSV also contain shares and average prices.
    """
    from genanalytics.bill.items import add_items

    with open_records(paths, where, tz, engine) as data:
        print_groups(add_items(data), by, as_json=as_json, as_csv=as_csv, every=every, tz=tz, metrics=_METRICS)
