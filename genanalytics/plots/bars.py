"""Stacked bars over time, for charts of cost and of outcomes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from genanalytics.errors import InputError
from genanalytics.metrics.grouping.calendar import PERIODS, TIME, Period
from genanalytics.metrics.summary import OPEN
from genanalytics.plots.axis import set_times
from genanalytics.plots.style import HATCH, draw_legend, draw_line

_MOST_BARS = 1_000
_BAR = 0.8
"""The width of a bar, as a share of its period."""


class Layer(NamedTuple):
    """One layer of the stack: a height per period."""

    label: str
    color: str
    heights: np.ndarray


def find_periods(summary: pd.DataFrame, every: Period) -> pd.Series:
    """Return the periods of a summary, in order, and whether each is unfinished.

    Raises:
        InputError: There are too many for bars.
    """
    dated = summary.dropna(subset=[TIME])
    unfinished = dated.groupby(TIME)[OPEN].first().astype("boolean").fillna(value=False)
    if len(unfinished) > _MOST_BARS:
        longer = PERIODS[PERIODS.index(every) + 1 :]
        msg = f"every={every!r} makes {len(unfinished):,} periods: use a longer one, of {', '.join(longer)}"
        raise InputError(msg)
    return unfinished


def draw_stack(
    ax: Axes, unfinished: pd.Series, layers: Sequence[Layer], *, every: Period, line: Layer | None = None
) -> None:
    """Draw layers of bars on top of each other, negative ones below the axis; unfinished periods are hatched.

    A line in front of them is not part of the stack; it has gaps where its height is unknown.
    """
    places, width = set_times(ax, pd.DatetimeIndex(unfinished.index), every)
    above, below = np.zeros(len(places)), np.zeros(len(places))
    for layer in layers:
        heights = np.nan_to_num(layer.heights)  # an unknown height adds nothing to a bar
        bars = ax.bar(
            places,
            heights,
            bottom=np.where(heights < 0, below, above),
            width=_BAR * width,
            color=layer.color,
            label=layer.label,
            edgecolor="white",
            linewidth=0,
        )
        for bar, hatched in zip(bars, unfinished, strict=True):
            if hatched:
                bar.set_hatch(HATCH)
        above, below = above + heights.clip(min=0), below + heights.clip(max=0)
    # no wider than the bars: a tick beyond the last bar would name a month without one
    ax.set_xlim(places[0] - 0.62 * width, places[-1] + 0.62 * width)
    handles = [Patch(color=layer.color, label=layer.label) for layer in layers]
    lines = [] if line is None else [draw_line(ax, places, line.heights, line.color, line.label)]
    draw_legend(ax, [*handles, *lines], unfinished=bool(unfinished.any()))
