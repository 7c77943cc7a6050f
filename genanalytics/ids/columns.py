"""Which column of a table holds the ids: the one that was named, or the one whose values are ids."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from genanalytics.errors import InputError
from genanalytics.ids.form import PATTERN
from genanalytics.units import counted, printable

Tell = Callable[[str], None]
"""Takes a sentence, without its full stop, that the caller should know."""

SAMPLE = 1_000
"""So many rows show what a column holds."""

NAMES = ("generation_id", "requested_id", "generation", "openrouter_id")
"""What a column of ids is called; such a column is taken though its ids are of another gateway's form."""


def choose(sample: Mapping[str, Sequence[str | None]], column: str | None, name: str, tell: Tell) -> str | None:
    """Return the column of the ids, or None where no column holds ids and nothing else.

    Args:
        sample: The first values of each column that can hold text.
        column: The column that the caller named, if any.
        name: What to call the table.
        tell: Told which column it is.

    Raises:
        InputError: There is no column of that name.

    >>> rows = {"model": ["a/b", "a/b"], "ref": ["gen-1756000000-AbCdEfGhIjKlMnOpQrSt", None]}
    >>> choose(rows, None, "log.csv", print)
    log.csv: the ids are those of the column 'ref'
    'ref'
    """
    if column is not None:
        if column not in sample:
            msg = f"no column {column!r} with text in {name}; it has {printable(', '.join(sample)) or 'none at all'}"
            raise InputError(msg)
        return column
    matches = {found: _matches(values) for found, values in sample.items()}
    held = sorted((found for found, number in matches.items() if number), key=lambda found: -matches[found])
    held = held or [found for found in sample if found.lower() in NAMES][:1]
    if not held:
        return None
    also = f" (they stand in {', '.join(map(repr, held[1:]))} too; another column can be named)" if held[1:] else ""
    tell(f"{name}: the ids are those of the column {held[0]!r}{also}")
    return held[0]


def values_of(values: Iterator[str | None], name: str, tell: Tell) -> Iterator[str]:
    """Yield the values of the column of ids; a row without one is no id that could be refused, but is told."""
    gaps = 0
    for value in values:
        if value and (bare := value.strip()):
            yield bare
        else:
            gaps += 1
    if gaps:
        tell(f"{name}: {counted(gaps, 'row')} without an id")


def _matches(values: Sequence[str | None]) -> int:
    """Return how many values are ids, 0 where these are less than half of those that are there."""
    there = [value.strip() for value in values if value]
    ids = sum(PATTERN.fullmatch(value) is not None for value in there)
    return ids if 2 * ids >= len(there) else 0
