"""Charts of latency: its tails, and its course over time."""

from collections.abc import Mapping, Sequence
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
from genanalytics.plots.axis import add_unit, name_period, set_logarithmic, set_times
from genanalytics.plots.bars import find_periods
from genanalytics.plots.content import add_columns, add_value
from genanalytics.plots.groups import (
    check_top,
    choose_mark,
    describe_basis,
    describe_undated,
    name_subject,
    shorten_group,
    to_finite,
    write_n,
)
from genanalytics.plots.heat import draw_heat
from genanalytics.plots.palette import HUES, choose_colors, find_look
from genanalytics.plots.panels import add_panels, count_panels, label_outer, write_panel_title
from genanalytics.plots.percentiles import LEAST_BEYOND, has_enough
from genanalytics.plots.room import measure_cell
from genanalytics.plots.style import SMALL, draw_grid, draw_line, draw_scale, style_axes, write_empty, write_title
from genanalytics.units import Unit, format_value

_MOST_LINES = 12
"""The most lines in a panel: its own, and those behind it."""
_MOST_POINTS, _MOST_BEHIND = 60, 24
"""The most points of the line of a panel, and of a line behind it."""
_TINY = 1e-9
_MANY_PERIODS = 100
"""More periods than this have coarser colors."""
_TICK = 34.0
"""The room of a tick with a percentile, in points."""
_PERCENTILES = (0.5, 0.9, 0.99, 0.999, 0.9999)


