"""The command `ids`, and the ids that the arguments of any command name."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import click

from genanalytics.base.stores.address import is_url
from genanalytics.cli.options import (
    FILE,
    base_url_option,
    management_key_option,
    print_notices,
    read_management_key,
)
from genanalytics.cli.streams import emit, say
from genanalytics.errors import InputError
from genanalytics.units import format_count

if TYPE_CHECKING:
    from genanalytics.ids.read import Ids

_Source: TypeAlias = str | Path | BinaryIO


@click.command(
    epilog="""\b
Examples:
  genanalytics ids logs/ --since 2026-08-01 | genanalytics fetch --input -
  genanalytics ids calls.parquet app.db --column generation_id > ids.txt
  genanalytics ids --from-service --since 7d > last-week.txt"""
)
@click.argument("files", nargs=-1, metavar="[FILE]...", type=FILE)
@click.option("--column", metavar="NAME", help="Read this column of a table, or this key in JSON.")
@click.option(
    "--since", metavar="TIME", help="Leave out ids created before this time (UTC): 2026-08-01, 7d (ago), yesterday."
)
@click.option("--until", metavar="TIME", help="Leave out ids created at this time (UTC) or later.")
@click.option(
    "--from-service",
    is_flag=True,
    help="List the ids of a period by asking the service; needs --since and a management key.",
)
@management_key_option
@base_url_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object of counts and notices instead of the ids.")
@click.option("--quiet", is_flag=True, help="Print no notices on stderr.")
def ids(
    files: tuple[str, ...],
    column: str | None,
    since: str | None,
    until: str | None,
    from_service: bool,
    management_key_file: str | None,
    base_url: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find generation ids, in files or at the service.

    Prints each id once. A FILE is a text, CSV, JSON, JSON lines, Parquet, Arrow or SQLite file, plain or packed with
    gzip or zstd, a directory of such files, a URL of a store (s3://, gs://, az://), or - for stdin. In a table, the
    column whose values are ids is read. A list is read one id per line. Any other text is searched. Dates are those in
    the ids; ids without a date are kept. Nothing is sent to the service.

    With --from-service, the service lists the ids, in order of time. OPENROUTER_MANAGEMENT_KEY holds the management
    key, which is another one than the API key.
    """
    show = _show_nothing if as_json else emit
    if from_service:
        _check_service_options(files, column, since)
        report = _print_from_service(
            show,
            since=str(since),
            until=until,
            management_key=read_management_key(management_key_file),
            base_url=base_url,
            progress=False if quiet else None,
        )
    else:
        _check_file_options(files, management_key_file, base_url)
        report = _print_from_files(show, files, column, since, until)
    if as_json:
        emit(json.dumps({"found": report.found, "distinct": report.distinct, "notices": report.notices}))
    if not quiet:
        print_notices(report.notices)
        say(report.summary, err=True)


@dataclass(frozen=True, slots=True)
class _Report:
    """The counts of ids, and what a user should know of them."""

    found: int
    distinct: int
    notices: list[str]
    summary: str


def _show_nothing(_: str) -> None:
    """Print nothing."""


def _check_service_options(files: Sequence[str], column: str | None, since: str | None) -> None:
    if files or column is not None:
        msg = "--from-service asks the service, which has no files and no --column: leave them out"
        raise click.UsageError(msg)
    if since is None:
        msg = "--from-service needs a period: give --since, such as --since 7d"
        raise click.UsageError(msg)


def _check_file_options(files: Sequence[str], management_key_file: str | None, base_url: str | None) -> None:
    if not files:
        msg = "Missing argument 'FILE...': give files with ids, or --from-service to ask the service."
        raise click.UsageError(msg)
    if management_key_file is not None or base_url is not None:
        msg = "--management-key-file and --base-url are for --from-service: add it, or leave them out"
        raise click.UsageError(msg)


