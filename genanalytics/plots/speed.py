"""Charts of speed: its spread and its price."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from genanalytics.base.opening import opens_paths
from genanalytics.base.remembering import remembers
from genanalytics.metrics import RowValue, distribution, spread, summarize
from genanalytics.metrics.catalog import find_row_value, resolve_one
from genanalytics.metrics.declare import name_limits
from genanalytics.metrics.engines.protocol import CLUSTERS, ORDER
from genanalytics.metrics.engines.source import Records, keep_rows, open_source, select_columns
from genanalytics.metrics.grouping.labels import resolve_by
from genanalytics.metrics.sets.rows import TEXT_APIS
from genanalytics.plots.axis import add_unit, set_logarithmic
from genanalytics.plots.content import add_value
from genanalytics.plots.groups import (
    check_top,
    choose_mark,
    describe_basis,
    describe_hidden,
    name_subject,
    shorten_group,
    to_finite,
    write_n,
)
from genanalytics.plots.names import Names
from genanalytics.plots.palette import GREY, HUES, choose_colors, find_look
from genanalytics.plots.room import measure_cell
from genanalytics.plots.style import set_rows, style_axes, write_at_right, write_empty, write_title
from genanalytics.units import Unit, format_count, format_value

_TALLEST = 0.92
"""The height of the highest ridge, in rows."""
_PRICE, _SPEED = "usd_per_mtok", "tps_e2e_p50"
_MEDIA = ("native_tokens_completion_images", "num_media_completion")
_ROOM = 0.06
"""The room around the dots, as a share of the axis."""
_ROW = 30.0
"""Lower rows, in points, have one line of text next to them."""
_NEAR = 0.012
"""The distance from a dot at which the pointer reads its values, as a share of the axes."""


@opens_paths("data")
def speed_against_price(
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
    """Return axes with a dot per group, by price and median throughput of text, both with 95 % intervals.

    Only answers in text count: `api_type` is one of text or unknown, and the completion has tokens but no images and no
    other media. A line joins the groups that no other group beats in both price and speed. They have names first, then
    the groups with the most generations, as far as names find a place.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: The column, or the derived key, whose values are compared.
        tz: The time zone of days and hours, by its IANA name.
        top: The number of groups with a name.
        colors: The colors of groups; None for blue where no other group is cheaper and faster, else grey.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone or color, or `top` is below 1.
    """
    every = summarize(data, by=by, tz=tz, metrics=[_PRICE, _SPEED])
    groups = _summarize_texts(data, by, tz)
    price, speed = resolve_one(_PRICE), resolve_one(_SPEED)
    drawn = groups[(to_finite(groups[_PRICE]) > 0) & (to_finite(groups[_SPEED]) > 0)].reset_index(drop=True)
    noun = name_subject(by)
    with style_axes(ax, grid="both") as axes:
        hidden = len(every) - len(drawn)
        left_out = f"{format_count(hidden, noun)} without text, a price or a speed left out" if hidden else ""
        rule = f"text only; {'' if colors else 'blue and '}joined: no other {noun} is cheaper and faster"
        details = [describe_basis(data, tz), rule, "lines: 95 % intervals", left_out]
        write_title(axes, f"Speed against price, by {noun}", details, title=title, subtitle=subtitle)
        axes.set_xlabel(f"price ({price.unit}), cheaper to the left")
        axes.set_ylabel(f"median {add_unit('throughput', speed.unit)}")
        if drawn.empty:
            return write_empty(axes, "no text with both a price and a speed")
        best = find_frontier(to_finite(drawn[_PRICE]), to_finite(drawn[_SPEED]))
        hues = choose_colors(list(drawn[by]), colors) if colors else np.where(best, HUES[0], GREY).tolist()
        _draw_dots(axes, drawn, best, hues)
        _write_names(axes, drawn, best, by, check_top(top))
        _add_values(axes, drawn, by)
        return axes


@remembers
def _summarize_texts(data: Records, by: str, tz: str) -> pd.DataFrame:
    """Return price and speed of answers in text, with their intervals, by group."""
    source = open_source(data)
    metrics = [resolve_one(_PRICE), resolve_one(_SPEED)]
    keys = resolve_by(source, by, None, tz, others=())
    needed = [*(key.column for key in keys), *chain(*(metric.columns for metric in metrics)), "api_type", *_MEDIA]
    texts = keep_rows(select_columns(data, [*needed, *CLUSTERS, *ORDER]), _find_text(source.columns))
    return summarize(texts, by=by, tz=tz, metrics=metrics, intervals=True)


def _find_text(columns: Sequence[str]) -> nw.Expr:
    """Return where an answer is text with a known number of tokens."""
    condition = nw.col("native_tokens_completion") > 0
    if "api_type" in columns:
        condition &= nw.col("api_type").is_null() | nw.col("api_type").is_in(TEXT_APIS)
    for media in (name for name in _MEDIA if name in columns):
        condition &= nw.col(media).fill_null(0) == 0
    return condition


@opens_paths("data")
def throughput(
    data: Records,
    *,
    by: str = "model",
    metric: RowValue | str = "tps_decode",
    tz: str = "UTC",
    top: int = 8,
    colors: Mapping[Any, str] | None = None,
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the distribution of throughput as a ridge per group, with its median; the fastest is on top.

    All ridges have the same scale: equal areas are equal shares of the generations.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: The column, or the derived key, whose values are compared: those with the most observations.
        metric: A row value, as in `distribution`: `tps_decode`, `tps_e2e`, ...
        tz: The time zone of days and hours, by its IANA name.
        top: The number of groups with a ridge.
        colors: The colors of groups; None for one color.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such row value, time zone or color, or `top` is below 1.
    """
    value = find_row_value(metric)
    of_value = spread(value)
    median, number = of_value.p50.name, of_value.n.name
    groups = summarize(data, by=by, tz=tz, metrics=[of_value.p50, of_value.n])
    groups = groups[groups[number] > 0].sort_values(number, ascending=False, kind="stable")
    shown = groups.head(check_top(top)).sort_values(median, ascending=False, kind="stable")
    cells = distribution(data, value, by=by, tz=tz, kind="histogram", per_decade=20)
    cells = cells[cells["low"] > 0]
    with style_axes(ax, grid="x") as axes:
        some = describe_hidden(len(shown), len(groups), "observations")
        subject = f"{value.label.capitalize()} by {name_subject(by)}"
        details = [describe_basis(data, tz), "successful only", some]
        write_title(axes, subject, details, title=title, subtitle=subtitle)
        axes.set_xlabel(add_unit(value.label, value.unit))
        if shown.empty or cells.empty:
            return write_empty(axes, f"no known {value.label}")
        hues = choose_colors(list(shown[by]), colors) if colors else [HUES[0]] * len(shown)
        own = [cells[cells[by].isna()] if pd.isna(group) else cells[cells[by] == group] for group in shown[by]]
        most = max(float(part["share"].max()) for part in own if len(part))
        for row, (part, color) in enumerate(zip(own, hues, strict=True)):
            _draw_ridge(axes, part, row, _TALLEST / most, color)
        set_logarithmic(axes, "x", pd.concat(own)[["low", "high"]].to_numpy(dtype=float).ravel(), value.unit)
        rows = np.arange(len(shown))
        axes.vlines(to_finite(shown[median]), rows - 0.5, rows, color=find_look(axes).ink, linewidth=1.8)
        names = [shorten_group(group) for group in shown[by]]
        set_rows(axes, names, above=1.05)
        mark = choose_mark(groups, number)
        medians = [format_value(middle, value.unit) for middle in to_finite(shown[median])]
        counts = [write_n(int(n), mark) for n in shown[number]]
        is_low = measure_cell(axes)[1] < _ROW * (len(shown) + 2)
        for row, (middle, n) in enumerate(zip(medians, counts, strict=True)):
            write_at_right(axes, row, f"p50 {middle.partition(' ')[0]}" + ("" if is_low else f"\n{n}"), va="bottom")
            add_value(axes, f"{names[row]}: p50 {middle}, {n}", axes.get_xlim(), (row - 1, row))
        return axes


