"""The command `quality`."""

import click

from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, reads_records
from genanalytics.cli.streams import say
from genanalytics.cli.terminal import say_notes


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
    from genanalytics.tables.quality import COLUMNS, choose_doubtful, conclude_quality, list_doubts

    with selection.open() as data:
        found = check_quality(data)
    if output.print_rows(found, ["check", *COLUMNS]):
        return
    notes = list_notices(found)
    doubtful = choose_doubtful(found)
    if doubtful.empty:
        say_notes(conclude_quality(found), *notes)
        return
    output.say_table(doubtful, ["check"], COLUMNS)
    say_notes(*notes)
    for meaning, examples in list_doubts(doubtful):
        say("")
        say_notes(meaning, examples)
