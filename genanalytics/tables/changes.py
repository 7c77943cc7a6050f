"""Changes since another period as people read them: a figure, and a word of how sure."""

from collections.abc import Iterator, Sequence

import pandas as pd

from genanalytics.metrics.against import name_changes
from genanalytics.metrics.sets.cost import REQUESTS
from genanalytics.units import GAP, Unit, find_unit_of_difference, format_change

_WORDS = {"exact": "", "sure": " sure", "unclear": " unclear", "incomplete": " incomplete"}
_NOTES = {
    "sure": "its 95 % interval excludes 0, which one in 20 does by chance",
    "unclear": "its 95 % interval contains 0, or there is none",
    "incomplete": "records or costs are missing, so it is not exact",
}


def has_changes(rows: pd.DataFrame, name: str) -> bool:
    """Return whether rows have the change of a figure since another period."""
    return {name_changes(name)[-1], name_changes(REQUESTS.name)[0]} <= {*rows.columns}


def format_changes(rows: pd.DataFrame, name: str, unit: Unit) -> list[str]:
    """Return the change of a figure in each row of `summarize(..., against=...)`."""
    previous, change, _, _, certainty = name_changes(name)
    columns = (rows[one] for one in (REQUESTS.name, name_changes(REQUESTS.name)[0], previous, change, certainty))
    return [_format_change(*row, unit=unit) for row in zip(*columns, strict=True)]


def _format_change(now: int, before: int, previous: float, change: float, word: str, *, unit: Unit) -> str:
    """Return the change of a group.

    >>> _format_change(5, 5, 2.0, 0.5, "exact", unit=Unit.USD), _format_change(5, 5, 0.1, 0.02, "sure", unit=Unit.SHARE)
    ('+25.0 %', '+2.0 points sure')
    >>> _format_change(5, 0, 0.0, 0.5, "exact", unit=Unit.USD), _format_change(5, 5, 0.0, 0.5, "exact", unit=Unit.USD)
    ('new', '+$0.5000')
    """
    if not now or not before:
        return "new" if now else "gone"
    if pd.isna(change):
        return GAP
    is_relative = previous > 0 and unit is not Unit.SHARE
    size = change / previous if is_relative else change
    shown = Unit.SHARE if is_relative else find_unit_of_difference(unit)
    return f"{format_change(size, shown)}{_WORDS[word]}"


def describe_changes(rows: pd.DataFrame, names: Sequence[str]) -> Iterator[str]:
    """Yield a note on the words that a table of changes has."""
    words = {word for name in names if has_changes(rows, name) for word in rows[name_changes(name)[-1]].dropna()}
    meanings = [f"{word}: {meaning}" for word, meaning in _NOTES.items() if word in words]
    if meanings:
        yield f"Change: {'; '.join(meanings)}."
