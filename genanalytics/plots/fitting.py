"""The place of axes in a figure without a layout: title, labels and legend stay in the cell of the axes."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.gridspec import SubplotSpec
from matplotlib.transforms import Bbox

_PASSES = 3
"""A narrower axes may have a higher title."""
_SETTLED = 1e-4
_MARGIN = 3.0
"""The distance to the next cell, in points."""
_LEAST = 0.1
"""The least part of the cell that remains for the axes."""


class Fitting:
    """Returns the place of axes whenever they are drawn, as matplotlib asks for it.

    A figure with a layout, and axes that the caller has moved, keep their places.

    Attributes:
        room: The left edge and the width of the heading in this place, in pixels; None until the heading measures it.
    """

    room: tuple[float, float] | None = None

    def __init__(self, ax: Axes) -> None:
        self._given = ax.get_position(original=True).bounds
        self._cell = ax.get_subplotspec()

    def get_subplotspec(self) -> SubplotSpec | None:
        """Return the cell of the axes: a tight layout asks for it."""
        return self._cell

    def __call__(self, ax: Any, renderer: RendererBase | None) -> Bbox:  # noqa: ANN401 - axes of any kind
        """Return the place of axes in shares of the figure."""
        self.room = None
        given: Bbox = ax.get_position(original=True)
        place = given
        if ax.figure.get_layout_engine() is None and given.bounds == self._given and ax.get_subplotspec():
            place = self._settle(ax, renderer)
        ax.apply_aspect(place)
        if ax.get_legend() is not None:  # it may have to become another one before it is drawn
            ax.title.get_window_extent(renderer)
        return place

    def _settle(self, ax: Axes, renderer: RendererBase | None) -> Bbox:
        """Return a place that suits the labels that the axes have in it."""
        place = ax.get_position()
        for _ in range(_PASSES):
            before, place = place, _shrink(ax, place, self._measure(ax, place, renderer))
            if np.allclose(before.extents, place.extents, atol=_SETTLED):
                break
        return place

    def _measure(self, ax: Axes, place: Bbox, renderer: RendererBase | None) -> Bbox:
        """Return the box around axes with all their labels, if they were at a place, in shares of the figure."""
        ax.set_axes_locator(lambda *_: place)
        whole = ax.get_tightbbox(renderer)
        ax.set_axes_locator(self)
        return place if whole is None else whole.transformed(ax.figure.transSubfigure.inverted())


def _shrink(ax: Axes, place: Bbox, drawn: Bbox) -> Bbox:
    """Return a place in which axes with all their labels are inside their cell, given the labels at another place."""
    cell, given = _find_cell(ax), ax.get_position(original=True)
    left = max(given.x0, cell.x0 + place.x0 - drawn.x0)
    bottom = max(given.y0, cell.y0 + place.y0 - drawn.y0)
    right = max(min(given.x1, cell.x1 - (drawn.x1 - place.x1)), left + _LEAST * cell.width)
    top = max(min(given.y1, cell.y1 - (drawn.y1 - place.y1)), bottom + _LEAST * cell.height)
    return Bbox.from_extents(left, bottom, right, top)


def _find_cell(ax: Axes) -> Bbox:
    """Return the part of the figure that belongs to axes: to the middle of the gaps, or to the edge of the figure."""
    place: Any = ax.get_subplotspec()
    bottoms, tops, lefts, rights = place.get_gridspec().get_grid_positions(ax.figure)
    first, last = place.colspan.start, place.colspan.stop - 1
    upper, lower = place.rowspan.start, place.rowspan.stop - 1
    across, down = (_MARGIN / 72 / size for size in _measure_inches(ax))
    return Bbox.from_extents(
        (rights[first - 1] + lefts[first]) / 2 + across if first else across,
        (tops[lower + 1] + bottoms[lower]) / 2 + down if lower + 1 < len(tops) else down,
        (rights[last] + lefts[last + 1]) / 2 - across if last + 1 < len(lefts) else 1 - across,
        (tops[upper] + bottoms[upper - 1]) / 2 - down if upper else 1 - down,
    )


def _measure_inches(ax: Axes) -> tuple[float, float]:
    box = ax.figure.bbox
    return float(box.width / ax.figure.dpi), float(box.height / ax.figure.dpi)
