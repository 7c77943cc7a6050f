"""The look of every chart, applied inside a context: the settings of the caller do not change."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from genanalytics.base.text import abbreviate
from genanalytics.plots.axis import set_linear
from genanalytics.plots.content import clear_content, find_content
from genanalytics.plots.fitting import Fitting
from genanalytics.plots.heading import set_heading, set_legend
from genanalytics.plots.legend import describe_handle
from genanalytics.plots.palette import GREY, HEAT, find_look
from genanalytics.plots.room import measure_cell, measure_text
from genanalytics.units import Unit

SIZE = (9, 5)
"""The size of a figure for one chart, in inches."""
SMALL = "small"
"""The size of text next to marks."""

_LEAST_ROWS = 3
_ROW_HEIGHT, _FRAME_HEIGHT = 0.36, 1.6
"""The heights of a row, and of title and axis, in inches."""
_NAMES = 0.32
"""The share of the width that the names of rows may take."""
AT_RIGHT = 0.24
"""The share of the width that texts to the right of the axes may take."""
_LABELS = (0.6, 0.45)
"""The shares of the width and the height of the cell that the labels of axes, and texts inside, may take."""

_SHADES = 47
"""The number of colors in the drawing of a scale: readers see no more of them, and each is a path."""

_HAS_WORDS: ContextVar[bool] = ContextVar("has_words", default=True)
"""Whether charts have title, details and legend in the drawing."""

HATCH = "////"
"""The pattern of bars that are not complete yet."""

SETTINGS: dict[Any, Any] = {
    "text.parse_math": False,  # text with two dollar signs is not a formula
    "hatch.linewidth": 1.5,
    "svg.hashsalt": "genanalytics",  # same chart, same bytes
}


@contextmanager
def style_axes(ax: Axes | None, *, grid: str = "y") -> Iterator[Axes]:
    """Yield `ax`, or the axes of a new figure, with the style of the charts until the block ends.

    `grid` is the axis with grid lines: `x`, `y`, `both`, or "" for none.
    """
    is_own = ax is None
    if ax is None:
        import matplotlib.pyplot as plt  # noqa: PLC0415 - it chooses a backend, which only a figure needs

        # outside of the context, which would undo settings of the backend: notebooks need them to show figures
        figure = plt.figure(figsize=SIZE, layout="constrained")
        with mpl.rc_context(SETTINGS):
            ax = figure.subplots()
    clear_content(ax)
    others = {*ax.texts}
    with mpl.rc_context(SETTINGS):
        draw_grid(ax, grid)
        yield ax
    _wrap_labels(ax)
    if ax.xaxis.label.get_parse_math():  # titles and labels of given axes keep the settings of their creation
        for text in set(ax.findobj(Text)) - others:
            text.set_parse_math(SETTINGS["text.parse_math"])
    if ax.get_axes_locator() is None:
        ax.set_axes_locator(Fitting(ax))
    if is_own:
        suit_height(ax)


def _wrap_labels(ax: Axes) -> None:
    """Break the labels of axes into lines that fit."""
    for axis, room, share in zip((ax.xaxis, ax.yaxis), measure_cell(ax), _LABELS, strict=True):
        letters = int(share * room / measure_text("n"))
        axis.label.set_text("\n".join(textwrap.wrap(axis.label.get_text(), max(letters, 12))))


def suit_height(ax: Axes) -> None:
    """Make the figure of a chart with few rows lower, so that it has no empty half and no thick bars."""
    rows, figure = find_content(ax).rows, ax.get_figure(root=True)
    if rows and figure is not None:
        figure.set_figheight(min(SIZE[1], _FRAME_HEIGHT + _ROW_HEIGHT * max(rows, _LEAST_ROWS)))


def draw_grid(ax: Axes, grid: str) -> None:
    """Hide the upper and right sides of the frame, and draw grid lines behind the data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_axisbelow(True)
    ax.grid(visible=False)
    for axis in {"both": ("x", "y"), "": ()}.get(grid, (grid,)):
        ax.grid(axis=axis, color=find_look(ax).faint, linewidth=0.8)  # type: ignore[arg-type]


