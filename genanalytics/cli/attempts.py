"""The command `attempts`."""

import click

from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, reads_records
from genanalytics.cli.streams import say
from genanalytics.cli.terminal import say_notes
from genanalytics.units import format_count

_COLUMNS = ("attempts", "success_rate", "rate_limited", "fell_back", "wait_ms_p50", "wait_ms_p95", "lost_ms")


@click.command(
    epilog="""\b
Examples:
  genanalytics attempts generations.parquet
  genanalytics attempts generations.parquet --json"""
)
@reads_records
@prints_rows
def attempts(selection: Selection, output: Output) -> None:
    """Show attempts and success rate per provider.

    The time lost to fallbacks is shown too.
    """
    from genanalytics.metrics import attempt_summary
    from genanalytics.tables.notes import list_notices

    with selection.open(engine="pandas") as data:
        found = attempt_summary(data).sort_values("attempts", ascending=False, kind="stable", ignore_index=True)
    if output.print_rows(found, ["provider_name", *_COLUMNS]):
        return
    output.say_table(found, ["provider_name"], _COLUMNS)
    say_notes(*list_notices(found))
    say(f"Attempts: unknown for {format_count(found.attrs['without_attempts'], 'request')}.")
