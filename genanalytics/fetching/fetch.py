"""Ids to a typed frame: the only place where HTTP and pandas meet."""

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sized
from contextlib import closing
from typing import BinaryIO, Never

import numpy as np
import pandas as pd
import pyarrow as pa
from tqdm import tqdm

from genanalytics.errors import InputError
from genanalytics.fetching.answers import Answer, Outcome
from genanalytics.fetching.client import Client
from genanalytics.fetching.dispatch import Dispatch
from genanalytics.fetching.result import Fetched, Stats
from genanalytics.ids.read import Ids, read_ids
from genanalytics.records.frame import from_table
from genanalytics.records.parse import Row, to_table
from genanalytics.records.schema import ARROW_SCHEMA

_ROWS_PER_TABLE = 4_096


def fetch(
    ids: object,
    *,
    client: Client | None = None,
    refresh: bool = False,
    wait_s: float = 30.0,
    accept_mismatch: bool = False,
    progress: bool | None = None,
) -> Fetched:
    """Return the records of `ids` as one typed frame, with what failed and what was done beside it.

    Known ids come from the cache in bulk; the others are asked for in parallel, each answer is kept, and a run that is
    interrupted is resumed by running it again. One bad id raises nothing: it is a row of `failures`.

    Args:
        ids: Whatever `read_ids` reads, or what it returned: one id, a path of a file or a directory with ids, a table
            in memory, an iterable of ids or of completions.
        client: The way to the service; without one `Client.from_env()` is used and closed.
        refresh: Ask for every id again; a kept record stays if the new answer is none.
        wait_s: How long to keep asking for records that are too young to be there yet, in seconds.
        accept_mismatch: Take records that carry another id than the one asked for, under the id asked for.
        progress: Whether to draw a progress bar; None draws one in a terminal or a notebook only.

    Raises:
        KeyRefusedError: There is no key, or the service refused it (401); what was fetched before is kept in the cache.
        InputError: `ids` cannot be read.
        CacheError: The cache cannot be read.
    """
    if not wait_s >= 0:
        msg = f"wait_s={wait_s}: it has to be 0 or more"
        raise InputError(msg)
    if client is None:
        with Client.from_env() as own:
            return fetch(
                ids, client=own, refresh=refresh, wait_s=wait_s, accept_mismatch=accept_mismatch, progress=progress
            )
    dispatch = Dispatch(client, refresh=refresh, wait_s=wait_s, accept_mismatch=accept_mismatch)
    with progress_bar(ids, progress=progress) as bar:
        return _fetch(dispatch, ids if isinstance(ids, Ids) else read_ids(ids), bar, _Rows())


def progress_bar(ids: object, *, progress: bool | None) -> "tqdm[Never]":
    """Return a bar with the rate, and the time left where `ids` has a length; None: drawn where a person looks.

    It is text everywhere, on stderr or, in a notebook, on stdout, since notebooks show stderr as an error.
    """
    notebook = in_notebook()
    if progress is None:
        progress = notebook or sys.stderr.isatty()
    has_length = progress and isinstance(ids, Sized) and not isinstance(ids, str | Mapping)
    total = len(ids) if has_length and isinstance(ids, Sized) else None
    stream = sys.stdout if notebook else sys.stderr
    return tqdm(total=total, unit=" ids", delay=0.5, disable=not progress, file=stream)


def in_notebook() -> bool:
    """Return whether a cell of a notebook runs this: Jupyter, whatever shows it (VS Code too), or marimo."""
    ipython, marimo = sys.modules.get("IPython"), sys.modules.get("marimo")
    if ipython is not None and hasattr(ipython.get_ipython(), "kernel"):  # IPython in a terminal has none
        return True
    return marimo is not None and bool(marimo.running_in_notebook())


def _fetch(dispatch: Dispatch, ids: Ids, bar: "tqdm[Never]", rows: "_Rows | _Lines") -> Fetched:
    started = time.monotonic()
    outcomes: Counter[Outcome] = Counter()
    failures: list[tuple[int, Answer]] = []
    with closing(dispatch.answers(iter(ids))) as answers:
        for position, answer in answers:
            outcomes[answer.outcome] += 1
            if answer.outcome is Outcome.OK:
                rows.add(position, Row(answer.requested_id, answer.body, answer.fetched_at))
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
        notices=(*ids.notices, *dispatch.notices),
    )
    return Fetched(rows.frame(), _failures_frame(failures), stats)


def fetch_verbatim(
    ids: object,
    stream: BinaryIO,
    *,
    client: Client,
    wait_s: float = 30.0,
    accept_mismatch: bool = False,
    progress: bool | None = None,
) -> Fetched:
    """Write the answers of `ids` to a stream as the service sent them, one a line, in the order in which they come.

    Line breaks within an answer become blanks, which JSON does not tell apart. The arguments are those of `fetch`, the
    exceptions too; the frame of what is returned is empty.
    """
    dispatch = Dispatch(client, refresh=False, wait_s=wait_s, accept_mismatch=accept_mismatch)
    with progress_bar(ids, progress=progress) as bar:
        return _fetch(dispatch, ids if isinstance(ids, Ids) else read_ids(ids), bar, _Lines(stream))


class _Lines:
    """Records as they come, written down at once."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def add(self, position: int, row: Row) -> None:  # noqa: ARG002 - as _Rows has it
        self._stream.write(row.body.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")

    def frame(self) -> pd.DataFrame:
        return from_table(ARROW_SCHEMA.empty_table())


class _Rows:
    """Records as they come, turned into Arrow in portions so that no more bodies are held than one portion has."""

    def __init__(self) -> None:
        self._portion: list[Row] = []
        self._positions: list[int] = []
        self._tables = [ARROW_SCHEMA.empty_table()]

    def add(self, position: int, row: Row) -> None:
        self._positions.append(position)
        self._portion.append(row)
        if len(self._portion) == _ROWS_PER_TABLE:
            self._flush()

    def frame(self) -> pd.DataFrame:
        self._flush()
        table = pa.concat_tables(self._tables)
        return from_table(table.take(pa.array(np.argsort(self._positions, kind="stable"))))

    def _flush(self) -> None:
        if self._portion:
            self._tables.append(to_table(self._portion))
            self._portion = []


def _failures_frame(failures: list[tuple[int, Answer]]) -> pd.DataFrame:
    answers = [answer for _, answer in sorted(failures, key=lambda failure: failure[0])]
    return pd.DataFrame(
        {
            "requested_id": pd.Series([shown(answer.requested_id) for answer in answers], dtype="str"),
            "outcome": pd.Series([answer.outcome.value for answer in answers], dtype="str"),
            "status": pd.Series([answer.status for answer in answers], dtype="Int64"),
            "message": pd.Series([answer.message for answer in answers], dtype="str"),
            "attempts": pd.Series([answer.attempts for answer in answers], dtype="Int64"),
            "returned_id": pd.Series([shown(answer.returned_id) for answer in answers], dtype="str"),
            "body": pd.Series([_text(answer.body) for answer in answers], dtype="str"),
        }
    )


def shown(generation_id: str | None) -> str | None:
    """Return an id, whoever made it, in a form that every file can hold: lone surrogates are no Unicode."""
    return None if generation_id is None else generation_id.encode("utf-8", "backslashreplace").decode()


def _text(body: bytes) -> str | None:
    return body.decode("utf-8", "backslashreplace") if body else None
