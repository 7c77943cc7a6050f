"""The rows of a Delta table, of a version whose files are all there."""

import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pyarrow as pa

from genanalytics.dataset.delta.log import LiveFile, Snapshot, open_snapshot
from genanalytics.dataset.delta.state import read_state
from genanalytics.dataset.failures import make_coverage
from genanalytics.errors import InputError
from genanalytics.formats.parquet import unify
from genanalytics.records.coverage import Coverage, set_coverage
from genanalytics.records.frame import cast_known

_TRIES = 5
_THREADS = 8
_Read = TypeVar("_Read")


def read_table(place: str | os.PathLike[str]) -> pa.Table:
    """Return the rows of the last version of a Delta table, with one schema; the metadata contains their coverage.

    Raises:
        InputError: It cannot be read, or needs a feature that this reader does not have.
    """

    def read(snapshot: Snapshot) -> pa.Table:
        with ThreadPoolExecutor(_THREADS) as readers:
            tables = list(readers.map(lambda file: read_live(snapshot, file), snapshot.files))
        return set_coverage(unify([_make_empty(snapshot), *tables]), _find_coverage(snapshot))

    return _read_last(place, read)


def read_coverage(place: str | os.PathLike[str]) -> Coverage | None:
    """Return the coverage of a table that `export` writes; None if it is unknown.

    Raises:
        InputError: It cannot be read.
    """
    return _read_last(place, _find_coverage)


def read_live(snapshot: Snapshot, file: LiveFile, columns: list[str] | None = None) -> pa.Table:
    """Return the rows of a file, with the values that only the log contains.

    Args:
        snapshot: The version of the table.
        file: One of its files.
        columns: The columns to read; None for all.

    Raises:
        FileNotFoundError: It was removed (vacuumed) since.
    """
    try:
        table = snapshot.read_rows(file.path, columns).replace_schema_metadata()
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), snapshot.locate(file.path)) from error
    for name, value in snapshot.read_constants(file).items():
        if columns is None or name in columns:
            table = table.append_column(name, pa.repeat(value, len(table)))
    return cast_known(table)


def _make_empty(snapshot: Snapshot) -> pa.Table:
    return cast_known(snapshot.schema.remove_metadata().empty_table())


def _find_coverage(snapshot: Snapshot) -> Coverage | None:
    state = read_state(snapshot)
    rows = [file.rows for file in snapshot.files if file.rows is not None]
    if state is None or len(rows) < len(snapshot.files):  # another program wrote a file without its number of rows
        return None
    return make_coverage(sum(rows), state.failures, lambda: state.read_failures(snapshot))


def _read_last(place: str | os.PathLike[str], read: Callable[[Snapshot], _Read]) -> _Read:
    """Return what `read` returns for the last version, or for the next one if its files are removed meanwhile."""
    for _ in range(_TRIES):
        try:
            return read(open_snapshot(place))
        except FileNotFoundError as error:
            gone = error
    msg = (
        f"cannot read the Delta table {os.fspath(place)}: its file {gone.filename} does not exist; restore the table"
        " from a copy"
    )
    raise InputError(msg) from gone
