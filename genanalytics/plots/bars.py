"""Bars over time, stacked: what charts of cost and of outcomes have in common."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from genanalytics.errors import InputError
from genanalytics.metrics.grouping.keys import BUCKETS, TIME
from genanalytics.metrics.summary import OPEN
from genanalytics.plots.axis import timed, width_of
from genanalytics.plots.style import HATCH, keyed, lined_up

_MOST_BARS = 1_000
_BAR = 0.8
"""Which part of its stretch of time a bar takes."""


class Layer(NamedTuple):
    """One height per stretch of time, from the bottom of the stack to its top."""

    label: str
    colour: str
    heights: np.ndarray


def stretches(summary: pd.DataFrame, every: str) -> pd.Series:
    """Return the stretches of time of a summary, in order, and whether each is unfinished.

    Raises:
        InputError: There are more than can be told apart.
    """
    dated = summary.dropna(subset=[TIME])
    unfinished = dated.groupby(TIME)[OPEN].first().astype("boolean").fillna(value=False)
    if len(unfinished) > _MOST_BARS:
        longer = BUCKETS[BUCKETS.index(every) + 1 :]
        msg = f"every={every!r} makes {len(unfinished):,} stretches of time: take a longer one, of {', '.join(longer)}"
        raise InputError(msg)
    return unfinished


def stack(
    ax: Axes, unfinished: pd.Series, layers: Sequence[Layer], *, every: str, tz: str, line: Layer | None = None
) -> None:
    """Draw layers of bars on each other; what is below 0 hangs below the axis, unfinished stretches are hatched.

    A line, drawn in front of them, is not a part of the stack; it has a gap where its height is not known.
    """
    places = timed(ax, pd.DatetimeIndex(unfinished.index), every, tz)
    width = width_of(places, every)
    above, below = np.zeros(len(places)), np.zeros(len(places))
    for layer in layers:
        heights = np.nan_to_num(layer.heights)  # nothing known adds nothing to a bar
        bars = ax.bar(
            places,
            heights,
            bottom=np.where(heights < 0, below, above),
            width=_BAR * width,
            color=layer.colour,
            label=layer.label,
            edgecolor="white",
            linewidth=0,
        )
        for bar, hatched in zip(bars, unfinished, strict=True):
            if hatched:
                bar.set_hatch(HATCH)
        above, below = above + heights.clip(min=0), below + heights.clip(max=0)
    # of a bar and its gap: a tick beyond the last bar would name a month without one
    ax.set_xlim(places[0] - 0.62 * width, places[-1] + 0.62 * width)
    handles = [Patch(color=layer.colour, label=layer.label) for layer in reversed(layers)]
    lines = [] if line is None else [lined_up(ax, places, line.heights, line.colour, line.label)]
    keyed(ax, [*handles, *lines], unfinished=bool(unfinished.any()))
