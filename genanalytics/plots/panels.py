"""Small panels inside the axes of a chart."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.patches import StepPatch
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from genanalytics.base.text import shorten
from genanalytics.plots.room import measure_cell
from genanalytics.plots.style import SMALL

_NARROWEST, _LOWEST = 100.0, 50.0
"""The least width and height of a panel, in points."""
_ACROSS, _DOWN, _TOP = 14.0, 30.0, 16.0
"""The distances between panels, and the room of the first title, in points."""
_AT_RIGHT, _ABOVE = 85.0, 95.0
"""The room of labels next to axes, and of labels and titles below and above them, in points."""
_THIN = 3.0
"""Bars that are narrower than this, in points, have no gaps between them."""
_PAD = 6.0
"""The distance of ticks to the panel above them, in points: the first one is next to the lowest one of the side."""


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
    """Show the labels of ticks at the left of the first panels, and below the lowest panel of each column.

    The last column has the year of all.
    """
    places = [panel.get_position() for panel in panels]
    left, right = min(place.x0 for place in places), max(place.x1 for place in places)
    for panel, place in zip(panels, places, strict=True):
        is_lowest = not any(math.isclose(other.x0, place.x0) and other.y0 < place.y0 - 1e-6 for other in places)
        panel.tick_params(length=0, labelleft=math.isclose(place.x0, left, abs_tol=1e-6), labelbottom=is_lowest)
        panel.tick_params(axis="x", pad=_PAD)
        is_last = math.isclose(place.x1, right, abs_tol=1e-6)
        panel.xaxis.get_offset_text().set(fontsize=SMALL, visible=is_lowest and is_last)


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


class PanelTitle(Text):
    """A title that is no wider than its panel when drawn: as many of its parts as fit, and a shortened name if none.

    Attributes:
        parts: The name, then the texts after it.
    """

    parts: Sequence[str] = ("",)

    def draw(self, renderer: RendererBase) -> None:
        """Draw the title."""
        if self.axes is not None:
            self._fit(float(self.axes.get_window_extent(renderer).width), renderer)
        super().draw(renderer)

    def get_window_extent(self, renderer: RendererBase | None = None, dpi: float | None = None) -> Bbox:
        """Return its box, which ends with the panel: the layout of the figure asks before the title is drawn."""
        box = super().get_window_extent(renderer, dpi)
        axes: Any = self.axes
        return box if axes is None else Bbox([[box.x0, box.y0], [min(box.x1, axes.bbox.x1), box.y1]])

    def _fit(self, room: float, renderer: RendererBase) -> None:
        name = self.parts[0]
        shorter = (shorten(name, letters) for letters in range(len(name) - 1, 0, -1))
        fuller = (" ".join(self.parts[:number]) for number in range(len(self.parts), 0, -1))
        for text in itertools.chain(fuller, shorter):
            self.set_text(text)
            if float(super().get_window_extent(renderer).width) <= room:
                return


def write_panel_title(panel: Axes, *parts: str) -> None:
    """Give a panel a title: a name, and texts after it that are left out if they do not fit."""
    title = PanelTitle()
    title.update_from(panel.title)
    title.parts = parts
    title.axes = panel
    title.set_figure(panel.figure)
    title.set_transform(panel.title.get_transform())
    title.set_in_layout(False)
    panel.title = title
    panel.set_title(" ".join(parts), x=0, ha="left", fontsize=SMALL, fontweight="bold", pad=4)


def _count_columns(ax: Axes) -> int:
    """Return how many panels fit next to each other into axes."""
    return max(1, int((_measure(ax)[0] + _ACROSS) / (_NARROWEST + _ACROSS)))


def _measure(ax: Axes) -> tuple[float, float]:
    """Return the width and the height that axes have without their labels when the figure is laid out, in points."""
    width, height = measure_cell(ax)
    if ax.get_subplotspec() is None:
        return width, height
    return max(width - _AT_RIGHT, width / 2), max(height - _ABOVE, height / 2)
