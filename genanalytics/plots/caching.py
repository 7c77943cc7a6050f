"""Charts of prompt caching: its savings and its costs."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from genanalytics.base.opening import opens_paths
from genanalytics.metrics import summarize
from genanalytics.metrics.declare import Statistic, name_limits
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.forms import total
from genanalytics.metrics.grouping.calendar import TIME, Period
from genanalytics.metrics.sets.caching import RATED_COST
from genanalytics.plots.axis import MoneyFormatter, count_decimals, set_linear, set_times
from genanalytics.plots.bars import find_periods
from genanalytics.plots.groups import (
    any_known,
    choose_mark,
    describe_basis,
    describe_hidden,
    describe_undated,
    describe_unknown,
    name_subject,
    shorten_group,
    to_finite,
)
from genanalytics.plots.palette import GAIN, GREY, LOSS
from genanalytics.plots.style import (
    INK,
    SMALL,
    draw_legend,
    set_rows,
    style_axes,
    write_beside,
    write_empty,
    write_title,
)
from genanalytics.units import GAP, Unit, format_count, format_value, mark_lower_bound, money_decimals

_NOTHING_REPORTED = "no discount reported"
_STEPS = ("cost_without_cache", "write_premium", "read_savings", "effective_cost")
_RATED = total(RATED_COST)
_MOST_ROWS = 12
_SMALLEST_DOT, _LARGEST_DOT = 18.0, 260.0
"""Areas, in square points; the smallest one is added to each."""


@opens_paths("data")
def cache_waterfall(
    data: Records, *, tz: str = "UTC", title: str | None = None, subtitle: bool = True, ax: Axes | None = None
) -> Axes:
    """Return axes with a waterfall from the cost without prompt caching, over premium and savings, to what was paid.

    What was paid is the cost: the bill, and for BYOK the provider's charge. The steps add up to it exactly. If the cost
    of some generations is not fully known, a step without a height says so, and both costs are lower bounds.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        tz: The time zone of the dates, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether the details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone.
    """
    summary = summarize(data, metrics=[*_STEPS, "cache_coverage", "cost_unknown"])
    sums = summary.iloc[0]
    known, unknown = sums["cache_coverage"], int(sums["cost_unknown"])
    details = [
        describe_basis(data, tz),
        "" if pd.isna(known) else f"a discount is reported for {format_value(known, Unit.SHARE)} of them",
        describe_unknown(unknown),
    ]
    with style_axes(ax) as axes:
        write_title(axes, "Costs and savings of prompt caching", details, title=title, subtitle=subtitle)
        axes.set_ylabel("cost (US$)")
        without, premium, saved, paid = map(float, to_finite(sums[list(_STEPS)]))
        if not np.isfinite([without, premium, saved]).all():
            return write_empty(axes, _NOTHING_REPORTED)
        left = without + premium - saved
        gap = _Bar(f"not known\n({format_count(unknown, 'generation')})", "", 0, left, INK)
        bars = [
            _Bar("without caching", _STEPS[0], without, 0, GREY),
            _Bar("write premium", _STEPS[1], premium, without, LOSS, "+"),
            _Bar("read savings", _STEPS[2], -saved, without + premium, GAIN, "−"),
            *([gap] if unknown else []),
            _Bar("paid", _STEPS[3], paid, 0, GREY),
        ]
        _draw_steps(axes, bars)
        decimals = count_decimals(axes.get_yticks())
        for place, bar in enumerate(bars):
            is_bound = unknown > 0 and bar.color == GREY  # the two costs
            mark = mark_lower_bound if is_bound else choose_mark(summary, bar.step)
            text = bar.write_amount(decimals, mark)
            axes.annotate(text, (place, bar.top), (0, 4), textcoords="offset points", ha="center")
        return axes


class _Bar(NamedTuple):
    """A step of the waterfall: its statistic, where it begins, and how far it goes; without a statistic, a gap."""

    label: str
    step: str
    height: float
    bottom: float
    color: str
    sign: str = ""

    @property
    def top(self) -> float:
        return self.bottom + max(float(np.nan_to_num(self.height)), 0.0)

    def write_amount(self, decimals: int, mark: Callable[[str], str]) -> str:
        """Return the amount with its sign, or with its mark: two signs in a row would not be read as a bound."""
        if not self.step:
            return "+ ?"
        amount = abs(self.height) if self.sign else self.height
        text = format_value(amount, Unit.USD, decimals=decimals if amount else None)
        marked = mark(text)
        return self.sign + text if amount and marked == text else marked


def _draw_steps(ax: Axes, bars: Sequence[_Bar]) -> None:
    """Draw the steps of a waterfall, and a line at the level from each to the next one."""
    places = np.arange(len(bars))
    heights, bottoms = np.nan_to_num([bar.height for bar in bars]), np.array([bar.bottom for bar in bars])
    ax.bar(places, heights, bottom=bottoms, width=0.6, color=[bar.color for bar in bars])
    levels = heights + bottoms
    for place, (bar, level) in enumerate(zip(bars[:-1], levels, strict=False)):
        ax.plot([place + 0.3, place + 0.7], [level, level], color=INK, linewidth=0.8)
        if not bar.step:  # it has no height
            ax.plot([place - 0.3, place + 0.3], [level, level], color=INK, linewidth=1.6, linestyle=":")
    ax.set_xticks(places, [bar.label for bar in bars])
    ax.tick_params(axis="x", length=0)
    lowest, highest = min(0.0, *levels), max(0.0, *levels)
    room = 0.08 * (highest - lowest) or 1.0  # for the amounts over the bars
    ax.set_ylim(lowest - room * (lowest < 0), highest + room)
    set_linear(ax.yaxis, Unit.USD)


@opens_paths("data")
def cache_savings_rate(
    data: Records,
    *,
    by: str = "model",
    tz: str = "UTC",
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the share of cost that caching saved, as a dot per group with its 95 % interval.

    The size of a dot is the cost without caching that the rate is a share of. The chart shows the twelve largest
    groups, the best rate first. A group without a reported discount has a text instead of a dot, since that is not a
    rate of 0.

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
    wanted: list[Statistic | str] = ["cache_savings_rate", "cost_without_cache", "cache_coverage", _RATED]
    rates = summarize(data, by=by, tz=tz, metrics=wanted, intervals=True)
    groups = len(rates)
    rates = rates.sort_values("cost_without_cache", ascending=False, kind="stable").head(_MOST_ROWS)
    rates = rates.sort_values("cache_savings_rate", ascending=False, kind="stable", na_position="last")
    with style_axes(ax, grid="x") as axes:
        rule = "dot: size is cost without caching, line: 95 % interval; BYOK and replayed left out"
        some = describe_hidden(len(rates), groups, "cost")
        write_title(
            axes,
            f"Share of cost that caching saved, by {name_subject(by)}",
            [describe_basis(data, tz), some, rule],
            title=title,
            subtitle=subtitle,
        )
        axes.set_xlabel("savings rate (of the cost without caching)")
        if not np.isfinite(to_finite(rates["cache_savings_rate"])).any():
            return write_empty(axes, _NOTHING_REPORTED)
        set_rows(axes, [shorten_group(group) for group in rates[by]])
        _draw_dots(axes, rates, choose_mark(rates, _RATED.name))
        set_linear(axes.xaxis, Unit.SHARE)
        return axes


def _draw_dots(ax: Axes, rates: pd.DataFrame, mark: Callable[[str], str]) -> None:
    """Draw a dot with its interval in each row, and write the cost that its rate is a share of to the right."""
    rate, spent = to_finite(rates["cache_savings_rate"]), to_finite(rates[_RATED.name])
    low, high = (to_finite(rates[limit]) for limit in name_limits("cache_savings_rate"))
    known = np.isfinite(rate)
    rows = np.arange(len(rates))
    colors = np.where(rate < 0, LOSS, GAIN)
    ax.hlines(rows[known], low[known], high[known], color="black", linewidth=1.4, zorder=4)
    size = np.nan_to_num(spent).clip(min=0)
    size = _SMALLEST_DOT + _LARGEST_DOT * size / (size.max() or 1.0)
    ax.scatter(rate[known], rows[known], s=size[known], color=colors[known], linewidth=0, alpha=0.6, zorder=3)
    left, right = ax.get_xlim()
    ax.set_xlim(min(left, 0 - 0.02 * (right - left)), right)
    ax.axvline(0, color=INK, linewidth=0.8)
    decimals = money_decimals(spent.tolist())
    for row in range(len(rates)):
        amount = format_value(spent[row], Unit.USD, decimals=decimals)
        write_beside(ax, row, "" if amount == GAP else f"of {mark(amount)}")
        if not known[row]:
            words = "only BYOK or replayed" if rates["cache_coverage"].iloc[row] > 0 else _NOTHING_REPORTED
            ax.annotate(words, (0, row), (6, 0), textcoords="offset points", va="center", fontsize=SMALL, color=INK)


@opens_paths("data")
def cache_payback(
    data: Records,
    *,
    by: str | None = None,
    every: Period = "day",
    tz: str = "UTC",
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the cumulative savings of prompt caching: above 0 it has paid back.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: None adds up over time. A column, such as `session_id`, adds up over its groups, the largest loss first: the
            line falls by all losses, then rises. Rows without a group are left out.
        every: The period, to add up over time: `minute`, `hour`, `day`, `week` or `month`.
        tz: The time zone, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether the details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone or period, or there are too many periods.
    """
    with style_axes(ax) as axes:
        axes.set_ylabel("cumulative cache savings (US$)")
        drawn = (
            _draw_over_time(axes, data, every, tz, title=title, subtitle=subtitle)
            if by is None
            else _draw_over_groups(axes, data, by, tz, title=title, subtitle=subtitle)
        )
        if not drawn:
            return write_empty(axes, _NOTHING_REPORTED)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.yaxis.set_major_formatter(MoneyFormatter())
        return axes


