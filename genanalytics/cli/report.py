"""The command `report`."""

import click

from genanalytics.cli.against import open_both, takes_against
from genanalytics.cli.options import FILE, force_option
from genanalytics.cli.records import Selection, reads_records, split_names
from genanalytics.cli.streams import say
from genanalytics.cli.values import REPORT_SECTIONS


@click.command(
    epilog="""\b
Examples:
  genanalytics report generations.parquet -o report.html
  genanalytics report generations/ --last month --against previous --title 'August' --tz Europe/Berlin
  genanalytics report generations/ --sections spend,who --labels customers.csv"""
)
@reads_records
@click.option("-o", "--output", default="report.html", show_default=True, type=FILE, help="Write this file.")
@click.option("--title", default="Generations", show_default=True, metavar="TEXT", help="Set the title of the report.")
@takes_against("Show what changed since the previous period, or since other records.")
@click.option(
    "--sections",
    metavar="NAME[,...]",
    type=REPORT_SECTIONS,
    help="Show only these sections: act-on, spend, who, prices, caching, speed, reliability, when, appendix.",
)
@force_option
def report(
    selection: Selection, output: str, title: str, against: str | None, sections: str | None, force: bool
) -> None:
    """Write a report as one HTML page.

    The page begins with the largest figures and what to do about them. Sections follow on spend, prices, caching, speed
    and reliability, with charts and their numbers. It needs no network, and it can be sent. Reads the files that
    `summary` reads.
    """
    from genanalytics.report import write_report
    from genanalytics.report.write import check_sections, check_target

    check_target(output)
    names = None if sections is None else split_names(sections)
    check_sections(names)
    with open_both(selection, against) as (data, other):
        write_report(
            data,
            output,
            against=other,
            title=title,
            tz=selection.tz,
            sources=selection.paths,
            options=selection.list_options(),
            sections=names,
            force=force,
        )
    say(f"Wrote {output}.", err=True)
