"""Files that hold ids instead of records: the most frequent wrong file."""

import os
import shlex
from itertools import islice
from pathlib import Path

from genanalytics.base.content import open_content
from genanalytics.errors import InputError
from genanalytics.ids.form import PATTERN
from genanalytics.ids.read import read_ids

_SIGNS_OF_RECORDS = (b"requested_id", b"total_cost", b"cost_total", b'"data"')
"""A file with one of these at its start is meant to hold records, even if it cannot be read."""
_LOOKED_AT = 100
"""If none of the first ids has the known form, it is no file of ids."""


def holds_ids(path: Path) -> bool:
    """Return whether a file that cannot be read as records holds generation ids instead."""
    try:
        if path.is_file():
            with open_content(path) as content:
                if any(sign in content.head for sign in _SIGNS_OF_RECORDS):
                    return False
        return any(PATTERN.fullmatch(one) for one in islice(read_ids(path), _LOOKED_AT))
    except (InputError, OSError):
        return False


def explain_ids(path: str | os.PathLike[str]) -> str:
    """Return the message about a file of ids in the place of records."""
    name = os.fspath(path)
    return (
        f"{name} contains generation ids, not records: fetch their records first, with `genanalytics fetch"
        f" {shlex.quote(name)} --output generations.parquet` (ga.fetch in Python)"
    )
