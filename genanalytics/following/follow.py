"""From logs that grow to a data set that grows: a round of requests at most every few seconds."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute

from genanalytics.dataset.export import ExportResult, add_records
from genanalytics.dataset.manifest import is_dataset, read_failures, read_manifest
from genanalytics.dataset.redact import Redaction
from genanalytics.dataset.stored import StoredIds
from genanalytics.errors import OutputError
from genanalytics.fetching.answers import Outcome
from genanalytics.fetching.client import Client
from genanalytics.following.logs import Logs
from genanalytics.following.waiting import Waiting
from genanalytics.ids.form import escape_surrogates

ROUND_S = 3.0
"""Rounds begin at least this long after each other, and are of a size that takes about as long."""
REFRESH_S = 60.0
"""How often young records are asked for again that are final by now."""

_FIRST_SIZE, _LEAST_SIZE, _MOST_SIZE = 200, 50, 32_768
_PROBE_SIZE = 4
"""The number of ids that are tried in an outage: one alone would not tell an outage from a bad id."""
_LONGEST_PAUSE_S = 60.0
_LONG_READ_S, _REST = 0.05, 4


@dataclass(frozen=True, slots=True)
class Counts:
    """What was followed so far, and what the data set contains.

    Attributes:
        ids: The number of different ids in the logs.
        new: The number of records that this run has fetched.
        waiting: The number of ids that are to be asked for, or asked for again within minutes.
        missing: The number of ids that have no record and will hardly get one.
        requests: The number of HTTP requests.
        records: The number of records in the data set.
        young: The number of those that may still change.
        rounds: The number of times that the data set was brought up to date.
        problems: What keeps the run from going on, one sentence each; it is tried again.
        notices: Notices about the last round.
    """

    ids: int = 0
    new: int = 0
    waiting: int = 0
    missing: int = 0
    requests: int = 0
    records: int = 0
    young: int = 0
    rounds: int = 0
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(slots=True)
class Follower(AbstractContextManager["Follower"]):
    """Logs, and the data set with the records of their ids, while the context lasts.

    Nothing but the logs and the data set is needed to go on after any end of the process.

    Args:
        paths: Logs and directories of logs.
        directory: The data set; it is created if it does not exist.
        client: The client.
        redact: The columns to redact before records are written.
        round_s: The shortest time between the starts of two rounds of requests, in seconds.
        outage_pause_s: The time before the first try after a failed round, in seconds; it doubles up to a minute.

    Attributes:
        counts: The counts so far; another thread may read them.

    Raises:
        InputError: The directory contains something else than a data set that can grow.
        OutputError: The directory cannot be written.
    """

    paths: tuple[Path, ...]
    directory: Path
    client: Client
    redact: Redaction | None = None
    round_s: float = ROUND_S
    outage_pause_s: float = 5.0
    counts: Counts = field(default_factory=Counts)
    _new_ids: deque[str] = field(default_factory=deque)
    _waiting: Waiting = field(default_factory=Waiting)
    _stored: StoredIds = field(default_factory=StoredIds)
    _size: int = _FIRST_SIZE
    _pause_s: float = 0.0
    _next_read: float = 0.0
    _next_round: float = 0.0
    _next_refresh: float = 0.0
    _outage: tuple[str, ...] = ()
    _logs: Logs = field(init=False)

    def __post_init__(self) -> None:
        self._logs = Logs(self.paths, since=self._learn())
        self._note_result([], self._add([], most_refreshed=0))

    def __exit__(self, *_: object) -> None:
        self._logs.close()

    @property
    def is_idle(self) -> bool:
        """Whether every id of the logs was asked for."""
        return not self._new_ids

    def turn(self) -> bool:
        """Read what was appended, send a round of requests if it is time, and return whether records or ids arrived.

        Raises:
            KeyRefusedError: The service refused the API key (401).
            InputError: The directory contains something else than a data set that can grow.
            CacheError: The cache cannot be read.
        """
        arrived = self._read_logs()
        before = self.counts.new
        if time.monotonic() >= self._next_round:
            self._send_round()
        self._count()
        return bool(arrived) or self.counts.new > before

    def finish(self) -> None:
        """Ask for the ids at the ends of the logs, which nothing followed."""
        self._new_ids += self._logs.finish()
        if self._new_ids and not self._pause_s:
            self._send_round()
        self._count()

    def _read_logs(self) -> list[str]:
        """Return the ids that are new; thousands of files are read less often, so that a processor has rest."""
        begun = time.monotonic()
        if begun < self._next_read:
            return []
        arrived = self._logs.read()
        taken_s = time.monotonic() - begun
        self._next_read = begun + taken_s + (_REST * taken_s if taken_s > _LONG_READ_S else 0.0)
        self._new_ids += arrived
        return arrived

    def _learn(self) -> float | None:
        """Take over the failures of a data set, and return the time of its last commit; None without a data set."""
        if not is_dataset(self.directory):
            return None
        now = time.time()
        for row in read_failures(self.directory).to_pylist():
            self._waiting.note(row["requested_id"], row["outcome"], row["retry_at"], now=now)
        return datetime.fromisoformat(read_manifest(self.directory).committed_at).timestamp()

    def _send_round(self) -> None:
        begun = time.monotonic()
        size = _PROBE_SIZE if self._pause_s else self._size
        is_refresh = begun >= self._next_refresh and self.counts.young > 0
        portion = [*self._take(size)]
        if not portion and not is_refresh:
            return
        try:
            result = self._add(portion, most_refreshed=size if is_refresh else 0)
        except OutputError as error:  # such as a full disk, or another program that writes the data set
            self._new_ids.extendleft(reversed(portion))
            self._note_outage((str(error),))
            return
        if is_refresh and result.settled < size:  # else there are more
            self._next_refresh = begun + REFRESH_S
        self._next_round = begun + self.round_s
        self._note_result(portion, result)
        if len(portion) == size and not self._pause_s:
            factor = min(2.0, self.round_s / max(time.monotonic() - begun, 0.01))
            self._size = min(max(int(size * factor), _LEAST_SIZE), _MOST_SIZE)

    def _take(self, size: int) -> Iterator[str]:
        """Yield ids to ask for: those that wait take at most half of the places from new ones."""
        again = list(self._waiting.take_due(time.time(), size // 2 if self._new_ids else size))
        yield from again
        for _ in range(min(size - len(again), len(self._new_ids))):
            yield self._new_ids.popleft()

    def _add(self, ids: Sequence[str], *, most_refreshed: int) -> ExportResult:
        return add_records(
            ids,
            self.directory,
            client=self.client,
            redact=self.redact,
            stored=self._stored,
            most_refreshed=most_refreshed,
            report_progress=self._report_progress,
        )

    def _note_result(self, ids: Sequence[str], result: ExportResult) -> None:
        outcomes = result.outcomes
        failures = self._read_failures(ids) if sum(outcomes.values()) > outcomes.get(Outcome.OK, 0) else []
        failed = {row["requested_id"] for row in failures}
        self._waiting.settle(each for each in ids if each not in failed)
        for row in failures:
            self._waiting.note(row["requested_id"], row["outcome"], row["retry_at"], now=time.time())
        if outcomes.get(Outcome.SKIPPED) or (outcomes.get(Outcome.FAILED) and not outcomes.get(Outcome.OK)):
            self._note_outage(result.notices or (f"no usable answer: {failures[0]['message']}",))
        elif ids and self._pause_s:
            self._pause_s, self._outage = 0.0, ()
            self._waiting.hurry(time.time())
        if result.rows < self.counts.records:  # someone replaced the data set: all ids are new again
            self._stored = StoredIds()
            self._logs.close()
            self._logs = Logs(self.paths)
        self.counts = replace(
            self.counts,
            new=self.counts.new + outcomes.get(Outcome.OK, 0),
            missing=max(0, result.failures - len(self._waiting)),
            requests=self.counts.requests + result.requests,
            records=result.rows,
            young=result.young,
            rounds=self.counts.rounds + 1,
            notices=result.notices,
        )

    def _read_failures(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return the rows of failures.parquet about ids."""
        table = read_failures(self.directory)
        asked = pa.array([escape_surrogates(each) for each in ids], pa.string())
        rows: list[dict[str, Any]] = table.filter(pa.compute.is_in(table["requested_id"], value_set=asked)).to_pylist()
        return rows

    def _note_outage(self, reasons: tuple[str, ...]) -> None:
        """Send only a few ids, ever later, until something gets through."""
        self._outage = reasons
        self._pause_s = min(2 * self._pause_s or self.outage_pause_s, _LONGEST_PAUSE_S)
        self._next_round = time.monotonic() + self._pause_s

    def _report_progress(self, ids: int) -> None:
        self.counts = replace(self.counts, waiting=max(0, self.counts.waiting - ids))

    def _count(self) -> None:
        self.counts = replace(
            self.counts,
            ids=len(self._logs),
            waiting=len(self._new_ids) + len(self._waiting),
            problems=(*self._outage, *self._logs.problems),
        )
