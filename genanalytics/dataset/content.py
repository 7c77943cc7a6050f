"""The content of a data set as of one commit: values, and their JSON in a manifest."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, get_args

import pyarrow as pa

from genanalytics.dataset.failures import FAILURES_FILE, FailuresFile
from genanalytics.dataset.partitions import Interval
from genanalytics.errors import InputError
from genanalytics.records.schema import SCHEMA_VERSION

FORMAT = 2
"""The version of the layout: it grows with each change that an older version would misread."""

_KEYS = ("commit", "committed_at", "written_by", "partition", "redact", "failures")
_SCHEMA_DIGITS = 8


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a data set.

    Attributes:
        path: The name relative to the data set, below `data/`.
        rows: The number of rows.
        young: Whether its rows may still change; all others are final.
        schema: The result of `name_schema` for its columns; None if it is unknown.
    """

    path: str
    rows: int
    young: bool
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class IdsFile:
    """One file with digests of stored ids (see `stored`).

    Attributes:
        path: The name relative to the data set, below `ids/`.
        ids: The number of ids.
    """

    path: str
    ids: int


@dataclass(frozen=True)
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
        failure_files: The files with the failures; at least one.
        id_files: The files with the digests of the ids of all rows, each id in one of them; empty if there is no index.
        writer: A random text that tells the commits of one writer from those of others.
        inode: The inode of the folder of the files on disk, by which a copy is recognized; None on a store.
    """

    commit: int
    committed_at: str
    written_by: str
    partition: str | None
    redact: Mapping[str, Any] | None
    failures: int
    files: tuple[DataFile, ...]
    failure_files: tuple[FailuresFile, ...]
    id_files: tuple[IdsFile, ...] = ()
    writer: str = ""
    inode: int | None = None

    @cached_property
    def rows(self) -> int:
        """The number of records."""
        return sum(file.rows for file in self.files)

    @cached_property
    def young(self) -> int:
        """The number of records that may still change."""
        return sum(file.rows for file in self.files if file.young)

    @property
    def has_one_schema(self) -> bool:
        """Whether all files have the same columns with the same types."""
        schemas = {file.schema for file in self.files}
        return len(schemas) == 1 and None not in schemas

    def list_names(self) -> list[str]:
        """Return the names of all files."""
        return [*self.list_needed(), *(file.path for file in self.id_files)]

    def list_needed(self) -> list[str]:
        """Return the names of the files that cannot be made again: all but the index."""
        return [file.path for files in (self.files, self.failure_files) for file in files]

    def to_json(self) -> str:
        """Return the text of the manifest, with one line for each file."""
        head = {"genanalytics_format": FORMAT, "schema_version": SCHEMA_VERSION, "rows": self.rows, "young": self.young}
        head |= {name: getattr(self, name) for name in (*_KEYS, "writer", "inode")}
        lists = {name: _write_list(getattr(self, name)) for name in ("files", "failure_files", "id_files")}
        text = ",\n".join(
            [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
            + [f"{json.dumps(name)}: {value}" for name, value in lists.items()]
        )
        return f"{{\n{text}\n}}\n"


def parse_manifest(content: Mapping[str, Any]) -> Manifest:
    """Return the content of a manifest of any format.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: It is malformed.
    """
    whole = [{"path": FAILURES_FILE, "rows": content["failures"]}]
    manifest = Manifest(
        **{name: content[name] for name in _KEYS},
        files=tuple(DataFile(**file) for file in content["files"]),
        failure_files=tuple(FailuresFile(**file) for file in content.get("failure_files", whole)),
        id_files=tuple(IdsFile(**file) for file in content.get("id_files", ())),
        writer=content.get("writer", ""),
        inode=content.get("inode"),
    )
    counts: list[Any] = [
        manifest.commit,
        manifest.failures,
        *(file.rows for file in manifest.files + manifest.failure_files),
        *(file.ids for file in manifest.id_files),
    ]
    texts: list[Any] = [file.schema for file in manifest.files if file.schema is not None]
    texts += [] if manifest.redact is None else manifest.redact["columns"]
    if manifest.partition not in (None, *get_args(Interval)) or not all(isinstance(text, str) for text in texts):
        msg = "it has no name where one must be"
        raise ValueError(msg)
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        msg = "it has a count that is not a number"
        raise ValueError(msg)
    names: list[Any] = manifest.list_names()
    if not manifest.failure_files or not all(isinstance(name, str) for name in names):
        msg = "it has no path where one must be"
        raise ValueError(msg)
    return manifest


def check_same(place: object, found: Manifest, given: Manifest) -> None:
    """Refuse to continue a data set with another partition or redaction.

    Raises:
        InputError: They differ.
    """
    if found.partition != given.partition:
        has, other = (partition or "nothing" for partition in (found.partition, given.partition))
        msg = f"{place} is partitioned by {has}, not {other}: give the same, or another directory"
        raise InputError(msg)
    if found.redact != given.redact:
        names = ",".join((found.redact or {}).get("columns", ())) or "nothing"
        msg = f"{place} has another redaction ({names} redacted): give the same columns and key, or another directory"
        raise InputError(msg)


def name_schema(schema: pa.Schema) -> str:
    """Return a short text that is the same for files with the same columns and types in the same order.

    >>> name_schema(pa.schema([("cost", pa.float64())])) == name_schema(pa.schema([("cost", pa.int64())]))
    False
    """
    text = "\n".join(f"{field.name}\t{field.type}" for field in schema)
    return blake2b(text.encode(), digest_size=_SCHEMA_DIGITS // 2).hexdigest()


def _write_list(files: Iterable[Any]) -> str:
    lines = ",\n".join(json.dumps({name: getattr(file, name) for name in file.__slots__}) for file in files)
    return f"[\n{lines}\n]" if lines else "[]"
