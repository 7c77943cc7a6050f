"""The command `recommend`."""

import click

from genanalytics.cli.records import find_terminal_width, open_records, print_rows, reads_records
from genanalytics.cli.streams import say_table


@click.command(
    epilog="""\b
Examples:
  genanalytics recommend generations.parquet
  genanalytics recommend generations.parquet --json | jq '.[0].action'"""
)
@reads_records
def recommend(
    paths: tuple[str, ...], where: tuple[str, ...], tz: str, engine: str, as_json: bool, as_csv: bool
) -> None:
    """Show what to do first: at most seven actions, ranked by US$ a month.

    Each action has its evidence, its risk, the command with the details, and the command that shows next month whether
    it worked. An action is left out unless it is almost surely worth at least one dollar and 0.5 % of the cost a month.
    """
    from genanalytics.decide.advice.recommend import recommend as find_actions
    from genanalytics.tables.recommendations import format_recommendations

    with open_records(paths, where, tz, engine) as data:
        found = find_actions(data, tz=tz)
    if print_rows(found, as_json=as_json, as_csv=as_csv):
        return
    say_table(format_recommendations(found, paths=paths, width=find_terminal_width()))
