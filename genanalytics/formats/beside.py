"""The coverage of a file whose format has no metadata: a small JSON file next to it."""

import json
import os
from pathlib import Path

from genanalytics.base.atomic import replace_file
from genanalytics.records.coverage import Coverage, parse_coverage

_SUFFIX = ".coverage.json"


def name_beside(path: Path) -> Path:
    """Return the file with the coverage of `path`; if that is a link, the file next to its target.

    >>> name_beside(Path("/nowhere/a.csv")).as_posix()
    '/nowhere/a.csv.coverage.json'
    """
    return Path(os.path.realpath(path) + _SUFFIX)


def write_beside(path: Path, coverage: Coverage | None) -> None:
    """Write the coverage of a file next to it; without one, remove that file.

    Raises:
        OutputError: The file cannot be written.
    """
    place = name_beside(path)
    if coverage is None:
        place.unlink(missing_ok=True)
        return
    with replace_file(place) as part:
        part.write_text(json.dumps(coverage.to_json(), indent=1) + "\n", encoding="utf-8")


def read_beside(path: Path) -> Coverage | None:
    """Return the coverage of a file; None if no file next to it contains one.

    Raises:
        OSError: The file next to it cannot be read.
    """
    try:
        return parse_coverage(name_beside(path).read_bytes())
    except FileNotFoundError:
        return None
