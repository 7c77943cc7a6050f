"""Which ids a Delta table contains, and which of its rows may still change."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute

from genanalytics.dataset.delta.log import Snapshot
from genanalytics.dataset.delta.rows import read_live
from genanalytics.dataset.settling import find_final_at
from genanalytics.ids.known import KnownIds

_COLUMNS = ["requested_id", "created_at", "fetched_at"]
_THREADS = 8


@dataclass(frozen=True, slots=True)
class YoungRow:
    """A row that may still change.

    Attributes:
        path: The file that contains it.
        created_at: The time of the generation (microseconds of Unix time); None if the record has none.
        fetched_at: The time of the fetch (microseconds of Unix time).
    """

    path: str
    created_at: int | None
    fetched_at: int


@dataclass(frozen=True, slots=True)
class Choice:
    """The rows of a commit that the table lacks.

    Attributes:
        rows: These rows.
        replaced: The ids of older rows that they replace, by the file of the older row.
    """

    rows: pa.Table
    replaced: Mapping[str, Sequence[str]]


@dataclass(slots=True)
class TableIds:
    """The ids of a table, learned from each file once, also from those of other writers.

    Attributes:
        stored: All ids.
        young: The rows that may still change, by id.
    """

    stored: KnownIds
    young: dict[str, YoungRow] = field(default_factory=dict)
    _read: set[str] = field(default_factory=set)

    def learn(self, snapshot: Snapshot) -> None:
        """Learn the rows of files that were not read before, and forget young rows whose files are not live.

        Raises:
            InputError: A file cannot be read.
            FileNotFoundError: A file was removed since.
        """
        new = [file for file in snapshot.files if file.path not in self._read]
        with ThreadPoolExecutor(_THREADS) as readers:
            tables = readers.map(lambda file: read_live(snapshot, file, _COLUMNS), new)
            for file, table in zip(new, tables, strict=True):
                self._learn_rows(file.path, table)
        self._read = {file.path for file in snapshot.files}
        self.young = {one: row for one, row in self.young.items() if row.path in self._read}

    def choose(self, rows: pa.Table) -> Choice:
        """Return the rows whose ids are not in the table, and those that were fetched later than its young rows."""
        ids = rows["requested_id"].to_pylist()
        is_stored = self.stored.has(ids) if ids else []
        if not any(is_stored):
            return Choice(rows, {})
        fetched = rows["fetched_at"].cast(pa.int64()).to_pylist()
        replaced: dict[str, list[str]] = {}
        is_needed = []
        for one, moment, known in zip(ids, fetched, is_stored, strict=True):
            older = self.young.get(one) if known else None
            is_newer = older is not None and moment > older.fetched_at
            if older is not None and is_newer:
                replaced.setdefault(older.path, []).append(one)
            is_needed.append(is_newer or not known)
        return Choice(rows.filter(pa.array(is_needed, pa.bool_())), replaced)

    def read_young(self) -> pa.Table:
        """Return `requested_id`, `created_at` and `fetched_at` of the young rows."""
        moment = pa.timestamp("us", tz="UTC")
        young = self.young.values()
        columns = [
            pa.array(list(self.young), pa.string()),
            pa.array([row.created_at for row in young], pa.int64()).cast(moment),
            pa.array([row.fetched_at for row in young], pa.int64()).cast(moment),
        ]
        return pa.table(columns, names=_COLUMNS)

    def _learn_rows(self, path: str, table: pa.Table) -> None:
        ids = table["requested_id"].to_pylist()
        self.stored.add(ids)
        for one in self.young.keys() & set(ids) if self.young else ():
            del self.young[one]
        if not ids:
            return
        young = table.filter(pa.compute.less(table["fetched_at"].cast(pa.int64()), find_final_at(table)))
        created, fetched = (young[name].cast(pa.int64()).to_pylist() for name in ("created_at", "fetched_at"))
        for one, at, seen in zip(young["requested_id"].to_pylist(), created, fetched, strict=True):
            self.young[one] = YoungRow(path, at, seen)
