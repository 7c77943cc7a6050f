"""The manifest, the files and the rows of a data set that `export` wrote.

    DIR/data             the rows, in one or more files per partition: read them with DIR/data/**/*.parquet
    DIR/failures.parquet the ids without a record, and when to ask again (see `failures`)
    DIR/manifest.json    the files, the partition, the redaction and the version that wrote them

On disk, the names in `data` and the other two are links into DIR/.files (`view`). Readers of the manifest take the
newest one of DIR/.files/manifests. A copy without links, for example on an object store, reads the same.
"""

import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.fs

from genanalytics.base.content import translate_errors, unreadable
from genanalytics.base.stores.address import is_store_url, is_url
from genanalytics.dataset.content import FORMAT, Manifest, parse_manifest
from genanalytics.dataset.failures import FAILURES, FAILURES_FILE, apply_changes, make_coverage
from genanalytics.dataset.folder import FILES, Folder, open_source
from genanalytics.dataset.inside import check_names, find_missing
from genanalytics.dataset.place import Source, name_manifest
from genanalytics.errors import InputError
from genanalytics.formats.parquet import check_version, read_table as read_file, unify
from genanalytics.records.coverage import Coverage, set_coverage

MANIFEST = "manifest.json"

_TRIES = 5
_THREADS = 8
_REQUESTS = 32
"""The number of files of a store that are read at the same time."""
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, OverflowError)
_Read = TypeVar("_Read")


def is_dataset(path: str | os.PathLike[str]) -> bool:
    """Return whether a directory or a URL is a data set."""
    if not is_url(path):
        return Path(path, MANIFEST).is_file() or bool(Folder(path).list_manifests())
    source = open_source(path)
    return bool(source.list_manifests()) or _has_file(source, MANIFEST)


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Return the manifest of a data set.

    Raises:
        InputError: There is none, it cannot be read, or a newer version wrote it.
    """
    return next(_find_commits(path)).manifest


def read_table(path: str | os.PathLike[str]) -> pa.Table:
    """Return the rows of a data set, given by its directory or URL, as of one commit and with one schema.

    The metadata contains their coverage.

    Raises:
        InputError: It is not a data set, it cannot be read, or a newer version wrote it.
    """

    def read(commit: _Commit) -> pa.Table:
        with ThreadPoolExecutor(_THREADS if isinstance(commit.source, Folder) else _REQUESTS) as readers:
            tables = list(readers.map(commit.read_file, [file.path for file in commit.manifest.files]))
        return set_coverage(unify(tables).combine_chunks(), commit.read_coverage())

    return _read_commit(path, read)


def read_coverage(path: str | os.PathLike[str]) -> Coverage | None:
    """Return the coverage of a data set; None if it contains neither records nor failures.

    Raises:
        InputError: It is not a data set, it cannot be read, or a newer version wrote it.
    """
    return _read_commit(path, lambda commit: commit.read_coverage())


def read_failures(path: str | os.PathLike[str]) -> pa.Table:
    """Return the ids without a record, with the columns of `FAILURES`.

    Raises:
        InputError: It is not a data set, it cannot be read, or a newer version wrote it.
    """
    return _read_commit(path, lambda commit: commit.read_failures())


def load_failures(source: Source, manifest: Manifest) -> pa.Table:
    """Return the ids without a record as of a commit that a writer has read, with the columns of `FAILURES`.

    Raises:
        InputError, OSError: A file cannot be read.
    """
    return _Commit(source, manifest, is_own=True).read_failures()


def list_files(path: str | os.PathLike[str]) -> list[Path]:
    """Return the files of a local data set as of its last commit, for an engine to read.

    They remain for at least ten more commits. `parquet.unify_schemas` returns their common schema.

    Raises:
        InputError: It is not a data set, it cannot be read, or a newer version wrote it.
    """
    commit = next(_find_commits(path))
    return [Path(commit.source.locate(file.path)) for file in commit.manifest.files]


def list_objects(url: str) -> dict[str, str | None]:
    """Return the URLs of the files of a data set on a store as of its last commit, with the name of their columns.

    The name is that of `content.name_schema`; None if it is unknown.

    Raises:
        InputError: It is not a data set, it cannot be read, or a newer version wrote it.
    """
    commit = next(_find_commits(url))
    return {f"{commit.source.title}/{file.path}": file.schema for file in commit.manifest.files}


@dataclass(frozen=True, slots=True)
class _Commit:
    source: Source
    manifest: Manifest
    is_own: bool
    """Whether this user's exports wrote the files where they are: a copy is another folder."""

    def read_file(self, name: str) -> pa.Table:
        return read_file(self.source.locate(name), filesystem=self.source.filesystem, is_own=self.is_own)

    def read_failures(self) -> pa.Table:
        first, *changes = [file.path for file in self.manifest.failure_files]
        tables = [self._read_whole_failures(first), *(self.read_file(name) for name in changes)]
        if not changes:
            return tables[0].cast(FAILURES)
        return apply_changes(pa.concat_tables([table.cast(FAILURES) for table in tables]))

    def _read_whole_failures(self, name: str) -> pa.Table:
        """Read the first file with failures, which has its visible name in a copy without hidden names."""
        try:
            return self.read_file(name)
        except FileNotFoundError:
            if name == FAILURES_FILE or not _has_file(self.source, FAILURES_FILE):
                raise
        return self.read_file(FAILURES_FILE)

    def read_coverage(self) -> Coverage | None:
        return make_coverage(self.manifest.rows, self.manifest.failures, self.read_failures)


