"""The chart of cache hits by the time between calls: why does caching miss?"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from genanalytics.base.opening import opens_paths
from genanalytics.decide.replay.hit_rate import GAPS, hit_rate_by_gap as find_hit_rates
from genanalytics.metrics.declare import name_limits
from genanalytics.metrics.engines.source import Records
from genanalytics.plots.axis import set_linear
from genanalytics.plots.content import add_series, add_value
from genanalytics.plots.groups import (
    check_top,
    choose_mark,
    describe_basis,
    describe_hidden,
    name_subject,
    shorten_group,
    to_finite,
)
from genanalytics.plots.palette import choose_colors
from genanalytics.plots.room import measure_cell
from genanalytics.plots.style import SMALL, draw_legend, style_axes, write_empty, write_title
from genanalytics.units import Unit, format_value

_TICKS = ("first call", "≤ 10 s", "≤ 1 min", "≤ 5 min", "≤ 10 min", "≤ 1 h", "≤ 6 h", "> 6 h")
"""The names of `GAPS` on the axis, in their order."""
_WIDE = 0.3
"""The distance between the outer lines at one place, in places."""
_NEAR = 0.06
"""The distance from a dot at which the pointer reads its value, in places."""
_LEAST_PLACES = 4
_PLACE = 56.0
"""The room of a place, in points; with less, ticks are upright."""


@opens_paths("data")
def hit_rate_by_gap(
    data: Records,
    *,
    by: str | None = None,
    tz: str = "UTC",
    top: int = 5,
    colors: Mapping[Any, str] | None = None,
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the hit rate of the prompt cache by the time since the previous call, with 95 % intervals.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: The column whose values have a line each: those with the most calls. None draws one line for all calls.
        tz: The time zone of the dates, by its IANA name.
        top: The number of groups with a line.
        colors: The colors of groups; others have the usual ones in order.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone or color, or `top` is below 1.
    """
    check_top(top)
    rates = find_hit_rates(data, by=by)
    with style_axes(ax) as axes:
        subject = "Cache hit rate by the time since the previous call"
        rule = "cached share of prompt tokens, in sessions, of prompts of 1,024 tokens or more; lines: 95 % intervals"
        axes.set_xlabel("time since the previous call")
        axes.set_ylabel("cache hit rate")
        groups = [None] if by is None else _list_largest(rates, by, top)
        some = "" if by is None else describe_hidden(len(groups), rates[by].nunique(dropna=False), "calls")
        named = "" if by is None else f", by {name_subject(by)}"
        write_title(axes, subject + named, [describe_basis(data, tz), some, rule], title=title, subtitle=subtitle)
        if not np.isfinite(to_finite(rates["hit_rate"])).any():
            return write_empty(axes, "no call of a session with known tokens")
        shifts = np.linspace(-_WIDE / 2, _WIDE / 2, len(groups)) if len(groups) > 1 else np.zeros(1)
        hues = choose_colors(groups, colors if by else None)
        handles = [
            _draw_group(axes, _select(rates, by, group), hue, "" if by is None else shorten_group(group), shift)
            for group, hue, shift in zip(groups, hues, shifts, strict=True)
        ]
        _set_places(axes, rates)
        if by is not None:
            draw_legend(axes, handles)
        return axes


def _list_largest(rates: pd.DataFrame, by: str, top: int) -> list[Any]:
    """Return the groups with the most calls."""
    calls = rates.groupby(by, dropna=False, sort=True)["requests"].sum()
    return list(calls.sort_values(ascending=False, kind="stable").head(top).index)


def _select(rates: pd.DataFrame, by: str | None, group: object) -> pd.DataFrame:
    if by is None:
        return rates
    return rates[rates[by].isna()] if pd.isna(group) else rates[rates[by] == group]  # type: ignore[call-overload]


def _draw_group(ax: Axes, rates: pd.DataFrame, color: str, label: str, shift: float) -> Line2D:
    """Draw the hit rate at each gap, with its interval; first calls have no line to the others."""
    columns = ("hit_rate", *name_limits("hit_rate"))
    places = rates["gap"].map({gap.name: place for place, gap in enumerate(GAPS)}).to_numpy(dtype=int)
    rate, low, high = (np.full(len(GAPS), np.nan) for _ in columns)
    for values, name in zip((rate, low, high), columns, strict=True):
        values[places] = to_finite(rates[name])
    limits = ax.vlines(np.arange(len(GAPS)) + shift, low, high, color=color, linewidth=1.4)
    look: dict[str, Any] = {"color": color, "marker": "o", "markersize": 4.5}
    (first,) = ax.plot([shift], rate[:1], **look)
    (line,) = ax.plot(np.arange(1, len(GAPS)) + shift, rate[1:], linewidth=1.2, label=label, **look)
    add_series(ax, label, [limits, first, line])
    for place in np.flatnonzero(np.isfinite(rate)):
        text = ", ".join(filter(None, [label, _TICKS[place]]))
        around = (float(place + shift - _NEAR), float(place + shift + _NEAR))
        near = (float(rate[place] - _NEAR / 2), float(rate[place] + _NEAR / 2))
        add_value(ax, f"{text}: {format_value(float(rate[place]), Unit.SHARE)}", around, near, series=label)
    return line


def _set_places(ax: Axes, rates: pd.DataFrame) -> None:
    """Name the gaps up to the longest one with calls, and write the number of calls below each."""
    calls = rates.groupby("gap")["requests"].sum()
    mark = choose_mark(rates, "requests")
    numbers = [int(calls.get(gap.name, 0)) for gap in GAPS]
    shown = max(_LEAST_PLACES, max(place for place, number in enumerate(numbers) if number) + 1)
    counts = [mark(f"{number:,}") for number in numbers[:shown]]
    is_narrow = measure_cell(ax)[0] < _PLACE * (shown + 1)
    form, angle = ("{} ({})", 90) if is_narrow else ("{}\n{}", 0)
    names = [form.format(tick, count) for tick, count in zip(_TICKS, counts, strict=False)]
    ax.set_xticks(range(shown), names, fontsize=SMALL, rotation=angle)
    ax.set_xlabel("time since the previous call" if is_narrow else "time since the previous call, and number of calls")
    ax.set(xlim=(-0.5, shown - 0.5), ylim=(-0.02, 1.05))
    set_linear(ax.yaxis, Unit.SHARE)
