"""Ids in text: a list, a table with separators, or any other text, which is searched."""

import codecs
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from genanalytics.base.content import HEAD_BYTES, Content
from genanalytics.errors import InputError
from genanalytics.ids.columns import NAMES, Notify
from genanalytics.ids.delimited import Delimited, read_delimited, strip_comments
from genanalytics.ids.form import MAX_LENGTH, PATTERN
from genanalytics.ids.search import search_ids, search_values

_HEADERS = {*NAMES, "id", "ids", "generation_ids"}
"""First lines of a list that was written as a table of one column."""
_LONGEST_LINE = 1 << 20
"""A longer line of a list, which cannot be an id, is cut."""


def read_text(content: Content, column: str | None, notify: Notify, *, among_others: bool) -> Iterator[str]:
    """Yield the ids of a text; `column` is a column of a table, or a key of JSON values.

    If the text is one of a directory's, `among_others`, a list must contain an id of the known form: otherwise any file
    with one word per line would pass for a list of unusual ids.
    """
    lines = _read_head_lines(content)
    if not _is_json(lines):
        table = Delimited.detect(lines, column)
        where = None if table is None else table.choose_column(column, content.name, notify)
        if table is not None and where is not None:
            yield from read_delimited(content, table, where, notify)
            return
        if table is None and column is None and _is_list(lines, needs_known_id=among_others):
            yield from _read_list(content.chunks())
            return
    found = search_ids(content.chunks()) if column is None else search_values(column, content.chunks())
    first = next(found, None)
    if first is not None:
        yield from chain([first], found)
    elif not among_others:
        what = "id of the known form" if column is None else f"text under the key {column!r}"
        notify(f"{content.name}: no {what} found; name the column or key of the ids")


def _read_head_lines(content: Content) -> list[str]:
    """Return the first lines without line breaks and without a last line that is cut off."""
    if b"\x00" in content.head and not _is_text(content.head):
        msg = (
            f"{content.name} is of no known form: give text, CSV, JSON, JSON lines, Parquet, Arrow or SQLite,"
            " plain or packed with gzip or zstd"
        )
        raise InputError(msg)
    text = _decode(content.head).lstrip("\ufeff")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if len(content.head) == HEAD_BYTES else lines


def _is_text(head: bytes) -> bool:
    """Return whether bytes with a NUL are text all the same: UTF-8, and most lines have none."""
    lines = [line for line in head.split(b"\n") if line.strip()]
    damaged = sum(b"\x00" in line for line in lines)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be cut off
    except UnicodeDecodeError:
        return False
    return 2 * damaged < len(lines)


def _is_json(lines: Sequence[str]) -> bool:
    """Return whether the first line is a JSON object or list with text in it, or the start of one."""
    first = next((line.strip() for line in lines if line.strip()), "")
    try:
        return first in {"{", "["} or ('"' in first and isinstance(json.loads(first), dict | list))
    except (ValueError, RecursionError):
        return False


def _is_list(lines: Sequence[str], *, needs_known_id: bool) -> bool:
    """Return whether a text is a list: most lines are one word, and ids are whole words."""
    words = [bare for line in lines if (bare := strip_comments(line).strip())]
    single = [word for word in words if len(word) <= MAX_LENGTH and not any(map(str.isspace, word))]
    whole = sum(PATTERN.fullmatch(word) is not None for word in single)
    within = sum(PATTERN.search(word) is not None for word in words) - whole
    return bool(single) and 2 * len(single) >= len(words) and within <= whole and (whole > 0 or not needs_known_id)


def _read_list(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield one id per line, without blank lines and comments, for any kind of line break."""
    bare = (word for lines in _read_lines(chunks) for word in filter(None, map(str.strip, lines.split("\n"))))
    first = next(bare, "").lstrip("\ufeff")
    if first and first.lower() not in _HEADERS:
        yield first
    yield from bare


def _read_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield some whole lines at a time, without their comments."""
    rest = b""
    for chunk in chunks:
        whole, _, rest = (rest + chunk.replace(b"\r", b"\n")).rpartition(b"\n")
        yield strip_comments(_decode(whole))
        rest = rest[:_LONGEST_LINE]
    yield strip_comments(_decode(rest))


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")  # bytes other than UTF-8 make no id: `find_problem` refuses them
