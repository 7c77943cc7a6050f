"""Charts of cost."""

import math

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter

from genanalytics.metrics import EFFECTIVE_COST, summarize
from genanalytics.plots.style import GREY, HUES, styled, titled
from genanalytics.units import Unit, counted, write

_FEW_DAYS = 7
"""So many days and fewer each have a tick; a locator of dates would divide them into hours."""


def cost_over_time(frame: pd.DataFrame, *, by: str = "model", ax: Axes | None = None) -> Axes:
    """Return axes with the effective cost of each UTC day as stacked bars, the five most expensive groups apart.

    Args:
        frame: A frame as `fetch` returns it.
        by: The column whose values are stacked.
        ax: Where to draw; a new figure without it.

    Raises:
        MissingColumnError: The frame lacks a column that is needed.
    """
    labels, table = _stacks(summarize(frame, by=["day", by], metrics=[EFFECTIVE_COST]), by)
    with styled(ax) as axes:
        detail = f"US$, {counted(len(frame), 'generation')}, days in UTC"
        titled(axes, f"Cost per day by {by.replace('_', ' ')}", detail)
        axes.set_ylabel(f"{EFFECTIVE_COST.label} ({EFFECTIVE_COST.unit})")
        if table.empty:
            axes.text(0.5, 0.5, "no dated generation", transform=axes.transAxes, ha="center", color=GREY)
            return axes
        above, below = np.zeros(len(table)), np.zeros(len(table))  # a refund hangs below the axis
        for label, colour, (_, heights) in zip(labels, (*HUES, GREY), table.items(), strict=False):
            costs = heights.to_numpy()
            base = np.where(costs < 0, below, above)
            axes.bar(table.index.to_numpy(), costs, bottom=base, width=0.8, color=colour, label=label)
            above, below = above + costs.clip(min=0), below + costs.clip(max=0)
        half = pd.Timedelta(hours=15)  # of a day and its gap: a tick beyond the last bar would name a month without one
        axes.set_xlim(table.index[0] - half, table.index[-1] + half)
        decimals = _decimals_of(axes.get_yticks())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda usd, _: write(usd, Unit.USD, decimals=decimals)))
        days = [float(mdates.date2num(day)) for day in table.index]  # type: ignore[no-untyped-call]
        auto = mdates.AutoDateLocator(minticks=3, maxticks=12)  # type: ignore[no-untyped-call]
        locator = FixedLocator(days) if len(days) <= _FEW_DAYS else auto
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        axes.set_xlabel("day (UTC)")
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
        return axes


def _decimals_of(ticks: np.ndarray) -> int:
    """Return how many decimals of a dollar tell the ticks of an axis apart, from cents to micro-dollars."""
    step = float(ticks[1] - ticks[0])
    return next((places for places in range(2, 6) if math.isclose(round(step, places), step)), 6)


def _stacks(costs: pd.DataFrame, by: str) -> tuple[list[str], pd.DataFrame]:
    """Return the labels of the stacks, the most expensive first, the rest last, and their costs for every day."""
    dated = costs.dropna(subset=["day"])
    codes, groups = pd.factorize(dated[by], use_na_sentinel=False)
    # a day on which a group has no known cost adds nothing to its bar
    amounts = dated["effective_cost"].astype("Float64").fillna(0.0).to_numpy(dtype=float)
    dearest = np.argsort(-np.bincount(codes, weights=amounts, minlength=len(groups)), kind="stable")
    rank = np.empty(len(groups), dtype=int)
    rank[dearest] = np.arange(len(groups))
    parts = pd.DataFrame(
        {"day": dated["day"].dt.tz_localize(None), "stack": np.minimum(rank[codes], len(HUES)), "cost": amounts}
    )
    table = parts.pivot_table(index="day", columns="stack", values="cost", aggfunc="sum", fill_value=0.0)
    if not table.empty:
        table = table.reindex(pd.date_range(table.index.min(), table.index.max(), freq="D"), fill_value=0.0)
    names = ["not given" if pd.isna(group) else str(group) for group in groups[dearest[: len(HUES)]]]
    return [*names, "other"], table
