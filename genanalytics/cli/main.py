"""The command line: arguments, environment, exit codes.

The commands import what they need when they run, so that `--help` answers at once.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

import click

from genanalytics._version import __version__
from genanalytics.cli import cache, completion, doctor, export, plot, reconcile, report, summary
from genanalytics.cli import ids as ids_command
from genanalytics.cli.options import (
    EXIT_FAILURE,
    EXIT_INTERRUPTED,
    EXIT_KEY_REFUSED,
    EXIT_PARTIAL,
    EXIT_PIPE_CLOSED,
    EXIT_TERMINATED,
    EXIT_USAGE,
    client_options,
    ids_arguments,
    opened_client,
)
from genanalytics.cli.records import terminal_width
from genanalytics.cli.types import DIRECTORY, FILE
from genanalytics.errors import GenAnalyticsError, InputError, KeyRefusedError, OutputError
from genanalytics.units import counted, printable

if TYPE_CHECKING:
    from genanalytics.fetching.result import Fetched


class _Terminated(KeyboardInterrupt):
    """SIGTERM: what ends a program that a scheduler runs, as Ctrl-C ends one before a person."""


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    if sys.stdout is None:  # the caller closed it; a file that is opened later must not take its place
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the process ends
    if completion.is_asked_for():
        sys.exit(completion.complete(commands))
    sys.exit(run(sys.argv[1:]))


def _terminate(*_: object) -> Never:
    raise _Terminated


def run(arguments: Sequence[str]) -> int:
    """Run the command line.

    Returns:
        One of `cli_options.EXIT_CODES`.
    """
    try:
        code = _result(arguments)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except KeyboardInterrupt as error:
        fetches = arguments[:1] in (["fetch"], ["export"])
        resumes = " What was fetched is kept, and running again resumes." if fetches else ""
        click.echo(f"\nInterrupted.{resumes}", err=True)
        return EXIT_TERMINATED if isinstance(error, _Terminated) else EXIT_INTERRUPTED
    except GenAnalyticsError as error:
        click.echo(f"Error: {printable(str(error))}", err=True)  # it may quote what strangers wrote
        return _exit_code(error)
    except BrokenPipeError:
        _abandon_stdout()
        return EXIT_PIPE_CLOSED
    except OSError as error:
        click.echo(f"Error: cannot write the output: {error.strerror}", err=True)
        _abandon_stdout()
        return EXIT_FAILURE
    return code if isinstance(code, int) else 0


def _result(arguments: Sequence[str]) -> object:
    """Return what a command returns; `commands.main` would turn a closed pipe into a failure."""
    try:
        with commands.make_context(completion.PROGRAM, list(arguments)) as context:
            return commands.invoke(context)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code


def _abandon_stdout() -> None:
    """Let nothing be written to stdout any more: Python would try once more at its end, and fail once more."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _exit_code(error: GenAnalyticsError) -> int:
    if isinstance(error, KeyRefusedError):
        return EXIT_KEY_REFUSED
    return EXIT_USAGE if isinstance(error, InputError | LookupError) else EXIT_FAILURE


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


commands.add_command(cache.cache)
commands.add_command(completion.completion)
commands.add_command(doctor.doctor)
commands.add_command(export.export)
commands.add_command(export.compact)
commands.add_command(ids_command.ids)
commands.add_command(reconcile.reconcile)
for command in summary.COMMANDS:
    commands.add_command(command)
commands.add_command(plot.plot)
commands.add_command(report.report)


@commands.command(
    epilog="""\b
Examples:
  genanalytics fetch ids.txt --output generations.parquet
  genanalytics fetch logs/ --output generations.csv --failures failures.csv
  genanalytics ids app.db | genanalytics fetch --input - --rate 10 --json
  genanalytics fetch gen-1756000000-AbCdEfGhIjKlMnOpQrSt --offline | jq .data.total_cost"""
)
@ids_arguments
@click.option(
    "-o",
    "--output",
    type=FILE,
    help="Write the records: .parquet, .csv, .jsonl, .arrow or .duckdb. Without it: JSON lines on stdout.",
)
@click.option("--failures", type=FILE, help="Write the ids without a record, and why, in any of these forms.")
@client_options
@click.option("--refresh", is_flag=True, help="Ask for every id again.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object of counts instead of the records.")
@click.option("--quiet", is_flag=True, help="No notices and no progress on stderr.")
def fetch(
    ids: tuple[str, ...],
    inputs: tuple[str, ...],
    output: str | None,
    failures: str | None,
    wait_s: float,
    refresh: bool,
    accept_mismatch: bool,
    as_json: bool,
    quiet: bool,
    **client: Any,
) -> int:
    """Fetch the records of generation ids.

    Every ID that is an existing file is read as one: a list with an id a line, blank lines and # comments apart, or
    whatever else `genanalytics ids` finds ids in. The key is taken from OPENROUTER_API_KEY. What was fetched once is
    not asked for again.
    """
    from genanalytics.fetching.fetch import fetch as fetch_ids
    from genanalytics.files import checked_target, write_failures, write_frame
    from genanalytics.formats.jsonl import json_lines

    targets = [target for target in (output, failures) if target is not None]
    for target in targets:
        checked_target(target)
    _check_apart([*targets, *filter(os.path.exists, (*ids, *inputs))], targets)
    given, reads = ids_command.given_ids(ids, inputs)
    with opened_client(client) as opened:
        fetched = fetch_ids(
            given,
            client=opened,
            refresh=refresh,
            wait_s=wait_s,
            accept_mismatch=accept_mismatch,
            progress=False if quiet else None,
        )
    if output is not None:
        write_frame(fetched.frame, output, asked=fetched.stats.distinct)
    if failures is not None:
        write_failures(fetched.failures, failures)
    if as_json:
        click.echo(_as_json(fetched))
    elif output is None:
        for line in json_lines(fetched.frame):
            click.echo(line)
    if not quiet:
        ids_command.tell(ids_command.notices_of(reads))
        _report(fetched, output, failures)
    return 0 if len(fetched.failures) == 0 else EXIT_PARTIAL


