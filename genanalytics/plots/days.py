"""The chart of the days of a calendar."""

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from genanalytics.base.opening import opens_paths
from genanalytics.base.text import capitalize
from genanalytics.decide.shifts.changes import changes
from genanalytics.errors import InputError
from genanalytics.metrics import EFFECTIVE_COST, Statistic, summarize
from genanalytics.metrics.catalog import DEFAULT, resolve_one
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import TIME, find_zone
from genanalytics.metrics.summary import OPEN
from genanalytics.plots.axis import add_unit
from genanalytics.plots.content import add_value
from genanalytics.plots.groups import (
    choose_mark,
    describe_basis,
    describe_undated,
    describe_unknown,
    shorten_group,
    to_finite,
)
from genanalytics.plots.heat import WEEKDAYS, choose_scale, describe_end
from genanalytics.plots.palette import GREY, HEAT, find_look
from genanalytics.plots.room import measure_cell, measure_text
from genanalytics.plots.style import (
    HATCH,
    SMALL,
    draw_legend,
    draw_scale,
    style_axes,
    write_empty,
    write_title,
)
from genanalytics.units import Unit, format_count, format_value, mark_lower_bound, money_decimals

_STATISTICS = {statistic.name: statistic for statistic in DEFAULT}
_UNKNOWN = ("cost_unknown",)
_ROWS = len(WEEKDAYS)
_STRIP = _ROWS + 1.5
"""The height of a strip of weeks with the names of its months above, in days."""
_LEAST_WEEKS = 5
_MOST_DAYS = 1_100
_MOST_NAMED = 3
_DRAWN = (0.8, 0.75)
"""The shares of the width and height of a figure that the days take."""
_NAME = 20.0
"""The height of the names of months, in points."""
_LETTER = 7.0
"""The width of a letter in the name of a month, in points."""
_SIDE = 4.0
"""The room at each side of an amount, in points."""
_WRITTEN = (40.0, 24.0)
"""The least width and height of a day, in points, in which its value is written."""
_DARK = 0.8
"""On days darker than this share of the scale, text is white."""


