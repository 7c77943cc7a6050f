"""The command line's `ids` command, and the ids that the arguments of any command name."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from genanalytics.cli.types import FILE
from genanalytics.errors import InputError
from genanalytics.units import counted

if TYPE_CHECKING:
    from genanalytics.ids.read import Ids


@click.command(
    epilog="""\b
Examples:
  genanalytics ids logs/ --since 2026-08-01 | genanalytics fetch --input -
  genanalytics ids calls.parquet app.db --column generation_id > ids.txt"""
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=FILE)
@click.option("--column", metavar="NAME", help="The column of a table, or the key in JSON, that holds the ids.")
@click.option("--since", metavar="WHEN", help="Leave out what was created before this ISO date or time (UTC).")
@click.option("--until", metavar="WHEN", help="Leave out what was created at this ISO date or time (UTC), or later.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object of counts and notices instead of the ids.")
@click.option("--quiet", is_flag=True, help="No notices on stderr.")
def ids(
    files: tuple[str, ...], column: str | None, since: str | None, until: str | None, as_json: bool, quiet: bool
) -> None:
    """Find generation ids in files, and print each of them once.

    A FILE is a text, CSV, JSON, JSON lines, Parquet, Arrow or SQLite file, plain or packed by gzip or zstd, a directory
    of such files, or - for stdin. In a table the column is found whose values are ids; a list is read an id a line; any
    other text is searched. Times are those inside the ids; an id without one is kept. Nothing is sent.
    """
    from genanalytics.ids.form import problem
    from genanalytics.ids.read import read_ids

    reads = [read_ids(_file(name), column=column, since=since, until=until) for name in files]
    found = refused = 0
    first_refusal = ""
    seen: set[str] = set()
    for generation_id in chain.from_iterable(reads):
        found += 1
        if generation_id in seen:
            continue
        reason = problem(generation_id)
        if reason is None:
            seen.add(generation_id)
            if not as_json:
                sys.stdout.write(f"{generation_id}\n")
        else:
            refused += 1
            first_refusal = first_refusal or f"{generation_id!a:.80}: {reason}"
    notices = notices_of(reads)
    if refused:
        notices.append(f"{refused:,} of what was found cannot be ids; the first is {first_refusal}")
    if as_json:
        click.echo(json.dumps({"found": found, "distinct": len(seen), "notices": notices}))
    if not quiet:
        tell(notices)
        click.echo(f"{counted(len(seen), 'id')}, found {counted(found - refused, 'time')}.", err=True)


def given_ids(
    arguments: Sequence[str], inputs: Sequence[str], *, lazily: bool = False
) -> "tuple[Iterable[str], list[Ids]]":
    """Return the ids that arguments name, in their order, and what is read for them, which has the notices.

    Args:
        arguments: Ids and names of files.
        inputs: Names of files, - for stdin.
        lazily: Read them as they are taken, however many there are, and once more where their number is asked for.

    Raises:
        InputError: There is none, or a file cannot be read.
    """
    from genanalytics.ids.read import read_ids

    sources = [_id_or_file(argument) for argument in arguments] + [_file(name) for name in inputs]
    reads = [read_ids(source) for source in sources]
    every = chain.from_iterable(reads)
    first = next(every, None)
    if first is None:
        told = "".join(f" ({notice})" for notice in notices_of(reads))
        msg = f"no generation ids{told}: give ids or files of ids as arguments, or --input - to read them from stdin"
        raise InputError(msg)
    given = chain([first], every)
    if lazily:
        return _Counted(given, sources) if all(map(_can_be_read_again, sources)) else given, reads
    # a list has a length, which the progress bar can show
    return given if "-" in (*arguments, *inputs) else list(given), reads


class _Counted:
    """Ids that are read as they are taken, and counted by reading them once more."""

    def __init__(self, given: Iterator[str], sources: Sequence[object]) -> None:
        self._given = given
        self._sources = sources

    def __iter__(self) -> Iterator[str]:
        return self._given

    def __len__(self) -> int:
        from genanalytics.ids.read import read_ids

        return sum(1 for source in self._sources for _ in read_ids(source))


def _can_be_read_again(source: object) -> bool:
    """Return whether a source is an id, a file or a directory: neither a pipe nor a stream."""
    return isinstance(source, str) or (isinstance(source, Path) and (source.is_file() or source.is_dir()))


def notices_of(reads: "Iterable[Ids]") -> list[str]:
    """Return what there is to say of what was read."""
    return [notice for read in reads for notice in read.notices]


def tell(notices: Iterable[str]) -> None:
    """Say on stderr what a user should know."""
    for notice in notices:
        click.echo(f"Note: {notice}.", err=True)


def _file(name: str) -> object:
    return sys.stdin.buffer if name == "-" else Path(name)


def _id_or_file(argument: str) -> object:
    """Return what an argument names; the name of a file that is not there is a mistake, not an id to ask for."""
    from genanalytics.ids.read import names_a_file

    if argument == "-":
        return sys.stdin.buffer
    if os.path.exists(argument):  # noqa: PTH110 - Path.exists raises on what is too long for a name
        return Path(argument)
    if names_a_file(argument):
        msg = f"no file {argument!r}: give the path of a file of ids, or an id"
        raise InputError(msg)
    return argument
