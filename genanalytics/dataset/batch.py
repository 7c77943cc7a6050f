"""Answers on their way into a data set: records as tables, and the ids without a record."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

import pyarrow as pa

from genanalytics.dataset.failures import FAILURES
from genanalytics.fetching.answers import Answer, Outcome
from genanalytics.fetching.client import REMEMBER_MISSING_S
from genanalytics.ids.form import escape_surrogates, read_created_s
from genanalytics.records.parse import ROWS_PER_TABLE, parse_rows
from genanalytics.records.record import SETTLING_S

_CACHED_WEIGHT, _FETCHED_WEIGHT = 1, 4
"""There is room for four times as many answers of the cache: they can be read again at once if the run is killed."""


class Batch:
    """Answers until they are committed.

    Args:
        committer: The thread that parses them in portions, and then commits them.
        batch_rows: The number of fetched answers for which there is room.

    Attributes:
        is_empty: Whether there is no answer yet.
    """

    def __init__(self, committer: ThreadPoolExecutor, batch_rows: int) -> None:
        self.is_empty = True
        self._committer = committer
        self._room = batch_rows * _FETCHED_WEIGHT
        self._portions: dict[bool, list[Answer]] = {False: [], True: []}
        self._tables: dict[bool, list[Future[pa.Table]]] = {False: [], True: []}
        self._failures: list[Answer] = []

    @property
    def is_full(self) -> bool:
        """Whether there is no more room."""
        return self._room <= 0

    def add(self, answer: Answer, *, is_refresh: bool) -> None:
        """Add an answer; if a young record cannot be fetched again, it stays as it is and is not a failure."""
        is_record = answer.outcome is Outcome.OK
        if is_refresh and not is_record:
            return
        self.is_empty = False
        self._room -= _CACHED_WEIGHT if answer.from_cache else _FETCHED_WEIGHT
        if not is_record:
            self._failures.append(answer)
            return
        portion = self._portions[is_refresh]
        portion.append(answer)
        if len(portion) == ROWS_PER_TABLE:
            self._tables[is_refresh].append(self._committer.submit(parse_rows, portion))
            self._portions[is_refresh] = []

    def make_tables(self) -> tuple[pa.Table, pa.Table, pa.Table]:
        """Return the new records, the records to replace young ones, and the ids without a record."""
        records, refreshed = (
            pa.concat_tables([*(part.result() for part in self._tables[which]), parse_rows(self._portions[which])])
            for which in (False, True)
        )
        return records, refreshed, _make_failures(self._failures)


def _make_failures(answers: Sequence[Answer]) -> pa.Table:
    now = time.time()
    rows = [
        {
            "requested_id": escape_surrogates(answer.requested_id),
            "outcome": answer.outcome.value,
            "status": answer.status,
            "message": answer.message,
            "attempts": answer.attempts,
            "returned_id": escape_surrogates(answer.returned_id),
            "failed_at": datetime.fromtimestamp(answer.fetched_at or now, UTC),
            "retry_at": _find_retry_at(answer, now),
        }
        for answer in answers
    ]
    return pa.Table.from_pylist(rows, schema=FAILURES)


def _find_retry_at(answer: Answer, now: float) -> datetime | None:
    """Return the moment from which asking again may help; None if it cannot help."""
    match answer.outcome:
        case Outcome.PENDING:  # by then it is final, so one more request is enough
            at = (read_created_s(answer.requested_id) or now) + SETTLING_S
        case Outcome.NOT_FOUND:
            at = (answer.fetched_at or now) + REMEMBER_MISSING_S
        case Outcome.FAILED | Outcome.SKIPPED | Outcome.UNAVAILABLE:
            at = now
        case _:
            return None
    return datetime.fromtimestamp(at, UTC)
