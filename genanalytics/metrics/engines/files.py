"""The Parquet files that a scan reads."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from genanalytics.base.stores.address import is_url
from genanalytics.base.text import explain
from genanalytics.dataset.delta.log import open_snapshot
from genanalytics.dataset.delta.places import is_delta
from genanalytics.dataset.failures import FAILURES_FILE
from genanalytics.dataset.manifest import is_dataset, list_files
from genanalytics.errors import InputError
from genanalytics.formats.parquet import check_footer, cut_schema
from genanalytics.metrics.engines.constants import Constants, Values

Place = str | os.PathLike[str]

_MAGIC = b"PAR1"


@dataclass(frozen=True, slots=True)
class Files:
    """Parquet files.

    Attributes:
        paths: The absolute paths and the URLs, each once.
        has_one_schema: Whether all of them are known to have the same columns with the same types.
        constants: The values of the partition columns of Delta tables.
    """

    paths: tuple[str, ...]
    has_one_schema: bool
    constants: Constants

    def unreadable(self, reason: str) -> InputError:
        """Return the error to raise if the files cannot be read."""
        first, *others = self.paths
        return InputError(f"cannot read {first}{f' and {len(others):,} more' if others else ''}: {reason}")


def find_files(source: Place | Iterable[Place]) -> Files:
    """Return the files of a source: a file, a glob, a directory, a data set, a Delta table, a URL, or several of them.

    Raises:
        InputError: There is none, or one is not whole, not Parquet, or the `failures.parquet` of a data set.
    """
    places = [source] if isinstance(source, str | os.PathLike) else list(source)
    paths: dict[str, None] = {}
    schemas: set[bytes | None] = set()
    constants: dict[str, Values] = {}
    for place in places:
        live = _find_live(os.fspath(place)) if is_delta(place) else None
        for path, schema in _find(os.fspath(place)) if live is None else _read_schemas(live):
            paths[path] = None
            schemas.add(schema)
        constants |= {path: values for path, values in (live or {}).items() if values}
    if not paths:
        msg = "no file to scan: give a file, a glob, a directory, or a list of them"
        raise InputError(msg)
    return Files(tuple(paths), None not in schemas and len(schemas) == 1, constants)


def _find(place: str) -> Iterator[tuple[str, bytes | None]]:
    """Yield the files of a place with their columns; None if these are unknown."""
    if is_url(place):
        yield place, None
        return
    path, missing = Path(place), f"there is no file {place!r}"
    if path.is_dir():
        found = list_files(path) if is_dataset(path) else _leave_out_hidden(path.rglob("*.parquet"), path)
        missing = f"no *.parquet below the directory {place!r}"
    elif path.exists():
        found = [path]
    else:
        files = glob.iglob(place, recursive=True)  # noqa: PTH207 - which accepts absolute patterns
        found = _leave_out_hidden(map(Path, files), path)
    if not found:
        raise InputError(missing)
    if not path.is_file():
        _check_tables(place, found)
    yield from _read_schemas([os.path.abspath(file) for file in found])  # noqa: PTH100 - which keeps links


def _read_schemas(paths: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
    """Yield whole files with their columns; None if these are unknown."""
    schema: bytes | None = None
    for path in paths:
        if is_url(path):
            yield path, None
            continue
        footer = _check(Path(path))
        if schema is None or not footer.startswith(schema):
            schema = cut_schema(footer)
        yield path, schema


def _find_live(place: str) -> Constants:
    """Return the live files of a Delta table, with the values of its partition columns."""
    snapshot = open_snapshot(place if is_url(place) else os.path.abspath(place))  # noqa: PTH100 - which keeps links
    if not snapshot.files:
        msg = f"the Delta table {place} contains no rows"
        raise InputError(msg)
    return {snapshot.locate(file.path): snapshot.read_constants(file) for file in snapshot.files}


def _check_tables(place: str, files: Sequence[Path]) -> None:
    """Refuse a directory or a glob with files of a Delta table, some of which its log has replaced."""
    for folder in sorted({folder for file in files for folder in file.parents}):
        if is_delta(folder):
            msg = f"{place} contains files of a Delta table, replaced ones too: give the table itself, {folder}"
            raise InputError(msg)


def _leave_out_hidden(files: Iterable[Path], place: Path) -> list[Path]:
    """Return files in order, without those below a hidden name, unless the place itself contains that name."""
    given = set(place.parts)
    return sorted(
        file
        for file in files
        if file.is_file() and not any(part[0] in "._" and part not in given for part in file.parts)
    )


def _check(file: Path) -> bytes:
    """Return the footer of a file that is whole and not the `failures.parquet` of a data set."""
    if file.name == FAILURES_FILE and is_dataset(file.parent):
        msg = f"{file} contains ids without a record: give the data set itself, {file.parent}"
        raise InputError(msg)
    try:
        with file.open("rb") as stream:
            return _read_footer(stream, str(file))
    except OSError as error:
        msg = f"cannot read {file}: {explain(error)}"
        raise InputError(msg) from error


def _read_footer(stream: BinaryIO, name: str) -> bytes:
    """Return the footer of a whole Parquet file, which matches its checksum."""
    begins = stream.read(len(_MAGIC)) == _MAGIC
    stream.seek(-min(len(_MAGIC), stream.seek(0, os.SEEK_END)), os.SEEK_END)
    if begins and stream.read() == _MAGIC:
        return check_footer(stream, name)
    hint = "it has no end: was it cut short?" if begins else "for CSV and JSON, use `ga.read`"
    msg = f"{name} is not a Parquet file; {hint}"
    raise InputError(msg)
