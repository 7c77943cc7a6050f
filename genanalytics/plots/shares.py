"""The chart of how much of the cost the most expensive groups make."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from genanalytics.base.opening import opens_paths
from genanalytics.metrics.concentration import CostShares, add_up_costs
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.summary import summarize
from genanalytics.plots.axis import set_linear
from genanalytics.plots.content import add_columns, add_series
from genanalytics.plots.groups import describe_basis, name_subject
from genanalytics.plots.palette import HUES, find_look
from genanalytics.plots.room import measure_cell, measure_text
from genanalytics.plots.style import SMALL, draw_legend, style_axes, write_empty, write_title
from genanalytics.units import Unit, format_count, format_value

_ID = "requested_id"
_TOPS = {0.01: 100, 0.1: 10}
"""The named shares of groups, and the fewest groups of which each is at least one."""
_HALF = 0.5
_LEAST_FOR_LOGARITHM = 50
_POINTS = 150
_MARKS = [10.0**power for power in range(-8, 1)]
_AT_RIGHT = 7
"""The distance of a text from its point, in points."""
_AROUND = 95.0
"""The width next to the curve, in points."""
_LOW = 0.1
"""There is no room below points that are lower than this share of the height."""
_HIGH = 0.95
"""Texts next to points that are higher than this share of the height would be in the legend."""
_REFUNDED = "refunds come last, so the share is above 100 % before them"


@opens_paths("data")
def concentration(
    data: Records,
    *,
    by: str | None = "session_id",
    tz: str = "UTC",
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the share of the cost that the most expensive groups make, by their share of all groups.

    The shares of the first 1 % and 10 %, and the fewest groups that make half of the cost, are named. With 50 groups or
    more, the horizontal axis is logarithmic, so that 1 % can be seen.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: The column, or the derived key, whose groups are ranked; None, or `requested_id`, for single requests. Rows
            without a group are left out.
        tz: The time zone of days and hours, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone.
    """
    noun = "request" if by in {None, _ID} else name_subject(str(by))
    found = add_up_costs(data, by=None if by == _ID else by, tz=tz)
    points = [*_list_points(found, noun)]
    unknown = 0 if noun == "request" else int(summarize(data, metrics=["cost_unknown"])["cost_unknown"].iloc[0])
    details = [
        *(point.sentence for point in points),
        describe_basis(data, tz),
        *_describe_left_out(found, noun),
        f"cost not fully known for {format_count(unknown, 'request')}" if unknown else "",
        f"costs of requests are right to {found.accuracy:.0%}".replace("%", " %") if found.accuracy else "",
        _REFUNDED if found.has_refunds and points else "",
    ]
    with style_axes(ax, grid="both") as axes:
        write_title(axes, f"Share of cost of the most expensive {noun}s", details, title=title, subtitle=subtitle)
        axes.set_xlabel(f"share of the {noun}s, the most expensive first")
        axes.set_ylabel("share of the cost")
        if not points:
            return write_empty(axes, _explain_nothing(found, noun))
        _draw(axes, found, noun)
        for point in points:
            if point.is_half or point.groups != points[-1].groups:
                _write_point(axes, point)
        return axes


class _Point(NamedTuple):
    """A named point of the curve: the share of the groups, the share of the cost, and what it says."""

    groups: float
    cost: float
    label: str
    sentence: str
    is_half: bool = False


def _list_points(found: CostShares, noun: str) -> Iterator[_Point]:
    """Yield the named points; none without any cost above 0."""
    if not found.cost > 0:
        return
    for share, least in _TOPS.items():
        if found.groups < least:
            continue
        number = found.count_top(share)
        cost = format_value(found.find_share(number), Unit.SHARE)
        name, groups = f"top {share:.0%}".replace("%", " %"), format_count(number, noun)
        sentence = f"the {name} ({groups}) make {cost} of the cost"
        yield _Point(number / found.groups, found.find_share(number), f"{name}: {cost}", sentence)
    number = found.count_for(_HALF)
    groups, share = format_count(number, noun), number / found.groups
    make = "makes" if number == 1 else "make"
    whole = f" of {found.groups:,} ({format_value(share, Unit.SHARE)})"
    sentence = f"{groups}{whole} {make} half of the cost"
    yield _Point(share, found.find_share(number), f"half: {groups}", sentence, is_half=True)


