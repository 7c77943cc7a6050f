"""Figures and names of groups as the cells of a table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from genanalytics.base.text import name_group
from genanalytics.metrics.declare import name_limits
from genanalytics.metrics.grouping.calendar import TIME
from genanalytics.metrics.summary import OPEN
from genanalytics.tables.changes import format_changes, has_changes
from genanalytics.tables.figures import is_number
from genanalytics.tables.layout import Column
from genanalytics.units import GAP, PER_MTOK, Unit, format_value, mark_lower_bound, money_decimals

OPEN_MARK = "*"
_GAINS = ("savings", "margin")
"""A negative figure with one of these in its name is a loss."""
INTERVAL = "95 % interval"
_CHANGE = "change"
PARTS = {INTERVAL: "the interval of", _CHANGE: "the change of"}
"""The headings of columns about the figure before, in words."""


def name_rows(summary: pd.DataFrame, by: Sequence[str], totals: int = 0) -> list[Column]:
    """Return the columns that name the rows; periods that may be incomplete have a mark.

    Args:
        summary: A row per group.
        by: The columns with the groups.
        totals: The number of further rows, which are totals.
    """
    labels = summary.attrs.get("labels", {})
    cells = {name: name_groups(summary[name]) for name in by}
    if TIME in cells and OPEN in summary:
        marks = summary[OPEN].fillna(value=False).map({True: OPEN_MARK, False: ""})
        cells[TIME] = [name + mark for name, mark in zip(cells[TIME], marks, strict=True)]
    return [
        Column(labels.get(name, name), [*cells[name], *["" if place else "total"] * totals])
        for place, name in enumerate(by)
    ]


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


def find_limits(rows: pd.DataFrame, name: str) -> list[str]:
    """Return the columns with the limits of a figure's interval, if there are both."""
    limits = name_limits(name)
    return [*limits] if {*limits} <= {*rows.columns} else []


def make_columns(
    rows: pd.DataFrame, name: str, attrs: Mapping[Any, Any], *, is_bound: bool = False
) -> Iterator[Column]:
    """Yield the column of a figure, that of its intervals and that of its changes, if there are any.

    Args:
        rows: The rows of the table, with the totals.
        name: The column.
        attrs: The attributes of the frame: `units` and `labels` by column, and perhaps `lower_bounds`.
        is_bound: Whether the last row is shown as a lower bound.
    """
    label = attrs.get("labels", {}).get(name, name.replace("_", " "))
    if name not in attrs.get("units", {}):  # words, or numbers of an unknown unit
        yield Column(label, _name_values(rows[name]), name, is_figure=is_number(rows[name]))
        return
    unit = Unit(attrs["units"][name])
    values = [rows[column] for column in (name, *find_limits(rows, name))]
    cells, *ends = _format_figures(values, unit)
    if unit is Unit.USD_PER_MTOK:  # once, in the heading
        label = f"{label} per M tokens"
        cells, *ends = ([cell.removesuffix(PER_MTOK) for cell in texts] for texts in (cells, *ends))
    if name in attrs.get("lower_bounds", ()):
        cells = list(map(mark_lower_bound, cells))
    elif is_bound:
        cells[-1] = mark_lower_bound(cells[-1])
    yield Column(label, cells, name, is_figure=True, losses=_find_losses(name, values[0]))
    if ends:
        spans = [GAP if GAP in span else " to ".join(span) for span in zip(*ends, strict=True)]
        yield Column(INTERVAL, spans, name, is_figure=True)
    if has_changes(rows, name):
        yield Column(_CHANGE, format_changes(rows, name, unit), name, is_figure=True)


def _find_losses(name: str, values: pd.Series) -> frozenset[int]:
    """Return the places of negative savings and margins."""
    if not any(word in name for word in _GAINS):
        return frozenset()
    return frozenset(place for place, value in enumerate(values) if not pd.isna(value) and value < 0)


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
