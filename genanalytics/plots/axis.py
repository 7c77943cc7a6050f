"""Axes with ticks for people: one precision for money, seconds and minutes for durations, time zones for dates."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, Formatter, FuncFormatter, NullLocator

from genanalytics.metrics.grouping.calendar import Period
from genanalytics.plots.room import measure_cell, measure_text
from genanalytics.units import Unit, format_value

_FEW = 7
"""Up to this many periods each have a tick."""
_MOST_DAYS = 100
"""Up to this many days have Mondays as ticks; more have months."""
_MONTHS = (3, 6, 12, 24, 60, 120)
"""Between ticks of many months are this many of them."""
_MOST_DATES = 10
_WIDTH = 0.78
"""The share of the width that an axis has next to its labels."""
_NARROW = 200.0
"""In less width, in points, the year of the ticks is below the label of the axis instead of next to it."""
_MOST_MARKS = 8
_LEAST_RANGE = 8.0
"""The least factor between the ends of a logarithmic axis, so that it has more than one tick."""

_SECOND, _MINUTE, _HOUR = 1_000.0, 60_000.0, 3_600_000.0
_POWERS = range(-9, 13)
_LONGEST_STEPS = {mdates.SECONDLY: 60, mdates.MINUTELY: 60, mdates.HOURLY: 24, mdates.DAILY: 28, mdates.MONTHLY: 12}
"""A further step between ticks of each unit: a whole one of the next longer unit."""


class MoneyFormatter(Formatter):
    """Writes all ticks of an axis with the fewest decimals that distinguish them, from cents to micro-dollars."""

    def __call__(self, x: float, pos: int | None = None) -> str:  # noqa: ARG002 - as matplotlib calls it
        """Return the text of a single amount, such as one under the pointer."""
        return format_value(x, Unit.USD)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return the texts of all ticks."""
        decimals = count_decimals(values)
        return [format_value(value, Unit.USD, decimals=decimals) for value in values]


def count_decimals(ticks: "Sequence[float] | np.ndarray") -> int:
    """Return the number of decimals of a dollar that distinguishes the ticks of an axis.

    >>> count_decimals([0, 2, 4]), count_decimals([0, 0.0005]), count_decimals([0, 1e-9])
    (2, 4, 6)
    """
    step = float(ticks[1] - ticks[0]) if len(ticks) > 1 else 1.0
    return next((places for places in range(2, 6) if math.isclose(round(step, places), step)), 6)


def add_unit(label: str, unit: Unit) -> str:
    """Return the label of an axis with its unit.

    >>> add_unit("cost", Unit.USD), add_unit("TTFT", Unit.MS), add_unit("errors", Unit.SHARE)
    ('cost (US$)', 'TTFT', 'errors')
    """
    in_ticks = unit in {Unit.MS, Unit.SHARE, Unit.NONE, Unit.COUNT}  # their ticks have the unit
    return label if in_ticks else f"{label} ({unit})"


def format_tick(value: float, unit: Unit) -> str:
    """Return the text of a value at a tick: in full, without trailing zeros.

    >>> format_tick(1_000, Unit.MS), format_tick(100_000, Unit.MS), format_tick(0.05, Unit.SHARE)
    ('1 s', '1.67 min', '5 %')
    >>> format_tick(2_000, Unit.TOKENS_PER_S)
    '2,000'
    """
    if unit in {Unit.TOKENS_PER_S, Unit.RATIO, Unit.TOKENS, Unit.COUNT, Unit.NONE}:
        return f"{value:,g}".replace("-", "−")
    number, space, symbol = format_value(value, unit).partition(" ")
    return (number.rstrip("0").rstrip(".") if "." in number else number) + space + symbol


def _format_tick(unit: Unit, value: float, _: int | None) -> str:
    return format_tick(value, unit)


