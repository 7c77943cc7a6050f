"""Figures by group as people read them: text that fits a terminal, and a table for notebooks."""

from collections.abc import Iterable, Mapping, Sequence, Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import chain

import pandas as pd

from genanalytics.base.html import make_block, make_lines, make_table
from genanalytics.base.text import escape_unprintable, list_names, suggest
from genanalytics.errors import InputError
from genanalytics.metrics.sets.cost import EFFECTIVE_COST, REQUESTS
from genanalytics.tables.cells import PARTS, make_columns, name_rows
from genanalytics.tables.charts import Trends, draw_bars, make_key
from genanalytics.tables.figures import SHARES, AnyFrame, Figures, read_figures
from genanalytics.tables.layout import Column, fit_columns, join_columns, turn_columns
from genanalytics.tables.notes import describe_gaps, describe_rounding, list_notices, put_unknown_last, wrap_notes
from genanalytics.tables.style import PLAIN, Style
from genanalytics.tables.trim import describe_left_out, find_total, list_bounds
from genanalytics.units import format_count

MAX_ROWS = 100
"""The number of rows that a table shows unless a limit is given."""
_MOST_COLUMNS = 12
"""Of more columns than this, a table shows the main ones."""
_FEWEST_MAIN = 3
_MOST_NAMED = 8
"""A line names at most this many columns that do not fit."""
MAIN = (
    "effective_cost",
    "cost_share",
    "net_cache_savings",
    "cache_savings_rate",
    "ttft_ms_p50",
    "ttft_ms_p95",
    "e2e_ms_p50",
    "e2e_ms_p95",
)
"""The main statistics of requests."""
_MAIN = (REQUESTS.name, "first", "length_ms", *MAIN)
TIMES = ("time", "day", "hour", "weekday")
"""Groups in their own order."""


@dataclass(frozen=True, slots=True, repr=False, eq=False, kw_only=True)
class Table:
    """Figures by group in a terminal or a notebook, with the notes that explain them.

    Attributes:
        summary: The figures of all rows, in the order of the table, with units and labels in `attrs`.
        by: The columns that name the rows.
        names: The columns with figures, the most important ones first.
        total: The figures of all rows as one row; None for a table without one.
        at_least: Columns whose total is shown as a lower bound.
        notes: The lines below the table.
        limit: The number of rows that it shows; None for all, of which a notebook and `print` show 100.
        is_turned: Whether each figure is a row, and each group a column.
        trends: The costs of the groups over time, for a terminal with room.
        width: The maximum number of characters in a line.
    """

    summary: pd.DataFrame
    by: list[str]
    names: list[str]
    total: pd.DataFrame | None = None
    at_least: AbstractSet[str] = frozenset()
    notes: Sequence[str] = ()
    limit: int | None = None
    is_turned: bool = False
    trends: Trends | None = None
    width: int = 120

    def __repr__(self) -> str:
        return replace(self, limit=MAX_ROWS if self.limit is None else self.limit).to_text(width=self.width)

    def to_text(self, *, width: int, style: Style = PLAIN) -> str:
        """Return the table with its notes, at most `width` wide if possible; without a limit it contains all rows."""
        shown = self.summary if self.limit is None else self.summary.head(self.limit)
        if self.is_turned:
            labels, *groups = self._list_columns(shown)
            fitting, left_out = fit_columns([labels], groups, width)
            missing = wrap_notes(_describe_narrow(left_out, "select some of them"), width)
            text = "\n".join([join_columns(fitting, style=style), *missing])
        else:
            text = format_table(
                shown,
                self.by,
                self.names,
                total=self.total,
                at_least=self.at_least,
                width=width,
                style=style,
                trends=self.trends,
            )
        return "\n".join([text, *wrap_notes(self._list_notes(shown), width)])

    def lay_out(self) -> tuple[list[Column], list[str]]:
        """Return the columns and the notes of the table; without a limit it contains all rows."""
        shown = self.summary if self.limit is None else self.summary.head(self.limit)
        return self._list_columns(shown), self._list_notes(shown)

    def _repr_html_(self) -> str:
        columns, lines = replace(self, limit=MAX_ROWS if self.limit is None else self.limit).lay_out()
        figures = [place for place, column in enumerate(columns) if column.is_figure]
        heads, cells = [column.label for column in columns], [column.cells for column in columns]
        return make_block(make_table(heads, zip(*cells, strict=True), figures=figures), make_lines(lines))

    def _list_columns(self, shown: pd.DataFrame) -> list[Column]:
        columns = list_columns(shown, self.by, self.names, total=self.total, at_least=self.at_least)
        return turn_columns(columns, len(self.by)) if self.is_turned else columns

    def _list_notes(self, shown: pd.DataFrame) -> list[str]:
        left_out = describe_left_out(self.summary.iloc[len(shown) :])
        rounding = [] if self.is_turned else describe_rounding(shown, self.names)
        return put_unknown_last([*left_out, *rounding, *self.notes])