def _draw_over_time(ax: Axes, data: Records, every: Period, tz: str, *, title: str | None, subtitle: bool) -> bool:
    """Draw cumulative savings, premium and the net of both; return whether any is known."""
    sums = summarize(data, every=every, tz=tz, metrics=["read_savings", "write_premium", "net_cache_savings"])
    unfinished = find_periods(sums, every)
    details = [describe_basis(data, tz), "only generations with a reported discount", describe_undated(sums)]
    write_title(ax, "Cumulative savings of prompt caching", details, title=title, subtitle=subtitle)
    ax.set_xlabel(f"{every} ({tz})")
    dated = sums.dropna(subset=[TIME])
    if not any_known(dated, "net_cache_savings"):
        return False
    places, width = set_times(ax, pd.DatetimeIndex(unfinished.index), every)
    ends = np.concatenate([places, [places[-1] + width]])  # before the first period nothing was saved
    lines = (
        ("read savings", "read_savings", 1, GAIN, 1.2),
        ("write premium", "write_premium", -1, LOSS, 1.2),
        ("net", "net_cache_savings", 1, INK, 2.2),
    )
    for label, name, sign, color, linewidth in lines:
        running = np.concatenate([[0.0], (sign * np.nan_to_num(to_finite(dated[name]))).cumsum()])
        ax.plot(ends, running, color=color, linewidth=linewidth, label=label)
        if name == "net_cache_savings":
            _fill(ax, ends, running)
    handles, _ = ax.get_legend_handles_labels()
    draw_legend(ax, [handles[0], handles[2], handles[1]])
    ax.set_xlim(ends[0], ends[-1] - width / 100)  # no tick for the period after the last one
    return True