def set_linear(axis: Axis, unit: Unit) -> None:
    """Write the ticks of an axis in their unit."""
    axis.set_major_formatter(
        MoneyFormatter() if unit in {Unit.USD, Unit.USD_PER_MTOK} else FuncFormatter(partial(_format_tick, unit))
    )


def set_logarithmic(ax: Axes, which: Literal["x", "y"], values: "np.ndarray", unit: Unit) -> tuple[float, float]:
    """Make an axis logarithmic around the values above 0, with ticks at round numbers; return its ends."""
    known = values[np.isfinite(values) & (values > 0)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (1.0, 1.0)
    widen = max(1.12, math.sqrt(_LEAST_RANGE / (high / low)))
    low, high = low / widen, high * widen
    fine, coarse = _list_marks(unit)
    inside = [[mark for mark in marks if low <= mark <= high] for marks in (fine, coarse)]
    most = _MOST_MARKS
    if which == "x":
        most = fit_ticks(ax, max((_write_mark(mark, unit) for mark in inside[0]), key=len, default=""), most)
    shown = inside[0] if len(inside[0]) <= most or len(inside[1]) < 2 else inside[1]  # noqa: PLR2004
    shown = shown[:: math.ceil(len(shown) / most)]
    ax.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_locator(FixedLocator(shown))
    axis.set_minor_locator(NullLocator())
    set_linear(axis, unit)
    return low, high


def _write_mark(value: float, unit: Unit) -> str:
    """Return the text of a tick, as far as its length counts."""
    return format_value(value, Unit.USD, decimals=2) if unit is Unit.USD_PER_MTOK else format_tick(value, unit)


def _list_marks(unit: Unit) -> tuple[list[float], list[float]]:
    """Return round numbers: a fine and a coarse series."""
    many = [step * 10.0**power for power in _POWERS for step in (1, 2, 5)]
    few = [10.0**power for power in _POWERS]
    if unit is not Unit.MS:
        return many, few
    hours = [[mark * _HOUR for mark in marks if mark >= 1] for marks in (many, few)]
    below = [[mark for mark in marks if mark < _MINUTE / 2] for marks in (many, few)]
    minutes = ([step * _MINUTE for step in (0.5, 1, 2, 5, 10, 30)], [_MINUTE, 10 * _MINUTE])
    return below[0] + minutes[0] + hours[0], below[1] + minutes[1] + hours[1]


def set_times(ax: Axes, starts: pd.DatetimeIndex, every: Period) -> "tuple[np.ndarray, float]":
    """Set the horizontal axis to periods; return the place of each start, and the shortest length, both in days."""
    zone: Any = starts.tz
    places = np.array(list(map(mdates.date2num, starts.to_pydatetime())))
    most = fit_ticks(ax, "Sep 30", _MOST_DATES)
    named = _choose_named(starts, places, every, most)
    _set_dates(ax, named, most, zone)
    alone = places if len(places) == 1 else named
    if len(alone) == 1:  # without another tick, the label needs the full date
        clock = " %H:%M" if every in {"minute", "hour"} else ""
        ax.set_xticks(alone, [f"{starts[places == alone[0]][0]:%Y-%m-%d{clock}}"])
    nominal = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.0}[every]
    return places, float(np.diff(places).min()) if len(places) > 1 else nominal


def _set_dates(ax: Axes, named: np.ndarray, most: int, zone: Any) -> Any:  # noqa: ANN401 - of matplotlib
    """Set at most this many ticks: some of the named places, or those of a locator of dates if there are none.

    Return their formatter.
    """
    locator = (
        FixedLocator(list(named[:: math.ceil(len(named) / most)])) if len(named) else _make_locator(zone, max(2, most))
    )
    formatter: Any = mdates.ConciseDateFormatter(locator, tz=zone)  # type: ignore[no-untyped-call]
    if len(named):  # no tick may be the first of a month, so each names its month
        formatter.formats[2] = formatter.zero_formats[2] = "%b %d"
        formatter.offset_formats[2] = "%Y"
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(formatter)
    return formatter