def _read_commit(path: str | os.PathLike[str], read: Callable[[_Commit], _Read]) -> _Read:
    """Return what `read` returns for the last commit, or for the next one if a writer removes its files meanwhile."""
    for commit in _find_commits(path):
        try:
            return read(commit)
        except FileNotFoundError as error:
            gone = error
    raise unreadable(path, gone) from gone


def _find_commits(path: str | os.PathLike[str]) -> Iterator[_Commit]:
    """Yield the last commit, again each time its files are gone: a slow reader may be overtaken by a writer.

    Raises:
        InputError: It is not a data set, it cannot be read, or a newer version wrote it.
    """
    gone = None
    for _ in range(_TRIES):
        try:
            commit = _open_commit(path)
        except FileNotFoundError as error:  # its manifest was removed after it was listed
            gone = error
            continue
        yield commit
    if gone is not None:
        raise unreadable(path, gone) from gone


def _open_commit(path: str | os.PathLike[str]) -> _Commit:
    """Return the last commit.

    Raises:
        FileNotFoundError: Its manifest was removed meanwhile.
    """
    source = open_source(path)
    numbers = source.list_manifests()
    if not isinstance(source, Folder):
        return _Commit(source, load_manifest(source, name_manifest(numbers[-1]) if numbers else MANIFEST), is_own=False)
    if numbers:
        manifest = _find_whole(source, numbers)
        return _Commit(source, manifest, is_own=source.is_own(manifest))
    manifest = load_manifest(source, MANIFEST)
    find_missing(path, source.root, [file.path for file in manifest.files])  # which refuses links
    return _Commit(source, manifest, is_own=False)


def _find_whole(source: Folder, numbers: Sequence[int]) -> Manifest:
    """Return the last manifest; of a copy that was made during an export, the last one whose files are all there.

    In the original, a file of the last manifest can only be missing because it was deleted, which is an error.
    """
    find_missing(source.title, source.root, map(name_manifest, numbers))  # which refuses links
    last = manifest = load_manifest(source, name_manifest(numbers[-1]))
    for number in reversed(numbers):
        manifest = last if number == numbers[-1] else load_manifest(source, name_manifest(number))
        missing = find_missing(source.title, source.root, manifest.list_needed())
        if not missing or last.inode == source.inode:
            break
    else:
        msg = f"cannot read {source.title}: this copy is incomplete ({missing[0]} is missing); copy the data set again"
        raise InputError(msg)
    if manifest.commit != last.commit:
        warnings.warn(
            f"{source.title} was copied while it was written: commit {manifest.commit} of"
            f" {manifest.committed_at} is read, since files of commit {last.commit} are missing",
            stacklevel=2,
        )
    return manifest


def load_manifest(source: Source, name: str) -> Manifest:
    """Return the manifest in a file.

    Raises:
        InputError: There is none, it cannot be read, or a newer version wrote it.
        FileNotFoundError: There was one, and it has been removed.
    """
    path = source.title
    file = f"{path}/{name}" if is_store_url(path) else os.path.join(path, MANIFEST)  # noqa: PTH118 - perhaps a URL
    try:
        content = json.loads(source.read_bytes(name))
        found, columns = int(content["genanalytics_format"]), int(content["schema_version"])
    except FileNotFoundError:
        if name != MANIFEST:
            raise
        if os.path.lexists(file) or os.path.lexists(os.path.join(path, FILES)):  # noqa: PTH118
            reason = "its first export did not get as far as a commit; export again"
        else:
            what = "the URL" if is_url(path) else "the directory"
            reason = f"{what} is not a data set (no {MANIFEST}); give a data set or a file"
        msg = f"cannot read {path}: {reason}"
        raise InputError(msg) from None
    except (OSError, RecursionError, *_MALFORMED, pa.ArrowException) as error:
        raise unreadable(file, error) from error
    if found > FORMAT:
        msg = (
            f"{path} was written by a newer genanalytics (format {found} of data sets, this version reads"
            f" {FORMAT}): upgrade with `pip install --upgrade genanalytics`"
        )
        raise InputError(msg)
    check_version(columns, path)
    try:
        manifest = parse_manifest(content)
    except _MALFORMED as error:
        raise unreadable(file, error) from error
    check_names(path, manifest.list_names())
    return manifest


def _has_file(source: Source, name: str) -> bool:
    filesystem: Any = source.filesystem or pa.fs.LocalFileSystem()
    with translate_errors(source.title, OSError):
        return bool(filesystem.get_file_info(source.locate(name)).type == pa.fs.FileType.File)
