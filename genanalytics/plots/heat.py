"""Maps of colors: their scale, and a table as nested areas of one hue, which has no seams on light and dark paper."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from genanalytics.plots.palette import HEAT
from genanalytics.units import Unit, format_value

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LEVELS = 8
_MOST_OF = 0.95
"""The share of the values below the end of a scale."""


def choose_scale(known: np.ndarray, *, is_sum: bool) -> Normalize:
    """Return the scale of colors for known values: from 0 to the highest sum, or to the 95th percentile of others.

    >>> choose_scale(np.array([0.0] * 99 + [3.0]), is_sum=False).vmax
    3.0
    """
    if not len(known):
        return Normalize(0, 1)
    end = float(np.quantile(known, 1.0 if is_sum else _MOST_OF))
    return Normalize(min(0.0, float(known.min())), end or float(known.max()) or 1.0)


def describe_end(known: np.ndarray, norm: Normalize, unit: Unit) -> str:
    """Return the value from which on all values have the strongest color; "" if it is the highest one."""
    end = norm.vmax or 0.0
    return f"strongest color: {format_value(end, unit)} or more" if len(known) and known.max() > end else ""


def draw_heat(
    ax: Axes, across: np.ndarray, up: np.ndarray, table: np.ndarray, norm: Normalize, *, levels: int = _LEVELS
) -> list[PathPatch]:
    """Draw a table of values as colors in levels; gaps are blank.

    The area of each level covers all cells of that level and above. Each is drawn over the one before, so that
    neighbors touch nowhere.

    Args:
        ax: The axes.
        across: The edges of the columns, in data coordinates.
        up: The edges of the rows.
        table: A row of values per row of cells, from bottom to top.
        norm: The scale of the colors.
        levels: The number of levels.
    """
    steps = np.ceil(np.nan_to_num(np.asarray(norm(table), dtype=float)) * levels).clip(1, levels)
    steps = np.where(np.isfinite(table), steps, 0)
    shares = [float(HEAT((level - 0.5) / levels)[3]) for level in range(1, levels + 1)]
    areas, before = [], 0.0
    for level, share in enumerate(shares, 1):
        boxes = _list_boxes(steps >= level, across, up)
        opacity, before = 1 - (1 - share) / (1 - before), share
        if not len(boxes):
            continue
        path = Path.make_compound_path_from_polys(boxes)
        areas.append(PathPatch(path, facecolor=HEAT(1.0)[:3], alpha=opacity, linewidth=0))
        ax.add_artist(areas[-1])
    return areas


def _list_boxes(inside: np.ndarray, across: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Return the corners of a box around each vertical run of cells."""
    padded = np.pad(inside, ((1, 1), (0, 0))).astype(int)
    ends = np.diff(padded, axis=0)
    columns, bottoms = np.nonzero((ends == 1).T)
    _, tops = np.nonzero((ends == -1).T)
    left, right, low, high = across[columns], across[columns + 1], up[bottoms], up[tops]
    corners = [(left, low), (right, low), (right, high), (left, high)]
    return np.stack([np.stack(corner, axis=1) for corner in corners], axis=1)
