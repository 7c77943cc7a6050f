"""The writer of a data set: a lock, and commits that readers see whole or not at all (`commit`)."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self, get_args

import pyarrow as pa
import pyarrow.compute

from genanalytics._version import __version__
from genanalytics.base.atomic import sync
from genanalytics.base.text import explain
from genanalytics.dataset.commit import NextCommit
from genanalytics.dataset.directory import COMMITS, NEXT, VISIBLE, Commits, check_path, check_place, lock, open_commits
from genanalytics.dataset.failures import FAILURES, FailedIds
from genanalytics.dataset.manifest import CURRENT, DataFile, Manifest, read_failures, read_manifest
from genanalytics.errors import GenAnalyticsError, InputError, OutputError
from genanalytics.formats.parquet import read_table, unify

Interval = Literal["month", "day"]
Partition = Interval | None

SMALL = 1 << 17
"""Files with fewer rows are small: `compact` merges them up to this size."""

_KEPT = 10
"""The number of commits before the last one that remain, for readers that started with them."""


class Writer(AbstractContextManager["Writer"]):
    """The only process that may change a data set, while the context lasts.

    Args:
        directory: The data set; it is created if it does not exist.
        partition: The period of its partitions; None for no partitions.
        redact: `redact.Redaction.description` of every row that is committed.

    Attributes:
        manifest: The content as of the last commit.

    Raises:
        InputError: The directory contains something else, or a data set with another partition or redaction.
        OutputError: The directory cannot be written, or another process writes it.
    """

    def __init__(self, directory: Path, *, partition: Partition, redact: Mapping[str, Any] | None = None) -> None:
        if partition not in {*get_args(Interval), None}:
            msg = f"partition={partition!r}: give 'month', 'day' or None"
            raise InputError(msg)
        self.directory = directory
        self.manifest = Manifest(0, "", __version__, partition, redact, failures=0, files=(), failure_files=())
        self._failed: FailedIds | None = None
        self._lock = ExitStack()
        self._commits: Commits

    def __enter__(self) -> Self:
        with ExitStack() as entered, _explain_errors(self.directory):
            check_place(self.directory)
            entered.enter_context(lock(self.directory))
            self._commits = entered.enter_context(open_commits(self.directory))
            self._open()
            self._lock = entered.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._lock:
            if kind is None and self._has_changed_failures:
                self._merge([])

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
        arrived = pa.concat_tables([table.select(["requested_id"]) for table in (final, young)])["requested_id"]
        with self._begin() as commit:
            kept = [young]
            for file in self.manifest.files:
                rest = self._read_without(file, arrived) if file.young else None
                if rest is None:
                    commit.keep(file)
                else:
                    kept.append(rest)
            commit.add(final, young=False)
            commit.add(unify(kept), young=True)
            ended = self._load_failed().end(arrived.to_pylist())
            self._load_failed().add(failures)
            commit.add_failures(pa.concat_tables([ended, failures]), len(self._load_failed()))

    def compact(self) -> int:
        """Merge the small files of each partition in one commit, and return the number of files that this saves.

        The changes of failures are merged into `failures.parquet` too; they are not counted.

        Raises:
            OutputError: It cannot be written; the data set is as before.
        """
        before = len(self.manifest.files)
        groups = list(_group_small(self.manifest.files))
        if groups or self._has_changed_failures:
            self._merge(groups)
        return before - len(self.manifest.files)

    def _merge(self, groups: Sequence[Sequence[DataFile]]) -> None:
        """Merge each group of files, and the failures, in one commit."""
        merged = {file.path for group in groups for file in group}
        with self._begin() as commit:
            for file in self.manifest.files:
                if file.path not in merged:
                    commit.keep(file)
            for number, group in enumerate(groups):
                rows = unify(read_table(self._root / file.path) for file in group)
                commit.write(rows, Path(group[0].path).parent, f"-{number}", young=group[0].young)
            commit.merge_failures()

    def read_failures(self) -> pa.Table:
        """Return the ids without a record, with the columns of `failures.FAILURES`."""
        return read_failures(self.directory) if self.manifest.commit else FAILURES.empty_table()

    @property
    def _has_changed_failures(self) -> bool:
        return len(self.manifest.failure_files) > 1

    def _load_failed(self) -> FailedIds:
        if self._failed is None:
            self._failed = FailedIds(self.read_failures())
        return self._failed

    @property
    def _root(self) -> Path:
        return self.directory / COMMITS / f"{self.manifest.commit:08d}"

    def _open(self) -> None:
        """Read the last commit, and remove the rest of an unfinished one."""
        if (self.directory / CURRENT).exists():
            found = read_manifest(self.directory)
            self._check_same(found)
            self.manifest = found
            if (self.directory / CURRENT).readlink() != Path(COMMITS, self._root.name):
                msg = (
                    f"the manifest.json of {self.directory} is that of another commit ({found.commit}): restore the"
                    " data set from a copy"
                )
                raise InputError(msg)
        for name in self._commits.list():
            if name > self._root.name:
                self._commits.remove(name)
        for name in VISIBLE:
            with suppress(FileExistsError):
                (self.directory / name).symlink_to(Path(CURRENT, name))

    def _check_same(self, found: Manifest) -> None:
        if found.partition != self.manifest.partition:
            has, given = (partition or "nothing" for partition in (found.partition, self.manifest.partition))
            msg = f"{self.directory} is partitioned by {has}, not {given}: give the same, or another directory"
            raise InputError(msg)
        if found.redact != self.manifest.redact:
            names = ",".join((found.redact or {}).get("columns", ())) or "nothing"
            msg = (
                f"{self.directory} has another redaction ({names} redacted): give the same columns and key, or another"
                " directory"
            )
            raise InputError(msg)

    def _read_without(self, file: DataFile, ids: pa.ChunkedArray) -> pa.Table | None:
        """Return the rows of a file except those with one of `ids`; None if it contains none of them."""
        present = read_table(self._root / file.path, columns=["requested_id"])["requested_id"]
        replaced = pa.compute.is_in(present, value_set=ids)
        if not pa.compute.any(replaced).as_py():
            return None
        return read_table(self._root / file.path).filter(pa.compute.invert(replaced))

    @contextmanager
    def _begin(self) -> Iterator[NextCommit]:
        """Yield the next commit, which readers see after the block ends without an error."""
        manifest = replace(
            self.manifest,
            commit=self.manifest.commit + 1,
            committed_at=datetime.now(UTC).isoformat(timespec="seconds"),
            written_by=__version__,
        )
        root = self.directory / COMMITS / f"{manifest.commit:08d}"
        with _explain_errors(self.directory):
            try:
                commit = NextCommit(root, self._root, manifest)
                yield commit
                done = commit.finish()
                self._publish(root)
            except BaseException:
                self._failed = None
                if not self._is_current(root):  # a signal can arrive after the last step
                    self._commits.remove(root.name, ignore_errors=True)
                raise
        self.manifest = done
        oldest = f"{max(0, done.commit - _KEPT):08d}"
        for name in self._commits.list():
            if name < oldest:
                self._commits.remove(name, ignore_errors=True)

    def _publish(self, root: Path) -> None:
        link = self.directory / NEXT
        link.unlink(missing_ok=True)
        link.symlink_to(Path(COMMITS, root.name))
        sync(self.directory)
        link.rename(self.directory / CURRENT)
        sync(self.directory)

    def _is_current(self, root: Path) -> bool:
        with suppress(OSError):
            return (self.directory / CURRENT).readlink().name == root.name
        return False


def compact(directory: str | os.PathLike[str]) -> int:
    """Merge the small files of each partition of a data set, and return the number of files that this saves.

    The rows stay the same. Readers see either the old files or the new ones.

    Raises:
        InputError: It is not a data set.
        OutputError: It cannot be written, or another process writes it.
    """
    path = Path(directory)
    check_path(path)
    manifest = read_manifest(path)
    partition: Any = manifest.partition
    with Writer(path, partition=partition, redact=manifest.redact) as writer:
        return writer.compact()


def _group_small(files: Sequence[DataFile]) -> Iterator[list[DataFile]]:
    """Yield the small files to merge: of one partition, all final or all young, until they are not small."""
    waiting: dict[tuple[Path, bool], list[DataFile]] = {}
    for file in files:
        if file.rows < SMALL:
            group = waiting.setdefault((Path(file.path).parent, file.young), [])
            group.append(file)
            if sum(one.rows for one in group) >= SMALL:
                yield waiting.pop((Path(file.path).parent, file.young))
    yield from (group for group in waiting.values() if len(group) > 1)


@contextmanager
def _explain_errors(directory: Path) -> Iterator[None]:
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
