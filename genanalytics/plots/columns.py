"""Columns of figures next to the rows of a chart, and ticks in the room that they leave."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator

from genanalytics.plots.room import measure_cell, measure_text
from genanalytics.plots.style import AT_RIGHT, SMALL, write_at_right

ABOVE = 1.2
"""The room above the first row for the headings, in rows."""
_HEADING = -0.85
"""The height of the headings, in rows."""
_GAP, _BETWEEN = 13.0, 12.0
"""The room before a column, and between the labels of ticks, in points."""


def write_columns(ax: Axes, columns: Mapping[str, Sequence[str]]) -> None:
    """Write columns of figures, by their headings, to the right of rows at 0, 1, 2 ...; then remove crowded ticks.

    Where the chart is narrow, only the first columns are written.
    """
    edges = list(
        accumulate(_GAP + max(measure_text(text, SMALL) for text in (name, *columns[name])) for name in columns)
    )
    whole = measure_cell(ax)[0]
    shown = sum(edge <= AT_RIGHT * whole for edge in edges)
    for (heading, texts), edge in zip(list(columns.items())[:shown], edges, strict=False):
        write_at_right(ax, _HEADING, heading, indent=edge, ha="right")
        for row, text in enumerate(texts):
            write_at_right(ax, row, text, indent=edge, ha="right")
    names = max(measure_text(label.get_text()) for label in ax.get_yticklabels())
    _thin_ticks(ax, whole - max(edges[:shown], default=0.0) - names - _GAP)


def _thin_ticks(ax: Axes, width: float) -> None:
    """Keep the ticks of the horizontal axis whose labels fit next to each other into a width in points."""
    size = mpl.rcParams["xtick.labelsize"]
    to_place = ax.transData + ax.transAxes.inverted()
    low, high = ax.get_xlim()
    ticks = [float(tick) for tick in ax.get_xticks() if low <= tick <= high]
    labels = ax.xaxis.get_major_formatter().format_ticks(ticks)
    kept, end = [], -float("inf")
    for tick, label in zip(ticks, labels, strict=True):
        middle = width * float(to_place.transform((tick, 0))[0])
        half = measure_text(label, size) / 2
        if middle - half >= end:
            kept.append(tick)
            end = middle + half + _BETWEEN
    if len(kept) < len(ticks):
        ax.xaxis.set_major_locator(FixedLocator(kept))
