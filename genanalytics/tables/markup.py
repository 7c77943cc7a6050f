"""A table in Markdown or HTML, with labels, units and notes; texts of strangers are escaped."""

import re

from genanalytics.base.html import make_block, make_lines, make_table
from genanalytics.base.text import escape_unprintable
from genanalytics.tables.table import Table

_ACTING = re.compile(r"[\\`*_{}\[\]<>#|~$&!]|(?<=\w):(?=//)|(?<=www)\.|@", re.IGNORECASE)
"""What Markdown does not take literally: marks, formulas, links and mentions."""
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>genanalytics</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font-family: system-ui, sans-serif; font-variant-numeric: tabular-nums; margin: 2em; }}
table {{ border-collapse: collapse; margin-bottom: 1em; }}
th, td {{ border-bottom: 1px solid #8886; }}
</style>
</head>
<body>{}</body>
</html>
"""


def encode_markdown(table: Table) -> str:
    r"""Return a table in Markdown, with its notes below it.

    >>> import pandas as pd
    >>> rows = pd.DataFrame({"model": ["a|b", "*"], "requests": [1200, 7]})
    >>> rows.attrs = {"units": {"requests": "count"}, "labels": {"requests": "requests"}}
    >>> print(encode_markdown(Table(summary=rows, by=["model"], names=["requests"])), end="")
    | model | requests |
    | --- | ---: |
    | a\|b | 1,200 |
    | \* | 7 |
    """
    columns, notes = table.lay_out()
    rule = ["---:" if column.is_figure else "---" for column in columns]
    lines = [[_escape(column.label) for column in columns], rule]
    lines += [list(map(_escape, cells)) for cells in zip(*(column.cells for column in columns), strict=True)]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join([text, *map(_escape, notes)]) + "\n"


def encode_html(table: Table) -> str:
    """Return a table as an HTML page, with its notes below it; the page has no script and no external parts."""
    columns, notes = table.lay_out()
    figures = [place for place, column in enumerate(columns) if column.is_figure]
    cells = zip(*(column.cells for column in columns), strict=True)
    rows = make_table([column.label for column in columns], cells, figures=figures)
    return _PAGE.format(make_block(rows, make_lines(notes)))


def _escape(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    return _ACTING.sub(lambda found: f"\\{found[0]}", escape_unprintable(text))
