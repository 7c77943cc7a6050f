"""The command `items`."""

from typing import Any

import click

from genanalytics.cli.records import find_terminal_width, open_records, print_rows, reads_records, split_names
from genanalytics.cli.streams import say_table

_METRICS = ("billed_cost", "items")


@click.command(
    epilog="""\b
Examples:
  genanalytics items generations.parquet --by model
  genanalytics items generations.parquet --every day --csv > items.csv"""
)
@click.option(
    "--by",
    multiple=True,
    metavar="COLUMN[,COLUMN]",
    help="Group by columns, or by day, hour, weekday or model_family.",
)
@click.option("--every", metavar="PERIOD", help="Group by time as well: minute, hour, day, week or month.")
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
    from genanalytics.tables.overview import overview, rank_groups

    options: dict[str, Any] = {"every": every, "tz": tz, "metrics": _METRICS}
    columns = split_names(",".join(by))
    with open_records(paths, where, tz, engine) as data:
        itemized = add_items(data)
        if as_json or as_csv:
            print_rows(rank_groups(itemized, columns, **options), as_json=as_json, as_csv=as_csv)
            return
        say_table(overview(itemized, columns, **options, width=find_terminal_width()))
