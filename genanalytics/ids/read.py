"""Generation ids out of anything that holds them: read in order, and nothing refused unless it holds no ids at all."""

import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TextIO, TypeAlias, TypeVar, cast

from genanalytics.base.content import Content, find_files, is_hidden, open_content, read_stream, translate_errors
from genanalytics.base.mask import hide_api_keys
from genanalytics.base.moments import read_moment
from genanalytics.base.stores.address import is_url, parse_url, to_local
from genanalytics.errors import InputError
from genanalytics.ids.columns import Notify
from genanalytics.ids.form import NOT_TEXT, read_created_s
from genanalytics.ids.text import read_text
from genanalytics.units import format_count


class HasId(Protocol):
    """An object with an id, such as a completion of an SDK."""

    @property
    def id(self) -> Any: ...  # noqa: ANN401, D102 - of any SDK


class HasHeaders(Protocol):
    """An HTTP answer, whose headers can carry the id."""

    @property
    def headers(self) -> Any: ...  # noqa: ANN401, D102 - of any HTTP library


IdSource: TypeAlias = str | os.PathLike[str] | Iterable[object] | HasId | HasHeaders
"""What `read_ids` takes: one id, a path, an open stream, a table in memory, an iterable of ids, a completion, ..."""

_Place = TypeVar("_Place", str, Path)
_FILE_NAME = re.compile(
    r".*\.(?:arrow|csv|db|feather|gz|ids|ipc|json|jsonl|list|log|md|ndjson|parquet|sqlite3?|tsv|txt|zst)", re.IGNORECASE
)
_ID_NAMES = ("id", "generation_id", "x-generation-id")
_ARROW_STREAM = b"\xff\xff\xff\xff"
_DIGESTS = re.compile(r"(?:.*/)?ids/\d+-[0-9a-f]+\.ids")
"""The index of a data set in a store, which contains no id as text."""
_UNSUPPORTED = {b"PK\x03\x04": "a ZIP archive", b"BZh": "packed with bzip2", b"\xfd7zXZ": "packed with xz"}


class Ids:
    """The ids of a source, in order; the notices about them are complete once all ids are read."""

    def __init__(self, ids: Iterator[str], notices: list[str]) -> None:
        self._ids = ids
        self._notices = notices

    def __iter__(self) -> Iterator[str]:
        return map(hide_api_keys, self._ids)

    def __next__(self) -> str:
        return hide_api_keys(next(self._ids))

    @property
    def notices(self) -> tuple[str, ...]:
        """The notices so far, such as which column was read, each in one sentence."""
        return tuple(map(hide_api_keys, self._notices))


def read_ids(
    source: IdSource,
    *,
    column: str | None = None,
    since: str | date | None = None,
    until: str | date | None = None,
) -> Ids:
    """Return an iterator of the ids of `source`, in order, with duplicates and unusable values.

    The content of a file decides its form, not its name: text, CSV and other text with separators, JSON, JSON lines,
    Parquet, Arrow (IPC) and SQLite, each plain or packed with gzip or zstd. In a table, the column whose values are ids
    is read. A list is read one id per line. Any other text is searched for ids of the service's form. Files of any size
    are read in small parts.

    Args:
        source: One id; a file or a directory of files (a str or a `pathlib.Path`); the URL of an object, a glob or a
            prefix of a store (`s3://`, `gs://`, `az://`, `abfss://`); an open text or binary stream; a table in memory
            (pandas, pyarrow, polars); or any iterable of ids: a list, a Series, a generator. An element may also be an
            object with an attribute `id`, such as a completion, a mapping with a key `id`, or the headers of an answer
            with `X-Generation-Id`. Any other element is yielded as a text that counts as invalid: one bad value in a
            million raises nothing. An API key of OpenRouter is yielded as `[key]`.
        column: The column of a table, or the key of JSON values, that holds the ids.
        since: Leave out ids of generations created before this moment, in UTC unless it has an offset: an ISO date or
            time, an age (7d), today or yesterday.
        until: Leave out ids of generations created at this moment or later. The second in an id is within one second
            of the creation. Ids without a second are kept and counted in a notice: their records have the time.

    Raises:
        InputError: `since` or `until` is not a moment. During iteration: `source` cannot be read, for example a missing
            file, a store that does not answer, a file of unknown form, a table without that column, or a number.

    >>> list(read_ids("gen-1"))
    ['gen-1']
    >>> list(read_ids([{"id": "gen-1", "object": "chat.completion"}, {"X-Generation-Id": "gen-2"}, None]))
    ['gen-1', 'gen-2', 'not text: None']
    >>> ids = read_ids(["gen-1756000000-AbCdEfGhIjKlMnOpQrSt", "gen-1"], since="2025-09-01")
    >>> list(ids), ids.notices
    (['gen-1'], ('left out 1 id outside the period', 'kept 1 id without a time'))
    """
    notices: list[str] = []
    ids = _read(source, column, notices.append)
    start_s, end_s = (
        None if value is None else read_moment(name, value).timestamp()
        for name, value in (("since", since), ("until", until))
    )
    if start_s is not None and end_s is not None and start_s >= end_s:
        msg = f"since={since!s} is not before until={until!s}: exchange them, or leave one out"
        raise InputError(msg, arguments=["since", "until"])
    if start_s is not None or end_s is not None:
        ids = _filter_period(ids, start_s, end_s, notices.append)
    return Ids(ids, notices)


