"""Charts of latency: its tails, and its course over time."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patheffects import withStroke

from genanalytics.base.opening import opens_paths
from genanalytics.metrics import RowValue, distribution, spread, summarize
from genanalytics.metrics.catalog import find_row_value
from genanalytics.metrics.declare import LEVELS
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import TIME, Period
from genanalytics.plots.axis import add_unit, set_logarithmic, set_times
from genanalytics.plots.bars import find_periods
from genanalytics.plots.groups import (
    choose_mark,
    describe_basis,
    describe_hidden,
    describe_undated,
    name_subject,
    shorten_group,
    to_finite,
    write_n,
)
from genanalytics.plots.palette import HEAT, HUES
from genanalytics.plots.percentiles import LEAST_BEYOND, has_enough
from genanalytics.plots.style import (
    INK,
    PALE,
    SMALL,
    draw_grid,
    draw_line,
    draw_scale,
    style_axes,
    write_empty,
    write_title,
)
from genanalytics.units import Unit

_MOST_PANELS = 6
_PER_DECADE = 10
"""The rows of the heat map per power of ten."""
_PERCENTILES = (0.5, 0.9, 0.99, 0.999, 0.9999)


@opens_paths("data")
def latency_tails(
    data: Records,
    *,
    by: str = "provider_name",
    metric: RowValue | str = "ttft_ms",
    tz: str = "UTC",
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with a small panel per group: latency by percentile, on an axis that spreads the slowest.

    The percentile axis is the one of HdrHistogram: p90, p99 and p99.9 are equally far apart. The other groups are grey
    lines in each panel. A line ends where fewer than five observations are slower.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: The column, or the derived key, with a panel per value: the six with the most observations.
        metric: A row value, as in `distribution`: `ttft_ms`, `e2e_ms`, ...
        tz: The time zone of days and hours, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether the details are written below the title.
        ax: The axes to draw into; None for a new figure. The panels are its `child_axes`.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such row value or time zone.
    """
    value = find_row_value(metric)
    points = distribution(data, value, by=by, tz=tz)
    lines = [(group, part) for group, part in points.groupby(by, dropna=False, sort=False)]
    mark = choose_mark(points, "n")
    lines.sort(key=lambda line: -int(line[1]["n"].iloc[0]))
    with style_axes(ax, grid="") as axes:
        rule = f"successful only; a line ends where fewer than {LEAST_BEYOND} are slower"
        some = describe_hidden(min(len(lines), _MOST_PANELS), len(lines), "observations")
        write_title(
            axes,
            f"{value.label} by percentile and {name_subject(by)}",
            [describe_basis(data, tz), some, rule],
            title=title,
            subtitle=subtitle,
        )
        curves = [_make_curve(part) for _, part in lines]
        if not any(len(places) for places, _ in curves):
            axes.set(xlabel="percentile", ylabel=add_unit(value.label, value.unit))
            few = f"too few observations: a percentile needs {LEAST_BEYOND} slower ones"
            return write_empty(axes, few if lines else f"no known {value.label}")
        for place, panel in enumerate(_add_panels(axes, min(len(lines), _MOST_PANELS))):
            group, part = lines[place]
            for other, curve in enumerate(curves):
                if other != place:
                    panel.plot(*curve, color=PALE, linewidth=1)
            panel.plot(*curves[place], color=HUES[0], linewidth=2)
            panel.set_title(shorten_group(group, longest=26), fontsize=SMALL, fontweight="bold", pad=4)
            number = write_n(int(part["n"].iloc[0]), mark) + ("" if len(curves[place][0]) else ", too few")
            text = panel.text(0.98, 0.04, number, transform=panel.transAxes, fontsize=SMALL, color=INK, ha="right")
            text.set_path_effects([withStroke(linewidth=3, foreground="white")])
        _set_scales(axes, curves, value)
        return axes


