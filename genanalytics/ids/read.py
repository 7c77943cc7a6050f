"""Generation ids out of whatever a caller holds: read in order, nothing refused but what holds no ids at all."""

import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from genanalytics.base.content import Content, files_in, given, opened, reason_of
from genanalytics.errors import InputError
from genanalytics.ids.columns import Tell
from genanalytics.ids.form import NOT_TEXT, created_s
from genanalytics.ids.text import ids_in_text
from genanalytics.units import counted

_FILE_NAME = re.compile(
    r".*\.(?:arrow|csv|db|feather|gz|ids|ipc|json|jsonl|list|log|md|ndjson|parquet|sqlite3?|tsv|txt|zst)", re.IGNORECASE
)
_ID_NAMES = ("id", "generation_id", "x-generation-id")
_ARROW_STREAM = b"\xff\xff\xff\xff"
_PACKED_OTHERWISE = {b"PK\x03\x04": "a ZIP archive", b"BZh": "packed by bzip2", b"\xfd7zXZ": "packed by xz"}


class Ids:
    """The ids of a source, one after the other; what there is to say of them is known once they are read."""

    def __init__(self, ids: Iterator[str], notices: list[str]) -> None:
        self._ids = ids
        self._notices = notices

    def __iter__(self) -> Iterator[str]:
        return self._ids

    def __next__(self) -> str:
        return next(self._ids)

    @property
    def notices(self) -> tuple[str, ...]:
        """What the caller should know so far, such as which column was read, each in one sentence."""
        return tuple(self._notices)


def read_ids(
    source: object,
    *,
    column: str | None = None,
    since: str | date | None = None,
    until: str | date | None = None,
) -> Ids:
    """Return an iterator of the ids of `source`, in its order, duplicates and unusable values included.

    A file's form is known by its content, not by its name: text, CSV and other text with separators, JSON, JSON lines,
    Parquet, Arrow (IPC) and SQLite, each of them plain or packed by gzip or zstd. In a table the column is taken whose
    values are ids; a list is read an id a line; any other text is searched for ids of the service's form. However large
    a file is, little of it is held in memory.

    Args:
        source: One id (a str); a file or a directory of files (a `pathlib.Path`); an open text or binary stream; a
            table in memory (of pandas, pyarrow, polars); or any iterable of ids: a list, a Series, a generator. An
            element may also be an object with an attribute `id`, as completions have, a mapping with a key `id`, or
            the headers of an answer, with `X-Generation-Id`. An element that is none of these is yielded as a text that
            `ids.problem` refuses: one bad value in a million raises nothing.
        column: The column of a table, or the key of JSON values, that holds the ids.
        since: Leave out ids of generations created before: an ISO date or date and time, UTC unless it has an offset.
        until: Leave out ids of generations created then or later. The second inside the id is within one second of the
            creation. An id without one is kept, and counted in a notice: its record will tell.

    Raises:
        InputError: `since` and `until` are no moments, or, once it is read, `source` itself cannot be: a missing file,
            a file of no known form, a table without that column, a number.

    >>> list(read_ids("gen-1"))
    ['gen-1']
    >>> list(read_ids([{"id": "gen-1", "object": "chat.completion"}, {"X-Generation-Id": "gen-2"}, None]))
    ['gen-1', 'gen-2', 'not text: None']
    >>> ids = read_ids(["gen-1756000000-AbCdEfGhIjKlMnOpQrSt", "gen-1"], since="2025-09-01")
    >>> list(ids), ids.notices
    (['gen-1'], ('1 id outside of the time asked for', '1 id kept though no time can be told from the id alone'))
    """
    notices: list[str] = []
    ids = _ids_of(source, column, notices.append)
    start_s, end_s = _second("since", since), _second("until", until)
    if start_s is not None and end_s is not None and start_s >= end_s:
        msg = f"since={since!s} is not before until={until!s}: nothing lies between them"
        raise InputError(msg)
    if start_s is not None or end_s is not None:
        ids = _within(ids, start_s, end_s, notices.append)
    return Ids(ids, notices)


def names_a_file(text: str) -> bool:
    """Return whether a text ends as nobody's ids do, but the names of files.

    >>> names_a_file("ids.txt"), names_a_file("gen-1756000000-AbCdEfGhIjKlMnOpQrSt")
    (True, False)
    """
    return _FILE_NAME.fullmatch(text) is not None


