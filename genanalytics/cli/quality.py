"""The command `quality`."""

import click

from genanalytics.cli.records import find_terminal_width, open_records, print_rows, reads_records
from genanalytics.cli.streams import say, say_table
from genanalytics.units import format_count


@click.command(
    epilog="""\b
Examples:
  genanalytics quality generations.parquet
  genanalytics quality generations.parquet --json | jq '.[].check'"""
)
@reads_records
def quality(paths: tuple[str, ...], where: tuple[str, ...], tz: str, engine: str, as_json: bool, as_csv: bool) -> None:
    """Show doubtful records.

    They contain contradictions, missing values, or wrong or repeated ids.
    """
    from genanalytics.metrics import quality as check_quality
    from genanalytics.tables.table import format_table, list_notices

    with open_records(paths, where, tz, engine) as data:
        found = check_quality(data)
    if print_rows(found, as_json=as_json, as_csv=as_csv):
        return
    notes = list_notices(found)
    doubtful = found[(found["rows"] > 0).fillna(value=False)]
    if doubtful.empty:
        say(f"Nothing doubtful after {format_count(len(found), 'check')}.", *notes)
        return
    say_table(format_table(doubtful, ["check"], ["rows", "of", "share"], width=find_terminal_width()))
    say(*notes)
    for row in doubtful.itertuples():
        say("", f"{row.check}: {row.meaning}.", f"  {row.examples}")
