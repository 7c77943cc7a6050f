"""What a chart has drawn, as numbers and texts."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection, PolyCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from genanalytics.plots.content import find_content


class Dot(NamedTuple):
    x: float
    y: float
    size: float
    color: str


def stacks(ax: Axes) -> dict[str, list[float]]:
    """Return the heights of each layer's bars, by the layer's label."""
    return {str(layer.get_label()): [bar.get_height() for bar in layer] for layer in layers(ax)}


def layers(ax: Axes) -> list[BarContainer]:
    """Return the bars of each layer, from left to right; those of a stack are parts of one artist or two."""
    drawn: dict[str, list[Rectangle]] = {}
    for artist, label in find_content(ax).series:
        if type(artist) is PolyCollection:
            drawn.setdefault(label, []).extend(_list_rectangles(artist))
    stack = [BarContainer(sorted(parts, key=Rectangle.get_x), label=label) for label, parts in drawn.items()]
    return [*(container for container in ax.containers if isinstance(container, BarContainer)), *stack]


def _list_rectangles(drawn: PolyCollection) -> list[Rectangle]:
    look: dict[str, Any] = {"facecolor": drawn.get_facecolor()[0], "hatch": drawn.get_hatch()}
    corners = [np.asarray(path.vertices) for path in drawn.get_paths()]
    return [Rectangle((low[0], low[1]), *(high - low), **look) for low, _, high, *_ in corners]


def bars(ax: Axes) -> list[Rectangle]:
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def points(line: Line2D) -> tuple[np.ndarray, np.ndarray]:
    """Return where a line goes: across and up."""
    across, up = (np.asarray(line.get_data(orig=False)[place], dtype=float) for place in (0, 1))
    return across, up


def dots(ax: Axes) -> list[Dot]:
    (drawn,) = [artist for artist in ax.collections if isinstance(artist, PathCollection)]
    colors: Any = drawn.get_facecolor()
    places = np.asarray(drawn.get_offsets(), dtype=float)
    sizes = np.resize(drawn.get_sizes(), len(places))  # one for all, where all have the same
    return [
        Dot(float(x), float(y), float(size), to_hex(color))
        for (x, y), size, color in zip(places, sizes, colors, strict=True)
    ]


def segments(ax: Axes) -> list[list[np.ndarray]]:
    """Return the ends of straight lines, for each set of them that was drawn."""
    drawn = [artist for artist in ax.collections if isinstance(artist, LineCollection)]
    return [[np.asarray(segment, dtype=float) for segment in lines.get_segments()] for lines in drawn]


def cells(ax: Axes) -> np.ndarray:
    """Return the values of a table of colors, row by row, gaps as NaN."""
    (mesh,) = [artist for artist in ax.collections if isinstance(artist, QuadMesh)]
    values: Any = mesh.get_array()
    return np.asarray(np.ma.filled(values, np.nan))


def panels(ax: Axes) -> list[Axes]:
    """Return the axes that stand inside of axes or beside them."""
    return [child for child in ax.child_axes if isinstance(child, Axes)]


def texts(ax: Axes) -> list[str]:
    """Return what is written in and beside axes."""
    return [text.get_text() for text in ax.texts]


def detail(ax: Axes) -> str:
    """Return the text below the title, in one line."""
    return "; ".join(find_content(ax).details)


def pointed(ax: Axes) -> list[str]:
    """Return the texts under the pointer."""
    return [value.text for value in find_content(ax).values]


def tick_texts(ax: Axes, which: str) -> list[str]:
    """Return the texts of the ticks inside of an axis, as they are drawn."""
    render(ax)
    axis = ax.xaxis if which == "x" else ax.yaxis
    low, high = sorted(axis.get_view_interval())
    return [tick.label1.get_text() for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]


def render(ax: Axes) -> None:
    """Lay out the figure, without a file."""
    figure: Any = ax.figure
    figure.draw_without_rendering()
