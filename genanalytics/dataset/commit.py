"""A commit of a data set in the making.

Every commit is a separate directory, DIR/.commits/00000042, with the whole content of the data set: new files are
written into it, unchanged ones are linked into it (hard links, which cost a name and no copy). Once all of it is on the
disk, renaming the link DIR/.current makes it the content that readers see. A run that ends earlier leaves a directory
without references, which the next run removes.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute

from genanalytics.base.atomic import sync
from genanalytics.dataset.directory import MODE
from genanalytics.dataset.failures import FAILURES, FAILURES_FILE, FailuresFile, apply_changes, count_kept
from genanalytics.dataset.manifest import MANIFEST, DataFile, Manifest
from genanalytics.formats.parquet import read_table, sort_by_creation, write_table

_UNKNOWN = "__HIVE_DEFAULT_PARTITION__"
"""The partition of rows without a value, in Hive and in all programs that read its layout."""


class NextCommit:
    """The next commit.

    Args:
        root: Its directory, which must not exist.
        before: The directory of the commit before.
        manifest: The manifest of the commit before, with the number and the time of this one.
    """

    def __init__(self, root: Path, before: Path, manifest: Manifest) -> None:
        self._root = root
        self._before = before
        self._manifest = manifest
        self._files: list[DataFile] = []
        self._failure_files: list[FailuresFile] = []
        self._failures = 0
        self._directories = {Path(), Path("data")}
        root.mkdir(MODE)
        (root / "data").mkdir(MODE)

    def keep(self, file: DataFile) -> None:
        """Take over a file of the commit before."""
        self._link(file.path)
        self._files.append(file)

    def add(self, rows: pa.Table, *, young: bool) -> None:
        """Write rows to one file per partition."""
        for segment, part in _divide(sort_by_creation(rows), self._manifest.partition):
            self.write(part, Path("data", segment), "-young" if young else "", young=young)

    def write(self, rows: pa.Table, directory: Path, ending: str, *, young: bool) -> None:
        """Write rows to one file, named after this commit."""
        path = (directory / f"{self._manifest.commit:08d}{ending}.parquet").as_posix()
        self._write_file(rows, path)
        self._files.append(DataFile(path, rows.num_rows, young))

    def add_failures(self, changes: pa.Table, count: int) -> None:
        """Take over the failures of the commit before, with changes, after which there are `count`."""
        self._write_failures(count_kept(self._manifest.failure_files, changes.num_rows), changes)
        self._failures = count

    def merge_failures(self) -> None:
        """Take over the failures of the commit before, in one file."""
        self._write_failures(0 if len(self._manifest.failure_files) > 1 else 1, FAILURES.empty_table())
        self._failures = self._manifest.failures

    def _write_failures(self, kept: int, changes: pa.Table) -> None:
        """Keep the first files, and write the others together with the changes."""
        files = self._manifest.failure_files
        for file in files[:kept]:
            self._link(file.path)
            self._failure_files.append(file)
        rewritten = [read_table(self._before / file.path).cast(FAILURES) for file in files[kept:]]
        rows = pa.concat_tables([*rewritten, changes])
        path = FAILURES_FILE
        if kept:
            path = f"failures/{self._manifest.commit:08d}.parquet"
        else:
            rows = apply_changes(rows)
        if rows.num_rows or not kept:
            self._write_file(rows, path)
            self._failure_files.append(FailuresFile(path, rows.num_rows))

    def finish(self) -> Manifest:
        """Return the manifest after everything is on the disk."""
        files = tuple(sorted(self._files, key=lambda file: file.path))
        manifest = replace(
            self._manifest, files=files, failures=self._failures, failure_files=tuple(self._failure_files)
        )
        (self._root / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
        sync(self._root / MANIFEST)
        for directory in sorted(self._directories, reverse=True):
            sync(self._root / directory)
        sync(self._root.parent)
        return manifest

    def _link(self, path: str) -> None:
        os.link(self._before / path, self._make_place(path))

    def _write_file(self, rows: pa.Table, path: str) -> None:
        target = self._make_place(path)
        write_table(rows, target)
        sync(target)

    def _make_place(self, path: str) -> Path:
        directory = Path(path).parent
        if directory not in self._directories:
            (self._root / directory).mkdir(MODE)
            self._directories.add(directory)
        return self._root / path


def _divide(rows: pa.Table, partition: str | None) -> Iterator[tuple[str, pa.Table]]:
    """Yield the rows of each partition, with its path segment; rows are sorted by `created_at`, gaps last."""
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
        yield _name_segment(unit, partition), rows.slice(start, end - start)
        start = end


def _name_segment(unit: int | None, partition: str) -> str:
    """Return the path segment of a partition.

    >>> _name_segment(20260900, "month"), _name_segment(20260901, "day"), _name_segment(None, "day")
    ('month=2026-09', 'day=2026-09-01', 'day=__HIVE_DEFAULT_PARTITION__')
    """
    if unit is None:
        return f"{partition}={_UNKNOWN}"
    month = f"{unit // 10_000:04d}-{unit // 100 % 100:02d}"
    return f"month={month}" if partition == "month" else f"day={month}-{unit % 100:02d}"
