"""The chart of what the tokens were."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from genanalytics.base.opening import opens_paths
from genanalytics.bill.items import add_items
from genanalytics.errors import InputError
from genanalytics.metrics import summarize
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import TIME, Period
from genanalytics.metrics.sets import token_mix as parts
from genanalytics.plots.axis import set_linear
from genanalytics.plots.bars import Layer, draw_stack, find_periods
from genanalytics.plots.columns import ABOVE, write_columns
from genanalytics.plots.content import add_series, add_value
from genanalytics.plots.groups import (
    check_top,
    describe_basis,
    describe_undated,
    find_period,
    name_subject,
    shorten_group,
    to_finite,
)
from genanalytics.plots.palette import GREY, HUES, choose_colors, find_look
from genanalytics.plots.style import draw_legend, set_rows, style_axes, write_empty, write_title
from genanalytics.units import Unit, format_count, format_value, mark_lower_bound

_NAMES = [part.name for part in parts.PARTS]
_LAYERS = {
    **{
        part.label: (part,)
        for part in (parts.UNCACHED, parts.CACHE_READ, parts.CACHE_WRITE, parts.REASONING, parts.ANSWER)
    },
    "replayed": (parts.REPLAYED_TOKENS,),
    "kind unknown": (parts.CACHE_UNKNOWN, parts.REASONING_UNKNOWN),
}
"""The layers of the stack, from its beginning to its end."""
_COLORS = {
    parts.UNCACHED.label: HUES[0],
    parts.CACHE_READ.label: HUES[3],
    parts.CACHE_WRITE.label: HUES[2],
    parts.REASONING.label: HUES[4],
    parts.ANSWER.label: HUES[1],
}
"""The colors of input, cache and output, as in the chart of the items."""
_OUTPUT = [part.name for part in (parts.REASONING, parts.ANSWER, parts.REASONING_UNKNOWN)]
_ROWS_UNKNOWN = parts.TOKENS_UNKNOWN.name
_TOTAL, _OF_OUTPUT = "tokens", "output"
_SHARE = "share of the tokens"


@opens_paths("data", "itemized")
def token_mix(
    data: Records,
    *,
    by: str | None = None,
    every: Period | None = None,
    tz: str = "UTC",
    top: int = 12,
    itemized: Records | None = None,
    colors: Mapping[str, str] | None = None,
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with what the tokens were, as shares that add up to 100 %: a bar per group, or per period.

    The prompt was not cached, read from the prompt cache, or written to it; the completion is reasoning or the answer.
    Tokens of records that do not say how many were cached, or were reasoning, are a part of their own. Only prices show
    the tokens written to the cache (`ga.itemize`): without a price they count as not cached.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: The column, or the derived key, with a bar per value; `model` without `every`.
        every: The period with a bar: `minute`, `hour`, `day`, `week` or `month`.
        tz: The time zone, by its IANA name.
        top: The number of groups with a bar: those with the most tokens. All others have one together.
        itemized: The result of `ga.itemize(data)`; computed if it is not given.
        colors: The colors of parts, such as `{"answer": "teal"}`; others have the usual ones.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: Both `by` and `every` are given, there is no such time zone, period or color, there are too many
            periods, or `top` is below 1.
    """
    if by is not None and every is not None:
        msg = f"by={by!r} and every={every!r}: give one of them; a bar is a group or a period"
        raise InputError(msg, arguments=["by", "every"])
    mixed = add_items(data) if itemized is None else itemized
    group = None if every is not None else by or "model"
    found = summarize(mixed, by=group, every=every, tz=tz, metrics=parts.TOKEN_MIX)
    unfinished = None if every is None else find_periods(found, every, ends=find_period(data))
    with style_axes(ax, grid="y" if every else "x") as axes:
        details = [_describe_whole(found), describe_basis(data, tz), _describe_unknown(found)]
        details.append("" if every is None else describe_undated(found))
        subject = f"What the tokens are, by {every or name_subject(str(group))}"
        write_title(axes, subject, details, title=title, subtitle=subtitle)
        looks = _choose_colors(axes, _add_up(found), colors)
        if not looks:
            return write_empty(axes, "no known tokens")
        if every is None or unfinished is None:
            _draw_groups(axes, _choose_groups(found, str(group), check_top(top)), looks)
        elif unfinished.empty:
            return write_empty(axes, "no dated generation")
        else:
            layers = _make_layers(found.dropna(subset=[TIME]), looks)
            draw_stack(axes, unfinished, layers, every=every, unit=Unit.SHARE)
            axes.set(ylim=(0, 1), xlabel=f"{every} ({tz})", ylabel=_SHARE)
        return axes


def _add_up(found: pd.DataFrame) -> pd.DataFrame:
    """Return the tokens of each layer; a part that no row has is 0."""
    tokens = {name: np.nan_to_num(to_finite(found[name])) for name in _NAMES}
    return pd.DataFrame({label: sum(tokens[part.name] for part in layer) for label, layer in _LAYERS.items()})


