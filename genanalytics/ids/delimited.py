"""Ids in text with separators, such as CSV."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from genanalytics.base.content import Content, translate_errors
from genanalytics.ids.columns import SAMPLE_ROWS, Notify, choose_column, count_ids, read_column, to_text
from genanalytics.ids.form import PATTERN
from genanalytics.ids.search import search_ids
from genanalytics.units import format_count

if TYPE_CHECKING:
    import pyarrow as pa

_COMMENT = re.compile(r"(?:^|\s|\ufeff)#.*", re.MULTILINE)
_SEPARATORS = ",\t;|"
_COLUMN_NAME = re.compile(r"""[^\d\s{}\[\]"':=][^{}\[\]"=]{0,99}""")
_MIN_EVEN_SHARE = 0.9
"""The share of the rows of a table that have as many fields as its first row."""
_CHUNKS_AT_ONCE = 2
_LONGEST_ROW = 1 << 24
"""Prompts and answers are in such tables too. In a longer row a quote is missing."""


class Delimited(NamedTuple):
    """The layout of a text that is a table.

    Attributes:
        separator: The text between two fields.
        names: The names of the columns; without a header their places, from 1.
        skipped: The number of lines before the first row of values.
        rows: The first rows.
    """

    separator: str
    names: list[str]
    skipped: int
    rows: list[list[str]]

    @classmethod
    def detect(cls, lines: Sequence[str], column: str | None = None) -> "Delimited | None":
        """Return the layout of a table with these first lines, or None if they are not a table.

        A first line with `column`, which the caller named, is the header, however strange its names are.
        """
        blank = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
        for separator in _SEPARATORS:
            # a comma in a comment separates nothing
            if separator not in strip_comments("".join(lines[blank : blank + 1])):
                continue
            rows = _split(lines[blank:], separator)
            first = rows[0] if rows else []
            even = [row for row in rows if len(row) == len(first)]
            if len(first) > 1 and len(even) >= _MIN_EVEN_SHARE * len(rows):
                is_named = column in first and not str(column).isdecimal()  # a number is a place
                if is_named or _is_header(first):
                    return cls(separator, first, blank + 1, even[1:])
                if column is None and _has_only_ids(rows):
                    return None  # several ids in a line: each is searched for
                return cls(separator, [str(place) for place in range(1, len(first) + 1)], blank, even)
        return None

    def choose_column(self, column: str | None, name: str, notify: Notify) -> str | None:
        """Return the column of the ids; None if the text is to be searched like any other text."""
        has_header = self.names[0] != "1"
        if column is not None and column not in self.names and not has_header:
            return None  # lines with a comma each, such as a stream of JSON events: `column` may be a key
        rows = self.rows[:SAMPLE_ROWS]
        matches = {head: count_ids(row[place] for row in rows) for place, head in enumerate(self.names)}
        return choose_column(matches, column, name, notify)


def read_delimited(content: Content, table: Delimited, column: str, notify: Notify) -> Iterator[str]:
    """Yield the ids of text with separators; a row with too many or too few fields is searched."""
    import pyarrow as pa  # noqa: PLC0415 - a list of ids needs none of it
    import pyarrow.csv  # noqa: PLC0415

    uneven: list[str] = []

    def set_aside(row: "pa.csv.InvalidRow") -> str:
        uneven.append(row.text)
        return "skip"

    place = f"f{table.names.index(column)}"
    names = [f"f{number}" for number in range(len(table.names))]
    parse = pa.csv.ParseOptions(delimiter=table.separator, newlines_in_values=True, invalid_row_handler=set_aside)
    convert = pa.csv.ConvertOptions(include_columns=[place], column_types={place: pa.string()})

    def read_values() -> Iterator[str | None]:
        searched = 0
        for number, rows in enumerate(_read_rows(content)):
            text = rows.decode("utf-8", "replace").encode()  # Arrow passes an uneven row on only if it is UTF-8
            skipped = 0 if number else table.skipped
            read = pa.csv.ReadOptions(
                block_size=len(text) + 1, column_names=names, skip_rows=skipped, use_threads=False
            )
            values = pa.csv.read_csv(pa.BufferReader(text), read, parse, convert).column(place)
            yield from map(to_text, values.to_pylist())
            yield from search_ids(f"{row}\n".encode() for row in uneven)
            searched += len(uneven)
            uneven.clear()
        if searched:
            notify(f"{content.name}: searched {format_count(searched, 'row')} with another number of fields")

    with translate_errors(content.name, pa.ArrowException, MemoryError, OverflowError, UnicodeDecodeError):
        yield from read_column(read_values(), content.name, notify)


def strip_comments(lines: str) -> str:
    """Return lines without their `#` comments."""
    return _COMMENT.sub("", lines) if "#" in lines else lines


def _split(lines: Sequence[str], separator: str) -> list[list[str]]:
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


def _has_only_ids(rows: Iterable[Sequence[str]]) -> bool:
    """Return whether every field is an id or empty."""
    return all(PATTERN.fullmatch(field.strip()) for row in rows for field in row if field.strip())


def _read_rows(content: Content) -> Iterator[bytes]:
    """Yield some whole rows at a time; Arrow's own streaming reader reads 32 blocks ahead."""
    chunks = content.chunks()
    rows = b""
    while some := b"".join(islice(chunks, _CHUNKS_AT_ONCE)):
        rows += some
        end = _find_row_end(rows) or (len(rows) if len(rows) >= _LONGEST_ROW else 0)
        if end:
            yield rows[:end]
            rows = rows[end:]
    if rows.strip():
        yield rows


def _find_row_end(rows: bytes) -> int:
    """Return where the last whole row ends, 0 if none does; a line break within quotes ends no row."""
    end = rows.rfind(b"\n") + 1
    quotes = rows.count(b'"', 0, end)
    while quotes % 2:
        before = rows.rfind(b"\n", 0, rows.rfind(b'"', 0, end)) + 1
        quotes -= rows.count(b'"', before, end)
        end = before
    return end
