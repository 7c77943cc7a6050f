"""The chart of unit prices over time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from genanalytics.base.opening import opens_paths
from genanalytics.bill.prices import prices as compute_prices
from genanalytics.metrics import EFFECTIVE_COST, summarize
from genanalytics.metrics.engines.source import Records
from genanalytics.plots.axis import add_unit, set_logarithmic, set_moments
from genanalytics.plots.content import add_series, add_value
from genanalytics.plots.groups import describe_basis, shorten_group, to_finite
from genanalytics.plots.palette import GREY, choose_colors, find_look
from genanalytics.plots.room import measure_cell, measure_text
from genanalytics.plots.style import (
    SMALL,
    draw_legend,
    style_axes,
    write_empty,
    write_title,
)
from genanalytics.units import PER_MTOK, Unit, format_count, format_value

_KINDS = {"input_price": ("input", "-"), "output_price": ("output", (0, (4, 1.5)))}
"""The prices that are drawn: their names, and their line styles."""
_APART = 3.0
"""The distance between lines at the same price, in points."""
_LINE = 11.5
"""The height of a label, in points."""
_MOST_REGIMES = 16
_LABEL = 0.13
"""The most width of the name in a label, as a share of the chart."""
_LONG = 10
"""Labels with less room, in letters, do not name the only provider."""
_NEAR = 1.03
"""The factor from a price to those at which the pointer reads it."""


class _Step(NamedTuple):
    """A price that applied from one moment to another."""

    provider: Any
    kind: str
    price: float
    first: pd.Timestamp
    last: pd.Timestamp


@opens_paths("data")
def unit_prices(
    data: Records,
    *,
    model: str | None = None,
    prices: pd.DataFrame | None = None,
    tz: str = "UTC",
    colors: Mapping[Any, str] | None = None,
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the unit prices of one model over time: input and output at each provider, as they were billed.

    A line goes from the first to the last request at a price: solid for input, dashed for output. Lines side by side
    are prices at the same time; a dotted line leads from a price to its successor.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        model: The model; None for the most expensive one with known prices above 0.
        prices: The result of `ga.prices(data)`; computed if it is not given.
        tz: The time zone, by its IANA name.
        colors: The colors of providers; others have the usual ones in order.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone or color.
    """
    costs = summarize(data, by="model", tz=tz, metrics=[EFFECTIVE_COST])
    table = compute_prices(data) if prices is None else prices
    drawable = table[_find_drawable(table)]
    chosen = _choose_model(drawable, costs) if model is None else model
    steps = _list_steps(drawable[drawable["model"].eq(chosen)], tz) if chosen is not None else []
    with style_axes(ax) as axes:
        subject = "Unit prices as billed" if chosen is None else f"Unit prices of {shorten_group(chosen)}, as billed"
        details = [describe_basis(data, tz), _describe_known(table[table["model"].eq(chosen)]) if steps else ""]
        write_title(axes, subject, details, title=title, subtitle=subtitle)
        axes.set_ylabel(add_unit("price", Unit.USD_PER_MTOK))
        axes.set_xlabel(f"time ({tz})")
        if not steps:
            return write_empty(axes, "no known price per token")
        hues = _choose_colors(steps, colors)
        right = max(measure_text(_name_level(axes, level, hues), SMALL) for level in _list_levels(steps))
        set_moments(axes, min(step.first for step in steps), max(step.last for step in steps), right=right)
        ends = set_logarithmic(axes, "y", np.array([step.price for step in steps]), Unit.USD_PER_MTOK)
        _draw_steps(axes, steps, hues)
        _write_labels(axes, steps, ends, hues)
        _write_legend(axes, hues)
        _add_values(axes, steps)
        return axes


def _find_drawable(table: pd.DataFrame) -> "pd.Series[bool]":
    known = table[list(_KINDS)].fillna(0.0).gt(0).any(axis=1)
    return table["regime"].notna() & table["first_seen"].notna() & known


def _choose_model(table: pd.DataFrame, costs: pd.DataFrame) -> Any:  # noqa: ANN401 - a column can contain anything
    """Return the most expensive model of a table of prices; None without any."""
    ranked = costs[costs["model"].isin(table["model"].dropna())]
    if ranked.empty:
        return None
    return ranked["model"].iloc[int(np.nan_to_num(to_finite(ranked[EFFECTIVE_COST.name])).argmax())]


def _list_steps(rows: pd.DataFrame, tz: str) -> list[_Step]:
    """Return the prices of a model above 0, with their times in a time zone."""
    return [
        _Step(
            row["provider_name"],
            name,
            float(row[name]),
            *(row[end].tz_convert(tz) for end in ("first_seen", "last_seen")),
        )
        for row in rows.head(_MOST_REGIMES).to_dict("records")
        for name in _KINDS
        if pd.notna(row[name]) and row[name] > 0
    ]


def _describe_known(table: pd.DataFrame) -> str:
    """Return the share of a model's requests whose price is known."""
    known = table["requests"][table["input_price"].notna() | table["output_price"].notna()].sum()
    return f"{format_value(known / table['requests'].sum(), Unit.SHARE)} of its billed requests have a known price"


