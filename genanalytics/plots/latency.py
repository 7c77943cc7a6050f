"""Charts of latency: its tails, and how it moves."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patheffects import withStroke

from genanalytics.metrics import RowValue, distribution, summarize
from genanalytics.metrics.catalog import row_value
from genanalytics.metrics.grouping.keys import TIME
from genanalytics.plots.axis import logarithmic, named_unit, timed, width_of
from genanalytics.plots.bars import stretches
from genanalytics.plots.groups import hidden, name_of, numbers, rests_on, subject, undated
from genanalytics.plots.style import (
    HEAT,
    HUES,
    INK,
    PALE,
    SMALL,
    labelled_empty,
    lined,
    lined_up,
    scaled,
    styled,
    titled,
)
from genanalytics.units import Unit

_MOST_PANELS = 6
_LEAST_BEYOND = 5
"""A percentile is drawn as long as so many observations lie beyond it: further out it is one or another of them."""
_PER_DECADE = 10
"""Into how many rows the heat map divides each power of ten."""
_PERCENTILES = (0.5, 0.9, 0.99, 0.999, 0.9999)


def latency_tails(
    data: object,
    *,
    by: str = "provider_name",
    value: RowValue | str = "ttft_ms",
    tz: str = "UTC",
    ax: Axes | None = None,
) -> Axes:
    """Return axes that hold a small panel per group: latency by percentile, stretched toward the slowest.

    The percentile axis is that of HdrHistogram: each further nine takes as much room as the one before. In each panel
    the other groups stand grey behind; a line stops where fewer than five observations are slower still.

    Args:
        data: What `summarize` takes.
        by: The key whose values have a panel each: the six with most observations.
        value: What is measured, as `distribution` takes it: `ttft_ms`, `e2e_ms`, ...
        tz: The zone of the period and of keys that are derived from moments.
        ax: Where to draw; a new figure without it. The panels are its `child_axes`, in its place.

    Raises:
        MissingColumnError: The data lacks a column that is needed.
        InputError: There is no such row value or zone.
    """
    measured = row_value(value)
    points = distribution(data, measured, by=by, tz=tz)
    lines = [(group, part) for group, part in points.groupby(by, dropna=False, sort=False)]
    lines.sort(key=lambda line: -int(line[1]["n"].iloc[0]))
    with styled(ax, grid="") as axes:
        rule = f"successful only; a line stops where fewer than {_LEAST_BEYOND} are beyond it"
        some = hidden(min(len(lines), _MOST_PANELS), len(lines), "observations")
        titled(axes, f"{measured.label} by percentile and {subject(by)}", [rests_on(data, tz), some, rule])
        if not lines:
            axes.set(xlabel="percentile", ylabel=named_unit(measured.label, measured.unit))
            return labelled_empty(axes, f"no known {measured.label}")
        curves = [_curve(part) for _, part in lines]
        if not any(len(places) for places, _ in curves):
            axes.set(xlabel="percentile", ylabel=named_unit(measured.label, measured.unit))
            return labelled_empty(axes, f"too few observations: no percentile has {_LEAST_BEYOND} beyond it")
        for place, panel in enumerate(_panels(axes, min(len(lines), _MOST_PANELS))):
            group, part = lines[place]
            for other, curve in enumerate(curves):
                if other != place:
                    panel.plot(*curve, color=PALE, linewidth=1)
            panel.plot(*curves[place], color=HUES[0], linewidth=2)
            panel.set_title(name_of(group, longest=26), fontsize=SMALL, fontweight="bold", pad=4)
            number = f"n = {int(part['n'].iloc[0]):,}" + ("" if len(curves[place][0]) else ", too few")
            text = panel.text(0.98, 0.04, number, transform=panel.transAxes, fontsize=SMALL, color=INK, ha="right")
            text.set_path_effects([withStroke(linewidth=3, foreground="white")])
        _scales(axes, curves, measured)
        return axes


def latency_heatmap(
    data: object, *, value: RowValue | str = "ttft_ms", every: str = "day", tz: str = "UTC", ax: Axes | None = None
) -> Axes:
    """Return axes with the distribution of latency in each stretch of time as colours, p50 and p95 drawn upon it.

    Each column of colours is one stretch, and sums to all of its generations, however many they are. A percentile is
    drawn where five observations or more are slower; a line has a gap where there is none.

    Args:
        data: What `summarize` takes.
        value: What is measured, as `distribution` takes it: `ttft_ms`, `e2e_ms`, ...
        every: The stretch of time: `minute`, `hour`, `day`, `week` or `month`.
        tz: The zone of these, by its IANA name.
        ax: Where to draw; a new figure without it.

    Raises:
        MissingColumnError: The data lacks a column that is needed.
        InputError: There is no such row value, zone or stretch of time, or there are too many stretches.
    """
    measured = row_value(value)
    lines = summarize(data, every=every, tz=tz, metrics=[measured.name])
    cells = distribution(data, measured, every=every, tz=tz, kind="histogram", per_decade=_PER_DECADE).dropna(
        subset=[TIME]
    )
    cells = cells[cells["low"] > 0]
    unfinished = stretches(lines, every)
    with styled(ax, grid="") as axes:
        rule = f"successful only; percentiles where {_LEAST_BEYOND} or more are beyond"
        details = [rests_on(data, tz), rule, undated(lines)]
        titled(axes, f"{measured.label} over time", details)
        axes.set(xlabel=f"{every} ({tz})", ylabel=named_unit(measured.label, measured.unit))
        if cells.empty:
            return labelled_empty(axes, f"no known {measured.label}")
        places = timed(axes, pd.DatetimeIndex(unfinished.index), every, tz)
        width = width_of(places, every)
        _cells(axes, cells, pd.Series(places, index=unfinished.index), width)
        dated = lines.dropna(subset=[TIME])
        for level, name, colour in ((0.5, "p50", "black"), (0.95, "p95", HUES[2])):
            enough = numbers(dated[f"{measured.name}_n"]) * (1 - level) >= _LEAST_BEYOND
            values = np.where(enough, numbers(dated[f"{measured.name}_{name}"]), np.nan)
            lined_up(axes, places, values, colour, name)
            _at_end(axes, places, values, name, colour)
        axes.set_xlim(places[0] - width / 2, places[-1] + width / 2)
        return axes


def _cells(ax: Axes, cells: pd.DataFrame, columns: pd.Series, width: float) -> None:
    """Draw a histogram per stretch of time as a column of colours, with their scale beside the axes.

    Args:
        ax: The axes.
        cells: The histograms.
        columns: Where each stretch of time stands.
        width: How wide the first and the last one are.
    """
    decades = np.log10(cells["high"].to_numpy(dtype=float))
    rows = np.round(decades * _PER_DECADE).astype(int)
    lowest, highest = int(rows.min()), int(rows.max())
    table = np.full((highest - lowest + 1, len(columns)), np.nan)
    table[rows - lowest, columns.index.get_indexer(pd.Index(cells[TIME]))] = cells["share"].to_numpy(dtype=float)
    places = columns.to_numpy(dtype=float)
    across = np.concatenate([[places[0] - width / 2], (places[1:] + places[:-1]) / 2, [places[-1] + width / 2]])
    up = 10.0 ** (np.arange(lowest - 1, highest + 1) / _PER_DECADE)
    norm = Normalize(0, float(np.nanmax(table)))
    ax.pcolormesh(across, up, table, cmap=HEAT, norm=norm, rasterized=True)
    logarithmic(ax, "y", up, Unit.MS)
    scaled(ax, norm, f"share of the {ax.get_xlabel().partition(' ')[0]}", Unit.SHARE)


def _at_end(ax: Axes, places: np.ndarray, values: np.ndarray, name: str, colour: str) -> None:
    """Write the name of a line where it ends."""
    known = np.flatnonzero(np.isfinite(values))
    if len(known):
        end = (places[known[-1]], values[known[-1]])
        text = ax.annotate(name, end, (0, 6), textcoords="offset points", color=colour, fontweight="bold", ha="center")
        text.set_path_effects([withStroke(linewidth=3, foreground="white")])


def _curve(points: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return stretched percentiles and values, as far as enough observations lie beyond."""
    share, value = points["share"].to_numpy(dtype=float), points["value"].to_numpy(dtype=float)
    n = int(points["n"].iloc[0])
    enough = np.round(n * (1 - share), 6) >= _LEAST_BEYOND
    return _stretched(share[enough]), value[enough]


