"""Figures by group as people read them: text that fits a terminal, and a table for notebooks."""

import itertools
import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence, Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import pandas as pd

from genanalytics.base.html import make_block, make_table, to_html
from genanalytics.base.text import escape_unprintable, name_group, shorten
from genanalytics.errors import InputError
from genanalytics.metrics.declare import name_limits
from genanalytics.records.coverage import COVERAGE, Coverage, describe_coverage
from genanalytics.units import GAP, PER_MTOK, Unit, add_shown_shares, format_value, mark_lower_bound, money_decimals

_SPACE = "  "
_SHORTEST_NAME = 12
_NAMES_SHARE = 2
"""In a divided table, the names of the groups take at most one part in this many of the width."""
_MAX_ROWS = 100
_WHOLE = format_value(1.0, Unit.SHARE)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a text table.

    Attributes:
        label: The heading, which is divided into lines if it is wider than the cells.
        cells: The texts.
        is_figure: Whether the column is aligned to the right.
    """

    label: str
    cells: Sequence[str]
    is_figure: bool = False

    @property
    def lines(self) -> list[str]:
        """The lines of the column, all of one length."""
        label = escape_unprintable(self.label)  # it may be the name of any column
        words = max(map(len, label.split()), default=0)
        widest = max(map(len, self.cells), default=0)
        lines = [*textwrap.wrap(label, max(widest, words), break_on_hyphens=False), *self.cells]
        width = max(map(len, lines))
        return [line.rjust(width) if self.is_figure else line.ljust(width) for line in lines]

    @property
    def width(self) -> int:
        """The number of characters that the column takes, with the space after it."""
        return len(self.lines[0]) + len(_SPACE)


def join_columns(columns: Sequence[Column]) -> str:
    """Return columns as a text table.

    >>> print(join_columns([Column("model", ["a", "b"]), Column("cost", ["$7.00", "$12.00"], is_figure=True)]))
    model    cost
    a       $7.00
    b      $12.00
    """
    lines = [column.lines for column in columns]
    tallest = max(map(len, lines))
    padded = [[" " * len(column[0])] * (tallest - len(column)) + column for column in lines]
    return "\n".join(_SPACE.join(line).rstrip() for line in zip(*padded, strict=True))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Table:
    """Figures by group in a terminal or a notebook: the first 100 rows, and the number of further rows.

    Attributes:
        summary: The figures.
    """

    summary: pd.DataFrame

    @property
    def by(self) -> list[str]:
        """The columns before the first one with a unit, which name the groups."""
        units = self.summary.attrs["units"]
        return list(itertools.takewhile(lambda name: name not in units, self.summary.columns))

    @property
    def names(self) -> list[str]:
        """The columns after them, without the limits of intervals."""
        limits = {limit for name in self.summary.attrs["units"] for limit in name_limits(name)}
        return [name for name in self.summary.columns[len(self.by) :] if name not in limits]

    @property
    def _total(self) -> pd.DataFrame | None:
        """The row under the groups; None without one."""
        total = self.summary.attrs.get("total")
        return pd.DataFrame([total]) if total is not None and self.by else None

    @property
    def _notes(self) -> list[str]:
        more = len(self.summary) - _MAX_ROWS
        left_out = [f"... and {more:,} more rows in .summary"] if more > 0 else []
        shares = describe_rounding(self.summary.head(_MAX_ROWS), self.names)
        return [*left_out, *shares, *list_notices(self.summary), *describe_gaps(self.names, [self.summary])]

    def __repr__(self) -> str:
        text = format_table(self.summary.head(_MAX_ROWS), self.by, self.names, total=self._total)
        return "\n".join([text, *self._notes])

    def _repr_html_(self) -> str:
        columns = list_columns(self.summary.head(_MAX_ROWS), self.by, self.names, total=self._total)
        figures = [place for place, column in enumerate(columns) if column.is_figure]
        heads, cells = [column.label for column in columns], [column.cells for column in columns]
        notes = "<br>".join(map(to_html, self._notes))
        return make_block(make_table(heads, zip(*cells, strict=True), figures=figures), notes)


def table(summary: pd.DataFrame) -> Table:
    """Return figures by group in a form that people read: with labels, units and intervals.

    Args:
        summary: The result of `summarize`, `sessions`, `quality` and others, or of `explain` of a fetch; rows and
            columns can be selected and sorted.

    Returns:
        The table. If some of the requested ids have no record, each count and each sum is shown as a lower bound, and
        the coverage is below the table. A total in `attrs` is the last row.

    Raises:
        InputError: `attrs` contains no units and labels.

    >>> frame = pd.DataFrame({"model": ["a", "b"], "requests": [1200, 7], "ttft_ms_p50": [812.0, 12_345.0]})
    >>> frame.attrs = {"units": {"requests": "count", "ttft_ms_p50": "ms"},
    ...                "labels": {"requests": "requests", "ttft_ms_p50": "TTFT p50"}}
    >>> table(frame)
                       TTFT
    model  requests     p50
    a         1,200  812 ms
    b             7  12.3 s
    """
    if not {"units", "labels"} <= getattr(summary, "attrs", {}).keys():
        msg = (
            f"{type(summary).__name__} without units and labels in its attrs: give the frame that summarize or sessions"
            " returns, whole or a part of its rows and columns"
        )
        raise InputError(msg)
    named = [name for name in summary.index.names if name is not None]
    return Table(summary.reset_index(named) if named else summary)


def list_notices(summary: pd.DataFrame) -> list[str]:
    """Return the lines below a table: about unknown or incomplete coverage of its data, and its notices."""
    notices = [f"{notice}." for notice in summary.attrs.get("notices", ())]
    if COVERAGE not in summary.attrs:  # figures that are not about records
        return notices
    return [*filter(None, [describe_coverage(Coverage.from_json(summary.attrs[COVERAGE]))]), *notices]


def describe_gaps(names: Iterable[str], summaries: Sequence[pd.DataFrame]) -> Iterator[str]:
    """Yield the reasons why intervals are missing in summaries of the same data, each with the statistics concerned."""
    labels: dict[str, list[str]] = {}
    for name in names:
        for reason in sorted({reason for one in summaries for reason in one.attrs.get("gaps", {}).get(name, ())}):
            labels.setdefault(reason, []).append(summaries[0].attrs["labels"][name])
    for reason, concerned in labels.items():
        yield f"No interval in some rows for {', '.join(concerned)}: {reason}."


def describe_rounding(shown: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Return a line below a table for each column of shares of a total that does not add up to 100.0 %, with a reason.

    Shares are shown as they are: a share that is changed so that the column adds up would be wrong on its own.

    Args:
        shown: The rows of the table, without a total; `attrs["shares_of_total"]` contains the columns that add up to 1
            over all groups.
        names: The columns of the table.

    >>> shown = pd.DataFrame({"cost_share": [1 / 3, 1 / 3, 1 / 3]})
    >>> shown.attrs = {"labels": {"cost_share": "share of cost"}, "shares_of_total": ["cost_share"]}
    >>> describe_rounding(shown, ["cost_share"])
    ['Share of cost: adds up to 99.9 %, since each share is rounded.']
    >>> describe_rounding(shown.head(2), ["cost_share"])
    ['Share of cost: adds up to 66.6 %, since not all rows are shown.']
    """
    lines = []
    for name in names:
        shares = (
            [float(share) for share in shown[name].dropna()] if name in shown.attrs.get("shares_of_total", ()) else []
        )
        whole, added = math.fsum(shares), add_shown_shares(filter(math.isfinite, shares))
        if not shares or not math.isfinite(whole) or format_value(added, Unit.SHARE) == _WHOLE:
            continue
        label = shown.attrs["labels"][name]
        reason = "each share is rounded" if format_value(whole, Unit.SHARE) == _WHOLE else "not all rows are shown"
        lines.append(f"{label[:1].upper()}{label[1:]}: adds up to {format_value(added, Unit.SHARE)}, since {reason}.")
    return lines


