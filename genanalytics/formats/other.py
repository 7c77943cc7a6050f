"""Files that hold ids instead of records: the most frequent wrong file."""

import io
import os
import shlex
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from genanalytics.base.content import open_content
from genanalytics.errors import InputError
from genanalytics.ids.form import PATTERN
from genanalytics.ids.read import read_ids

_SIGNS_OF_RECORDS = (b"requested_id", b"total_cost", b"cost_total", b'"data"')
"""A file with one of these at its start is meant to hold records, even if it cannot be read."""
_PARQUET = b"PAR1"
_TABLES = (_PARQUET, b"ARROW1", b"SQLite format 3")
"""A file that begins so is read from any place in it; of any other, the start is enough."""
_LOOKED_AT = 100
"""If none of the first ids has the known form, it is no file of ids."""


def holds_ids(path: Path) -> bool:
    """Return whether a file that cannot be read as records holds generation ids instead."""
    try:
        if not path.is_file():  # a pipe cannot be read again
            return path.is_dir() and not _has_records(path.rglob("*.parquet")) and _has_ids(path)
        with open_content(path) as content:
            head = content.head
        if head.startswith(_PARQUET) and _has_records([path]):
            return False
        return _has_ids(path) if head.startswith(_TABLES) else starts_with_ids(head)
    except (InputError, OSError, ValueError, pa.ArrowException):  # ValueError: names of columns that are no text
        return False


def starts_with_ids(head: bytes) -> bool:
    """Return whether the start of a file shows that it holds ids and no records."""
    return not any(sign in head for sign in _SIGNS_OF_RECORDS) and _has_ids(io.BytesIO(head))


def _has_records(files: Iterable[Path]) -> bool:
    """Return whether the first of some Parquet files has columns of records."""
    first = next(iter(files), None)
    return first is not None and {"requested_id", "created_at"} <= set(pa.parquet.read_schema(first).names)


def _has_ids(source: Path | io.BytesIO) -> bool:
    try:
        return any(PATTERN.fullmatch(one) for one in islice(read_ids(source), _LOOKED_AT))
    except InputError:
        return False


def explain_ids(path: str | os.PathLike[str]) -> str:
    """Return the message about a file of ids in the place of records."""
    name = os.fspath(path)
    return (
        f"{name} contains generation ids, not records: fetch their records first, with `genanalytics fetch"
        f" {shlex.quote(name)} --output generations.parquet` (ga.fetch in Python)"
    )