def _draw_over_groups(ax: Axes, data: Records, by: str, tz: str, *, title: str | None, subtitle: bool) -> bool:
    """Draw cumulative savings over groups, the largest loss first; return whether any is known."""
    groups = summarize(data, by=by, tz=tz, metrics=["net_cache_savings"])
    outside = int(groups["requests"][groups[by].isna()].sum())
    groups = groups.dropna(subset=[by])
    known = to_finite(groups["net_cache_savings"])
    saved = np.sort(known[np.isfinite(known)])
    noun = name_subject(by)
    lost = saved[saved < 0]
    decimals = money_decimals([float(lost.sum()), float(saved.sum())])
    loss, net = (format_value(float(amount), Unit.USD, decimals=decimals) for amount in (-lost.sum(), saved.sum()))
    result = f"caching lost {loss} in {len(lost):,} of {format_count(len(saved), noun)}; net {net}"
    unknown = len(groups) - len(saved)
    without = [
        f"{_NOTHING_REPORTED} for {unknown:,} more" if unknown else "",
        f"{format_count(outside, 'generation')} without a {noun} left out" if outside else "",
    ]
    write_title(
        ax,
        f"Cumulative savings of prompt caching, by {noun}",
        [describe_basis(data, tz), result, *without],
        title=title,
        subtitle=subtitle,
    )
    ax.set_xlabel(f"{noun}s, the largest loss first")
    if not len(saved):
        return False
    places, running = np.arange(len(saved) + 1), np.concatenate([[0.0], saved.cumsum()])
    ax.plot(places, running, color=INK, linewidth=2.2)
    _fill(ax, places, running)
    ax.set_xlim(0, len(saved))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    set_linear(ax.xaxis, Unit.COUNT)
    return True


def _fill(ax: Axes, places: np.ndarray, running: np.ndarray) -> None:
    """Fill between a line and 0, in one color above 0 and another below."""
    for color, where in ((GAIN, running >= 0), (LOSS, running <= 0)):
        ax.fill_between(places, running, where=where.tolist(), interpolate=True, color=color, alpha=0.25, linewidth=0)
