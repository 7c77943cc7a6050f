"""The Parquet files that a scan reads."""

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, Literal, cast

import pyarrow as pa

from genanalytics.base.content import is_hidden, unreadable
from genanalytics.base.stores.address import Address, is_store_url, is_url, parse_url, to_local
from genanalytics.base.stores.find import find_objects, has_name_of_object, has_pattern, is_object
from genanalytics.base.stores.parts import AT_ONCE, ObjectFile
from genanalytics.base.stores.store import Store
from genanalytics.base.text import explain
from genanalytics.dataset.delta.log import open_snapshot
from genanalytics.dataset.delta.places import check_files, check_objects, is_delta
from genanalytics.dataset.failures import FAILURES_FILE
from genanalytics.dataset.manifest import is_dataset, list_files, list_objects
from genanalytics.errors import InputError
from genanalytics.formats.parquet import check_footer, cut_schema
from genanalytics.metrics.engines.constants import Constants, Values
from genanalytics.records.schema import BY_NAME

Place = str | os.PathLike[str]

Stores = Literal["read", "list", "leave"]
"""Objects are found and checked here; or only the manifest of a data set is read; or an engine does all of it."""

_MAGIC = b"PAR1"
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Files:
    """Parquet files.

    Attributes:
        paths: The absolute paths and the URLs, each once.
        has_one_schema: Whether all of them are known to have the same columns with the same types.
        constants: The values of the partition columns of Delta tables, and null for columns that a file may lack.
        objects: The objects of stores among them, by their URLs; None for those that are not open.
    """

    paths: tuple[str, ...]
    has_one_schema: bool
    constants: Constants
    objects: Mapping[str, ObjectFile | None]

    def unreadable(self, reason: str) -> InputError:
        """Return the error to raise if the files cannot be read."""
        first, *others = self.paths
        return InputError(f"cannot read {first}{f' and {len(others):,} more' if others else ''}: {reason}")


@dataclass(frozen=True, slots=True)
class _Found:
    """A file: its path or URL, its columns (see `cut_schema`) if they are known, and itself if it is open."""

    path: str
    schema: bytes | None = None
    opened: ObjectFile | None = None


def find_files(source: Place | Iterable[Place], *, stores: Stores = "read") -> Files:
    """Return the files of a source: a file, a glob, a directory, a data set, a Delta table, a URL, or several of them.

    Args:
        source: The source.
        stores: What to do with URLs of object stores.

    Raises:
        InputError: There is none, or one is not whole, not Parquet, or the `failures.parquet` of a data set.
    """
    places = [source] if isinstance(source, str | os.PathLike) else list(source)
    found: dict[str, _Found] = {}
    constants: dict[str, Values] = {}
    for place in map(to_local, places):
        is_left = is_url(place) and not (stores == "read" and is_store_url(place))
        asks = not is_left or (stores == "list" and is_store_url(place) and find_spec("obstore") is not None)
        live = _find_live(place) if asks and is_delta(place) else None
        if is_left:
            files: Iterable[_Found] = map(_Found, live) if live else _list_for_engine(place, asks=asks)
        else:
            files = _find(place) if live is None else _check_all(live)
        constants |= {path if is_left else _name(path): values for path, values in (live or {}).items() if values}
        try:
            found |= {file.path: file for file in files}
        except FileNotFoundError as error:
            raise unreadable(place, error) from error
    if not found:
        msg = "no file to scan: give a file, a glob, a directory, or a list of them"
        raise InputError(msg)
    schemas = {file.schema for file in found.values()}
    objects = {path: file.opened for path, file in found.items() if stores == "read" and is_store_url(path)}
    return Files(tuple(found), None not in schemas and len(schemas) == 1, constants, objects)


def _find(place: str) -> Iterable[_Found]:
    """Return the whole files of a place that is no Delta table."""
    if is_url(place):
        return _find_committed(place) or _check_all(_find_in_store(place))
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
    check_files(place, found)
    return _check_all([os.path.abspath(file) for file in found])  # noqa: PTH100 - which keeps links


def _list_for_engine(place: str, *, asks: bool) -> list[_Found]:
    """Return the objects of a data set, which an engine opens, with the scheme of the place; anything else as it is.

    Args:
        place: The URL.
        asks: Whether to ask the store what it is.
    """
    if not asks or has_pattern(place) or has_name_of_object(place) or not is_dataset(place):
        return [_Found(place)]
    scheme = place.partition(":")[0]
    return [
        _Found(f"{scheme}:{url.partition(':')[2]}", str(schema).encode() if schema else None)
        for url, schema in list_objects(place).items()
    ]


