"""The command `coverage`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from genanalytics.cli.exit_codes import Exit
from genanalytics.cli.options import FILE, base_url_option, management_key_option, read_management_key
from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, reads_all, split_names
from genanalytics.cli.streams import say
from genanalytics.cli.terminal import say_notes
from genanalytics.cli.tolerance import SHARE
from genanalytics.units import Unit, format_value

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("billed_requests", "requests", "bill_usd", "records_usd", "missing_usd")
_RARE = ("billed_requests", "requests", "records_usd", "bill_usd")
"""The columns that a narrow terminal leaves out first."""
_MAX_ROWS = 10
"""The number of gaps in a table without --limit."""


@click.command(
    epilog="""\b
Examples:
  genanalytics coverage generations.parquet
  genanalytics coverage generations/ --by day --since 2026-09-15 --min-coverage 0.95"""
)
@reads_all
@prints_rows
@click.option(
    "--daily-activity",
    "daily_file",
    type=FILE,
    metavar="FILE",
    help="Read the daily activity from a file, the JSON of GET /activity, instead of asking the service.",
)
@click.option(
    "--by",
    multiple=True,
    metavar="COLUMN[,COLUMN]",
    default=("day,model,provider_name",),
    show_default=True,
    help="Show gaps by some of day, model and provider_name.",
)
@click.option("--since", metavar="TIME", help="Compare full days (UTC) from this time on: 7d (ago), 2026-09-01.")
@click.option("--until", metavar="TIME", help="Compare full days (UTC) before this time.")
@click.option(
    "--min-coverage",
    type=SHARE,
    help="Exit with code 3 if a smaller share of the bill is in the records: 0.95.",
)
@management_key_option
@base_url_option
def coverage(
    selection: Selection,
    output: Output,
    daily_file: str | None,
    by: tuple[str, ...],
    since: str | None,
    until: str | None,
    min_coverage: float | None,
    management_key_file: str | None,
    base_url: str | None,
) -> int:
    """Show how much of the service's bill the records contain.

    The cost of each day, model and provider is compared with the service's own daily activity, which has the last 30
    completed days (UTC). OPENROUTER_MANAGEMENT_KEY holds the management key, which is another one than the API key.
    """
    from genanalytics.service.bill_coverage import check_options, coverage as compare
    from genanalytics.tables.notes import list_notices

    names = split_names(",".join(by))
    check_options(by=names, since=since, until=until)
    activity = _get_activity(daily_file, management_key_file, base_url)
    with selection.open() as data:
        found = compare(data, activity, since=since, until=until)
    rows = found.totals(names)
    if not output.print_rows(rows, [*names, *_COLUMNS]):
        _say_gaps(found.answer, rows, names, output)
        say_notes(*list_notices(rows))
    if min_coverage is None or found.share is None or found.share >= min_coverage:
        return Exit.SUCCESS
    wanted = format_value(min_coverage, Unit.SHARE)
    say(f"Less than {wanted} of the bill is here: fetch the missing records, see genanalytics ids --help.", err=True)
    return Exit.PARTIAL


def _get_activity(daily_file: str | None, management_key_file: str | None, base_url: str | None) -> "pd.DataFrame":
    """Return the daily activity, from a file or from the service.

    Raises:
        click.UsageError: Options of both are given.
    """
    if daily_file is None:
        from genanalytics.fetching.daily_activity import fetch_daily_activity

        return fetch_daily_activity(management_key=read_management_key(management_key_file), base_url=base_url)
    if management_key_file is not None or base_url is not None:
        msg = (
            "--daily-activity reads a file, and --management-key-file and --base-url ask the service: give one of them"
        )
        raise click.UsageError(msg)
    from genanalytics.service.daily_activity import read_daily_activity

    return read_daily_activity(daily_file)


def _say_gaps(answer: str, rows: "pd.DataFrame", names: Sequence[str], output: Output) -> None:
    """Print the answer, and the rows with a gap."""
    gaps = rows[(rows["missing_usd"] > 0) | (rows["billed_requests"] > rows["requests"])]
    output.arrange(gaps)  # an option that names no column is an error even if nothing is missing
    if len(gaps):
        output.say_table(gaps, names, _COLUMNS, limit=_MAX_ROWS, rare=_RARE, answer=[answer])
    else:
        say_notes(answer)
        say("")
