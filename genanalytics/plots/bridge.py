"""The chart of what changed the cost from one period to another."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from genanalytics.base.opening import opens_paths
from genanalytics.bill.items import add_items
from genanalytics.decide.mix.causes import describe_difference, list_causes
from genanalytics.decide.mix.cost_change import cost_change
from genanalytics.decide.mix.two_periods import Every, Periods, choose_periods, measure_length
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import find_zone
from genanalytics.plots.axis import add_unit, fit_ticks, set_linear
from genanalytics.plots.content import add_rows, add_series
from genanalytics.plots.groups import describe_basis
from genanalytics.plots.palette import GAIN, GREY, LOSS, find_look
from genanalytics.plots.room import measure_cell, measure_text
from genanalytics.plots.style import SMALL, draw_legend, set_rows, style_axes, write_empty, write_title
from genanalytics.units import Unit, format_change, format_count, format_value, mark_lower_bound, money_decimals

_ZOOMED = 0.35
"""If all levels of the bridge are within this share of the highest, the axis does not begin at 0."""
_SIDES = ("before", "after")
_HEIGHT = 0.6
_AXES = 0.65
"""The share of the width that the axes have next to the names of rows."""


@opens_paths("data", "against")
def cost_bridge(
    data: Records,
    *,
    against: Records | None = None,
    every: Every | None = None,
    days: tuple[float, float] | None = None,
    change: pd.DataFrame | None = None,
    tz: str = "UTC",
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with a bridge: the cost of a period, what changed it, and the cost of the next one.

    The steps are the effects that `cost_change` computes: requests, mix, tokens, prices, caching. They add up to the
    change exactly; those below 1 % of all effects are one step. If costs are unknown, a step without a length says so,
    and both costs are lower bounds. If the steps are small against the costs, the axis does not begin at 0; the costs
    are marks instead of bars then.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        against: The records of the earlier period. None compares the last full period of `data` with the one before
            it, per day if their lengths differ.
        every: The period if `against` is None: `week` or `month`; None for months, or for weeks if there are no two
            months.
        days: The lengths of both periods in days, the earlier one first, to get amounts per day; None for whole
            amounts. Only with `against`.
        change: The result of `ga.cost_change` of both periods with the same `days`; None to compute it. Only with
            `against`.
        tz: The time zone of days, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone, or a length is not positive.
    """
    find_zone(tz)
    sides, refusal = _choose_sides(data, against, every, days, tz)
    with style_axes(ax, grid="x") as axes:
        axes.set_xlabel(add_unit("cost", Unit.USD))
        subject = "What changed the cost"
        if sides is None:
            write_title(axes, subject, [describe_basis(data, tz)], title=title, subtitle=subtitle)
            return write_empty(axes, refusal)
        found = change
        if found is None or against is None:
            found = cost_change(sides.before, sides.after, by=None, days=sides.days, tz=tz)
        total = found.attrs["total"]
        lost = [name for side, name in zip(_SIDES, sides.names, strict=True) if total[side] is None]
        steps = [] if lost else [*_list_steps(total, sides.names)]
        begin = _find_begin(steps)
        cut = f"the axis begins at {format_value(begin, Unit.USD)}" if begin else ""
        details = [_describe_change(total, sides), cut, *sides.notes]
        write_title(axes, subject, details, title=title, subtitle=subtitle)
        if lost:
            return write_empty(axes, f"no cost of {lost[0]} is known")
        if sides.days is not None:
            axes.set_xlabel("cost per day (US$)")
        _draw(axes, steps, begin)
        _write_amounts(axes, steps, _find_bounds(found))
        return axes


class _Sides(NamedTuple):
    """Two periods: their rows and names, their lengths in days if amounts are per day, and what is known of them."""

    before: Records
    after: Records
    names: tuple[str, str]
    days: tuple[float, float] | None
    notes: Sequence[str]


