"""Charts of cost."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from genanalytics.base.opening import opens_paths
from genanalytics.metrics import EFFECTIVE_COST, summarize
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import TIME, Period
from genanalytics.plots.axis import add_unit, count_decimals, set_linear
from genanalytics.plots.bars import Layer, draw_stack, find_periods
from genanalytics.plots.groups import (
    any_known,
    choose_mark,
    describe_basis,
    describe_undated,
    describe_unknown,
    name_subject,
    shorten_group,
    to_finite,
)
from genanalytics.plots.palette import GREY, HUES
from genanalytics.plots.style import INK, set_rows, style_axes, write_beside, write_empty, write_title
from genanalytics.units import Unit, format_count, format_value

_COST = EFFECTIVE_COST.name
_MOST_ROWS = 12
_MOST_LAYERS = 5
_REFUNDED = "refunds come last, so the running share is above 100 % before them"


@opens_paths("data")
def cost_over_time(
    data: Records,
    *,
    by: str = "model",
    every: Period = "day",
    tz: str = "UTC",
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the cost of each period as stacked bars: the five most expensive groups, and all others.

    A bar is at the start of its period; it is hatched if records may still be missing.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: The column, or the derived key, whose values are stacked.
        every: The period: `minute`, `hour`, `day`, `week` or `month`.
        tz: The time zone, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether the details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone or period, or there are too many periods.
    """
    costs = summarize(data, by=by, every=every, tz=tz, metrics=[EFFECTIVE_COST])
    unfinished = find_periods(costs, every)
    with style_axes(ax) as axes:
        write_title(
            axes,
            f"Cost per {every} by {name_subject(by)}",
            [describe_basis(data, tz), _describe_unknown(data), describe_undated(costs)],
            title=title,
            subtitle=subtitle,
        )
        axes.set_ylabel(add_unit(EFFECTIVE_COST.label, Unit.USD))
        axes.set_xlabel(f"{every} ({tz})")
        if unfinished.empty:
            return write_empty(axes, "no dated generation")
        dated = costs.dropna(subset=[TIME])
        if not any_known(dated, _COST):
            return write_empty(axes, "no known cost")
        draw_stack(axes, unfinished, _make_layers(dated, by), every=every)
        set_linear(axes.yaxis, Unit.USD)
        return axes


@opens_paths("data")
def cost_ranking(
    data: Records,
    *,
    by: str = "model",
    tz: str = "UTC",
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the cost of each group as bars, the most expensive first, and the running total (Pareto).

    Bars and running total have the same scale.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: The column, or the derived key, whose values are ranked: a bar for each of the twelve most expensive, and
            one for all others.
        tz: The time zone of days and hours, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether the details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone.
    """
    costs = summarize(data, by=by, tz=tz, metrics=[EFFECTIVE_COST])
    costs = costs[np.isfinite(to_finite(costs[_COST]))]
    costs = costs.sort_values([_COST, "requests"], ascending=False, kind="stable")
    amounts = to_finite(costs[_COST])
    names = [shorten_group(group) for group in costs[by]]
    if len(names) > _MOST_ROWS + 1:
        rest = format_count(len(names) - _MOST_ROWS, "other")
        names, amounts = [*names[:_MOST_ROWS], rest], np.append(amounts[:_MOST_ROWS], amounts[_MOST_ROWS:].sum())
    with style_axes(ax, grid="x") as axes:
        write_title(
            axes,
            f"Cost by {name_subject(by)}, with its running share",
            [describe_basis(data, tz), _describe_unknown(data), _REFUNDED if (amounts < 0).any() else ""],
            title=title,
            subtitle=subtitle,
        )
        axes.set_xlabel(add_unit(EFFECTIVE_COST.label, Unit.USD))
        if not names:
            return write_empty(axes, "no known cost")
        rows = np.arange(len(names))
        colors = [GREY if place >= _MOST_ROWS else HUES[0] for place in rows]
        axes.barh(rows, amounts, height=0.7, color=colors)
        set_rows(axes, names, above=1.2)
        _draw_running_share(axes, amounts, choose_mark(costs, _COST))
        return axes


def _draw_running_share(ax: Axes, amounts: np.ndarray, mark: Callable[[str], str]) -> None:
    """Draw the running total over the bars, and write amounts and running shares to the right; no shares of refunds."""
    running, total = amounts.cumsum(), float(amounts.sum())
    least, most = min(0.0, float(amounts.min())), max(float(running.max()), 0.0)
    ax.set_xlim(1.02 * least, 1.02 * most or 1.0)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    set_linear(ax.xaxis, Unit.USD)
    decimals = count_decimals(ax.get_xticks())
    write_beside(ax, -0.85, "cost", indent=58, ha="right")
    for row, amount in enumerate(amounts):
        write_beside(ax, row, mark(format_value(amount, Unit.USD, decimals=decimals)), indent=58, ha="right")
    if total > 0 and least == 0:
        ax.plot(running, np.arange(len(amounts)), color=INK, marker="o", markersize=3.5, linewidth=1)
        write_beside(ax, -0.85, "running", indent=104, ha="right")
        for row, share in enumerate(running / total):
            write_beside(ax, row, format_value(share, Unit.SHARE), indent=104, ha="right")


def _describe_unknown(data: Records) -> str:
    return describe_unknown(int(summarize(data, metrics=["cost_unknown"])["cost_unknown"].iloc[0]))


def _make_layers(dated: pd.DataFrame, by: str) -> list[Layer]:
    """Return the cost per period of the five most expensive groups, and of all others together."""
    codes, groups = pd.factorize(dated[by], use_na_sentinel=False)
    amounts = np.nan_to_num(to_finite(dated[_COST]))  # a period without a known cost adds nothing
    most_expensive = np.argsort(-np.bincount(codes, weights=amounts, minlength=len(groups)), kind="stable")
    rank = np.empty(len(groups), dtype=int)
    rank[most_expensive] = np.arange(len(groups))
    layer = np.minimum(rank[codes], _MOST_LAYERS)
    table = pd.DataFrame({"time": dated[TIME], "layer": layer, "cost": amounts}).pivot_table(
        index="time", columns="layer", values="cost", aggfunc="sum", fill_value=0.0
    )
    names = [shorten_group(group) for group in groups[most_expensive[: _MOST_LAYERS + 1]]]
    if len(groups) > _MOST_LAYERS + 1:
        names[_MOST_LAYERS] = format_count(len(groups) - _MOST_LAYERS, "other")
    colors = (*HUES[:_MOST_LAYERS], GREY)
    return [Layer(names[place], colors[place], table[place].to_numpy()) for place in map(int, table.columns)]
