"""Ids to a data set that grows: fetched in batches, each of which is committed whole."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from os import PathLike
from pathlib import Path

import pyarrow as pa
import pyarrow.compute

from genanalytics.dataset.manifest import FAILURES
from genanalytics.dataset.redact import Redaction
from genanalytics.dataset.writer import Partition, Writer
from genanalytics.errors import InputError
from genanalytics.fetching.answers import Answer, Outcome
from genanalytics.fetching.client import REMEMBER_MISSING_S, Client
from genanalytics.fetching.dispatch import Dispatch
from genanalytics.fetching.fetch import progress_bar, shown
from genanalytics.formats.parquet import read_table as read_file
from genanalytics.ids.form import CREATED, created_s
from genanalytics.ids.known import KnownIds
from genanalytics.ids.read import Ids, read_ids
from genanalytics.records.parse import Row, to_table
from genanalytics.records.record import SETTLING_S
from genanalytics.units import counted

BATCH_ROWS = 32_768
"""After so many answers a batch is committed."""

_ROWS_PER_TABLE = 4_096
_LOOKED_UP_AT_ONCE = 8_192
_MICROSECONDS = 1_000_000
_MANY_FILES = 200


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did, and what the data set holds now.

    Attributes:
        requested: How many ids were given, duplicates included.
        distinct: How many different ids were given; with `retry`, those to be tried again are among them.
        present: How many of them the data set held already.
        outcomes: How many of the others ended in each outcome that occurred.
        settled: How many young records of earlier runs are final now.
        requests: How many HTTP requests were sent.
        from_cache: How many ids were answered by the cache.
        seconds: How long it took.
        rows: How many records the data set holds.
        young: How many of them may still change; a later export asks for them again.
        failures: How many ids `failures.parquet` holds.
        notices: What the caller should know, each in one sentence.
    """

    requested: int
    distinct: int
    present: int
    outcomes: Mapping[str, int]
    settled: int
    requests: int
    from_cache: int
    seconds: float
    rows: int
    young: int
    failures: int
    notices: tuple[str, ...] = ()

    def __str__(self) -> str:
        counts = "".join(f", {number:,} {outcome}" for outcome, number in self.outcomes.items())
        sent = f"{counted(self.requests, 'request')}, {self.from_cache:,} from the cache, {self.seconds:.1f} s"
        return f"{counted(self.distinct, 'id')}: {self.present:,} there already{counts} ({sent})"

    @property
    def coverage(self) -> float | None:
        """The share of distinct ids that have a record in the data set (0 to 1); None without ids."""
        found = self.present + self.outcomes.get(Outcome.OK, 0)
        return found / self.distinct if self.distinct else None


def export(
    ids: object,
    directory: str | PathLike[str],
    *,
    partition: Partition = "month",
    client: Client | None = None,
    redact: Redaction | None = None,
    retry: bool = False,
    wait_s: float = 30.0,
    accept_mismatch: bool = False,
    batch_rows: int = BATCH_ROWS,
    progress: bool | None = None,
) -> Exported:
    """Fetch the records of `ids` into a data set, each once, and return what was done.

    Ids that the data set holds are not asked for again, but for young records whose hour is over: those are replaced,
    whether or not they are among `ids`. Every `batch_rows` answers are committed in one step; whatever ends a run, what
    was committed stays, and the next run goes on. Memory is bounded by the batch, and grows by 16 bytes an id.

    Args:
        ids: Whatever `ids.read_ids` reads: a path of a file of ids, a generator of ids, an open stream, ...
        directory: The data set; made when it is not there.
        partition: By what its files are divided: month or day of `created_at` (UTC), or None for not at all.
        client: The way to the service; without one `Client.from_env()` is used and closed.
        redact: What is emptied, or replaced by tokens, before it is written. The cache holds the answers as they came.
        retry: Ask as well for the ids of `failures.parquet` whose `retry_at` has come.
        wait_s: How long to keep asking for records that are too young to be there yet, in seconds.
        accept_mismatch: Take records that carry another id than the one asked for, under the id asked for.
        batch_rows: How many answers make a batch.
        progress: Whether to draw a progress bar on stderr; None draws one in a terminal or a notebook only.

    Raises:
        KeyRefusedError: There is no key, or the service refused it (401).
        InputError: `ids` cannot be read, or the directory holds something else.
        OutputError: The directory cannot be written, or another process writes it.
        CacheError: The cache cannot be read.
    """
    if not wait_s >= 0 or batch_rows < 1:
        msg = f"wait_s={wait_s}, batch_rows={batch_rows}: the one has to be 0 or more, the other 1 or more"
        raise InputError(msg)
    if client is None:
        with Client.from_env() as own:
            return export(
                ids,
                directory,
                partition=partition,
                client=own,
                redact=redact,
                retry=retry,
                wait_s=wait_s,
                accept_mismatch=accept_mismatch,
                batch_rows=batch_rows,
                progress=progress,
            )
    with (
        Writer(Path(directory), partition=partition, redact=redact.told if redact else None) as writer,
        progress_bar(ids, progress=progress) as bar,
    ):
        dispatch = Dispatch(client, refresh=False, wait_s=wait_s, accept_mismatch=accept_mismatch, ids_repeat=False)
        run = _Run(writer, redact or Redaction([]), bar.update)
        return run.through(dispatch, ids if isinstance(ids, Ids) else read_ids(ids), retry=retry, batch_rows=batch_rows)


