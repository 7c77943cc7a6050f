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
from genanalytics.dataset.manifest import MANIFEST, DataFile, Manifest
from genanalytics.formats.parquet import sort_by_creation, write_table

_UNKNOWN = "__HIVE_DEFAULT_PARTITION__"
"""The partition of rows without a value, in Hive and in all programs that read its layout."""


class NextCommit:
    """The next commit.

    Args:
        root: Its directory, which must not exist.
        before: The directory of the commit before.
        manifest: The manifest, without files and failures.
    """

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
        os.link(self._before / file.path, self._make_place(file.path))
        self._files.append(file)

    def add(self, rows: pa.Table, *, young: bool) -> None:
        """Write rows to one file per partition."""
        for segment, part in _divide(sort_by_creation(rows), self._manifest.partition):
            self.write(part, Path("data", segment), "-young" if young else "", young=young)

    def write(self, rows: pa.Table, directory: Path, ending: str, *, young: bool) -> None:
        """Write rows to one file, named after this commit."""
        path = directory / f"{self._manifest.commit:08d}{ending}.parquet"
        target = self._make_place(path.as_posix())
        write_table(rows, target)
        sync(target)
        self._files.append(DataFile(path.as_posix(), rows.num_rows, young))

    def write_failures(self, failures: pa.Table) -> None:
        """Write the ids without a record."""
        write_table(failures, self._root / "failures.parquet")
        sync(self._root / "failures.parquet")
        self._failures = failures.num_rows

    def finish(self) -> Manifest:
        """Return the manifest after everything is on the disk."""
        files = tuple(sorted(self._files, key=lambda file: file.path))
        manifest = replace(self._manifest, files=files, failures=self._failures)
        (self._root / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
        sync(self._root / MANIFEST)
        for directory in sorted(self._directories, reverse=True):
            sync(self._root / directory)
        sync(self._root)
        sync(self._root.parent)
        return manifest

    def _make_place(self, path: str) -> Path:
        directory = Path(path).parent
        if directory not in self._directories:
            (self._root / directory).mkdir()
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