def _choose_named(starts: pd.DatetimeIndex, places: np.ndarray, every: Period, most: int) -> np.ndarray:
    """Return the places of ticks that a locator of dates would not find: a few, weeks, Mondays, quarters; else none.

    A locator of dates divides a few periods into hours, does not know the starts of weeks, and begins to count days
    again in each month. On small axes it would name years alone.
    """
    if every == "week" or len(places) <= _FEW:
        return places
    if every == "day" and len(places) <= _MOST_DAYS:
        return places[starts.day_of_week == 0]
    steps = [places[(12 * starts.year + starts.month - 1) % step == 0] for step in _MONTHS]
    return next((some for some in steps if len(some) <= most), steps[-1]) if every == "month" else places[:0]


def _make_locator(zone: Any, most: int) -> mdates.AutoDateLocator:  # noqa: ANN401 - as matplotlib takes it
    """Return what places at most this many ticks over any time; matplotlib has no step for two ticks in 20 hours."""
    locator = mdates.AutoDateLocator(tz=zone, minticks=max(1, min(3, (most - 1) // 2)), maxticks=most)  # type: ignore[no-untyped-call]
    for unit, longest in _LONGEST_STEPS.items():
        locator.intervald[unit] = [*locator.intervald[unit], longest]
    return locator


def fit_ticks(ax: Axes, longest: str, most: int, *, least: int = 2, share: float = _WIDTH) -> int:
    """Return how many ticks fit below axes, from `least` to `most`, given the longest text of one.

    `share` is the part of the width that the axes have next to their labels.
    """
    return max(least, min(most, int(share * measure_cell(ax)[0] / (1.5 * measure_text(longest)))))


def name_period(start: pd.Timestamp, every: Period) -> str:
    """Return the name of a period in a sentence of its own.

    >>> name_period(pd.Timestamp("2026-09-07T14:00Z"), "hour"), name_period(pd.Timestamp("2026-09-07", tz="UTC"), "day")
    ('Mon 2026-09-07 14:00', 'Mon 2026-09-07')
    >>> name_period(pd.Timestamp("2026-09-07"), "week"), name_period(pd.Timestamp("2026-09-01"), "month")
    ('week of 2026-09-07', '2026-09')
    """
    if every in {"minute", "hour"}:
        return f"{start:%a %Y-%m-%d %H:%M}"
    return {"day": f"{start:%a %Y-%m-%d}", "week": f"week of {start:%Y-%m-%d}"}.get(every, f"{start:%Y-%m}")


def set_moments(ax: Axes, first: pd.Timestamp, last: pd.Timestamp, *, right: float = 0.0) -> None:
    """Set the horizontal axis to the time between two moments, in their time zone.

    `right` is the room of texts to the right of the axes, in points.
    """
    zone: Any = first.tz
    room = max((last - first) * 0.02, pd.Timedelta(minutes=1))
    days = pd.date_range((first - room).ceil("D"), last + room, freq="D")
    most = fit_ticks(ax, "Sep 30", _FEW, least=1, share=_WIDTH - right / measure_cell(ax)[0])
    named = _choose_named(days, np.array([*map(mdates.date2num, days)]), "day", most)
    formatter = _set_dates(ax, named if len(named) > 1 else named[:0], most, zone)
    if measure_cell(ax)[0] - right < _NARROW:
        formatter.offset_formats = [f"\n{form}" for form in formatter.offset_formats]
    ax.set_xlim(first - room, last + room)  # type: ignore[arg-type]
    ticks = ax.get_xticks()
    if len(ticks) == 1:  # as above
        only = pd.Timestamp(mdates.num2date(ticks[0], tz=zone))  # type: ignore[no-untyped-call]
        ax.set_xticks(ticks, [f"{only:%Y-%m-%d}" if only == only.normalize() else f"{only:%Y-%m-%d %H:%M}"])
