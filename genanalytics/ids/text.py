"""Ids in text: a list, a table with separators, or anything else, which is searched."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from genanalytics.base.content import HEAD, Content
from genanalytics.errors import InputError
from genanalytics.ids.columns import NAMES, SAMPLE, Tell, choose
from genanalytics.ids.form import LONGEST_MATCH, MAX_LENGTH, PATTERN

_COMMENT = re.compile(r"(?:^|\s|\ufeff)#.*", re.MULTILINE)
_HEADERS = {*NAMES, "id", "ids", "generation_ids"}
"""What stands over a list that was written as a table of one column."""

_SEPARATORS = ",\t;|"
_COLUMN_NAME = re.compile(r"""[^\d\s{}\[\]"':=][^{}\[\]"=]{0,99}""")
_EVEN = 0.9
"""So many of the rows of a table have as many fields as its first one."""

_LONGEST_LINE = 1 << 20
"""Of a longer line in a list, which cannot be an id, no more is kept."""


def ids_in_text(content: Content, column: str | None, tell: Tell, *, among_others: bool) -> Iterator[str]:
    """Yield the ids of a text.

    Args:
        content: The text.
        column: The column of a table, or the key of JSON values, that holds the ids.
        tell: Told what the caller should know.
        among_others: The text is one of a directory's, where a list has to show at least one id of the known form: any
            file with a word a line could pass for a list of strange ids.
    """
    lines = _head_lines(content)
    if not _is_json(lines):
        table = Delimited.of(lines)
        where = None if table is None else _column_of(table, column, content.name, tell)
        if table is not None and where is not None:
            from genanalytics.ids.arrow import ids_in_delimited  # noqa: PLC0415 - it loads pyarrow

            yield from ids_in_delimited(content, table, where, tell)
            return
        if table is None and column is None and _is_list(lines, shown=among_others):
            yield from _listed(content.chunks())
            return
    found = search(content.chunks()) if column is None else _values_under(column, content.chunks())
    first = next(found, None)
    if first is not None:
        yield from chain([first], found)
    elif not among_others:
        what = "id of the known form" if column is None else f"text under the key {column!r}"
        tell(f"{content.name}: no {what} in it; the column or key of the ids can be named")


def search(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield every id of the service's form in bytes of any kind, whatever stands between them.

    >>> list(search([b'{"id":"gen-1756000000-AbCdEf', b'GhIjKlMnOpQrSt"}']))
    ['gen-1756000000-AbCdEfGhIjKlMnOpQrSt']
    """
    return (match[0] for match in _matches(PATTERN, LONGEST_MATCH, chunks))


class Delimited(NamedTuple):
    """How a text is a table.

    Attributes:
        separator: What stands between two fields.
        names: What the columns are called; without a header by their place, from 1.
        skipped: How many lines stand before the first row of values.
        rows: The first rows.
    """

    separator: str
    names: list[str]
    skipped: int
    rows: list[list[str]]

    @classmethod
    def of(cls, lines: Sequence[str]) -> "Delimited | None":
        """Return how these first lines are a table, or None where they are none."""
        blank = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
        for separator in _SEPARATORS:
            if separator not in _uncommented("".join(lines[blank : blank + 1])):  # a comment's comma makes no table
                continue
            rows = _rows(lines[blank:], separator)
            first = rows[0] if rows else []
            if len(first) > 1 and sum(len(row) == len(first) for row in rows) >= _EVEN * len(rows):
                even = [row for row in rows if len(row) == len(first)]
                if _is_header(first):
                    return cls(separator, first, blank + 1, even[1:])
                return cls(separator, [str(place) for place in range(1, len(first) + 1)], blank, even)
        return None

    @property
    def has_header(self) -> bool:
        """Whether the columns have names of their own."""
        return self.names[0] != "1"

    def sample(self) -> dict[str, list[str | None]]:
        """Return the first values of each column."""
        rows = self.rows[:SAMPLE]
        return {name: [row[place] for row in rows] for place, name in enumerate(self.names)}


def _column_of(table: Delimited, column: str | None, name: str, tell: Tell) -> str | None:
    """Return the column of the ids; None where the text that looks like a table is to be searched like any other."""
    if column is not None and column not in table.names and not table.has_header:
        return None  # lines with a comma each, such as a stream of JSON events: it may be a key
    return choose(table.sample(), column, name, tell)