class _Step(NamedTuple):
    """A step of the bridge: where it begins, and how far it goes; None if that is unknown. A cost begins at 0."""

    name: str
    amount: float | None
    start: float = 0.0
    is_cost: bool = False
    about: str = ""

    @property
    def end(self) -> float:
        return self.start + (self.amount or 0.0)


def _choose_sides(
    data: Records, against: Records | None, every: Every | None, days: tuple[float, float] | None, tz: str
) -> tuple[_Sides | None, str]:
    """Return both periods, or why there are no two."""
    if against is not None:
        return _Sides(against, data, _SIDES, days, [*_describe_sides(against, data, days, tz)]), ""
    periods, refusal = _choose_periods(data, ["month", "week"] if every is None else [every], tz)
    if periods is None:
        return None, refusal
    items = add_items(data)
    sides = [span.keep(items) for span in (periods.before, periods.after)]
    lengths = (periods.before.days, periods.after.days)
    own = None if lengths[0] == lengths[1] else lengths
    notes = [describe_basis(data, tz), *periods.notices]
    names = (periods.before.name.removeprefix("the "), periods.after.name.removeprefix("the "))
    return _Sides(sides[0], sides[1], names, own, notes), ""


def _choose_periods(data: Records, lengths: Sequence[Every], tz: str) -> tuple[Periods | None, str]:
    """Return the last two periods of the first length that fits, or why none does."""
    refusal = ""
    for every in lengths:
        try:
            return choose_periods(data, every=every, tz=tz), ""
        except MissingColumnError:
            raise
        except InputError as error:
            refusal = str(error)
    return None, refusal


def _find_bounds(found: pd.DataFrame) -> list[bool]:
    """Return whether each of the costs is a lower bound: records are missing, or costs are unknown."""
    total = found.attrs["total"]
    return [side in found.attrs["lower_bounds"] or bool(total[f"unknown_{side}"]) for side in _SIDES]


def _describe_sides(before: Records, after: Records, days: tuple[float, float] | None, tz: str) -> Iterator[str]:
    """Yield what both periods are, and whether their lengths differ although amounts are whole."""
    for name, side in zip(_SIDES, (before, after), strict=True):
        yield f"{name}: {describe_basis(side, tz)}"
    lengths = [measure_length(side, tz) for side in (before, after)]
    if days is None and None not in lengths and lengths[0] != lengths[1]:
        yield f"{lengths[0]} and {lengths[1]} days: more days count as more requests"


def _describe_change(total: Mapping[str, Any], sides: _Sides) -> str:
    """Return the change in words; "" without both costs."""
    if total["before"] is None or total["after"] is None:
        return ""
    is_known = not (total["unknown_before"] or total["unknown_after"])
    basis = ("cost" if is_known else "known cost") + (" per day" if sides.days else "")
    return f"{basis}: {describe_difference(total['before'], total['after'], sides.names[0])}"


def _list_steps(total: Mapping[str, Any], names: tuple[str, str]) -> Iterator[_Step]:
    """Yield the cost before, the causes, the unknown costs and the cost after."""
    yield _Step(names[0], total["before"], is_cost=True)
    level = total["before"]
    for cause in list_causes(total):
        yield _Step(cause.name, cause.amount, level, about=", ".join(cause.parts))
        level += cause.amount
    unknown = [(total[f"unknown_{side}"], name) for side, name in zip(_SIDES, names, strict=True)]
    if any(number for number, _ in unknown):
        counts = (f"{format_count(number, 'request')} of {name}" for number, name in unknown if number)
        yield _Step("cost not known", None, level, about=" and ".join(counts))
    yield _Step(names[1], total["after"], is_cost=True)


def _find_begin(steps: Sequence[_Step]) -> float:
    """Return where the axis begins: above 0 if the steps are small against the costs."""
    levels = [step.end for step in steps] or [0.0]
    span = max(levels) - min(levels)
    is_zoomed = min(levels) > 0 and 0 < span < _ZOOMED * max(levels)
    return min(levels) - span / 4 if is_zoomed else 0.0


