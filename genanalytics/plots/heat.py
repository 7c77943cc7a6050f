"""Maps of colors: a table as nested areas of one hue, which has no seams and works on light and dark paper."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from genanalytics.plots.palette import HEAT

_LEVELS = 8


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
