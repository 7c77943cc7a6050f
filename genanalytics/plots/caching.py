"""Charts of prompt caching: its costs and savings, and its savings rate by group."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from genanalytics.base.opening import opens_paths
from genanalytics.metrics import summarize
from genanalytics.metrics.declare import Statistic, name_limits
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.forms import total
from genanalytics.metrics.sets.caching import RATED_COST
from genanalytics.plots.axis import count_decimals, set_linear
from genanalytics.plots.content import add_value
from genanalytics.plots.groups import (
    check_top,
    choose_mark,
    describe_basis,
    describe_hidden,
    describe_unknown,
    name_subject,
    shorten_group,
    to_finite,
)
from genanalytics.plots.palette import GAIN, GREY, LOSS, choose_colors, find_look
from genanalytics.plots.room import measure_cell
from genanalytics.plots.style import SMALL, set_rows, style_axes, write_at_right, write_empty, write_title
from genanalytics.units import GAP, Unit, format_count, format_value, mark_lower_bound, money_decimals

NOTHING_REPORTED = "no discount reported"
"""The text of an empty chart."""
_STEPS = ("cost_without_cache", "write_premium", "read_savings", "effective_cost")
_RATED = total(RATED_COST)
_NARROW, _LARGE = 420.0, 100.0
"""Narrower charts, in points, have no amounts at the axis, and amounts from here on have no cents."""
_SMALLEST_DOT, _LARGEST_DOT = 18.0, 260.0
"""Areas, in square points; the smallest one is added to each."""
_MARGIN = 0.06
"""The room of half a dot at the ends of the axis, as a share of its length."""


@opens_paths("data")
def cache_waterfall(
    data: Records, *, tz: str = "UTC", title: str | None = None, subtitle: bool = True, ax: Axes | None = None
) -> Axes:
    """Return axes with a waterfall: the cost without prompt caching, write premium, read savings, and what was paid.

    What was paid is the cost: the bill, and for BYOK the provider's charge. The steps add up to it exactly. If the cost
    of some generations is not fully known, a step without a height says so, and both costs are lower bounds.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        tz: The time zone of the dates, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
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
        "" if pd.isna(known) else f"a discount is reported for {format_value(known, Unit.SHARE)} of the generations",
        describe_unknown(unknown),
    ]
    with style_axes(ax) as axes:
        write_title(axes, "Costs and savings of prompt caching", details, title=title, subtitle=subtitle)
        axes.set_ylabel("cost (US$)")
        without, premium, saved, paid = map(float, to_finite(sums[list(_STEPS)]))
        if not np.isfinite([without, premium, saved]).all():
            return write_empty(axes, NOTHING_REPORTED)
        left = without + premium - saved
        gap = _Bar(f"not known\n({unknown:,})", "", 0, left, find_look(axes).soft)
        bars = [
            _Bar("without\ncaching", _STEPS[0], without, 0, GREY),
            _Bar("write\npremium", _STEPS[1], premium, without, LOSS, "+"),
            _Bar("read\nsavings", _STEPS[2], -saved, without + premium, GAIN, "−"),
            *([gap] if unknown else []),
            _Bar("paid", _STEPS[3], paid, 0, GREY),
        ]
        _draw_steps(axes, bars)
        is_narrow = measure_cell(axes)[0] < _NARROW
        if is_narrow:  # the amounts are over the bars
            axes.tick_params(axis="y", labelleft=False, left=False)
        decimals = 0 if is_narrow and max(bar.top for bar in bars) >= _LARGE else count_decimals(axes.get_yticks())
        for place, bar in enumerate(bars):
            is_bound = unknown > 0 and bar.color == GREY  # the two costs
            mark = mark_lower_bound if is_bound else choose_mark(summary, bar.step)
            text = bar.write_amount(decimals, mark)
            axes.annotate(text, (place, bar.top), (0, 3), textcoords="offset points", ha="center", fontsize=SMALL)
            add_value(axes, f"{' '.join(bar.label.split())}: {text}", (place - 0.5, place + 0.5), axes.get_ylim())
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
    levels, ink = heights + bottoms, find_look(ax).soft
    for place, (bar, level) in enumerate(zip(bars[:-1], levels, strict=False)):
        ax.plot([place + 0.3, place + 0.7], [level, level], color=ink, linewidth=0.8)
        if not bar.step:  # it has no height
            ax.plot([place - 0.3, place + 0.3], [level, level], color=ink, linewidth=1.6, linestyle=":")
    ax.set_xticks(places, [bar.label for bar in bars], fontsize=SMALL)
    ax.tick_params(axis="x", length=0)
    lowest, highest = min(0.0, *levels), max(0.0, *levels)
    room = 0.12 * (highest - lowest) or 1.0  # for the amounts over the bars
    ax.set_ylim(lowest - room * (lowest < 0), highest + room)
    set_linear(ax.yaxis, Unit.USD)


