"""Charts of cost."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from genanalytics.base.opening import opens_paths
from genanalytics.decide.budget.outlook import Forecast
from genanalytics.errors import InputError
from genanalytics.metrics import EFFECTIVE_COST, summarize
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import TIME, Period
from genanalytics.plots.axis import add_unit, fit_ticks, set_linear
from genanalytics.plots.bars import Layer, draw_stack, find_periods, gather_small
from genanalytics.plots.columns import ABOVE, write_columns
from genanalytics.plots.content import add_rows
from genanalytics.plots.groups import (
    FREE,
    any_known,
    are_bounds,
    check_top,
    choose_mark,
    describe_basis,
    describe_undated,
    describe_unknown,
    find_period,
    is_free,
    name_subject,
    shorten_group,
    to_finite,
)
from genanalytics.plots.palette import GREY, HUES, choose_colors, find_look
from genanalytics.plots.style import set_rows, style_axes, write_empty, write_title
from genanalytics.units import Unit, format_count, format_value, money_decimals

_COST = EFFECTIVE_COST.name


@opens_paths("data", "against")
def cost_over_time(
    data: Records,
    *,
    by: str = "model",
    every: Period = "day",
    tz: str = "UTC",
    against: Records | None = None,
    ahead: Forecast | None = None,
    top: int = 5,
    colors: Mapping[Any, str] | None = None,
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the cost of each period as stacked bars: the most expensive groups, and all others.

    A bar is at the start of its period; it is hatched if records may still be missing. Groups with less than 2 % of the
    cost are among the others.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: The column, or the derived key, whose values are stacked.
        every: The period: `minute`, `hour`, `day`, `week` or `month`.
        tz: The time zone, by its IANA name.
        against: Records of another period, drawn as an outline: its first bar is at the place of the first bar of the
            data, and so on.
        ahead: The result of `ga.forecast(data)`: the expected cost of the days to come, in pale. `every` must be `day`.
        top: The number of groups with a layer; all others are one layer.
        colors: The colors of groups; others have the usual ones.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone, period or color, `top` is below 1, there are too many periods, or a
            forecast is to be drawn in periods other than days.
    """
    if ahead is not None and every != "day":
        msg = f"a forecast has days, and every is {every!r}: draw it with every='day', or without ahead"
        raise InputError(msg)
    costs = summarize(data, by=by, every=every, tz=tz, metrics=[EFFECTIVE_COST, "cost_unknown"])
    unfinished = find_periods(costs, every, ends=find_period(data))
    with style_axes(ax) as axes:
        details = [
            describe_basis(data, tz),
            describe_unknown(int(costs["cost_unknown"].sum())),
            describe_undated(costs),
            "" if ahead is None else ahead.answer.rstrip("."),
        ]
        write_title(axes, f"Cost per {every} by {name_subject(by)}", details, title=title, subtitle=subtitle)
        axes.set_ylabel(add_unit(EFFECTIVE_COST.label, Unit.USD))
        axes.set_xlabel(f"{every} ({tz})")
        if unfinished.empty:
            return write_empty(axes, "no dated generation")
        dated = costs.dropna(subset=[TIME])
        if not any_known(dated, _COST):
            return write_empty(axes, "no known cost")
        if is_free(dated, _COST) and against is None:
            return write_empty(axes, FREE)
        expected = pd.Series(dtype=float) if ahead is None else _list_expected(ahead, tz)
        shown = unfinished.reindex(unfinished.index.union(expected.index), fill_value=False)
        outline = None if against is None else _make_outline(against, every, tz, len(shown), find_look(axes).ink)
        draw_stack(
            axes,
            shown,
            gather_small(_make_layers(dated, by, shown.index, check_top(top), colors)),
            every=every,
            expected=_make_expected(expected, dated, shown.index) if len(expected) else None,
            outline=outline,
        )
        return axes


def _list_expected(ahead: Forecast, tz: str) -> pd.Series:
    """Return the expected cost of each day that is not over, by the start of the day."""
    days = ahead.days.dropna(subset=["expected"])
    return pd.Series(days["expected"].to_numpy(dtype=float), pd.DatetimeIndex(days["day"]).tz_convert(tz))


def _make_expected(expected: pd.Series, dated: pd.DataFrame, starts: pd.Index) -> Layer:
    """Return what is still to come of the expected costs: of a day that is not over, the rest."""
    known = dated.groupby(TIME)[_COST].sum().reindex(starts, fill_value=0.0)
    rest = expected.reindex(starts, fill_value=0.0) - to_finite(known)
    ahead = starts.isin(expected.index)
    return Layer("expected", GREY, np.where(ahead, np.nan_to_num(rest.to_numpy(dtype=float)).clip(min=0), 0.0))


def _make_outline(against: Records, every: Period, tz: str, number: int, color: str) -> Layer | None:
    """Return the cost of as many periods of other records, from their first on; unknown after their last."""
    found = summarize(against, every=every, tz=tz, metrics=[EFFECTIVE_COST, "cost_unknown"])
    starts = found[TIME].dropna()
    dated = found.loc[starts.index][:number]
    if dated.empty:
        return None
    heights, bounds = np.full(number, np.nan), np.zeros(number, dtype=bool)
    heights[: len(dated)], bounds[: len(dated)] = to_finite(dated[_COST]), are_bounds(dated, _COST)
    return Layer(_name_days(against, starts[number:], tz), color, heights, bounds=bounds)