@opens_paths("data")
def cost_calendar(
    data: Records,
    *,
    metric: Statistic | str = EFFECTIVE_COST,
    flagged: pd.DataFrame | Sequence[date] | None = None,
    tz: str = "UTC",
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with a calendar: a column per week, a row per weekday, and the cost of each day as a color.

    Days on which the level changed have an outline. A day without records has a dot, since that is not a cost of 0. The
    color scale of a statistic other than a sum ends at the 95th percentile of the days. More weeks than fit side by
    side are in several strips.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        metric: A statistic or its name: `effective_cost`, `requests`, `error_rate`, or any other.
        flagged: The days to outline: a result of `ga.changes`, or days. None for the changes of the level of the metric
            over all rows.
        tz: The time zone of days, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such statistic or time zone, or there are more than three years of days.
    """
    statistic = resolve_one(metric)
    found = summarize(data, every="day", tz=tz, metrics=[statistic, *(_UNKNOWN if statistic is EFFECTIVE_COST else [])])
    days = found.dropna(subset=[TIME]).reset_index(drop=True)
    check_days(len(days))
    flags, slow = _find_flags(data, statistic, flagged, tz)
    shown = set(days[TIME].dt.date)
    flags = {day: about for day, about in flags.items() if day in shown}
    values = to_finite(days[statistic.name])
    values[_find_empty(days)] = np.nan
    known = values[np.isfinite(values)]
    norm = choose_scale(known, is_sum=statistic.of_nothing == 0)
    with style_axes(ax, grid="") as axes:
        details = [
            *_describe_flags(flags, slow),
            describe_basis(data, tz),
            describe_undated(found),
            describe_unknown(int(sum(found[name].sum() for name in _UNKNOWN if name in found))),
            describe_end(known, norm, statistic.unit),
        ]
        write_title(axes, f"{capitalize(statistic.label)} of each day", details, title=title, subtitle=subtitle)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        if not len(known):
            return write_empty(axes, f"no known {statistic.label}" if len(days) else "no dated generation")
        grid = _Grid.fit(axes, days[TIME])
        _draw(axes, grid, values, norm)
        _name_months(axes, grid, days[TIME])
        _draw_marks(axes, grid, days, values, flags)
        texts = _format_values(days, values, statistic)
        _add_values(axes, grid, days, texts, statistic=statistic, flags=flags)
        if grid.width >= _WRITTEN[0] and grid.height >= _WRITTEN[1]:
            _write_values(axes, grid, days, values, statistic=statistic, norm=norm)
        draw_scale(axes, norm, add_unit(statistic.label, statistic.unit), statistic.unit)
        return axes


def check_days(number: int) -> None:
    """Check the number of days of a calendar.

    Raises:
        InputError: It is more than three years.
    """
    if number > _MOST_DAYS:
        msg = f"the records cover {number:,} days, and a calendar shows at most {_MOST_DAYS:,}: choose fewer days"
        raise InputError(msg)


class _Grid(NamedTuple):
    """Where the days of a calendar are: weeks are columns, in strips below each other.

    Attributes:
        columns: The column of each day.
        strip: The strip of each day.
        weekdays: The weekday of each day; 0 is Monday.
        weeks: The number of columns.
        strips: The number of strips.
        width: The width of a day in points.
        height: Its height in points.
    """

    columns: np.ndarray
    strip: np.ndarray
    weekdays: np.ndarray
    weeks: int
    strips: int
    width: float
    height: float

    @classmethod
    def fit(cls, ax: Axes, days: pd.Series) -> "_Grid":
        """Return the grid whose days are most nearly squares."""
        local = days.dt.tz_localize(None).dt.normalize()
        weekdays = local.dt.day_of_week.to_numpy()
        numbers = ((local - local.iloc[0]).dt.days.to_numpy() + weekdays[0]) // _ROWS
        whole = max(int(numbers[-1]) + 1, _LEAST_WEEKS)
        width, height = (share * side for share, side in zip(_DRAWN, measure_cell(ax), strict=True))

        def find_excess(strips: int) -> float:
            return abs(math.log(width * strips * _STRIP / (math.ceil(whole / strips) * height)))

        weeks = math.ceil(whole / min(range(1, whole + 1), key=find_excess))
        strips = math.ceil(whole / weeks)
        sides = (width / weeks, height / (strips * _STRIP))
        return cls(numbers % weeks, numbers // weeks, weekdays, weeks, strips, *sides)

    @property
    def tops(self) -> np.ndarray:
        """The upper end of each day, from the top of the calendar."""
        found: np.ndarray = self.strip * _STRIP + self.weekdays
        return found


def _find_flags(
    data: Records, statistic: Statistic, flagged: pd.DataFrame | Sequence[date] | None, tz: str
) -> tuple[dict[date, str], list[str]]:
    """Return the flagged days with what is known of each, and the changes that are of no day."""
    if flagged is not None and not isinstance(flagged, pd.DataFrame):
        return {pd.Timestamp(day).date(): "" for day in sorted(flagged)}, []
    found = changes(data, by=None, metrics=[statistic], tz=tz, causes=False) if flagged is None else flagged
    keys = [str(name) for name in found.columns[: found.columns.get_loc("scope")]]
    flags: dict[date, str] = {}
    slow = []
    for row in found.sort_values("since", kind="stable").to_dict("records"):
        about = _describe_change(row, keys)
        if pd.isna(row["since"]):
            slow.append(about)
            continue
        day = row["since"].tz_convert(find_zone(tz)).date()
        flags[day] = f"{flags[day]}, {about}" if day in flags else about
    return flags, slow


def _describe_change(row: Mapping[Any, Any], keys: Sequence[str]) -> str:
    """Return a row of `ga.changes` in words; `keys` are the columns of its groups."""
    named = _STATISTICS.get(row["metric"])
    label = named.label if named else row["metric"].replace("_", " ")
    per_day = " per day" if named and named.of_nothing == 0 else ""
    group = f" of {', '.join(shorten_group(row[key]) for key in keys)}" if row["scope"] == "group" else ""
    was, now = (format_value(row[side], Unit(row["unit"])) for side in ("before", "after"))
    ends = ("before", "since") if row["kind"] != "drift" else ("at first", "at last")
    return f"{label}{per_day}{group} {was} {ends[0]}, {now} {ends[1]}"


def _describe_flags(flags: Mapping[date, str], slow: Sequence[str]) -> Iterator[str]:
    """Yield the flagged days, the first ones with what is known of them, and the changes that are of no day."""
    named = [f"{day} ({about})" if about else str(day) for day, about in flags.items()]
    for words, texts in (("outlined", named), ("slow change", slow)):
        more = len(texts) - _MOST_NAMED
        if texts:
            yield f"{words}: " + ", ".join([*texts[:_MOST_NAMED], *([f"{more} more"] if more > 0 else [])])


def _find_empty(days: pd.DataFrame) -> np.ndarray:
    """Return whether each day is without records."""
    is_empty: np.ndarray = days["requests"].to_numpy(dtype=float) == 0
    return is_empty


def _draw(ax: Axes, grid: _Grid, values: np.ndarray, norm: Normalize) -> None:
    """Draw the days as colors, with the names of the weekdays."""
    table = np.full((grid.strips * (_ROWS + 1) - 1, grid.weeks), np.nan)
    table[grid.strip * (_ROWS + 1) + grid.weekdays, grid.columns] = values
    tops = np.arange(grid.strips) * _STRIP
    edges = (tops[:, None] + np.arange(_ROWS + 1)).ravel()
    paper = find_look(ax).paper
    ax.pcolormesh(np.arange(grid.weeks + 1), edges, table, cmap=HEAT, norm=norm, edgecolor=paper, linewidth=1.5)
    shown = range(0, _ROWS, 1 if grid.strips == 1 else 2)
    ax.set_yticks([top + day + 0.5 for top in tops for day in shown], [WEEKDAYS[day] for _ in tops for day in shown])
    ax.set_xticks([])
    ax.set(xlim=(0, grid.weeks), ylim=(edges[-1], -min(1.0, _NAME / grid.height)))


def _name_months(ax: Axes, grid: _Grid, days: pd.Series) -> None:
    """Write the names of months above the weeks of their first days, as far as there is room."""
    room = math.ceil(len("Jan 2026") * _LETTER / grid.width)
    starts = [place for place, day in enumerate(days) if place == 0 or day.day == 1]
    if len(starts) > 1 and grid.strip[starts[1]] == 0 and grid.columns[starts[1]] < room:
        del starts[0]  # a few days of a month, whose name would hide the next one
    ends = dict.fromkeys(range(grid.strips), 0)
    for place in starts:
        day, column, strip = days.iloc[place], int(grid.columns[place]), int(grid.strip[place])
        name = f"{day:%b %Y}" if place == starts[0] or day.month == 1 else f"{day:%b}"
        need = math.ceil(len(name) * _LETTER / grid.width)
        left = max(0, min(column, grid.weeks - need))  # inside, and not over what is to the right
        if left >= ends[strip]:
            ax.text(left, strip * _STRIP - 0.15, name, fontsize=SMALL, color=find_look(ax).soft, va="bottom")
            ends[strip] = left + need


def _draw_marks(ax: Axes, grid: _Grid, days: pd.DataFrame, values: np.ndarray, flags: Container[date]) -> None:
    """Draw what a color does not say: days without records or known values, incomplete and flagged ones."""
    look, is_empty = find_look(ax), _find_empty(days)
    is_open = days[OPEN].fillna(value=False).to_numpy(dtype=bool)
    is_flagged = np.array([day.date() in flags for day in days[TIME]])
    handles: list[Line2D] = []
    for chosen, marker, label in ((is_empty, ".", "no record"), (np.isnan(values) & ~is_empty, "x", "not known")):
        if chosen.any():
            places = grid.columns[chosen] + 0.5, grid.tops[chosen] + 0.5
            handles += ax.plot(*places, marker, color=look.soft, markersize=4, label=label)
    outline: dict[str, Any] = {"edgecolor": look.ink, "linewidth": 2}
    for chosen, style in ((is_open, {"edgecolor": GREY, "hatch": HATCH, "linewidth": 0}), (is_flagged, outline)):
        for column, top in zip(grid.columns[chosen], grid.tops[chosen], strict=True):
            ax.add_patch(Rectangle((column, top), 1, 1, fill=False, **style))
    if is_flagged.any():
        handles.append(
            Line2D([], [], color=look.ink, marker="s", markerfacecolor="none", linestyle="", label="flagged")
        )
    if handles or is_open.any():
        draw_legend(ax, handles, unfinished=bool(is_open.any()))


def _format_values(
    days: pd.DataFrame, values: np.ndarray, statistic: Statistic, *, decimals: int | None = None
) -> list[str]:
    """Return the values of days as text, with the sign of those that are lower bounds."""
    unknown = to_floats(days["cost_unknown"]) > 0 if "cost_unknown" in days else np.zeros(len(days), dtype=bool)
    bounds = (unknown | (statistic.name in days.attrs["lower_bounds"])) & np.isfinite(values)
    texts = [format_value(value, statistic.unit, decimals=decimals) for value in values.tolist()]
    return [mark_lower_bound(text) if is_bound else text for text, is_bound in zip(texts, bounds, strict=True)]


def _add_values(
    ax: Axes, grid: _Grid, days: pd.DataFrame, texts: Sequence[str], *, statistic: Statistic, flags: Mapping[date, str]
) -> None:
    """Note the text of each day."""
    places = zip(grid.columns.tolist(), grid.tops.tolist(), strict=True)
    mark = choose_mark(days, "requests")
    for day, amount, number, (column, top) in zip(days[TIME], texts, days["requests"], places, strict=True):
        known = f"{statistic.label} {amount}; {mark(format_count(int(number), 'request'))}"
        about = f"; {flags[day.date()] or 'flagged'}" if day.date() in flags else ""
        text = f"{day:%a %Y-%m-%d}: {known if number else 'no record'}{about}"
        add_value(ax, text, (column, column + 1), (top, top + 1))


def _write_values(
    ax: Axes, grid: _Grid, days: pd.DataFrame, values: np.ndarray, *, statistic: Statistic, norm: Normalize
) -> None:
    """Write the number of each day into it, and its value if all of them fit."""
    decimals = money_decimals(values.tolist()) if statistic.unit is Unit.USD else None
    texts, ink = _format_values(days, values, statistic, decimals=decimals), find_look(ax).ink
    has_room = max(measure_text(text, SMALL) for text in texts) + 2 * _SIDE < grid.width
    for day, amount, value, column, top in zip(days[TIME], texts, values, grid.columns, grid.tops, strict=True):
        if np.isnan(value):
            continue
        text = f"{day.day}\n{amount}" if has_room else str(day.day)
        color = "white" if norm(value) > _DARK else ink
        ax.text(column + 0.5, top + 0.5, text, fontsize=SMALL, color=color, ha="center", va="center")