class _Run:
    """One export: what it was given, and what came."""

    def __init__(self, writer: Writer, redact: Redaction, told: Callable[[int], object]) -> None:
        self._writer = writer
        self._redact = redact
        self._told = told
        self._started = time.time()
        self._given = KnownIds()
        self._held = KnownIds()
        self._requested = 0
        self._present = 0
        self._settled = 0
        self._outcomes: Counter[Outcome] = Counter()
        self._notices: list[str] = []

    def through(self, dispatch: Dispatch, ids: Iterator[str], *, retry: bool, batch_rows: int) -> Exported:
        due = self._take_up()
        again = self._due_failures() if retry else []
        wanted = chain(due, self._new(chain(again, ids), min(batch_rows, _LOOKED_UP_AT_ONCE)))
        # parsed and written beside what comes next, by one thread, in turn; it is waited for however this ends
        with ThreadPoolExecutor(1) as beside, closing(dispatch.answers(wanted)) as answers:
            batch, committed = _Batch(beside), None
            for position, answer in answers:
                is_refresh = position < len(due)
                if not is_refresh:
                    self._outcomes[answer.outcome] += 1
                    self._told(1)
                batch.add(answer, is_refresh=is_refresh)
                if len(batch) >= batch_rows:
                    if committed is not None:
                        committed.result()
                    committed = beside.submit(self._commit, batch)
                    batch = _Batch(beside)
            if committed is not None:
                committed.result()
            if len(batch) or self._writer.manifest.commit == 0:
                beside.submit(self._commit, batch).result()
        manifest = self._writer.manifest
        return Exported(
            requested=self._requested,
            distinct=len(self._given),
            present=self._present,
            outcomes={outcome.value: self._outcomes[outcome] for outcome in Outcome if self._outcomes[outcome]},
            settled=self._settled,
            requests=dispatch.requests,
            from_cache=dispatch.from_cache,
            seconds=time.time() - self._started,
            rows=manifest.rows,
            young=manifest.young,
            failures=manifest.failures,
            notices=(*self._notices, *dispatch.notices, *self._advice()),
        )

    def _take_up(self) -> Sequence[str]:
        """Learn which ids the data set holds, and return those of young records that are final by now."""
        due: list[str] = []
        directory, manifest = self._writer.directory, self._writer.manifest
        for file in manifest.files:
            columns = ["requested_id", *(("created_at", "fetched_at") if file.young else ())]
            table = read_file(directory / file.path, columns=columns)
            for some in table["requested_id"].chunks:
                self._held.add(some.to_pylist())
            if file.young:
                is_due = pa.compute.less_equal(_final_at(table), _us(self._started))
                due += table.filter(is_due)["requested_id"].to_pylist()
        return due

    def _due_failures(self) -> Sequence[str]:
        failures = self._writer.failures()
        is_due = pa.compute.less_equal(failures["retry_at"].cast(pa.int64()), _us(self._started))
        is_due = pa.compute.fill_null(is_due, fill_value=False)
        later = failures.filter(pa.compute.invert(is_due))
        if len(later):
            self._notices.append(_not_due(later))
        due: list[str] = failures.filter(is_due)["requested_id"].to_pylist()
        return due

    def _new(self, ids: Iterable[str], ahead: int) -> Iterator[str]:
        """Yield each id that the data set does not hold, once; `ahead` of them are read at a time."""
        ids = iter(ids)
        while some := list(islice(ids, ahead)):
            self._requested += len(some)
            distinct = [each for each, is_new in zip(some, self._given.add(some), strict=True) if is_new]
            wanted = [each for each, is_held in zip(distinct, self._held.has(distinct), strict=True) if not is_held]
            self._present += len(distinct) - len(wanted)
            self._told(len(some) - len(wanted))
            yield from wanted

    def _commit(self, batch: "_Batch") -> None:
        rows, refreshed, failures = batch.tables()
        # of a record that was due, every answer since the run began is final, whoever says when it was created
        final_at = [
            _final_at(rows),
            pa.compute.min_element_wise(_final_at(refreshed), pa.scalar(_us(self._started), pa.int64())),
        ]
        rows = pa.concat_tables([rows, refreshed])
        fetched = rows["fetched_at"].cast(pa.int64())
        is_final = pa.compute.greater_equal(fetched, pa.chunked_array(final_at, pa.int64()))
        self._settled += pa.compute.sum(is_final.slice(len(rows) - len(refreshed))).as_py() or 0
        rows = self._redact.of(rows)
        self._writer.commit(rows.filter(is_final), rows.filter(pa.compute.invert(is_final)), failures)

    def _advice(self) -> Iterator[str]:
        manifest = self._writer.manifest
        if len(manifest.files) > _MANY_FILES and manifest.rows / len(manifest.files) < _ROWS_PER_TABLE:
            yield f"the data set has {len(manifest.files):,} small files: `genanalytics compact` merges them"


