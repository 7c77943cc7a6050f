"""The writer of a data set: commits that readers see whole or not at all (`commit`)."""

import os
import random
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute

from genanalytics._version import __version__
from genanalytics.base.stores.address import is_store_url
from genanalytics.base.text import explain
from genanalytics.dataset.commit import NextCommit
from genanalytics.dataset.content import DataFile, Manifest, check_same
from genanalytics.dataset.delta.places import is_delta
from genanalytics.dataset.delta.writer import compact_table
from genanalytics.dataset.directory import check_path
from genanalytics.dataset.disk import Disk
from genanalytics.dataset.failures import FAILURES, FailedIds
from genanalytics.dataset.manifest import load_failures, read_manifest
from genanalytics.dataset.merging import group_small
from genanalytics.dataset.partitions import Partition, check_partition
from genanalytics.dataset.place import Place, TakenError
from genanalytics.dataset.shared_bucket import SharedBucket
from genanalytics.dataset.stored import StoredIds, digest_rows
from genanalytics.errors import GenAnalyticsError, OutputError
from genanalytics.formats.parquet import read_table, unify

_MOST_TRIES = 100
_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 2.0


class Writer(AbstractContextManager["Writer"]):
    """The only process that may change a data set in a directory, or one of several on an object store.

    Args:
        directory: The data set, or its URL; it is created if it does not exist.
        partition: The period of its partitions; None for no partitions.
        redact: `redact.Redaction.description` of every row that is committed.

    Attributes:
        directory: The path or the URL.
        manifest: The content as of the last commit that is known.

    Raises:
        InputError: The directory contains something else, or a data set with another partition or redaction.
        OutputError: The directory cannot be written, or another process writes it.
    """

    def __init__(
        self, directory: str | os.PathLike[str], *, partition: Partition, redact: Mapping[str, Any] | None = None
    ) -> None:
        check_partition(partition)
        self.manifest = Manifest(0, "", __version__, partition, redact, failures=0, files=(), failure_files=())
        self._place = _open_place(directory)
        self.directory = self._place.title
        self._stored = StoredIds()
        self._overtaken: Literal["no", "now", "earlier"] = "no"
        self._token = secrets.token_hex(8)
        self._failed: FailedIds | None = None
        self._young_ids: dict[str, pa.ChunkedArray] = {}
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as entered, _explain_errors(self.directory):
            entered.enter_context(self._place.open())
            self._open()
            self._opened = entered.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._opened:
            if kind is None:
                self._repeat(self._merge_failures)

    def commit(self, final: pa.Table, young: pa.Table, failures: pa.Table) -> None:
        """Add rows and failures in one step, which takes place completely or not at all.

        A row replaces a young row and a failure with the same `requested_id`. The caller makes sure that none of the
        rows is among the final rows of the data set, and none of the failures among its rows.

        A long list of failures is not rewritten: `failures.parquet` has the change once the context ends.

        Args:
            final: Rows that will not change any more.
            young: Rows that may change.
            failures: Ids without a record, with the columns of `failures.FAILURES`.

        Raises:
            OutputError: It cannot be written; the data set is as before.
        """

        def act() -> None:
            new, still_young = self._drop_stored(final), self._drop_stored(young)
            failed = self._drop_stored(failures, replaces_young=False)
            with self._begin() as commit:
                self._add(commit, new, still_young, failed)

        self._repeat(act)

    def _add(self, commit: NextCommit, final: pa.Table, young: pa.Table, failures: pa.Table) -> None:
        arrived = pa.concat_tables([table.select(["requested_id"]) for table in (final, young)])["requested_id"]
        parts, replaced = [young], []
        for file in self.manifest.files:
            rest = self._read_without(file, arrived) if file.young else None
            if rest is None:
                commit.keep([file])
            else:
                parts.append(rest)
                replaced.append(self._young_ids[file.path])
        commit.add(final, young=False)
        commit.add(unify(parts), young=True)
        commit.add_ids(np.sort(digest_rows(_leave_out(arrived, replaced))))
        ended = self._load_failed().end(arrived)
        self._load_failed().add(failures)
        commit.add_failures(pa.concat_tables([ended, failures]), len(self._load_failed()))

    def compact(self) -> int:
        """Merge the small files of each partition in one commit, and return the number of files that this saves.

        The changes of failures are merged into `failures.parquet` too; they are not counted.

        Raises:
            OutputError: It cannot be written; the data set is as before.
        """
        fewer = 0

        def act() -> None:
            nonlocal fewer
            before = len(self.manifest.files)
            groups = list(group_small(self.manifest.files))
            if groups or self._has_changed_failures:
                self._merge(groups)
            fewer = before - len(self.manifest.files)

        self._repeat(act)
        with _explain_errors(self.directory):
            self._place.sweep()
        return fewer

    def _merge(self, groups: Sequence[Sequence[DataFile]]) -> None:
        """Merge each group of files, and the failures, in one commit.

        Raises:
            TakenError: Another writer was faster.
        """
        merged = {file.path for group in groups for file in group}
        with self._begin() as commit:
            commit.keep(file for file in self.manifest.files if file.path not in merged)
            commit.merge(groups)
            commit.merge_failures()

    def _merge_failures(self) -> None:
        if self._has_changed_failures:
            self._merge([])

    def _repeat(self, act: Callable[[], None]) -> None:
        """Do what ends in a commit, and do it again each time another writer has committed first."""
        for number in range(_MOST_TRIES):
            try:
                with _explain_errors(self.directory):
                    act()
            except (TakenError, OutputError) as error:
                if isinstance(error, OutputError) and not self._is_overtaken(error):
                    raise
                with _explain_errors(self.directory):
                    time.sleep(random.uniform(0, min(_LONGEST_PAUSE_S, _PAUSE_S * 2**number)))  # noqa: S311 - no secret
                    self._take_over()
            else:
                return
        msg = f"cannot write the data set {self.directory}: other writers commit all the time; run again later"
        raise OutputError(msg)

    def _is_overtaken(self, error: OutputError) -> bool:
        """Return whether a file is missing because others have committed, long enough ago that it was removed."""
        return isinstance(error.__cause__, FileNotFoundError) and self.manifest.commit < max(
            self._place.list_manifests(), default=0
        )

    def _take_over(self) -> None:
        """Go on from the commits of other writers."""
        found = self._place.find_last()
        if found is None:
            msg = f"the commits of {self.directory} were removed while it was written: export again"
            raise OutputError(msg)
        check_same(self.directory, found, self.manifest)
        self.manifest = found
        self._overtaken = "now"
        self._failed = None

    def _drop_stored(self, table: pa.Table, *, replaces_young: bool = True) -> pa.Table:
        """Return the rows whose ids other writers have not stored meanwhile."""
        if self._overtaken == "no" or not len(table):
            return table
        if self._overtaken == "now":
            self._learn()
            self._overtaken = "earlier"
        ids = table["requested_id"]
        is_stored = pa.array(self._stored.has(ids.to_pylist()))
        if replaces_young:
            young = [self._read_young_ids(file) for file in self.manifest.files if file.young]
            known = pa.chunked_array([chunk for each in young for chunk in each.chunks], pa.string())
            is_stored = pa.compute.and_not(is_stored, pa.compute.is_in(ids, value_set=known).combine_chunks())
        return table.filter(pa.compute.invert(is_stored))

    def read_failures(self) -> pa.Table:
        """Return the ids without a record, with the columns of `failures.FAILURES`."""
        if not self.manifest.commit:
            return FAILURES.empty_table()
        with _explain_errors(self.directory):
            return load_failures(self._place, self.manifest)

    def read_young(self, columns: list[str]) -> pa.Table:
        """Return columns of the rows that may still change."""
        young = [file for file in self.manifest.files if file.young]
        with _explain_errors(self.directory):
            return unify([self._read(file, columns) for file in young]).select(columns)

    def learn_ids(self, stored: StoredIds) -> None:
        """Add the ids of all rows to those that are known to be stored; commits of other writers add to them too."""
        self._stored = stored
        self._learn()

    def _learn(self) -> None:
        with _explain_errors(self.directory):
            self._stored.learn(self._place, self.manifest)

    @property
    def _has_changed_failures(self) -> bool:
        return len(self.manifest.failure_files) > 1

    def _load_failed(self) -> FailedIds:
        if self._failed is None:
            self._failed = FailedIds(self.read_failures())
        return self._failed

    def _open(self) -> None:
        """Read the last commit, and bring what other programs see to it."""
        found = self._place.find_last()
        if found is not None:
            check_same(self.directory, found, self.manifest)
            self.manifest = found
            self._place.show(found)

    def _read_without(self, file: DataFile, ids: pa.ChunkedArray) -> pa.Table | None:
        """Return the rows of a file except those with one of `ids`; None if it contains none of them."""
        replaced = pa.compute.is_in(self._read_young_ids(file), value_set=ids)
        if not pa.compute.any(replaced).as_py():
            return None
        return self._read(file).filter(pa.compute.invert(replaced))

    def _read_young_ids(self, file: DataFile) -> pa.ChunkedArray:
        if file.path not in self._young_ids:
            self._young_ids[file.path] = self._read(file, ["requested_id"])["requested_id"]
        return self._young_ids[file.path]

    def _read(self, file: DataFile, columns: list[str] | None = None) -> pa.Table:
        return read_table(
            self._place.locate(file.path), columns=columns, filesystem=self._place.filesystem, is_own=True
        )

    @contextmanager
    def _begin(self) -> Iterator[NextCommit]:
        """Yield the next commit, which readers see after the block ends without an error."""
        manifest = replace(
            self.manifest,
            commit=self.manifest.commit + 1,
            committed_at=datetime.now(UTC).isoformat(timespec="seconds"),
            written_by=__version__,
            writer=self._token,
            inode=self._place.inode,
        )
        commit = NextCommit(self._place, manifest)
        with _explain_errors(self.directory):
            try:
                yield commit
                done = commit.finish()
                self._place.publish(done)
            except TakenError:
                self._place.remove(commit.written)
                raise
            except BaseException:
                self._failed = None
                self._place.discard(commit.written, manifest.commit)
                raise
            self.manifest = done
            self._place.show(done)
            self._place.clean(done)
        named = {file.path for file in done.files if file.young}
        self._young_ids = {name: ids for name, ids in self._young_ids.items() if name in named}


