"""The writer of a Delta table: commits that any number of writers may attempt at the same time.

A commit succeeds only if nobody has committed since the version that it follows. If somebody has, the writer reads the
new rows, drops its own rows whose ids are in the table by now, and tries again.
"""

import json
import os
import random
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute

from genanalytics._version import __version__
from genanalytics.base.atomic import check_current_directory, check_utf_8
from genanalytics.base.content import translate_errors
from genanalytics.base.stores.address import is_store_url
from genanalytics.base.stores.find import repeat
from genanalytics.base.stores.store import Store
from genanalytics.dataset.content import DataFile, Manifest, check_same
from genanalytics.dataset.delta.draft import Draft
from genanalytics.dataset.delta.ids import Choice, TableIds
from genanalytics.dataset.delta.log import NO_PARTITION, PARTITION, REDACTION, LiveFile, Snapshot, open_snapshot
from genanalytics.dataset.delta.places import (
    LOG,
    find_cause,
    import_deltalake,
    is_delta,
    list_errors,
    make_storage_options,
)
from genanalytics.dataset.delta.rows import read_live
from genanalytics.dataset.delta.state import APP, FOLDER, State, count_commits, read_state
from genanalytics.dataset.failures import FailedIds
from genanalytics.dataset.manifest import is_dataset
from genanalytics.dataset.partitions import Partition, check_partition
from genanalytics.errors import GenAnalyticsError, InputError, OutputError
from genanalytics.formats.parquet import unify
from genanalytics.ids.known import KnownIds
from genanalytics.records.schema import ARROW_SCHEMA

_TRIES = 100
_LONGEST_PAUSE_S = 0.2


