"""Coverage: how many of the requested ids have a record, and which have none.

It travels with the records: in `attrs` of a frame, and in the metadata of an Arrow schema.
"""

import json
from collections.abc import Iterable, Mapping, Sequence, Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import pyarrow as pa

from genanalytics.units import Unit, format_value

MOST_LISTED = 1_000
"""With more missing ids than this, only their number is known."""

COVERAGE = "coverage"
"""The name in `attrs` of a frame."""
_METADATA = b"genanalytics_coverage"
_NUMBER_ALONE = b"genanalytics_asked"
"""Files of version 0.1 contain only the number of requested ids."""
_ALMOST_ALL = 0.999
"""A share below 1 is never rounded to 100.0 %."""
UNKNOWN = "Coverage: unknown; the data does not contain the number of requested ids."


@dataclass(frozen=True, slots=True)
class Coverage:
    """The requested ids of some records, and those of them that have no record.

    Attributes:
        asked: The number of distinct requested ids.
        found: The number of those that have a record.
        missing: The ids without a record, sorted; None if there are more than `MOST_LISTED`, or if they are unknown.
        exact: Whether `asked` is exact. If not, it is an upper limit, and the share is a lower one.
        part: Whether the data contains only some of the found records. Then the coverage is that of all of them.

    >>> Coverage.of(["gen-3", "gen-1"], found=6)
    Coverage(asked=8, found=6, missing=('gen-1', 'gen-3'), exact=True, part=False)
    """

    asked: int
    found: int
    missing: tuple[str, ...] | None = None
    exact: bool = True
    part: bool = False

    @classmethod
    def of(cls, missing: Iterable[str], *, found: int) -> "Coverage":
        """Return the coverage of ids that have a record, and of those that have none."""
        ids = sorted(set(missing))
        return cls(found + len(ids), found, tuple(ids) if len(ids) <= MOST_LISTED else None)

    @property
    def share(self) -> float | None:
        """The share of the requested ids that have a record (0 to 1); None without ids."""
        return self.found / self.asked if self.asked else None

    @property
    def is_partial(self) -> bool:
        """Whether an id has no record, so that every total is a lower bound."""
        return self.found < self.asked

    @property
    def share_of_rows(self) -> float | None:
        """The share among the rows of the data; None if it is unknown, since they are a part of an incomplete whole."""
        return None if self.part and self.is_partial else self.share

    def of_rows(self, ids: int) -> "Coverage | None":
        """Return the coverage of data with this number of distinct ids; None if it contains other records too."""
        if ids > self.found:
            return None
        return self if ids == self.found else replace(self, part=True)

    def to_json(self) -> dict[str, Any]:
        """Return the values as JSON, for metadata and `attrs`."""
        missing = None if self.missing is None else list(self.missing)
        return {"asked": self.asked, "found": self.found, "missing": missing, "exact": self.exact, "part": self.part}

    @classmethod
    def from_json(cls, values: object) -> "Coverage | None":
        """Return the coverage out of `to_json`; None for anything else, which leaves it unknown."""
        if not isinstance(values, Mapping):
            return None
        asked, found, missing = (values.get(name) for name in ("asked", "found", "missing"))
        if not (isinstance(asked, int) and isinstance(found, int) and 0 <= found <= asked):
            return None
        listed = tuple(map(str, missing)) if isinstance(missing, list) else None
        return cls(asked, found, listed, exact=values.get("exact") is True, part=values.get("part") is True)

    def format_share(self) -> str:
        """Return the share as text; only a complete result is 100.0 %.

        >>> Coverage(400, 386).format_share(), Coverage(10_000, 9_999).format_share()
        ('96.5 %', '99.9 %')
        """
        share = min(self.share or 0.0, _ALMOST_ALL) if self.is_partial else self.share
        return ("" if self.exact else "at least ") + format_value(share, Unit.SHARE)


