"""The report as one HTML file: its subject, findings, charts and numbers."""

import base64
import hashlib
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Protocol

import jinja2
import pandas as pd
from markupsafe import Markup

from genanalytics.base.text import capitalize, escape_unprintable, shorten
from genanalytics.metrics import REQUESTS, Statistic
from genanalytics.report.blocks import Block, Chart as BlockChart, Page, Table as BlockTable
from genanalytics.tables.cells import name_groups
from genanalytics.tables.notes import describe_rounding
from genanalytics.units import Unit, format_count, format_value, mark_lower_bound, money_decimals

_MOST_ROWS = 200
_LONGEST = 80
_FEW_CHARTS = 2
_LONGEST_WORDS = 200
UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")


class Figure(Protocol):
    """A column with figures, such as a statistic."""

    @property
    def name(self) -> str:
        """The name of the column."""

    @property
    def label(self) -> str:
        """The heading."""

    @property
    def unit(self) -> Unit:
        """The unit of the values."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table of the page."""

    label: str
    numeric: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its text and, for a number, the value to sort by."""

    text: str
    value: str = ""
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the page, with notes on the rows that it leaves out and on shares that do not add up to 100 %."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Tile:
    """A single large number."""

    label: str
    figure: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of the page, and the numbers that it draws."""

    name: str
    title: str
    description: str
    svg: Markup
    numbers: Table


@dataclass(frozen=True, slots=True)
class Section:
    """Charts on one subject, and a table."""

    name: str
    title: str
    charts: Sequence[Chart]
    table: Table


def clean(text: str, longest: int = _LONGEST) -> str:
    """Return untrusted text without characters that cannot be seen or in HTML, cut in the middle if it is long.

    >>> clean("a" * 500)
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
    """
    return shorten(escape_unprintable(text), longest)


def make_table(
    summary: pd.DataFrame, by: Sequence[str], figures: Sequence[Figure], caption: str, *, words: Sequence[str] = ()
) -> Table:
    """Return the first rows of a summary as a table of the page: the columns `by`, then figures, then words."""
    shown = summary.head(_MOST_ROWS)
    columns = [_make_group_cells(shown[name]) for name in by]
    bounds = summary.attrs["lower_bounds"]
    columns += [_make_number_cells(shown[one.name].tolist(), one.unit, is_bound=one.name in bounds) for one in figures]
    columns += [_make_group_cells(shown[name], _LONGEST_WORDS) for name in words]
    left = len(summary) - len(shown)
    return Table(
        caption,
        [
            *(Column(name.replace("_", " "), numeric=False) for name in by),
            *(Column(one.label) for one in figures),
            *(Column(name.replace("_", " "), numeric=False) for name in words),
        ],
        list(zip(*columns, strict=True)),
        [
            *([f"{format_count(left, 'more row')}: the table shows the first {_MOST_ROWS}."] if left else []),
            *describe_rounding(shown, [one.name for one in figures]),
        ],
    )


def make_text_table(caption: str, labels: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a table of texts."""
    return Table(
        caption,
        [Column(label, numeric=False) for label in labels],
        [[Cell(clean(text, 400)) for text in row] for row in rows],
    )


def define(statistics: Sequence[Statistic]) -> Table:
    """Return a table with the meaning of statistics."""
    rows = [(each.name, each.label, each.unit.value, each.description) for each in (REQUESTS, *statistics)]
    return make_text_table("Meaning of the numbers", ("name", "label", "unit", "meaning"), rows)


def render(page: "Page | Mapping[str, Any]") -> str:
    """Return a page as HTML; the same page gives the same text."""
    if isinstance(page, Mapping):
        return _fill("content.html", "content.css", page)
    return _fill(
        "page.html",
        "style.css",
        {
            "page": page,
            "titles": dict(_list_titles(page)),
            "common": _find_common_details(page),
            "capitalize": capitalize,
            "draw_trend": draw_trend,
            "pair": _pair,
        },
    )


def draw_trend(values: Sequence[float | None]) -> str:
    """Return the lines of values as the path of an SVG of 100 by 24; gaps divide it, and a value alone is a dot.

    >>> draw_trend([1, 2, None, 3])
    'M0 22L33.3 12M100 2h0'
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(known) < 2:  # noqa: PLR2004 - one value is no line
        return ""
    low, height = min(known), (max(known) - min(known)) or 1.0
    path, before = "", False
    for place, value in enumerate(values):
        if value is None or not math.isfinite(value):
            before = False
            continue
        point = f"{100 * place / (len(values) - 1):.3g} {22 - 20 * (value - low) / height:.3g}"
        follows = place + 1 < len(values) and values[place + 1] is not None
        path += f"L{point}" if before else f"M{point}{'' if follows else 'h0'}"
        before = True
    return path


def _find_common_details(page: Page) -> set[str]:
    """Return the details that most charts share, such as the number of requests: the scope of the page has them."""
    charts = [block for section in page.sections for block in section.blocks if isinstance(block, BlockChart)]
    counts = Counter(detail for chart in charts for detail in chart.details[:1])
    return {detail for detail, number in counts.items() if number > _FEW_CHARTS and number > len(charts) / 2}


def _pair(blocks: Sequence[Block]) -> list[list[Block]]:
    """Return blocks in order, with half charts that follow each other in one list."""
    return [
        run
        for is_half, group in itertools.groupby(blocks, lambda block: isinstance(block, BlockChart) and block.half)
        for run in ([list(group)] if is_half else [[block] for block in group])
    ]


def _list_titles(page: Page) -> Iterator[tuple[str, str]]:
    """Yield the names that a link can lead to, and what they are."""
    for section in page.sections:
        yield section.name, section.title
        for block in section.blocks:
            if isinstance(block, BlockChart):
                yield block.name, block.title
            elif isinstance(block, BlockTable):
                yield block.name, block.caption


def _fill(template: str, sheet: str, content: Mapping[str, Any]) -> str:
    """Return a template with its content, style and script; the policy allows these alone."""
    here = files("genanalytics.report")
    style, script = ((here / name).read_text(encoding="utf-8") for name in (sheet, "script.js"))
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.tests["of_kind"] = lambda block, kind: type(block).__name__ == kind
    filled = environment.from_string((here / template).read_text(encoding="utf-8"))
    allowed = f"style-src {_hash(style)}; script-src {_hash(script)}"
    policy = f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"
    text = filled.render(content, policy=policy, style=Markup(style), script=Markup(script))  # noqa: S704 - our own files
    return text.strip() + "\n"


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _make_number_cells(values: Sequence[Any], unit: Unit, *, is_bound: bool) -> list[Cell]:
    known = [None if pd.isna(value) else float(value) for value in values]
    decimals = money_decimals(known) if unit is Unit.USD else None
    mark = mark_lower_bound if is_bound else str
    return [
        Cell(mark(format_value(value, unit, decimals=decimals)), "" if value is None else repr(value), numeric=True)
        for value in known
    ]


def _make_group_cells(groups: pd.Series, longest: int = _LONGEST) -> list[Cell]:
    texts = [group if isinstance(group, str) else name for group, name in zip(groups, name_groups(groups), strict=True)]
    return [Cell(clean(text, longest)) for text in texts]
