"""The command `waste`."""

import click

from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, reads_records
from genanalytics.cli.streams import say
from genanalytics.cli.terminal import say_notes

_COLUMNS = ("kind", "requests", "cost", "share", "time_ms")


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
    from genanalytics.tables.waste import conclude_waste

    check_within(within_s)
    with selection.open() as data:
        found = find_waste(data, within_s=within_s)
    if output.print_rows(found, ["class", *_COLUMNS]):
        return
    say_notes(*conclude_waste(found))
    judged = found[found["gap"].isna()]
    if judged["cost_low"].isna().all():
        judged = judged.drop(columns=["cost_low", "cost_high"])
    if len(judged):
        say("")
        output.say_table(judged, ["class"], _COLUMNS)
    gaps = found[found["gap"].notna()].to_dict("records")
    say_notes(*(f"Not judged: {row['class']}: {row['gap']}." for row in gaps), *list_notices(found))
    for row in judged[judged["requests"] > 0].to_dict("records"):
        say("")
        say_notes(f"{row['class']}: {row['advice']}.")
        say(f"  {row['examples']}")
