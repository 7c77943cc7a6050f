"""Tables for notebooks: HTML without script, style sheet or external parts, in the colors of the page around it.

Untrusted text is escaped. The classes of a block keep MathJax from reading dollar signs as formulas. The class of a
table is that of pandas: notebooks and sites style it for light and dark. Each cell has its alignment and its padding in
an attribute, which JupyterLab, VS Code, nbconvert and myst-nb keep; GitHub drops it and pads all tables itself.
"""

import itertools
from collections.abc import Collection, Iterable, Sequence
from html import escape

from genanalytics.base.text import escape_unprintable

_LONGEST = 160
_PADDING = "padding: 0.3em 0.8em"


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
        styles = (
            f"{_PADDING}; text-align: {of_figures if place in figures else 'left'}" for place in itertools.count()
        )
        parts = (f'<{tag} style="{style}">{to_html(cell)}</{tag}>' for cell, style in zip(cells, styles, strict=False))
        return f"<tr>{''.join(parts)}</tr>"

    head = line("th", heads, "right")
    body = "".join(line("td", row, "right; white-space: nowrap") for row in rows)
    return f'<table class="dataframe"><thead>{head}</thead><tbody>{body}</tbody></table>'


def make_lines(sentences: Iterable[str]) -> str:
    """Return a paragraph with each sentence on a line, none of them cut; an empty text without any.

    >>> make_lines(["a < b", "c"]), make_lines([])
    ('<p>a &lt; b<br>c</p>', '')
    """
    lines = "<br>".join(to_html(sentence, longest=None) for sentence in sentences)
    return f"<p>{lines}</p>" if lines else ""


def to_html(value: object, *, longest: int | None = _LONGEST) -> str:
    """Return a value as HTML text: on one line, of bounded length, without marks that reverse the direction of text."""
    text = f"{value:,}" if isinstance(value, int) else escape_unprintable(str(value))
    return escape(text if longest is None or len(text) <= longest else f"{text[: longest - 1]}…")