def find_frontier(price: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """Return whether each is on the frontier: no other is as cheap and faster, or as fast and cheaper.

    >>> find_frontier(np.array([1.0, 2.0, 3.0, 3.0]), np.array([10.0, 5.0, 20.0, 19.0])).tolist()
    [True, False, True, False]
    """
    at_most, at_least = price[None, :] <= price[:, None], speed[None, :] >= speed[:, None]
    better = (price[None, :] < price[:, None]) | (speed[None, :] > speed[:, None])
    return np.asarray(~(at_most & at_least & better).any(axis=1))


def _draw_dots(ax: Axes, groups: pd.DataFrame, best: np.ndarray, colors: Sequence[str]) -> None:
    """Draw the dots and their known intervals."""
    price, speed = to_finite(groups[_PRICE]), to_finite(groups[_SPEED])
    limits = {name: [to_finite(groups[limit]) for limit in name_limits(name)] for name in (_PRICE, _SPEED)}
    low, high = limits[_SPEED]
    widths = np.where(best, 1.4, 0.7)
    ax.vlines(price, low, high, color=colors, linewidth=widths)
    left, right = (np.where(limit > 0, limit, np.nan) for limit in limits[_PRICE])
    ax.hlines(speed, left, right, color=colors, linewidth=widths)
    order = np.argsort(price[best])
    ax.plot(price[best][order], speed[best][order], color=HUES[0], linewidth=1, alpha=0.5, linestyle="--", zorder=1)
    ax.scatter(price, speed, color=colors, s=36, zorder=3)
    set_logarithmic(ax, "y", _widen(np.concatenate([speed, low, high])), Unit.TOKENS_PER_S)
    set_logarithmic(ax, "x", _widen(np.concatenate([price, left, right])), Unit.USD)


def _widen(values: np.ndarray) -> np.ndarray:
    """Return values with two more that leave room for names at both ends of a logarithmic axis."""
    least, most = float(np.nanmin(values)), float(np.nanmax(values))
    room = (most / least) ** _ROOM
    return np.append(values, [least / room, most * room])


def _write_names(ax: Axes, groups: pd.DataFrame, best: np.ndarray, by: str, top: int) -> None:
    """Name groups next to their dots, the best ones first."""
    ranked = groups.assign(best=best).sort_values(["best", "requests"], ascending=False, kind="stable")
    dots = ranked[[_PRICE, _SPEED]].to_numpy(dtype=float)
    Names(ax, [shorten_group(group) for group in ranked[by].head(top)], dots[:top], dots[top:])


def _add_values(ax: Axes, groups: pd.DataFrame, by: str) -> None:
    """Note the text under the pointer around each dot."""
    across, up = ((most / least) ** _NEAR for least, most in (ax.get_xlim(), ax.get_ylim()))
    for group, price, speed in zip(groups[by], groups[_PRICE], groups[_SPEED], strict=True):
        text = f"{format_value(price, Unit.USD_PER_MTOK)}, {format_value(speed, Unit.TOKENS_PER_S)}"
        near = (price / across, price * across), (speed / up, speed * up)
        add_value(ax, f"{shorten_group(group)}: {text}", *near)


def _draw_ridge(ax: Axes, cells: pd.DataFrame, row: int, scale: float, color: str) -> None:
    """Draw a histogram on top of a row, as one area."""
    ax.axhline(row, color=find_look(ax).pale, linewidth=0.8, zorder=1)
    if cells.empty:
        return
    low, high, share = (cells[name].to_numpy(dtype=float) for name in ("low", "high", "share"))
    edges = np.unique(np.concatenate([low, high]).round(9))
    heights = np.zeros(len(edges) - 1)
    heights[np.searchsorted(edges, low.round(9))] = share
    ax.stairs(row - scale * heights, edges, baseline=row, fill=True, color=color, linewidth=0)
