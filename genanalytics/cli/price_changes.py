"""The command `price-changes`."""

import click

from genanalytics.base.text import name_group
from genanalytics.cli.output import Output, prints_rows, show_times
from genanalytics.cli.records import Selection, reads_records
from genanalytics.cli.streams import say
from genanalytics.cli.terminal import say_notes

_COLUMNS = ("kind", "since", "relation", "requests", "extra_cost", "share")
_RARE = ("since", "share", "requests", "relation")
"""The columns that a narrow terminal leaves out first."""


@click.command(
    "price-changes",
    epilog="""\b
Examples:
  genanalytics price-changes generations.parquet
  genanalytics price-changes generations.parquet --json""",
)
@reads_records
@prints_rows
def price_changes(selection: Selection, output: Output) -> None:
    """Show what price changes and surcharges cost.

    A surcharge is a higher price at the same time, a change another price from a moment on. Tiers come last: prices
    that you chose, such as batch or a service tier, that depend on the length of the prompt, or that are per request.
    """
    from genanalytics.bill.book import list_keys
    from genanalytics.bill.price_changes import price_changes as find_price_changes
    from genanalytics.tables.notes import list_notices
    from genanalytics.tables.price_changes import conclude_price_changes

    with selection.open() as data:
        found = find_price_changes(data)
    groups = [*list_keys(found), "regime"]
    localize = show_times(selection.tz, "since")
    if output.print_rows(found, [*groups, *_COLUMNS], prepare=localize):
        return
    answer = conclude_price_changes(found)
    if found.empty:
        say_notes(answer, *list_notices(found))
        return
    output.say_table(found, groups, _COLUMNS, prepare=localize, rare=_RARE, answer=[answer])
    say_notes(*list_notices(found))
    for row in found.to_dict("records"):
        names = ", ".join(name_group(row[name]) for name in groups[:-1])
        say("")
        say_notes(f"Examples of regime {row['regime']} ({names}):", f"  {row['examples']}")
