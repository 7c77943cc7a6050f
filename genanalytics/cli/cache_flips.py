"""The command `cache-flips`."""

import click

from genanalytics.cli.output import Output, prints_rows, show_times
from genanalytics.cli.records import Selection, reads_records
from genanalytics.cli.streams import say, say_table
from genanalytics.cli.terminal import choose_style, find_terminal_width, say_notes
from genanalytics.units import format_count

_MAX_ROWS = 20
"""The number of flips in a table without --limit; JSON and CSV contain all."""

_COLUMNS = ("created_at", "cause", "gap_ms", "previous_prompt", "prompt", "cached", "lost_tokens", "loss")
_RARE = ("previous_prompt", "prompt", "cached", "gap_ms", "created_at", "lost_tokens")
"""The columns that a narrow terminal leaves out first."""
_BY_CAUSE = ("flips", "lost_tokens", "loss", "loss_unknown")


@click.command(
    "cache-flips",
    epilog="""\b
Examples:
  genanalytics cache-flips generations.parquet
  genanalytics cache-flips generations.parquet --csv > flips.csv""",
)
@reads_records
@prints_rows
def cache_flips(selection: Selection, output: Output) -> None:
    """Show calls that lost the prompt cache of their session.

    Each loss is an upper bound. The highest loss comes first.
    """
    from genanalytics.bill.flips import cache_flip_summary, cache_flips as find_flips
    from genanalytics.tables.notes import list_notices
    from genanalytics.tables.table import format_table

    with selection.open() as data:
        found = find_flips(data)
    localize = show_times(selection.tz, "created_at")
    named = ["requested_id", *(["session_id"] if found["session_id"].notna().any() else []), "model"]
    if output.print_rows(found, [*named, *_COLUMNS], prepare=localize):
        return
    notices = list_notices(found)
    if found.empty:
        compared = format_count(found.attrs["compared"], "call")
        say_notes(f"No session lost its cache: {compared} compared with the call before.", *notices)
        return
    ranked = found.sort_values("loss", ascending=False, kind="stable")
    output.arrange(ranked)  # a wrong option is an error before anything is printed
    width, style = find_terminal_width(), choose_style()
    say_table(format_table(cache_flip_summary(found), ["cause"], _BY_CAUSE, width=width, style=style))
    say("")
    output.say_table(ranked, named, _COLUMNS, limit=_MAX_ROWS, prepare=localize, rare=_RARE)
    say_notes(*notices)
