"""From ids to a data set that grows, in batches that are committed whole."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from os import PathLike
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute

from genanalytics.dataset.batch import Batch
from genanalytics.dataset.delta.places import is_delta
from genanalytics.dataset.manifest import is_dataset, read_manifest
from genanalytics.dataset.merging import group_small
from genanalytics.dataset.partitions import Partition
from genanalytics.dataset.redact import Redaction
from genanalytics.dataset.settling import MICROSECONDS, find_final_at
from genanalytics.dataset.stored import StoredIds
from genanalytics.dataset.writer import Writer
from genanalytics.dataset.writers import AnyWriter, Format, choose_writer, name_failures
from genanalytics.errors import InputError
from genanalytics.fetching.answers import Outcome
from genanalytics.fetching.client import Client, use_client
from genanalytics.fetching.dispatch import Dispatch
from genanalytics.fetching.progress import make_progress_bar
from genanalytics.ids.known import KnownIds
from genanalytics.ids.read import Ids, IdSource, read_ids
from genanalytics.units import format_count

BATCH_ROWS = 32_768
"""The number of fetched answers in a batch."""

_LOOKED_UP_AT_ONCE = 8_192
_FEW_ROWS = 4_096
"""Merging is advised only if files have fewer rows on average."""
MANY_FILES = 200
"""If merging saves more small files than this, a notice advises it."""


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The counts of an export, and of the data set after it.

    Attributes:
        requested: The number of given ids, duplicates included.
        distinct: The number of different ids, including those to `retry`.
        present: The number of those that the data set contained before.
        outcomes: The number of the others per outcome.
        settled: The number of young records of earlier runs that are final now.
        requests: The number of HTTP requests.
        from_cache: The number of ids that the cache answered.
        seconds: The duration.
        rows: The number of records in the data set.
        young: The number of those that may still change; a later export asks for them again.
        failures: The number of ids without a record that it lists.
        notices: Notices for the user, one sentence each.
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
        sent = f"{format_count(self.requests, 'request')}, {self.from_cache:,} from the cache, {self.seconds:.1f} s"
        return f"{format_count(self.distinct, 'id')}: {self.present:,} already in the data set{counts} ({sent})"

    @property
    def coverage(self) -> float | None:
        """The share of distinct ids that have a record in the data set (0 to 1); None without ids."""
        found = self.present + self.outcomes.get(Outcome.OK, 0)
        return found / self.distinct if self.distinct else None


def export(
    ids: IdSource,
    directory: str | PathLike[str],
    *,
    partition: Partition = "month",
    format: Format | None = None,  # noqa: A002 - the word of other libraries
    client: Client | None = None,
    redact: Redaction | None = None,
    retry: bool = False,
    wait_s: float = 30.0,
    accept_mismatch: bool = False,
    batch_rows: int = BATCH_ROWS,
    progress: bool | None = None,
) -> ExportResult:
    """Fetch the records of `ids` into a data set, each once, and return the counts.

    Ids in the data set are not asked for again, except for young records that are final by now: they are replaced even
    if they are not among `ids`. Every `batch_rows` fetched answers, or four times as many of the cache, are committed
    in one step. An interrupted run keeps its commits; to resume it, run it again. Memory holds two batches, since one
    is filled while another is written, and 16 bytes per id.

    Args:
        ids: Anything that `read_ids` reads, or its result: one id, the path of a file or a directory with ids, a table
            in memory, an iterable of ids or of completions.
        directory: The data set; it is created if it does not exist.
        partition: The period of its partitions, `month` or `day` of `created_at` (UTC); None for no partitions.
        format: `parquet` or `delta`, a Delta table; None for the format of the existing data set, `parquet` for a new
            one.
        client: The client; without one, `Client.from_env()` is used and closed.
        redact: The columns to empty, or to replace by tokens, before they are written. The cache keeps the answers as
            they arrived.
        retry: Whether to ask also for listed ids without a record whose `retry_at` has passed.
        wait_s: How long to keep asking for records that are too young to exist yet, in seconds.
        accept_mismatch: Accept records that carry another id than the requested one, under the requested id.
        batch_rows: The number of fetched answers in a batch; an answer of the cache counts a quarter.
        progress: Whether to draw a progress bar; None draws one in a terminal or a notebook only.

    Raises:
        KeyRefusedError: There is no API key, or the service refused it (401).
        InputError: `ids` cannot be read, or the directory contains something else.
        OutputError: The directory cannot be written, or another process writes it.
        CacheError: The cache cannot be read.
    """
    for name, number, least in (("wait_s", wait_s, 0), ("batch_rows", batch_rows, 1)):
        if not number >= least:
            msg = f"{name}={number} cannot be used: give {least} or more"
            raise InputError(msg)
    with (
        use_client(client) as used,
        choose_writer(directory, format=format, partition=partition, redact=redact) as writer,
        make_progress_bar(ids, progress=progress) as bar,
    ):
        dispatch = Dispatch(used, refresh=False, wait_s=wait_s, accept_mismatch=accept_mismatch, ids_repeat=False)
        run = _Run(writer, redact or Redaction([]), bar.update, StoredIds())
        return run.execute(dispatch, ids if isinstance(ids, Ids) else read_ids(ids), retry=retry, batch_rows=batch_rows)


def add_records(
    ids: Iterable[str],
    directory: Path,
    *,
    client: Client,
    redact: Redaction | None,
    stored: StoredIds,
    most_refreshed: int,
    report_progress: Callable[[int], object],
) -> ExportResult:
    """Fetch the records of ids into a data set as `export` does, for a program that does so every few seconds.

    Ids without a record are asked for once.

    Args:
        ids: The ids.
        directory: The data set; it is created if it does not exist, with a partition for each month.
        client: The client.
        redact: The columns to redact before they are written.
        stored: The ids that earlier calls for this data set learned; new ones are added.
        most_refreshed: The largest number of young records to ask for again that are final by now.
        report_progress: Called with the number of ids that are done.

    Raises:
        KeyRefusedError: The service refused the API key (401).
        InputError: The directory contains something else, or a data set with another redaction.
        OutputError: The directory cannot be written, or another process writes it.
        CacheError: The cache cannot be read.
    """
    if is_delta(directory):
        msg = f"{directory} is a Delta table, to which only `genanalytics export` adds: give another directory"
        raise InputError(msg)
    partition: Any = read_manifest(directory).partition if is_dataset(directory) else "month"
    with Writer(directory, partition=partition, redact=redact.description if redact else None) as writer:
        dispatch = Dispatch(client, refresh=False, wait_s=0.0, accept_mismatch=False, ids_repeat=False)
        run = _Run(writer, redact or Redaction([]), report_progress, stored)
        return run.execute(dispatch, iter(ids), retry=False, most_refreshed=most_refreshed)


class _Run:
    """One export: its input, and its counts so far."""

    def __init__(
        self,
        writer: AnyWriter,
        redact: Redaction,
        report_progress: Callable[[int], object],
        stored: StoredIds,
    ) -> None:
        self._writer = writer
        self._redact = redact
        self._report_progress = report_progress
        self._started = time.time()
        self._given = KnownIds()
        self._stored = stored
        self._requested = 0
        self._present = 0
        self._settled = 0
        self._outcomes: Counter[Outcome] = Counter()
        self._notices: list[str] = []

    def execute(
        self,
        dispatch: Dispatch,
        ids: Iterator[str],
        *,
        retry: bool,
        most_refreshed: int | None = None,
        batch_rows: int = BATCH_ROWS,
    ) -> ExportResult:
        self._writer.learn_ids(self._stored)
        due = self._find_due()[:most_refreshed]
        again = self._find_due_failures() if retry else []
        wanted = chain(due, self._find_new(chain(again, ids), min(batch_rows, _LOOKED_UP_AT_ONCE)))
        # one thread parses and commits batches in order, while the next answers arrive
        with ThreadPoolExecutor(1) as committer, closing(dispatch.answers(wanted)) as answers:
            batch, committed = Batch(committer, batch_rows), None
            for position, answer in answers:
                is_refresh = position < len(due)
                if not is_refresh:
                    self._outcomes[answer.outcome] += 1
                    self._report_progress(1)
                batch.add(answer, is_refresh=is_refresh)
                if batch.is_full:
                    if committed is not None:
                        committed.result()
                    committed = committer.submit(self._commit, batch)
                    batch = Batch(committer, batch_rows)
            if committed is not None:
                committed.result()
            if not batch.is_empty or self._writer.manifest.commit == 0:
                committer.submit(self._commit, batch).result()
        return self._make_result(dispatch)

    def _make_result(self, dispatch: Dispatch) -> ExportResult:
        manifest = self._writer.manifest
        notices = [*self._notices, *dispatch.notices]
        is_small = manifest.rows < len(manifest.files) * _FEW_ROWS
        if is_small and sum(len(group) - 1 for group in group_small(manifest.files)) > MANY_FILES:
            notices.append(
                f"the data set has {len(manifest.files):,} small files: merge them with `genanalytics compact`"
            )
        return ExportResult(
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
            notices=tuple(notices),
        )

    def _find_due(self) -> Sequence[str]:
        """Return the ids of young records that are final by now."""
        table = self._writer.read_young(["requested_id", "created_at", "fetched_at"])
        is_due = pa.compute.less_equal(find_final_at(table), _to_micros(self._started))
        due: list[str] = table.filter(is_due)["requested_id"].to_pylist()
        return due

    def _find_due_failures(self) -> Sequence[str]:
        """Return the failed ids to ask for again, and note the others."""
        failures = self._writer.read_failures()
        is_due = pa.compute.less_equal(failures["retry_at"].cast(pa.int64()), _to_micros(self._started))
        is_due = pa.compute.fill_null(is_due, fill_value=False)
        later = failures.filter(pa.compute.invert(is_due))
        if len(later):
            self._notices.append(_describe_not_due(later, name_failures(self._writer.directory)))
        due: list[str] = failures.filter(is_due)["requested_id"].to_pylist()
        return due

    def _find_new(self, ids: Iterable[str], ahead: int) -> Iterator[str]:
        """Yield each id that is not in the data set once; `ahead` ids are read at a time."""
        ids = iter(ids)
        while portion := list(islice(ids, ahead)):
            self._requested += len(portion)
            distinct = [one for one, is_new in zip(portion, self._given.add(portion), strict=True) if is_new]
            wanted = [one for one, is_stored in zip(distinct, self._stored.has(distinct), strict=True) if not is_stored]
            self._present += len(distinct) - len(wanted)
            self._report_progress(len(portion) - len(wanted))
            yield from wanted

    def _commit(self, batch: Batch) -> None:
        rows, refreshed, failures = batch.make_tables()
        # a record that was due is final in every answer since the start of the run, with any creation time
        final_at = [
            find_final_at(rows),
            pa.compute.min_element_wise(find_final_at(refreshed), pa.scalar(_to_micros(self._started), pa.int64())),
        ]
        rows = pa.concat_tables([rows, refreshed])
        fetched = rows["fetched_at"].cast(pa.int64())
        is_final = pa.compute.greater_equal(fetched, pa.chunked_array(final_at, pa.int64()))
        self._settled += pa.compute.sum(is_final.slice(len(rows) - len(refreshed))).as_py() or 0
        self._writer.commit(*_split(self._redact.apply(rows), is_final), failures)


def _split(rows: pa.Table, chosen: pa.ChunkedArray) -> tuple[pa.Table, pa.Table]:
    """Return the chosen rows and the others; a table is not copied if it is one of both."""
    if pa.compute.all(chosen).as_py() is not False:
        return rows, rows.slice(0, 0)
    return rows.filter(chosen), rows.filter(pa.compute.invert(chosen))


def _describe_not_due(failures: pa.Table, file: str) -> str:
    """Return a notice about failures that are not asked for again in this run."""
    first = pa.compute.min(failures["retry_at"]).as_py()
    lasting = failures["retry_at"].null_count
    later = f"the first is due at {first:%Y-%m-%d %H:%M} UTC" if first else ""
    never = f"{lasting:,} cannot succeed without a change (see {file})" if lasting else ""
    return f"{format_count(len(failures), 'failure')} not retried: {'; '.join(filter(None, [later, never]))}"


def _to_micros(moment: float) -> int:
    return round(moment * MICROSECONDS)
