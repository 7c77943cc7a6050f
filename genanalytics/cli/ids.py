"""The command `ids`, and the ids that the arguments of any command name."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import click

from genanalytics.cli.options import FILE, print_notices
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
  genanalytics ids calls.parquet app.db --column generation_id > ids.txt"""
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=FILE)
@click.option("--column", metavar="NAME", help="Read this column of a table, or this key in JSON.")
@click.option("--since", metavar="WHEN", help="Leave out ids created before this ISO date or time (UTC).")
@click.option("--until", metavar="WHEN", help="Leave out ids created at this ISO date or time (UTC) or later.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object of counts and notices instead of the ids.")
@click.option("--quiet", is_flag=True, help="Print no notices on stderr.")
def ids(
    files: tuple[str, ...], column: str | None, since: str | None, until: str | None, as_json: bool, quiet: bool
) -> None:
    """Find generation ids in files, and print each once.

    A FILE is a text, CSV, JSON, JSON lines, Parquet, Arrow or SQLite file, plain or packed with gzip or zstd, a
    directory of such files, or - for stdin. In a table, the column whose values are ids is read. A list is read one id
    per line. Any other text is searched. Dates are those in the ids; ids without a date are kept. Nothing is sent.
    """
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
            if not as_json:
                emit(generation_id)
        else:
            refused += 1
            first_refusal = first_refusal or f"{generation_id!a:.80}: {reason}"
    notices = collect_notices(reads)
    if refused:
        notices.append(f"left out {format_count(refused, 'value')} that cannot be ids; the first is {first_refusal}")
    if as_json:
        emit(json.dumps({"found": found, "distinct": len(seen), "notices": notices}))
    if not quiet:
        print_notices(notices)
        say(f"{format_count(len(seen), 'id')}, found {format_count(found - refused, 'time')}.", err=True)


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
    """Return whether a source is an id, a file or a directory, not a pipe or a stream."""
    return isinstance(source, str) or (isinstance(source, Path) and (source.is_file() or source.is_dir()))


def collect_notices(reads: "Iterable[Ids]") -> list[str]:
    """Return the notices about the ids that were read."""
    return [notice for read in reads for notice in read.notices]


def _open_file(name: str) -> _Source:
    return sys.stdin.buffer if name == "-" else Path(name)


def _open_id_or_file(argument: str) -> _Source:
    """Return an id or a file; the name of a missing file is a mistake, not an id to ask for."""
    from genanalytics.ids.read import is_file

    if argument == "-":
        return sys.stdin.buffer
    return Path(argument) if is_file(argument) else argument