class DeltaWriter(AbstractContextManager["DeltaWriter"]):
    """A writer of a Delta table, with the methods of `writer.Writer`.

    Args:
        place: The folder or the URL; the table is created if there is none.
        partition: The period of its partitions; None for no partitions.
        redact: `redact.Redaction.description` of every row that is committed.

    Raises:
        InputError: `deltalake` is not installed, the place contains something else, or the table has another partition
            or redaction, or is not one that `export` created.
        OutputError: It cannot be written.
    """

    def __init__(
        self,
        place: str | os.PathLike[str],
        *,
        partition: Partition,
        redact: Mapping[str, Any] | None = None,
    ) -> None:
        check_partition(partition)
        self.directory = os.fspath(place)
        self._partition = partition
        self._redact = redact
        self._ids = TableIds(KnownIds())
        self._failed: FailedIds | None = None
        self._snapshot: Snapshot
        self._state = State()

    def __enter__(self) -> Self:
        with self._explain_errors():
            self._check_place()
            self._snapshot = self._open() or self._create()
            self._check_same()
            self._add_columns()
            state = read_state(self._snapshot)
        if state is None and self.manifest.commit:
            msg = f"{self.directory} is a copy without {FOLDER}, so the failures of earlier exports are unknown"
            warnings.warn(msg, stacklevel=2)
        self._state = state or State()
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @property
    def manifest(self) -> Manifest:
        """The content as of the last known version."""
        young = Counter(row.path for row in self._ids.young.values())
        files = [_describe(file, young) for file in self._snapshot.files]
        files += [DataFile(path, rows, young=True) for path, rows in young.items()]
        return Manifest(
            commit=count_commits(self._snapshot.table.transaction_version(APP)),
            committed_at="",
            written_by=__version__,
            partition=self._partition,
            redact=self._redact,
            failures=self._state.failures,
            files=tuple(files),
            failure_files=self._state.files,
        )

    def learn_ids(self, stored: KnownIds) -> None:
        """Add the ids of all rows to those that are known to be stored; later commits add to them too."""
        self._ids = TableIds(stored)
        with self._explain_errors():
            self._learn()

    def read_young(self, columns: list[str]) -> pa.Table:
        """Return columns of the rows that may still change: any of `requested_id`, `created_at` and `fetched_at`."""
        return self._ids.read_young().select(columns)

    def read_failures(self) -> pa.Table:
        """Return the ids without a record, with the columns of `failures.FAILURES`."""
        return self._state.read_failures(self._snapshot)

    def commit(self, final: pa.Table, young: pa.Table, failures: pa.Table) -> None:
        """Add rows and failures in one step, which takes place completely or not at all.

        Rows whose ids are in the table are dropped, unless they were fetched later than its young row: then they
        replace it. So do ids without a record that have one by now.

        Args:
            final: Rows that will not change any more.
            young: Rows that may change.
            failures: Ids without a record, with the columns of `failures.FAILURES`.

        Raises:
            OutputError: It cannot be written; the table is as before.
        """
        with self._explain_errors():
            for _ in range(_TRIES):
                if self._try_commit(final, young, failures):
                    return
                time.sleep(random.uniform(0, _LONGEST_PAUSE_S))  # noqa: S311 - so that writers do not meet again
            msg = f"cannot write the Delta table {self.directory}: others commit all the time; try again later"
            raise OutputError(msg)

    def compact(self) -> int:
        """Merge small files (optimize), remove files that no version of the last week needs (vacuum).

        Returns:
            The number of files that this saves.

        Raises:
            OutputError: It cannot be written.
        """
        deltalake = import_deltalake(self.directory)
        before, table = len(self._snapshot.files), self._snapshot.table
        with self._explain_errors():
            table.optimize.compact(writer_properties=deltalake.WriterProperties(compression="ZSTD"))
            table.vacuum(dry_run=False, full=True)
            self._reload()
        return before - len(self._snapshot.files)

    def _try_commit(self, final: pa.Table, young: pa.Table, failures: pa.Table) -> bool:
        """Commit what the table lacks; return whether nobody else committed meanwhile."""
        from deltalake.exceptions import CommitFailedError  # noqa: PLC0415 - an extra

        draft = Draft(self._snapshot, self._partition)
        try:
            if self._fill(draft, final, young, failures):
                draft.publish()
        except CommitFailedError:
            self._reload()
            outcome = draft.find_outcome(self._snapshot)
            if outcome is False:
                draft.discard()
            return bool(outcome)  # true if only the answer was lost
        except BaseException:
            self._failed = None
            if not draft.is_sent:
                draft.discard()
            raise
        self._reload()
        return True

    def _fill(self, draft: Draft, final: pa.Table, young: pa.Table, failures: pa.Table) -> bool:
        """Add what the table lacks to a draft, and return whether there is anything."""
        choices = [self._ids.choose(rows) for rows in (final, young)]
        replaced: dict[str, list[str]] = {}
        for choice in choices:
            for path, ids in choice.replaced.items():
                replaced.setdefault(path, []).extend(ids)
        added = [[choice.rows] for choice in choices]
        for file in self._snapshot.files:
            if file.path in replaced:
                draft.remove(file)
                for rows, rest in zip(added, self._read_without(file, replaced[file.path]), strict=True):
                    rows.append(rest)
        draft.add(unify(added[0]), young=False)
        draft.add(unify(added[1]), young=True)
        changes, count = self._find_changes(choices, failures)
        draft.change_failures(changes, count)
        return bool(draft.written) or not self.manifest.commit

    def _find_changes(self, choices: Sequence[Choice], failures: pa.Table) -> tuple[pa.Table, int]:
        """Return the changes of failures, and the number of failures after them."""
        if self._failed is None:
            self._failed = FailedIds(self.read_failures())
        ids = failures["requested_id"].to_pylist()
        is_stored = self._ids.stored.has(ids) if ids else []
        failures = failures.filter(pa.array([not stored for stored in is_stored], pa.bool_()))
        arrived = pa.concat_tables([choice.rows.select(["requested_id"]) for choice in choices])["requested_id"]
        ended = self._failed.end(arrived)
        self._failed.add(failures)
        return pa.concat_tables([ended, failures]), len(self._failed)

    def _read_without(self, file: LiveFile, ids: Sequence[str]) -> tuple[pa.Table, pa.Table]:
        """Return the final and the young rows of a file, except those with one of `ids`."""
        rows = read_live(self._snapshot, file)
        names = rows["requested_id"]
        rest = rows.filter(pa.compute.invert(pa.compute.is_in(names, value_set=pa.array(ids, pa.string()))))
        young = pa.array(list(self._ids.young), pa.string())
        is_young = pa.compute.is_in(rest["requested_id"], value_set=young)
        return rest.filter(pa.compute.invert(is_young)), rest.filter(is_young)

    def _reload(self) -> None:
        """Read the last version, and the ids of its new files."""
        self._failed = None
        self._snapshot = open_snapshot(self.directory)
        self._learn()

    def _learn(self) -> None:
        for _ in range(_TRIES):
            self._state = read_state(self._snapshot) or State()
            try:
                return self._ids.learn(self._snapshot)
            except FileNotFoundError as error:  # vacuumed since
                gone = error
                self._snapshot = open_snapshot(self.directory)
        raise gone

    def _check_place(self) -> None:
        """Refuse a place with other content."""
        if is_store_url(self.directory):
            self._check_store()
            return
        path = Path(self.directory)
        check_current_directory(path)
        check_utf_8(path)
        if path.is_file():
            msg = f"cannot write the Delta table {path}: a file has that name; give a directory"
            raise OutputError(msg)
        if is_dataset(path):
            raise _make_other_format(path)
        foreign = [] if (path / LOG).is_dir() or not path.is_dir() else sorted(each.name for each in path.iterdir())
        if foreign:
            msg = f"{path} contains other files ({foreign[0]}): give a new directory, or an existing Delta table"
            raise InputError(msg)

    def _check_store(self) -> None:
        """Refuse a URL with other objects; another writer may create the table meanwhile, whose log comes first."""
        store = Store(self.directory)
        with translate_errors(self.directory, OSError):
            foreign = repeat(lambda: next((found.key for found in store.list() if found.size), None))
        if foreign is None or is_delta(self.directory):
            return
        if is_dataset(self.directory):
            raise _make_other_format(self.directory)
        msg = f"{self.directory} contains other objects ({foreign}): give a URL below which there is nothing"
        raise InputError(msg)

    def _open(self) -> Snapshot | None:
        """Return the last version; None if there is no table."""
        deltalake = import_deltalake(self.directory)
        try:
            return open_snapshot(self.directory)
        except InputError as error:
            if isinstance(error.__cause__, deltalake.exceptions.TableNotFoundError):
                return None
            raise

    def _create(self) -> Snapshot:
        deltalake = import_deltalake(self.directory)
        fields = list(ARROW_SCHEMA)
        if self._partition is not None:
            fields.append(pa.field(self._partition, pa.string()))
        try:
            deltalake.DeltaTable.create(
                self.directory,
                deltalake.Schema.from_arrow(pa.schema(fields)),
                partition_by=[] if self._partition is None else [self._partition],
                name="generations",
                configuration={PARTITION: self._partition or NO_PARTITION, REDACTION: json.dumps(self._redact)},
                storage_options=make_storage_options(self.directory),
                raise_if_key_not_exists=False,
            )
        except deltalake.exceptions.DeltaError:
            found = self._open()  # another writer was first
            if found is None:
                raise
            return found
        return open_snapshot(self.directory)

    def _check_same(self) -> None:
        found, given = self._snapshot, self.manifest
        if not found.is_ours:
            msg = f"{self.directory} is a Delta table that genanalytics did not create: give another place"
            raise InputError(msg)
        check_same(self.directory, replace(given, partition=found.partition, redact=found.redact), given)

    def _add_columns(self) -> None:
        """Add the columns that this version has and the table lacks."""
        deltalake = import_deltalake(self.directory)
        known = set(self._snapshot.schema.names)
        missing = [field for field in ARROW_SCHEMA if field.name not in known]
        if missing:
            fields = deltalake.Schema.from_arrow(pa.schema(missing)).fields
            self._snapshot.table.alter.add_columns(fields)
            self._snapshot = open_snapshot(self.directory)

    @contextmanager
    def _explain_errors(self) -> Iterator[None]:
        """Raise errors of the system and of the library as `OutputError`, with one sentence."""
        import_deltalake(self.directory)
        try:
            yield
        except GenAnalyticsError:
            raise
        except list_errors() as error:
            cause = find_cause(self.directory, error)
            msg = f"cannot write the Delta table {self.directory}: {cause}; earlier commits are unaffected"
            raise OutputError(msg) from error


def _make_other_format(place: str | os.PathLike[str]) -> InputError:
    return InputError(f"{place} is a Parquet data set, not a Delta table: give another place, or the format 'parquet'")


def _describe(file: LiveFile, young: Mapping[str, int]) -> DataFile:
    """Return a file without its young rows, which `young` counts by file."""
    return DataFile(file.path, (file.rows or 0) - young.get(file.path, 0), young=False)


def compact_table(place: str | os.PathLike[str]) -> int:
    """Merge small files of a table (optimize), remove files that no version of the last week needs (vacuum).

    Returns:
        The number of files that this saves.

    Raises:
        InputError: It is not a table that `export` created.
        OutputError: It cannot be written.
    """
    found = open_snapshot(place)
    partition = found.partition if found.is_ours else None  # the writer refuses the others
    with DeltaWriter(place, partition=partition, redact=found.redact) as writer:
        return writer.compact()