def is_file(text: str) -> bool:
    """Return whether a text is a URL or names an existing file or directory; otherwise it is an id.

    Raises:
        InputError: It ends like the name of a file, which no id does, but there is no such file.

    >>> is_file("gen-1756000000-AbCdEfGhIjKlMnOpQrSt")
    False
    >>> is_file("no ids.txt")
    Traceback (most recent call last):
    genanalytics.errors.InputError: no file 'no ids.txt': give the path of a file of ids, or an id
    """
    if is_url(text) or os.path.exists(text):  # noqa: PTH110 - Path.exists raises for a name that is too long
        return True
    if _FILE_NAME.fullmatch(text):
        msg = f"no file {text!a:.80}: give the path of a file of ids, or an id"
        raise InputError(msg)
    return False


def _read(source: object, column: str | None, notify: Notify) -> Iterator[str]:
    match source:
        case str():
            yield from _read_place(source, column, notify) if is_file(source) else [source]
        case os.PathLike():
            yield from _read_place(os.fspath(source), column, notify)
        case _ if hasattr(source, "readline"):
            stream = cast("TextIO | BinaryIO", source)
            with _translate(str(getattr(stream, "name", "the stream"))):
                yield from _read_content(read_stream(stream), column, notify)
        case _ if hasattr(source, "__arrow_c_stream__") and (hasattr(source, "columns") or hasattr(source, "schema")):
            from genanalytics.ids.arrow import read_table_ids  # noqa: PLC0415 - loads pyarrow

            yield from read_table_ids(source, column, notify)
        case _ if (carried := _find_id(source)) is not None:
            yield _to_id(carried, source)
        case Iterable() if not isinstance(source, bytes | bytearray | Mapping):
            # the elements of an Arrow array are not Python values
            yield from map(_read_element, source.to_pylist() if hasattr(source, "to_pylist") else source)
        case _:
            msg = f"no ids in {source!r:.80}: give an id, the path of a file of ids, or an iterable of ids"
            raise InputError(msg)


def _read_place(place: str, column: str | None, notify: Notify) -> Iterator[str]:
    """Yield the ids of a file, of all files of a directory, or of the objects that a URL names."""
    local = to_local(place)
    if is_url(local):
        yield from _read_url(local, column, notify)
    elif (path := Path(local)).is_dir():
        read = partial(_read_file, column=column, notify=notify, among_others=True)
        yield from _read_all(local, find_files(path), read, notify)
    else:
        yield from _read_file(path, column, notify)


def _read_url(url: str, column: str | None, notify: Notify) -> Iterator[str]:
    address = parse_url(url)
    from genanalytics.base.stores.find import find_objects  # noqa: PLC0415 - loads pyarrow

    given = address.key.split("/")
    with translate_errors(url, OSError):
        found = [each.address for each in find_objects(url) if not _is_left_out(each.address.key, given)]
    if not found:
        msg = f"there is no object {url!r}"
        raise InputError(msg)
    if found == [address]:
        yield from _read_object(url, column, notify)
    else:
        read = partial(_read_object, column=column, notify=notify, among_others=True)
        yield from _read_all(url, map(str, found), read, notify)


