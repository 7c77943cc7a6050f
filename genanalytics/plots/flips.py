"""The chart of a session's prompt cache: what each call read, wrote and paid in full."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from genanalytics.bill.calls import OPTIONAL
from genanalytics.bill.flips import cache_flips
from genanalytics.bill.itemized import add_items
from genanalytics.bill.prices import prices
from genanalytics.metrics import EFFECTIVE_COST, summarize
from genanalytics.metrics.engines.source import Covered, Records, find_coverage_of
from genanalytics.plots.axis import add_unit, set_linear
from genanalytics.plots.groups import describe_basis, name_subject, shorten_group, to_finite
from genanalytics.plots.style import GREY, HUES, INK, LOSS, SMALL, draw_legend, style_axes, write_empty, write_title
from genanalytics.records.coverage import COVERAGE
from genanalytics.records.frame import to_frame
from genanalytics.units import Unit, format_count, format_value

_SESSION = "session_id"
_PARTS = {"read from the cache": HUES[3], "written to the cache": HUES[2], "neither": HUES[0]}
"""The colours of cache reads, cache writes and input, as in the chart of the items."""
_MOST_CALLS = 400
_MOST_LABELS = 5
_WIDE, _NARROW = 0.8, 1.0
_FEW = 60
"""Up to this many calls have a gap between their bars."""


def session_cache(
    data: Records,
    *,
    session: str | None = None,
    flips: pd.DataFrame | None = None,
    tz: str = "UTC",
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the prompt of each call of a session, in order: tokens read from the cache, written, and neither.

    Calls that lost the cache of the session have a mark; the largest losses have their amount and their cause.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame. The rows of one session
            are read into memory.
        session: The `session_id`; None for the most expensive session. Without any `session_id` in the data, the chart
            shows the calls of the most expensive model.
        flips: The result of `ga.cache_flips`; computed for the session if it is not given.
        tz: The time zone of the dates, by its IANA name.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone.
    """
    by, group = (_SESSION, session) if session is not None else _choose_group(data, tz)
    table = prices(data)
    calls = _read_calls(add_items(data, table), by, group)
    calls = calls[calls["native_tokens_prompt"].notna()]
    calls = calls.sort_values(["created_at", "requested_id"], kind="stable", ignore_index=True)
    with style_axes(ax) as axes:
        named = f"the {name_subject(by)} {shorten_group(group)}" if len(calls) else "a session"
        axes.set_xlabel("call of the session, in the order of time" if by == _SESSION else "call, in the order of time")
        axes.set_ylabel(add_unit("prompt", Unit.TOKENS))
        subject = f"What the cache held in {named}"
        if not len(calls):
            write_title(axes, subject, [describe_basis(data, tz)])
            return write_empty(axes, "no call with known tokens")
        lost = _find_flips(calls, table, flips)
        some = f"the first {_MOST_CALLS} of {len(calls):,} calls" if len(calls) > _MOST_CALLS else ""
        write_title(axes, subject, [describe_basis(calls, tz), some, _describe_losses(lost)])
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
    """Return the rows of a group in memory, with their coverage as a part of the data."""
    native: Any = data.data if isinstance(data, Covered) else data
    rows = nw.from_native(native)
    kept = rows.filter(nw.col(by) == group) if group is not None else rows.filter(nw.lit(value=False))
    if isinstance(native, pd.DataFrame):
        found: pd.DataFrame = kept.to_native()
    else:
        found = to_frame(kept.lazy().collect(backend="pyarrow").to_native())
    coverage = find_coverage_of(data)
    found.attrs = {COVERAGE: replace(coverage, part=True).to_json()} if coverage is not None else {}
    return found


def _find_flips(calls: pd.DataFrame, table: pd.DataFrame, flips: pd.DataFrame | None) -> pd.DataFrame:
    """Return the flips of these calls, with `place`, their numbers among the calls, counted from 0."""
    if flips is None:
        known = calls[[name for name in calls if name not in OPTIONAL or calls[name].notna().any()]]
        flips = cache_flips(known, table)
    place = pd.Series(np.arange(len(calls)), calls["requested_id"]).groupby(level=0).first()
    found = flips.assign(place=flips["requested_id"].map(place))
    return found.dropna(subset=["place"]).astype({"place": int})


def _describe_losses(lost: pd.DataFrame) -> str:
    """Return the number of flips and their loss, which is an upper bound."""
    if lost.empty:
        return "no call lost the cache"
    total = lost["loss"].sum(min_count=1)
    most = "" if pd.isna(total) else f", at most {format_value(total, Unit.USD)} in all"
    return f"{format_count(len(lost), 'call')} lost the cache{most}"


def _draw_calls(ax: Axes, calls: pd.DataFrame, lost: pd.DataFrame) -> None:
    prompt = np.nan_to_num(to_finite(calls["native_tokens_prompt"])).clip(min=0)
    read = np.minimum(np.nan_to_num(to_finite(calls["cache_read_tokens"])), prompt)
    written = np.minimum(np.nan_to_num(to_finite(calls["cache_write_tokens"])), prompt - read)
    numbers, bottom = np.arange(1, len(calls) + 1), np.zeros(len(calls))
    width = _WIDE if len(calls) <= _FEW else _NARROW
    for (label, colour), heights in zip(_PARTS.items(), (read, written, prompt - read - written), strict=True):
        ax.bar(numbers, heights, bottom=bottom, width=width, color=colour, label=label, linewidth=0)
        bottom = bottom + heights
    shown = lost[lost["place"] < len(calls)]
    top = float(prompt.max()) or 1.0
    ax.set(xlim=(0.3, len(calls) + 0.7), ylim=(0, 1.22 * top if len(shown) else 1.05 * top))
    handles: list[Any] = [Patch(color=colour, label=label) for label, colour in reversed(_PARTS.items())]
    if len(shown):
        handles.append(_mark_flips(ax, shown, prompt, top))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    set_linear(ax.xaxis, Unit.COUNT)
    set_linear(ax.yaxis, Unit.TOKENS)
    draw_legend(ax, handles)


def _mark_flips(ax: Axes, lost: pd.DataFrame, prompt: np.ndarray, top: float) -> Line2D:
    """Mark the calls that lost the cache, and write the largest losses above them."""
    places = lost["place"].to_numpy()
    (marks,) = ax.plot(
        places + 1,
        prompt[places] + 0.03 * top,
        color=LOSS,
        marker="v",
        markersize=6,
        linestyle="",
        label="lost the cache",
    )
    largest = lost.sort_values("loss", ascending=False, kind="stable", na_position="last").head(_MOST_LABELS)
    for row in largest.sort_values("place").itertuples():
        ax.annotate(
            "\n".join(_describe_flip(row.loss, row.cause)),
            (row.place + 1, prompt[row.place] + 0.03 * top),
            (0, 6),
            textcoords="offset points",
            fontsize=SMALL,
            color=INK,
            ha="center",
            va="bottom",
        )
    return marks


def _describe_flip(loss: Any, cause: str) -> Sequence[str]:  # noqa: ANN401 - may be a gap
    return [cause] if pd.isna(loss) else [f"≤ {format_value(loss, Unit.USD)}", cause]
