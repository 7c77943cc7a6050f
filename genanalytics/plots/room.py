"""The room that a chart has: the part of the figure for its axes, and the widths of texts, in points."""

from functools import lru_cache
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

_HINTED = 1.08
"""How much wider a text on a screen can be: its letters are at whole pixels."""


def measure_cell(ax: Axes) -> tuple[float, float]:
    """Return the width and height of the part of a figure that belongs to axes and their labels, in points."""
    place, scale = ax.get_subplotspec(), 72 / ax.figure.dpi
    if place is None:
        box = ax.get_window_extent()
        return float(box.width * scale), float(box.height * scale)
    grid, whole = place.get_gridspec(), ax.figure.bbox
    width = whole.width * _take_share(grid.get_width_ratios(), place.colspan, grid.ncols)
    height = whole.height * _take_share(grid.get_height_ratios(), place.rowspan, grid.nrows)
    return float(width * scale), float(height * scale)


def _take_share(ratios: Any, span: range, number: int) -> float:  # noqa: ANN401 - an array or None
    sizes = np.ones(number) if ratios is None else np.asarray(ratios, dtype=float)
    return float(sizes[span.start : span.stop].sum() / sizes.sum())


def measure_text(text: str, size: str | float | None = None) -> float:
    """Return the width of a text in the font of the style, in points; `size` is that of the style if it is None."""
    font = FontProperties(size=mpl.rcParams["font.size"] if size is None else size)
    return _HINTED * measure_letters(text, font)[0]


def measure_letters(text: str, font: FontProperties, ismath: Any = False) -> tuple[float, float, float]:  # noqa: ANN401, FBT002 - as matplotlib has it
    """Return the width, the height and the descent of a text in an SVG, in points.

    Its letters grow evenly with the size of the font, so a text is measured once for all sizes.
    """
    usual, scale = font.copy(), font.get_size_in_points() / text_to_path.FONT_SCALE
    usual.set_size(text_to_path.FONT_SCALE)
    width, height, descent = _measure(text, usual, ismath)
    return width * scale, height * scale, descent * scale


@lru_cache(maxsize=4096)
def _measure(text: str, font: FontProperties, ismath: Any) -> tuple[float, float, float]:  # noqa: ANN401 - of matplotlib
    return text_to_path.get_text_width_height_descent(text, font, ismath)
