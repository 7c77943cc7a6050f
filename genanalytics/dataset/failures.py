"""The ids without a record of a data set, in files whose total cost of writing is linear.

`failures.parquet` is the file that readers see. What changed since it was written is in files of `failures/`: a row
replaces an earlier row of its id, and a row without an outcome means that the id has a record. Once the changes are as
many rows as `failures.parquet`, both become a new `failures.parquet`: at most four rows are written per failure, and
32,768 more per commit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from genanalytics.ids.known import KnownIds
from genanalytics.records.coverage import MOST_LISTED, Coverage

FAILURES = pa.schema(
    [
        ("requested_id", pa.string()),
        ("outcome", pa.string()),
        ("status", pa.int64()),
        ("message", pa.string()),
        ("attempts", pa.int64()),
        ("returned_id", pa.string()),
        ("failed_at", pa.timestamp("us", tz="UTC")),
        ("retry_at", pa.timestamp("us", tz="UTC")),
    ]
)
"""The columns of failures.parquet; `retry_at` is null if asking again will not help."""

FAILURES_FILE = "failures.parquet"
SMALL_ROWS = 1 << 15
"""A file with at most as many rows is rewritten rather than followed by another."""


@dataclass(frozen=True, slots=True)
class FailuresFile:
    """One file with failures: `FAILURES_FILE` first, then the changes in their order.

    Attributes:
        path: The path relative to the data set.
        rows: The number of rows.
    """

    path: str
    rows: int


class FailedIds:
    """The ids without a record, and those that had none before: 16 bytes for each, and 16 more once it has a record.

    An id that has a record never becomes a failure again: a data set loses no record.

    >>> ids = FailedIds(pa.table({"requested_id": ["gen-1", "gen-2"]}))
    >>> arrived = pa.chunked_array([["gen-2", "gen-3"]])
    >>> ids.end(arrived)["requested_id"].to_pylist(), ids.end(arrived).num_rows, len(ids)
    (['gen-2'], 0, 1)
    """

    def __init__(self, failures: pa.Table) -> None:
        self._failed = KnownIds()
        self._ended = KnownIds()
        self.add(failures)

    def __len__(self) -> int:
        return len(self._failed) - len(self._ended)

    def add(self, failures: pa.Table) -> None:
        """Add failures, of which some may be there already."""
        for chunk in failures["requested_id"].chunks:
            self._failed.add(chunk.to_pylist())

    def end(self, ids: pa.ChunkedArray) -> pa.Table:
        """Remove ids that have a record by now, and return a row without an outcome for each that was a failure."""
        if not len(self._failed):
            return FAILURES.empty_table()
        arrived = ids.to_pylist()
        failed = [each for each, is_failed in zip(arrived, self._failed.has(arrived), strict=True) if is_failed]
        ended = [each for each, is_new in zip(failed, self._ended.add(failed), strict=True) if is_new]
        return pa.Table.from_pylist([{"requested_id": each} for each in ended], schema=FAILURES)


def make_coverage(found: int, missing: int, read: Callable[[], pa.Table]) -> Coverage | None:
    """Return the coverage of a data set; None if it contains neither records nor failures.

    Args:
        found: The number of records.
        missing: The number of ids without a record.
        read: Returns the failures; not called if they are too many for a list.
    """
    if missing > MOST_LISTED:
        return Coverage(found + missing, found)
    ids = read()["requested_id"].to_pylist() if missing else []
    return Coverage.of(ids, found=found) if found or ids else None


def count_kept(files: Sequence[FailuresFile], rows: int) -> int:
    """Return how many of the first files are kept; the others are rewritten together with the new rows.

    >>> visible = FailuresFile(FAILURES_FILE, 200_000)
    >>> count_kept([visible], 100_000), count_kept([visible, FailuresFile("failures/2", 100_000)], 100_000)
    (1, 0)
    """
    if not rows and files:
        return len(files)
    changes = rows + sum(file.rows for file in files[1:])
    if not files or changes >= files[0].rows:
        return 0
    return len(files) - 1 if files[-1].rows + rows <= SMALL_ROWS else len(files)


def apply_changes(rows: pa.Table) -> pa.Table:
    """Return the last row of each id, without ids that have a record.

    >>> rows = pa.table({"requested_id": ["gen-1", "gen-2", "gen-1", "gen-2"], "outcome": ["a", "b", "c", None]})
    >>> apply_changes(rows).to_pylist()
    [{'requested_id': 'gen-1', 'outcome': 'c'}]
    """
    places = pa.table({"id": rows["requested_id"], "place": np.arange(len(rows))})
    last = places.group_by("id").aggregate([("place", "max")])["place_max"]
    is_last = np.zeros(len(rows), dtype=bool)
    is_last[last.to_numpy()] = True
    return rows.filter(pa.array(is_last & rows["outcome"].is_valid().to_numpy()))
