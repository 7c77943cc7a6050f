"""The command `attempts`."""

import click

from genanalytics.cli.records import find_terminal_width, open_records, print_rows, reads_records
from genanalytics.cli.streams import say, say_table
from genanalytics.units import format_count

_COLUMNS = ("attempts", "success_rate", "rate_limited", "fell_back", "wait_ms_p50", "wait_ms_p95", "lost_ms")


@click.command(
    epilog="""\b
Examples:
  genanalytics attempts generations.parquet
  genanalytics attempts generations.parquet --json"""
)
@reads_records
def attempts(paths: tuple[str, ...], where: tuple[str, ...], tz: str, engine: str, as_json: bool, as_csv: bool) -> None:
    """Show attempts and success rate per provider.

    The time lost to fallbacks is shown too.
    """
    from genanalytics.metrics import attempt_summary
    from genanalytics.tables.table import format_table, list_notices

    with open_records(paths, where, tz, "pandas" if engine == "auto" else engine) as data:
        found = attempt_summary(data).sort_values("attempts", ascending=False, kind="stable", ignore_index=True)
    if print_rows(found, as_json=as_json, as_csv=as_csv):
        return
    say_table(format_table(found, ["provider_name"], _COLUMNS, width=find_terminal_width()))
    say(*list_notices(found))
    say(f"Attempts: unknown for {format_count(found.attrs['without_attempts'], 'request')}.")
