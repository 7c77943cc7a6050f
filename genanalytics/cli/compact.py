"""The command `compact`."""

import click

from genanalytics.cli.options import DIRECTORY
from genanalytics.cli.streams import say
from genanalytics.units import format_count


@click.command(
    epilog="""\b
Examples:
  genanalytics compact generations/
  genanalytics compact s3://bucket/generations"""
)
@click.argument("directory", metavar="DIR", type=DIRECTORY)
def compact(directory: str) -> None:
    """Merge the small files of a data set or a Delta table.

    Concurrent readers see either the old files or the new ones. On an object store, replaced files are removed after a
    minute.
    """
    from genanalytics.dataset.writer import compact as compact_dataset
    from genanalytics.dataset.writers import count_files

    fewer = compact_dataset(directory)
    left = format_count(count_files(directory), "file")
    say(f"{directory} now has {left}, {fewer:,} fewer than before.", err=True)
