"""Rows as a table in Markdown or HTML, with labels, units and notes; texts of strangers are escaped."""

import re
from collections.abc import Sequence

import pandas as pd

from genanalytics.base.html import make_block, make_table, to_html
from genanalytics.base.text import escape_unprintable
from genanalytics.metrics.declare import name_limits
from genanalytics.tables.layout import Column
from genanalytics.tables.notes import list_notices
from genanalytics.tables.table import list_columns
from genanalytics.tables.trim import list_groups

_ACTING = re.compile(r"[\\`*_{}\[\]<>#|~$&!]|(?<=\w):(?=//)|(?<=www)\.|@", re.IGNORECASE)
"""What Markdown does not take literally: marks, formulas, links and mentions."""
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>genanalytics</title>
<style>
body {{ font-family: system-ui, sans-serif; font-variant-numeric: tabular-nums; margin: 2em; }}
table {{ border-collapse: collapse; margin-bottom: 1em; }}
th, td {{ border-bottom: 1px solid #ccc; padding: 0.3em 0.8em; }}
</style>
</head>
<body>{}</body>
</html>
"""


def encode_markdown(rows: pd.DataFrame) -> str:
    r"""Return rows as a Markdown table, with notes below it.

    >>> rows = pd.DataFrame({"model": ["a|b", "*"], "requests": [1200, 7]})
    >>> rows.attrs = {"units": {"requests": "count"}, "labels": {"requests": "requests"}}
    >>> print(encode_markdown(rows), end="")
    | model | requests |
    | --- | ---: |
    | a\|b | 1,200 |
    | \* | 7 |
    """
    columns = _list_columns(rows)
    rule = ["---:" if column.is_figure else "---" for column in columns]
    lines = [[_escape(column.label) for column in columns], rule]
    lines += [list(map(_escape, cells)) for cells in zip(*(column.cells for column in columns), strict=True)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join([table, *map(_escape, list_notices(rows))]) + "\n"


def encode_html(rows: pd.DataFrame) -> str:
    """Return rows as an HTML page with a table, and notes below it; the page has no script and no external parts."""
    columns = _list_columns(rows)
    figures = [place for place, column in enumerate(columns) if column.is_figure]
    cells = zip(*(column.cells for column in columns), strict=True)
    table = make_table([column.label for column in columns], cells, figures=figures)
    notes = [f"<p>{to_html(notice, longest=None)}</p>" for notice in list_notices(rows)]
    return _PAGE.format(make_block(table, *notes))


def _list_columns(rows: pd.DataFrame) -> Sequence[Column]:
    groups = list_groups(rows)
    limits = {limit for name in map(str, rows.columns) for limit in name_limits(name)}
    named = [name for name in rows.columns if name not in groups and name not in limits]
    return list_columns(rows, groups, named)


def _escape(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    return _ACTING.sub(lambda found: f"\\{found[0]}", escape_unprintable(text))
