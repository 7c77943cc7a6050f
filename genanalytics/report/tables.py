"""Figures as the tables of a page."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd

from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.plots.groups import name_subject
from genanalytics.report.blocks import Cell, Column, Table
from genanalytics.report.page import clean
from genanalytics.tables.cells import INTERVAL, find_limits, name_groups
from genanalytics.tables.notes import describe_rounding
from genanalytics.units import GAP, PER_MTOK, Unit, format_count, format_value, mark_lower_bound, money_decimals

MOST_ROWS = 10
"""An open table has at most this many groups; the others are one row."""
_MOST_FOLDED = 100
_LONGEST, _LONGEST_WORDS = 80, 200
_LOSSES = ("savings", "margin")
"""A negative figure with one of these in its name is a loss."""
_REST = "rest of a summary"
_UNKNOWN = {
    "effective_cost": "cost_unknown",
    "cost_without_cache": "cost_unknown",
    "cost": "cost_unknown",
    "byok_cost": "byok_unknown",
}
"""The column with the number of unknown costs that a cost does not include."""

Trends = Mapping[Any, Sequence[float | None]]
"""The values over time of each group."""


class Figure(Protocol):
    """A column with figures, such as a statistic; it may have a `description`."""

    @property
    def name(self) -> str:
        """The name of the column."""

    @property
    def label(self) -> str:
        """The heading."""

    @property
    def unit(self) -> Unit:
        """The unit of the values."""


class Shown(NamedTuple):
    """A column with figures that are no statistic; attributes as of `Figure`."""

    name: str
    label: str
    unit: Unit
    description: str = ""


def list_shown(rows: pd.DataFrame, descriptions: Mapping[str, str]) -> list[Shown]:
    """Return columns of a frame by name, with their labels and units in its `attrs` and their descriptions."""
    units, labels = rows.attrs["units"], rows.attrs["labels"]
    return [Shown(name, labels[name], Unit(units[name]), text) for name, text in descriptions.items()]


def make_table(
    summary: pd.DataFrame,
    by: Sequence[str],
    figures: Sequence[Figure],
    *,
    name: str,
    caption: str,
    words: Sequence[str] = (),
    bar: str = "",
    losses: Collection[str] = (),
    trends: Trends | None = None,
    folded: str = "",
    notes: Sequence[str] = (),
) -> Table:
    """Return the first rows of a summary as a table of the page: the columns `by`, then figures, then words.

    Args:
        summary: A row per group, as `summarize` returns it, or the result of `sum_rest`.
        by: The columns that name the groups.
        figures: The columns with figures.
        name: The name of the table, unique on the page.
        caption: Its caption.
        words: Further columns with text.
        bar: The figure that has bars; empty for none.
        losses: The figures that are money lost if they are above 0.
        trends: The values over time of each group, by the first of `by`; they are a column of lines, if there are any.
        folded: The line of a table that is closed at first; empty for an open one.
        notes: Sentences below it.
    """
    shown = summary.head(_MOST_FOLDED)
    rest = summary.attrs.get(_REST, "")
    columns = [_make_group_cells(shown[each], rest=rest if place == 0 else "") for place, each in enumerate(by)]
    for one in figures:
        columns.append(
            make_number_cells(summary, one, rows=len(shown), bar=one.name == bar, is_loss=one.name in losses)
        )
        columns += _make_interval_cells(shown, one)
    columns += [_make_group_cells(shown[each], longest=_LONGEST_WORDS) for each in words]
    headings = [
        *(Column(name_subject(each), numeric=False) for each in by),
        *(heading for one in figures for heading in _make_headings(shown, one)),
        *(Column(each.removesuffix("_name").replace("_", " "), numeric=False) for each in words),
    ]
    if trends is not None and any(map(_is_line, trends.values())):
        columns.insert(len(by), [Cell("", trend=trends.get(group, ())) for group in shown[by[0]]])
        headings.insert(len(by), Column("trend", numeric=False))
    left = len(summary) - len(shown)
    more = [f"{format_count(left, 'more row')}: the table shows the first {_MOST_FOLDED}."] if left else []
    rounding = describe_rounding(shown, [one.name for one in figures])
    return Table(
        name,
        caption,
        headings,
        list(zip(*columns, strict=True)),
        [*notes, *more, *rounding],
        folded,
        bool(rest) and not left,
    )


def make_tables(
    summary: pd.DataFrame,
    by: Sequence[str],
    figures: Sequence[Figure],
    *,
    name: str,
    noun: str,
    **options: Any,  # noqa: ANN401 - of `make_table`
) -> list[Table]:
    """Return a table of the first groups, and a folded one of all if there are more.

    Args:
        summary: A row per group, as `make_table` takes it.
        by: The columns that name the groups.
        figures: The columns with figures.
        name: The name of the table; that of the folded one has `-all` after it.
        noun: What a group is, such as `provider`.
        options: Those of `make_table`.
    """
    first = make_table(summary.head(MOST_ROWS), by, figures, name=name, **options)
    if len(summary) <= MOST_ROWS:
        return [first]
    folded = f"All {format_count(len(summary), noun)}"
    return [first, make_table(summary, by, figures, name=f"{name}-all", folded=folded, **options)]


def make_text_table(
    rows: Iterable[Sequence[str]], labels: Sequence[str], *, name: str, caption: str, folded: str = ""
) -> Table:
    """Return a table of texts."""
    cells = [[Cell(clean(text, 2 * _LONGEST_WORDS)) for text in row] for row in rows]
    return Table(name, caption, [Column(label, numeric=False) for label in labels], cells, folded=folded)


def sum_rest(summary: pd.DataFrame, *, most: int = MOST_ROWS) -> pd.DataFrame:
    """Return the first groups of a ranked summary, and one row for all others with the figures that add up.

    >>> from genanalytics.metrics import summarize
    >>> frame = pd.DataFrame({"model": ["a", "a", "b", "c"], "total_cost": [4.0, 2.0, 1.0, 0.5]})
    >>> summary = summarize(frame, by="model", metrics=["billed_cost"])
    >>> sum_rest(summary, most=1)[["requests", "billed_cost"]].to_dict("list")
    {'requests': [2, 2], 'billed_cost': [6.0, 1.5]}
    """
    if len(summary) <= most + 1:
        return summary
    first, others = summary.head(most), summary.iloc[most:]
    sums = [each for each in (*summary.attrs["sums"], *summary.attrs["shares_of_total"]) if each in summary]
    row = {each: others[each].sum(min_count=1) for each in sums}
    rest = pd.DataFrame([row]).reindex(columns=summary.columns)
    found = pd.concat([first, rest.astype({each: summary[each].dtype for each in sums})], ignore_index=True)
    found.attrs = summary.attrs | {_REST: f"{format_count(len(others), 'other')}"}
    return found


def keep_intervals(summary: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Return a summary with the intervals of these statistics alone."""
    others = [name for name in map(str, summary) if name not in names]
    return summary.drop(columns=[limit for name in others for limit in find_limits(summary, name)])


