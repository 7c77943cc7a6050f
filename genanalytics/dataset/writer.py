"""A data set, for the one who writes it: a lock, and commits that readers see whole or not at all.

Every commit is a directory of its own, DIR/.commits/00000042, with all that the data set holds: what is new is written
into it, what stays is linked into it (hard links, which cost a name and no copy). Once all of it is on the disk, one
rename of the link DIR/.current makes it what readers see, be it through the manifest or through a glob over DIR/data.
Whatever ends a run before leaves a directory that nothing refers to; the next run removes it.
"""

import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import pyarrow as pa
import pyarrow.compute

from genanalytics._version import __version__
from genanalytics.base.atomic import sync
from genanalytics.dataset.manifest import CURRENT, FAILURES, MANIFEST, DataFile, Manifest, read_failures, read_manifest
from genanalytics.errors import GenAnalyticsError, InputError, OutputError, reason_of
from genanalytics.formats.parquet import by_creation, read_table, unified, write_table
from genanalytics.records.schema import SCHEMA_VERSION

try:
    import fcntl
except ImportError:  # Windows, whose links need privileges too
    fcntl = None  # type: ignore[assignment]

Partition = Literal["month", "day"] | None

SMALL = 1 << 17
"""Files with fewer rows are small: `compact` merges them, until they are not."""

_LOCK = ".lock"
_COMMITS = ".commits"
_NEXT = ".current.next"
_KEPT = 10
"""So many commits before the last stay, for readers that began with them."""
_OURS = frozenset({_LOCK, _COMMITS, CURRENT, _NEXT, "data", "failures.parquet", MANIFEST})
_UNKNOWN = "__HIVE_DEFAULT_PARTITION__"
"""What Hive, and all who read its layout, call the partition of rows without a value."""


