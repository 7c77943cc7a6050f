"""The command `cache-flips`."""

import click

from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, reads_records
from genanalytics.cli.streams import say
from genanalytics.units import format_count

_MAX_ROWS = 20
"""The number of flips in a table; JSON and CSV contain all."""

_COLUMNS = ("created_at", "cause", "gap_ms", "previous_prompt", "prompt", "cached", "lost_tokens", "loss")
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
    from genanalytics.tables.table import list_notices

    with selection.open() as data:
        found = find_flips(data)
    if output.print_rows(found):
        return
    notices = list_notices(found)
    if found.empty:
        compared = format_count(found.attrs["compared"], "call")
        say(f"No session lost its cache: {compared} compared with the call before.", *notices)
        return
    output.say_table(cache_flip_summary(found), ["cause"], _BY_CAUSE)
    shown = found.sort_values("loss", ascending=False, kind="stable").head(_MAX_ROWS)
    shown["created_at"] = shown["created_at"].dt.tz_convert(selection.tz)
    say("")
    named = ["session_id"] if shown["session_id"].notna().any() else []
    output.say_table(shown, ["requested_id", *named, "model"], _COLUMNS)
    if len(found) > _MAX_ROWS:
        say(f"... and {len(found) - _MAX_ROWS:,} more (--json prints all)")
    say(*notices)
