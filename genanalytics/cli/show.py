"""The command `show`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from genanalytics.base.text import to_one_line
from genanalytics.cli.exit_codes import Exit
from genanalytics.cli.options import FILE, client_options, json_option, open_client, print_notices
from genanalytics.cli.records import ENGINES, Selection
from genanalytics.cli.stdin import hold_stdin
from genanalytics.cli.streams import emit, say, say_table
from genanalytics.cli.terminal import find_terminal_width

if TYPE_CHECKING:
    import pandas as pd

    from genanalytics.bill.explanation import Explanation
    from genanalytics.fetching.client import Client


@click.command(
    epilog="""\b
Examples:
  genanalytics show gen-1788269378-ao3CmY3hFIhtMPMMxebZ generations.parquet
  genanalytics show gen-1788269378-ao3CmY3hFIhtMPMMxebZ --json"""
)
@click.argument("generation_id", metavar="GEN-ID")
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=FILE)
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="auto",
    show_default=True,
    help="Choose the engine for PATH; auto uses DuckDB above 200 MB of Parquet, otherwise pandas.",
)
@client_options
@json_option
def show(
    generation_id: str,
    paths: tuple[str, ...],
    engine: str,
    wait_s: float,
    accept_mismatch: bool,
    as_json: bool,
    **client: Any,
) -> int:
    """Show one generation in full, and its cost as a sum.

    Attempts, tokens and prices are shown too. With PATH, the record is read from these files, whose other records tell
    the prices. Without PATH, it is read from the cache, or fetched; then the records of the same account in the cache
    tell the prices.
    """
    from genanalytics.bill.explain import explain

    _refuse_file(generation_id)
    _refuse_ignored(["engine"] if not paths else ["wait_s", "accept_mismatch", *client], has_paths=bool(paths))
    if paths:
        with hold_stdin(paths) as held, Selection(held, engine=engine).open() as data:
            _print(explain(generation_id, data), as_json=as_json)
        return Exit.SUCCESS
    from genanalytics.fetching.fetch import fetch

    with open_client(client) as opened:
        result = fetch([generation_id], client=opened, wait_s=wait_s, accept_mismatch=accept_mismatch, progress=False)
        print_notices(result.stats.notices)
        if len(result.failures):
            failure = result.explain().iloc[0]
            reason = f"{failure['meaning']}; {failure['next_step']}"
            say(f"Error: no record of {to_one_line(generation_id)!r}: {reason}.", err=True)
            return Exit.PARTIAL
        others = _read_related(opened, result.frame)
    _print(explain(result.frame, others), as_json=as_json)
    return Exit.SUCCESS


def _refuse_file(word: str) -> None:
    """Refuse a file in place of an id.

    Raises:
        click.UsageError: It is one.
    """
    if Path(word).exists():
        msg = f"{word} is a file or directory: give an id first, such as one that genanalytics top generations prints"
        raise click.UsageError(msg)


def _refuse_ignored(names: Sequence[str], *, has_paths: bool) -> None:
    """Refuse options on the command line that would have no effect.

    Raises:
        click.UsageError: There is one.
    """
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
        if parameter.name in names and given:
            where = "with PATH, since nothing is fetched" if has_paths else "without PATH"
            msg = f"{parameter.opts[0]} has no effect {where}: drop it"
            raise click.UsageError(msg)


def _print(explanation: "Explanation", *, as_json: bool) -> None:
    if as_json:
        from genanalytics.tables.encode import encode_object

        emit(encode_object(explanation.to_json()))
    else:
        say_table(explanation.to_text(width=find_terminal_width()))


def _read_related(client: "Client", frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a record with those of the same account in the cache that are of its model or its session."""
    from genanalytics.cache.contents import list_records
    from genanalytics.records.frame import parse_frame
    from genanalytics.records.joining import join_frames
    from genanalytics.records.parse import Row

    wanted = [name for column in ("model", "session_id") for name in frame[column].dropna()]
    parts = [name.rpartition("/")[2].encode() for name in wanted]  # JSON may escape a slash
    related = [
        Row(entry.requested_id, entry.body, entry.fetched_at)
        for entry in list_records(client.archive, client.make_cache_key)
        if any(part in entry.body for part in parts)
    ]
    return join_frames([parse_frame(related), frame])
