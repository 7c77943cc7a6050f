"""The command `report`."""

import click

from genanalytics.cli.options import FILE, force_option
from genanalytics.cli.records import Selection, reads_records
from genanalytics.cli.streams import say


@click.command(
    epilog="""\b
Examples:
  genanalytics report generations.parquet -o report.html
  genanalytics report generations/ --title 'August' --tz Europe/Berlin --where 'created_at>=2026-08-01'"""
)
@reads_records
@click.option("-o", "--output", default="report.html", show_default=True, type=FILE, help="Write this file.")
@click.option("--title", default="Generations", show_default=True, metavar="TEXT", help="Set the title of the report.")
@force_option
def report(selection: Selection, output: str, title: str, force: bool) -> None:
    """Write a report as one HTML page.

    The page contains findings in words, charts and their numbers. It needs no network, and it can be
    sent. Reads the files that `summary` reads.
    """
    from genanalytics.report import write_report
    from genanalytics.report.write import check_target

    check_target(output)
    with selection.open() as data:
        write_report(data, output, title=title, tz=selection.tz, sources=selection.paths, force=force)
    say(f"Wrote {output}.", err=True)
