"""The command `demo`: the main job on synthetic records, with a stand-in of the API, real HTTP and a real cache."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from genanalytics.base.text import explain
from genanalytics.cli.options import DIRECTORY
from genanalytics.cli.streams import say_table
from genanalytics.cli.terminal import find_terminal_width
from genanalytics.errors import OutputError

PARQUET = "generations.parquet"
CHART = "cost-per-day-by-model.png"
REPORT = "report.html"


@click.command(
    epilog="""\b
Examples:
  genanalytics demo --directory trial/"""
)
@click.option(
    "--directory", default="genanalytics-demo", show_default=True, type=DIRECTORY, help="Write into this directory."
)
def demo(directory: str) -> None:
    """Run an example on synthetic records, without an API key."""
    run_demo(Path(directory), say_table, width=find_terminal_width())


def run_demo(directory: Path, tell: Callable[[str], None], *, width: int = 120) -> None:
    """Fetch the sample, summarize it, write it as Parquet, as a chart and as a report, and fetch it again.

    Args:
        directory: The directory of the files, created if it does not exist. The cache is temporary, so that the first
            fetch always sends requests and the user's own cache is not touched.
        tell: Takes each line of text.
        width: The maximum width of the table, in characters.

    Raises:
        InputError: The current directory was deleted, or the path is not UTF-8.
        OutputError: The directory cannot be written.
    """
    from genanalytics.base.atomic import check_current_directory, check_utf_8
    from genanalytics.fetching.client import Client
    from genanalytics.fetching.fetch import fetch
    from genanalytics.files import write_parquet
    from genanalytics.plots import cost_over_time, save
    from genanalytics.report import write_report
    from genanalytics.sandbox import Sandbox, sample
    from genanalytics.tables.overview import overview

    check_current_directory(directory)
    check_utf_8(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"cannot create the directory {directory}: {explain(error)}; name another one with --directory"
        raise OutputError(msg) from error
    made = sample()
    with (
        TemporaryDirectory(prefix="genanalytics-") as cache_dir,
        Sandbox(made) as sandbox,
        Client("any-key-will-do", base_url=sandbox.base_url, cache_dir=cache_dir) as client,
    ):
        tell(f"A stand-in of the API serves synthetic records at {sandbox.base_url}.\n")
        first = fetch(made.ids, client=client)
        tell(f"{first.stats}.\n")
        tell(str(overview(first.frame, ["model"], width=width)))
        write_parquet(first.frame, directory / PARQUET)
        save(first.frame, cost_over_time, directory / CHART)
        tell(f"\nWrote {directory / PARQUET}: {len(first.frame):,} rows, {len(first.frame.columns)} columns.")
        tell(f"Wrote {directory / CHART}.")
        parquet, page = directory / PARQUET, directory / REPORT
        write_report(first.frame, page, title="Synthetic records", sources=[parquet])
        tell(f"Wrote {page}: findings, charts and their numbers, for a browser.\n")
        again = fetch(made.ids, client=client)
        tell(f'Fetched again: {again.stats.from_cache:,} ids from the cache, "requests": {again.stats.requests}.')