def _stretched(share: "np.ndarray | Sequence[float]") -> np.ndarray:
    """Return where a percentile stands: 0 for p0, 1 for p90, 2 for p99, and so on."""
    stretched: np.ndarray = -np.log10(1 - np.asarray(share))
    return stretched


def _panels(ax: Axes, number: int) -> list[Axes]:
    """Return so many panels in the place of axes, row by row, under the axes' own title."""
    columns = number if number <= 3 else math.ceil(number / 2)  # noqa: PLR2004 - as many as stand in one row
    rows = math.ceil(number / columns)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, labelleft=False, labelbottom=False)
    across, down, top = 0.03, 0.14, 0.07
    width, height = (1 - across * (columns - 1)) / columns, (1 - top - down * (rows - 1)) / rows
    return [
        ax.inset_axes(
            (place % columns * (width + across), 1 - top - height - place // columns * (height + down), width, height)
        )
        for place in range(number)
    ]


def _scales(ax: Axes, curves: Sequence[tuple[np.ndarray, np.ndarray]], measured: RowValue) -> None:
    """Give all panels the same scales, and write them at the outer ones."""
    panels: Sequence[Any] = ax.child_axes
    values = np.concatenate([values for _, values in curves])
    end = max([1.0, *(float(places.max()) for places, _ in curves if len(places))])
    shown = [level for level in _PERCENTILES if _stretched([level])[0] <= end]
    left = min(panel.get_position().x0 for panel in panels)
    for panel in panels:
        lined(panel, "both")
        panel.set_xlim(0, 1.04 * end)
        panel.set_xticks(_stretched(shown), [f"p{100 * level:.6g}" for level in shown], fontsize=SMALL)
        logarithmic(panel, "y", values, measured.unit)
        panel.tick_params(
            length=0, labelsize=SMALL, labelleft=math.isclose(panel.get_position().x0, left, abs_tol=1e-6)
        )
    ax.set_xlabel("percentile", labelpad=16)
    ax.set_ylabel(named_unit(measured.label, measured.unit), labelpad=42)