class Writer(AbstractContextManager["Writer"]):
    """The one process that may change a data set, from entering until leaving.

    Args:
        directory: The data set; made when it is not there.
        partition: By what its files are divided; None for not at all.
        redact: What is redacted in every row that is committed, as `redact.Redaction.told` says it.

    Attributes:
        manifest: What the data set holds as of the last commit.

    Raises:
        InputError: The directory holds something else, or a data set of another partition or redaction.
        OutputError: The directory cannot be written, or another process writes it.
    """

    def __init__(self, directory: Path, *, partition: Partition, redact: Mapping[str, Any] | None = None) -> None:
        if partition not in {"month", "day", None}:
            msg = f"partition={partition!r}: it has to be 'month', 'day' or None"
            raise InputError(msg)
        self.directory = directory
        self.manifest = Manifest(0, "", __version__, partition, redact, failures=0, files=())
        self._lock = _locked(directory)

    def __enter__(self) -> Self:
        with _told(self.directory):
            _check_place(self.directory)
        self._lock.__enter__()
        try:
            with _told(self.directory):
                self._take_up()
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.__exit__(kind, error, trace)

    def commit(self, final: pa.Table, young: pa.Table, failures: pa.Table) -> None:
        """Add rows and failures in one step, which takes place or does not.

        A row takes the place of a young one, and of a failure, of the same `requested_id`; that none of them is among
        the final rows already is the caller's part.

        Args:
            final: Rows that will not change any more.
            young: Rows that may.
            failures: Ids without a record, with the columns of `dataset.FAILURES`.

        Raises:
            OutputError: It cannot be written; the data set is as before.
        """
        come = pa.concat_tables([table.select(["requested_id"]) for table in (final, young)])
        asked = pa.concat_tables([come, failures.select(["requested_id"])])["requested_id"]
        with self._staged() as staged:
            kept = [young]
            for file in self.manifest.files:
                rest = self._without(file, come["requested_id"]) if file.young else None
                if rest is None:
                    staged.keep(file)
                else:
                    kept.append(rest)
            staged.add(final, young=False)
            staged.add(unified(kept), young=True)
            before = self.failures()
            still = before.filter(pa.compute.invert(pa.compute.is_in(before["requested_id"], value_set=asked)))
            staged.fail(pa.concat_tables([still, failures]))

    def compact(self) -> int:
        """Merge the small files of each partition, in one commit, and return how many files became fewer.

        Raises:
            OutputError: It cannot be written; the data set is as before.
        """
        groups = list(_groups(self.manifest.files))
        merged = {file.path for group in groups for file in group}
        if not groups:
            return 0
        before = len(self.manifest.files)
        with self._staged() as staged:
            for file in self.manifest.files:
                if file.path not in merged:
                    staged.keep(file)
            for number, group in enumerate(groups):
                rows = unified(read_table(self._root / file.path) for file in group)
                staged.write(rows, Path(group[0].path).parent, f"-{number}", young=group[0].young)
            staged.fail(self.failures())
        return before - len(self.manifest.files)

    def failures(self) -> pa.Table:
        """Return the ids without a record, with the columns of `dataset.FAILURES`."""
        return read_failures(self.directory) if self.manifest.commit else FAILURES.empty_table()

    @property
    def _root(self) -> Path:
        return self.directory / _COMMITS / f"{self.manifest.commit:08d}"

    def _take_up(self) -> None:
        """Read what the last commit left, and remove what was begun after it."""
        if (self.directory / CURRENT).exists():
            found = read_manifest(self.directory)
            self._check_same(found)
            self.manifest = found
        (self.directory / _COMMITS).mkdir(exist_ok=True)
        for path in (self.directory / _COMMITS).iterdir():
            if path.name > self._root.name:
                shutil.rmtree(path)
        for name in ("data", "failures.parquet", MANIFEST):
            with suppress(FileExistsError):
                (self.directory / name).symlink_to(Path(CURRENT, name))

    def _check_same(self, found: Manifest) -> None:
        if found.partition != self.manifest.partition:
            msg = (
                f"{self.directory} is divided by {found.partition}, not {self.manifest.partition}: give the same again"
            )
            raise InputError(msg)
        if found.redact != self.manifest.redact:
            names = ",".join((found.redact or {}).get("columns", ())) or "nothing"
            msg = (
                f"{self.directory} was begun with another redaction ({names} redacted): give the same columns and key"
                " again, or another directory"
            )
            raise InputError(msg)

    def _without(self, file: DataFile, ids: pa.ChunkedArray) -> pa.Table | None:
        """Return what stays of a file's rows without those of `ids`, or None where all do."""
        there = read_table(self._root / file.path, columns=["requested_id"])["requested_id"]
        goes = pa.compute.is_in(there, value_set=ids)
        if not pa.compute.any(goes).as_py():
            return None
        return read_table(self._root / file.path).filter(pa.compute.invert(goes))

    @contextmanager
    def _staged(self) -> Iterator["_Staged"]:
        """Yield the next commit, which readers see once the block ends well."""
        begun = replace(
            self.manifest,
            commit=self.manifest.commit + 1,
            committed_at=datetime.now(UTC).isoformat(timespec="seconds"),
            written_by=__version__,
        )
        root = self.directory / _COMMITS / f"{begun.commit:08d}"
        with _told(self.directory):
            try:
                staged = _Staged(root, self._root, begun)
                yield staged
                done = staged.finished()
                self._publish(root)
            except BaseException:
                if not self._is_current(root):  # a signal can arrive when all is done
                    shutil.rmtree(root, ignore_errors=True)
                raise
        self.manifest = done
        for old in range(done.commit - _KEPT - 1, 0, -1):
            path = self.directory / _COMMITS / f"{old:08d}"
            if not path.exists():
                break
            shutil.rmtree(path, ignore_errors=True)

    def _publish(self, root: Path) -> None:
        link = self.directory / _NEXT
        link.unlink(missing_ok=True)
        link.symlink_to(Path(_COMMITS, root.name))
        sync(self.directory)
        link.rename(self.directory / CURRENT)
        sync(self.directory)

    def _is_current(self, root: Path) -> bool:
        with suppress(OSError):
            return (self.directory / CURRENT).readlink().name == root.name
        return False


class _Staged:
    """A commit in the making."""

    def __init__(self, root: Path, before: Path, manifest: Manifest) -> None:
        self._root = root
        self._before = before
        self._manifest = manifest
        self._files: list[DataFile] = []
        self._failures = 0
        self._directories = {Path("data")}
        (root / "data").mkdir(parents=True)

    def keep(self, file: DataFile) -> None:
        """Take over a file of the commit before."""
        os.link(self._before / file.path, self._place(file.path))
        self._files.append(file)

    def add(self, rows: pa.Table, *, young: bool) -> None:
        """Write rows, to one file for each partition that they are of."""
        for segment, part in _divided(by_creation(rows), self._manifest.partition):
            self.write(part, Path("data", segment), "-young" if young else "", young=young)

    def write(self, rows: pa.Table, directory: Path, suffix: str, *, young: bool) -> None:
        """Write rows to one file, named after this commit."""
        path = directory / f"{self._manifest.commit:08d}{suffix}.parquet"
        target = self._place(path.as_posix())
        write_table(rows, target)
        sync(target)
        self._files.append(DataFile(path.as_posix(), rows.num_rows, young))

    def fail(self, failures: pa.Table) -> None:
        """Write the ids without a record."""
        write_table(failures, self._root / "failures.parquet")
        sync(self._root / "failures.parquet")
        self._failures = failures.num_rows

    def finished(self) -> Manifest:
        """Return the manifest, once everything is on the disk."""
        files = tuple(sorted(self._files, key=lambda file: file.path))
        manifest = replace(self._manifest, files=files, failures=self._failures)
        (self._root / MANIFEST).write_text(manifest.as_json(SCHEMA_VERSION), encoding="utf-8")
        sync(self._root / MANIFEST)
        for directory in sorted(self._directories, reverse=True):
            sync(self._root / directory)
        sync(self._root)
        sync(self._root.parent)
        return manifest

    def _place(self, path: str) -> Path:
        directory = Path(path).parent
        if directory not in self._directories:
            (self._root / directory).mkdir()
            self._directories.add(directory)
        return self._root / path