def _draw(ax: Axes, steps: Sequence[_Step], begin: float) -> None:
    set_rows(ax, [step.name for step in steps])
    ink = find_look(ax).ink
    for row, step in enumerate(steps):
        _draw_step(ax, row, step, is_zoomed=begin > 0)
        if row < len(steps) - 1:
            ax.plot([step.end] * 2, [row + _HEIGHT / 2, row + 1 - _HEIGHT / 2], color=ink, linewidth=0.8)
    if not begin:
        ax.axvline(0, color=ink, linewidth=0.8)
    levels = [step.end for step in steps]
    low, high = min(begin, *levels), max(begin, *levels)
    ax.set_xlim(low - (0.02 * (high - low) if low < 0 else 0), high if high > low else low + 1)
    ax.xaxis.set_major_locator(MaxNLocator(fit_ticks(ax, "$1,000.00", 7, share=0.6)))
    set_linear(ax.xaxis, Unit.USD)
    present = [(name, color) for name, color, sign in (("more", LOSS, 1), ("less", GAIN, -1)) if _has(steps, sign)]
    draw_legend(ax, [Patch(color=color, label=name) for name, color in present])


def _has(steps: Sequence[_Step], sign: int) -> bool:
    return any(not step.is_cost and sign * (step.amount or 0.0) > 0 for step in steps)


def _draw_step(ax: Axes, row: int, step: _Step, *, is_zoomed: bool) -> None:
    """Draw a bar; a mark for a cost whose bar does not fit, or for an unknown amount."""
    look = find_look(ax)
    if step.amount is None or (step.is_cost and is_zoomed):
        style = "-" if step.is_cost else ":"
        ax.plot([step.end] * 2, [row - _HEIGHT / 2, row + _HEIGHT / 2], color=look.ink, linewidth=2.5, linestyle=style)
        return
    is_more = step.amount > 0
    color = GREY if step.is_cost else LOSS if is_more else GAIN
    bars = ax.barh(row, step.amount, left=step.start, height=_HEIGHT, color=color, edgecolor=color, linewidth=0.8)
    if not step.is_cost:
        add_series(ax, "more" if is_more else "less", [*bars])


def _write_amounts(ax: Axes, steps: Sequence[_Step], bounds: Sequence[bool]) -> None:
    """Write the amount of each step to the right of it, and its text under the pointer."""
    ink, texts = find_look(ax).ink, [*_list_amounts(steps, bounds)]
    for row, (step, text) in enumerate(zip(steps, texts, strict=True)):
        place = (max(step.start, step.end), row)
        ax.annotate(text, place, (5, 0), textcoords="offset points", va="center", fontsize=SMALL, color=ink)
    abouts = [f" ({step.about})" if step.about else "" for step in steps]
    add_rows(ax, [f"{step.name}: {text}{about}" for step, text, about in zip(steps, texts, abouts, strict=True)])
    low, high = ax.get_xlim()
    share = (max(measure_text(text, SMALL) for text in texts) + 10) / (_AXES * measure_cell(ax)[0])
    ax.set_xlim(right=high + (high - low) * share / max(0.2, 1 - share))


def _list_amounts(steps: Sequence[_Step], bounds: Sequence[bool]) -> Iterator[str]:
    """Yield the amount of each step; costs with the sign of a lower bound, if they are one."""
    costs = money_decimals([step.amount for step in steps if step.is_cost])
    changes = max(costs, money_decimals([step.amount for step in steps if not step.is_cost]) - 1)
    marks = iter(bounds)
    for step in steps:
        if step.amount is None:
            yield "?"
        elif step.is_cost:
            amount = format_value(step.amount, Unit.USD, decimals=costs)
            yield mark_lower_bound(amount) if next(marks) else amount
        else:
            yield format_change(step.amount, Unit.USD, decimals=changes)
