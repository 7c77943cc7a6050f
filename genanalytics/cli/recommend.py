"""The command `recommend`."""

import click

from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, reads_records
from genanalytics.cli.streams import say_table
from genanalytics.cli.terminal import find_terminal_width, say_notes


@click.command(
    epilog="""\b
Examples:
  genanalytics recommend generations.parquet
  genanalytics recommend generations.parquet --json | jq '.[0].action'"""
)
@reads_records
@prints_rows
def recommend(selection: Selection, output: Output) -> None:
    """Show what to do first, ranked by US$ a month.

    Shows at most seven actions. Each has its evidence, its risk, the command with the details, and the command that
    shows next month whether it worked. An action is left out unless it is almost surely worth at least one dollar and
    0.5 % of the cost a month.
    """
    from genanalytics.decide.advice.recommend import recommend as find_actions
    from genanalytics.tables.recommendations import format_recommendations
    from genanalytics.tables.trim import describe_left_out

    if output.is_text_table and output.columns is not None:
        msg = "--columns chooses columns, and the table form is a list: add --csv, --format markdown or another form"
        raise click.UsageError(msg)
    with selection.open() as data:
        found = find_actions(data, tz=selection.tz)
    if output.print_rows(found):
        return
    shown, left_out = output.arrange(found)
    options = selection.list_options()
    say_table(format_recommendations(shown, paths=selection.paths, options=options, width=find_terminal_width()))
    say_notes(*describe_left_out(left_out))