def _is_left_out(key: str, given: Sequence[str]) -> bool:
    """Return whether an object is an index, or a part of its key that is not given is hidden (`find_files`)."""
    return is_hidden(key.split("/"), given) or _DIGESTS.fullmatch(key) is not None


def _read_all(
    name: str, places: Iterable[_Place], read: Callable[[_Place], Iterator[str]], notify: Notify
) -> Iterator[str]:
    """Yield the ids of all files or objects; those that cannot be read are counted in a notice."""
    unread = []
    for place in places:
        try:
            yield from read(place)
        except InputError as error:
            unread.append(str(error))
    if unread:
        notify(f"{name}: {format_count(len(unread), 'file')} could not be read to the end; the first: {unread[0]}")


def _read_object(url: str, column: str | None, notify: Notify, *, among_others: bool = False) -> Iterator[str]:
    from genanalytics.base.stores.hold import hold_object  # noqa: PLC0415 - loads pyarrow

    with hold_object(url) as held:
        yield from _read_file(held, column, notify, name=url, among_others=among_others)


def _read_file(
    path: Path, column: str | None, notify: Notify, *, name: str | None = None, among_others: bool = False
) -> Iterator[str]:
    """Yield the ids of a file; messages call it by its path, unless it has another name."""
    name = name or str(path)
    with _translate(name), open_content(path) as content:
        yield from _read_content(replace(content, name=name), column, notify, among_others=among_others)


def _read_content(content: Content, column: str | None, notify: Notify, *, among_others: bool = False) -> Iterator[str]:
    """Yield the ids of bytes of any form."""
    unsupported = next((what for magic, what in _UNSUPPORTED.items() if content.head.startswith(magic)), None)
    if unsupported is not None:
        msg = f"{content.name} is {unsupported}: unpack it first"
        raise InputError(msg)
    if content.head.startswith(b"SQLite format 3\x00"):
        from genanalytics.ids.sqlite import read_sqlite_ids  # noqa: PLC0415 - few need it

        yield from read_sqlite_ids(content, column, notify)
    elif content.head.startswith(b"PAR1"):
        from genanalytics.ids.parquet import read_parquet_ids  # noqa: PLC0415 - loads pyarrow

        yield from read_parquet_ids(content, column, notify)
    elif content.head.startswith((b"ARROW1", _ARROW_STREAM)):
        from genanalytics.ids.arrow import read_arrow_ids  # noqa: PLC0415 - loads pyarrow

        yield from read_arrow_ids(content, column, notify)
    else:
        yield from read_text(content, column, notify, among_others=among_others)


@contextmanager
def _translate(name: str) -> Iterator[None]:
    """Raise errors of reading and unpacking as one sentence."""
    try:
        with translate_errors(name, EOFError, OSError, zlib.error):
            yield
    except UnicodeDecodeError as error:
        msg = f"cannot read {name}: it is not the {error.encoding} text that its first bytes announce"
        raise InputError(msg) from error


def _read_element(value: object) -> str:
    carried = None if isinstance(value, str) else _find_id(value)
    return _to_id(value if carried is None else carried, value)


def _to_id(carried: object, value: object) -> str:
    if isinstance(carried, bytes):  # numpy's fixed-width byte strings
        carried = carried.decode("utf-8", "surrogateescape")
    return carried if isinstance(carried, str) else f"{NOT_TEXT}{value!r:.80}"


def _find_id(value: object) -> object:
    """Return the id of a completion, an answer, its headers or a row of a log; None if it has none."""
    if hasattr(value, "id") and not isinstance(value, Mapping):
        return value.id
    fields: Any = value if isinstance(value, Mapping) else getattr(value, "headers", None)
    if not hasattr(fields, "items"):
        return None
    named = {str(name).lower(): inner for name, inner in fields.items()}
    return next((named[name] for name in _ID_NAMES if named.get(name) is not None), None)


def _filter_period(ids: Iterator[str], start_s: float | None, end_s: float | None, notify: Notify) -> Iterator[str]:
    outside = undated = 0
    for generation_id in ids:
        second = read_created_s(generation_id)
        if second is None:
            undated += 1
        elif (start_s is not None and second < start_s) or (end_s is not None and second >= end_s):
            outside += 1
            continue
        yield generation_id
    notify(f"left out {format_count(outside, 'id')} outside the period")
    if undated:
        notify(f"kept {format_count(undated, 'id')} without a time")