def rank(summary: pd.DataFrame, *, by: str = "effective_cost") -> pd.DataFrame:
    """Return a summary with the highest cost first."""
    return summary.sort_values([by, "requests"], ascending=False, kind="stable", ignore_index=True)


def make_number_cells(
    summary: pd.DataFrame, figure: Figure, *, rows: int | None = None, bar: bool = False, is_loss: bool = False
) -> list[Cell]:
    """Return the cells of a column of figures: lower bounds have their sign, and losses are alarming.

    Prices per million tokens have their unit in the heading.
    """
    known = [None if pd.isna(value) else float(value) for value in summary[figure.name].array[: rows or None]]
    decimals = money_decimals(known) if figure.unit is Unit.USD else None
    bounds = _find_bounds(summary, figure.name)
    last = len(known) - 1 if _REST in summary.attrs else len(known)  # the others together have no bar
    most = max((value for value in known[:last] if value is not None), default=0.0)
    can_lose = any(word in figure.name for word in _LOSSES)
    return [
        Cell(
            (mark_lower_bound if bounds[place] and value is not None else str)(
                format_value(value, figure.unit, decimals=decimals).removesuffix(PER_MTOK)
            ),
            "" if value is None else repr(int(value) if figure.unit is Unit.COUNT and value.is_integer() else value),
            numeric=True,
            bar=max(value, 0.0) / most if bar and most > 0 and value is not None and place < last else None,
            alarming=value is not None and ((can_lose and value < 0) or (is_loss and value > 0)),
        )
        for place, value in enumerate(known)
    ]


def _find_bounds(summary: pd.DataFrame, name: str) -> list[bool]:
    """Return whether each value of a column is a lower bound: records are missing, or costs of the row are unknown."""
    unknown = summary.get(_UNKNOWN.get(name, ""))
    counts = np.zeros(len(summary)) if unknown is None else to_floats(unknown)
    every = name in summary.attrs["lower_bounds"]
    return [every or count > 0 for count in counts.tolist()]


def _make_headings(shown: pd.DataFrame, figure: Figure) -> list[Column]:
    """Return the heading of a figure, and that of its intervals if there are any."""
    label = f"{figure.label} per M tokens" if figure.unit is Unit.USD_PER_MTOK else figure.label
    headings = [Column(label, definition=getattr(figure, "description", ""))]
    if find_limits(shown, figure.name):
        headings.append(Column(INTERVAL, definition=f"95 % interval of the column before: {label}."))
    return headings


def _make_interval_cells(shown: pd.DataFrame, figure: Figure) -> list[list[Cell]]:
    """Return the column with the intervals of a figure if there are any."""
    limits = [shown[name] for name in find_limits(shown, figure.name)]
    if not limits:
        return []
    spans = [[None if pd.isna(end) else float(end) for end in span] for span in zip(*limits, strict=True)]
    decimals = money_decimals(end for span in spans for end in span) if figure.unit is Unit.USD else None
    texts = [[format_value(end, figure.unit, decimals=decimals) for end in span] for span in spans]
    return [
        [
            Cell(GAP if None in span else " to ".join(text), "" if None in span else repr(span[0]), numeric=True)
            for span, text in zip(spans, texts, strict=True)
        ]
    ]


def list_trends(summary: pd.DataFrame, by: str, figure: str) -> Trends:
    """Return the values of a figure over time by group; those of an open period are left out.

    Args:
        summary: The result of `summarize` with `by` and `every`.
        by: The column with the groups.
        figure: The column with the figure.
    """
    dated = summary[summary["time"].notna() & ~summary["open"].fillna(value=False)]
    return {
        group: [None if value != value else value for value in to_floats(rows[figure]).tolist()]  # noqa: PLR0124 - NaN
        for group, rows in dated.groupby(by, dropna=False, sort=False)
    }


def _is_line(values: Sequence[float | None]) -> bool:
    return sum(value is not None for value in values) > 1


def _make_group_cells(groups: "pd.Series[Any]", *, longest: int = _LONGEST, rest: str = "") -> list[Cell]:
    texts = name_groups(groups)
    if rest:
        texts[-1] = rest
    return [Cell(clean(text, longest)) for text in texts]
