"""The command `prices`."""

import click

from genanalytics.cli.output import Output, prints_rows, show_times
from genanalytics.cli.records import Selection, reads_records, split_names
from genanalytics.cli.terminal import say_notes
from genanalytics.cli.values import COLUMNS_OF_GROUPS


@click.command(
    epilog="""\b
Examples:
  genanalytics prices generations.parquet
  genanalytics prices openrouter_activity.csv --by model --json | jq '.[].input_price'"""
)
@click.option(
    "--by",
    multiple=True,
    metavar="COLUMN[,COLUMN]",
    type=COLUMNS_OF_GROUPS,
    help="Find prices for each group by these columns (default: model,provider_name).",
)
@reads_records
@prints_rows
def prices(
    selection: Selection,
    by: tuple[str, ...],
    output: Output,
) -> None:
    """Show the unit prices at which requests were billed.

    The prices come from the records alone: from tokens, cost and cache discount. A price regime is a set of prices that
    explains the cost of its requests to the last digit; regime 1 of a group has most requests.
    """
    from genanalytics.bill.book import BY
    from genanalytics.bill.prices import prices as find_prices
    from genanalytics.tables.notes import list_notices
    from genanalytics.tables.prices import (
        NO_PRICE,
        RARE,
        SEEN,
        choose_columns_of_prices,
        describe_unexplained,
        name_groups_of_prices,
    )

    groups = split_names(",".join(by)) or BY
    with selection.open() as data:
        found = find_prices(data, by=groups)
    named = name_groups_of_prices(found)
    columns = choose_columns_of_prices(found)
    localize = show_times(selection.tz, *SEEN)
    if output.print_rows(found, [*named, *columns], prepare=localize):
        return
    if found.empty:
        say_notes(NO_PRICE, *list_notices(found))
        return
    output.say_table(found, named, columns, prepare=localize, rare=RARE)
    say_notes(*describe_unexplained(found), *list_notices(found))
