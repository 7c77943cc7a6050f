"""Figures by group as people read them: text that fits a terminal, and a table for notebooks."""

import itertools
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import pandas as pd

from genanalytics.base.html import block
from genanalytics.base.html import table as as_html
from genanalytics.errors import InputError
from genanalytics.units import NOTHING, Unit, money_decimals, printable, write

_GAP = "  "
_SHORTEST_NAME = 12
_PARTS = 2
"""Where a table has to be divided, the names of its groups have one part in so many of the width at most."""
_MOST = 100
LIMITS = ("_low", "_high")
"""What stands behind the name of a statistic in those of its interval."""

Column = list[str]
"""The lines of a column, equally long: its label, on one line or on several, and its cells."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Table:
    """Figures by group, as a terminal and a notebook show them: the first 100 of them, and how many more there are.

    Attributes:
        summary: The figures.
    """

    summary: pd.DataFrame

    @property
    def keys(self) -> list[str]:
        """The columns before the first one with a unit, which name the groups."""
        return list(itertools.takewhile(lambda name: name not in self._units, self.summary.columns))

    @property
    def names(self) -> list[str]:
        """The columns after them, without the limits of intervals."""
        limits = {name + limit for name in self._units for limit in LIMITS}
        return [name for name in self.summary.columns[len(self.keys) :] if name not in limits]

    @property
    def _units(self) -> dict[str, str]:
        units: dict[str, str] = self.summary.attrs["units"]
        return units

    @property
    def _left_out(self) -> str:
        more = len(self.summary) - _MOST
        return f"... and {more:,} more rows: those of .summary" if more > 0 else ""

    def __repr__(self) -> str:
        text = as_text(self.summary.head(_MOST), self.keys, self.names)
        return "\n".join(filter(None, [text, self._left_out]))

    def _repr_html_(self) -> str:
        shown = self.summary.head(_MOST)
        columns = [(key, names_of(shown[key])) for key in self.keys]
        figures: list[int] = []
        for name in self.names:
            found = list(_figures(shown, name, shown.attrs))
            figures += range(len(columns), len(columns) + len(found)) if name in self._units else ()
            columns += found
        heads, cells = zip(*columns, strict=True)
        return block(as_html(heads, zip(*cells, strict=True), figures=figures), self._left_out)


def table(summary: pd.DataFrame) -> Table:
    """Return figures by group in a form that shows them as people read them: with labels, units and intervals.

    Args:
        summary: What `summarize`, `sessions`, `quality` and others return, or `explain` of a fetch; its rows and
            columns chosen and ordered as one likes.

    Raises:
        InputError: It is none of these: its `attrs` hold no units and labels.

    >>> frame = pd.DataFrame({"model": ["a", "b"], "requests": [1200, 7], "ttft_ms_p50": [812.0, 12_345.0]})
    >>> frame.attrs = {"units": {"requests": "count", "ttft_ms_p50": "ms"},
    ...                "labels": {"requests": "requests", "ttft_ms_p50": "TTFT p50"}}
    >>> table(frame)
                       TTFT
    model  requests     p50
    a         1,200  812 ms
    b             7  12.3 s
    """
    if not {"units", "labels"} <= getattr(summary, "attrs", {}).keys():
        msg = (
            f"{type(summary).__name__} without units and labels in its attrs: give the frame that summarize or sessions"
            " returns, whole or a part of its rows and columns"
        )
        raise InputError(msg)
    named = [name for name in summary.index.names if name is not None]
    return Table(summary.reset_index(named) if named else summary)


def as_text(
    summary: pd.DataFrame,
    keys: Sequence[str],
    names: Iterable[str],
    *,
    total: pd.DataFrame | None = None,
    at_least: AbstractSet[str] = frozenset(),
    width: int = 100,
) -> str:
    """Return figures by group as lines of text, at most `width` wide as far as that can be.

    The names of groups are cut, as long as that leaves them apart; a table that is still too wide is divided into
    several, below each other and each with the names.

    Args:
        summary: A row per group, with `units` and `labels` in `attrs`, as `summarize` returns it.
        keys: The columns that name the groups.
        names: The columns to show after them, in this order. One with an interval (`<name>_low`, `<name>_high`) is
            followed by it.
        total: The same columns over all rows, as one row; shown last.
        at_least: Columns whose last row is a lower bound, and shown as one.
        width: How many characters a line may have.
    """
    rows = summary if total is None else pd.concat([summary, total])
    numbers = [
        _column(
            label, cells, max(map(len, cells), default=0), str.rjust if name in summary.attrs["units"] else str.ljust
        )
        for name in names
        for label, cells in _figures(rows, name, summary.attrs, bound=name in at_least)
    ]
    totals = len(rows) - len(summary)
    groups = {key: [*names_of(summary[key]), *["" if place else "total"] * totals] for place, key in enumerate(keys)}
    needed = sum(map(_width, numbers))
    labels = _labels(groups, width - needed)
    if needed + sum(map(_width, labels)) > width + len(_GAP):
        labels = _labels(groups, width // _PARTS)
    left = width + len(_GAP) - sum(map(_width, labels))
    return "\n\n".join(_lines([*labels, *part]) for part in _divided(numbers, left))


def name_of(value: Any) -> str:  # noqa: ANN401 - whatever a column can hold
    """Return what a group is called: a day as its date, nothing as a dash, an empty text in quotes."""
    if pd.isna(value):
        return NOTHING
    if isinstance(value, pd.Timestamp) and value == value.normalize():
        return f"{value:%Y-%m-%d}"
    return printable(str(value)) or '""'


def names_of(values: pd.Series) -> list[str]:
    """Return what groups are called; moments as precisely as all of them together need it."""
    moments = values.dropna()
    if not isinstance(values.dtype, pd.DatetimeTZDtype) or (moments == moments.dt.normalize()).all():
        return [name_of(value) for value in values]
    minutes = (moments == moments.dt.floor("min")).all()
    return [NOTHING if pd.isna(value) else _moment(value, minutes=minutes) for value in values]


def _moment(value: pd.Timestamp, *, minutes: bool) -> str:
    return value.isoformat(sep=" ", timespec="minutes" if minutes else "seconds").removesuffix("+00:00")


def _figures(
    rows: pd.DataFrame, name: str, attrs: "dict[Any, Any]", *, bound: bool = False
) -> Iterator[tuple[str, list[str]]]:
    """Yield the label and the cells of a column, and those of its intervals where it has some."""
    if name not in attrs["units"]:  # words
        yield name.replace("_", " "), names_of(rows[name])
        return
    unit = Unit(attrs["units"][name])
    limits = [name + limit for limit in LIMITS if name + limit in rows]
    cells, *ends = _written([rows[column] for column in (name, *limits)], unit)
    if bound:
        cells[-1] = f"≥ {cells[-1]}"
    yield attrs["labels"][name], cells
    if ends:
        spans = [NOTHING if NOTHING in span else " to ".join(span) for span in zip(*ends, strict=True)]
        yield "95 % interval", spans


def _written(columns: Sequence[pd.Series], unit: Unit) -> list[list[str]]:
    """Return figures as people read them, amounts of money with one number of decimals for all the columns."""
    if unit is Unit.TIME:
        return [names_of(values) for values in columns]
    known = [[None if pd.isna(value) else float(value) for value in values] for values in columns]
    decimals = money_decimals(value for values in known for value in values) if unit is Unit.USD else None
    return [[write(value, unit, decimals=decimals) for value in values] for values in known]


def _labels(groups: "dict[str, list[str]]", width: int) -> list[Column]:
    """Return the columns that name the groups, cut if they are wider than a width: the widest ones most."""
    columns: dict[str, Column] = {}
    for key, names in sorted(groups.items(), key=lambda item: max(map(len, item[1]), default=0)):
        left = width - sum(map(_width, columns.values()))
        longest = max(_SHORTEST_NAME, left // (len(groups) - len(columns)) - len(_GAP))
        columns[key] = _column(printable(key), _cut_apart(names, longest), longest, str.ljust)
    return [columns[key] for key in groups]


def _cut_apart(names: Sequence[str], longest: int) -> list[str]:
    """Return names cut in the middle: to `longest`, or to twice as much where that makes one of two."""
    different = len(set(names))
    for most in (longest, 2 * longest):
        cut = [_cut(name, most) for name in names]
        if len(set(cut)) == different:
            break
    return cut


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    head = (longest - 1) // 2
    return f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"


def _column(label: str, cells: list[str], width: int, align: Callable[[str, int], str]) -> Column:
    """Return a column, with its label on several lines if it is wider than the cells."""
    words = max(map(len, label.split()), default=0)
    lines = [*textwrap.wrap(label, max(width, words), break_on_hyphens=False), *cells]
    longest = max(map(len, lines))
    return [align(line, longest) for line in lines]


def _width(column: Column) -> int:
    return len(column[0]) + len(_GAP)


def _divided(columns: Sequence[Column], width: int) -> Iterator[list[Column]]:
    """Yield columns in their order, as many at a time as a width takes, and at least one."""
    part: list[Column] = []
    for column in columns:
        if part and sum(map(_width, [*part, column])) > width:
            yield part
            part = []
        part.append(column)
    yield part


def _lines(columns: Sequence[Column]) -> str:
    tallest = max(map(len, columns))
    padded = [[" " * len(column[0])] * (tallest - len(column)) + column for column in columns]
    return "\n".join(_GAP.join(line).rstrip() for line in zip(*padded, strict=True))
