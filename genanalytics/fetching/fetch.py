"""Ids to a typed frame: the only place where HTTP and pandas meet."""

import time
from collections import Counter
from contextlib import closing
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.base.frames import TEXT
from genanalytics.cache.contents import to_line
from genanalytics.errors import InputError
from genanalytics.fetching.answers import Answer, Outcome
from genanalytics.fetching.client import Client, use_client
from genanalytics.fetching.dispatch import Dispatch
from genanalytics.fetching.progress import make_progress_bar
from genanalytics.fetching.result import FetchResult, Stats
from genanalytics.ids.form import escape_surrogates
from genanalytics.ids.read import Ids, IdSource, read_ids
from genanalytics.records.coverage import COVERAGE, Coverage
from genanalytics.records.frame import to_frame
from genanalytics.records.parse import ROWS_PER_TABLE, parse_rows
from genanalytics.records.schema import ARROW_SCHEMA


def fetch(
    ids: IdSource,
    *,
    client: Client | None = None,
    refresh: bool = False,
    wait_s: float = 30.0,
    accept_mismatch: bool = False,
    progress: bool | None = None,
) -> FetchResult:
    """Return the records of `ids` as one typed frame, with the failures and counts.

    Ids in the cache are read in bulk. The others are asked for in parallel, and each answer is kept: to resume an
    interrupted run, run it again. A bad id raises nothing; it is a row of `failures`.

    Args:
        ids: Anything that `read_ids` reads, or its result: one id, the path of a file or a directory with ids, a table
            in memory, an iterable of ids or of completions.
        client: The client; without one, `Client.from_env()` is used and closed.
        refresh: Ask for every id again; a cached record stays if the new answer contains none.
        wait_s: How long to keep asking for records that are too young to exist yet, in seconds.
        accept_mismatch: Accept records that carry another id than the requested one, under the requested id.
        progress: Whether to draw a progress bar; None draws one in a terminal or a notebook only.

    Raises:
        KeyRefusedError: There is no API key, or the service refused it (401); records fetched before are in the cache.
        InputError: `ids` cannot be read, `wait_s` is negative, or the client is offline and `refresh` is set.
        CacheError: The cache cannot be read.
    """
    rows = _Rows()
    return _fetch(ids, rows, client, refresh=refresh, wait_s=wait_s, accept_mismatch=accept_mismatch, progress=progress)


def fetch_verbatim(
    ids: IdSource,
    stream: BinaryIO,
    *,
    client: Client,
    wait_s: float = 30.0,
    accept_mismatch: bool = False,
    progress: bool | None = None,
) -> FetchResult:
    """Write the answers for `ids` to a stream as the service sent them, one per line, in the order of arrival.

    Line breaks within an answer become blanks, which mean the same in JSON. Arguments and errors are those of `fetch`;
    the frame of the result is empty.
    """
    lines = _Lines(stream)
    return _fetch(ids, lines, client, refresh=False, wait_s=wait_s, accept_mismatch=accept_mismatch, progress=progress)


def _fetch(
    ids: IdSource,
    records: "_Rows | _Lines",
    client: Client | None,
    *,
    refresh: bool,
    wait_s: float,
    accept_mismatch: bool,
    progress: bool | None,
) -> FetchResult:
    if not wait_s >= 0:
        msg = f"wait_s={wait_s} cannot be used: give 0 or more"
        raise InputError(msg)
    started = time.monotonic()
    outcomes: Counter[Outcome] = Counter()
    failures: list[tuple[int, Answer]] = []
    read = ids if isinstance(ids, Ids) else read_ids(ids)
    with use_client(client) as used, make_progress_bar(ids, progress=progress) as bar:
        if refresh and used.offline:
            msg = "refresh=True asks for every id, and an offline client sends nothing: leave one of them out"
            raise InputError(msg)
        dispatch = Dispatch(used, refresh=refresh, wait_s=wait_s, accept_mismatch=accept_mismatch)
        with closing(dispatch.answers(iter(read))) as answers:
            for position, answer in answers:
                outcomes[answer.outcome] += 1
                if answer.outcome is Outcome.OK:
                    records.add(position, answer)
                else:
                    failures.append((position, answer))
                bar.update()
        bar.update(dispatch.requested - bar.n)  # the duplicates
    stats = Stats(
        requested=dispatch.requested,
        distinct=dispatch.distinct,
        outcomes={outcome.value: outcomes[outcome] for outcome in Outcome if outcomes[outcome]},
        requests=dispatch.requests,
        from_cache=dispatch.from_cache,
        not_stored=dispatch.not_stored,
        seconds=time.monotonic() - started,
        notices=(*read.notices, *dispatch.notices),
    )
    frame, missing = records.frame(), _make_failures(failures)
    if stats.distinct:
        frame.attrs[COVERAGE] = Coverage.of(missing["requested_id"], found=outcomes[Outcome.OK]).to_json()
    return FetchResult(frame, missing, stats)


class _Rows:
    """Records turned into Arrow in portions, so that only one portion of bodies is in memory."""

    def __init__(self) -> None:
        self._portion: list[Answer] = []
        self._positions: list[int] = []
        self._tables = [ARROW_SCHEMA.empty_table()]

    def add(self, position: int, answer: Answer) -> None:
        self._positions.append(position)
        self._portion.append(answer)
        if len(self._portion) == ROWS_PER_TABLE:
            self._flush()

    def frame(self) -> pd.DataFrame:
        self._flush()
        table = pa.concat_tables(self._tables)
        return to_frame(table.take(pa.array(np.argsort(self._positions, kind="stable"))))

    def _flush(self) -> None:
        if self._portion:
            self._tables.append(parse_rows(self._portion))
            self._portion = []


class _Lines:
    """Records written to a stream as they come."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def add(self, position: int, answer: Answer) -> None:  # noqa: ARG002 - like _Rows
        self._stream.write(to_line(answer.body))

    def frame(self) -> pd.DataFrame:
        return to_frame(ARROW_SCHEMA.empty_table())


def _make_failures(failures: list[tuple[int, Answer]]) -> pd.DataFrame:
    answers = [answer for _, answer in sorted(failures, key=lambda failure: failure[0])]
    return pd.DataFrame(
        {
            "requested_id": pd.Series([escape_surrogates(answer.requested_id) for answer in answers], dtype=TEXT),
            "outcome": pd.Series([answer.outcome.value for answer in answers], dtype=TEXT),
            "status": pd.Series([answer.status for answer in answers], dtype="Int64"),
            "message": pd.Series([answer.message for answer in answers], dtype=TEXT),
            "attempts": pd.Series([answer.attempts for answer in answers], dtype="Int64"),
            "returned_id": pd.Series([escape_surrogates(answer.returned_id) for answer in answers], dtype=TEXT),
            "body": pd.Series(
                [answer.body.decode("utf-8", "backslashreplace") or None for answer in answers], dtype=TEXT
            ),
        }
    )
