"""Axes whose ticks are written as people read them: one precision for money, clocks for durations, zones for time."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, Formatter, FuncFormatter, NullLocator

from genanalytics.metrics import Statistic
from genanalytics.units import Unit, write

_FEW = 7
"""So many stretches of time and fewer each have a tick; a locator of dates would divide them into hours."""
_MOST_MARKS = 8
_LEAST_RANGE = 8.0
"""By which factor the ends of a logarithmic axis are apart at least, so that it has more than one tick."""

_SECOND, _MINUTE, _HOUR = 1_000.0, 60_000.0, 3_600_000.0
_POWERS = range(-9, 13)


class MoneyFormatter(Formatter):
    """Writes all ticks of an axis with the fewest decimals that tell them apart, from cents to micro-dollars."""

    def __call__(self, x: float, pos: int | None = None) -> str:  # noqa: ARG002 - as matplotlib calls it
        """Return the text of a single amount, such as one under the pointer."""
        return write(x, Unit.USD)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return the texts of all ticks."""
        decimals = decimals_of(values)
        return [write(value, Unit.USD, decimals=decimals) for value in values]


def decimals_of(ticks: "Sequence[float] | np.ndarray") -> int:
    """Return how many decimals of a dollar tell the ticks of an axis apart.

    >>> decimals_of([0, 2, 4]), decimals_of([0, 0.0005]), decimals_of([0, 1e-9])
    (2, 4, 6)
    """
    step = float(ticks[1] - ticks[0]) if len(ticks) > 1 else 1.0
    return next((places for places in range(2, 6) if math.isclose(round(step, places), step)), 6)


def named_unit(label: str, unit: Unit) -> str:
    """Return what an axis is called.

    >>> named_unit("cost", Unit.USD), named_unit("TTFT", Unit.MS), named_unit("errors", Unit.SHARE)
    ('cost (US$)', 'TTFT', 'errors')
    """
    stands_in_ticks = unit in {Unit.MS, Unit.SHARE, Unit.NONE, Unit.COUNT}  # they are written with their unit
    return label if stands_in_ticks else f"{label} ({unit})"


def label_of(statistic: Statistic) -> str:
    """Return what an axis of a statistic is called, with its unit."""
    return named_unit(statistic.label, statistic.unit)


def tick(value: float, unit: Unit) -> str:
    """Return a value as it stands at a tick: in full, without zeros that say nothing.

    >>> tick(1_000, Unit.MS), tick(100_000, Unit.MS), tick(0.05, Unit.SHARE), tick(2_000, Unit.TOKENS_PER_S)
    ('1 s', '1.67 min', '5 %', '2,000')
    """
    if unit in {Unit.TOKENS_PER_S, Unit.RATIO, Unit.TOKENS, Unit.COUNT, Unit.NONE}:
        return f"{value:,g}".replace("-", "−")
    number, space, symbol = write(value, unit).partition(" ")
    return (number.rstrip("0").rstrip(".") if "." in number else number) + space + symbol


def linear(axis: Axis, unit: Unit) -> None:
    """Write the ticks of an axis in their unit."""
    axis.set_major_formatter(
        MoneyFormatter() if unit in {Unit.USD, Unit.USD_PER_MTOK} else FuncFormatter(lambda value, _: tick(value, unit))
    )


def logarithmic(ax: Axes, which: Literal["x", "y"], values: "np.ndarray", unit: Unit) -> tuple[float, float]:
    """Make an axis logarithmic around the values above 0, with ticks at round numbers; return its ends."""
    known = values[np.isfinite(values) & (values > 0)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (1.0, 1.0)
    widen = max(1.12, math.sqrt(_LEAST_RANGE / (high / low)))
    low, high = low / widen, high * widen
    fine, coarse = _marks(unit)
    inside = [[mark for mark in marks if low <= mark <= high] for marks in (fine, coarse)]
    shown = inside[0] if len(inside[0]) <= _MOST_MARKS or len(inside[1]) < 2 else inside[1]  # noqa: PLR2004
    shown = shown[:: math.ceil(len(shown) / _MOST_MARKS)]
    ax.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_locator(FixedLocator(shown))
    axis.set_minor_locator(NullLocator())
    linear(axis, unit)
    return low, high


def _marks(unit: Unit) -> tuple[list[float], list[float]]:
    """Return round numbers, many of them and few of them."""
    many = [step * 10.0**power for power in _POWERS for step in (1, 2, 5)]
    few = [10.0**power for power in _POWERS]
    if unit is not Unit.MS:
        return many, few
    hours = [[mark * _HOUR for mark in marks if mark >= 1] for marks in (many, few)]
    below = [[mark for mark in marks if mark < _MINUTE / 2] for marks in (many, few)]
    minutes = ([step * _MINUTE for step in (0.5, 1, 2, 5, 10, 30)], [_MINUTE, 10 * _MINUTE])
    return below[0] + minutes[0] + hours[0], below[1] + minutes[1] + hours[1]


def timed(ax: Axes, starts: pd.DatetimeIndex, every: str, tz: str) -> "np.ndarray":
    """Let the horizontal axis hold stretches of time; return where each begins."""
    zone: Any = starts.tz
    places = np.array(list(map(mdates.date2num, starts.to_pydatetime())))
    auto = mdates.AutoDateLocator(tz=zone, minticks=3, maxticks=10)  # type: ignore[no-untyped-call]
    named = every == "week" or len(places) <= _FEW  # dates of a calendar would not be those of weeks
    locator = FixedLocator(list(places[:: math.ceil(len(places) / _FEW)])) if named else auto
    formatter: Any = mdates.ConciseDateFormatter(locator, tz=zone)  # type: ignore[no-untyped-call]
    if named:  # none of the ticks need be the first of a month, so that each names its own
        formatter.formats[2] = formatter.zero_formats[2] = "%b %d"
        formatter.offset_formats[2] = "%Y"
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(formatter)
    if len(places) == 1:  # no other tick says what they have in common
        clock = " %H:%M" if every in {"minute", "hour"} else ""
        ax.set_xticks(places, [f"{starts[0]:%Y-%m-%d{clock}}"])
    ax.set_xlabel(f"{every} ({tz})")
    return places


def width_of(places: "np.ndarray", every: str) -> float:
    """Return how long the shortest of the stretches of time is, in days."""
    nominal = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.0}[every]
    return float(np.diff(places).min()) if len(places) > 1 else nominal
