"""The command line: its commands, and the exit code that a process leaves with.

The commands import what they need when they run, so that `--help` answers at once.
"""

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Never

import click

from genanalytics._version import __version__
from genanalytics.base.mask import hide_api_keys
from genanalytics.base.text import escape_unprintable
from genanalytics.cli.attempts import attempts
from genanalytics.cli.cache import cache
from genanalytics.cli.compact import compact
from genanalytics.cli.completion import PROGRAM, VARIABLE, complete, completion
from genanalytics.cli.demo import demo
from genanalytics.cli.doctor import doctor
from genanalytics.cli.exit_codes import Exit
from genanalytics.cli.export import export
from genanalytics.cli.fetch import fetch
from genanalytics.cli.ids import ids
from genanalytics.cli.plot import plot
from genanalytics.cli.quality import quality
from genanalytics.cli.reconcile import reconcile
from genanalytics.cli.report import report
from genanalytics.cli.sandbox import sandbox
from genanalytics.cli.sessions import sessions
from genanalytics.cli.summary import summary
from genanalytics.errors import GenAnalyticsError, InputError, KeyRefusedError, PoorerResultError


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which a scheduler sends where a person presses Ctrl-C."""


def main() -> None:
    """Run the command line and exit."""
    signal.signal(signal.SIGTERM, _terminate)
    if sys.stdout is None:  # the caller closed it; a file that is opened later must not take its place
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the process ends
    if os.environ.get(VARIABLE):
        sys.exit(complete(commands))
    sys.exit(run(sys.argv[1:]))


def _terminate(*_: object) -> Never:
    raise _Terminated


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code, one of `Exit`."""
    try:
        code = _invoke(arguments)
        sys.stdout.flush()
    except click.ClickException as error:
        shown = StringIO()
        error.show(shown)
        click.echo(hide_api_keys(shown.getvalue()), err=True, nl=False)  # it may quote an argument
        return error.exit_code
    except KeyboardInterrupt as error:
        fetches = arguments[:1] in (["fetch"], ["export"])
        resumes = " Fetched records are kept; run again to resume." if fetches else ""
        click.echo(f"\nInterrupted.{resumes}", err=True)
        return Exit.TERMINATED if isinstance(error, _Terminated) else Exit.INTERRUPTED
    except GenAnalyticsError as error:
        click.echo(f"Error: {escape_unprintable(hide_api_keys(str(error)))}", err=True)  # it may quote untrusted text
        return _choose_exit_code(error)
    except BrokenPipeError:
        _abandon_stdout()
        return Exit.PIPE_CLOSED
    except OSError as error:
        click.echo(f"Error: cannot write the output: {error.strerror}", err=True)
        _abandon_stdout()
        return Exit.FAILURE
    return code if isinstance(code, int) else Exit.SUCCESS


def _invoke(arguments: Sequence[str]) -> object:
    """Return the result of a command; `commands.main` would turn a closed pipe into a failure."""
    try:
        with commands.make_context(PROGRAM, list(arguments)) as context:
            return commands.invoke(context)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code


def _abandon_stdout() -> None:
    """Redirect stdout to nowhere: at its end Python would try to write again, and fail again."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _choose_exit_code(error: GenAnalyticsError) -> int:
    if isinstance(error, KeyRefusedError):
        return Exit.KEY_REFUSED
    if isinstance(error, PoorerResultError):
        return Exit.PARTIAL
    return Exit.USAGE if isinstance(error, InputError | LookupError) else Exit.FAILURE


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  genanalytics demo
  genanalytics fetch ids.txt --output generations.parquet
  genanalytics summary generations.parquet --by model""",
)
@click.version_option(__version__)
def commands() -> None:
    """Turn OpenRouter generation ids into answers: cost, prompt-cache savings, latency."""


for _command in (
    attempts,
    cache,
    compact,
    completion,
    demo,
    doctor,
    export,
    fetch,
    ids,
    plot,
    quality,
    reconcile,
    report,
    sandbox,
    sessions,
    summary,
):
    commands.add_command(_command)
