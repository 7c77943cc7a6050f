"""The command line: its commands, and the exit code that a process leaves with.

The commands import what they need when they run, so that `--help` answers at once.
"""

import errno
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import click

from genanalytics._version import __version__
from genanalytics.base.mask import hide_api_keys
from genanalytics.base.text import explain
from genanalytics.cli import signals
from genanalytics.cli.arguments import name_options
from genanalytics.cli.exit_codes import Exit
from genanalytics.cli.program import PROGRAM, VARIABLE, Program
from genanalytics.cli.streams import open_standard_streams, say
from genanalytics.errors import GenAnalyticsError, InputError, KeyRefusedError, PoorerResultError

_LACKS_OF_MEMORY = (
    "start new thread",
    "launch worker thread",
    "Cannot allocate memory",
    "failed to map segment",
    "Resource temporarily unavailable",
)
"""Words by which Python, the dynamic linker and Arrow say that memory or threads ran out."""

_PACKAGE = Path(__file__).parents[1]


def main() -> None:
    """Run the command line and exit."""
    # OpenBLAS starts a thread per processor when numpy is imported, and interrupts the process if it cannot; nothing
    # here computes with matrices
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    open_standard_streams()
    warnings.showwarning = partial(_show_warning, warnings.showwarning)
    signals.raise_interrupted()
    try:
        code = _complete() if os.environ.get(VARIABLE) else run(sys.argv[1:])
    finally:
        signals.die_quietly()
    sys.exit(code)


def _show_warning(
    show_as_python: Callable[..., None], message: Warning | str, category: type[Warning], filename: str, *rest: Any
) -> None:
    """Print a warning of this package as a notice, and any other one as Python does."""
    if category is UserWarning and Path(filename).is_relative_to(_PACKAGE):
        from genanalytics.cli.options import print_notices

        print_notices([str(message)])
    else:
        show_as_python(message, category, filename, *rest)


def _complete() -> int:
    """Answer a shell that completes, and return the exit code."""
    from genanalytics.cli.completion import complete

    warnings.simplefilter("ignore")  # a shell shows them within the line
    return complete(commands)


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code, one of `Exit`."""
    try:
        code = _invoke(arguments)
        sys.stdout.flush()
    except click.ClickException as error:
        shown = StringIO()
        error.show(shown)
        for line in hide_api_keys(shown.getvalue()).expandtabs(2).splitlines():  # it may quote an argument
            say(line, err=True)
        return error.exit_code
    except KeyboardInterrupt as error:
        return _report_interruption(arguments, error)
    except BrokenPipeError:
        return Exit.PIPE_CLOSED
    except Exception as error:
        if interruption := signals.find_interruption():  # a library turned it into an error of its own
            return _report_interruption(arguments, interruption)
        message = _describe(error, arguments)
        if not message:
            raise
        say(f"Error: {hide_api_keys(message)}", err=True)
        return _choose_exit_code(error)
    return code if isinstance(code, int) else Exit.SUCCESS


def _report_interruption(arguments: Sequence[str], error: KeyboardInterrupt) -> int:
    fetches = arguments[:1] in (["fetch"], ["export"], ["watch"])
    resumes = " Fetched records are kept; run again to resume." if fetches else ""
    say("", f"Interrupted.{resumes}", err=True)
    return error.exit_code if isinstance(error, signals.Interrupted) else Exit.INTERRUPTED


def _describe(error: Exception, arguments: Sequence[str]) -> str:
    """Return the message about an error that is no fault of the program; empty for any other."""
    if isinstance(error, GenAnalyticsError):
        command = commands.find_command(arguments[0]) if arguments else None
        return name_options(error, command) if isinstance(error, InputError) else str(error)
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        return "too many open files: raise the limit, for example with ulimit -n 256"
    if isinstance(error, OSError) and error.errno and error.errno != errno.ENOMEM:
        place = f"{error.filename!s}: " if error.filename else ""
        return f"{place}{explain(error)}"
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        return f"{error.object[:80]!a} is not UTF-8, which this needs: give another name or value"
    if _is_lack_of_memory(error):
        return "there is not enough memory, or too few processes are allowed: raise the limit (ulimit -v, ulimit -u)"
    return ""


def _is_lack_of_memory(error: BaseException | None) -> bool:
    """Return whether memory or threads ran out; libraries wrap such errors, in an import above all."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        lacks = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        if lacks or any(sign in str(error) for sign in _LACKS_OF_MEMORY):
            return True
        error = error.__cause__ or error.__context__
    return False


def _invoke(arguments: Sequence[str]) -> object:
    """Return the result of a command; `commands.main` would turn a closed pipe into a failure."""
    try:
        with commands.make_context(PROGRAM, list(arguments)) as context:
            return commands.invoke(context)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code


def _choose_exit_code(error: Exception) -> int:
    if isinstance(error, KeyRefusedError):
        return Exit.KEY_REFUSED
    if isinstance(error, PoorerResultError):
        return Exit.PARTIAL
    usage = isinstance(error, GenAnalyticsError) and isinstance(error, InputError | LookupError)
    return Exit.USAGE if usage else Exit.FAILURE


@click.command(
    cls=Program,
    subcommand_metavar="COMMAND|PATH [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  genanalytics demo
  genanalytics fetch ids.txt --output generations.parquet
  genanalytics generations.parquet
  genanalytics summary generations.parquet --by provider_name --last week --against previous""",
)
@click.version_option(__version__)
def commands() -> None:
    """Turn OpenRouter generation ids into answers: cost, prompt-cache savings, latency.

    A PATH of records instead of a command shows their cost, savings and latency by model.
    """
