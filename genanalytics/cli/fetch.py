"""The command `fetch`."""

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from genanalytics.cli.exit_codes import Exit
from genanalytics.cli.ids import collect_notices, read_given_ids
from genanalytics.cli.options import (
    FILE,
    client_options,
    force_option,
    ids_arguments,
    keep_richer_file,
    open_client,
    print_notices,
    quiet_option,
    report_kept_files,
)
from genanalytics.cli.streams import emit, say
from genanalytics.cli.tolerance import Tolerance, tolerance_options
from genanalytics.errors import InputError
from genanalytics.units import format_count

if TYPE_CHECKING:
    from genanalytics.fetching.result import FetchResult


@click.command(
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
    help="Write the records to a .parquet, .csv, .jsonl, .arrow or .duckdb file (default: JSON lines on stdout).",
)
@click.option(
    "--failures", type=FILE, help="Write the ids without a record, with reasons, to a file of the same formats."
)
@client_options
@force_option
@tolerance_options
@click.option("--refresh", is_flag=True, help="Request every id again.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object of counts instead of the records.")
@quiet_option
def fetch(
    ids: tuple[str, ...],
    inputs: tuple[str, ...],
    output: str | None,
    failures: str | None,
    wait_s: float,
    force: bool,
    refresh: bool,
    min_coverage: float | None,
    allow_missing: bool,
    accept_mismatch: bool,
    as_json: bool,
    quiet: bool,
    **client: Any,
) -> int:
    """Fetch the records of generation ids.

    An argument that names a file is read as a file: a list with one id per line (blank lines and # comments are
    ignored), or any other file that `genanalytics ids` reads. OPENROUTER_API_KEY holds the API key. Records in the
    cache are not fetched again.
    """
    from genanalytics.fetching.fetch import fetch as fetch_ids
    from genanalytics.files import check_target, write, write_failures
    from genanalytics.formats.jsonl import to_json_lines

    tolerance = Tolerance(min_coverage, allow_missing)
    if refresh and client["offline"]:
        msg = "--refresh requests every id, and --offline sends nothing: give one of them"
        raise click.UsageError(msg)
    targets = [target for target in (output, failures) if target is not None]
    for target in targets:
        check_target(target)
    _check_apart([*targets, *filter(os.path.exists, (*ids, *inputs))], targets)
    given, reads = read_given_ids(ids, inputs)
    with open_client(client) as opened:
        result = fetch_ids(
            given,
            client=opened,
            refresh=refresh,
            wait_s=wait_s,
            accept_mismatch=accept_mismatch,
            progress=False if quiet else None,
        )
    kept: list[str] = []
    written = []
    for named, rows, write_rows in ((output, result.frame, write), (failures, result.failures, write_failures)):
        if named is not None:
            with keep_richer_file(kept):
                write_rows(rows, named, force=force)
                written.append(named)
    if as_json:
        emit(_to_json(result))
    elif output is None:
        for line in to_json_lines(result.frame):
            emit(line)
    if not quiet:
        print_notices(collect_notices(reads))
        _print_report(result, *(name if name in written else None for name in (output, failures)))
    report_kept_files(kept)
    code = tolerance.finish(result.stats.coverage, result.stats.outcomes)
    return Exit.PARTIAL if kept else code


def _check_apart(files: Sequence[str], targets: Sequence[str]) -> None:
    """Refuse to write one file twice, or over a list of ids."""
    names = [os.path.realpath(file) for file in files]
    for target in targets:
        if names.count(os.path.realpath(target)) > 1:
            msg = f"{target!r} would be overwritten: name another file for each output"
            raise InputError(msg)


def _to_json(result: "FetchResult") -> str:
    stats = result.stats
    return json.dumps(
        {
            "requested": stats.requested,
            "distinct": stats.distinct,
            "outcomes": dict(stats.outcomes),
            "coverage": stats.coverage,
            "requests": stats.requests,
            "from_cache": stats.from_cache,
            "seconds": round(stats.seconds, 3),
        }
    )


def _print_report(result: "FetchResult", output: str | None, failures: str | None) -> None:
    """Print the counts on stderr, and advice about missing records."""
    say(str(result.stats), err=True)
    print_notices(result.stats.notices)
    if output is not None:
        say(f"Wrote {format_count(len(result.frame), 'row')} to {output}.", err=True)
    missing = len(result.failures)
    if failures is not None:
        say(f"Wrote {format_count(missing, 'failure')} to {failures}.", err=True)
    elif missing:
        first = result.failures.iloc[0]
        is_told = first["message"] in result.stats.notices  # why the run ended
        reason = "" if is_told else f"; the first is {first['requested_id']!a:.80}: {first['message']}"
        say(f"Use --failures FILE to list the ids without a record{reason}.", err=True)
    if missing:
        say(f"{format_count(missing, 'id')} without a record, so totals are lower bounds:", err=True)
        for outcome, ids, meaning, next_step, _ in result.explain().to_numpy().tolist():
            say(f"  {ids:,} {outcome}: {meaning}; {next_step}.", err=True)
