"""Tables for notebooks: HTML without script, style sheet or external parts, in the colours of the page around it.

Untrusted text is escaped. The classes keep MathJax from reading dollar signs as formulas.
"""

from collections.abc import Collection, Iterable, Sequence
from html import escape

from genanalytics.base.text import escape_unprintable

_LONGEST = 160


def make_block(*parts: str) -> str:
    """Return HTML in which a dollar sign is a dollar sign."""
    return f'<div class="tex2jax_ignore mathjax_ignore">{"".join(parts)}</div>'


def make_table(heads: Iterable[object], rows: Iterable[Sequence[object]], *, figures: Collection[int] = ()) -> str:
    """Return a table.

    Args:
        heads: The headings of the columns.
        rows: The cells of each row.
        figures: The places of the columns with figures, which are aligned to the right; the others to the left.
    """

    def line(tag: str, cells: Iterable[object], of_figures: str) -> str:
        parts = (
            f'<{tag} style="text-align: {of_figures if place in figures else "left"}">{to_html(cell)}</{tag}>'
            for place, cell in enumerate(cells)
        )
        return f"<tr>{''.join(parts)}</tr>"

    body = "".join(line("td", row, "right; white-space: nowrap") for row in rows)
    return f"<table><thead>{line('th', heads, 'right')}</thead><tbody>{body}</tbody></table>"


def to_html(value: object, *, longest: int | None = _LONGEST) -> str:
    """Return a value as HTML text: on one line, of bounded length, without marks that reverse the direction of text."""
    text = f"{value:,}" if isinstance(value, int) else escape_unprintable(str(value))
    return escape(text if longest is None or len(text) <= longest else f"{text[: longest - 1]}…")