def _name_days(data: Records, left_out: "pd.Series[pd.Timestamp]", tz: str) -> str:
    """Return the first and the last day of records, without periods that are left out at their end."""
    period = find_period(data)
    assert period is not None  # noqa: S101 - for mypy: they have periods
    ends = (period[1], *(start - pd.Timedelta(1, "us") for start in left_out.head(1)))
    first, last = (f"{moment.tz_convert(tz):%Y-%m-%d}" for moment in (period[0], min(ends)))
    return first if first == last else f"{first} to {last}"


def _make_layers(
    dated: pd.DataFrame, by: str, starts: pd.Index, top: int, colors: Mapping[Any, str] | None
) -> list[Layer]:
    """Return the cost per period of the most expensive groups, and of all others together."""
    codes, groups = pd.factorize(dated[by], use_na_sentinel=False)
    amounts = np.nan_to_num(to_finite(dated[_COST]))  # a period without a known cost adds nothing
    ranked = np.argsort(-np.bincount(codes, weights=amounts, minlength=len(groups)), kind="stable")
    named = ranked[: len(groups) if len(groups) == top + 1 else top]  # a last group alone keeps its name
    table, bounds = (np.zeros((len(groups), len(starts)), dtype=kind) for kind in (float, bool))
    places = codes, starts.get_indexer(pd.Index(dated[TIME]))
    np.add.at(table, places, amounts)
    bounds[places] = are_bounds(dated, _COST)
    drawn = choose_colors(list(groups[named]), colors, usual=dict.fromkeys(groups[named[top:]], GREY))
    layers = [
        Layer(shorten_group(groups[group]), color, table[group], bounds=bounds[group])
        for group, color in zip(named, drawn, strict=True)
    ]
    rest = ranked[len(named) :]
    if len(rest):
        label, heights = format_count(len(rest), "other"), table[rest].sum(axis=0)
        layers.append(Layer(label, GREY, heights, len(rest), np.asarray(bounds[rest].any(axis=0))))
    return layers


@opens_paths("data")
def cost_ranking(
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
    """Return axes with the cost of each group as bars, the most expensive first, with its amount and its share.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: The column, or the derived key, whose values are ranked.
        tz: The time zone of days and hours, by its IANA name.
        top: The number of groups with a bar; all others have one together.
        colors: The colors of groups; others are blue.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone or color, or `top` is below 1.
    """
    costs = summarize(data, by=by, tz=tz, metrics=[EFFECTIVE_COST, "cost_unknown"])
    unknown = int(costs["cost_unknown"].sum())
    costs = costs[np.isfinite(to_finite(costs[_COST]))]
    costs = costs.sort_values([_COST, "requests"], ascending=False, kind="stable")
    amounts, groups = to_finite(costs[_COST]), list(costs[by])
    if len(groups) <= check_top(top) + 1:
        top = len(groups)
    names = [shorten_group(group) for group in groups[:top]]
    drawn = choose_colors(groups[:top], colors, usual=dict.fromkeys(groups[:top], HUES[0]))
    if len(groups) > top:
        amounts = np.append(amounts[:top], amounts[top:].sum())
        names.append(format_count(len(groups) - top, "other"))
        drawn.append(GREY)
    with style_axes(ax, grid="x") as axes:
        details = [describe_basis(data, tz), describe_unknown(unknown)]
        write_title(axes, f"Cost by {name_subject(by)}", details, title=title, subtitle=subtitle)
        axes.set_xlabel(add_unit(EFFECTIVE_COST.label, Unit.USD))
        if not names:
            return write_empty(axes, "no known cost")
        axes.barh(np.arange(len(names)), amounts, height=0.7, color=drawn)
        _set_amounts(axes, amounts)
        set_rows(axes, names, above=ABOVE)
        texts = _write_amounts(axes, amounts, choose_mark(costs, _COST))
        add_rows(axes, [f"{name}\n{text}" for name, text in zip(names, texts, strict=True)])
        return axes


def _set_amounts(ax: Axes, amounts: np.ndarray) -> None:
    """Set the horizontal axis to the range from 0 to the amounts."""
    least, most = min(0.0, float(amounts.min())), max(float(amounts.max()), 0.0)
    ax.set_xlim(1.02 * least, 1.02 * most or 1.0)
    ax.xaxis.set_major_locator(MaxNLocator(fit_ticks(ax, "$1,000.00", 6, share=0.5)))
    set_linear(ax.xaxis, Unit.USD)


def _write_amounts(ax: Axes, amounts: np.ndarray, mark: Callable[[str], str]) -> list[str]:
    """Write amounts to the right of the axes, and their shares if none is a refund and there is room; return both."""
    decimals, total = 2 if amounts.max() >= 1 else money_decimals(amounts.tolist()), float(amounts.sum())
    texts = [mark(format_value(amount, Unit.USD, decimals=decimals)) for amount in amounts]
    columns = {"cost": texts}
    if total > 0 and amounts.min() >= 0:
        columns["share"] = [format_value(amount / total, Unit.SHARE) for amount in amounts]
    write_columns(ax, columns)
    return [", ".join(row) for row in zip(*columns.values(), strict=True)]
