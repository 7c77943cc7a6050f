"""The tables of a page as text within the width of a terminal."""

import textwrap
from collections.abc import Sequence

from genanalytics.bill.page import Section, clean
from genanalytics.tables.layout import SPACE, Column, fit_columns, join_columns
from genanalytics.tables.notes import wrap_notes
from genanalytics.tables.style import PLAIN, Style


def format_section(section: Section, *, width: int, rare: Sequence[str] = (), style: Style = PLAIN) -> str:
    """Return a section whose first row has the headings as lines of text, at most `width` wide if possible.

    Names are shortened before a column is left out, and a line names the columns that are.

    Args:
        section: The title and the rows.
        width: The maximum number of characters in a line.
        rare: The headings of the columns to leave out, in this order.
        style: The look.

    >>> section = Section("By model", (("", "records"), ("a", "$0.25")), (1,))
    >>> print(format_section(section, width=80))
    By model
         records
      a    $0.25
    """
    head, *rows = ([clean(cell) for cell in row] for row in section.rows)
    columns = [
        Column(label, [row[place] for row in rows], label, is_figure=place in section.figures)
        for place, label in enumerate(head)
        if label or any(row[place] for row in rows)
    ]
    least = [column for name in rare for column in columns if column.name == name]
    fitting, left_out = fit_columns(columns[:1], columns[1:], width - len(SPACE), rare=least)
    names = ", ".join(column.label for column in left_out)
    missing = wrap_notes([f"Not shown for lack of width: {names}; --json has all."] if names else [], width)
    return "\n".join([clean(section.title), textwrap.indent(join_columns(fitting, style=style), SPACE), *missing])