def _describe_left_out(found: CostShares, noun: str) -> Iterator[str]:
    if found.unknown:
        yield f"{format_count(found.unknown, noun)} without a known cost left out"
    if found.ungrouped:
        cost = f" ({format_value(found.ungrouped_cost, Unit.USD)})" if found.ungrouped_cost else ""
        yield f"{format_count(found.ungrouped, 'generation')} without a {noun}{cost} left out"


def _explain_nothing(found: CostShares, noun: str) -> str:
    if not found.groups:
        return f"no {noun} has a known cost" if found.unknown else f"no generation has a {noun}"
    return "refunds exceed the cost" if found.cost < 0 else "nothing was spent"


def _draw(ax: Axes, found: CostShares, noun: str) -> None:
    """Draw the curve, and the line that it would be if all groups had the same cost."""
    many = found.groups >= _LEAST_FOR_LOGARITHM
    spread = np.geomspace(1, found.groups, _POINTS).round() if many else np.arange(found.groups + 1, dtype=float)
    numbers = np.unique(spread)
    places = numbers / found.groups
    shares = np.array([found.find_share(number) for number in numbers])
    (line,) = ax.plot(places, shares, color=HUES[0], linewidth=2, label=f"the {noun}s")
    (same,) = ax.plot(places, places, color=find_look(ax).soft, lw=1, ls="--", label="if all cost the same")
    if many:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(FixedLocator([mark for mark in _MARKS if mark >= places[0]]))
        ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(_format_share))
    set_linear(ax.yaxis, Unit.SHARE)
    ax.set_xlim(places[0], 1)
    ax.set_ylim(min(0.0, shares.min()), max(1.0, 1.02 * shares.max()))
    draw_legend(ax, [line, same])
    for artist in (line, same):
        add_series(ax, str(artist.get_label()), [artist])
    _add_values(ax, numbers, shares, noun)


def _add_values(ax: Axes, numbers: np.ndarray, shares: np.ndarray, noun: str) -> None:
    """Note what each point of the curve says, up to the middle between it and the next one."""
    edges = np.concatenate([numbers[:1], (numbers[1:] + numbers[:-1]) / 2, numbers[-1:]]) / numbers[-1]
    texts = [
        f"top {format_value(number / numbers[-1], Unit.SHARE)} ({format_count(int(number), noun)}):"
        f" {format_value(share, Unit.SHARE)} of the cost"
        for number, share in zip(numbers.tolist(), shares.tolist(), strict=True)
    ]
    add_columns(ax, edges[:-1].tolist(), edges[1:].tolist(), texts)


def _write_point(ax: Axes, point: _Point) -> None:
    """Write a named point to the right below the curve, or to the left above it, where there is room."""
    look = find_look(ax)
    place = (point.groups, point.cost)
    ax.plot(*([value] for value in place), marker="o", markersize=6, color=HUES[0], markeredgecolor=look.paper)
    across, up = ax.transAxes.inverted().transform(ax.transData.transform(place))
    width = (measure_text(point.label, SMALL) + _AT_RIGHT) / max(1.0, measure_cell(ax)[0] - _AROUND)
    is_above = across >= width and (point.is_half or up <= _LOW)
    side = (-_AT_RIGHT, 3, "right", "bottom") if is_above else None
    if not is_above and up > _LOW and across + width <= 1:
        side = (_AT_RIGHT, -3, "left", "top")
    if side is not None and up > _HIGH:  # above it is the legend
        side = (*side[:1], 3, side[2], "top")
    if side is None:  # the details have it
        return
    text = ax.annotate(point.label, place, side[:2], textcoords="offset points", ha=side[2], va=side[3])
    text.set(fontsize=SMALL, color=look.ink)
    text.set_path_effects([withStroke(linewidth=3, foreground=look.paper)])


def _format_share(share: float, _: int | None) -> str:
    return f"{100 * share:g} %"