@opens_paths("data")
def latency_tails(
    data: Records,
    *,
    by: str = "provider_name",
    metric: RowValue | str = "ttft_ms",
    tz: str = "UTC",
    top: int = 6,
    colors: Mapping[Any, str] | None = None,
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with a small panel per group: latency by percentile, on an axis that spreads the slowest.

    The percentile axis is the one of HdrHistogram: p90, p99 and p99.9 are equally far apart. The next largest groups
    are pale lines in each panel. A line ends where fewer than five observations are slower.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: The column, or the derived key, with a panel per value: those with the most observations.
        metric: A row value, as in `distribution`: `ttft_ms`, `e2e_ms`, ...
        tz: The time zone of days and hours, by its IANA name.
        top: The number of groups with a panel; small axes have fewer.
        colors: The colors of groups; None for one color.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure. The panels are its `child_axes`.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such row value, time zone or color, or `top` is below 1.
    """
    value = find_row_value(metric)
    points = distribution(data, value, by=by, tz=tz)
    lines = [(group, part) for group, part in points.groupby(by, dropna=False, sort=False)]
    mark = choose_mark(points, "n")
    lines.sort(key=lambda line: -int(line[1]["n"].iloc[0]))
    with style_axes(ax, grid="") as axes:
        number = min(len(lines), check_top(top), count_panels(axes))
        rule = f"successful only; a line ends where fewer than {LEAST_BEYOND} are slower"
        some = f"the largest of {len(lines):,} by observations" if len(lines) > number else ""
        subject = f"{value.label} by percentile and {name_subject(by)}"
        write_title(axes, subject, [describe_basis(data, tz), some, rule], title=title, subtitle=subtitle)
        curves = [_make_curve(part) for _, part in lines]
        if not any(len(places) for places, _ in curves[:number]):
            axes.set(xlabel="percentile", ylabel=add_unit(value.label, value.unit))
            few = f"too few observations: a percentile needs {LEAST_BEYOND} slower ones"
            return write_empty(axes, few if lines else f"no known {value.label}")
        groups = [group for group, _ in lines[:number]]
        hues = choose_colors(groups, colors) if colors else [HUES[0]] * number
        panels = add_panels(axes, number)
        for place, panel in enumerate(panels):
            _draw_curves(panel, curves[:_MOST_LINES], place, hues[place])
            write_panel_title(panel, shorten_group(groups[place]))
            too_few = "" if len(curves[place][0]) else ", too few"
            _write_corner(panel, write_n(int(lines[place][1]["n"].iloc[0]), mark) + too_few)
        _set_scales(axes, curves[:_MOST_LINES], value)
        for place, group in enumerate(groups):
            _add_values(panels[place], curves[place], shorten_group(group), value)
        return axes


def _draw_curves(panel: Axes, curves: Sequence[tuple[np.ndarray, np.ndarray]], place: int, color: str) -> None:
    """Draw the curve at a place in color, in front of the others."""
    pale = find_look(panel).pale
    for other in (curve for at, curve in enumerate(curves) if at != place):
        panel.plot(*_thin(other, _MOST_BEHIND), color=pale, linewidth=1)
    panel.plot(*_thin(curves[place], _MOST_POINTS), color=color, linewidth=2)


def _write_corner(panel: Axes, text: str) -> None:
    """Write a text into the lower right corner of a panel."""
    look = find_look(panel)
    corner = panel.text(0.98, 0.04, text, transform=panel.transAxes, fontsize=SMALL, color=look.soft, ha="right")
    corner.set_path_effects([withStroke(linewidth=3, foreground=look.paper)])


def _add_values(panel: Axes, curve: tuple[np.ndarray, np.ndarray], name: str, value: RowValue) -> None:
    """Note the text under the pointer for the usual percentiles of a panel."""
    places, values = curve
    for level in (level for level in _PERCENTILES if len(places) and _find_places([level])[0] <= places[-1]):
        at = float(_find_places([level])[0])
        text = f"{name}: p{100 * level:.6g} {format_value(float(np.interp(at, places, values)), value.unit)}"
        add_value(panel, text, (at - 0.15, at + 0.15), panel.get_ylim())


def _thin(curve: tuple[np.ndarray, np.ndarray], most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a line with fewer of its points: spread over the percentile axis, the usual percentiles, the ends."""
    places, values = curve
    if len(places) <= most:
        return curve
    usual = _find_places(_PERCENTILES)
    wanted = np.concatenate([np.linspace(places[0], places[-1], most), usual[usual < places[-1]] - _TINY])
    kept = np.unique(np.append(0, np.searchsorted(places, wanted).clip(max=len(places) - 1)))
    return places[kept], values[kept]


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
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such row value, time zone or period, or there are too many periods.
    """
    value = find_row_value(metric)
    of_value = spread(value)
    lines = summarize(data, every=every, tz=tz, metrics=[of_value.p50, of_value.p95, of_value.n])
    unfinished = find_periods(lines, every)
    per_decade = 10 if len(unfinished) <= _MANY_PERIODS else 5
    cells = distribution(data, value, every=every, tz=tz, kind="histogram", per_decade=per_decade)
    cells = cells[cells[TIME].notna() & (cells["low"] > 0)]
    with style_axes(ax, grid="") as axes:
        rule = f"successful only; a percentile needs {LEAST_BEYOND} slower ones"
        details = [describe_basis(data, tz), rule, describe_undated(lines)]
        write_title(axes, f"{value.label} over time", details, title=title, subtitle=subtitle)
        axes.set(xlabel=f"{every} ({tz})", ylabel=add_unit(value.label, value.unit))
        if cells.empty:
            return write_empty(axes, f"no known {value.label}")
        places, width = set_times(axes, pd.DatetimeIndex(unfinished.index), every)
        edges = np.concatenate([[places[0] - width / 2], (places[1:] + places[:-1]) / 2, [places[-1] + width / 2]])
        _draw_cells(axes, cells, pd.Series(unfinished.index), edges, per_decade)
        set_logarithmic(axes, "y", cells[["low", "high"]].to_numpy(dtype=float).ravel(), value.unit)
        draw_scale(axes, _make_norm(cells), f"share of the {every}", Unit.SHARE)
        texts = _draw_percentiles(axes, lines.dropna(subset=[TIME]), value, places, every)
        add_columns(axes, edges[:-1].tolist(), edges[1:].tolist(), texts)
        axes.set_xlim(edges[0], edges[-1])
        return axes


def _draw_percentiles(ax: Axes, dated: pd.DataFrame, value: RowValue, places: np.ndarray, every: Period) -> list[str]:
    """Draw p50 and p95 where enough is known; return the text under the pointer for each period."""
    of_value = spread(value)
    n = to_finite(dated[of_value.n.name])
    texts = [name_period(start, every) for start in dated[TIME]]
    for percentile, name, color in ((of_value.p50, "p50", find_look(ax).ink), (of_value.p95, "p95", HUES[1])):
        values = np.where(has_enough(n, LEVELS[name]), to_finite(dated[percentile.name]), np.nan)
        draw_line(ax, places, values, color, name)
        _name_line(ax, places, values, name, color)
        texts = [f"{text}\n{name}: {format_value(at, value.unit)}" for text, at in zip(texts, values, strict=True)]
    return [f"{text}\nn = {int(number):,}" for text, number in zip(texts, n, strict=True)]


def _make_norm(cells: pd.DataFrame) -> Normalize:
    return Normalize(0, float(cells["share"].max()))


def _draw_cells(ax: Axes, cells: pd.DataFrame, starts: pd.Series, edges: np.ndarray, per_decade: int) -> None:
    """Draw the histogram of each period as a column of colors between its edges."""
    rows = np.round(np.log10(cells["high"].to_numpy(dtype=float)) * per_decade).astype(int)
    lowest, highest = int(rows.min()), int(rows.max())
    table = np.full((highest - lowest + 1, len(starts)), np.nan)
    table[rows - lowest, pd.Index(starts).get_indexer(pd.Index(cells[TIME]))] = cells["share"].to_numpy(dtype=float)
    up = 10.0 ** (np.arange(lowest - 1, highest + 1) / per_decade)
    draw_heat(ax, edges, up, table, _make_norm(cells), levels=8 if len(starts) <= _MANY_PERIODS else 5)


def _name_line(ax: Axes, places: np.ndarray, values: np.ndarray, name: str, color: str) -> None:
    """Write the name of a line at its end."""
    known = np.flatnonzero(np.isfinite(values))
    if len(known):
        end = (places[known[-1]], values[known[-1]])
        text = ax.annotate(name, end, (0, 6), textcoords="offset points", color=color, fontweight="bold", ha="right")
        text.set_path_effects([withStroke(linewidth=3, foreground=find_look(ax).paper)])


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


def _set_scales(ax: Axes, curves: Sequence[tuple[np.ndarray, np.ndarray]], value: RowValue) -> None:
    """Give all panels the same scales, with labels on the outer ones."""
    panels: Sequence[Any] = ax.child_axes
    values = np.concatenate([values for _, values in curves])
    end = max([1.0, *(float(places.max()) for places, _ in curves if len(places))])
    shown = [level for level in _PERCENTILES if _find_places([level])[0] <= end]
    first, second = _find_places(_PERCENTILES[:2])
    if (second - first) * measure_cell(panels[0])[0] < _TICK * end:
        shown = shown[1:]
    for panel in panels:
        draw_grid(panel, "both")
        panel.set_xlim(0, 1.04 * end)
        panel.set_xticks(_find_places(shown), [f"p{100 * level:.6g}" for level in shown])
        set_logarithmic(panel, "y", values, value.unit)
        panel.tick_params(labelsize=SMALL)
    label_outer(panels)
    ax.set_xlabel("percentile", labelpad=16)
    ax.set_ylabel(add_unit(value.label, value.unit), labelpad=42)
