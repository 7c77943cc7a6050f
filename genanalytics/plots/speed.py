"""Charts of speed: its spread and its price."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from genanalytics.base.opening import opens_paths
from genanalytics.metrics import RowValue, distribution, spread, summarize
from genanalytics.metrics.catalog import find_row_value, resolve_one
from genanalytics.metrics.declare import name_limits
from genanalytics.metrics.engines.source import Records
from genanalytics.plots.axis import add_unit, set_logarithmic
from genanalytics.plots.groups import (
    choose_mark,
    describe_basis,
    describe_hidden,
    name_subject,
    shorten_group,
    to_finite,
    write_n,
)
from genanalytics.plots.palette import GREY, HUES
from genanalytics.plots.style import PALE, SMALL, set_rows, style_axes, write_beside, write_empty, write_title
from genanalytics.units import Unit, format_count, format_value

_MOST_RIDGES = 8
_TALLEST = 0.92
"""The height of the highest ridge, in rows."""
_MOST_NAMES = 8
_PRICE, _SPEED = "usd_per_mtok", "tps_e2e_p50"


@opens_paths("data")
def speed_against_price(
    data: Records,
    *,
    by: str = "model",
    tz: str = "UTC",
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with a dot per group, by price and median throughput, both with 95 % intervals.

    Groups have a name, and a line between them, if no other group is both cheaper and faster.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: The column, or the derived key, whose values are compared.
        tz: The time zone of days and hours, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether the details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone.
    """
    groups = summarize(data, by=by, tz=tz, metrics=[_PRICE, _SPEED], intervals=True)
    price, speed = resolve_one(_PRICE), resolve_one(_SPEED)
    drawn = groups[(to_finite(groups[_PRICE]) > 0) & (to_finite(groups[_SPEED]) > 0)].reset_index(drop=True)
    noun = name_subject(by)
    with style_axes(ax, grid="both") as axes:
        hidden = len(groups) - len(drawn)
        left_out = f"{format_count(hidden, noun)} without a price or a speed" if hidden else ""
        rule = f"named: no other {noun} is cheaper and faster; lines: 95 % intervals"
        write_title(
            axes,
            f"Speed against price, by {noun}",
            [describe_basis(data, tz), rule, left_out],
            title=title,
            subtitle=subtitle,
        )
        axes.set_xlabel(f"price ({price.unit}), cheaper to the left")
        axes.set_ylabel(f"median {add_unit('throughput, end to end', speed.unit)}")
        if drawn.empty:
            return write_empty(axes, "no group with both a price and a speed")
        best = find_frontier(to_finite(drawn[_PRICE]), to_finite(drawn[_SPEED]))
        _draw_dots(axes, drawn, best)
        _write_names(axes, drawn, best, by)
        return axes