@opens_paths("data")
def latency_heatmap(
    data: Records,
    *,
    metric: RowValue | str = "ttft_ms",
    every: Period = "day",
    tz: str = "UTC",
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the distribution of latency in each period as colors, with lines for p50 and p95.

    Each column of colors is a period and adds up to 100 % of its generations. A percentile is drawn if at least five
    observations are slower; otherwise the line has a gap.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        metric: A row value, as in `distribution`: `ttft_ms`, `e2e_ms`, ...
        every: The period: `minute`, `hour`, `day`, `week` or `month`.
        tz: The time zone, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether the details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such row value, time zone or period, or there are too many periods.
    """
    value = find_row_value(metric)
    of_value = spread(value)
    lines = summarize(data, every=every, tz=tz, metrics=[of_value.p50, of_value.p95, of_value.n])
    cells = distribution(data, value, every=every, tz=tz, kind="histogram", per_decade=_PER_DECADE)
    cells = cells[cells[TIME].notna() & (cells["low"] > 0)]
    unfinished = find_periods(lines, every)
    with style_axes(ax, grid="") as axes:
        rule = f"successful only; percentiles where {LEAST_BEYOND} or more are slower"
        details = [describe_basis(data, tz), rule, describe_undated(lines)]
        write_title(axes, f"{value.label} over time", details, title=title, subtitle=subtitle)
        axes.set(xlabel=f"{every} ({tz})", ylabel=add_unit(value.label, value.unit))
        if cells.empty:
            return write_empty(axes, f"no known {value.label}")
        places, width = set_times(axes, pd.DatetimeIndex(unfinished.index), every)
        _draw_cells(axes, cells, pd.Series(places, index=unfinished.index), width)
        dated = lines.dropna(subset=[TIME])
        for percentile, name, color in ((of_value.p50, "p50", "black"), (of_value.p95, "p95", HUES[2])):
            enough = has_enough(to_finite(dated[of_value.n.name]), LEVELS[name])
            values = np.where(enough, to_finite(dated[percentile.name]), np.nan)
            draw_line(axes, places, values, color, name)
            _name_line(axes, places, values, name, color)
        axes.set_xlim(places[0] - width / 2, places[-1] + width / 2)
        return axes


def _draw_cells(ax: Axes, cells: pd.DataFrame, columns: pd.Series, width: float) -> None:
    """Draw the histogram of each period as a column of colors at its place, with their scale to the right.

    `width` is the width of the first and the last column.
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
    set_logarithmic(ax, "y", up, Unit.MS)
    draw_scale(ax, norm, f"share of the {ax.get_xlabel().partition(' ')[0]}", Unit.SHARE)


def _name_line(ax: Axes, places: np.ndarray, values: np.ndarray, name: str, color: str) -> None:
    """Write the name of a line at its end."""
    known = np.flatnonzero(np.isfinite(values))
    if len(known):
        end = (places[known[-1]], values[known[-1]])
        text = ax.annotate(name, end, (0, 6), textcoords="offset points", color=color, fontweight="bold", ha="center")
        text.set_path_effects([withStroke(linewidth=3, foreground="white")])


def _make_curve(points: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of percentiles and their values, up to the last one with enough slower observations."""
    share, value = points["share"].to_numpy(dtype=float), points["value"].to_numpy(dtype=float)
    n = int(points["n"].iloc[0])
    enough = has_enough(n, share)
    return _find_places(share[enough]), value[enough]


def _find_places(share: "np.ndarray | Sequence[float]") -> np.ndarray:
    """Return the place of a percentile: 0 for p0, 1 for p90, 2 for p99, and so on."""
    places: np.ndarray = -np.log10(1 - np.asarray(share))
    return places


def _add_panels(ax: Axes, number: int) -> list[Axes]:
    """Return a number of panels inside axes, row by row, under the title of the axes."""
    columns = number if number <= 3 else math.ceil(number / 2)  # noqa: PLR2004 - as many as fit into one row
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


def _set_scales(ax: Axes, curves: Sequence[tuple[np.ndarray, np.ndarray]], value: RowValue) -> None:
    """Give all panels the same scales, with labels on the outer ones."""
    panels: Sequence[Any] = ax.child_axes
    values = np.concatenate([values for _, values in curves])
    end = max([1.0, *(float(places.max()) for places, _ in curves if len(places))])
    shown = [level for level in _PERCENTILES if _find_places([level])[0] <= end]
    left = min(panel.get_position().x0 for panel in panels)
    for panel in panels:
        draw_grid(panel, "both")
        panel.set_xlim(0, 1.04 * end)
        panel.set_xticks(_find_places(shown), [f"p{100 * level:.6g}" for level in shown], fontsize=SMALL)
        set_logarithmic(panel, "y", values, value.unit)
        panel.tick_params(
            length=0, labelsize=SMALL, labelleft=math.isclose(panel.get_position().x0, left, abs_tol=1e-6)
        )
    ax.set_xlabel("percentile", labelpad=16)
    ax.set_ylabel(add_unit(value.label, value.unit), labelpad=42)
