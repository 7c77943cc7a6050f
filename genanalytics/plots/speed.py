"""Charts of speed: how it spreads, and what it costs."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from genanalytics.metrics import RowValue, distribution, summarize
from genanalytics.metrics.catalog import row_value
from genanalytics.plots.axis import logarithmic, named_unit
from genanalytics.plots.groups import hidden, name_of, numbers, rests_on, statistic_of, subject
from genanalytics.plots.style import GREY, HUES, PALE, SMALL, beside, labelled_empty, rowed, styled, titled
from genanalytics.units import Unit, counted, write

_MOST_RIDGES = 8
_TALLEST = 0.92
"""How high the highest ridge is, in rows."""
_MOST_NAMES = 8
_PRICE, _SPEED = "usd_per_mtok", "tps_e2e_p50"


def speed_against_price(data: object, *, by: str = "model", tz: str = "UTC", ax: Axes | None = None) -> Axes:
    """Return axes with a dot per group: its price across, its median throughput up, both with 95 % intervals.

    Named are the groups that no other beats: none is at once cheaper and faster. They are joined by a line.

    Args:
        data: What `summarize` takes.
        by: The key whose values are compared.
        tz: The zone of the period and of keys that are derived from moments.
        ax: Where to draw; a new figure without it.

    Raises:
        MissingColumnError: The data lacks a column that is needed.
        InputError: There is no such zone.
    """
    groups = summarize(data, by=by, tz=tz, metrics=[_PRICE, _SPEED], intervals=True)
    price, speed = statistic_of(_PRICE), statistic_of(_SPEED)
    drawn = groups[(numbers(groups[_PRICE]) > 0) & (numbers(groups[_SPEED]) > 0)].reset_index(drop=True)
    noun = subject(by)
    with styled(ax, grid="both") as axes:
        lacking = len(groups) - len(drawn)
        left_out = f"{counted(lacking, noun)} without a price or a speed" if lacking else ""
        rule = f"named: no other {noun} is cheaper and faster; lines: 95 % intervals"
        titled(axes, f"Speed against price, by {noun}", [rests_on(data, tz), rule, left_out])
        axes.set_xlabel(f"price ({price.unit}), cheaper to the left")
        axes.set_ylabel(f"median {named_unit('throughput, end to end', speed.unit)}")
        if drawn.empty:
            return labelled_empty(axes, "no group with both a price and a speed")
        best = frontier(numbers(drawn[_PRICE]), numbers(drawn[_SPEED]))
        _dots(axes, drawn, best)
        _names(axes, drawn, best, by)
        return axes


def throughput(
    data: object, *, by: str = "model", value: RowValue | str = "tps_decode", tz: str = "UTC", ax: Axes | None = None
) -> Axes:
    """Return axes with the distribution of throughput as a ridge per group, the fastest on top, its median marked.

    All ridges have one scale: the area of each is the same number of generations out of a hundred.

    Args:
        data: What `summarize` takes.
        by: The key whose values are compared: the eight with most observations.
        value: What is measured, as `distribution` takes it: `tps_decode`, `tps_e2e`, ...
        tz: The zone of the period and of keys that are derived from moments.
        ax: Where to draw; a new figure without it.

    Raises:
        MissingColumnError: The data lacks a column that is needed.
        InputError: There is no such row value or zone.
    """
    measured = row_value(value)
    median, number = f"{measured.name}_p50", f"{measured.name}_n"
    groups = summarize(data, by=by, tz=tz, metrics=[median, number])
    groups = groups[groups[number] > 0].sort_values(number, ascending=False, kind="stable")
    shown = groups.head(_MOST_RIDGES).sort_values(median, ascending=False, kind="stable")
    cells = distribution(data, measured, by=by, tz=tz, kind="histogram", per_decade=20)
    cells = cells[cells["low"] > 0]
    with styled(ax, grid="x") as axes:
        some = hidden(len(shown), len(groups), "observations")
        titled(
            axes,
            f"{measured.label.capitalize()} by {subject(by)}",
            [rests_on(data, tz), "successful only", some],
            room=0.72,
        )
        axes.set_xlabel(named_unit(measured.label, measured.unit))
        if shown.empty or cells.empty:
            return labelled_empty(axes, f"no known {measured.label}")
        rows = np.arange(len(shown))
        most = float(cells["share"].max())
        for row, group in enumerate(shown[by]):
            own = cells[cells[by].isna()] if pd.isna(group) else cells[cells[by] == group]
            _ridge(axes, own, row, _TALLEST / most)
        logarithmic(axes, "x", cells[["low", "high"]].to_numpy(dtype=float).ravel(), measured.unit)
        axes.vlines(numbers(shown[median]), rows - 0.5, rows, color="black", linewidth=1.8)
        rowed(axes, [name_of(group) for group in shown[by]], above=1.05)
        for row, middle, n in zip(range(len(shown)), numbers(shown[median]), shown[number], strict=True):
            beside(axes, row, f"p50 {write(middle, measured.unit).partition(' ')[0]}\nn = {n:,}", va="bottom")
        return axes


def frontier(price: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """Return which of several are beaten by none: nothing is as cheap and faster, or as fast and cheaper.

    >>> frontier(np.array([1.0, 2.0, 3.0, 3.0]), np.array([10.0, 5.0, 20.0, 19.0])).tolist()
    [True, False, True, False]
    """
    at_most, at_least = price[None, :] <= price[:, None], speed[None, :] >= speed[:, None]
    better = (price[None, :] < price[:, None]) | (speed[None, :] > speed[:, None])
    return np.asarray(~(at_most & at_least & better).any(axis=1))


def _dots(ax: Axes, groups: pd.DataFrame, best: np.ndarray) -> None:
    """Draw the dots and their intervals; an interval that is not known is not drawn."""
    price, speed = numbers(groups[_PRICE]), numbers(groups[_SPEED])
    ends = {name: [numbers(groups[f"{name}_{end}"]) for end in ("low", "high")] for name in (_PRICE, _SPEED)}
    colours = np.where(best, HUES[0], GREY)
    low, high = ends[_SPEED]
    ax.vlines(price, low, high, color=colours, linewidth=1.2)
    left, right = (np.where(end > 0, end, np.nan) for end in ends[_PRICE])
    ax.hlines(speed, left, right, color=colours, linewidth=1.2)
    order = np.argsort(price[best])
    ax.plot(price[best][order], speed[best][order], color=HUES[0], linewidth=1, alpha=0.5, linestyle="--", zorder=1)
    ax.scatter(price, speed, color=colours, s=36, zorder=3)
    slowest, fastest = logarithmic(ax, "y", np.concatenate([speed, low, high]), Unit.TOKENS_PER_S)
    ax.set_ylim(slowest, fastest * (fastest / slowest) ** 0.06)
    least, most = logarithmic(ax, "x", np.concatenate([price, left, right]), Unit.USD)
    ax.set_xlim(least / (most / least) ** 0.35, most)  # the names stand to the left of their dots


def _names(ax: Axes, groups: pd.DataFrame, best: np.ndarray, by: str) -> None:
    """Name the best groups, above and to the left of their dots: whatever stood there would beat them."""
    chosen = groups[best].sort_values(_SPEED, kind="stable").tail(_MOST_NAMES)
    height = 0.0
    for group, price, speed in zip(chosen[by], numbers(chosen[_PRICE]), numbers(chosen[_SPEED]), strict=True):
        place = float(ax.transAxes.inverted().transform(ax.transData.transform((price, speed)))[1])
        height = max(place + 0.03, height + 0.055)
        ax.annotate(
            name_of(group),
            (price, speed),
            (-8, (height - place) * ax.bbox.height * 72 / ax.figure.dpi),
            textcoords="offset points",
            ha="right",
            fontsize=SMALL,
        )


def _ridge(ax: Axes, cells: pd.DataFrame, row: int, scale: float) -> None:
    """Draw a histogram that stands on a row."""
    low, high, share = (cells[name].to_numpy(dtype=float) for name in ("low", "high", "share"))
    ax.axhline(row, color=PALE, linewidth=0.8, zorder=1)
    ax.bar(low, -scale * share, bottom=row, width=high - low, align="edge", color=HUES[0], alpha=0.75, linewidth=0)