@opens_paths("data")
def throughput(
    data: Records,
    *,
    by: str = "model",
    metric: RowValue | str = "tps_decode",
    tz: str = "UTC",
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the distribution of throughput as a ridge per group, with its median; the fastest is on top.

    All ridges have the same scale: equal areas are equal shares of the generations.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: The column, or the derived key, whose values are compared: the eight with the most observations.
        metric: A row value, as in `distribution`: `tps_decode`, `tps_e2e`, ...
        tz: The time zone of days and hours, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether the details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such row value or time zone.
    """
    value = find_row_value(metric)
    of_value = spread(value)
    median, number = of_value.p50.name, of_value.n.name
    groups = summarize(data, by=by, tz=tz, metrics=[of_value.p50, of_value.n])
    groups = groups[groups[number] > 0].sort_values(number, ascending=False, kind="stable")
    shown = groups.head(_MOST_RIDGES).sort_values(median, ascending=False, kind="stable")
    cells = distribution(data, value, by=by, tz=tz, kind="histogram", per_decade=20)
    cells = cells[cells["low"] > 0]
    with style_axes(ax, grid="x") as axes:
        some = describe_hidden(len(shown), len(groups), "observations")
        write_title(
            axes,
            f"{value.label.capitalize()} by {name_subject(by)}",
            [describe_basis(data, tz), "successful only", some],
            title=title,
            subtitle=subtitle,
        )
        axes.set_xlabel(add_unit(value.label, value.unit))
        if shown.empty or cells.empty:
            return write_empty(axes, f"no known {value.label}")
        rows = np.arange(len(shown))
        most = float(cells["share"].max())
        for row, group in enumerate(shown[by]):
            own = cells[cells[by].isna()] if pd.isna(group) else cells[cells[by] == group]
            _draw_ridge(axes, own, row, _TALLEST / most)
        set_logarithmic(axes, "x", cells[["low", "high"]].to_numpy(dtype=float).ravel(), value.unit)
        axes.vlines(to_finite(shown[median]), rows - 0.5, rows, color="black", linewidth=1.8)
        set_rows(axes, [shorten_group(group) for group in shown[by]], above=1.05)
        mark = choose_mark(groups, number)
        for row, middle, n in zip(range(len(shown)), to_finite(shown[median]), shown[number], strict=True):
            text = f"p50 {format_value(middle, value.unit).partition(' ')[0]}\n{write_n(int(n), mark)}"
            write_beside(axes, row, text, va="bottom")
        return axes


def find_frontier(price: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """Return whether each is on the frontier: no other is as cheap and faster, or as fast and cheaper.

    >>> find_frontier(np.array([1.0, 2.0, 3.0, 3.0]), np.array([10.0, 5.0, 20.0, 19.0])).tolist()
    [True, False, True, False]
    """
    at_most, at_least = price[None, :] <= price[:, None], speed[None, :] >= speed[:, None]
    better = (price[None, :] < price[:, None]) | (speed[None, :] > speed[:, None])
    return np.asarray(~(at_most & at_least & better).any(axis=1))


def _draw_dots(ax: Axes, groups: pd.DataFrame, best: np.ndarray) -> None:
    """Draw the dots and their known intervals."""
    price, speed = to_finite(groups[_PRICE]), to_finite(groups[_SPEED])
    limits = {name: [to_finite(groups[limit]) for limit in name_limits(name)] for name in (_PRICE, _SPEED)}
    colors = np.where(best, HUES[0], GREY)
    low, high = limits[_SPEED]
    ax.vlines(price, low, high, color=colors, linewidth=1.2)
    left, right = (np.where(limit > 0, limit, np.nan) for limit in limits[_PRICE])
    ax.hlines(speed, left, right, color=colors, linewidth=1.2)
    order = np.argsort(price[best])
    ax.plot(price[best][order], speed[best][order], color=HUES[0], linewidth=1, alpha=0.5, linestyle="--", zorder=1)
    ax.scatter(price, speed, color=colors, s=36, zorder=3)
    slowest, fastest = set_logarithmic(ax, "y", np.concatenate([speed, low, high]), Unit.TOKENS_PER_S)
    ax.set_ylim(slowest, fastest * (fastest / slowest) ** 0.06)
    least, most = set_logarithmic(ax, "x", np.concatenate([price, left, right]), Unit.USD)
    ax.set_xlim(least / (most / least) ** 0.35, most)  # the names are to the left of their dots


def _write_names(ax: Axes, groups: pd.DataFrame, best: np.ndarray, by: str) -> None:
    """Name the best groups above and to the left of their dots: no other group can be there, it would beat them."""
    chosen = groups[best].sort_values(_SPEED, kind="stable").tail(_MOST_NAMES)
    height = 0.0
    for group, price, speed in zip(chosen[by], to_finite(chosen[_PRICE]), to_finite(chosen[_SPEED]), strict=True):
        place = float(ax.transAxes.inverted().transform(ax.transData.transform((price, speed)))[1])
        height = max(place + 0.03, height + 0.055)
        ax.annotate(
            shorten_group(group),
            (price, speed),
            (-8, (height - place) * ax.bbox.height * 72 / ax.figure.dpi),
            textcoords="offset points",
            ha="right",
            fontsize=SMALL,
        )


def _draw_ridge(ax: Axes, cells: pd.DataFrame, row: int, scale: float) -> None:
    """Draw a histogram on top of a row."""
    low, high, share = (cells[name].to_numpy(dtype=float) for name in ("low", "high", "share"))
    ax.axhline(row, color=PALE, linewidth=0.8, zorder=1)
    ax.bar(low, -scale * share, bottom=row, width=high - low, align="edge", color=HUES[0], alpha=0.75, linewidth=0)
