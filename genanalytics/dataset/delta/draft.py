"""A commit of a Delta table in the making: new files, and the actions that make them part of the table."""

import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from genanalytics.base.atomic import sync
from genanalytics.dataset.delta.log import LiveFile, Snapshot, open_snapshot
from genanalytics.dataset.delta.places import LOG, import_deltalake
from genanalytics.dataset.delta.state import APP, FOLDER, State, count_commits, make_version, name_state, read_state
from genanalytics.dataset.delta.stats import describe_rows
from genanalytics.dataset.directory import MODE
from genanalytics.dataset.failures import FAILURES, FailuresFile, apply_changes, count_kept
from genanalytics.dataset.partitions import divide, name_folder
from genanalytics.formats.parquet import pack_table, sort_by_creation, write_table


class Draft:
    """The next commit of a table.

    Args:
        snapshot: The version that it follows.
        partition: The period of the partitions.

    Attributes:
        written: The paths of the files that it wrote.
        is_sent: Whether the commit may have taken place, so that its files may belong to the table.
    """

    def __init__(self, snapshot: Snapshot, partition: str | None) -> None:
        self._snapshot = snapshot
        self._partition = partition
        self._version = make_version(snapshot.table.transaction_version(APP))
        self._name = f"{count_commits(self._version):08d}-{secrets.token_hex(4)}"
        self._state = read_state(snapshot) or State()
        self._actions: list[Any] = []
        self.written: list[str] = []
        self.is_sent = False

    def add(self, rows: pa.Table, *, young: bool) -> None:
        """Write rows, one file per partition."""
        ending = "-young" if young else ""
        for value, part in divide(sort_by_creation(rows), self._partition):
            folder = "" if self._partition is None else f"{name_folder(value, self._partition)}/"
            path = f"{folder}{self._name}{ending}.parquet"
            values = {} if self._partition is None else {self._partition: value}
            self._actions.append(self._make_add(path, values, part, self._write_rows(part, path)))

    def remove(self, file: LiveFile) -> None:
        """Take a file out of the table."""
        from deltalake.transaction import RemoveAction  # noqa: PLC0415 - an extra

        values = {name: value if value is None else str(value) for name, value in file.partition.items()}
        self._actions.append(
            RemoveAction(
                file.path, data_change=True, deletion_timestamp=_now(), size=file.size, partition_values=values
            )
        )

    def change_failures(self, changes: pa.Table, count: int) -> None:
        """Add changes of failures to those of the commit before; there are `count` after them."""
        kept = count_kept(self._state.files, changes.num_rows)
        files = self._state.files[:kept]
        tables = [self._snapshot.read_rows(file.path).cast(FAILURES) for file in self._state.files[kept:]]
        rows = pa.concat_tables([*tables, changes])
        if not kept:
            rows = apply_changes(rows)
        if rows.num_rows:
            path = f"{FOLDER}/{self._name}.parquet"
            self._write_rows(rows, path)
            files = (*files, FailuresFile(path, rows.num_rows))
        self._state = State(count, files)

    @property
    def version(self) -> int:
        """The version of the transaction."""
        return self._version

    def find_outcome(self, last: Snapshot) -> bool | None:
        """Return whether the commit is in the table, given the last version; None if it may still arrive."""
        found = last.table.transaction_version(APP)
        if count_commits(found) > count_commits(self._version):  # others follow the one with this number
            first = open_snapshot(last.place, self._snapshot.version + 1)
            found = first.table.transaction_version(APP)
        if found == self._version:
            return True
        return None if last.version == self._snapshot.version and last.store is not None else False

    def publish(self) -> None:
        """Commit all of it in one step.

        Raises:
            deltalake.exceptions.CommitFailedError: Anybody has committed since the version that this follows.
        """
        deltalake = import_deltalake(self._snapshot.place)
        self._write_bytes(self._state.to_json().encode(), name_state(self._version))
        self._sync_folders()
        table, self.is_sent = self._snapshot.table, True
        table.create_write_transaction(
            self._actions,
            "append",
            table.schema(),
            [] if self._partition is None else [self._partition],
            commit_properties=deltalake.CommitProperties(
                app_transactions=[deltalake.Transaction(APP, self._version)],
                max_commit_retries=0,  # the library would only look for conflicts of files, not for equal ids
            ),
        )
        if self._snapshot.store is None:
            log = Path(self._snapshot.locate(LOG))
            sync(log / f"{table.version():020d}.json")
            sync(log)

    def discard(self) -> None:
        """Remove the written files."""
        if self._snapshot.store is not None:
            self._snapshot.store.remove(self.written)
            return
        for path in self.written:
            Path(self._snapshot.locate(path)).unlink(missing_ok=True)

    def _make_add(self, path: str, values: Mapping[str, str | None], rows: pa.Table, size: int) -> Any:  # noqa: ANN401
        from deltalake.transaction import AddAction  # noqa: PLC0415 - an extra

        return AddAction(path, size, values, _now(), data_change=True, stats=describe_rows(rows))

    def _write_rows(self, rows: pa.Table, path: str) -> int:
        """Write a file, and return its size in bytes."""
        if self._snapshot.store is not None:
            content = pack_table(rows)
            self._write_bytes(content, path)
            return len(content)
        target = self._prepare(path)
        write_table(rows, target)
        sync(target)
        return target.stat().st_size

    def _write_bytes(self, content: bytes, path: str) -> None:
        if self._snapshot.store is None:
            target = self._prepare(path)
            target.write_bytes(content)
            sync(target)
            return
        self.written.append(path)
        self._snapshot.store.write(path, content)

    def _prepare(self, path: str) -> Path:
        target = Path(self._snapshot.locate(path))
        target.parent.mkdir(MODE, exist_ok=True)
        self.written.append(path)
        return target

    def _sync_folders(self) -> None:
        if self._snapshot.store is None:
            folders = {Path(self._snapshot.locate(path)).parent for path in self.written}
            for folder in sorted({*folders, Path(self._snapshot.place)}):
                sync(folder)


def _now() -> int:
    return round(time.time() * 1_000)
