"""The parts of a page as values: what `sections` make and `page` renders."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from markupsafe import Markup

from genanalytics.plots.content import Entry


@dataclass(frozen=True, slots=True)
class Change:
    """A change since the period before: its text, such as `+12.3 %`, what it compares, and whether it is bad news.

    `certainty` is one of the words of `summarize(..., against=)`; a change that is not `sure` or `exact` is soft.
    """

    text: str
    versus: str
    alarming: bool = False
    certainty: str = "exact"


@dataclass(frozen=True, slots=True)
class Tile:
    """A large number; `trend` is its value per period, with None for unknown ones, empty for no line."""

    label: str
    figure: str
    note: str = ""
    change: Change | None = None
    trend: Sequence[float | None] = ()
    link: str = ""
    """The name of the section with details."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `definition` is shown when the pointer is over its heading.

    A column `of_change` is about the period before; the switch of the page hides it.
    """

    label: str
    numeric: bool = True
    definition: str = ""
    of_change: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its text and, for a number, the value to sort by.

    `bar` is a share from 0 to 1, drawn behind the text; `trend` is a small line; `alarming` is true for a loss.
    """

    text: str
    value: str = ""
    numeric: bool = False
    bar: float | None = None
    trend: Sequence[float | None] = ()
    alarming: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        name: Its name, unique on the page.
        caption: Its caption.
        columns: The columns.
        rows: The cells of each row.
        notes: Sentences below it.
        folded: The line of a table that is closed at first; empty for an open one.
        has_rest: Whether the last row is all other groups together, which stays last.
    """

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = ()
    folded: str = ""
    has_rest: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: two drawings of it, for wide and for narrow screens, and the numbers that it draws.

    `title`, `details` and `entries` (the legend) are text of the page, not of the drawings. `half` charts stand next to
    each other on wide screens. `earlier` are the labels of entries about the period before, which the switch hides.
    """

    name: str
    title: str
    details: Sequence[str]
    question: str
    wide: Markup
    narrow: Markup
    entries: Sequence[Entry] = ()
    numbers: Table | None = None
    half: bool = False
    earlier: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence with its figure, and the name of a block or section that shows it; `alarming` for money lost."""

    figure: str
    text: str
    link: str = ""
    alarming: bool = False
    commands: Sequence[tuple[str, str]] = ()
    """Labels and texts of commands, for an action."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A list of facts, with a heading if it is not empty; without facts, the page shows `otherwise`."""

    name: str
    facts: Sequence[Fact]
    heading: str = ""
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A short paragraph, such as a notice."""

    text: str
    soft: bool = True


Block: TypeAlias = Chart | Table | Facts | Text


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its answer in one sentence, then its blocks; a folded one is closed at first."""

    name: str
    title: str
    answer: str
    blocks: Sequence[Block]
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A page.

    Attributes:
        title: The title.
        scope: One line: requests, period, time zone, coverage.
        versus: What the changes compare, such as `1-31 Aug 2026`; empty without a comparison, which has no switch then.
        tiles: The large numbers.
        sections: The sections, in order.
        foot: Names and texts about where the page comes from.
        coverage: The number of records and of requested ids, as `389 of 400`; empty if unknown.
    """

    title: str
    scope: str
    tiles: Sequence[Tile]
    sections: Sequence[Section]
    foot: Sequence[tuple[str, str]] = field(default_factory=tuple)
    versus: str = ""
    coverage: str = ""
