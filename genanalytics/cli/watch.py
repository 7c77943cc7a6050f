"""The command `watch`."""

import json
import os
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genanalytics.base.stores.address import is_url
from genanalytics.cli.config import read_config
from genanalytics.cli.exit_codes import Exit
from genanalytics.cli.options import DIRECTORY, FILE, connection_options, open_client, print_notices, read_age_s
from genanalytics.cli.redaction import make_redaction, redact_options
from genanalytics.cli.screen import Screen
from genanalytics.cli.streams import emit, say
from genanalytics.cli.values import ZONE
from genanalytics.errors import InputError
from genanalytics.units import format_count

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from genanalytics.following.display import View
    from genanalytics.following.follow import Follower
    from genanalytics.following.spending import Ledger

_POLL_S = 0.25
_UPDATE_S = 10.0


@click.command(
    epilog="""\b
Examples:
  genanalytics watch app.log --dataset generations/
  genanalytics watch ~/.agent/sessions/ --dataset generations/ --tz local
  genanalytics watch app.log --dataset generations/ --for 8h --json >> costs.jsonl
  genanalytics watch app.log --dataset generations/ --until-idle 30"""
)
@click.argument("logs", nargs=-1, required=True, metavar="FILE|DIR...", type=FILE)
@click.option("--dataset", required=True, type=DIRECTORY, help="Add the records to this Parquet data set.")
@click.option("--for", "duration", metavar="AGE", help="End after this time, such as 8h or 30min.")
@click.option(
    "--until-idle",
    "idle_s",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="End once no new id and no new record arrived for this long.",
)
@click.option(
    "--tz", metavar="ZONE", type=ZONE, help="Use this time zone, such as Europe/Berlin, or local (default: UTC)."
)
@redact_options
@connection_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object per batch instead of the screen.")
def watch(
    logs: tuple[str, ...],
    dataset: str,
    duration: str | None,
    idle_s: float | None,
    tz: str | None,
    redact: str,
    redact_key_file: str | None,
    as_json: bool,
    **client_options: Any,
) -> int:
    """Follow logs, fetch new records, and show what they cost.

    Reads each log from its start and across its rotation, asks for ids until they have a record, and adds the records
    to a data set. On a terminal, a screen shows the cost of today and the last calls; otherwise, each batch is a line.
    Ctrl-C ends it with exit code 0; start it again to go on.
    """
    from genanalytics.following.follow import Follower
    from genanalytics.following.spending import Ledger

    if is_url(dataset):
        msg = f"watch writes to a directory, not to the URL {dataset}: give a path; `genanalytics export` takes URLs"
        raise InputError(msg)
    ends = _Ends(idle_s, None if duration is None else time.monotonic() + read_age_s("--for", duration))
    zone = read_config().find_zone(tz)
    redaction = make_redaction(redact, redact_key_file)
    with (
        open_client(client_options) as client,
        Follower(tuple(map(Path, logs)), Path(dataset), client, redact=redaction) as follower,
    ):
        watched = _Watched(follower, Ledger(Path(dataset), zone), zone, as_json=as_json)
        with watched.show():
            has_ended = _follow(watched, ends)
    counts = follower.counts
    without = counts.waiting + counts.missing
    print_notices(counts.notices)
    if not has_ended:
        say("Stopped.", err=True)
    missing = f"; {format_count(without, 'id')} of the logs without a record" if without else ""
    say(f"{dataset} contains {format_count(counts.records, 'record')}{missing}.", err=True)
    return Exit.PARTIAL if has_ended and (without or counts.problems) else Exit.SUCCESS


@dataclass(frozen=True, slots=True)
class _Ends:
    """When a watch ends by itself.

    Attributes:
        idle_s: The time without anything new, in seconds; None for no such end.
        at: The moment (`time.monotonic`); None for no such end.
    """

    idle_s: float | None
    at: float | None

    def are_reached(self, idle_since: float, *, is_idle: bool) -> bool:
        """Return whether the watch ends now."""
        now = time.monotonic()
        is_late = self.at is not None and now >= self.at
        return is_late or (is_idle and self.idle_s is not None and now - idle_since >= self.idle_s)


class _Watched:
    """A follower, and what people or programs see of it."""

    def __init__(self, follower: "Follower", ledger: "Ledger", tz: "ZoneInfo", *, as_json: bool) -> None:
        self.follower = follower
        self._ledger = ledger
        self._tz = tz
        self._as_json = as_json
        self._has_screen = not as_json and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._shown: tuple[object, ...] = ()
        self._updated_at = 0.0
        self._update()

    def show(self) -> "AbstractContextManager[object]":
        """Show the screen while the context lasts, if there is one."""
        return Screen(self._make_lines) if self._has_screen else nullcontext()

    def report(self) -> None:
        """Show a batch, or a new problem; bring the costs up to date now and then, since time passes too."""
        counts = self.follower.counts
        is_new = (counts.rounds, counts.problems) != self._shown
        if is_new or time.monotonic() - self._updated_at > _UPDATE_S:
            self._shown = (counts.rounds, counts.problems)
            self._update()
        if is_new and not self._has_screen:
            self._print_batch()

    def _update(self) -> None:
        self._updated_at = time.monotonic()
        self._spending = self._ledger.update(datetime.now(self._tz))

    def _make_view(self) -> "View":
        from genanalytics.following.display import View

        now = datetime.now(self._tz).replace(microsecond=0)
        return View(now, str(self.follower.directory), self.follower.counts, self._spending)

    def _print_batch(self) -> None:
        if self._as_json:
            emit(json.dumps(self._make_view().to_json(), allow_nan=False))
            sys.stdout.flush()
        else:
            say(self._make_view().format_line())

    def _make_lines(self, width: int, height: int) -> "Sequence[str]":
        return self._make_view().format_screen(width, height)


def _follow(watched: _Watched, ends: _Ends) -> bool:
    """Follow until the end, and return True; return False if a signal ended it."""
    follower = watched.follower
    idle_since = time.monotonic()
    try:
        while not ends.are_reached(idle_since, is_idle=follower.is_idle):
            if follower.turn():
                idle_since = time.monotonic()
            watched.report()
            time.sleep(_POLL_S)
        follower.finish()
        watched.report()
    except KeyboardInterrupt:
        return False
    return True
