"""The coverage of a file whose format has no metadata: a small JSON file next to it."""

import hashlib
import json
import os
from pathlib import Path

from genanalytics.base.atomic import replace_file
from genanalytics.records.coverage import Coverage

SIDECAR = ".coverage.json"
"""What follows the name of a file in that of its coverage."""
_HASH = "sha256"
"""The key of the hash of the file: coverage never counts for other contents."""


def name_sidecar(path: Path) -> Path:
    """Return the file with the coverage of `path`; if that is a link, the file next to its target.

    >>> name_sidecar(Path("/nowhere/a.csv")).as_posix()
    '/nowhere/a.csv.coverage.json'
    """
    return Path(os.path.realpath(path) + SIDECAR)


def write_sidecar(path: Path, coverage: Coverage | None) -> None:
    """Write the coverage of a file next to it; without one, remove that file.

    Raises:
        OutputError: The file cannot be written.
    """
    place = name_sidecar(path)
    if coverage is None:
        place.unlink(missing_ok=True)
        return
    with replace_file(place) as part:
        values = coverage.to_json() | {_HASH: _hash(path)}
        part.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def read_sidecar(path: Path) -> Coverage | None:
    """Return the coverage of a file; None if no file next to it contains one, or one of other contents.

    Raises:
        OSError: A file cannot be read.
    """
    try:
        values = json.loads(name_sidecar(path).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(values, dict) or values.get(_HASH) != _hash(path):
        return None
    return Coverage.from_json(values)


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
