"""The manifest, the files and the rows of a data set that `export` wrote.

    DIR/data             the rows, in one or more files per partition: read them with DIR/data/**/*.parquet
    DIR/failures.parquet the ids without a record, and when to ask again (see `failures`)
    DIR/manifest.json    the files, the partition, the redaction and the version that wrote them

All three are links through DIR/.current into the directory of one commit, which never changes. A new commit replaces
that link (`commit`). A copy without links, for example on an object store, reads the same.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.fs

from genanalytics.base.content import unreadable
from genanalytics.dataset.failures import FAILURES, FAILURES_FILE, FailuresFile, apply_changes
from genanalytics.dataset.inside import check_links, check_names
from genanalytics.errors import InputError
from genanalytics.formats.parquet import check_version, read_table as read_file, unify
from genanalytics.records.coverage import MOST_LISTED, Coverage, set_coverage
from genanalytics.records.schema import SCHEMA_VERSION

FORMAT = 1
"""The version of the layout: it grows with each change that an older version would misread."""

MANIFEST = "manifest.json"
CURRENT = ".current"

_TRIES = 5
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError)
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a data set.

    Attributes:
        path: The path relative to the data set.
        rows: The number of rows.
        young: Whether its rows may still change; all others are final.
    """

    path: str
    rows: int
    young: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of a data set as of one commit.

    Attributes:
        commit: The number of the commit.
        committed_at: The time of the commit (ISO 8601, UTC).
        written_by: The version of this package that wrote it.
        partition: "month", "day" or None.
        redact: `redact.Redaction.description`; None without redaction.
        failures: The number of ids without a record.
        files: The files with the rows.
        failure_files: The files with the failures.
    """

    commit: int
    committed_at: str
    written_by: str
    partition: str | None
    redact: Mapping[str, Any] | None
    failures: int
    files: tuple[DataFile, ...]
    failure_files: tuple[FailuresFile, ...]

    @property
    def rows(self) -> int:
        """The number of records."""
        return sum(file.rows for file in self.files)

    @property
    def young(self) -> int:
        """The number of records that may still change."""
        return sum(file.rows for file in self.files if file.young)

    def to_json(self) -> str:
        """Return the text of manifest.json."""
        head = {"genanalytics_format": FORMAT, "schema_version": SCHEMA_VERSION, "rows": self.rows, "young": self.young}
        return json.dumps(head | asdict(self), indent=1)


def is_dataset(path: str | os.PathLike[str]) -> bool:
    """Return whether a directory or a URL is a data set."""
    if not _is_url(path):
        return Path(path, MANIFEST).is_file()
    filesystem, root = _locate(path)
    return bool(filesystem.get_file_info(f"{root}/{MANIFEST}").type == pa.fs.FileType.File)


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
        rows = unify(commit.read_file(file.path) for file in commit.manifest.files)
        return set_coverage(rows, commit.read_coverage())

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


def list_files(path: str | os.PathLike[str]) -> list[Path]:
    """Return the files of a local data set as of its last commit, for an engine to read.

    They remain for at least ten more commits. `parquet.unify_schemas` returns their common schema.

    Raises:
        InputError: It is not a data set, it cannot be read, or a newer version wrote it.
    """
    commit = next(_find_commits(path))
    return [Path(commit.root, file.path) for file in commit.manifest.files]


@dataclass(frozen=True, slots=True)
class _Commit:
    filesystem: pa.fs.FileSystem
    root: str
    manifest: Manifest

    def read_file(self, name: str) -> pa.Table:
        return read_file(f"{self.root}/{name}", filesystem=self.filesystem)

    def read_failures(self) -> pa.Table:
        files = [self.read_file(file.path).cast(FAILURES) for file in self.manifest.failure_files]
        return files[0] if len(files) == 1 else apply_changes(pa.concat_tables(files))

    def read_coverage(self) -> Coverage | None:
        found, missing = self.manifest.rows, self.manifest.failures
        if missing > MOST_LISTED:
            return Coverage(found + missing, found)
        ids = self.read_failures()["requested_id"].to_pylist() if missing else []
        return Coverage.of(ids, found=found) if found or ids else None


def _read_commit(path: str | os.PathLike[str], read: Callable[[_Commit], _Read]) -> _Read:
    """Return what `read` returns for the last commit, or for the next one if a writer removes its files meanwhile."""
    for commit in _find_commits(path):
        try:
            return read(commit)
        except FileNotFoundError as error:
            gone = error
    raise unreadable(path, gone) from gone


def _find_commits(path: str | os.PathLike[str]) -> Iterator[_Commit]:
    """Yield the last commit, again each time its files are gone: a slow reader may be overtaken by a writer."""
    for _ in range(_TRIES):
        filesystem, root = _locate(path)
        if not _is_url(path):
            link = Path(path, CURRENT)
            root = os.path.realpath(link if link.is_dir() else path)
        manifest = _read_manifest(filesystem, root, path)
        if not _is_url(path):
            check_links(path, root, _list_paths(manifest))
        yield _Commit(filesystem, root, manifest)


def _read_manifest(filesystem: pa.fs.FileSystem, root: str, path: str | os.PathLike[str]) -> Manifest:
    try:
        with filesystem.open_input_stream(f"{root}/{MANIFEST}") as stream:
            content = json.loads(stream.read())
        found, columns = int(content["genanalytics_format"]), int(content["schema_version"])
    except FileNotFoundError:
        if os.path.lexists(os.path.join(path, MANIFEST)):  # noqa: PTH118 - perhaps a URL
            reason = "its first export did not get as far as a commit; export again"
        else:
            reason = f"the directory is not a data set (no {MANIFEST}); give a data set or a file"
        msg = f"cannot read {os.fspath(path)}: {reason}"
        raise InputError(msg) from None
    except (OSError, RecursionError, *_MALFORMED, pa.ArrowException) as error:
        raise unreadable(os.path.join(path, MANIFEST), error) from error  # noqa: PTH118 - perhaps a URL
    if found > FORMAT:
        msg = (
            f"{os.fspath(path)} was written by a newer genanalytics (format {found} of data sets, this version reads"
            f" {FORMAT}): upgrade with `pip install --upgrade genanalytics`"
        )
        raise InputError(msg)
    check_version(columns, path)
    try:
        manifest = _parse(content)
    except _MALFORMED as error:
        raise unreadable(os.path.join(path, MANIFEST), error) from error  # noqa: PTH118 - perhaps a URL
    check_names(path, _list_paths(manifest))
    return manifest


def _parse(content: Mapping[str, Any]) -> Manifest:
    whole = [{"path": FAILURES_FILE, "rows": content["failures"]}]
    manifest = Manifest(
        **{name: content[name] for name in Manifest.__slots__ if name not in {"files", "failure_files"}},
        files=tuple(DataFile(**file) for file in content["files"]),
        failure_files=tuple(FailuresFile(**file) for file in content.get("failure_files", whole)),
    )
    counts: list[Any] = [
        manifest.commit,
        manifest.failures,
        *(file.rows for file in manifest.files + manifest.failure_files),
    ]
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        msg = "it has a count that is not a number"
        raise ValueError(msg)
    names: list[Any] = _list_paths(manifest)
    if not manifest.failure_files or not all(isinstance(name, str) for name in names):
        msg = "it has no path where one must be"
        raise ValueError(msg)
    return manifest


def _list_paths(manifest: Manifest) -> list[str]:
    return [file.path for file in manifest.files + manifest.failure_files]


def _is_url(path: str | os.PathLike[str]) -> bool:
    return "://" in os.fspath(path)


def _locate(path: str | os.PathLike[str]) -> tuple[pa.fs.FileSystem, str]:
    """Return the file system and the path on it."""
    if not _is_url(path):
        return pa.fs.LocalFileSystem(), os.fspath(path)
    try:
        filesystem, root = pa.fs.FileSystem.from_uri(os.fspath(path).rstrip("/"))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise unreadable(path, error) from error
    return filesystem, root
