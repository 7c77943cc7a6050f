"""The chart of a session's prompt cache: what each call read, wrote and paid in full."""

from collections.abc import Mapping
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, StepPatch
from matplotlib.ticker import MaxNLocator

from genanalytics.base.opening import opens_paths
from genanalytics.bill.calls import OPTIONAL
from genanalytics.bill.flips import cache_flips
from genanalytics.bill.items import itemize
from genanalytics.bill.prices import prices
from genanalytics.metrics import EFFECTIVE_COST, summarize
from genanalytics.metrics.engines.source import Records, collect, keep_rows
from genanalytics.plots.axis import add_unit, set_linear
from genanalytics.plots.content import add_columns, add_series
from genanalytics.plots.groups import describe_basis, name_subject, shorten_group, to_finite
from genanalytics.plots.palette import GREY, HUES, LOSS, find_look
from genanalytics.plots.style import draw_legend, style_axes, write_empty, write_title
from genanalytics.units import Unit, format_count, format_value

_SESSION = "session_id"
_PARTS = {"read from the cache": HUES[3], "written to the cache": HUES[2], "neither": HUES[0], "unknown": GREY}
"""The colors of cache reads, cache writes and input, as in the chart of the items."""
_MOST_CALLS = 400
_MOST_NAMED = 3
"""The details name so many losses."""
_WIDE, _NARROW = 0.8, 1.0
_FEW = 60
"""Up to this many calls have a gap between their bars."""