def table(
    data: AnyFrame,
    *,
    columns: Sequence[str] | None = None,
    units: Mapping[str, str] | str | None = None,
    limit: int | None = MAX_ROWS,
    total: bool = True,
) -> Table:
    """Return any frame with figures in a form that people read: with labels, units, intervals, a total and notes.

    Rows in the order of their groups, as `summarize` returns them, are shown with the most expensive group first; rows
    in any other order stay in it.

    Args:
        data: The result of `summarize`, `sessions`, `quality` and others; what you make of it by selecting, sorting,
            merging, pivoting or transposing; a Series; or a frame of your own. Columns without a known unit are shown
            as they are.
        columns: The columns to show after the names of the groups. By default all of them, or the main ones of more
            than 12.
        units: The units of your own columns, such as `{"margin": "usd"}`, or one for all columns with numbers. Units
            are usd, usd_per_mtok, ms, tokens, tokens_per_s, share, points, ratio, count, time and none.
        limit: The number of rows to show; None for all.
        total: Whether the last row of several has the total: that in `attrs`, or the sums of the columns that add up.

    Returns:
        The table. If some of the requested ids have no record, each count and each sum is shown as a lower bound, and
        the coverage is below the table.

    Raises:
        InputError: It is no frame, or a column or a unit does not exist.

    >>> frame = pd.DataFrame({"model": ["a", "b"], "requests": [1200, 7], "ttft_ms_p50": [812.0, 12_345.0]})
    >>> table(frame)
                       TTFT
    model  requests     p50
    a         1,200  812 ms
    b             7  12.3 s
    total     1,207       –
    """
    figures = read_figures(data, units)
    names = _choose_columns(figures, columns)
    rows = _rank_rows(figures.frame, figures.by)
    whole = find_total(rows) if total and figures.by and len(rows) > 1 and not figures.is_turned else None
    hidden = len(figures.names) - len(names) if columns is None else 0
    more = [f"{format_count(hidden, 'more column')}: `columns` chooses."] if hidden else []
    return Table(
        summary=rows,
        by=figures.by,
        names=names,
        total=whole,
        at_least=list_bounds(rows),
        notes=[*list_notices(rows), *describe_gaps(names, [rows]), *more],
        limit=limit,
        is_turned=figures.is_turned,
    )


def _choose_columns(figures: Figures, columns: Sequence[str] | None) -> list[str]:
    """Return the names of the columns to show: the given ones, or the main ones of many.

    Raises:
        InputError: A given column does not exist.
    """
    every = list(map(str, figures.frame.columns))
    for name in columns or ():
        if name not in every:
            msg = f"no column {name!r}; {suggest(str(name), every)}there are {list_names(every, near=str(name))}"
            raise InputError(msg)
    if columns is not None:
        return [name for name in dict.fromkeys(columns) if name not in figures.by]
    names = figures.names
    if len(names) <= _MOST_COLUMNS or figures.is_turned:
        return names
    main = [name for name in _MAIN if name in names]
    return main if len(main) >= _FEWEST_MAIN else names[:_MOST_COLUMNS]


