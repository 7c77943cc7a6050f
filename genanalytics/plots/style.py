"""The look of every chart, applied inside a context: the settings of the caller do not change."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from genanalytics.plots.axis import set_linear
from genanalytics.units import Unit

HUES = ("#5790fc", "#f89c20", "#e42536", "#964a8b", "#7a21dd")
"""Safe for colour-blind readers: five of the six of M. A. Petroff, "Accessible Color Sequences" (2021)."""
GREY = "#9c9ca1"
"""The sixth: everything that is not in focus."""
PALE = "#dcdce0"
"""Lines behind others."""
INK = "#666666"
"""Secondary text."""
GAIN, LOSS = HUES[0], HUES[2]
"""Money saved and money lost."""
HEAT = LinearSegmentedColormap.from_list("heat", ["#eef3ff", HUES[0], "#1b3a8a"])
"""From little to much, in one hue: readable in grey too."""

SIZE = (9, 5)
"""The size of a figure for one chart, in inches."""
SMALL = 8.5
"""The size of text next to marks, in points."""

_DETAIL = 9.0
_LEAST_ROWS = 4
_POINTS_PER_LINE, _POINTS_PER_LETTER = 13, 0.53 * _DETAIL

HATCH = "////"
"""The pattern of bars that are not complete yet."""

SETTINGS: dict[Any, Any] = {
    "text.parse_math": False,  # text with two dollar signs is not a formula
    "axes.titlelocation": "left",
    "font.size": 10,
    "hatch.linewidth": 1.5,
    "svg.hashsalt": "genanalytics",  # same chart, same bytes
}


@contextmanager
def style_axes(ax: Axes | None, *, grid: str = "y") -> Iterator[Axes]:
    """Yield `ax`, or the axes of a new figure, with the style of the charts until the block ends.

    `grid` is the axis with grid lines: `x`, `y`, `both`, or "" for none.
    """
    if ax is None:
        import matplotlib.pyplot as plt  # noqa: PLC0415 - it chooses a backend, which only a figure needs

        # outside of the context, which would undo settings of the backend: notebooks need them to show figures
        figure = plt.figure(figsize=SIZE, layout="constrained")
        with mpl.rc_context(SETTINGS):
            ax = figure.subplots()
    others = {*ax.texts, *([ax.title] if ax.get_title() else [])}
    with mpl.rc_context(SETTINGS):
        draw_grid(ax, grid)
        yield ax
    for text in set(ax.findobj(Text)) - others:  # titles and labels of given axes keep the settings of their creation
        text.set_parse_math(SETTINGS["text.parse_math"])


def draw_grid(ax: Axes, grid: str) -> None:
    """Hide the upper and right sides of the frame, and draw grid lines behind the data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_axisbelow(True)
    ax.grid(visible=False)
    for axis in {"both": ("x", "y"), "": ()}.get(grid, (grid,)):
        ax.grid(axis=axis, color="#e6e6e6", linewidth=0.8)  # type: ignore[arg-type]


def write_title(ax: Axes, subject: str, details: Sequence[str], *, room: float = 1.0) -> None:
    """Write the subject of a chart in bold, and the details that are not empty below it in grey.

    `room` is the share of the width that remains next to the names of rows.
    """
    points = ax.get_window_extent().width * 72 / ax.figure.dpi
    letters = max(30, int(1.15 * room * points / _POINTS_PER_LETTER))
    lines = textwrap.wrap("; ".join(filter(None, details)), letters)
    ax.set_title(subject, fontweight="bold", pad=9 + _POINTS_PER_LINE * len(lines))
    ax.annotate(
        "\n".join(lines),
        (0, 1),
        (0, 5),
        xycoords="axes fraction",
        textcoords="offset points",
        color=INK,
        fontsize=_DETAIL,
        linespacing=1.25,
        va="bottom",
        in_layout=False,  # the title above reserves the room
    )


def write_empty(ax: Axes, reason: str) -> Axes:
    """Write the reason for an empty chart into it."""
    ax.text(0.5, 0.5, reason, transform=ax.transAxes, ha="center", va="center", color=INK)
    ax.set(xticks=[], yticks=[])
    return ax


def write_beside(ax: Axes, row: float, text: str, *, indent: float = 6, **look: Any) -> None:  # noqa: ANN401 - a text's
    """Write a text to the right of the axes, at the height of a row."""
    ax.annotate(
        text,
        (1, row),
        (indent, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        fontsize=SMALL,
        color=INK,
        **{"va": "center"} | look,
    )


def set_rows(ax: Axes, names: Sequence[str], *, above: float = 0.6) -> None:
    """Set the vertical axis to a row per name, from top to bottom; few rows do not fill it.

    `above` is the room above the first row, in rows.
    """
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(max(len(names), _LEAST_ROWS) - 0.4, -above)


def draw_line(ax: Axes, places: np.ndarray, values: np.ndarray, colour: str, label: str) -> Line2D:
    """Draw a line with gaps for unknown values; a value without neighbours is a dot."""
    known = np.isfinite(np.concatenate([[np.nan], values, [np.nan]]))
    alone = np.flatnonzero(known[1:-1] & ~known[:-2] & ~known[2:])
    (line,) = ax.plot(places, values, color=colour, linewidth=1.6, marker="o", markersize=3.5, label=label)
    line.set_markevery(alone.tolist())
    return line


def draw_legend(ax: Axes, handles: Sequence[Artist], *, unfinished: bool = False) -> None:
    """Write the legend to the right of the axes, in the order of the handles from top to bottom."""
    shown = [*handles]
    if unfinished:
        shown.append(Patch(facecolor="white", edgecolor=GREY, hatch=HATCH, label="unfinished"))
    ax.legend(handles=shown, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, borderaxespad=0)


def draw_scale(ax: Axes, norm: Normalize, label: str, unit: Unit) -> None:
    """Draw the scale of the colours to the right of the axes, without taking room from other axes."""
    bar = ax.inset_axes((1.02, 0, 0.02, 1))
    ax.figure.colorbar(ScalarMappable(norm, HEAT), cax=bar, label=label)
    bar.spines[:].set_visible(False)
    bar.tick_params(length=0, labelsize=SMALL)
    set_linear(bar.yaxis, unit)
