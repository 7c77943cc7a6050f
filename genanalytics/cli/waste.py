"""The command `waste`."""

import click

from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, reads_records
from genanalytics.cli.streams import say
from genanalytics.cli.terminal import say_notes


@click.command(
    epilog="""\b
Examples:
  genanalytics waste generations.parquet
  genanalytics waste generations.parquet --where model=openai/gpt-5 --json"""
)
@click.option(
    "--within",
    "within_s",
    type=click.FloatRange(0, min_open=True),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="Suspect requests like another one up to this many seconds before.",
)
@reads_records
@prints_rows
def waste(selection: Selection, output: Output, within_s: float) -> None:
    """Show what was paid for nothing, and the time that was lost.

    No dollar is in two classes. Upper bounds contain what may have been of use or could not be avoided; near-duplicates
    are only suspected.
    """
    from genanalytics.decide.losses.waste import check_within, waste as find_waste
    from genanalytics.tables.notes import list_notices
    from genanalytics.tables.waste import COLUMNS, choose_judged, conclude_waste, list_advice, list_gaps

    check_within(within_s)
    with selection.open() as data:
        found = find_waste(data, within_s=within_s)
    if output.print_rows(found, ["class", *COLUMNS]):
        return
    answer, judged = conclude_waste(found), choose_judged(found)
    if len(judged):
        output.say_table(judged, ["class"], COLUMNS, answer=answer)
    else:
        say_notes(*answer)
    say_notes(*list_gaps(found), *list_notices(found))
    for advice, examples in list_advice(judged):
        say("")
        say_notes(advice, examples)
