"""The legend above a chart, in as many columns as its width holds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.font_manager import FontProperties
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text

from genanalytics.base.text import shorten
from genanalytics.plots.content import Entry
from genanalytics.plots.room import measure_text

_SIZE = "small"
_SWATCH, _BETWEEN = 2.0, 1.5
"""The widths of the mark of an entry with its gap, and of the gap between columns, as multiples of the size of text."""
_MANY = 3
"""From this number on, entries have at least two columns."""


def place_legend(ax: Axes, handles: Sequence[Artist], labels: tuple[int, Sequence[str]], color: str) -> None:
    """Write a legend with columns and texts as `arrange_labels` returns them; it reads from left to right.

    Its place is that of the heading, which the layout of the figure counts.
    """
    columns, texts = labels
    order = [place for column in range(columns) for place in range(column, len(handles), columns)]
    legend = ax.legend(
        handles=[handles[place] for place in order],
        labels=[texts[place] for place in order],
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=columns,
        frameon=False,
        fontsize=_SIZE,
        labelcolor=color,
        handlelength=_SWATCH - 0.6,
        handletextpad=0.6,
        columnspacing=_BETWEEN,
        borderpad=0,
        borderaxespad=0,
    )
    legend.set_in_layout(False)
    for text in legend.findobj(Text):  # the legend may be made when a figure is drawn, with settings of the caller
        text.set_parse_math(False)


def find_legend(axes: Any) -> Legend | None:  # noqa: ANN401 - axes of any kind
    """Return the legend above axes, if the caller has not replaced it."""
    legend: Legend | None = axes.get_legend()
    return None if legend is None or legend.get_in_layout() else legend


def arrange_labels(labels: Sequence[str], room: float) -> tuple[int, list[str]]:
    """Return the number of columns for labels, filled from left to right, and the labels.

    Many labels have at least two columns: long ones are shortened to half of the room, in points.

    >>> arrange_labels(["a", "b"], 500)
    (2, ['a', 'b'])
    >>> arrange_labels(["a" * 90, "b", "c"], 90)
    (2, ['aaa…aaaa', 'b', 'c'])
    """
    most = max(8, int((room - _measure_mark()) / measure_text("n", _SIZE)))
    columns = _count_columns(labels, room)
    if columns == 1 and len(labels) >= _MANY:
        columns, most = 2, max(8, int((room / 2 - _measure_mark()) / measure_text("n", _SIZE)))
    return columns, [shorten(label, most) for label in labels]


def _measure_mark() -> float:
    """Return the width of what is next to the text of an entry, in points."""
    return (_SWATCH + _BETWEEN) * FontProperties(size=_SIZE).get_size_in_points()


def _count_columns(labels: Sequence[str], room: float) -> int:
    """Return the most columns for labels that fit into a width in points."""
    widths = [measure_text(label, _SIZE) + _measure_mark() for label in labels]
    fitting = (
        columns
        for columns in range(len(labels), 1, -1)
        if sum(max(widths[column::columns]) for column in range(columns)) <= room
    )
    return next(fitting, 1)


def describe_handle(handle: Any) -> Entry:  # noqa: ANN401 - an artist of any kind
    """Return the entry of a legend for the artist that is its mark."""
    label = str(handle.get_label())
    if not isinstance(handle, Line2D):
        hatched = bool(handle.get_hatch())
        face = np.ravel(handle.get_edgecolor() if hatched else handle.get_facecolor()).tolist()
        color = to_hex(tuple(face), keep_alpha=0 < face[-1] < 1)
        return Entry(label, color, "hatched" if hatched else "area")
    if handle.get_linestyle() in {"None", "none", "", " "}:
        return Entry(label, to_hex(handle.get_color()), "dot")
    return Entry(label, to_hex(handle.get_color()), "line" if handle.get_linestyle() == "-" else "dashed")
