"""The command `mcp`."""

import os
from contextlib import suppress
from functools import wraps
from importlib.util import find_spec
from typing import Any, cast

import click

from genanalytics.cli import signals
from genanalytics.cli.exit_codes import Exit
from genanalytics.cli.options import Command
from genanalytics.cli.records import Selection, reads_records
from genanalytics.cli.repeat import find_state
from genanalytics.cli.stdin import STDIN
from genanalytics.cli.streams import say
from genanalytics.errors import InputError

_STDIN, _STDOUT, _STDERR = 0, 1, 2


def _leave_stdin(command: Command) -> Command:
    """Let a command refuse to read records from stdin."""

    @wraps(command)
    def check(paths: tuple[str, ...], **others: Any) -> Any:
        if STDIN in paths:
            msg = "stdin belongs to the MCP client: give a file or a data set instead of -"
            raise click.UsageError(msg)
        return command(paths=paths, **others)

    return cast("Command", check)


@click.command(
    epilog="""\b
Examples:
  genanalytics mcp generations.parquet
  genanalytics mcp generations.parquet --where external_user=user-7 --tz Europe/Berlin"""
)
@_leave_stdin
@reads_records
def mcp(selection: Selection) -> None:
    """Serve records to a coding agent, as read-only tools.

    An MCP client, such as an editor, starts this command and talks to it on stdin and stdout; it ends with the client.
    The tools show only the chosen records, in bounded answers. They write nothing, send nothing, and read no other
    file. A file that changed is read again. Needs the package mcp: pip install 'genanalytics[mcp]'.
    """
    if find_spec("mcp") is None:
        msg = "the command mcp needs the package mcp: pip install 'genanalytics[mcp]'"
        raise InputError(msg)
    from genanalytics.agents.kept import KeptRecords
    from genanalytics.agents.server import serve

    records = KeptRecords(selection, find_state)
    with records.query():  # so that a file that cannot be read is reported here, not to the agent
        pass
    signals.leave_at_once()  # the thread that reads stdin cannot be interrupted, and nothing is to be ended in order
    responses = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)  # text that anything else prints, such as a library, is no response
    say("Serving an MCP client on stdin and stdout, until it closes them.", err=True)
    with suppress(BrokenPipeError), os.fdopen(os.dup(_STDIN), "rb") as requests, os.fdopen(responses, "wb") as written:
        is_busy = serve(records, requests, written)
        if is_busy:  # nobody waits for the answer, and its thread cannot be interrupted
            os._exit(Exit.SUCCESS)
