"""Charts of cost."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from genanalytics.metrics import EFFECTIVE_COST, summarize
from genanalytics.metrics.grouping.keys import TIME
from genanalytics.plots.axis import decimals_of, label_of, linear
from genanalytics.plots.bars import Layer, stack, stretches
from genanalytics.plots.groups import any_known, name_of, numbers, rests_on, subject, undated
from genanalytics.plots.style import GREY, HUES, INK, beside, labelled_empty, rowed, styled, titled
from genanalytics.units import Unit, counted, write

_COST = EFFECTIVE_COST.name
_MOST_ROWS = 12


def cost_over_time(
    data: object, *, by: str = "model", every: str = "day", tz: str = "UTC", ax: Axes | None = None
) -> Axes:
    """Return axes with the effective cost of each stretch of time as stacked bars, the five dearest groups apart.

    A bar stands at the start of its stretch; one that may still grow is hatched.

    Args:
        data: What `summarize` takes: a frame as `fetch` returns it, a DuckDB relation, a Spark data frame.
        by: The key whose values are stacked: a column, or what `summarize` derives from one.
        every: The stretch of time: `minute`, `hour`, `day`, `week` or `month`.
        tz: The zone of these, by its IANA name.
        ax: Where to draw; a new figure without it.

    Raises:
        MissingColumnError: The data lacks a column that is needed.
        InputError: There is no such zone or stretch of time, or there are too many stretches to tell bars apart.
    """
    costs = summarize(data, by=by, every=every, tz=tz, metrics=[EFFECTIVE_COST])
    unfinished = stretches(costs, every)
    with styled(ax) as axes:
        titled(
            axes,
            f"Cost per {every} by {subject(by)}",
            [rests_on(data, tz), _unknown(data), undated(costs)],
        )
        axes.set_ylabel(label_of(EFFECTIVE_COST))
        axes.set_xlabel(f"{every} ({tz})")
        if unfinished.empty:
            return labelled_empty(axes, "no dated generation")
        dated = costs.dropna(subset=[TIME])
        if not any_known(dated, _COST):
            return labelled_empty(axes, "no known cost")
        stack(axes, unfinished, _layers(dated, by), every=every, tz=tz)
        linear(axes.yaxis, Unit.USD)
        return axes


def cost_ranking(data: object, *, by: str = "model", tz: str = "UTC", ax: Axes | None = None) -> Axes:
    """Return axes with the cost of each group as bars, the dearest first, and the running share of the total (Pareto).

    Bars and running share have one scale: the line ends where the total is.

    Args:
        data: What `summarize` takes.
        by: The key whose values are ranked; the twelve dearest have a bar each, the others one together.
        tz: The zone of the period and of keys that are derived from moments.
        ax: Where to draw; a new figure without it.

    Raises:
        MissingColumnError: The data lacks a column that is needed.
        InputError: There is no such zone.
    """
    costs = summarize(data, by=by, tz=tz, metrics=[EFFECTIVE_COST])
    costs = costs[np.isfinite(numbers(costs[_COST]))]
    costs = costs.sort_values([_COST, "requests"], ascending=False, kind="stable")
    amounts = numbers(costs[_COST])
    names = [name_of(group) for group in costs[by]]
    if len(names) > _MOST_ROWS + 1:
        rest = counted(len(names) - _MOST_ROWS, "other")
        names, amounts = [*names[:_MOST_ROWS], rest], np.append(amounts[:_MOST_ROWS], amounts[_MOST_ROWS:].sum())
    with styled(ax, grid="x") as axes:
        titled(axes, f"Cost by {subject(by)}, with its running share", [rests_on(data, tz), _unknown(data)], room=0.72)
        axes.set_xlabel(label_of(EFFECTIVE_COST))
        if not names:
            return labelled_empty(axes, "no known cost")
        rows = np.arange(len(names))
        colours = [GREY if place >= _MOST_ROWS else HUES[0] for place in rows]
        axes.barh(rows, amounts, height=0.7, color=colours)
        rowed(axes, names, above=1.2)
        _running_share(axes, amounts)
        return axes


def _running_share(ax: Axes, amounts: np.ndarray) -> None:
    """Draw the running total over the bars, and write amounts and running shares behind them."""
    running, total = amounts.cumsum(), float(amounts.sum())
    least, most = min(0.0, float(amounts.min())), max(float(running.max()), 0.0)
    ax.set_xlim(1.02 * least, 1.02 * most or 1.0)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    linear(ax.xaxis, Unit.USD)
    decimals = decimals_of(ax.get_xticks())
    beside(ax, -0.85, "cost", indent=58, ha="right")
    for row, amount in enumerate(amounts):
        beside(ax, row, write(amount, Unit.USD, decimals=decimals), indent=58, ha="right")
    if total > 0:
        ax.plot(running, np.arange(len(amounts)), color=INK, marker="o", markersize=3.5, linewidth=1)
        beside(ax, -0.85, "running", indent=104, ha="right")
        for row, share in enumerate(running / total):
            beside(ax, row, write(share, Unit.SHARE), indent=104, ha="right")


def _unknown(data: object) -> str:
    """Return how many generations a cost lacks; "" for none."""
    number = int(summarize(data, metrics=["cost_unknown"])["cost_unknown"].iloc[0])
    return f"a lower bound: cost not known in full for {number:,}" if number else ""


def _layers(dated: pd.DataFrame, by: str) -> list[Layer]:
    """Return the heights of the five dearest groups and of the others together, one per stretch of time."""
    codes, groups = pd.factorize(dated[by], use_na_sentinel=False)
    amounts = np.nan_to_num(numbers(dated[_COST]))  # a stretch in which a group has no known cost adds nothing
    dearest = np.argsort(-np.bincount(codes, weights=amounts, minlength=len(groups)), kind="stable")
    rank = np.empty(len(groups), dtype=int)
    rank[dearest] = np.arange(len(groups))
    layer = np.minimum(rank[codes], len(HUES))
    table = pd.DataFrame({"time": dated[TIME], "layer": layer, "cost": amounts}).pivot_table(
        index="time", columns="layer", values="cost", aggfunc="sum", fill_value=0.0
    )
    names = [name_of(group) for group in groups[dearest[: len(HUES) + 1]]]
    if len(groups) > len(HUES) + 1:
        names[len(HUES)] = counted(len(groups) - len(HUES), "other")
    colours = (*HUES, GREY)
    return [Layer(names[place], colours[place], table[place].to_numpy()) for place in map(int, table.columns)]