def _check_apart(files: Sequence[str], targets: Sequence[str]) -> None:
    """Refuse to write one file twice, or over a list of ids: something would be lost."""
    names = [os.path.realpath(file) for file in files]
    for target in targets:
        if names.count(os.path.realpath(target)) > 1:
            msg = f"{target!r} would be written over: name another file for each output"
            raise InputError(msg)


def _as_json(fetched: "Fetched") -> str:
    stats = fetched.stats
    return json.dumps(
        {
            "requested": stats.requested,
            "distinct": stats.distinct,
            "outcomes": dict(stats.outcomes),
            "requests": stats.requests,
            "from_cache": stats.from_cache,
            "seconds": round(stats.seconds, 3),
        }
    )


def _report(fetched: "Fetched", output: str | None, failures: str | None) -> None:
    """Say on stderr what was done, and what to do about what is missing."""
    stats = fetched.stats
    click.echo(str(stats), err=True)
    for notice in stats.notices:
        click.echo(f"Note: {notice}.", err=True)
    if output is not None:
        click.echo(f"Wrote {counted(len(fetched.frame), 'row')} to {output}.", err=True)
    if failures is not None:
        click.echo(f"Wrote {counted(len(fetched.failures), 'failure')} to {failures}.", err=True)
    elif not fetched.failures.empty:
        first = fetched.failures.iloc[0]
        told = f"the first is {first['requested_id']!a:.80}: {first['message']}"
        click.echo(f"--failures FILE lists the ids without a record; {told}.", err=True)
    if not fetched.failures.empty:
        click.echo(f"No record of {counted(len(fetched.failures), 'id')}, so totals are lower bounds:", err=True)
        for outcome, ids, meaning, next_step, _ in fetched.explain().to_numpy().tolist():
            click.echo(f"  {ids:,} {outcome}: {meaning}; {next_step}.", err=True)


@commands.command(
    epilog="""\b
Examples:
  genanalytics sandbox --port 8000 --ids ids.txt
  genanalytics fetch ids.txt --base-url http://127.0.0.1:8000/api/v1"""
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="P", help="Port on 127.0.0.1 (default: a free one)."
)
@click.option("--records", type=click.IntRange(1), default=400, show_default=True, metavar="N", help="How many ids.")
@click.option("--seed", type=int, default=7, show_default=True, metavar="S", help="Another seed, another sample.")
@click.option("--ids", "ids_file", type=FILE, help="Write the sample's ids to this file.")
def sandbox(port: int, records: int, seed: int, ids_file: str | None) -> None:
    """Serve sample records at GET /api/v1/generation on this machine, until Ctrl-C.

    Any bearer token is accepted. The records are made up, in the shapes of real ones.
    """
    from genanalytics.sandbox import Sandbox, sample

    made = sample(records, seed)
    server = Sandbox(made, port=port)
    if ids_file is not None:
        _write_ids(Path(ids_file), made.ids)
    click.echo(f"Serving {counted(len(made.records), 'record')} at {server.base_url}; Ctrl-C stops.", err=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)


def _write_ids(path: Path, ids: Sequence[str]) -> None:
    try:
        path.write_text("".join(f"{generation_id}\n" for generation_id in ids), encoding="utf-8")
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror}"
        raise OutputError(msg) from error
    click.echo(f"Wrote {counted(len(ids), 'id')} to {path}.", err=True)


@commands.command(
    epilog="""\b
Examples:
  genanalytics demo --directory trial/"""
)
@click.option("--directory", default="genanalytics-demo", show_default=True, type=DIRECTORY, help="Where the files go.")
def demo(directory: str) -> None:
    """Run the whole job on made-up records, with no key."""
    from genanalytics.cli.demo import run_demo

    run_demo(Path(directory), click.echo, width=terminal_width())
