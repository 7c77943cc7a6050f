"""The chart of the items of the bill."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from genanalytics.base.opening import opens_paths
from genanalytics.bill.items import add_items
from genanalytics.metrics import summarize
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import TIME, Period
from genanalytics.metrics.sets.items import ITEM_VALUES
from genanalytics.plots.bars import Layer, draw_stack, find_periods, gather_small
from genanalytics.plots.groups import (
    FREE,
    any_known,
    are_bounds,
    describe_basis,
    describe_undated,
    describe_unknown,
    find_period,
    is_free,
    to_finite,
)
from genanalytics.plots.palette import GREY, HUES, choose_colors
from genanalytics.plots.style import style_axes, write_empty, write_title
from genanalytics.units import Unit, format_value

_COLORS = {
    "input_cost": HUES[0],
    "cache_read_cost": HUES[3],
    "cache_write_cost": HUES[2],
    "output_cost": HUES[1],
    "other_cost": HUES[4],
    "unexplained_cost": GREY,
}
"""The items, from the bottom of the stack to its top."""
_NOTHING = format_value(0.0, Unit.SHARE)
_OWN_KEYS, _OWN_KEYS_UNKNOWN, _OWN_KEYS_COLOR, _SMALL_COLOR = "byok_cost", "byok_unknown", HUES[6], HUES[5]


@opens_paths("data", "itemized")
def items_over_time(
    data: Records,
    *,
    every: Period = "day",
    tz: str = "UTC",
    itemized: Records | None = None,
    colors: Mapping[str, str] | None = None,
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the bill of each period as stacked bars, a layer per item: input, cache reads, output, others.

    The items add up to the bill. Costs that no price explains are a layer too, and so is what providers charged to the
    user's own keys (BYOK), which is not part of the bill.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        every: The period: `minute`, `hour`, `day`, `week` or `month`.
        tz: The time zone, by its IANA name.
        itemized: The result of `ga.itemize(data)`; computed if it is not given.
        colors: The colors of items by their names in the legend; others have the usual ones.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone, period or color, or there are too many periods.
    """
    names = [*_COLORS, "billed_cost", _OWN_KEYS, "cost_unknown", _OWN_KEYS_UNKNOWN]
    costs = summarize(add_items(data) if itemized is None else itemized, every=every, tz=tz, metrics=names)
    unfinished = find_periods(costs, every, ends=find_period(data))
    with style_axes(ax) as axes:
        details = [
            describe_basis(data, tz),
            _describe_unexplained(costs),
            describe_unknown(int(costs["cost_unknown"].sum())),
            describe_undated(costs),
        ]
        write_title(axes, f"Where the money goes, per {every}", details, title=title, subtitle=subtitle)
        axes.set_ylabel("cost (US$)")
        axes.set_xlabel(f"{every} ({tz})")
        if unfinished.empty:
            return write_empty(axes, "no dated generation")
        dated = costs.dropna(subset=[TIME])
        if not any_known(dated, "billed_cost") and not any_known(dated, _OWN_KEYS):
            return write_empty(axes, "no known cost")
        if is_free(dated, "billed_cost", _OWN_KEYS):
            return write_empty(axes, FREE)
        draw_stack(axes, unfinished, _make_layers(dated, colors), every=every)
        return axes


def _describe_unexplained(costs: pd.DataFrame) -> str:
    """Return the part of the bill that no price explains; "" if it rounds to nothing."""
    unexplained, billed = (float(np.nansum(to_finite(costs[name]))) for name in ("unexplained_cost", "billed_cost"))
    share = format_value(unexplained / billed, Unit.SHARE) if unexplained > 0 and billed > 0 else _NOTHING
    return "" if share == _NOTHING else f"{share} of the bill is not explained by a price"


def _make_layers(dated: pd.DataFrame, colors: Mapping[str, str] | None) -> list[Layer]:
    """Return the items that cost anything, small ones together, and the charges to own keys."""
    labels = {value.name: value.label for value in ITEM_VALUES} | {_OWN_KEYS: "own keys (BYOK)"}
    usual = _COLORS | {_OWN_KEYS: _OWN_KEYS_COLOR}
    drawn = choose_colors(list(labels.values()), colors, usual={labels[name]: usual[name] for name in usual})
    own = to_finite(dated[_OWN_KEYS_UNKNOWN])
    unknown = {name: to_finite(dated["cost_unknown"]) - own for name in labels} | {_OWN_KEYS: own}
    layers = [
        Layer(label, color, np.nan_to_num(to_finite(dated[name])), bounds=are_bounds(dated, name, unknown[name]))
        for (name, label), color in zip(labels.items(), drawn, strict=True)
    ]
    known = [layer for layer in layers if layer.heights.any()] or layers[:1]
    items = [layer for layer in known if layer.label != labels[_OWN_KEYS]]
    gathered = [_name_small(layer) if layer.groups > 1 else layer for layer in gather_small(items)]
    return [*gathered, *known[len(items) :]]


def _name_small(layer: Layer) -> Layer:
    """Return small items with a name and a color of their own: `other` is an item, and grey is unexplained."""
    return layer._replace(label=f"{layer.groups} small items", color=_SMALL_COLOR)
