"""Ids anywhere in bytes of any kind, and the values of a key in JSON of any shape."""

import json
import re
from collections.abc import Iterable, Iterator

from genanalytics.ids.form import LONGEST_MATCH, MAX_LENGTH, PATTERN


def search_ids(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield every id of the service's form in bytes of any kind.

    >>> list(search_ids([b'{"id":"gen-1756000000-AbCdEf', b'GhIjKlMnOpQrSt"}']))
    ['gen-1756000000-AbCdEfGhIjKlMnOpQrSt']
    """
    return (match[0] for match in _search(PATTERN, LONGEST_MATCH, chunks))


def search_values(key: str, chunks: Iterable[bytes]) -> Iterator[str]:
    r"""Yield the text values of a key in JSON, at any depth; the bytes around them can be of any kind.

    >>> list(search_values("id", [b'data: {"id": "x-1", "choices": []}\n\ndata: {"a": {"id" : "x\\u002d2"}}']))
    ['x-1', 'x-2']
    """
    plain = json.dumps(key, ensure_ascii=False).encode("utf-8", "surrogateescape").decode("latin-1")
    quoted = "|".join(map(re.escape, {plain: None, json.dumps(key): None}))
    pattern = re.compile(rf'(?<!\\)(?:{quoted})\s{{0,16}}:\s{{0,16}}("(?:[^"\\]|\\.){{0,{MAX_LENGTH}}}")')
    longest = len(quoted) + 4 * MAX_LENGTH
    for match in _search(pattern, longest, chunks):
        try:
            yield json.loads(match[1].encode("latin-1"))
        except ValueError:  # not JSON after all
            continue


def _search(pattern: re.Pattern[str], longest: int, chunks: Iterable[bytes]) -> Iterator[re.Match[str]]:
    """Yield the matches in bytes read as Latin-1, which any bytes are; every match is shorter than `longest`.

    A match that begins near the end of a chunk may continue in the next one: that end is carried over.
    """
    carried = ""
    for chunk in chunks:
        text = carried + chunk.decode("latin-1")
        settled, end = max(0, len(text) - longest), 0
        for match in pattern.finditer(text):
            if match.start() >= settled:
                break
            yield match
            end = match.end()
        carried = text[max(settled, end) :]
    yield from pattern.finditer(carried)