def _ids_of(source: object, column: str | None, tell: Tell) -> Iterator[str]:
    match source:
        case str():
            yield _not_a_file(source)
        case os.PathLike():
            yield from _in_path(Path(source), column, tell)
        case _ if hasattr(source, "readline"):
            stream = cast("TextIO | BinaryIO", source)
            with _explained(str(getattr(stream, "name", "the stream"))):
                yield from _in_content(given(stream), column, tell)
        case _ if hasattr(source, "__arrow_c_stream__") and (hasattr(source, "columns") or hasattr(source, "schema")):
            from genanalytics.ids.arrow import ids_in_memory  # noqa: PLC0415 - it loads pyarrow

            yield from ids_in_memory(source, column, tell)
        case _ if (carried := _carried(source)) is not None:
            yield _as_id(carried, source)
        case Iterable() if not isinstance(source, bytes | bytearray | Mapping):
            # an Arrow array's elements are no Python values
            yield from map(_element, source.to_pylist() if hasattr(source, "to_pylist") else source)
        case _:
            msg = f"no ids in {source!r:.80}: give an id, a pathlib.Path to a file of ids, or an iterable of ids"
            raise InputError(msg)


def _not_a_file(text: str) -> str:
    if names_a_file(text):
        msg = f"{text!r:.80} is no id but the name of a file: give pathlib.Path({text!r:.80})"
        raise InputError(msg)
    return text


def _in_path(path: Path, column: str | None, tell: Tell) -> Iterator[str]:
    if not path.is_dir():
        yield from _in_file(path, column, tell)
        return
    unread = []
    for file in files_in(path):
        try:
            yield from _in_file(file, column, tell, among_others=True)
        except InputError as error:
            unread.append(str(error))
    if unread:
        tell(f"{path}: {counted(len(unread), 'file')} of it could not be read to the end; the first: {unread[0]}")


def _in_file(path: Path, column: str | None, tell: Tell, *, among_others: bool = False) -> Iterator[str]:
    with _explained(str(path)), opened(path) as content:
        yield from _in_content(content, column, tell, among_others=among_others)


def _in_content(content: Content, column: str | None, tell: Tell, *, among_others: bool = False) -> Iterator[str]:
    """Yield the ids of bytes, whatever form they are of."""
    otherwise = next((what for magic, what in _PACKED_OTHERWISE.items() if content.head.startswith(magic)), None)
    if otherwise is not None:
        msg = f"{content.name} is {otherwise}: unpack it first"
        raise InputError(msg)
    if not content.head.startswith((b"PAR1", b"ARROW1", _ARROW_STREAM, b"SQLite format 3\x00")):
        yield from ids_in_text(content, column, tell, among_others=among_others)
        return
    from genanalytics.ids import arrow as tables  # noqa: PLC0415 - it loads pyarrow

    forms = {b"P": tables.ids_in_parquet, b"A": tables.ids_in_arrow_file, b"S": tables.ids_in_sqlite}
    yield from forms.get(content.head[:1], tables.ids_in_arrow_stream)(content, column, tell)


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn what goes wrong while bytes are read or unpacked into a sentence."""
    try:
        yield
    except UnicodeDecodeError as error:
        msg = f"cannot read {name}: it is not the {error.encoding} text that its first bytes promise"
        raise InputError(msg) from error
    except (EOFError, OSError, zlib.error) as error:
        msg = f"cannot read {name}: {reason_of(error)}"
        raise InputError(msg) from error


def _element(value: object) -> str:
    carried = None if isinstance(value, str) else _carried(value)
    return _as_id(value if carried is None else carried, value)


def _as_id(carried: object, value: object) -> str:
    if isinstance(carried, bytes):  # numpy's fixed-width byte strings
        carried = carried.decode("utf-8", "surrogateescape")
    return carried if isinstance(carried, str) else f"{NOT_TEXT}{value!r:.80}"


def _carried(value: object) -> object:
    """Return what a completion, an answer, its headers or a row of a log carries as its id, None where it has none."""
    if hasattr(value, "id") and not isinstance(value, Mapping):
        return value.id
    fields: Any = value if isinstance(value, Mapping) else getattr(value, "headers", None)
    if not hasattr(fields, "items"):
        return None
    named = {str(name).lower(): inner for name, inner in fields.items()}
    return next((named[name] for name in _ID_NAMES if named.get(name) is not None), None)


def _within(ids: Iterator[str], start_s: float | None, end_s: float | None, tell: Tell) -> Iterator[str]:
    outside = undated = 0
    for generation_id in ids:
        second = created_s(generation_id)
        if second is None:
            undated += 1
        elif (start_s is not None and second < start_s) or (end_s is not None and second >= end_s):
            outside += 1
            continue
        yield generation_id
    tell(f"{counted(outside, 'id')} outside of the time asked for")
    if undated:
        tell(f"{counted(undated, 'id')} kept though no time can be told from the id alone")


def _second(name: str, value: object) -> float | None:
    """Return a moment as Unix time."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(moment, date) and not isinstance(moment, datetime):
            moment = datetime.combine(moment, time_of_day())
        if isinstance(moment, datetime):
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        pass  # looks like a moment, but there is no such day or hour
    msg = f"{name}={value!r:.80} is no moment: give an ISO date, or date and time: 2026-08-01 or 2026-08-01T12:00Z"
    raise InputError(msg)
