"""The format of a file whose name does not say it."""

import re
from pathlib import Path

from genanalytics.base.content import Content
from genanalytics.errors import InputError
from genanalytics.formats.other import explain_ids, starts_with_ids

_JSON = re.compile(rb'\{|\[\s*[\[{"]')
"""The start of an object or of a list of objects; `[2026-` begins a log."""


def find_format(content: Content, path: Path) -> str:
    """Return the suffix of a file's format: its own, or else the one that its first bytes show.

    Raises:
        InputError: Neither is that of a format.
    """
    text = content.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    signs = {
        ".parquet": content.head.startswith(b"PAR1"),
        ".arrow": content.head.startswith(b"ARROW1"),
        ".duckdb": content.head[8:12] == b"DUCK",
        ".jsonl": _JSON.match(text) is not None,
        ".csv": b"requested_id" in text.partition(b"\n")[0],
    }
    if path.suffix.lower() in signs:
        return path.suffix.lower()
    found = next((suffix for suffix, is_found in signs.items() if is_found), None)
    if found is None:
        raise InputError(_describe_unknown(content, path))
    return found


def _describe_unknown(content: Content, path: Path) -> str:
    """Return the message about a file of no known format."""
    if not content.head:
        return f"{path} is empty: it contains no records"
    if starts_with_ids(content.head):
        return explain_ids(path)
    return f"{path} has no known format of records: give a file of `genanalytics fetch --output` or `export`"
