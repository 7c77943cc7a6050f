"""The chart of the hours of the week."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize

from genanalytics.base.opening import opens_paths
from genanalytics.base.text import capitalize
from genanalytics.metrics import EFFECTIVE_COST, Statistic, summarize
from genanalytics.metrics.catalog import resolve_one
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.week import DAYS, HOURS, Week, summarize_week
from genanalytics.plots.axis import add_unit
from genanalytics.plots.content import add_value
from genanalytics.plots.groups import describe_basis, describe_unknown
from genanalytics.plots.heat import WEEKDAYS, choose_scale, describe_end
from genanalytics.plots.palette import HEAT, HUES
from genanalytics.plots.style import draw_scale, style_axes, write_empty, write_title
from genanalytics.units import format_value

_INSET = 0.03
"""The distance from a cell to its neighbors, in hours and in days, on each side."""
_ABOVE, _AT_RIGHT = 1.4, 3.0
"""The lengths of the longest bars in the margins: above in rows, to the right in columns."""
_APART = 0.25


@opens_paths("data")
def hour_of_week(
    data: Records,
    *,
    metric: Statistic | str = EFFECTIVE_COST,
    tz: str = "UTC",
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with a statistic of each hour of the week as colors, and as bars per hour and per weekday.

    A sum or a count is a mean per hour: it is divided by the number of times that its hour occurs between the first and
    the last generation. Hours that never occur are blank. The scale of a statistic other than a sum ends at the 95th
    percentile of the hours, so that one hour with few requests does not make all others pale.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        metric: A statistic or its name: `effective_cost`, `ttft_ms_p50`, `error_rate`, or any other.
        tz: The time zone of weekdays and hours, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such statistic or time zone.
    """
    statistic = resolve_one(metric)
    week = summarize_week(data, statistic, tz=tz)
    known = week.cells[np.isfinite(week.cells)]
    norm = choose_scale(known, is_sum=week.is_mean)
    details = [
        describe_basis(data, tz),
        "mean per hour" if week.is_mean else "",
        _describe_unknown(data) if statistic is EFFECTIVE_COST else "",
        f"{week.undated:,} undated left out" if week.undated else "",
        describe_end(known, norm, statistic.unit),
    ]
    with style_axes(ax, grid="") as axes:
        subject = f"{capitalize(statistic.label)} by hour of the week"
        write_title(axes, subject, details, title=title, subtitle=subtitle)
        axes.set_xlabel(f"hour of the day ({tz})")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        if not len(known):
            return write_empty(axes, f"no known {statistic.label}")
        _draw_cells(axes, week.cells, norm)
        _draw_margins(axes, week)
        _add_values(axes, week, statistic)
        axes.set_yticks(np.arange(DAYS) + 0.5, WEEKDAYS)
        axes.set_xticks(np.arange(0, HOURS + 1, 6), [f"{hour:02}:00" for hour in range(0, HOURS + 1, 6)])
        axes.set(xlim=(0, HOURS + _APART + _AT_RIGHT), ylim=(DAYS, -_APART - _ABOVE))
        label = f"{statistic.label} per hour" if week.is_mean else statistic.label
        draw_scale(axes, norm, add_unit(label, statistic.unit), statistic.unit)
        return axes


def _describe_unknown(data: Records) -> str:
    return describe_unknown(int(summarize(data, metrics=["cost_unknown"])["cost_unknown"].iloc[0]))


def _draw_cells(ax: Axes, table: np.ndarray, norm: Normalize) -> None:
    """Draw a square per known value, apart from its neighbors on any background."""
    places = np.argwhere(np.isfinite(table))
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * (1 - 2 * _INSET) + _INSET
    cells = PolyCollection(
        (places[:, None, ::-1] + corners).tolist(),
        array=table[tuple(places.T)],
        cmap=HEAT,
        norm=norm,
        linewidth=0,
    )
    ax.add_collection(cells, autolim=False)


def _draw_margins(ax: Axes, week: Week) -> None:
    """Draw a bar per hour above the cells, and one per weekday to the right of them."""
    by_hour, by_day = np.nan_to_num(week.hours).clip(min=0), np.nan_to_num(week.days).clip(min=0)
    highest = max(float(by_hour.max()), float(by_day.max())) or 1.0
    look: dict[str, Any] = {"align": "edge", "color": HUES[0], "linewidth": 0}
    ax.bar(np.arange(HOURS) + 0.1, -_ABOVE * by_hour / highest, width=0.8, bottom=-_APART, **look)
    ax.barh(np.arange(DAYS) + 0.1, _AT_RIGHT * by_day / highest, height=0.8, left=HOURS + _APART, **look)


def _add_values(ax: Axes, week: Week, statistic: Statistic) -> None:
    """Note the texts under the pointer: of each cell, and of each bar in the margins."""
    per_hour = " per hour" if week.is_mean else ""
    for row, column in np.argwhere(np.isfinite(week.cells)).tolist():
        times = f", {week.occurrences[row, column]:g} times" if week.is_mean else ""
        amount = format_value(float(week.cells[row, column]), statistic.unit)
        add_value(
            ax, f"{WEEKDAYS[row]} {column:02}:00: {amount}{per_hour}{times}", (column, column + 1), (row, row + 1)
        )
    for column in np.flatnonzero(np.isfinite(week.hours)).tolist():
        amount = format_value(float(week.hours[column]), statistic.unit)
        add_value(ax, f"every day {column:02}:00: {amount}{per_hour}", (column, column + 1), (-_APART - _ABOVE, 0))
    for row in np.flatnonzero(np.isfinite(week.days)).tolist():
        amount = format_value(float(week.days[row]), statistic.unit)
        add_value(ax, f"{WEEKDAYS[row]}: {amount}{per_hour}", (HOURS, HOURS + _APART + _AT_RIGHT), (row, row + 1))