def _draw_steps(ax: Axes, steps: Sequence[_Step], hues: Mapping[Any, str]) -> None:
    """Draw a line per price, those at the same price next to each other, and dotted lines to successors."""
    for level in _list_levels(steps):
        for place, step in enumerate(level):
            shift = _APART * (place - (len(level) - 1) / 2) / 72
            moved = ax.transData + ScaledTranslation(0, shift, ax.figure.dpi_scale_trans)
            lines = ax.plot(
                [*map(mdates.date2num, (step.first, step.last))],
                [step.price] * 2,
                color=hues[step.provider],
                linestyle=_KINDS[step.kind][1],
                linewidth=2,
                marker="|",
                markersize=5,
                transform=moved,
            )
            add_series(ax, shorten_group(step.provider), lines)
    for before, after in _list_successions(steps):
        lines = ax.plot(
            [*map(mdates.date2num, (before.last, after.first))],
            [before.price, after.price],
            color=hues[after.provider],
            linestyle=":",
            linewidth=1.2,
        )
        add_series(ax, shorten_group(after.provider), lines)


def _choose_colors(steps: Sequence[_Step], colors: Mapping[Any, str] | None) -> dict[Any, str]:
    providers = list(dict.fromkeys(step.provider for step in steps))
    return dict(zip(providers, choose_colors(providers, colors), strict=True))


def _list_levels(steps: Sequence[_Step]) -> list[list[_Step]]:
    """Return prices of one kind that are equal together, the lowest ones first."""
    levels: dict[tuple[str, str], list[_Step]] = {}
    for step in sorted(steps, key=lambda step: step.price):
        levels.setdefault((step.kind, format_value(step.price, Unit.USD_PER_MTOK)), []).append(step)
    return list(levels.values())


def _list_successions(steps: Sequence[_Step]) -> Iterator[tuple[_Step, _Step]]:
    """Yield each price that began after the end of another one of the same provider, with the last such one."""
    for after in steps:
        ended = [
            step
            for step in steps
            if (step.provider, step.kind) == (after.provider, after.kind) and step.last < after.first
        ]
        if ended:
            yield max(ended, key=lambda step: step.last), after


def _write_labels(ax: Axes, steps: Sequence[_Step], ends: tuple[float, float], hues: Mapping[Any, str]) -> None:
    """Write each price with its provider to the right of its lines, moved apart where labels would overlap."""
    levels, soft = _list_levels(steps), find_look(ax).soft
    low, high = np.log(ends)
    height = ax.get_window_extent().height * 72 / ax.figure.dpi
    wanted = [height * (np.log(level[0].price) - low) / (high - low) for level in levels]
    for level, place, at in zip(levels, wanted, _move_apart(wanted, _LINE), strict=True):
        names = _list_providers(level)
        ax.annotate(
            _name_level(ax, level, hues),
            (1, level[0].price),
            (8, at - place),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            fontsize=SMALL,
            color=hues[names[0]] if len(names) == 1 else soft,
            va="center",
        )


def _name_level(ax: Axes, level: Sequence[_Step], hues: Mapping[Any, str]) -> str:
    """Return the text next to the lines at one price: the price and its provider."""
    longest, names = int(_LABEL * measure_cell(ax)[0] / measure_text("n", SMALL)), _list_providers(level)
    shown = shorten_group(names[0], longest=longest) if len(names) == 1 else format_count(len(names), "provider")
    return f"{_name_price(level[0])}: {shown}" if len(hues) > 1 or longest > _LONG else _name_price(level[0])


def _list_providers(level: Sequence[_Step]) -> list[Any]:
    return list(dict.fromkeys(step.provider for step in level))


def _name_price(step: _Step) -> str:
    """Return the price and its kind, without the unit, which the axis has."""
    return f"{format_value(step.price, Unit.USD_PER_MTOK).removesuffix(PER_MTOK)} {_KINDS[step.kind][0]}"


def _write_legend(ax: Axes, hues: Mapping[Any, str]) -> None:
    """Name the colors of several providers; those without a color of their own are counted."""
    if len(hues) == 1:
        return
    named = {name: color for name, color in hues.items() if color != GREY}
    handles = [Line2D([], [], color=color, linewidth=2, label=shorten_group(name)) for name, color in named.items()]
    if len(hues) > len(named):
        rest = format_count(len(hues) - len(named), "other")
        handles.append(Line2D([], [], color=GREY, linewidth=2, label=rest))
    draw_legend(ax, handles)


def _add_values(ax: Axes, steps: Sequence[_Step]) -> None:
    """Note the text under the pointer around each price: its providers and its period."""
    for level in _list_levels(steps):
        first, last = min(step.first for step in level), max(step.last for step in level)
        names = ", ".join(dict.fromkeys(shorten_group(step.provider) for step in level))
        text = f"{names}: {_name_price(level[0])}, {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        price, (start, end) = level[0].price, map(mdates.date2num, (first, last))
        add_value(ax, text, (start, end), (price / _NEAR, price * _NEAR))


def _move_apart(places: Sequence[float], least: float) -> list[float]:
    """Return places in rising order, at least so far apart, each close to its own.

    >>> _move_apart([0.0, 1.0, 30.0], 10)
    [-4.5, 5.5, 30.0]
    """
    groups: list[tuple[float, int]] = []  # the middle of each group, and its size
    for place in places:
        middle, size = float(place), 1
        while groups and middle - least * (size - 1) / 2 < groups[-1][0] + least * (groups[-1][1] - 1) / 2 + least:
            other, others = groups.pop()
            middle, size = (middle * size + other * others) / (size + others), size + others
        groups.append((middle, size))
    return [middle + least * (place - (size - 1) / 2) for middle, size in groups for place in range(size)]
