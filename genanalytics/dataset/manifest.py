"""A data set that `export` wrote, for those who read it: its manifest, its files, its rows.

    DIR/data             one file or more per partition: what a glob such as DIR/data/**/*.parquet is for
    DIR/failures.parquet the ids without a record, and when to ask again
    DIR/manifest.json    what the data set is: its files, its partition, what was redacted, by which version

All three lead through the link DIR/.current to the directory of one commit, in which nothing changes any more; a commit
is that link replaced (`commits`). A copy without links, on an object store for example, reads the same.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs

from genanalytics.errors import InputError
from genanalytics.formats.parquet import check_version, unified, unreadable
from genanalytics.formats.parquet import read_table as read_file

FORMAT = 1
"""Raised when a data set is laid out in a way that an older version would misread."""

MANIFEST = "manifest.json"
CURRENT = ".current"

FAILURES = pa.schema(
    [
        ("requested_id", pa.string()),
        ("outcome", pa.string()),
        ("status", pa.int64()),
        ("message", pa.string()),
        ("attempts", pa.int64()),
        ("returned_id", pa.string()),
        ("failed_at", pa.timestamp("us", tz="UTC")),
        ("retry_at", pa.timestamp("us", tz="UTC")),
    ]
)
"""The columns of failures.parquet; `retry_at` is null where asking again will not help."""

_TRIES = 5


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a data set.

    Attributes:
        path: Where it lies below the data set's directory.
        rows: How many rows it has.
        young: Whether its rows may still change; those of other files are final.
    """

    path: str
    rows: int
    young: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a data set holds as of one commit.

    Attributes:
        commit: The number of the commit.
        committed_at: When it was made (ISO 8601, UTC).
        written_by: The version of this package that made it.
        partition: "month", "day" or None.
        redact: What was redacted, as `redact.Redaction.told` says it; None where nothing was.
        failures: How many ids have no record.
        files: The files with the rows.
    """

    commit: int
    committed_at: str
    written_by: str
    partition: str | None
    redact: Mapping[str, Any] | None
    failures: int
    files: tuple[DataFile, ...]

    @property
    def rows(self) -> int:
        """How many records there are."""
        return sum(file.rows for file in self.files)

    @property
    def young(self) -> int:
        """How many records may still change."""
        return sum(file.rows for file in self.files if file.young)

    def as_json(self, schema_version: int) -> str:
        """Return the text of manifest.json."""
        head = {"genanalytics_format": FORMAT, "schema_version": schema_version, "rows": self.rows, "young": self.young}
        return json.dumps(head | asdict(self), indent=1)


def is_dataset(path: str | os.PathLike[str]) -> bool:
    """Return whether a directory, or a URL, holds a data set."""
    if not _is_url(path):
        return Path(path, MANIFEST).is_file()
    filesystem, root = _located(path)
    return bool(filesystem.get_file_info(f"{root}/{MANIFEST}").type == pa.fs.FileType.File)


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Return the manifest of a data set.

    Raises:
        InputError: There is none, it cannot be read, or a newer version wrote it.
    """
    return next(_pinned(path)).manifest


def read_table(path: str | os.PathLike[str], *, columns: list[str] | None = None) -> pa.Table:
    """Return the rows of a data set as of one commit, under one schema (`parquet.unified`).

    Args:
        path: The directory, or its URL.
        columns: The columns to read; without it all of them.

    Raises:
        InputError: It is no data set, it cannot be read, or a newer version wrote it.
    """
    for at in _pinned(path):
        try:
            table = unified(
                read_file(f"{at.root}/{file.path}", columns=columns, filesystem=at.filesystem)
                for file in at.manifest.files
            )
        except FileNotFoundError as error:
            gone = error
            continue
        return table if columns is None else table.select(columns)
    raise unreadable(path, gone) from gone


def read_failures(path: str | os.PathLike[str]) -> pa.Table:
    """Return the ids that have no record, with the columns of `FAILURES`.

    Raises:
        InputError: It is no data set, it cannot be read, or a newer version wrote it.
    """
    for at in _pinned(path):
        try:
            return read_file(f"{at.root}/failures.parquet", filesystem=at.filesystem).cast(FAILURES)
        except FileNotFoundError as error:
            gone = error
    raise unreadable(path, gone) from gone


def files(path: str | os.PathLike[str]) -> list[Path]:
    """Return the files of a data set on this machine as of its last commit, by partition, for an engine to read.

    They stay there for the next ten commits at least. `parquet.unified_schema` tells the one schema of them all.

    Raises:
        InputError: It is no data set, it cannot be read, or a newer version wrote it.
    """
    at = next(_pinned(path))
    return [Path(at.root, file.path) for file in at.manifest.files]


@dataclass(frozen=True, slots=True)
class _Commit:
    filesystem: pa.fs.FileSystem
    root: str
    manifest: Manifest


def _pinned(path: str | os.PathLike[str]) -> Iterator[_Commit]:
    """Yield the last commit, and a later one when its files are gone: a slow reader may be overtaken."""
    for _ in range(_TRIES):
        filesystem, root = _located(path)
        if not _is_url(path):
            link = Path(path, CURRENT)
            root = os.path.realpath(link if link.is_dir() else path)
        yield _Commit(filesystem, root, _read_manifest(filesystem, root, path))


def _read_manifest(filesystem: pa.fs.FileSystem, root: str, path: str | os.PathLike[str]) -> Manifest:
    try:
        with filesystem.open_input_stream(f"{root}/{MANIFEST}") as stream:
            told = json.loads(stream.read())
        found = told.pop("genanalytics_format")
    except FileNotFoundError:
        msg = f"cannot read {os.fspath(path)}: no data set is in the directory (no {MANIFEST}); name one, or a file"
        raise InputError(msg) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        raise unreadable(os.path.join(path, MANIFEST), error) from error  # noqa: PTH118 - perhaps a URL
    if found > FORMAT:
        msg = (
            f"{os.fspath(path)} was written by a newer genanalytics (data set of format {found}, this one knows"
            f" {FORMAT}): upgrade with `pip install --upgrade genanalytics`"
        )
        raise InputError(msg)
    check_version(told.pop("schema_version"), path)
    named = {name: told[name] for name in Manifest.__slots__ if name != "files"}
    return Manifest(**named, files=tuple(DataFile(**file) for file in told["files"]))


def _is_url(path: str | os.PathLike[str]) -> bool:
    return "://" in os.fspath(path)


def _located(path: str | os.PathLike[str]) -> tuple[pa.fs.FileSystem, str]:
    """Return the file system, and the path on it.

    Raises:
        InputError: pyarrow has no file system for the URL.
    """
    if not _is_url(path):
        return pa.fs.LocalFileSystem(), os.fspath(path)
    try:
        filesystem, root = pa.fs.FileSystem.from_uri(os.fspath(path).rstrip("/"))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise unreadable(path, error) from error
    return filesystem, root
