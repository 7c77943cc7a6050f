"""The command line's command that writes a report."""

import click

from genanalytics.cli.records import opened, reads_paths
from genanalytics.cli.types import FILE


@click.command(
    epilog="""\b
Examples:
  genanalytics report generations.parquet -o report.html
  genanalytics report generations/ --title 'August' --tz Europe/Berlin --where 'created_at>=2026-08-01'"""
)
@reads_paths
@click.option("-o", "--output", default="report.html", show_default=True, type=FILE, help="The page.")
@click.option("--title", default="Generations", show_default=True, metavar="TEXT", help="What the report is called.")
def report(paths: tuple[str, ...], where: tuple[str, ...], tz: str, engine: str, output: str, title: str) -> None:
    """Write one HTML page: findings in words, charts, their numbers. It opens offline and can be sent.

    Reads what summary reads.
    """
    from genanalytics.files import check_place, coverage_of
    from genanalytics.report import write_report

    check_place(output)
    coverage = coverage_of(paths[0]) if len(paths) == 1 and not where else None  # of a part, nobody knows
    with opened(paths, where, tz, engine) as data:
        write_report(data, output, title=title, tz=tz, coverage=coverage, sources=paths)
    click.echo(f"Wrote {output}.", err=True)
