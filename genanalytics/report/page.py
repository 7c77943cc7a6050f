"""The report as one HTML file: what was asked, what was found, the charts, their numbers."""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from genanalytics.metrics import REQUESTS, Statistic
from genanalytics.units import NOTHING, Unit, counted, money_decimals, write

_MOST_ROWS = 200
_LONGEST = 80
UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table of the page."""

    label: str
    numeric: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: what people read and, of a number, what it is sorted by."""

    text: str
    value: str = ""
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the page, and what is said about the rows that it leaves out."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """A number that stands alone."""

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
    """Charts that belong together, and a table."""

    name: str
    title: str
    charts: Sequence[Chart]
    table: Table | None = None


def readable(text: str, longest: int = _LONGEST) -> str:
    """Return a stranger's text without what no page can hold, cut in the middle where it is long.

    >>> readable("a" * 500)
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
    """
    clean = UNREADABLE.sub("\N{REPLACEMENT CHARACTER}", text)
    if len(clean) <= longest:
        return clean
    head = (longest - 1) // 2
    return f"{clean[:head]}…{clean[len(clean) - (longest - 1 - head) :]}"


def table_of(summary: pd.DataFrame, keys: Sequence[str], statistics: Sequence[Statistic], caption: str) -> Table:
    """Return a summary as a table of the page, its first rows where there are many.

    Args:
        summary: What `summarize` returned.
        keys: The columns that name the groups.
        statistics: The columns to show after them.
        caption: What the table is.
    """
    shown = summary.head(_MOST_ROWS)
    columns = [[_name(value) for value in shown[key].tolist()] for key in keys]
    columns += [_numbers(shown[statistic.name].tolist(), statistic.unit) for statistic in statistics]
    left = len(summary) - len(shown)
    return Table(
        caption,
        [*(Column(key.replace("_", " "), numeric=False) for key in keys), *(Column(each.label) for each in statistics)],
        list(zip(*columns, strict=True)),
        f"{counted(left, 'row')} more than the {_MOST_ROWS} shown." if left else "",
    )


def text_table(caption: str, labels: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a table of texts."""
    return Table(
        caption,
        [Column(label, numeric=False) for label in labels],
        [[Cell(readable(text, 400)) for text in row] for row in rows],
    )


def definitions(statistics: Sequence[Statistic]) -> Table:
    """Return what the statistics of a page mean."""
    rows = [(each.name, each.label, each.unit.value, each.description) for each in (REQUESTS, *statistics)]
    return text_table("What the numbers mean", ("name", "label", "unit", "meaning"), rows)


def rendered(content: Mapping[str, Any]) -> str:
    """Return the page; the same content gives the same text.

    Args:
        content: What `page.html` shows, by name.
    """
    here = files("genanalytics.report")
    style, script = ((here / name).read_text(encoding="utf-8") for name in ("style.css", "script.js"))
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string((here / "page.html").read_text(encoding="utf-8"))
    allowed = f"style-src {_hashed(style)}; script-src {_hashed(script)}"
    policy = f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"
    page = template.render(content, policy=policy, style=Markup(style), script=Markup(script))  # noqa: S704 - our own files
    return page.strip() + "\n"


def _hashed(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _numbers(values: Sequence[Any], unit: Unit) -> list[Cell]:
    known = [None if pd.isna(value) else float(value) for value in values]
    decimals = money_decimals(known) if unit is Unit.USD else None
    return [
        Cell(write(value, unit, decimals=decimals), "" if value is None else repr(value), numeric=True)
        for value in known
    ]


def _name(value: object) -> Cell:
    if pd.isna(value):  # type: ignore[call-overload]
        return Cell(NOTHING)
    if isinstance(value, pd.Timestamp):
        return Cell(f"{value:%Y-%m-%d}" if value == value.normalize() else f"{value:%Y-%m-%d %H:%M}")
    return Cell(readable(str(value)))
