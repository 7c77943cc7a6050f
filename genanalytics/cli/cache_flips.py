"""The command `cache-flips`."""

import click

from genanalytics.cli.records import find_terminal_width, open_records, print_rows, reads_records
from genanalytics.cli.streams import say, say_table
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
def cache_flips(
    paths: tuple[str, ...], where: tuple[str, ...], tz: str, engine: str, as_json: bool, as_csv: bool
) -> None:
    """Show calls that lost the prompt cache of their session.

    Each loss is an upper bound. The highest loss comes first.
    """
    from genanalytics.bill.flips import cache_flip_summary, cache_flips as find_flips
    from genanalytics.tables.table import format_table, list_notices

    with open_records(paths, where, tz, engine) as data:
        found = find_flips(data)
    if print_rows(found, as_json=as_json, as_csv=as_csv):
        return
    notices = list_notices(found)
    if found.empty:
        compared = format_count(found.attrs["compared"], "call")
        say(f"No session lost its cache: {compared} compared with the call before.", *notices)
        return
    width = find_terminal_width()
    say_table(format_table(cache_flip_summary(found), ["cause"], _BY_CAUSE, width=width))
    shown = found.sort_values("loss", ascending=False, kind="stable").head(_MAX_ROWS)
    shown["created_at"] = shown["created_at"].dt.tz_convert(tz)
    say("")
    named = ["session_id"] if shown["session_id"].notna().any() else []
    say_table(format_table(shown, ["requested_id", *named, "model"], _COLUMNS, width=width))
    if len(found) > _MAX_ROWS:
        say(f"... and {len(found) - _MAX_ROWS:,} more (--json prints all)")
    say(*notices)
