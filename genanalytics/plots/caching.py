"""Charts of what prompt caching saved and cost."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from genanalytics.metrics import summarize
from genanalytics.metrics.grouping.keys import TIME
from genanalytics.plots.axis import MoneyFormatter, decimals_of, linear, timed, width_of
from genanalytics.plots.bars import stretches
from genanalytics.plots.groups import any_known, hidden, name_of, numbers, rests_on, subject, undated
from genanalytics.plots.style import GAIN, GREY, INK, LOSS, SMALL, beside, keyed, labelled_empty, rowed, styled, titled
from genanalytics.units import NOTHING, Unit, counted, money_decimals, write

_NOTHING_REPORTED = "no discount reported"
_STEPS = ("cost_without_cache", "write_premium", "read_savings", "billed_cost")
_MOST_ROWS = 12
_SMALLEST_DOT, _LARGEST_DOT = 18.0, 260.0
"""Areas, in square points: the smallest is added to that of each."""


def cache_waterfall(data: object, *, tz: str = "UTC", ax: Axes | None = None) -> Axes:
    """Return axes with the way from the cost without prompt caching, over write premium and read savings, to the bill.

    Args:
        data: What `summarize` takes.
        tz: The zone of the period.
        ax: Where to draw; a new figure without it.

    Raises:
        MissingColumnError: The data lacks a column that is needed.
        InputError: There is no such zone.
    """
    sums = summarize(data, metrics=[*_STEPS, "cache_coverage"]).iloc[0]
    with styled(ax) as axes:
        titled(axes, "What prompt caching cost and saved", [rests_on(data, tz), _reported(sums)])
        axes.set_ylabel("cost (US$)")
        without, premium, saved, paid = map(float, numbers(sums[list(_STEPS)]))
        if not np.isfinite([without, premium, saved, paid]).all():
            return labelled_empty(axes, _NOTHING_REPORTED)
        places, colours = np.arange(len(_STEPS)), (GREY, LOSS, GAIN, GREY)
        heights, bottoms = (without, premium, -saved, paid), (0, without, without + premium, 0)
        axes.bar(places, heights, bottom=bottoms, width=0.6, color=colours)
        levels = (without, without + premium, without + premium - saved)
        for place, level in enumerate(levels):
            axes.plot([place + 0.3, place + 0.7], [level, level], color=INK, linewidth=0.8)
        axes.set_xticks(places, ["without caching", "write premium", "read savings", "billed"])
        axes.tick_params(axis="x", length=0)
        lowest, highest = min(0.0, paid, *levels), max(0.0, paid, *levels)
        room = 0.08 * (highest - lowest) or 1.0  # for the amounts over the bars
        axes.set_ylim(lowest - room * (lowest < 0), highest + room)
        linear(axes.yaxis, Unit.USD)
        decimals = decimals_of(axes.get_yticks())
        for place, (amount, sign) in enumerate(zip((without, premium, saved, paid), ("", "+", "−", ""), strict=True)):
            text = sign + write(amount, Unit.USD, decimals=decimals) if amount else write(0, Unit.USD)
            top = max(heights[place], 0) + bottoms[place]
            axes.annotate(text, (place, top), (0, 4), textcoords="offset points", ha="center")
        return axes


def cache_savings_rate(data: object, *, by: str = "model", tz: str = "UTC", ax: Axes | None = None) -> Axes:
    """Return axes with the share of cost that caching saved, as a dot per group with its 95 % interval.

    The size of a dot is the cost without caching. The twelve groups of the largest are shown, best rate first; where no
    discount is reported stands that in words, since it is not a rate of 0.

    Args:
        data: What `summarize` takes.
        by: The key whose values are compared.
        tz: The zone of the period and of keys that are derived from moments.
        ax: Where to draw; a new figure without it.

    Raises:
        MissingColumnError: The data lacks a column that is needed.
        InputError: There is no such zone.
    """
    wanted = ["cache_savings_rate", "cost_without_cache", "cache_coverage"]
    rates = summarize(data, by=by, tz=tz, metrics=wanted, intervals=True)
    groups = len(rates)
    rates = rates.sort_values("cost_without_cache", ascending=False, kind="stable").head(_MOST_ROWS)
    rates = rates.sort_values("cache_savings_rate", ascending=False, kind="stable", na_position="last")
    with styled(ax, grid="x") as axes:
        rule = "dot: size is cost without caching, line: 95 % interval; BYOK and replayed left out"
        some = hidden(len(rates), groups, "cost")
        titled(axes, f"Share of cost that caching saved, by {subject(by)}", [rests_on(data, tz), some, rule], room=0.72)
        axes.set_xlabel("savings rate (of the cost without caching)")
        if not np.isfinite(numbers(rates["cache_savings_rate"])).any():
            return labelled_empty(axes, _NOTHING_REPORTED)
        rowed(axes, [name_of(group) for group in rates[by]])
        _dots(axes, rates)
        linear(axes.xaxis, Unit.SHARE)
        return axes


def _dots(ax: Axes, rates: pd.DataFrame) -> None:
    """Draw a dot with its interval in each row, and write behind it how much it rests on."""
    rate, spent = numbers(rates["cache_savings_rate"]), numbers(rates["cost_without_cache"])
    low, high = numbers(rates["cache_savings_rate_low"]), numbers(rates["cache_savings_rate_high"])
    known = np.isfinite(rate)
    rows = np.arange(len(rates))
    colours = np.where(rate < 0, LOSS, GAIN)
    ax.hlines(rows[known], low[known], high[known], color="black", linewidth=1.4, zorder=4)
    size = np.nan_to_num(spent).clip(min=0)
    size = _SMALLEST_DOT + _LARGEST_DOT * size / (size.max() or 1.0)
    ax.scatter(rate[known], rows[known], s=size[known], color=colours[known], linewidth=0, alpha=0.6, zorder=3)
    left, right = ax.get_xlim()
    ax.set_xlim(min(left, 0 - 0.02 * (right - left)), right)
    ax.axvline(0, color=INK, linewidth=0.8)
    decimals = money_decimals(spent.tolist())
    for row in range(len(rates)):
        amount = write(None if np.isnan(spent[row]) else float(spent[row]), Unit.USD, decimals=decimals)
        text = "" if amount == NOTHING else f"of {amount}"
        beside(ax, row, text)
        if not known[row]:
            words = "BYOK or replayed alone" if rates["cache_coverage"].iloc[row] > 0 else _NOTHING_REPORTED
            ax.annotate(words, (0, row), (6, 0), textcoords="offset points", va="center", fontsize=SMALL, color=INK)


def cache_payback(
    data: object, *, by: str | None = None, every: str = "day", tz: str = "UTC", ax: Axes | None = None
) -> Axes:
    """Return axes with the cumulative savings of prompt caching: they pay back where the line is above 0.

    Args:
        data: What `summarize` takes.
        by: None adds up over time. A key, such as `session_id`, adds up over its groups instead, those that caching
            cost most first: the line falls as far as caching loses and rises after. What has no group is left out.
        every: The stretch of time, where it adds up over time: `minute`, `hour`, `day`, `week` or `month`.
        tz: The zone of these, by its IANA name.
        ax: Where to draw; a new figure without it.

    Raises:
        MissingColumnError: The data lacks a column that is needed.
        InputError: There is no such zone or stretch of time, or there are too many stretches.
    """
    with styled(ax) as axes:
        axes.set_ylabel("cumulative cache savings (US$)")
        drawn = _over_time(axes, data, every, tz) if by is None else _over_groups(axes, data, by, tz)
        if not drawn:
            return labelled_empty(axes, _NOTHING_REPORTED)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.yaxis.set_major_formatter(MoneyFormatter())
        return axes


def _over_time(ax: Axes, data: object, every: str, tz: str) -> bool:
    """Draw savings, premium and what is left of both as they add up; return whether there is anything to draw."""
    sums = summarize(data, every=every, tz=tz, metrics=["read_savings", "write_premium", "net_cache_savings"])
    unfinished = stretches(sums, every)
    details = [rests_on(data, tz), "without the generations that report no discount", undated(sums)]
    titled(ax, "Cumulative savings of prompt caching", details)
    ax.set_xlabel(f"{every} ({tz})")
    dated = sums.dropna(subset=[TIME])
    if not any_known(dated, "net_cache_savings"):
        return False
    places = timed(ax, pd.DatetimeIndex(unfinished.index), every, tz)
    width = width_of(places, every)
    ends = np.concatenate([places, [places[-1] + width]])  # nothing was saved before the first stretch
    lines = (
        ("read savings", "read_savings", 1, GAIN, 1.2),
        ("write premium", "write_premium", -1, LOSS, 1.2),
        ("net", "net_cache_savings", 1, INK, 2.2),
    )
    for label, name, sign, colour, linewidth in lines:
        running = np.concatenate([[0.0], (sign * np.nan_to_num(numbers(dated[name]))).cumsum()])
        ax.plot(ends, running, color=colour, linewidth=linewidth, label=label)
        if name == "net_cache_savings":
            _filled(ax, ends, running)
    handles, _ = ax.get_legend_handles_labels()
    keyed(ax, [handles[0], handles[2], handles[1]])
    ax.set_xlim(ends[0], ends[-1] - width / 100)  # the tick of a stretch that is not there is not shown
    return True


def _over_groups(ax: Axes, data: object, by: str, tz: str) -> bool:
    """Draw savings as they add up over groups, the worst first; return whether there is anything to draw."""
    groups = summarize(data, by=by, tz=tz, metrics=["net_cache_savings"])
    outside = int(groups["requests"][groups[by].isna()].sum())
    groups = groups.dropna(subset=[by])
    known = numbers(groups["net_cache_savings"])
    saved = np.sort(known[np.isfinite(known)])
    noun = subject(by)
    lost = saved[saved < 0]
    decimals = money_decimals([float(lost.sum()), float(saved.sum())])
    amounts = [write(float(part.sum()), Unit.USD, decimals=decimals) for part in (lost, saved)]
    told = (
        f"{len(lost):,} of {counted(len(saved), noun)} with caching lost by it, {amounts[0]} together; net {amounts[1]}"
    )
    silent = len(groups) - len(saved)
    without = [
        f"{_NOTHING_REPORTED} for {silent:,} more" if silent else "",
        f"{counted(outside, 'generation')} without a {noun} left out" if outside else "",
    ]
    titled(ax, f"Cumulative savings of prompt caching, by {noun}", [rests_on(data, tz), told, *without])
    ax.set_xlabel(f"{noun}s, those that lost most first")
    if not len(saved):
        return False
    places, running = np.arange(len(saved) + 1), np.concatenate([[0.0], saved.cumsum()])
    ax.plot(places, running, color=INK, linewidth=2.2)
    _filled(ax, places, running)
    ax.set_xlim(0, len(saved))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    linear(ax.xaxis, Unit.COUNT)
    return True


def _filled(ax: Axes, places: np.ndarray, running: np.ndarray) -> None:
    """Fill between a line and 0: in one colour where it is above, in another where it is below."""
    for colour, where in ((GAIN, running >= 0), (LOSS, running <= 0)):
        ax.fill_between(places, running, where=where.tolist(), interpolate=True, color=colour, alpha=0.25, linewidth=0)


def _reported(sums: "pd.Series[Any]") -> str:
    coverage = sums["cache_coverage"]
    return "" if pd.isna(coverage) else f"a discount is reported for {write(float(coverage), Unit.SHARE)} of them"