def format_table(
    summary: pd.DataFrame,
    by: Sequence[str],
    names: Iterable[str],
    *,
    total: pd.DataFrame | None = None,
    at_least: AbstractSet[str] = frozenset(),
    width: int = 100,
) -> str:
    """Return figures by group as lines of text, at most `width` wide if possible.

    Names of groups are shortened as long as they stay distinct. A table that is still too wide is divided into several
    tables, each with the names.

    Args:
        summary: A row per group, with `units` and `labels` in `attrs`, as `summarize` returns it.
        by: The columns that name the groups.
        names: The columns to show after them, in this order. The interval of a column (`<name>_low`, `<name>_high`)
            follows it.
        total: The same columns over all rows, as one row; shown last.
        at_least: Columns whose last row is shown as a lower bound; those of `attrs["lower_bounds"]` are in every row.
        width: The maximum number of characters in a line.
    """
    rows = _add_total(summary, total)
    figures = [
        column for name in names for column in _make_columns(rows, name, summary.attrs, is_bound=name in at_least)
    ]
    groups = _name_rows(summary, by, len(rows))
    needed = sum(column.width for column in figures)
    labels = _label_groups(groups, width - needed)
    if needed + sum(label.width for label in labels) > width + len(_SPACE):
        labels = _label_groups(groups, width // _NAMES_SHARE)
    left = width + len(_SPACE) - sum(label.width for label in labels)
    return "\n\n".join(join_columns([*labels, *part]) for part in _divide(figures, left))


def list_columns(
    summary: pd.DataFrame, by: Sequence[str], names: Iterable[str], *, total: pd.DataFrame | None = None
) -> list[Column]:
    """Return the columns of a table; arguments are those of `format_table`."""
    rows = _add_total(summary, total)
    columns = [Column(name, cells) for name, cells in _name_rows(summary, by, len(rows)).items()]
    return [*columns, *(column for name in names for column in _make_columns(rows, name, summary.attrs))]


def _add_total(summary: pd.DataFrame, total: pd.DataFrame | None) -> pd.DataFrame:
    return summary if total is None else pd.concat([summary, total])


def _name_rows(summary: pd.DataFrame, by: Sequence[str], rows: int) -> dict[str, list[str]]:
    """Return the names of the groups by column; further rows are totals."""
    totals = rows - len(summary)
    return {name: [*name_groups(summary[name]), *["" if place else "total"] * totals] for place, name in enumerate(by)}


def name_groups(values: pd.Series) -> list[str]:
    """Return the names of groups; times are as precise as all of them together need it."""
    if not isinstance(values.dtype, pd.DatetimeTZDtype):
        return [name_group(value) for value in values]
    clock = values.dropna().dt.tz_localize(None)  # as such, no moment is ambiguous
    is_midnight_twice = clock.nunique() < values.nunique()  # where clocks go back at one o'clock
    if (clock == clock.dt.normalize()).all() and not is_midnight_twice:
        return [name_group(value) for value in values]
    precision = "minutes" if (clock == clock.dt.floor("min")).all() else "seconds"
    return [
        GAP if pd.isna(value) else value.isoformat(sep=" ", timespec=precision).removesuffix("+00:00")
        for value in values
    ]


def _make_columns(
    rows: pd.DataFrame, name: str, attrs: "dict[Any, Any]", *, is_bound: bool = False
) -> Iterator[Column]:
    """Yield the column of a statistic, and that of its intervals if there are any."""
    if name not in attrs.get("units", {}):  # words, or figures of several units
        yield Column(name.replace("_", " "), _name_values(rows[name]))
        return
    unit = Unit(attrs["units"][name])
    limits = [limit for limit in name_limits(name) if limit in rows]
    label = attrs["labels"][name]
    cells, *ends = _format_figures([rows[column] for column in (name, *limits)], unit)
    if unit is Unit.USD_PER_MTOK:  # once, in the heading
        label = f"{label} per M tokens"
        cells, *ends = ([cell.removesuffix(PER_MTOK) for cell in texts] for texts in (cells, *ends))
    if name in attrs.get("lower_bounds", ()):
        cells = list(map(mark_lower_bound, cells))
    elif is_bound:
        cells[-1] = mark_lower_bound(cells[-1])
    yield Column(label, cells, is_figure=True)
    if ends:
        spans = [GAP if GAP in span else " to ".join(span) for span in zip(*ends, strict=True)]
        yield Column("95 % interval", spans, is_figure=True)


def _format_figures(columns: Sequence[pd.Series], unit: Unit) -> list[list[str]]:
    """Return figures as text, amounts of money with one number of decimals for all columns."""
    if unit is Unit.TIME:
        return [name_groups(values) for values in columns]
    known = [[None if pd.isna(value) else float(value) for value in values] for values in columns]
    decimals = money_decimals(value for values in known for value in values) if unit is Unit.USD else None
    return [[format_value(value, unit, decimals=decimals) for value in values] for values in known]


def _name_values(values: pd.Series) -> list[str]:
    """Return values without a unit as text; numbers with a fraction have four figures.

    >>> _name_values(pd.Series([0.0123456, 12_345.678, None], dtype="Float64"))
    ['0.01235', '12,346', '–']
    """
    if not pd.api.types.is_float_dtype(values.dtype):
        return name_groups(values)
    return [GAP if pd.isna(value) else f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}" for value in values]  # noqa: PLR2004 - four figures


def _label_groups(groups: "dict[str, list[str]]", width: int) -> list[Column]:
    """Return the columns that name the groups, shortened if they are wider than a width: the widest ones most."""
    columns: dict[str, Column] = {}
    for name, groups_of_name in sorted(groups.items(), key=lambda item: max(map(len, item[1]), default=0)):
        left = width - sum(column.width for column in columns.values())
        longest = max(_SHORTEST_NAME, left // (len(groups) - len(columns)) - len(_SPACE))
        columns[name] = Column(name, _shorten_apart(groups_of_name, longest))
    return [columns[name] for name in groups]


def _shorten_apart(names: Sequence[str], longest: int) -> list[str]:
    """Return names shortened to `longest`, or to twice as much if that would make two of them equal."""
    different = len(set(names))
    for most in (longest, 2 * longest):
        cut = [shorten(name, most) for name in names]
        if len(set(cut)) == different:
            break
    return cut


def _divide(columns: Sequence[Column], width: int) -> Iterator[list[Column]]:
    """Yield columns in order, as many at a time as the width allows, and at least one."""
    part: list[Column] = []
    for column in columns:
        if part and sum(each.width for each in [*part, column]) > width:
            yield part
            part = []
        part.append(column)
    yield part
