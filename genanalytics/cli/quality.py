"""The command `quality`."""

import click

from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, reads_records
from genanalytics.cli.streams import say
from genanalytics.cli.terminal import say_notes
from genanalytics.units import format_count

_COLUMNS = ("rows", "of", "share")


@click.command(
    epilog="""\b
Examples:
  genanalytics quality generations.parquet
  genanalytics quality generations.parquet --json | jq '.[].check'"""
)
@reads_records
@prints_rows
def quality(selection: Selection, output: Output) -> None:
    """Show doubtful records.

    They contain contradictions, missing values, or wrong or repeated ids.
    """
    from genanalytics.metrics import quality as check_quality
    from genanalytics.tables.notes import list_notices

    with selection.open() as data:
        found = check_quality(data)
    if output.print_rows(found, ["check", *_COLUMNS]):
        return
    notes = list_notices(found)
    doubtful = found[(found["rows"] > 0).fillna(value=False)]
    if doubtful.empty:
        say_notes(f"Nothing doubtful after {format_count(len(found), 'check')}.", *notes)
        return
    output.say_table(doubtful, ["check"], _COLUMNS)
    say_notes(*notes)
    for row in doubtful.itertuples():
        say("")
        say_notes(f"{row.check}: {row.meaning}.")
        say(f"  {row.examples}")
