"""Which column of a table holds the ids: the one that the caller named, or the one whose values are ids."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from genanalytics.base.text import escape_unprintable
from genanalytics.errors import InputError
from genanalytics.ids.form import PATTERN
from genanalytics.units import format_count

Notify = Callable[[str], None]
"""Takes a notice: a sentence for the user, without its full stop."""

SAMPLE_ROWS = 1_000
"""The number of rows that decide what a column holds."""

NAMES = ("generation_id", "requested_id", "generation", "openrouter_id")
"""Names of columns with ids; such a column is taken even if its ids are of another gateway's form."""


def choose_column(
    sample: Mapping[str, Sequence[str | None]], column: str | None, name: str, notify: Notify
) -> str | None:
    """Return the column of the ids, or None if no column holds mainly ids.

    Args:
        sample: The first values of each column that can hold text.
        column: The column that the caller named, if any.
        name: The name of the table for messages.
        notify: Called with the choice.

    Raises:
        InputError: There is no column of that name.

    >>> rows = {"model": ["a/b", "a/b"], "ref": ["gen-1756000000-AbCdEfGhIjKlMnOpQrSt", None]}
    >>> choose_column(rows, None, "log.csv", print)
    log.csv: ids are read from the column 'ref'
    'ref'
    """
    if column is not None:
        if column not in sample:
            raise no_column(column, sample, name)
        return column
    matches = {found: _count_ids(values) for found, values in sample.items()}
    held = sorted((found for found, number in matches.items() if number), key=lambda found: -matches[found])
    held = held or [found for found in sample if found.lower() in NAMES][:1]
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
    """Yield the values of the column of ids; rows without a value are counted in a notice."""
    gaps = 0
    for value in values:
        if value and (bare := value.strip()):
            yield bare
        else:
            gaps += 1
    if gaps:
        notify(f"{name}: {format_count(gaps, 'row')} without an id")


def to_text(value: object) -> str | None:
    """Return a cell as text; None if it holds something else than text or bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value if isinstance(value, str) else None


def find_in_texts(values: Iterable[str | None]) -> Iterator[str]:
    """Yield every id of the service's form in texts."""
    return (found for value in values if value for found in PATTERN.findall(value))


def _count_ids(values: Sequence[str | None]) -> int:
    """Return the number of values that are ids, 0 if it is below half of the known values."""
    known = [value.strip() for value in values if value]
    ids = sum(PATTERN.fullmatch(value) is not None for value in known)
    return ids if 2 * ids >= len(known) else 0
