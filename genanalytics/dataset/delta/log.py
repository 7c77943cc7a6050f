"""What the log of a Delta table says: its live files, and the values of its partition columns.

A folder of a Delta table also contains files that a commit replaced, and files that no commit names. Only the log tells
them apart, so nothing here lists folders.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import unquote

import pyarrow as pa

from genanalytics.base.stores.address import is_store_url
from genanalytics.base.stores.arrow import make_filesystem
from genanalytics.base.stores.store import Store
from genanalytics.dataset.delta.places import (
    check_path,
    import_deltalake,
    list_errors,
    make_storage_options,
    make_unreadable,
)
from genanalytics.dataset.partitions import Partition
from genanalytics.errors import InputError
from genanalytics.formats.parquet import read_table

PARTITION = "genanalytics.partition"
"""The table property with the period of the partitions: only tables that `export` creates have it."""
NO_PARTITION = "none"
REDACTION = "genanalytics.redact"
"""The table property with `redact.Redaction.description` as JSON."""

_MAPPING = "delta.columnMapping.mode"
_VECTORS = "deletionVectors"
_FEATURES = frozenset(
    {_VECTORS, "columnMapping", "timestampNtz", "v2Checkpoint", "vacuumProtocolCheck", "typeWidening"}
)
"""The features of readers that change nothing, or that are looked at: names that a table may require."""


@dataclass(frozen=True, slots=True)
class LiveFile:
    """A file whose rows belong to a version of a table.

    Attributes:
        path: The path relative to the table.
        rows: The number of rows; None if the log does not contain it.
        size: The number of bytes.
        partition: The values of the partition columns.
    """

    path: str
    rows: int | None
    size: int
    partition: Mapping[str, Any]


@dataclass(frozen=True)
class Snapshot:
    """One version of a table.

    Attributes:
        place: The folder or the URL.
        table: The `deltalake.DeltaTable`.
        files: The live files, in the order of their paths.
    """

    place: str
    table: Any
    files: tuple[LiveFile, ...]

    @property
    def version(self) -> int:
        """The number of the version."""
        return int(self.table.version())

    @cached_property
    def properties(self) -> Mapping[str, str]:
        """The properties of the table."""
        return dict(self.table.metadata().configuration)

    @property
    def is_ours(self) -> bool:
        """Whether `export` created the table: then the partition column is no column of the records."""
        return PARTITION in self.properties

    @property
    def partition(self) -> Partition:
        """The period of the partitions of a table that `export` created: "month", "day" or None."""
        found = self.properties[PARTITION]
        return None if found == NO_PARTITION else cast("Partition", found)

    @property
    def redact(self) -> Mapping[str, Any] | None:
        """The redaction of the rows of a table that `export` created, as `redact.Redaction.description`."""
        found: Mapping[str, Any] | None = json.loads(self.properties.get(REDACTION, "null"))
        return found

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns of the rows, those of the partitions included."""
        schema = pa.schema(self.table.schema().to_arrow())
        return pa.schema([field for field in schema if not self.is_ours or field.name not in self._partitioned_by])

    def read_constants(self, file: LiveFile) -> Mapping[str, pa.Scalar]:
        """Return the values of the columns that are in the log instead of the file."""
        names = () if self.is_ours else self._partitioned_by
        return {name: pa.scalar(file.partition[name], self.schema.field(name).type) for name in names}

    @cached_property
    def _partitioned_by(self) -> Sequence[str]:
        return list(self.table.metadata().partition_columns)

    @cached_property
    def filesystem(self) -> Any:  # noqa: ANN401 - None, or a file system of pyarrow
        """The pyarrow file system of a table on a store, whose root is the table; None for a folder."""
        return None if self.store is None else make_filesystem(self.store)

    @cached_property
    def store(self) -> Store | None:
        """The store of a table, whose keys are relative to the table; None for a folder."""
        return Store(self.place, patience="long") if is_store_url(self.place) else None

    def locate(self, path: str) -> str:
        """Return the path or the URL of a file."""
        return f"{self.place.rstrip('/')}/{path}" if is_store_url(self.place) else os.path.join(self.place, path)  # noqa: PTH118

    def read_rows(self, path: str, columns: list[str] | None = None) -> pa.Table:
        """Return the rows that a Parquet file of the table contains.

        Raises:
            FileNotFoundError: There is no such file.
            OSError: It cannot be read.
        """
        place = self.locate(path) if self.filesystem is None else path
        return read_table(place, columns=columns, filesystem=self.filesystem)


def open_snapshot(place: str | os.PathLike[str], version: int | None = None) -> Snapshot:
    """Return a version of a Delta table; None for the last one.

    Raises:
        InputError: `deltalake` is not installed or cannot open the path, the table cannot be read, or it needs a
            feature that this reader does not have.
    """
    deltalake = import_deltalake(place)
    check_path(place)
    name = os.fspath(place)
    try:
        table = deltalake.DeltaTable(name, version=version, storage_options=make_storage_options(place))
        _check_features(table, name)
        return Snapshot(name, table, _list_live(table, name))
    except list_errors() as error:
        if isinstance(error, InputError):
            raise
        raise make_unreadable(place, error) from error


def _list_live(table: Any, place: str) -> tuple[LiveFile, ...]:  # noqa: ANN401
    """Return the live files of a `deltalake.DeltaTable`.

    Raises:
        InputError: A file is outside of the table.
    """
    actions = pa.table(table.get_add_actions())
    names = ["path", "num_records", "size_bytes", *(["partition"] if "partition" in actions.column_names else [])]
    rows = actions.select(names).to_pylist()
    files = [
        LiveFile(
            _check_inside(unquote(row["path"]), place),
            row["num_records"],
            row["size_bytes"],
            MappingProxyType(row.get("partition") or {}),
        )
        for row in rows
    ]
    return tuple(sorted(files, key=lambda file: file.path))


def list_files(place: str | os.PathLike[str]) -> list[Path]:
    """Return the live files of a table on this machine.

    Raises:
        InputError: As by `open_snapshot`.
    """
    snapshot = open_snapshot(place)
    return [Path(snapshot.locate(file.path)) for file in snapshot.files]


def _check_inside(path: str, place: str) -> str:
    if "://" in path or path.startswith("/") or ".." in path.split("/"):
        msg = (
            f"cannot read the Delta table {place}: its log names {path!r}, which is not in the table (as in a shallow"
            " clone); give the table that contains it"
        )
        raise InputError(msg)
    return path


def _check_features(table: Any, place: str) -> None:  # noqa: ANN401
    """Refuse a table with rows that cannot be read from its files alone."""
    needed = set(table.protocol().reader_features or ())
    reason = ""
    if table.metadata().configuration.get(_MAPPING, "none") != "none":
        reason = "it renames columns (column mapping), so its files have other names of columns"
    elif _VECTORS in needed and pa.table(table.deletion_vectors()).num_rows:
        reason = "rows of its files are deleted by deletion vectors; remove them with REORG TABLE ... APPLY (PURGE)"
    elif needed - _FEATURES:
        reason = f"it needs the feature {', '.join(sorted(needed - _FEATURES))}, which genanalytics does not read"
    if reason:
        msg = f"cannot read the Delta table {place}: {reason}"
        raise InputError(msg)