def _find_committed(place: str) -> list[_Found]:
    """Return the objects of a data set on a store; none if it is no data set.

    Objects whose columns are all the same by the manifest are not opened.
    """
    if has_pattern(place) or is_object(place) or not is_dataset(place):
        return []
    for tries_left in reversed(range(_TRIES)):
        objects = list_objects(place)
        if not objects:
            msg = f"no *.parquet below the directory {place!r}"
            raise InputError(msg)
        if len({*objects.values()}) == 1 and None not in objects.values():
            return [_Found(url, str(schema).encode()) for url, schema in objects.items()]
        try:
            return list(_check_all(objects))
        except FileNotFoundError as error:  # a writer removed a file that it had replaced
            if not tries_left:
                raise unreadable(place, error) from error
    raise AssertionError


def _find_in_store(place: str) -> Sequence[str]:
    """Return the URLs of the objects of a place: one, those that match a glob, or all below a prefix."""
    try:
        found = find_objects(place)
    except OSError as error:
        raise unreadable(place, error) from error
    named = [each.address for each in found if _is_data(each.address.key, place)]
    if named:
        if not is_object(place):
            check_objects(place, named)
        return list(map(str, named))
    msg = f"no *.parquet below {place!r}" if found and not has_pattern(place) else f"there is no object {place!r}"
    raise InputError(msg)


def _is_data(key: str, place: str) -> bool:
    """Return whether an object belongs to a place: it is the place itself, or neither hidden nor of another kind."""
    if place.endswith(f"/{key}"):
        return True
    given = set(place.split("/"))
    return key.endswith(".parquet") and not any(part[:1] in {".", "_"} and part not in given for part in key.split("/"))


def _find_live(place: str) -> Constants:
    """Return the live files of a Delta table, with the values of columns that they lack."""
    snapshot = open_snapshot(place if is_url(place) else os.path.abspath(place))  # noqa: PTH100 - which keeps links
    if not snapshot.files:
        msg = f"the Delta table {place} contains no rows"
        raise InputError(msg)
    nulls = {field.name: pa.scalar(None, field.type) for field in snapshot.schema if field.name not in BY_NAME}
    return {snapshot.locate(file.path): {**nulls, **snapshot.read_constants(file)} for file in snapshot.files}


def _name(path: str) -> str:
    """Return the name of a file that is found here, whose URL may have another scheme: s3a means s3."""
    return str(parse_url(path)) if is_url(path) else path


def _check_all(paths: Iterable[str]) -> Iterator[_Found]:
    """Yield whole files with their columns.

    Raises:
        FileNotFoundError: An object of a store was removed.
    """
    paths = list(paths)
    urls = {path: parse_url(path) for path in paths if is_url(path)}
    stores = {bucket: Store(bucket) for bucket in {replace(address, key="") for address in urls.values()}}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(lambda address: _check_object(stores[replace(address, key="")], address), urls.values())
    schema: bytes | None = None
    for path in paths:
        if path not in urls:
            footer = _check(Path(path))
            if schema is None or not footer.startswith(schema):
                schema = cut_schema(footer)
            yield _Found(path, schema)


def _check_object(bucket: Store, address: Address) -> _Found:
    url = str(address)
    try:
        file = ObjectFile(bucket, address.key)
        schema = cut_schema(_read_footer(cast("BinaryIO", file), url))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise unreadable(url, error) from error
    if schema is not None and b"retry_at" in schema and b"created_at" not in schema:
        msg = f"{url} contains ids without a record: give the data set itself"
        raise InputError(msg)
    return _Found(url, schema, file)


def _leave_out_hidden(files: Iterable[Path], place: Path) -> list[Path]:
    """Return files in order, without those below a hidden name, unless the place itself contains that name."""
    return sorted(file for file in files if file.is_file() and not is_hidden(file.parts, place.parts))


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
    stream.seek(-min(len(_MAGIC), stream.seek(0, os.SEEK_END)), os.SEEK_END)
    if stream.read() == _MAGIC:
        return check_footer(stream, name)
    stream.seek(0)
    begins = stream.read(len(_MAGIC)) == _MAGIC
    hint = "it has no end: was it cut short?" if begins else "for CSV and JSON, use `ga.read`"
    msg = f"{name} is not a Parquet file; {hint}"
    raise InputError(msg)
