"""Tables for notebooks: HTML without script, style sheet or anything from elsewhere, in the colours of its page.

Strangers' text is escaped, and the classes keep MathJax from taking dollar signs for formulas.
"""

from collections.abc import Collection, Iterable, Sequence
from html import escape

from genanalytics.units import printable

_LONGEST = 160


def block(*parts: str) -> str:
    """Return HTML in which a dollar sign is one."""
    return f'<div class="tex2jax_ignore mathjax_ignore">{"".join(parts)}</div>'


def table(heads: Iterable[object], rows: Iterable[Sequence[object]], *, figures: Collection[int] = ()) -> str:
    """Return a table.

    Args:
        heads: What stands above the columns.
        rows: The cells of each row.
        figures: Which columns hold figures, and stand to the right; the others stand to the left.
    """

    def line(tag: str, cells: Iterable[object], of_figures: str) -> str:
        parts = (
            f'<{tag} style="text-align: {of_figures if place in figures else "left"}">{safe(cell)}</{tag}>'
            for place, cell in enumerate(cells)
        )
        return f"<tr>{''.join(parts)}</tr>"

    body = "".join(line("td", row, "right; white-space: nowrap") for row in rows)
    return f"<table><thead>{line('th', heads, 'right')}</thead><tbody>{body}</tbody></table>"


def safe(value: object) -> str:
    """Return a value as HTML text: on one line, of bounded length, and without marks that turn the writing around."""
    text = f"{value:,}" if isinstance(value, int) else printable(str(value))
    return escape(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