def _rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(lines, delimiter=separator) if row]
    except csv.Error:
        return []


def _is_header(fields: Sequence[str]) -> bool:
    """Return whether fields name columns; the first one may be empty, as over the index of a frame."""
    named = [field.strip() for field in (fields if fields[0] else fields[1:])]
    return len({*fields}) == len(fields) and all(
        _COLUMN_NAME.fullmatch(field) and not PATTERN.search(field) for field in named
    )


def _head_lines(content: Content) -> list[str]:
    """Return the first lines without their ends; where the text goes on, the last of them is cut off and left out."""
    if b"\x00" in content.head:
        msg = (
            f"{content.name} is of no known form: give text, CSV, JSON, JSON lines, Parquet, Arrow or SQLite,"
            " plain or packed by gzip or zstd"
        )
        raise InputError(msg)
    text = _decoded(content.head).lstrip("\ufeff")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if len(content.head) == HEAD else lines


def _is_json(lines: Sequence[str]) -> bool:
    """Return whether the first line is a JSON object or list with text in it, or where one begins."""
    first = next((line.strip() for line in lines if line.strip()), "")
    try:
        return first in {"{", "["} or ('"' in first and isinstance(json.loads(first), dict | list))
    except (ValueError, RecursionError):
        return False


def _is_list(lines: Sequence[str], *, shown: bool) -> bool:
    """Return whether a text is a list: most lines are a word each, and ids stand alone rather than within words."""
    words = [bare for line in lines if (bare := _uncommented(line).strip())]
    single = [word for word in words if len(word) <= MAX_LENGTH and not any(map(str.isspace, word))]
    whole = sum(PATTERN.fullmatch(word) is not None for word in single)
    within = sum(PATTERN.search(word) is not None for word in words) - whole
    return bool(single) and 2 * len(single) >= len(words) and within <= whole and (whole > 0 or not shown)


def _listed(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield an id a line; blank lines, comments and line ends of any kind are no part of one."""
    bare = (word for lines in _lines(chunks) for word in filter(None, map(str.strip, lines.split("\n"))))
    first = next(bare, "").lstrip("\ufeff")
    if first and first.lower() not in _HEADERS:
        yield first
    yield from bare


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield some whole lines at a time, without their comments."""
    rest = b""
    for chunk in chunks:
        whole, _, rest = (rest + chunk.replace(b"\r", b"\n")).rpartition(b"\n")
        yield _uncommented(_decoded(whole))
        rest = rest[:_LONGEST_LINE]
    yield _uncommented(_decoded(rest))


def _uncommented(lines: str) -> str:
    return _COMMENT.sub("", lines) if "#" in lines else lines


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")  # a byte that is no UTF-8 makes no id: `problem` refuses it


def _values_under(key: str, chunks: Iterable[bytes]) -> Iterator[str]:
    r"""Yield the texts that stand under a key in JSON, at any depth, whatever else the bytes are.

    >>> list(_values_under("id", [b'data: {"id": "x-1", "choices": []}\n\ndata: {"a": {"id" : "x\\u002d2"}}']))
    ['x-1', 'x-2']
    """
    quoted = re.escape(json.dumps(key, ensure_ascii=False).encode().decode("latin-1"))
    pattern = re.compile(rf'(?<!\\){quoted}\s{{0,16}}:\s{{0,16}}("(?:[^"\\]|\\.){{0,{MAX_LENGTH}}}")')
    reach = len(quoted) + 4 * MAX_LENGTH
    for match in _matches(pattern, reach, chunks):
        try:
            yield json.loads(match[1].encode("latin-1"))
        except ValueError:  # no JSON after all
            continue


def _matches(pattern: "re.Pattern[str]", reach: int, chunks: Iterable[bytes]) -> Iterator["re.Match[str]"]:
    """Yield the matches in bytes read as Latin-1, which any bytes are; none of them is `reach` characters long.

    What begins within reach of a chunk's end may go on in the next one, and is looked at together with that.
    """
    carried = ""
    for chunk in chunks:
        text = carried + chunk.decode("latin-1")
        settled, end = max(0, len(text) - reach), 0
        for match in pattern.finditer(text):
            if match.start() >= settled:
                break
            yield match
            end = match.end()
        carried = text[max(settled, end) :]
    yield from pattern.finditer(carried)