def _divide(tokens: pd.DataFrame) -> pd.DataFrame:
    """Return the share of each layer in the tokens of its row; NaN without tokens."""
    whole = tokens.sum(axis=1)
    return tokens.div(whole.where(whole > 0), axis=0)


def _describe_whole(found: pd.DataFrame) -> str:
    """Return the number of all tokens, and the shares of cache reads and output in them; "" without tokens."""
    totals = {name: float(np.nansum(to_finite(found[name]))) for name in _NAMES}
    whole = sum(totals.values())
    if not whole:
        return ""
    unknown = found.attrs["lower_bounds"] or found[_ROWS_UNKNOWN].sum()
    number = format_value(whole, Unit.TOKENS)
    read = format_value(totals[parts.CACHE_READ.name] / whole, Unit.SHARE)
    output = format_value(sum(totals[name] for name in _OUTPUT) / whole, Unit.SHARE)
    at_least = "at least " if totals[parts.CACHE_UNKNOWN.name] else ""
    return f"{mark_lower_bound(number) if unknown else number}: {at_least}{read} read from the cache, {output} output"


def _describe_unknown(found: pd.DataFrame) -> str:
    """Return the number of requests with unknown tokens; "" for none."""
    number = int(found[_ROWS_UNKNOWN].sum())
    return f"tokens not fully known for {format_count(number, 'request')}" if number else ""


def _choose_colors(ax: Axes, tokens: pd.DataFrame, colors: Mapping[str, str] | None) -> dict[str, str]:
    """Return the color of each layer that has tokens."""
    plain = {"replayed": find_look(ax).soft, "kind unknown": GREY}
    chosen = choose_colors(list(_LAYERS), colors, usual=_COLORS | plain)
    return {label: color for label, color in zip(_LAYERS, chosen, strict=True) if tokens[label].sum() > 0}


def _make_layers(dated: pd.DataFrame, colors: Mapping[str, str]) -> list[Layer]:
    shares = _divide(_add_up(dated))
    return [Layer(label, color, shares[label].to_numpy()) for label, color in colors.items()]


def _choose_groups(found: pd.DataFrame, by: str, top: int) -> pd.DataFrame:
    """Return the tokens of each layer, and figures of the row, by name of the group: the largest, then all others."""
    tokens = _add_up(found)
    output = sum(np.nan_to_num(to_finite(found[name])) for name in _OUTPUT)
    tokens = tokens.assign(**{_TOTAL: tokens.sum(axis=1), _OF_OUTPUT: output})
    tokens.insert(0, _ROWS_UNKNOWN, to_finite(found[_ROWS_UNKNOWN]))
    tokens.index = pd.Index([shorten_group(group) for group in found[by]])
    tokens = tokens[tokens[_TOTAL] > 0].sort_values(_TOTAL, ascending=False, kind="stable")
    if len(tokens) <= top + 1:
        return tokens
    others = tokens.iloc[top:].sum().to_frame(format_count(len(tokens) - top, "other")).T
    return pd.concat([tokens.head(top), others])


def _draw_groups(ax: Axes, groups: pd.DataFrame, colors: Mapping[str, str]) -> None:
    """Draw a bar per group, and write its tokens and the share of the output to the right."""
    paper, shares = find_look(ax).paper, _divide(groups[list(_LAYERS)])
    rows, left = np.arange(len(groups)), np.zeros(len(groups))
    handles = [Patch(color=color, label=label) for label, color in colors.items()]
    for label, color in colors.items():
        heights = shares[label].to_numpy()
        drawn = ax.barh(rows, heights, left=left, height=0.7, color=color, edgecolor=paper, linewidth=0.5, label=label)
        add_series(ax, label, list(drawn))
        for row, (start, share) in enumerate(zip(left, heights, strict=True)):
            text = f"{groups.index[row]}\n{label}: {format_value(share, Unit.SHARE)} of its tokens"
            add_value(ax, text, (start, start + share), (row - 0.5, row + 0.5), series=label)
        left = left + heights
    ax.set(xlim=(0, 1), xlabel=_SHARE)
    set_linear(ax.xaxis, Unit.SHARE)
    set_rows(ax, [str(name) for name in groups.index], above=ABOVE)
    _write_figures(ax, groups)
    draw_legend(ax, handles)


def _write_figures(ax: Axes, groups: pd.DataFrame) -> None:
    """Write the tokens of each row, and the share of the output in them, to its right."""
    marks = [mark_lower_bound if unknown else str for unknown in groups[_ROWS_UNKNOWN]]
    numbers = [format_value(number, Unit.TOKENS).removesuffix(" tokens") for number in groups[_TOTAL]]
    write_columns(
        ax,
        {
            _TOTAL: [mark(number) for mark, number in zip(marks, numbers, strict=True)],
            _OF_OUTPUT: [format_value(share, Unit.SHARE) for share in groups[_OF_OUTPUT] / groups[_TOTAL]],
        },
    )