@opens_paths("data")
def cache_savings_rate(
    data: Records,
    *,
    by: str = "model",
    tz: str = "UTC",
    top: int = 12,
    colors: Mapping[Any, str] | None = None,
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the share of cost that caching saved, as a dot per group with its 95 % interval.

    The size of a dot is the cost without caching that the rate is a share of. The best rate is first. Groups without a
    reported discount have no rate; the details count them.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: The column, or the derived key, whose values are compared.
        tz: The time zone of days and hours, by its IANA name.
        top: The number of groups with a row: those with the largest cost without caching.
        colors: The colors of groups; None for one color, red for losses.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone or color, or `top` is below 1.
    """
    wanted: list[Statistic | str] = ["cache_savings_rate", "cost_without_cache", "cache_coverage", _RATED]
    groups = summarize(data, by=by, tz=tz, metrics=wanted, intervals=True)
    known = groups[np.isfinite(to_finite(groups["cache_savings_rate"]))]
    rates = known.sort_values("cost_without_cache", ascending=False, kind="stable").head(check_top(top))
    rates = rates.sort_values("cache_savings_rate", ascending=False, kind="stable")
    with style_axes(ax, grid="x") as axes:
        details = [
            describe_basis(data, tz),
            describe_hidden(len(rates), len(known), "cost"),
            *_describe_without(groups, name_subject(by)),
            "size: cost without caching; line: 95 % interval; BYOK and replayed left out",
        ]
        subject = f"Share of cost that caching saved, by {name_subject(by)}"
        write_title(axes, subject, details, title=title, subtitle=subtitle)
        axes.set_xlabel("savings rate (of the cost without caching)")
        if rates.empty:
            return write_empty(axes, NOTHING_REPORTED)
        set_rows(axes, [shorten_group(group) for group in rates[by]])
        _draw_dots(axes, rates, choose_colors(list(rates[by]), colors) if colors else None)
        _write_costs(axes, rates, by)
        set_linear(axes.xaxis, Unit.SHARE)
        return axes


def _describe_without(groups: pd.DataFrame, noun: str) -> list[str]:
    """Return how many groups have no rate, and why."""
    without = groups[~np.isfinite(to_finite(groups["cache_savings_rate"]))]
    only_own = to_finite(without["cache_coverage"]) > 0
    reasons = ((NOTHING_REPORTED, int((~only_own).sum())), ("only BYOK or replayed", int(only_own.sum())))
    return [f"{reason} for {format_count(number, noun)}" for reason, number in reasons if number]


def _draw_dots(ax: Axes, rates: pd.DataFrame, colors: Sequence[str] | None) -> None:
    """Draw a dot with its interval in each row."""
    rate, spent = to_finite(rates["cache_savings_rate"]), to_finite(rates[_RATED.name])
    low, high = (to_finite(rates[limit]) for limit in name_limits("cache_savings_rate"))
    rows, look = np.arange(len(rates)), find_look(ax)
    hues = colors or np.where(rate < 0, LOSS, GAIN).tolist()
    ax.hlines(rows, low, high, color=look.ink, linewidth=1.4, zorder=4)
    size = np.nan_to_num(spent).clip(min=0)
    size = _SMALLEST_DOT + _LARGEST_DOT * size / (size.max() or 1.0)
    ax.scatter(rate, rows, s=size, color=hues, linewidth=0, zorder=3)
    left, right = (each(0.0, *ax.dataLim.intervalx) for each in (min, max))
    room = _MARGIN * ((right - left) or 1.0)
    ax.set_xlim(left - (room if left < 0 else room / 3), right + room)
    ax.axvline(0, color=look.soft, linewidth=0.8)


def _write_costs(ax: Axes, rates: pd.DataFrame, by: str) -> None:
    """Write the cost that each rate is a share of to the right of its row."""
    mark, amounts = choose_mark(rates, _RATED.name), to_finite(rates[_RATED.name]).tolist()
    decimals = money_decimals(amounts)
    shares = rates["cache_savings_rate"]
    for row, (group, amount, share) in enumerate(zip(rates[by], amounts, shares, strict=True)):
        text = format_value(amount, Unit.USD, decimals=decimals)
        of_cost = "" if text == GAP else f"of {mark(text)}"
        write_at_right(ax, row, of_cost)
        saved = f"{shorten_group(group)}: {format_value(share, Unit.SHARE)} saved {of_cost}".rstrip()
        add_value(ax, saved, ax.get_xlim(), (row - 0.5, row + 0.5))
