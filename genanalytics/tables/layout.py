"""Columns of text side by side: aligned, wrapped, and within the width of a terminal."""

import re
import textwrap
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from genanalytics.base.text import escape_unprintable, fit, measure
from genanalytics.tables.style import PLAIN, Look, Style
from genanalytics.units import GAP

SPACE = "  "
_RULE = "─"
_SHORTEST_NAME, _NARROW_NAME = 20, 12
"""Names of groups are shortened to the first as long as there are more than a few other columns, then to the second."""
_FEW = 3
_NAME, _WORDS = 30, 44
"""Names and words are not shortened below this width for a column of little value."""
_LONGEST_WORD = 16
"""Words of headings that are longer than this are divided after punctuation."""
_PIECES = re.compile(r"[^/_:-]*[/_:-]+|[^/_:-]+")
_NARROWEST_WORDS = 24
"""Columns of words are wrapped to lines of at least this width."""


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a text table.

    Attributes:
        label: The heading, which is divided into lines if it is wider than the cells.
        cells: The texts, harmless to a terminal.
        name: The name of the column of the frame.
        is_figure: Whether the column is aligned to the right.
        losses: The rows whose figure is a loss.
        is_chart: Whether the column only draws what another one says, and has no name.
        most: The maximum width of cells of words, which continue on the next line, and of names, which are shortened;
            None for one line.
    """

    label: str
    cells: Sequence[str]
    name: str = ""
    is_figure: bool = False
    losses: Collection[int] = ()
    is_chart: bool = False
    most: int | None = None

    @cached_property
    def rows(self) -> list[list[str]]:
        """The lines of each cell."""
        if self.most is None:
            return [[cell] for cell in self.cells]
        return [
            textwrap.wrap(cell, self.most, break_on_hyphens=False) or [cell] if " " in cell else [fit(cell, self.most)]
            for cell in self.cells
        ]

    @cached_property
    def head(self) -> list[str]:
        """The lines of the heading."""
        longest = max(self._widest_cell, self.widest_word)
        lines = [""]
        for word in self._words:
            for place, piece in enumerate(_break_word(word)):
                joined = f"{lines[-1]}{'' if place or not lines[-1] else ' '}{piece}"
                lines = [*lines[:-1], joined] if measure(joined) <= longest else [*lines, piece]
        return lines

    @cached_property
    def _words(self) -> list[str]:
        return escape_unprintable(self.label).split()  # it may be the name of any column

    @cached_property
    def widest_word(self) -> int:
        """The width of the widest part of the heading that stays on one line."""
        return max((measure(piece) for word in self._words for piece in _break_word(word)), default=0)

    @cached_property
    def width(self) -> int:
        """The number of columns of a terminal that it takes."""
        return max([self._widest_cell, *map(measure, self.head)])

    @cached_property
    def _widest_cell(self) -> int:
        return max((measure(line) for lines in self.rows for line in lines), default=0)

    def clear_words(self, totals: int) -> "Column":
        """Return the column without gaps of words in its last rows: totals have none."""
        if self.is_figure or not totals:
            return self
        words = ["" if cell == GAP else cell for cell in self.cells[-totals:]]
        return replace(self, cells=[*self.cells[:-totals], *words])

    def pad(self, line: str, look: Look | None, style: Style) -> str:
        """Return a line of the column in its full width."""
        space = " " * (self.width - measure(line))
        painted = style.paint(line, look)
        return space + painted if self.is_figure else painted + space

    def find_look(self, row: int) -> Look | None:
        """Return the look of a cell."""
        if self.is_chart:
            return Look.CHART
        if row in self.losses:
            return Look.LOSS
        return Look.DIM if self.cells[row] == GAP else None


def join_columns(columns: Sequence[Column], *, style: Style = PLAIN, totals: int = 0) -> str:
    """Return columns as a text table.

    Args:
        columns: The columns, with the same number of cells.
        style: The look. With colors, a rule separates the totals.
        totals: The number of last rows that are totals.

    >>> print(join_columns([Column("model", ["a", "b"]), Column("cost", ["$7.00", "$12.00"], is_figure=True)]))
    model    cost
    a       $7.00
    b      $12.00
    """
    tallest = max(len(column.head) for column in columns)
    lines = [
        SPACE.join(column.pad(_pick(column.head, row - tallest), Look.HEAD, style) for column in columns)
        for row in range(tallest)
    ]
    size = len(columns[0].cells)
    for row in range(size):
        if style.is_colored and totals and row == size - totals:
            lines.append(style.paint(_RULE * _add_widths(columns), Look.DIM))
        lines += _join_row(columns, row, style)
    return "\n".join(line.rstrip() for line in lines)


def _add_widths(columns: Sequence[Column]) -> int:
    """Return the width of columns side by side."""
    return sum(column.width + len(SPACE) for column in columns) - len(SPACE)


def _join_row(columns: Sequence[Column], row: int, style: Style) -> Iterator[str]:
    """Yield the lines of a row."""
    for line in range(max(len(column.rows[row]) for column in columns)):
        yield SPACE.join(column.pad(_pick(column.rows[row], line), column.find_look(row), style) for column in columns)


def _break_word(word: str) -> list[str]:
    """Return the pieces of a word that may stand on different lines: a long one is the name of a group.

    >>> _break_word("interval"), _break_word("anthropic/claude-4.5-sonnet-20250929")
    (['interval'], ['anthropic/', 'claude-', '4.5-', 'sonnet-', '20250929'])
    """
    return [word] if measure(word) <= _LONGEST_WORD else _PIECES.findall(word)


def _pick(lines: Sequence[str], place: int) -> str:
    """Return a line, or an empty one outside of the text."""
    return lines[place] if -len(lines) <= place < len(lines) else ""


def turn_columns(columns: Sequence[Column], names: int) -> list[Column]:
    """Return columns as rows: the labels of the figures, and a column per group.

    Args:
        columns: The columns, those with the names of the groups first.
        names: The number of columns with names.
    """
    figures = columns[names:]
    groups = zip(*(column.cells for column in columns[:names]), strict=True)
    heads = [" ".join(group) for group in groups] or [""] * len(figures[0].cells if figures else [])
    labels = Column(" ".join(column.label for column in columns[:names]), [column.label for column in figures])
    return [
        labels,
        *(
            Column(
                head,
                [column.cells[place] for column in figures],
                head,
                is_figure=True,
                losses=frozenset(row for row, column in enumerate(figures) if place in column.losses),
            )
            for place, head in enumerate(heads)
        ),
    ]


def fit_columns(
    names: Sequence[Column], columns: Sequence[Column], width: int, *, rare: Sequence[Column] = ()
) -> tuple[list[Column], list[Column]]:
    """Return columns that fit a width, and those that were left out for it.

    Names of groups are shortened, and words continue on the next line, before a column is left out. At least one column
    remains.

    Args:
        names: The columns with the names of the groups.
        columns: The other columns, the most important ones first.
        width: The number of columns of a terminal.
        rare: Columns that are left out first, in this order; the last ones follow.
    """
    kept = list(columns)
    if _add_widths([*names, *kept]) > width:
        kept = [column for column in kept if not column.is_chart]
    for column in rare:
        if column in kept and _find_least(names, kept, _NAME, _WORDS) > width:
            kept.remove(column)
    while len(kept) > 1 and _find_least(names, kept, *_find_limits(kept)) > width:
        kept.pop()
    left_out = [column for column in columns if column not in kept and not column.is_chart]
    return _fill(names, kept, width), left_out


def _find_limits(columns: Sequence[Column]) -> tuple[int, int]:
    """Return the minimum widths of names and of words, which are smaller if few other columns are left."""
    return (_SHORTEST_NAME if len(columns) > _FEW else _NARROW_NAME), _NARROWEST_WORDS


def _find_least(names: Sequence[Column], columns: Sequence[Column], name: int, words: int) -> int:
    """Return the minimum width of a table whose names and words have these minimum widths."""
    widths = [min(column.width, max(name, column.widest_word)) for column in names]
    widths += [_narrow(column, words).width for column in columns]
    return sum(widths) + len(SPACE) * (len(widths) - 1)


def _narrow(column: Column, words: int = _NARROWEST_WORDS) -> Column:
    if column.is_figure or column.is_chart or column.width <= words:
        return column
    return replace(column, most=words)


def _fill(names: Sequence[Column], columns: Sequence[Column], width: int) -> list[Column]:
    """Return columns with names and words as wide as the width allows: names first."""
    least = sum(_narrow(column).width + len(SPACE) for column in columns)
    labels = _shorten_names(names, width + len(SPACE) - least)
    left = width - sum(column.width + len(SPACE) for column in labels)
    done = []
    for place, column in enumerate(columns):
        others = sum(_narrow(one).width + len(SPACE) for one in columns[place + 1 :])
        fits = column.width <= left - others or _narrow(column) is column
        done.append(column if fits else replace(column, most=max(_NARROWEST_WORDS, left - others)))
        left -= done[-1].width + len(SPACE)
    return [*labels, *done]


def _shorten_names(names: Sequence[Column], width: int) -> list[Column]:
    """Return the columns that name the groups, shortened if they are wider than a width: the widest ones most."""
    done: dict[int, Column] = {}
    for place, column in sorted(enumerate(names), key=lambda item: item[1].width):
        left = width - sum(one.width + len(SPACE) for one in done.values())
        longest = max(_NARROW_NAME, left // (len(names) - len(done)) - len(SPACE))
        done[place] = replace(column, cells=_shorten_apart(column.cells, longest))
    return [done[place] for place in range(len(names))]


def _shorten_apart(names: Sequence[str], longest: int) -> list[str]:
    """Return names shortened to `longest`, or to twice as much if that would make two of them equal."""
    different = len(set(names))
    for most in (longest, 2 * longest):
        cut = [fit(name, most) for name in names]
        if len(set(cut)) == different:
            break
    return cut
