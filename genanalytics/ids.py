"""Generation ids out of whatever a caller holds: read in order, checked before anything is sent.

An id's form is not ours to judge: other gateways have other forms, so a strange id is asked for. Only what cannot be
an id is refused.
"""

import io
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from genanalytics.errors import InputError

MAX_LENGTH = 256

CREATED = r"^gen-(?:[a-z]{2,8}-)?(?P<created>[0-9]{10})-"
"""Where an id has the second (Unix time) in which the generation was created."""

_CREATED = re.compile(CREATED)
_PLAIN = re.compile(f"[!-~]{{1,{MAX_LENGTH}}}")
"""What nearly every id is: visible ASCII, which needs no closer look."""
_COMMENT = re.compile(r"(?:^|\s)#.*")
_NOT_TEXT = "not text: "
_PROBE = 8192


def read_ids(source: object) -> Iterator[str]:
    """Yield the ids of `source` in its order, duplicates and unusable values included.

    Args:
        source: One id (a str), a text file (a `pathlib.Path`), an open text or binary stream, or any iterable of ids: a
            list, a Series, an Index, an array, a generator. An element may also be a mapping with a key `id`, or an
            object with an attribute `id`, as completions have. An element that is none of these is yielded as a text
            that `problem` refuses: one bad value in a million raises nothing.

    Raises:
        InputError: `source` itself cannot be read: a missing file, a directory, a binary file, a number, a whole frame.

    >>> list(read_ids("gen-1"))
    ['gen-1']
    >>> list(read_ids([{"id": "gen-1", "object": "chat.completion"}, "gen-2", None]))
    ['gen-1', 'gen-2', 'not text: None']
    """
    match source:
        case str():
            yield source
        case os.PathLike():
            yield from _file(Path(source))
        case _ if hasattr(source, "readline"):
            yield from _lines(cast("TextIO | BinaryIO", source), str(getattr(source, "name", "the stream")))
        case _ if hasattr(source, "columns"):
            msg = "no ids in a whole frame: give one of its columns, such as frame['id']"
            raise InputError(msg)
        case _ if hasattr(source, "id") or (isinstance(source, Mapping) and "id" in source):
            yield _element(source)
        case Iterable() if not isinstance(source, bytes | bytearray | Mapping):
            # an Arrow array's elements are no Python values
            yield from map(_element, source.to_pylist() if hasattr(source, "to_pylist") else source)
        case _:
            msg = f"no ids in {source!r:.80}: give an id, a pathlib.Path to a file of ids, or an iterable of ids"
            raise InputError(msg)


def problem(generation_id: str) -> str | None:
    """Return why `generation_id` cannot be an id, or None where it can be one.

    >>> problem("gen-1756000000-AbCdEfGhIjKlMnOpQrSt") is None
    True
    >>> problem("two words")
    'an id cannot contain white space'
    """
    return None if _PLAIN.fullmatch(generation_id) else _problem(generation_id)


def _problem(generation_id: str) -> str | None:
    if not generation_id:
        return "an id cannot be empty"
    if generation_id.startswith(_NOT_TEXT):
        return "an id must be text"
    if len(generation_id) > MAX_LENGTH:
        return f"an id has at most {MAX_LENGTH} characters, this one has {len(generation_id):,}"
    if any(character.isspace() for character in generation_id):
        return "an id cannot contain white space"
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in generation_id):
        return "an id cannot contain control characters"
    return None


def created_s(generation_id: str) -> int | None:
    """Return the second (Unix time) in which the generation was created, or None where the id does not tell.

    >>> created_s("gen-1756000000-AbCdEfGhIjKlMnOpQrSt"), created_s("gen-img-1756000000-AbCdEfGhIjKlMnOpQrSt")
    (1756000000, 1756000000)
    >>> created_s("chatcmpl-123") is None
    True
    """
    found = _CREATED.match(generation_id)
    return int(found[1]) if found else None


def _element(value: object) -> str:
    inner = value.get("id") if isinstance(value, Mapping) else getattr(value, "id", value)
    if isinstance(inner, bytes):  # numpy's fixed-width byte strings
        inner = inner.decode("utf-8", "surrogateescape")
    return inner if isinstance(inner, str) else f"{_NOT_TEXT}{value!r:.80}"


def _file(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as stream:
            yield from _lines(stream, str(path))
    except IsADirectoryError as error:
        msg = f"{path} is a directory: name a file of ids"
        raise InputError(msg) from error
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror}"
        raise InputError(msg) from error


def _lines(stream: TextIO | BinaryIO, name: str) -> Iterator[str]:
    """Yield an id a line; blank lines, comments, line ends of any kind and a byte-order mark are no part of one."""
    with _text(stream, name) as text:
        for number, line in enumerate(text):
            if number == 0 and _is_json(line):
                msg = f"{name} holds JSON, not an id a line: extract its ids first, such as with jq -r .id"
                raise InputError(msg)
            bare = _COMMENT.sub("", line.removeprefix("\ufeff") if number == 0 else line).strip()
            if bare:
                yield bare


def _is_json(line: str) -> bool:
    """Return whether a line is a JSON object or list with text in it: a log, of which no line may go to the service."""
    try:
        return '"' in line and isinstance(json.loads(line.removeprefix("\ufeff")), dict | list)
    except (ValueError, RecursionError):
        return False


@contextmanager
def _text(stream: TextIO | BinaryIO, name: str) -> Iterator[Iterable[str]]:
    """Yield the lines of a stream, which stays open."""
    layer: Any = stream
    try:
        if isinstance(stream.read(0), bytes):
            layer = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", stream))
            layer = io.TextIOWrapper(layer, encoding=_encoding(layer.peek(_PROBE), name))
        yield layer
    except UnicodeDecodeError as error:
        raise _not_text(name) from error
    finally:
        while layer is not stream:
            layer = layer.detach()


def _encoding(head: bytes, name: str) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\x00" in head:
        raise _not_text(name)
    return "utf-8-sig"


def _not_text(name: str) -> InputError:
    return InputError(f"{name} is not a text file: name a file with one generation id a line")
