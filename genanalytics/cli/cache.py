"""The command line's `cache` commands; none of them needs a key or sends anything."""

import json
import os
import re
import time
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from genanalytics.cli.types import DIRECTORY, FILE
from genanalytics.errors import CacheError, InputError
from genanalytics.units import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genanalytics.cache.archive import Archive

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

_directory = click.option("--cache-dir", type=DIRECTORY, help="Directory of the cache (or GENANALYTICS_CACHE_DIR).")

_json = click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")


@click.group(
    epilog="""\b
Examples:
  genanalytics cache info
  genanalytics cache export answers.jsonl"""
)
def cache() -> None:
    """Look after the cache of answers: it may hold the last copy of a record."""


@cache.command(
    epilog="""\b
Examples:
  genanalytics cache info
  genanalytics cache info --json | jq .entries"""
)
@_directory
@_json
def info(cache_dir: str | None, as_json: bool) -> None:
    """Say where the cache is and what it holds."""
    from genanalytics.cache.contents import contents

    with _opened(cache_dir) as archive:
        held = contents(archive)
    if as_json:
        click.echo(json.dumps({"path": str(archive.path), **asdict(held)}))
        return
    click.echo(f"path     {archive.path}")
    click.echo(
        f"entries  {held.entries:,}: {held.final:,} final, {held.young:,} young, {held.missing:,} without a record"
    )
    click.echo(f"damaged  {held.damaged:,}")
    click.echo(f"size     {counted(held.size, 'byte')}")
    click.echo(f"fetched  {_day(held.oldest)} to {_day(held.newest)}")
    for name in held.set_aside:
        click.echo(f"set aside as damaged: {name}")


@cache.command(
    epilog="""\b
Examples:
  genanalytics cache verify
  genanalytics cache verify --json | jq .sound"""
)
@_directory
@_json
def verify(cache_dir: str | None, as_json: bool) -> int:
    """Check every entry against its checksum; exit code 1 where one fails."""
    from genanalytics.cache.contents import contents

    with _opened(cache_dir) as archive:
        was_set_aside = bool(_tell_news(archive))
        held = contents(archive)
    sound = not held.damaged and not was_set_aside
    if as_json:
        click.echo(json.dumps({"sound": sound, "entries": held.entries, "damaged": held.damaged}))
    else:
        click.echo(f"Checked {counted(held.entries, 'answer')}: {held.damaged:,} damaged.")
    return 0 if sound else 1


@cache.command(
    epilog="""\b
Examples:
  genanalytics cache clear --older-than 90d
  genanalytics cache clear --yes"""
)
@_directory
@_json
@click.option("--older-than", metavar="AGE", help="Only what was fetched longer ago than this: 90d, 12h, 30m, 2w.")
@click.option("--yes", is_flag=True, help="Needed to delete everything.")
def clear(cache_dir: str | None, older_than: str | None, as_json: bool, yes: bool) -> None:
    """Delete entries; the service may not have their records any more."""
    from genanalytics.cache.contents import clear as clear_archive

    before = None if older_than is None else time.time() - _age_s(older_than)
    if before is None and not yes:
        msg = "this deletes every answer, and the service may not have them any more: add --yes, or --older-than AGE"
        raise InputError(msg)
    with _opened(cache_dir) as archive:
        deleted = clear_archive(archive, before=before)
    if as_json:
        click.echo(json.dumps({"deleted": deleted}))
    else:
        click.echo(f"Deleted {deleted:,} of the answers in {archive.path}.")


@cache.command(
    epilog="""\b
Examples:
  genanalytics cache export answers.jsonl"""
)
@_directory
@click.argument("file", metavar="FILE", type=FILE)
def export(cache_dir: str | None, file: str) -> None:
    """Write the raw answers of all accounts to a file, one a line."""
    from genanalytics.cache.contents import export as export_archive

    with _opened(cache_dir) as archive:
        target = Path(file).resolve()
        if target.parent == archive.path.parent.resolve() and target.name.startswith(archive.path.name):
            msg = f"{file!r} is a file of the cache: name another one"
            raise InputError(msg)
        written = export_archive(archive, Path(file))
    click.echo(f"Wrote {counted(written, 'answer')} to {file}.", err=True)


@contextmanager
def _opened(cache_dir: str | None) -> "Iterator[Archive]":
    """Yield the cache, which has to be there; what there is to say of it goes to stderr."""
    from genanalytics.cache.archive import FILE_NAME, Archive
    from genanalytics.fetching.client import CACHE_DIR_VARIABLE, cache_directory

    directory = cache_directory(cache_dir or os.environ.get(CACHE_DIR_VARIABLE)).expanduser()
    if not (directory / FILE_NAME).exists():
        msg = f"no cache in {directory}: name its directory with --cache-dir or {CACHE_DIR_VARIABLE}"
        raise CacheError(msg)
    archive = Archive(directory)
    try:
        yield archive
        _tell_news(archive)
    finally:
        archive.close()  # type: ignore[no-untyped-call]


def _tell_news(archive: "Archive") -> list[str]:
    news = archive.take_news()
    for told in news:
        click.echo(f"Note: {told}.", err=True)
    return news


def _age_s(age: str) -> int:
    """Return an age in seconds.

    >>> _age_s("90d"), _age_s("12h")
    (7776000, 43200)
    """
    found = re.fullmatch(r"([0-9]{1,6})([smhdw])", age)
    if found is None:
        msg = f"--older-than {age!r} is no age: give a whole number with s, m, h, d or w, such as 90d or 12h"
        raise InputError(msg)
    return int(found[1]) * _UNITS_S[found[2]]


def _day(moment: float | None) -> str:
    return "–" if moment is None else f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"
