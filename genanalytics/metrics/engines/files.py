"""The Parquet files that a scan reads."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from genanalytics.base.stores.address import is_url
from genanalytics.base.text import explain
from genanalytics.dataset.failures import FAILURES_FILE
from genanalytics.dataset.manifest import is_dataset, list_files
from genanalytics.errors import InputError
from genanalytics.formats.parquet import check_footer, cut_schema

Place = str | os.PathLike[str]

_MAGIC = b"PAR1"


@dataclass(frozen=True, slots=True)
class Files:
    """Parquet files.

    Attributes:
        paths: The absolute paths and the URLs, each once.
        has_one_schema: Whether all of them are known to have the same columns with the same types.
    """

    paths: tuple[str, ...]
    has_one_schema: bool

    def unreadable(self, reason: str) -> InputError:
        """Return the error to raise if the files cannot be read."""
        first, *others = self.paths
        return InputError(f"cannot read {first}{f' and {len(others):,} more' if others else ''}: {reason}")


def find_files(source: Place | Iterable[Place]) -> Files:
    """Return the files of a source: a file, a glob, a directory, a data set, a URL, or several of them.

    Raises:
        InputError: There is none, or one is not whole, not Parquet, or the `failures.parquet` of a data set.
    """
    places = [source] if isinstance(source, str | os.PathLike) else list(source)
    paths: dict[str, None] = {}
    schemas: set[bytes | None] = set()
    for place in places:
        for path, schema in _find(os.fspath(place)):
            paths[path] = None
            schemas.add(schema)
    if not paths:
        msg = "no file to scan: give a file, a glob, a directory, or a list of them"
        raise InputError(msg)
    return Files(tuple(paths), None not in schemas and len(schemas) == 1)


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
    schema: bytes | None = None
    for file in found:
        footer = _check(file)
        if schema is None or not footer.startswith(schema):
            schema = cut_schema(footer)
        yield os.path.abspath(file), schema  # noqa: PTH100 - which keeps links


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