@contextmanager
def leave_out_words() -> Iterator[None]:
    """Draw charts without title, details and legend until the block ends: the reader gets their content as text."""
    token = _HAS_WORDS.set(False)
    try:
        yield
    finally:
        _HAS_WORDS.reset(token)


def write_title(
    ax: Axes, subject: str, details: Sequence[str], *, title: str | None = None, subtitle: bool = True
) -> None:
    """Write the subject of a chart in bold, or the title of the caller, and the details that are not empty below it."""
    content = find_content(ax)
    content.title = subject if title is None else title
    content.details = [detail for detail in details if detail] if subtitle else []
    if _HAS_WORDS.get():
        set_heading(ax, content.title, content.details, find_look(ax))


def write_empty(ax: Axes, reason: str) -> Axes:
    """Write the reason for an empty chart into it, in lines that fit."""
    find_content(ax).reason = " ".join(reason.split())
    letters = max(12, int(_LABELS[0] * measure_cell(ax)[0] / measure_text("n")))
    lines = textwrap.fill(reason, letters)
    ax.text(0.5, 0.5, lines, transform=ax.transAxes, ha="center", va="center", color=find_look(ax).soft)
    ax.set(xticks=[], yticks=[])
    return ax


def write_at_right(ax: Axes, row: float, text: str, *, indent: float = 6, **look: Any) -> None:  # noqa: ANN401 - a text's
    """Write a text to the right of the axes, at the height of a row; a narrow chart has no column far from them."""
    if indent > AT_RIGHT * measure_cell(ax)[0]:
        return
    ax.annotate(
        text,
        (1, row),
        (indent, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        fontsize=SMALL,
        **{"va": "center", "color": find_look(ax).soft} | look,
    )


def set_rows(ax: Axes, names: Sequence[str], *, above: float = 0.6) -> None:
    """Set the vertical axis to a row per name, from top to bottom; names take no more than a part of the width.

    `above` is the room above the first row, in rows.
    """
    width = _NAMES * measure_cell(ax)[0]
    fits = all(measure_text(name) <= width for name in names)
    ax.set_yticks(range(len(names)), names if fits else abbreviate(names, max(8, int(width / measure_text("n")))))
    ax.tick_params(axis="y", length=0)
    room = max(0, _LEAST_ROWS - len(names)) / 2
    ax.set_ylim(len(names) - 0.4 + room, -above - room)
    find_content(ax).rows = len(names)


def draw_line(ax: Axes, places: np.ndarray, values: np.ndarray, color: str, label: str) -> Line2D:
    """Draw a line with gaps for unknown values; a value without neighbors is a dot."""
    known = np.isfinite(np.concatenate([[np.nan], values, [np.nan]]))
    alone = np.flatnonzero(known[1:-1] & ~known[:-2] & ~known[2:])
    (line,) = ax.plot(places, values, color=color, linewidth=1.6, marker="o", markersize=3.5, label=label)
    line.set_markevery(alone.tolist())
    return line


def draw_legend(ax: Axes, handles: Sequence[Artist], *, unfinished: bool = False) -> None:
    """Write the legend below the title, in as many columns as fit."""
    look = find_look(ax)
    shown = [*handles]
    if unfinished:
        shown.append(Patch(facecolor=look.paper, edgecolor=GREY, hatch=HATCH, label="incomplete"))
    find_content(ax).entries = [describe_handle(handle) for handle in shown]
    if _HAS_WORDS.get():
        set_legend(ax, shown, look)


def draw_scale(ax: Axes, norm: Normalize, label: str, unit: Unit) -> None:
    """Draw the scale of the colors to the right of the axes, without taking room from other axes."""
    bar = ax.inset_axes((1.02, 0, 0.02, 1))
    ax.figure.colorbar(ScalarMappable(norm, HEAT.resampled(_SHADES)), cax=bar, label=label)
    bar.spines[:].set_visible(False)
    bar.tick_params(length=0, labelsize=SMALL)
    set_linear(bar.yaxis, unit)