def compact(directory: str | os.PathLike[str]) -> int:
    """Merge the small files of each partition of a data set, and return how many files became fewer.

    Readers see the files of before or those of after; the rows are the same.

    Raises:
        InputError: It is no data set.
        OutputError: It cannot be written, or another process writes it.
    """
    path = Path(directory)
    manifest = read_manifest(path)
    partition: Any = manifest.partition
    with Writer(path, partition=partition, redact=manifest.redact) as writer:
        return writer.compact()


def _divided(rows: pa.Table, partition: str | None) -> Iterator[tuple[str, pa.Table]]:
    """Yield the rows of each partition, with its path segment; they come sorted by `created_at`, gaps last."""
    if partition is None or rows.num_rows == 0:
        if rows.num_rows:
            yield "", rows
        return
    moments = rows["created_at"]
    years, months = pa.compute.year(moments), pa.compute.month(moments)
    units = pa.compute.add(pa.compute.multiply(years, 10_000), pa.compute.multiply(months, 100))
    if partition == "day":
        units = pa.compute.add(units, pa.compute.day(moments))
    runs = pa.compute.run_end_encode(units.combine_chunks())
    start = 0
    for unit, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        yield _segment(unit, partition), rows.slice(start, end - start)
        start = end


def _segment(unit: int | None, partition: str) -> str:
    """Return the path segment of a partition.

    >>> _segment(20260900, "month"), _segment(20260901, "day"), _segment(None, "day")
    ('month=2026-09', 'day=2026-09-01', 'day=__HIVE_DEFAULT_PARTITION__')
    """
    if unit is None:
        return f"{partition}={_UNKNOWN}"
    month = f"{unit // 10_000:04d}-{unit // 100 % 100:02d}"
    return f"month={month}" if partition == "month" else f"day={month}-{unit % 100:02d}"


def _groups(files: Sequence[DataFile]) -> Iterator[list[DataFile]]:
    """Yield the small files that are to be one: of one partition, alike final or young, until they are not small."""
    waiting: dict[tuple[Path, bool], list[DataFile]] = {}
    for file in files:
        if file.rows < SMALL:
            group = waiting.setdefault((Path(file.path).parent, file.young), [])
            group.append(file)
            if sum(each.rows for each in group) >= SMALL:
                yield waiting.pop((Path(file.path).parent, file.young))
    yield from (group for group in waiting.values() if len(group) > 1)


def _check_place(directory: Path) -> None:
    """Leave a directory alone that holds something else, or a copy of a data set without its commits."""
    if not directory.exists() or (directory / CURRENT).exists():
        return
    foreign = sorted({path.name for path in directory.iterdir()} - _OURS)
    if foreign or (directory / MANIFEST).is_file():
        what = f"other files ({foreign[0]})" if foreign else "a copy of a data set, which can only be read"
        msg = f"{directory} holds {what}: name a directory that is new, or the data set's own"
        raise InputError(msg)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the lock of a data set; it ends with the process, however that ends.

    Raises:
        OutputError: Another process holds it, or there can be none.
    """
    if fcntl is None:
        msg = f"cannot write the data set {directory}: this system has no flock; write single files with write_frame"
        raise OutputError(msg)
    with _told(directory):
        directory.mkdir(parents=True, exist_ok=True)
        stream = (directory / _LOCK).open("a+", encoding="utf-8")
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            msg = f"{directory} is being written by {_holder(stream.read())}: wait for it to end, or stop it"
            raise OutputError(msg) from None
        with _told(directory):
            stream.truncate(0)
            since = datetime.now(UTC).isoformat(timespec="seconds")
            json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": since}, stream)
            stream.flush()
        yield


def _holder(told: str) -> str:
    try:
        holder = json.loads(told)
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (ValueError, KeyError, TypeError):  # it has the lock, and is about to write its name
        return "another process"


@contextmanager
def _told(directory: Path) -> Iterator[None]:
    """Say in one sentence why a data set cannot be written."""
    try:
        yield
    except GenAnalyticsError:
        raise
    except (FileExistsError, NotADirectoryError) as error:
        msg = f"cannot write the data set {directory}: there is a file in its place; name a directory"
        raise OutputError(msg) from error
    except OSError as error:
        msg = f"cannot write the data set {directory}: {reason_of(error)}; what was committed before stays"
        raise OutputError(msg) from error