def describe_coverage(coverage: Coverage | None) -> str:
    """Return a sentence about unknown or incomplete coverage; "" if every id has a record.

    >>> describe_coverage(Coverage(400, 386))
    'Coverage: 96.5 % of the ids have a record (14 of 400 missing), so totals are lower bounds.'
    >>> describe_coverage(Coverage(400, 386, part=True)).split(". ")[1]
    'The share among these rows is unknown, so totals are lower bounds.'
    """
    if coverage is None:
        return UNKNOWN
    if not coverage.is_partial:
        return ""
    at_most = "" if coverage.exact else "at most "
    number = f"{at_most}{coverage.asked - coverage.found:,} of {coverage.asked:,} missing"
    if coverage.part:
        return (
            f"Coverage: {coverage.format_share()} of all requested ids have a record ({number})."
            " The share among these rows is unknown, so totals are lower bounds."
        )
    return f"Coverage: {coverage.format_share()} of the ids have a record ({number}), so totals are lower bounds."


def join_coverage(
    coverages: Sequence[Coverage | None], *, found: int, present: AbstractSet[str] = frozenset()
) -> Coverage | None:
    """Return the coverage of data that was joined: all requested ids, less those found in any.

    Args:
        coverages: Those of the parts.
        found: The number of distinct ids in the joined data.
        present: The missing ids of a part that another part contains; see `list_missing`.

    Returns:
        None if the coverage of a part is unknown, or if a part is a selection of its records, whose other ids are
        unknown.
    """
    known = [replace(coverage, part=False) for coverage in coverages if coverage is not None]
    if not known or len(known) < len(coverages):
        return None
    if all(coverage == known[0] for coverage in known) and found <= known[0].found:
        return known[0].of_rows(found)  # selections of the same records, or the same file twice
    if not any(coverage.is_partial for coverage in known):
        return Coverage.of((), found=found)
    if any(coverage is not None and coverage.part for coverage in coverages):
        return None
    listed = list_missing(known) - present
    unlisted = sum(coverage.asked - coverage.found for coverage in known if coverage.missing is None)
    if unlisted:  # some of them may be found in another part, or missing twice
        return Coverage(found + len(listed) + unlisted, found, exact=False)
    return replace(Coverage.of(listed, found=found), exact=all(coverage.exact for coverage in known))


def list_missing(coverages: Iterable[Coverage | None]) -> set[str]:
    """Return the ids that are known to be missing from a part."""
    return {one for coverage in coverages if coverage is not None for one in coverage.missing or ()}


def find_coverage(frame: pd.DataFrame) -> Coverage | None:
    """Return the coverage of a frame of records; None if it is unknown.

    `attrs` outlive a selection of rows, so the number of ids is compared with that of the found records.
    """
    coverage = Coverage.from_json(frame.attrs.get(COVERAGE))
    if coverage is None or coverage.part:
        return coverage
    ids = len(frame)
    if ids != coverage.found and "requested_id" in frame:
        ids = int(frame["requested_id"].nunique())
    return coverage.of_rows(ids)


def make_metadata(coverage: Coverage | None) -> dict[bytes, bytes]:
    """Return the metadata of a file or a table with this coverage."""
    return {} if coverage is None else {_METADATA: json.dumps(coverage.to_json()).encode()}


def set_coverage(table: pa.Table, coverage: Coverage | None) -> pa.Table:
    """Return a table with this coverage in its metadata; None removes it."""
    metadata = {name: value for name, value in (table.schema.metadata or {}).items() if name != _METADATA}
    return table.replace_schema_metadata(metadata | make_metadata(coverage))


def read_metadata(metadata: Mapping[bytes, bytes] | None) -> Coverage | None:
    """Return the coverage in the metadata of a table or a file; None if there is none."""
    try:
        return Coverage.from_json(json.loads((metadata or {}).get(_METADATA, b"null")))
    except ValueError:
        return None


def read_file_coverage(metadata: Mapping[bytes, bytes] | None, rows: int) -> Coverage | None:
    """Return the coverage in the metadata of a whole file with this number of rows, written by any version."""
    number = (metadata or {}).get(_NUMBER_ALONE, b"")
    if not number.isdigit():
        return read_metadata(metadata)
    asked = max(int(number), rows)
    return Coverage(asked, rows, () if asked == rows else None)
