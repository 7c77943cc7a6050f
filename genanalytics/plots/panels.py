"""Small panels inside the axes of a chart."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import StepPatch

from genanalytics.base.text import shorten
from genanalytics.plots.room import measure_cell, measure_text
from genanalytics.plots.style import SMALL

_NARROWEST, _LOWEST = 100.0, 50.0
"""The least width and height of a panel, in points."""
_ACROSS, _DOWN, _TOP = 14.0, 30.0, 16.0
"""The distances between panels, and the room of the first title, in points."""
_BESIDE, _ABOVE = 85.0, 95.0
"""The room of labels next to axes, and of labels and titles below and above them, in points."""
_BOLD = 1.15
"""How much wider bold text is."""
_THIN = 3.0
"""Bars that are narrower than this, in points, have no gaps between them."""


def count_panels(ax: Axes) -> int:
    """Return how many panels fit into axes."""
    return _count_columns(ax) * max(1, int(_measure(ax)[1] / (_LOWEST + _DOWN)))


def add_panels(ax: Axes, number: int, *, labels: float = 0.0) -> list[Axes]:
    """Return a number of panels of equal size inside axes, row by row, as evenly as their width allows.

    `labels` is the room between panels for the labels of vertical axes, in points.
    """
    width, height = _measure(ax)
    rows = math.ceil(number / _count_columns(ax))
    columns = math.ceil(number / rows)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, labelleft=False, labelbottom=False)
    across, down, top = (_ACROSS + labels) / width, min(_DOWN / height, 0.5 / rows), min(_TOP / height, 0.3)
    wide, high = (1 - across * (columns - 1)) / columns, (1 - top - down * (rows - 1)) / rows
    return [
        ax.inset_axes(
            (place % columns * (wide + across), 1 - top - high - place // columns * (high + down), wide, high)
        )
        for place in range(number)
    ]


def label_outer(panels: Sequence[Axes]) -> None:
    """Show the labels of ticks at the left of the first panels, and below the lowest panel of each column."""
    places = [panel.get_position() for panel in panels]
    left = min(place.x0 for place in places)
    for panel, place in zip(panels, places, strict=True):
        is_lowest = not any(math.isclose(other.x0, place.x0) and other.y0 < place.y0 - 1e-6 for other in places)
        panel.tick_params(length=0, labelleft=math.isclose(place.x0, left, abs_tol=1e-6), labelbottom=is_lowest)


def draw_steps(ax: Axes, places: np.ndarray, width: float, heights: np.ndarray, color: str) -> StepPatch:
    """Draw a bar at each place as one area; unknown heights and those of 0 have none.

    `width` is the distance between the closest places.
    """
    points = _measure(ax)[0] / max(1, len(places))
    half = width * (0.5 if points < _THIN else 0.4)
    edges = np.stack([places - half, places + half], axis=1).ravel()
    values = np.zeros(len(edges) - 1)
    values[::2] = np.nan_to_num(heights)
    ax.set_xlim(places[0] - 0.62 * width, places[-1] + 0.62 * width)
    return ax.stairs(values, edges, fill=True, color=color, linewidth=0)


def write_panel_title(panel: Axes, name: str, *more: str) -> None:
    """Give a panel a title no wider than itself: a name, shortened if it must be, and as many more texts as fit."""
    room = _measure(panel)[0] / _BOLD
    kept = next(
        kept for kept in range(len(more), -1, -1) if not kept or measure_text(_join(name, more[:kept]), SMALL) <= room
    )
    rest = _join("", more[:kept])
    letters = max(6, int((room - measure_text(rest, SMALL)) / measure_text("n", SMALL)))
    panel.set_title(shorten(name, letters) + rest, loc="left", fontsize=SMALL, fontweight="bold", pad=4)


def _join(name: str, more: Sequence[str]) -> str:
    return name + "".join(f" {text}" for text in more)


def _count_columns(ax: Axes) -> int:
    """Return how many panels fit next to each other into axes."""
    return max(1, int((_measure(ax)[0] + _ACROSS) / (_NARROWEST + _ACROSS)))


def _measure(ax: Axes) -> tuple[float, float]:
    """Return the width and the height that axes have without their labels when the figure is laid out, in points."""
    width, height = measure_cell(ax)
    if ax.get_subplotspec() is None:
        return width, height
    return max(width - _BESIDE, width / 2), max(height - _ABOVE, height / 2)