@opens_paths("data")
def session_cache(
    data: Records,
    *,
    session: str | None = None,
    flips: pd.DataFrame | None = None,
    tz: str = "UTC",
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the prompt of each call of a session: tokens read from the cache, written to it, and neither.

    Calls that lost the cache of the session have a mark; the details name the largest losses and their causes.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame. The rows of one session
            are read into memory.
        session: The `session_id`; None for the most expensive session. Without any `session_id` in the data, the chart
            shows the calls of the most expensive model.
        flips: The result of `ga.cache_flips`; computed for the session if it is not given.
        tz: The time zone of the dates, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone.
    """
    by, group = (_SESSION, session) if session is not None else _choose_group(data, tz)
    table = prices(data)
    calls = itemize(_read_calls(data, by, group), table)
    calls = calls[calls["native_tokens_prompt"].notna()]
    calls = calls.sort_values(["created_at", "requested_id"], kind="stable", ignore_index=True)
    with style_axes(ax) as axes:
        named = f"{name_subject(by)} {shorten_group(group)}" if len(calls) else "a session"
        axes.set_xlabel("call of the session, in the order of time" if by == _SESSION else "call, in the order of time")
        axes.set_ylabel(add_unit("prompt", Unit.TOKENS))
        subject = f"Prompt cache call by call, {named}"
        if not len(calls):
            write_title(axes, subject, [describe_basis(data, tz)], title=title, subtitle=subtitle)
            return write_empty(axes, "no call with known tokens")
        lost = _find_flips(calls, table, flips)
        some = f"here the first {_MOST_CALLS} of" if len(calls) > _MOST_CALLS else "here"
        shown = f"{some} {format_count(len(calls), 'call')}"
        write_title(
            axes,
            subject,
            [describe_basis(data, tz), f"{shown}, {_describe_losses(lost, calls)}"],
            title=title,
            subtitle=subtitle,
        )
        _draw_calls(axes, calls.head(_MOST_CALLS), lost)
        return axes


def _choose_group(data: Records, tz: str) -> tuple[str, Any]:
    """Return the most expensive session, or the most expensive model if no record has a session."""
    for by in (_SESSION, "model"):
        costs = summarize(data, by=by, tz=tz, metrics=[EFFECTIVE_COST]).dropna(subset=[by])
        if len(costs):
            amounts = np.nan_to_num(to_finite(costs[EFFECTIVE_COST.name]))
            return by, costs[by].iloc[int(amounts.argmax())]
    return _SESSION, None


def _read_calls(data: Records, by: str, group: object) -> pd.DataFrame:
    """Return the rows of a group in memory."""
    # without a group, all values are gaps
    return collect(keep_rows(data, ~nw.col(by).is_null() if group is None else nw.col(by) == group))


def _find_flips(calls: pd.DataFrame, table: pd.DataFrame, flips: pd.DataFrame | None) -> pd.DataFrame:
    """Return the flips of these calls, with `place`, their numbers among the calls, counted from 0."""
    if flips is None:
        known = calls[[name for name in calls if name not in OPTIONAL or calls[name].notna().any()]]
        flips = cache_flips(known, table)
    place = pd.Series(np.arange(len(calls)), calls["requested_id"]).groupby(level=0).first()
    found = flips.assign(place=flips["requested_id"].map(place))
    return found.dropna(subset=["place"]).astype({"place": int})


def _describe_losses(lost: pd.DataFrame, calls: pd.DataFrame) -> str:
    """Return the number of flips and their loss, which is an upper bound, and the largest ones."""
    if lost.empty:
        unknown = int(np.isnan(to_finite(calls["cache_read_tokens"])).sum())
        return f"none is known to have lost the cache ({unknown:,} unknown)" if unknown else "none lost the cache"
    total = float(lost["loss"].sum())
    most = f", at most {format_value(total, Unit.USD)} in all" if lost["loss"].notna().any() else ""
    largest = lost.sort_values("loss", ascending=False, kind="stable", na_position="last").head(_MOST_NAMED)
    named = [_describe_flip(row) for row in largest.to_dict("records")]
    rest = [f"{len(lost) - len(named):,} smaller"] if len(lost) > len(named) else []
    return f"{len(lost):,} lost the cache{most}: {'; '.join(named + rest)}"


def _describe_flip(flip: Mapping[Any, Any]) -> str:
    amount = "" if pd.isna(flip["loss"]) else f"at most {format_value(flip['loss'], Unit.USD)}, "
    return f"call {flip['place'] + 1:,}: {amount}{flip['cause']}"


def _draw_calls(ax: Axes, calls: pd.DataFrame, lost: pd.DataFrame) -> None:
    prompt = np.nan_to_num(to_finite(calls["native_tokens_prompt"])).clip(min=0)
    parts = _divide(calls, prompt)
    numbers, bottom = np.arange(1, len(calls) + 1), np.zeros(len(calls))
    texts = [f"call {number:,}" for number in numbers]
    handles: list[Any] = []
    for label, part in parts.items():
        add_series(ax, label, [_draw_layer(ax, label, numbers, bottom, part)])
        handles.insert(0, Patch(color=_PARTS[label], label=label))
        shown = [f"\n{label}: {format_value(amount, Unit.TOKENS)}" if amount else "" for amount in part]
        texts = [f"{text}{more}" for text, more in zip(texts, shown, strict=True)]
        bottom = bottom + part
    top = float(prompt.max()) or 1.0
    ax.set(xlim=(0.3, len(calls) + 0.7), ylim=(0, 1.1 * top))
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    set_linear(ax.xaxis, Unit.COUNT)
    set_linear(ax.yaxis, Unit.TOKENS)
    marked = lost[lost["place"] < len(calls)]
    if len(marked):
        handles.append(_mark_flips(ax, marked, prompt + 0.03 * top))
        for flip in marked.to_dict("records"):
            texts[flip["place"]] = f"{texts[flip['place']]}\nlost the cache: {_describe_flip(flip).partition(': ')[2]}"
    add_columns(ax, (numbers - 0.5).tolist(), (numbers + 0.5).tolist(), texts)
    draw_legend(ax, handles)


def _draw_layer(ax: Axes, label: str, numbers: np.ndarray, bottom: np.ndarray, part: np.ndarray) -> StepPatch:
    """Draw a part of all calls as one area of bars; between them, its height is 0."""
    is_wide = len(numbers) <= _FEW
    half = (_WIDE if is_wide else _NARROW) / 2
    edges = np.stack([numbers - half, numbers + half], axis=1).ravel()
    base, tops = (np.repeat(heights, 2)[:-1] for heights in (bottom, bottom + part))
    tops[1::2] = base[1::2]
    look: dict[str, Any] = {"edgecolor": find_look(ax).paper, "linewidth": 0.4 if is_wide else 0}
    return ax.stairs(tops, edges, baseline=base, fill=True, facecolor=_PARTS[label], label=label, **look)


def _divide(calls: pd.DataFrame, prompt: np.ndarray) -> dict[str, np.ndarray]:
    """Return the parts of the prompts that any call has, by their names."""
    cached = to_finite(calls["cache_read_tokens"])
    unknown = np.where(np.isnan(cached), prompt, 0.0)
    read = np.minimum(np.nan_to_num(cached), prompt)
    written = np.minimum(np.nan_to_num(to_finite(calls["cache_write_tokens"])), prompt - read - unknown)
    parts = (read, written, prompt - read - written - unknown, unknown)
    return {label: part for label, part in zip(_PARTS, parts, strict=True) if part.any()}


def _mark_flips(ax: Axes, lost: pd.DataFrame, above: np.ndarray) -> Line2D:
    """Mark the calls that lost the cache."""
    places = lost["place"].to_numpy()
    look: dict[str, Any] = {"color": LOSS, "marker": "v", "linestyle": "", "label": "lost the cache"}
    (marks,) = ax.plot(places + 1, above[places], **look)
    add_series(ax, "lost the cache", [marks])
    return marks