def _rank_rows(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return rows with the most expensive group first, within each period; rows in an order of their own stay in it."""
    cost = EFFECTIVE_COST.name
    if not by or cost not in rows.attrs["units"] or not _is_in_order(rows[list(by)]):
        return rows
    times = [name for name in by if name in TIMES]
    ranked = rows.sort_values([*times, cost], ascending=[*[True] * len(times), False], kind="stable", ignore_index=True)
    ranked.attrs = rows.attrs
    return ranked


def _is_in_order(groups: pd.DataFrame) -> bool:
    """Return whether groups are sorted, the missing ones last."""
    try:
        in_order = groups.sort_values(list(map(str, groups)), kind="stable", ignore_index=True)
    except TypeError:  # values of several types
        return False
    return in_order.equals(groups.reset_index(drop=True))


def format_table(
    summary: pd.DataFrame,
    by: Sequence[str],
    names: Iterable[str],
    *,
    total: pd.DataFrame | None = None,
    at_least: AbstractSet[str] = frozenset(),
    rare: Sequence[str] = (),
    width: int = 100,
    style: Style = PLAIN,
    trends: Trends | None = None,
) -> str:
    """Return figures by group as lines of text, at most `width` wide if possible.

    Names of groups are shortened as long as they stay distinct, and words continue on the next line. If the table is
    still too wide, the last columns are left out, and a line below the table names them.

    Args:
        summary: A row per group, with `units` and `labels` in `attrs`, as `summarize` returns it.
        by: The columns that name the groups.
        names: The columns to show after them, in this order. The interval of a column (`<name>_low`, `<name>_high`)
            follows it.
        total: The same columns over all rows, as one row; shown last.
        at_least: Columns whose last row is shown as a lower bound; those of `attrs["lower_bounds"]` are in every row.
        rare: The columns to leave out before the last ones, in this order.
        width: The maximum number of characters in a line.
        style: The look.
        trends: The costs of the groups over time, which a style with charts draws.
    """
    columns = list_columns(summary, by, names, total=total, at_least=at_least)
    labels, figures = columns[: len(by)], columns[len(by) :]
    if style.has_charts:
        figures = _add_charts(summary, by, figures, trends, 0 if total is None else len(total))
    least = [column for column in figures if column.name == REQUESTS.name and column.label in PARTS]  # its change
    least += [column for name in rare for column in reversed(figures) if column.name == name]
    fitting, left_out = fit_columns(labels, figures, width, rare=least)
    text = join_columns(fitting, style=style, totals=0 if total is None else len(total))
    return "\n".join([text, *wrap_notes(_describe_narrow(left_out, style.choice), width)])


def list_columns(
    summary: pd.DataFrame,
    by: Sequence[str],
    names: Iterable[str],
    *,
    total: pd.DataFrame | None = None,
    at_least: AbstractSet[str] = frozenset(),
) -> list[Column]:
    """Return the columns of a table, with the total as the last row; arguments are those of `format_table`."""
    rows = summary if total is None else pd.concat([summary, total])
    totals = len(rows) - len(summary)
    figures = (make_columns(rows, name, summary.attrs, is_bound=name in at_least) for name in names)
    return [*name_rows(summary, by, totals), *(column.clear_words(totals) for column in chain(*figures))]


def _add_charts(
    summary: pd.DataFrame, by: Sequence[str], figures: Sequence[Column], trends: Trends | None, totals: int
) -> list[Column]:
    """Return columns with a bar after each share of the total, and with the trend as the last one."""
    drawn: list[Column] = []
    for column in figures:
        drawn.append(column)
        if column.name in summary.attrs.get(SHARES, ()) and by and column.label not in PARTS:
            drawn.append(draw_bars(summary[column.name].tolist(), totals))
    if trends is not None:
        drawn.append(trends.draw(map(make_key, summary[list(by)].itertuples(index=False)), totals))
    return drawn


def _describe_narrow(columns: Sequence[Column], choice: str) -> list[str]:
    """Return a line on columns that do not fit, if there are any: the names by which they are chosen, and how."""
    whole = [column.name for column in columns if column.label not in PARTS]
    parts = [
        f"{PARTS[column.label]} {column.name}"
        for column in columns
        if column.label in PARTS and column.name not in whole
    ]
    names = [escape_unprintable(name) for name in [*whole, *parts]]
    more = [f"{len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    return [f"Not shown for lack of width: {', '.join([*names[:_MOST_NAMED], *more])}; {choice}."] if names else []