class _Batch:
    """Answers until they are committed.

    Args:
        beside: What parses them, a portion at a time, and commits them after that.
    """

    def __init__(self, beside: ThreadPoolExecutor) -> None:
        self._beside = beside
        self._count = 0
        self._portions: dict[bool, list[Row]] = {False: [], True: []}
        self._tables: dict[bool, list[Future[pa.Table]]] = {False: [], True: []}
        self._failures: list[Answer] = []

    def __len__(self) -> int:
        return self._count

    def add(self, answer: Answer, *, is_refresh: bool) -> None:
        """Take an answer; a young record that could not be had again stays as it is, and is no failure."""
        if answer.outcome is not Outcome.OK:
            if not is_refresh:
                self._failures.append(answer)
                self._count += 1
            return
        self._count += 1
        portion = self._portions[is_refresh]
        portion.append(Row(answer.requested_id, answer.body, answer.fetched_at))
        if len(portion) == _ROWS_PER_TABLE:
            self._tables[is_refresh].append(self._beside.submit(to_table, portion))
            self._portions[is_refresh] = []

    def tables(self) -> tuple[pa.Table, pa.Table, pa.Table]:
        """Return the records, those that are young in the data set, and the ids without one."""
        records, refreshed = (
            pa.concat_tables([*(each.result() for each in self._tables[which]), to_table(self._portions[which])])
            for which in (False, True)
        )
        return records, refreshed, _failures_table(self._failures)


def _not_due(failures: pa.Table) -> str:
    """Return what is to be known of failures that are not asked for again."""
    first = pa.compute.min(failures["retry_at"]).as_py()
    lasting = failures["retry_at"].null_count
    later = f"the first from {first:%Y-%m-%d %H:%M} UTC on" if first else ""
    never = f"{lasting:,} not before something else changes (see failures.parquet)" if lasting else ""
    return f"{counted(len(failures), 'failure')} not asked for yet: {'; '.join(filter(None, [later, never]))}"


def _final_at(rows: pa.Table) -> pa.Array:
    """Return when each row's record is final (microseconds of Unix time).

    Where neither the id nor the record says when the generation was, it was before its record was first fetched.
    """
    in_ids = pa.compute.struct_field(pa.compute.extract_regex(rows["requested_id"], pattern=CREATED), "created")
    created = pa.compute.multiply(in_ids.cast(pa.int64()), _MICROSECONDS)
    said, fetched = (rows[name].cast(pa.int64()) for name in ("created_at", "fetched_at"))
    moments = pa.compute.coalesce(created, said, fetched)
    return pa.compute.add(moments, SETTLING_S * _MICROSECONDS).combine_chunks()


def _failures_table(answers: Sequence[Answer]) -> pa.Table:
    now = time.time()
    rows = [
        {
            "requested_id": shown(answer.requested_id),
            "outcome": answer.outcome.value,
            "status": answer.status,
            "message": answer.message,
            "attempts": answer.attempts,
            "returned_id": shown(answer.returned_id),
            "failed_at": datetime.fromtimestamp(answer.fetched_at or now, UTC),
            "retry_at": _retry_at(answer, now),
        }
        for answer in answers
    ]
    return pa.Table.from_pylist(rows, schema=FAILURES)


def _retry_at(answer: Answer, now: float) -> datetime | None:
    """Return when asking again may help; None where something else has to change first."""
    match answer.outcome:
        case Outcome.PENDING:  # once it is final it need not be asked for twice
            at = (created_s(answer.requested_id) or now) + SETTLING_S
        case Outcome.NOT_FOUND:
            at = (answer.fetched_at or now) + REMEMBER_MISSING_S
        case Outcome.FAILED | Outcome.SKIPPED | Outcome.UNAVAILABLE:
            at = now
        case _:
            return None
    return datetime.fromtimestamp(at, UTC)


def _us(moment: float) -> int:
    return round(moment * _MICROSECONDS)