def compact(directory: str | os.PathLike[str]) -> int:
    """Merge the small files of each partition of a data set, and return the number of files that this saves.

    The rows stay the same. Readers see either the old files or the new ones. Of a Delta table, files that no version of
    the last week needs are removed.

    Raises:
        InputError: It is not a data set.
        OutputError: It cannot be written, or another process writes it.
    """
    if is_delta(directory):
        return compact_table(directory)
    if not is_store_url(directory):
        check_path(Path(directory))
    manifest = read_manifest(directory)
    partition: Any = manifest.partition
    with Writer(directory, partition=partition, redact=manifest.redact) as writer:
        return writer.compact()


def _leave_out(ids: pa.ChunkedArray, known: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    """Return the ids that are not among the known ones."""
    if not known:
        return ids
    among = pa.chunked_array([chunk for each in known for chunk in each.chunks], pa.string())
    return ids.filter(pa.compute.invert(pa.compute.is_in(ids, value_set=among)))


def _open_place(directory: str | os.PathLike[str]) -> Place:
    return SharedBucket(os.fspath(directory)) if is_store_url(directory) else Disk(Path(directory))


@contextmanager
def _explain_errors(directory: str) -> Iterator[None]:
    """Raise errors of the system as `OutputError`, with one sentence."""
    try:
        yield
    except GenAnalyticsError:
        raise
    except (FileExistsError, NotADirectoryError) as error:
        msg = f"cannot write the data set {directory}: a file has that name; give a directory"
        raise OutputError(msg) from error
    except OSError as error:
        msg = f"cannot write the data set {directory}: {explain(error)}; earlier commits are unaffected"
        raise OutputError(msg) from error
