"""Tables for notebooks: HTML without script, style sheet or anything from elsewhere, in the colours of its page.

Strangers' text is escaped, and the classes keep MathJax from taking dollar signs for formulas.
"""

import itertools
from collections.abc import Iterable, Sequence
from html import escape

from genanalytics.units import printable

_LONGEST = 160


def block(*parts: str) -> str:
    """Return HTML in which a dollar sign is one."""
    return f'<div class="tex2jax_ignore mathjax_ignore">{"".join(parts)}</div>'


def table(heads: Iterable[object], rows: Iterable[Sequence[object]], *, names: int | None = None) -> str:
    """Return a table.

    Args:
        heads: What stands above the columns.
        rows: The cells of each row.
        names: How many columns stand to the left; those after them hold figures, and stand to the right. None for all.
    """

    def line(tag: str, cells: Iterable[object]) -> str:
        sides = (names is None or place < names for place in itertools.count())
        parts = (
            f'<{tag} style="text-align: {"left" if left else "right"}">{safe(cell)}</{tag}>'
            for cell, left in zip(cells, sides, strict=False)
        )
        return f"<tr>{''.join(parts)}</tr>"

    body = "".join(line("td", row) for row in rows)
    return f"<table><thead>{line('th', heads)}</thead><tbody>{body}</tbody></table>"


def safe(value: object) -> str:
    """Return a value as HTML text: on one line, of bounded length, and without marks that turn the writing around."""
    text = f"{value:,}" if isinstance(value, int) else printable(str(value))
    return escape(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