def _print_from_service(show: Callable[[str], None], **options: Any) -> _Report:
    """Print the ids that `find_ids` finds with these options."""
    from genanalytics.fetching.account.find_ids import find_ids

    found = find_ids(**options)
    for generation_id in found:
        show(generation_id)
    counted, sent = format_count(found.counted, "request"), format_count(found.requests, "HTTP request")
    summary = f"{format_count(len(found), 'id')}; the service counts {counted} in the period ({sent})."
    return _Report(found.counted, len(found), list(found.notices), summary)


def _print_from_files(
    show: Callable[[str], None], files: Sequence[str], column: str | None, since: str | None, until: str | None
) -> _Report:
    from genanalytics.ids.form import find_problem
    from genanalytics.ids.read import read_ids

    reads = [read_ids(_open_file(name), column=column, since=since, until=until) for name in files]
    found = refused = 0
    first_refusal = ""
    seen: set[str] = set()
    for generation_id in chain.from_iterable(reads):
        found += 1
        if generation_id in seen:
            continue
        reason = find_problem(generation_id)
        if reason is None:
            seen.add(generation_id)
            show(generation_id)
        else:
            refused += 1
            first_refusal = first_refusal or f"{generation_id!a:.80}: {reason}"
    notices = collect_notices(reads)
    if refused:
        notices.append(f"left out {format_count(refused, 'value')} that cannot be ids; the first is {first_refusal}")
    summary = f"{format_count(len(seen), 'id')}, found {format_count(found - refused, 'time')}."
    return _Report(found, len(seen), notices, summary)


def read_given_ids(
    arguments: Sequence[str], inputs: Sequence[str], *, lazily: bool = False
) -> "tuple[Iterable[str], list[Ids]]":
    """Return the ids that arguments name, in order, and the sources that are read for them, which hold the notices.

    Args:
        arguments: Ids and names of files.
        inputs: Names of files, - for stdin.
        lazily: Read ids one at a time; `len` then reads them once more.

    Raises:
        InputError: There are no ids, or a file cannot be read.
    """
    from genanalytics.ids.read import read_ids

    sources = [_open_id_or_file(argument) for argument in arguments] + [_open_file(name) for name in inputs]
    reads = [read_ids(source) for source in sources]
    every = chain.from_iterable(reads)
    first = next(every, None)
    if first is None:
        notices = "".join(f" ({notice})" for notice in collect_notices(reads))
        msg = f"no generation ids{notices}: give ids or files of ids as arguments, or --input - to read them from stdin"
        raise InputError(msg)
    given = chain([first], every)
    if lazily:
        return _CountedIds(given, sources) if all(map(_can_be_read_again, sources)) else given, reads
    # a list has a length, which the progress bar can show
    return given if "-" in (*arguments, *inputs) else list(given), reads


class _CountedIds:
    """Ids that are read as they are taken; `len` reads the sources once more."""

    def __init__(self, given: Iterator[str], sources: Sequence[_Source]) -> None:
        self._given = given
        self._sources = sources

    def __iter__(self) -> Iterator[str]:
        return self._given

    def __len__(self) -> int:
        from genanalytics.ids.read import read_ids

        return sum(1 for source in self._sources for _ in read_ids(source))


def _can_be_read_again(source: _Source) -> bool:
    """Return whether a source is an id, a file or a directory, not a pipe, a stream or a URL."""
    if isinstance(source, str):
        return not is_url(source)
    return isinstance(source, Path) and (source.is_file() or source.is_dir())


def collect_notices(reads: "Iterable[Ids]") -> list[str]:
    """Return the notices about the ids that were read."""
    return [notice for read in reads for notice in read.notices]


def _open_file(name: str) -> _Source:
    if name == "-":
        return sys.stdin.buffer
    return name if is_url(name) else Path(name)


def _open_id_or_file(argument: str) -> _Source:
    """Return an id or a file; the name of a missing file is a mistake, not an id to ask for."""
    from genanalytics.ids.read import is_file

    return _open_file(argument) if argument == "-" or is_file(argument) else argument
