"""Records out of JSON: answers one per line, one answer, or a list of them."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa

from genanalytics.base.mask import hide_api_keys
from genanalytics.base.moments import to_utc
from genanalytics.ids.form import find_problem
from genanalytics.records.parse import Row, parse_rows
from genanalytics.records.record import NotARecordError, parse_json, read_record

_LONGEST_LINE = 1 << 24
"""The longest line that is read, in bytes; an answer of the service has at most 1 MiB."""
_LONGEST_DOCUMENT = 1 << 28
"""The longest document over several lines that is read, in bytes: it is in memory as a whole."""
_OPEN = (b"{", b"[", b",", b":")
"""A line that ends so begins a document over several lines."""
_BLANKS = " \t\r\n"
_OF_A_RECORD = frozenset({"created_at", "total_cost"})
"""An object with an id and one of these is a record without its envelope; a completion has neither."""


class _Value(NamedTuple):
    """A value of a file: its JSON, and its place for messages."""

    text: bytes
    place: str


def read_json(path: Path) -> pa.Table:
    """Return the records of a file: answers of the service, or lines of `write_jsonl`.

    The file has one answer per line, one answer or several over any number of lines, or lists of answers. An answer is
    an object with the record under `data`, or the record itself.

    Raises:
        OSError: The file cannot be read.
        ValueError: A value is not an answer.
    """
    return parse_rows([_read_row(value) for value in _split(path)])


def has_only_other_rows(path: Path) -> bool:
    """Return whether each value of a file is an object without a record, such as a row of failures.

    Raises:
        OSError: The file cannot be read.
    """
    try:
        values = (json.loads(value.text) for value in _split(path))
        return all(isinstance(value, dict) and not _is_answer(value) for value in values)
    except (RecursionError, ValueError):
        return False


def _is_answer(value: dict[str, Any]) -> bool:
    return "data" in value or _is_bare(value)


def _is_bare(value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Return whether a value is a record without its envelope."""
    return isinstance(value, dict) and "data" not in value and "id" in value and bool(_OF_A_RECORD & value.keys())


def _split(path: Path) -> Iterator[_Value]:
    """Yield the values of a file; those of a list one by one."""
    with path.open("rb") as stream:
        first = next((line for line in _read_lines(stream) if line.strip()), b"")
        stream.seek(0)
        bare = first.removeprefix(b"\xef\xbb\xbf").strip()
        if not bare.startswith(b"[") and not bare.endswith(_OPEN):
            yield from _split_lines(stream)
            return
        document = stream.read(_LONGEST_DOCUMENT + 1)
    if len(document) > _LONGEST_DOCUMENT:
        msg = (
            f"it is one JSON document of more than {_LONGEST_DOCUMENT:,} bytes; write one answer per line, for example"
            " with jq -c '.[]'"
        )
        raise ValueError(msg)
    yield from _split_document(document.decode("utf-8-sig"))


def _read_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file; a longer one than an answer can be is cut."""
    return iter(lambda: stream.readline(_LONGEST_LINE + 1), b"")


def _split_lines(stream: BinaryIO) -> Iterator[_Value]:
    """Yield the lines of a file that have a value."""
    for number, line in enumerate(_read_lines(stream), start=1):
        if line.strip():
            yield _Value(_check_length(line, number), f"line {number:,}")


def _check_length(line: bytes, number: int) -> bytes:
    if len(line) > _LONGEST_LINE:
        msg = f"line {number:,} is longer than {_LONGEST_LINE:,} bytes, which no answer is"
        raise ValueError(msg)
    return line


def _split_document(text: str) -> Iterator[_Value]:
    """Yield the values of JSON over any number of lines, exactly as they are written."""
    decoder = json.JSONDecoder()
    place, depth, number = 0, 0, 0
    while (place := _skip(text, place, _BLANKS)) < len(text):
        character = text[place]
        if character == "[" and not depth:
            place, depth = place + 1, 1
        elif character == "]" and depth:
            place, depth = place + 1, 0
        elif character == "," and depth and number:
            place += 1
        else:
            start, number = place, number + 1
            place = _find_end(decoder, text, start)
            yield _Value(text[start:place].encode(), f"value {number:,}")
    if depth:
        msg = "the list has no end: was the file cut short?"
        raise ValueError(msg)


def _find_end(decoder: json.JSONDecoder, text: str, start: int) -> int:
    """Return where the value ends that begins here."""
    try:
        return decoder.raw_decode(text, start)[1]
    except (RecursionError, ValueError) as error:
        line = text.count("\n", 0, start) + 1
        msg = f"the value from line {line:,} on is not readable JSON: {error}"
        raise ValueError(msg) from error


def _skip(text: str, place: int, characters: str) -> int:
    while place < len(text) and text[place] in characters:
        place += 1
    return place


def _read_row(value: _Value) -> Row:
    text = value.text
    try:
        envelope = parse_json(text)
        if _is_bare(envelope):
            text = b'{"data":' + text.removeprefix(b"\xef\xbb\xbf").strip() + b"}"
    except (RecursionError, ValueError):
        envelope = None  # `read_record` says what is wrong
    try:
        carried = read_record(text)["id"]
        requested_id = _check_id(envelope.get("requested_id", carried))
        fetched_at = _read_moment(envelope.get("fetched_at"))
    except (NotARecordError, ValueError) as error:
        msg = f"{value.place} is not an answer: {error}"
        raise ValueError(msg) from error
    return Row(requested_id, text, fetched_at)


def _read_moment(fetched_at: Any) -> float | None:  # noqa: ANN401 - any value of JSON
    try:
        return None if fetched_at is None else to_utc(datetime.fromisoformat(fetched_at)).timestamp()
    except (OverflowError, TypeError, ValueError) as error:
        msg = f"fetched_at is {fetched_at!a:.80}: give an ISO date and time, such as 2026-08-01T12:00Z"
        raise ValueError(msg) from error


def _check_id(value: object) -> str:
    if isinstance(value, str) and find_problem(value) is None:
        return value
    msg = f"{hide_api_keys(ascii(value)):.80} cannot be an id"
    raise ValueError(msg)
