"""The command `price-changes`."""

import click

from genanalytics.cli.records import find_terminal_width, open_records, print_rows, reads_records
from genanalytics.cli.streams import say, say_table

_COLUMNS = ("kind", "since", "relation", "requests", "extra_cost", "share")


@click.command(
    "price-changes",
    epilog="""\b
Examples:
  genanalytics price-changes generations.parquet
  genanalytics price-changes generations.parquet --json""",
)
@reads_records
def price_changes(
    paths: tuple[str, ...], where: tuple[str, ...], tz: str, engine: str, as_json: bool, as_csv: bool
) -> None:
    """Show what price changes and surcharges cost.

    Prices that you chose, such as batch or a service tier, come last.
    """
    from genanalytics.bill.price_changes import price_changes as find_price_changes
    from genanalytics.tables.table import format_table, list_notices

    with open_records(paths, where, tz, engine) as data:
        found = find_price_changes(data)
    if print_rows(found, as_json=as_json, as_csv=as_csv):
        return
    if found.empty:
        say("No price change: no group has requests above its lowest identified price.", *list_notices(found))
        return
    found["since"] = found["since"].dt.tz_convert(tz)
    groups = list(found.columns[: list(found.columns).index("kind")])
    say_table(format_table(found, groups, _COLUMNS, width=find_terminal_width()))
    say(*list_notices(found))
    for row in found.itertuples():
        say("", f"Examples of regime {row.regime}:", f"  {row.examples}")
