"""The chart of latency percentiles: a dumbbell per group."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from genanalytics.base.opening import opens_paths
from genanalytics.base.text import list_names
from genanalytics.errors import InputError
from genanalytics.metrics import RowValue, spread, summarize
from genanalytics.metrics.catalog import ROW_VALUES, find_row_value
from genanalytics.metrics.declare import LEVELS, name_limits
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.forms import Spread
from genanalytics.plots.axis import add_unit, set_logarithmic
from genanalytics.plots.columns import ABOVE, write_columns
from genanalytics.plots.content import add_rows, add_series
from genanalytics.plots.groups import (
    check_top,
    choose_mark,
    describe_basis,
    describe_hidden,
    name_subject,
    shorten_group,
    to_finite,
)
from genanalytics.plots.palette import GREY, HUES, choose_colors, find_look
from genanalytics.plots.percentiles import find_least, has_enough
from genanalytics.plots.style import draw_legend, set_rows, style_axes, write_empty, write_title
from genanalytics.units import Unit, format_value

_DRAWN = ("p50", "p95", "p99")
_SORTED_BY = "p95"
_MOST_NAMED = 3


@opens_paths("data")
def latency_percentiles(
    data: Records,
    *,
    by: str = "provider_name",
    metric: RowValue | str = "ttft_ms",
    tz: str = "UTC",
    top: int = 12,
    colors: Mapping[Any, str] | None = None,
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with a dumbbell per group: p50, p95 and p99 of latency; the group with the lowest p95 is on top.

    A thin line is the 95 % interval of the p95. A percentile is drawn if at least five observations are slower: p95
    needs 100 observations, p99 needs 500. Groups without a p95 come last.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: The column, or the derived key, with a row per value.
        metric: A row value that is a time: `ttft_ms`, `e2e_ms`, `itl_ms`, ...
        tz: The time zone of days and hours, by its IANA name.
        top: The number of groups with a row: those with the most observations.
        colors: The colors of the p95 of groups; others are blue.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such row value, time zone or color, the row value is not a time, or `top` is below 1.
    """
    value = find_row_value(metric)
    if value.unit is not Unit.MS:
        times = list_names((name for name, other in ROW_VALUES.items() if other.unit is Unit.MS), near=value.name)
        msg = f"metric={value.name!r} is not a time, so the highest values are not the slowest: give {times}"
        raise InputError(msg, arguments=["metric"])
    of_value = spread(value)
    found = summarize(
        data, by=by, tz=tz, metrics=[of_value.p50, of_value.p95, of_value.p99, of_value.n], intervals=True
    )
    known = found[found[of_value.n.name] > 0].sort_values(of_value.n.name, ascending=False, kind="stable")
    groups = _hide_uncertain(known, of_value)
    shown = groups[groups[of_value.p50.name].notna()].head(check_top(top))
    shown = shown.sort_values([of_value.p95.name, of_value.p50.name], kind="stable")
    noun = name_subject(by)
    with style_axes(ax, grid="x") as axes:
        few = [shorten_group(group) for group in groups.loc[groups[of_value.p50.name].isna(), by]]
        details = [
            describe_basis(data, tz),
            "successful only",
            "thin lines: 95 % intervals of the p95" if shown[of_value.p95.name].notna().any() else "",
            describe_hidden(len(shown), len(groups) - len(few), "observations"),
            _describe_few(few),
            _describe_without(shown[of_value.p95.name]),
        ]
        write_title(axes, f"{value.label} by {noun}", details, title=title, subtitle=subtitle)
        axes.set_xlabel(add_unit(value.label, value.unit))
        if shown.empty:
            least = f"too few observations: a median needs {find_least(LEVELS['p50'])} in one {noun}"
            return write_empty(axes, least if len(groups) else f"no known {value.label}")
        drawn = list(shown[by])
        names = [shorten_group(group) for group in drawn]
        set_rows(axes, names, above=ABOVE)
        hues = choose_colors(drawn, colors, usual=dict.fromkeys(drawn, HUES[0]))
        _draw_dumbbells(axes, shown, of_value, hues)
        _write_figures(axes, shown, of_value, names)
        return axes


def _hide_uncertain(groups: pd.DataFrame, of_value: Spread) -> pd.DataFrame:
    """Return groups with gaps for the percentiles that too few observations support, and for their intervals."""
    hidden = groups.copy()
    for name in _DRAWN:
        statistic = getattr(of_value, name).name
        few = ~has_enough(to_finite(groups[of_value.n.name]), LEVELS[name])
        hidden.loc[few, [statistic, *name_limits(statistic)]] = pd.NA
    return hidden


def _describe_few(names: Sequence[str]) -> str:
    """Return the groups with too few observations for any percentile; "" for none."""
    if not names:
        return ""
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return f"too few for a median: {', '.join(names[:_MOST_NAMED])}{more}"


def _describe_without(p95: pd.Series) -> str:
    """Return the rule that hides the p95 of some rows; "" if none is hidden."""
    return f"p95 from {find_least(LEVELS[_SORTED_BY])} observations on" if p95.isna().any() else ""


def _draw_dumbbells(ax: Axes, groups: pd.DataFrame, of_value: Spread, colors: Sequence[str]) -> None:
    """Draw the percentiles of each group as dots on a line, and the interval of the p95."""
    look, rows = find_look(ax), np.arange(len(groups))
    p50, p95, p99 = (to_finite(groups[getattr(of_value, name).name]) for name in _DRAWN)
    low, high = (to_finite(groups[limit]) for limit in name_limits(of_value.p95.name))
    ax.hlines(rows, p50, np.fmax(p95, p99), color=look.pale, linewidth=3, zorder=1)
    interval = ax.hlines(rows, low, high, color=colors, linewidth=1.2, zorder=2)
    add_series(ax, _SORTED_BY, [interval])
    handles = []
    for name, places, size, color in (("p50", p50, 34, GREY), ("p95", p95, 64, colors), ("p99", p99, 34, look.ink)):
        if not np.isfinite(places).any():
            continue
        add_series(ax, name, [ax.scatter(places, rows, s=size, color=color, zorder=3, label=name)])
        of_all = color if isinstance(color, str) else HUES[0]
        handles.append(Line2D([], [], color=of_all, linestyle="none", marker="o", markersize=size**0.5, label=name))
    set_logarithmic(ax, "x", np.concatenate([p50, p95, p99, low, high]), of_value.p95.unit)
    draw_legend(ax, handles)


def _write_figures(ax: Axes, groups: pd.DataFrame, of_value: Spread, names: Sequence[str]) -> None:
    """Write the p95 and the number of observations to the right of each row, and all figures under the pointer."""
    columns = {
        name: [format_value(cell, of_value.p95.unit) for cell in to_finite(groups[getattr(of_value, name).name])]
        for name in _DRAWN
    }
    limits = [
        [format_value(cell, of_value.p95.unit) for cell in to_finite(groups[limit])]
        for limit in name_limits(of_value.p95.name)
    ]
    mark = choose_mark(groups, of_value.n.name)
    numbers = [mark(f"{int(number):,}") for number in groups[of_value.n.name]]
    written = _SORTED_BY if groups[of_value.p95.name].notna().any() else _DRAWN[0]
    write_columns(ax, {written: columns[written], "n": numbers})
    add_rows(
        ax,
        [
            f"{name}\np50 {p50}\np95 {p95} ({low} to {high})\np99 {p99}\nn {number}"
            for name, p50, p95, p99, low, high, number in zip(names, *columns.values(), *limits, numbers, strict=True)
        ],
    )
