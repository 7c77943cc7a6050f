"""The command `sessions`."""

import click

from genanalytics.cli.output import Output, prints_rows, show_times
from genanalytics.cli.records import Selection, reads_records
from genanalytics.cli.streams import say
from genanalytics.cli.terminal import say_notes
from genanalytics.units import format_count

_MAX_ROWS = 20
"""The number of sessions in a table without --limit; JSON and CSV contain all."""

_RARE = ("length_ms", "cache_payback", "first")
"""The columns that a narrow terminal leaves out first."""
_COLUMNS = ("requests", "first", "length_ms", "effective_cost", "net_cache_savings", "cache_payback", "cache_hit_rate")


@click.command(
    epilog="""\b
Examples:
  genanalytics sessions generations.parquet
  genanalytics sessions generations.parquet --csv > sessions.csv"""
)
@reads_records
@prints_rows
def sessions(selection: Selection, output: Output) -> None:
    """Show cost, length and caching per session.

    The most expensive session comes first.
    """
    print_sessions(selection, output)


def print_sessions(selection: Selection, output: Output) -> None:
    """Print the sessions of records, the most expensive first."""
    from genanalytics.metrics import sessions as compute_sessions
    from genanalytics.tables.notes import list_notices

    with selection.open() as data:
        found = compute_sessions(data).sort_values("effective_cost", ascending=False, kind="stable", ignore_index=True)
    localize = show_times(selection.tz, "first", "last")
    if output.print_rows(found, ["session_id", *_COLUMNS], prepare=localize):
        return
    output.say_table(found, ["session_id"], _COLUMNS, limit=_MAX_ROWS, prepare=localize, rare=_RARE)
    say_notes(*list_notices(found))
    outside = format_count(found.attrs["without_session"], "request")
    say(f"Sessions: {len(found):,}; without a session: {outside}.")
