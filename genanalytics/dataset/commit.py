"""A commit of a data set in the making.

New files are written under names that no other commit uses; unchanged ones keep theirs. Once all of it is durable, the
manifest makes it the content that readers see. A run that ends earlier leaves files that no manifest names.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from posixpath import dirname
from typing import Any

import pyarrow as pa
import pyarrow.compute

from genanalytics.dataset.content import DataFile, IdsFile, Manifest, name_schema
from genanalytics.dataset.failures import FAILURES, FailuresFile, apply_changes, count_kept
from genanalytics.dataset.merging import choose_merged
from genanalytics.dataset.partitions import divide, name_folder
from genanalytics.dataset.place import Place
from genanalytics.dataset.stored import extend, pack
from genanalytics.formats.parquet import read_table, sort_by_creation, unify
from genanalytics.ids.known import Digests


class NextCommit:
    """The next commit.

    Args:
        place: The place of the data set.
        manifest: The manifest of the commit before, with the number and the time of this one.
    """

    def __init__(self, place: Place, manifest: Manifest) -> None:
        self._place = place
        self._manifest = manifest
        self._name = f"{manifest.commit:08d}-{secrets.token_hex(4)}"
        self._files: list[DataFile] = []
        self._failure_files = manifest.failure_files
        self._id_files = manifest.id_files
        self._failures = manifest.failures
        self.written: list[str] = []

    def keep(self, files: Iterable[DataFile]) -> None:
        """Take over files of the commit before."""
        self._files += files

    def add(self, rows: pa.Table, *, young: bool) -> None:
        """Write rows to one file per partition, merged with small files that were kept so far."""
        kept: dict[str, list[DataFile]] = {}
        for file in self._files:
            if file.young == young:
                kept.setdefault(dirname(file.path), []).append(file)
        partition, root = self._manifest.partition, self._place.young_folder if young else "data"
        divided = divide(sort_by_creation(rows), partition)
        parts = [(f"{root}/{name_folder(value, partition)}" if partition else root, part) for value, part in divided]
        merged = [
            choose_merged(kept.get(folder, []), part.num_rows) if young or self._place.merges_final else []
            for folder, part in parts
        ]
        gone = {file.path for group in merged for file in group}
        self._files = [file for file in self._files if file.path not in gone]
        ending = "-young" if young else ""

        def write(folder: str, part: pa.Table, group: Sequence[DataFile]) -> DataFile:
            rows = unify([part, *map(self._read, group)]) if group else part
            return self._write(rows, f"{folder}/{self._name}{ending}.parquet", young=young)

        tasks = [(folder, part, group) for (folder, part), group in zip(parts, merged, strict=True)]
        self._files += self._run(write, tasks)

    def _run(self, write: Callable[..., DataFile], tasks: Sequence[tuple[Any, ...]]) -> list[DataFile]:
        """Return the files that are written with the arguments of each task, as many at a time as suit the place."""
        if len(tasks) == 1 or self._place.files_at_once == 1:
            return [write(*task) for task in tasks]
        with ThreadPoolExecutor(self._place.files_at_once) as threads:
            return list(threads.map(lambda task: write(*task), tasks))

    def merge(self, groups: Sequence[Sequence[DataFile]]) -> None:
        """Write each group of files of the commit before to one file."""

        def write(number: int, group: Sequence[DataFile]) -> DataFile:
            name = f"{dirname(group[0].path)}/{self._name}-{number}.parquet"
            return self._write(unify(map(self._read, group)), name, young=group[0].young)

        self._files += [write(number, group) for number, group in enumerate(groups)]

    def _read(self, file: DataFile) -> pa.Table:
        return read_table(self._place.locate(file.path), filesystem=self._place.filesystem, is_own=True)

    def _write(self, rows: pa.Table, name: str, *, young: bool) -> DataFile:
        self._write_file(rows, name)
        return DataFile(name, rows.num_rows, young, name_schema(rows.schema))

    def add_ids(self, new: Digests) -> None:
        """Add the digests of rows that the commit before did not have to the index."""
        if len(new):
            kept, digests = extend(self._place, self._manifest, new)
            name = f"ids/{self._name}.ids"
            self.written.append(name)
            self._place.write_bytes(pack(digests), name)
            self._id_files = (*kept, IdsFile(name, len(digests)))

    def add_failures(self, changes: pa.Table, count: int) -> None:
        """Take over the failures of the commit before, with changes, after which there are `count`."""
        self._write_failures(count_kept(self._failure_files, changes.num_rows), changes)
        self._failures = count

    def merge_failures(self) -> None:
        """Take over the failures of the commit before, in one file."""
        if len(self._failure_files) != 1:
            self._write_failures(0, FAILURES.empty_table())

    def _write_failures(self, kept: int, changes: pa.Table) -> None:
        """Keep the first files, and write the others together with the changes."""
        files = self._failure_files
        self._failure_files = files[:kept]
        rewritten = [
            read_table(self._place.locate(file.path), filesystem=self._place.filesystem).cast(FAILURES)
            for file in files[kept:]
        ]
        rows = pa.concat_tables([*rewritten, changes])
        if not kept:
            rows = apply_changes(rows)
        if rows.num_rows or not kept:
            name = f"failures/{self._name}.parquet"
            self._write_file(rows, name)
            self._failure_files = (*self._failure_files, FailuresFile(name, rows.num_rows))

    def finish(self) -> Manifest:
        """Return the manifest of this commit."""
        return replace(
            self._manifest,
            files=tuple(sorted(self._files, key=lambda file: file.path)),
            failures=self._failures,
            failure_files=self._failure_files,
            id_files=self._id_files,
        )

    def _write_file(self, rows: pa.Table, name: str) -> None:
        self.written.append(name)
        self._place.write_table(rows, name)
