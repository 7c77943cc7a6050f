"""`--watch`: the output of a command, again whenever its files changed."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from genanalytics.base.mask import hide_api_keys
from genanalytics.cli import signals
from genanalytics.cli.exit_codes import Exit
from genanalytics.cli.records import Selection
from genanalytics.cli.stdin import STDIN
from genanalytics.cli.streams import clear_before_next_text, say
from genanalytics.errors import GenAnalyticsError

USUAL_S = 2.0
"""The shortest time between two outputs, unless `--watch-every` gives another one."""

_POLL_S = 0.2
_FileState = tuple[str, int, int, int]
"""The path of a file, its inode, its size and the time of its last change."""


def repeat(run: Callable[[], Any], selection: Selection, every_s: float | None, *, is_for_people: bool) -> Exit:
    """Run a command, and again whenever its files changed, until a signal ends it in order.

    The files of the first run must be readable. Later a file can be missing or incomplete for a moment, for example
    while it is replaced: the error is printed, and the next change runs the command again.

    Args:
        run: The command.
        selection: The records that it reads.
        every_s: The shortest time between the end of one run and the start of the next.
        is_for_people: Whether each output begins with its time.

    Raises:
        click.UsageError: A path is a URL or stdin, whose changes are not seen.
    """
    paths = (*selection.paths, *selection.labels)
    _check_local(paths)
    try:
        seen = find_state(paths)
        _start_output(selection.tz, is_for_people=is_for_people)
        run()
        while True:
            sys.stdout.flush()
            seen = _wait_for_change(paths, seen, USUAL_S if every_s is None else every_s)
            _start_output(selection.tz, is_for_people=is_for_people)
            _run_again(run)
    except KeyboardInterrupt:
        say("Stopped.", err=True)
        return Exit.SUCCESS


def find_state(paths: Sequence[str]) -> frozenset[_FileState]:
    """Return the state of files and data sets, which differs after each change."""
    return frozenset(state for path in paths for file in _list_files(Path(path)) for state in _read_state(file))


def _list_files(path: Path) -> Iterator[Path]:
    """Yield the file that a commit of a data set replaces, the files below another directory, or the file itself."""
    from genanalytics.dataset.manifest import MANIFEST, is_dataset

    if is_dataset(path):
        yield path / MANIFEST
    elif path.is_dir():
        yield from path.rglob("*")
    else:
        yield path


def _read_state(file: Path) -> Iterator[_FileState]:
    try:
        found = file.stat()
    except OSError:
        return  # it does not exist now, which is a state too
    yield os.fspath(file), found.st_ino, found.st_size, found.st_mtime_ns


def _check_local(paths: Sequence[str]) -> None:
    if STDIN in click.get_current_context().params["paths"]:
        msg = "--watch sees changes of files, not of stdin (-): leave it out, or give a file"
        raise click.UsageError(msg)
    for path in paths:
        if "://" in path:
            msg = f"--watch sees changes of files on this machine only, not of {path}: leave it out, or copy the file"
            raise click.UsageError(msg)


def _wait_for_change(paths: Sequence[str], seen: frozenset[_FileState], every_s: float) -> frozenset[_FileState]:
    time.sleep(every_s)
    while (found := find_state(paths)) == seen:
        time.sleep(min(_POLL_S, every_s))
    return found


def _start_output(tz: str, *, is_for_people: bool) -> None:
    """Begin a new screen on a terminal; separate tables by their times."""
    clear_before_next_text()
    if is_for_people:
        say(f"--- {datetime.now(ZoneInfo(tz)):%Y-%m-%d %H:%M:%S %Z} ---")


def _run_again(run: Callable[[], Any]) -> None:
    try:
        run()
    except GenAnalyticsError as error:
        if signals.find_interruption():  # a library turned the signal into an error of its own
            raise KeyboardInterrupt from error
        say(f"Error: {hide_api_keys(str(error))}; waiting for the next change.", err=True)
