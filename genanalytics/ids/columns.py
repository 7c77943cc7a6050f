"""Which column of a table holds the ids: the one that the caller named, or the one whose values are ids."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from genanalytics.base.text import escape_unprintable
from genanalytics.errors import InputError
from genanalytics.ids.form import PATTERN
from genanalytics.ids.search import search_ids
from genanalytics.units import format_count

Notify = Callable[[str], None]
"""Takes a notice: a sentence for the user, without its full stop."""

SAMPLE_ROWS = 1_000
"""The number of rows that decide what a column holds."""

LONGEST_VALUE = 1 << 10
"""The longest value of a column of ids in characters: four times as long as the longest id. A longer one is cut."""

_PIECE_BYTES = 1 << 20

NAMES = ("generation_id", "requested_id", "generation", "openrouter_id")
"""Names of columns with ids; such a column is taken even if its ids are of another gateway's form."""


def choose_column(matches: Mapping[str, int], column: str | None, name: str, notify: Notify) -> str | None:
    """Return the column of the ids, or None if no column holds mainly ids.

    Args:
        matches: For each column that can hold text, the result of `count_ids` for its first values.
        column: The column that the caller named, if any.
        name: The name of the table for messages.
        notify: Called with the choice.

    Raises:
        InputError: There is no column of that name.

    >>> choose_column({"model": 0, "ref": 1}, None, "log.csv", print)
    log.csv: ids are read from the column 'ref'
    'ref'
    """
    if column is not None:
        if column not in matches:
            raise no_column(column, matches, name)
        return column
    held = sorted((found for found, number in matches.items() if number), key=lambda found: -matches[found])
    held = held or [found for found in matches if found.lower() in NAMES][:1]
    if not held:
        return None
    others = ", ".join(map(repr, held[1:]))
    also = f"; to read another one, name it (columns with ids: {others})" if others else ""
    notify(f"{name}: ids are read from the column {held[0]!r}{also}")
    return held[0]


def no_column(column: str, names: Mapping[str, object] | Sequence[str], name: str) -> InputError:
    """Return the error to raise if a table has no text column of that name."""
    there = escape_unprintable(", ".join(names)) or "none at all"
    return InputError(f"no column {column!r} with text in {name}; it has {there}")


def read_column(values: Iterator[str | None], name: str, notify: Notify) -> Iterator[str]:
    """Yield the values of the column of ids; rows without a value and values that were cut are counted in notices."""
    gaps = cut = 0
    for value in values:
        if value and (bare := value.strip()):
            cut += len(value) >= LONGEST_VALUE
            yield bare[:LONGEST_VALUE]
        else:
            gaps += 1
    if gaps:
        notify(f"{name}: {format_count(gaps, 'row')} without an id")
    if cut:
        notify(f"{name}: cut {format_count(cut, 'value')} of the column of ids to {LONGEST_VALUE:,} characters")


def to_text(value: object) -> str | None:
    """Return a cell as text; None if it holds something else than text or bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value if isinstance(value, str) else None


def find_in_value(value: bytes | memoryview) -> Iterator[str]:
    """Yield every id of the service's form in a value of any length."""
    return search_ids(bytes(value[place : place + _PIECE_BYTES]) for place in range(0, len(value), _PIECE_BYTES))


def count_ids(values: Iterable[str | None]) -> int:
    """Return the number of values that are ids, 0 if it is below half of the known values.

    >>> count_ids(["gen-1756000000-AbCdEfGhIjKlMnOpQrSt", "x", None]), count_ids(["gen-1", "x"])
    (1, 0)
    """
    known = ids = 0
    for value in filter(None, values):
        known += 1
        ids += PATTERN.fullmatch(value.strip()) is not None
    return ids if 2 * ids >= known else 0
