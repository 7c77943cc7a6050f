"""Stacked bars over time, for charts of cost and of outcomes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from genanalytics.errors import InputError
from genanalytics.metrics.grouping.calendar import PERIODS, TIME, Period
from genanalytics.metrics.summary import OPEN
from genanalytics.plots.axis import name_period, set_linear, set_times
from genanalytics.plots.content import add_columns, add_series, find_content
from genanalytics.plots.palette import GREY, find_look
from genanalytics.plots.room import measure_cell
from genanalytics.plots.style import HATCH, draw_legend, draw_line
from genanalytics.units import Unit, format_count, format_value, mark_lower_bound, money_decimals

_MOST_BARS = 1_000
_BAR = 0.8
"""The width of a bar, as a share of its period."""
_WIDE, _NARROW = 8.0, 2.5
"""From the first width on, in points, bars have gaps, and lines between layers; below the second they are an area."""
_FEW = 5
"""Fewer bars have the width of so many."""
_LEAST = 0.02
"""Layers with less than this share of the whole are one layer."""
_ROOM = 1.05
"""The height of the axes, as a multiple of the highest bar."""


class Layer(NamedTuple):
    """One layer of the stack.

    Attributes:
        label: Its name.
        color: Its color.
        heights: Its height in each period.
        groups: How many groups are in it.
        bounds: Whether the height of each period is a lower bound; None if none is.
    """

    label: str
    color: str
    heights: np.ndarray
    groups: int = 1
    bounds: np.ndarray | None = None

    @property
    def is_bound(self) -> np.ndarray:
        """Whether the height of each period is a lower bound."""
        return np.zeros(len(self.heights), dtype=bool) if self.bounds is None else self.bounds


class _Columns(NamedTuple):
    """Where bars are: their places, the width of a period, the same in points, and which are hatched."""

    places: np.ndarray
    width: float
    room: float
    hatched: np.ndarray


def find_periods(
    summary: pd.DataFrame, every: Period, *, ends: tuple[pd.Timestamp, pd.Timestamp] | None = None
) -> pd.Series:
    """Return the periods of a summary, in order, and whether each is incomplete.

    With the moments of the first and the last record, weeks and months that have days before or after them are
    incomplete too.

    Raises:
        InputError: There are too many for bars.
    """
    dated = summary.dropna(subset=[TIME])
    unfinished = dated.groupby(TIME)[OPEN].first().astype("boolean").fillna(value=False)
    if len(unfinished) > _MOST_BARS:
        longer = PERIODS[PERIODS.index(every) + 1 :]
        msg = f"every={every!r} makes {len(unfinished):,} periods: use a longer one, of {', '.join(longer)}"
        raise InputError(msg)
    if ends is not None and len(unfinished) and every in {"week", "month"}:
        first, last = (moment.tz_convert(unfinished.index[0].tz).normalize() for moment in ends)
        following = pd.date_range(last, periods=2, freq="D")[1]
        unfinished.iloc[0] |= first > unfinished.index[0]
        unfinished.iloc[-1] |= (following.day if every == "month" else following.isoweekday()) != 1
    return unfinished


def gather_small(layers: Sequence[Layer]) -> list[Layer]:
    """Return layers, with those that are a small part of the whole together in one grey layer at the end.

    >>> layers = [Layer(name, "#000000", np.array([height])) for name, height in (("a", 99.0), ("b", 0.5), ("c", 0.5))]
    >>> [(layer.label, layer.heights.tolist()) for layer in gather_small(layers)]
    [('a', [99.0]), ('2 others', [1.0])]
    """
    sizes = [float(np.nansum(np.abs(layer.heights))) for layer in layers]
    small = [layer for layer, size in zip(layers, sizes, strict=True) if size < _LEAST * sum(sizes) or layer.groups > 1]
    number = sum(layer.groups for layer in small)
    if len(small) < 2:  # noqa: PLR2004 - one layer is no group of layers
        return [*layers]
    heights = np.nansum([layer.heights for layer in small], axis=0)
    large = [layer for layer in layers if not any(layer is other for other in small)]
    bounds = np.any([layer.is_bound for layer in small], axis=0)
    return [*large, Layer(format_count(number, "other"), GREY, heights, number, bounds)]


def draw_stack(
    ax: Axes,
    unfinished: pd.Series,
    layers: Sequence[Layer],
    *,
    every: Period,
    unit: Unit = Unit.USD,
    line: Layer | None = None,
    expected: Layer | None = None,
    outline: Layer | None = None,
) -> None:
    """Draw layers of bars on top of each other, negative ones below the axis; unfinished periods are hatched.

    Many bars are a stepped area, since bars narrower than a pixel vanish.

    Args:
        ax: The axes.
        unfinished: What `find_periods` returns.
        layers: The layers, from the bottom to the top.
        every: The period.
        unit: The unit of the heights.
        line: A line in front of the bars that is not part of the stack; it has gaps where its height is unknown.
        expected: What is still to come, in pale on top of the stack.
        outline: Heights to compare with, as an outline in front of the bars; unknown ones have none.
    """
    starts = pd.DatetimeIndex(unfinished.index)
    places, width = set_times(ax, starts, every)
    columns = _Columns(places, width, measure_cell(ax)[0] / len(places), unfinished.to_numpy(dtype=bool))
    draw = _draw_bars if columns.room >= _NARROW else _draw_area
    above, below = np.zeros(len(places)), np.zeros(len(places))
    for layer in layers:
        heights = np.nan_to_num(layer.heights)  # an unknown height adds nothing to a bar
        bottom = np.where(heights < 0, below, above)
        add_series(ax, layer.label, draw(ax, columns, bottom, layer._replace(heights=heights)))
        above, below = above + heights.clip(min=0), below + heights.clip(max=0)
    handles: list[Any] = [Patch(color=layer.color, label=layer.label) for layer in layers]
    tops = [above]
    if expected is not None:
        handles.append(_draw_expected(ax, columns, above, expected))
        tops.append(above + expected.heights)
    for other, draw_other in ((outline, _draw_outline), (line, _draw_line)):
        if other is not None:
            handles.append(draw_other(ax, columns, other))
            tops.append(other.heights)
    # no wider than many bars: a tick beyond the last bar would name a month without one
    margin = (0.62 + max(0, _FEW - len(places)) / 2) * width
    ax.set_xlim(places[0] - margin, places[-1] + margin)
    ax.set_ylim(_ROOM * below.min(), _ROOM * float(np.nanmax(tops)) or 1.0)
    set_linear(ax.yaxis, unit)
    draw_legend(ax, handles, unfinished=bool(unfinished.any()))
    rest = [each for each in (expected, outline, line) if each is not None]
    texts = _describe_periods(starts, every, layers, rest, unit)
    add_columns(ax, list(places - width / 2), list(places + width / 2), texts)


def _draw_expected(ax: Axes, columns: _Columns, above: np.ndarray, layer: Layer) -> Patch:
    look = find_look(ax)
    drawn: dict[str, Any] = {"facecolor": look.pale, "edgecolor": layer.color, "linewidth": 0.7}
    width = columns.width * (_BAR if columns.room >= _WIDE else 1.0)
    shown = np.flatnonzero(layer.heights > 0)
    bars = _draw_rectangles(ax, columns.places[shown], width, above[shown], layer.heights[shown], **drawn)
    bars.set_label(layer.label)
    add_series(ax, layer.label, [bars])
    return Patch(label=layer.label, **drawn)


def _draw_outline(ax: Axes, columns: _Columns, layer: Layer) -> Line2D:
    """Draw the tops of bars as one line."""
    edges = np.repeat(np.append(columns.places - columns.width / 2, columns.places[-1] + columns.width / 2), 2)[1:-1]
    (line,) = ax.plot(edges, np.repeat(layer.heights, 2), color=layer.color, linewidth=1.2, label=layer.label)
    add_series(ax, layer.label, [line])
    find_content(ax).earlier.append(layer.label)
    return line


def _draw_line(ax: Axes, columns: _Columns, layer: Layer) -> Line2D:
    line = draw_line(ax, columns.places, layer.heights, layer.color, layer.label)
    add_series(ax, layer.label, [line])
    return line


def _draw_bars(ax: Axes, columns: _Columns, bottom: np.ndarray, layer: Layer) -> list[Any]:
    is_wide = columns.room >= _WIDE
    width = _BAR * columns.width if is_wide else columns.width
    look: dict[str, Any] = {
        "facecolor": layer.color,
        "edgecolor": find_look(ax).paper,
        "linewidth": 0.4 if is_wide else 0,
        "snap": is_wide,  # a narrow bar that is moved to whole pixels may vanish
    }
    drawn = [
        _draw_rectangles(ax, columns.places[part], width, bottom[part], layer.heights[part], hatch=hatch, **look)
        for part, hatch in ((~columns.hatched, None), (columns.hatched, HATCH))
        if part.any()
    ]
    drawn[0].set_label(layer.label)  # of one part: a legend of the caller has one entry per layer
    return drawn


def _draw_area(ax: Axes, columns: _Columns, bottom: np.ndarray, layer: Layer) -> list[Any]:
    """Draw a layer as one stepped area; hatched parts are drawn again."""
    lefts, tops = columns.places - columns.width / 2, bottom + layer.heights
    edges = np.append(lefts, lefts[-1] + columns.width)
    area = ax.stairs(tops, edges, baseline=bottom, fill=True, color=layer.color, label=layer.label, linewidth=0)
    again = np.flatnonzero(columns.hatched & (layer.heights != 0))
    look: dict[str, Any] = {"facecolor": layer.color, "edgecolor": find_look(ax).paper, "hatch": HATCH, "linewidth": 0}
    bars = _draw_rectangles(ax, columns.places[again], columns.width, bottom[again], layer.heights[again], **look)
    return [area, bars]


def _draw_rectangles(
    ax: Axes,
    places: np.ndarray,
    width: float,
    bottom: np.ndarray,
    heights: np.ndarray,
    **look: Any,  # noqa: ANN401 - a collection's
) -> PolyCollection:
    """Draw bars that look alike as one artist: an artist per bar takes many times as long."""
    lefts, rights, tops = places - width / 2, places + width / 2, bottom + heights
    corners: Any = np.stack([lefts, bottom, rights, bottom, rights, tops, lefts, tops], axis=1).reshape(-1, 4, 2)
    bars = PolyCollection(corners, joinstyle="miter", **look)
    ax.add_collection(bars)
    return bars


def _describe_periods(
    starts: pd.DatetimeIndex, every: Period, layers: Sequence[Layer], rest: Sequence[Layer], unit: Unit
) -> list[str]:
    """Return the text under the pointer for each period: its name, its layers that are not 0, their total, the rest."""
    heights = np.nan_to_num([layer.heights for layer in layers])
    decimals = money_decimals(heights.ravel().tolist()) if unit is Unit.USD else None
    whole = Layer("total", "", heights.sum(axis=0), bounds=np.any([layer.is_bound for layer in layers], axis=0))
    texts = []
    for place, start in enumerate(starts):
        known, others = ([one for one in some if np.nan_to_num(one.heights[place])] for some in (layers, rest))
        is_sum = len(known) > 1 or bool(len(known) and whole.is_bound[place] > known[0].is_bound[place])
        amounts = [
            f"{one.label}: {_format_height(one, place, unit, decimals)}"
            for one in (*known, *([whole] if is_sum else []), *others)
        ]
        texts.append("\n".join([name_period(start, every), *amounts]))
    return texts


def _format_height(layer: Layer, place: int, unit: Unit, decimals: int | None) -> str:
    text = format_value(float(layer.heights[place]), unit, decimals=decimals)
    return mark_lower_bound(text) if layer.is_bound[place] else text
