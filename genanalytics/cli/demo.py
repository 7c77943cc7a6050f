"""The main job on made-up records: the stand-in of the API, real HTTP, the cache, a file, a chart."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from genanalytics.errors import OutputError
from genanalytics.fetching.client import Client
from genanalytics.fetching.fetch import fetch
from genanalytics.files import write_parquet
from genanalytics.plots import cost_over_time, save
from genanalytics.report import write_report
from genanalytics.sandbox import Sandbox, sample
from genanalytics.tables.overview import overview

PARQUET = "generations.parquet"
CHART = "cost-per-day-by-model.png"
REPORT = "report.html"


def run_demo(directory: Path, say: Callable[[str], None], *, width: int = 120) -> None:
    """Fetch the sample, summarise it, write it as Parquet, as a chart and as a report, and fetch it again.

    Args:
        directory: Where the files go; made when it is not there. The cache lies elsewhere and is gone afterwards: the
            first fetch always shows requests, and the user's own cache is not touched.
        say: Takes each line of text.
        width: How many characters a line of the table may have.

    Raises:
        OutputError: The directory cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"cannot make the directory {directory}: {error.strerror}; name another one with --directory"
        raise OutputError(msg) from error
    made = sample()
    with (
        TemporaryDirectory(prefix="genanalytics-") as cache_dir,
        Sandbox(made) as sandbox,
        Client("any-key-will-do", base_url=sandbox.base_url, cache_dir=cache_dir) as client,
    ):
        say(f"A stand-in of the API serves made-up records at {sandbox.base_url}.\n")
        first = fetch(made.ids, client=client)
        say(f"{first.stats}.\n")
        say(overview(first.frame, ["model"], coverage=first.stats.coverage, width=width))
        write_parquet(first.frame, directory / PARQUET, asked=first.stats.distinct)
        save(first.frame, cost_over_time, directory / CHART)
        say(f"\nWrote {directory / PARQUET}: {len(first.frame):,} rows, {len(first.frame.columns)} columns.")
        say(f"Wrote {directory / CHART}.")
        parquet, page = directory / PARQUET, directory / REPORT
        write_report(first.frame, page, title="Made-up records", coverage=first.stats.coverage, sources=[parquet])
        say(f"Wrote {page}: findings, charts and their numbers, for a browser.\n")
        again = fetch(made.ids, client=client)
        say(f'Fetched again: {again.stats.from_cache:,} ids from the cache, "requests": {again.stats.requests}.')
