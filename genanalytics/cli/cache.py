"""The commands `cache info`, `verify`, `clear` and `export`; none of them needs an API key or sends anything."""

import json
import os
import time
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from genanalytics.cli.options import FILE, cache_option, json_option, print_notices, read_age_s
from genanalytics.cli.streams import emit, say
from genanalytics.errors import CacheError, InputError
from genanalytics.units import GAP, format_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genanalytics.cache.archive import Archive


@click.group(
    epilog="""\b
Examples:
  genanalytics cache info
  genanalytics cache export answers.jsonl"""
)
def cache() -> None:
    """Inspect and maintain the cache of records.

    It may hold the last copy of a record.
    """


@cache.command(
    epilog="""\b
Examples:
  genanalytics cache info
  genanalytics cache info --account search-team
  genanalytics cache info --json | jq .entries"""
)
@cache_option
@click.option(
    "--account", "accounts", multiple=True, metavar="NAME", help="Count the answers of this account too. Repeatable."
)
@json_option
def info(cache_dir: str | None, accounts: tuple[str, ...], as_json: bool) -> None:
    """Show the path and the contents of the cache.

    The account of the API key in OPENROUTER_API_KEY is counted separately. Its name is a fingerprint of the key. The
    cache does not contain the names of other accounts: give them with --account.
    """
    from genanalytics.cache.contents import count_contents
    from genanalytics.fetching.secret import KEY_VARIABLE, Secret

    secret = Secret(os.environ.get(KEY_VARIABLE))
    own = [secret.fingerprint] if secret else []
    with _open_archive(cache_dir) as archive:
        held = count_contents(archive, [*own, *accounts])
    if as_json:
        emit(json.dumps({"path": str(archive.path), **asdict(held)}))
        return
    say(f"path     {archive.path}")
    say(f"entries  {held.entries:,}: {held.final:,} final, {held.young:,} young, {held.missing:,} without a record")
    say(f"damaged  {held.damaged:,}")
    say(f"size     {format_count(held.size, 'byte')}")
    say(f"fetched  {_format_moment(held.oldest)} to {_format_moment(held.newest)}")
    for service in held.services:
        say(f"service  {service.url}: {format_count(service.answers, 'answer')}")
        for account, number in service.accounts.items():
            source = " (of the API key in the environment)" if account in own else ""
            say(f"         account {account}{source}: {number:,}")
        if service.others:
            say(f"         other accounts: {service.others:,}")
    for name in held.set_aside:
        say(f"set aside as damaged: {name}")


@cache.command(
    epilog="""\b
Examples:
  genanalytics cache verify
  genanalytics cache verify --json | jq .sound"""
)
@cache_option
@json_option
def verify(cache_dir: str | None, as_json: bool) -> int:
    """Check every entry against its checksum; exit code 1 if one fails."""
    from genanalytics.cache.contents import count_contents

    with _open_archive(cache_dir) as archive:
        notices = archive.take_notices()  # of a damaged file that was set aside
        print_notices(notices)
        held = count_contents(archive)
    sound = not held.damaged and not notices
    if as_json:
        emit(json.dumps({"sound": sound, "entries": held.entries, "damaged": held.damaged}))
    else:
        say(f"Checked {format_count(held.entries, 'answer')}: {held.damaged:,} damaged.")
    return 0 if sound else 1


@cache.command(
    epilog="""\b
Examples:
  genanalytics cache clear --older-than 90d
  genanalytics cache clear --yes"""
)
@cache_option
@json_option
@click.option("--older-than", metavar="AGE", help="Delete only entries fetched longer ago: 90d, 12h, 30min, 2w.")
@click.option("--yes", is_flag=True, help="Confirm that everything is deleted.")
def clear(cache_dir: str | None, older_than: str | None, as_json: bool, yes: bool) -> None:
    """Delete entries; the service may no longer have their records."""
    from genanalytics.cache.contents import clear_entries

    before = None if older_than is None else time.time() - read_age_s("--older-than", older_than)
    if before is None and not yes:
        msg = "this deletes every answer, and the service may no longer have them: add --yes, or --older-than AGE"
        raise InputError(msg)
    with _open_archive(cache_dir) as archive:
        deleted = clear_entries(archive, before=before)
    if as_json:
        emit(json.dumps({"deleted": deleted}))
    else:
        say(f"Deleted {format_count(deleted, 'answer')} from {archive.path}.")


@cache.command(
    epilog="""\b
Examples:
  genanalytics cache export answers.jsonl"""
)
@cache_option
@click.argument("file", metavar="FILE", type=FILE)
def export(cache_dir: str | None, file: str) -> None:
    """Write the raw answers of all accounts to a file, one per line."""
    from genanalytics.base.atomic import check_writable
    from genanalytics.cache.contents import export_bodies

    check_writable(file)
    with _open_archive(cache_dir) as archive:
        target = Path(file).resolve()
        if target.parent == archive.path.parent.resolve() and target.name.startswith(archive.path.name):
            msg = f"{file!r} is a file of the cache: name another one"
            raise InputError(msg)
        written = export_bodies(archive, Path(file))
    say(f"Wrote {format_count(written, 'answer')} to {file}.", err=True)


@contextmanager
def _open_archive(cache_dir: str | None) -> "Iterator[Archive]":
    """Yield the cache, which must exist; its notices go to stderr."""
    from genanalytics.cache.archive import FILE_NAME, Archive
    from genanalytics.fetching.environment import CACHE_DIR_VARIABLE, find_cache_directory

    directory = find_cache_directory(cache_dir).expanduser()
    if not (directory / FILE_NAME).exists():
        msg = f"no cache in {directory}: name its directory with --cache-dir or {CACHE_DIR_VARIABLE}"
        raise CacheError(msg)
    with Archive(directory) as archive:
        yield archive
        print_notices(archive.take_notices())


def _format_moment(moment: float | None) -> str:
    return GAP if moment is None else f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"
