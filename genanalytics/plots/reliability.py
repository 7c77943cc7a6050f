"""The chart of outcomes."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from genanalytics.base.opening import opens_paths
from genanalytics.metrics import summarize
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import TIME, Period
from genanalytics.plots.axis import set_linear
from genanalytics.plots.bars import Layer, draw_stack, find_periods
from genanalytics.plots.groups import describe_basis, describe_undated, to_finite
from genanalytics.plots.palette import GREY, HUES
from genanalytics.plots.style import style_axes, write_empty, write_title
from genanalytics.units import Unit

_COMPLETED = ("stop", "tool_calls", "complete")
_ENDINGS = {"error": "error", "length": "truncated", "content_filter": "filtered"}
_COLORS = {
    "error": HUES[2],
    "cancelled": HUES[1],
    "truncated": HUES[0],
    "filtered": HUES[3],
    "no reason given": GREY,
    "another reason": "#c9c9cf",
}
"""The endings, from the bottom of the stack to its top."""


@opens_paths("data")
def outcomes(
    data: Records,
    *,
    every: Period = "day",
    tz: str = "UTC",
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the shares of generations that did not complete, stacked, and the share of fallbacks as a line.

    The rest to 100 % completed (`finish_reason` stop, tool_calls or complete). A cancelled generation counts as
    cancelled, with any reason. A fallback (two or more providers tried) can complete, so it is not part of the
    stack. Shares are among recorded generations: a request that never got an id is not included.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        every: The period: `minute`, `hour`, `day`, `week` or `month`.
        tz: The time zone, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether the details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone or period, or there are too many periods.
    """
    totals = summarize(data, every=every, tz=tz, metrics=["fallback_rate"])
    endings = summarize(data, by=["finish_reason", "cancelled"], every=every, tz=tz, metrics=[])
    unfinished = find_periods(totals, every)
    with style_axes(ax) as axes:
        details = [describe_basis(data, tz), "the rest to 100 % completed", describe_undated(totals)]
        write_title(axes, "How generations ended, other than completed", details, title=title, subtitle=subtitle)
        axes.set_ylabel("share of recorded generations")
        axes.set_xlabel(f"{every} ({tz})")
        if unfinished.empty:
            return write_empty(axes, "no dated generation")
        dated = totals.dropna(subset=[TIME])
        fallbacks = to_finite(dated["fallback_rate"])
        line = Layer("fallbacks", "black", fallbacks) if np.isfinite(fallbacks).any() else None
        draw_stack(axes, unfinished, _make_layers(endings, dated), every=every, unit=Unit.SHARE, line=line)
        set_linear(axes.yaxis, Unit.SHARE)
        axes.set_ylim(0, max(0.01, axes.get_ylim()[1]))
        return axes


def _make_layers(endings: pd.DataFrame, totals: pd.DataFrame) -> list[Layer]:
    """Return the share per period of each ending that occurs."""
    dated = endings.dropna(subset=[TIME])
    reason = dated["finish_reason"].map(_ENDINGS).astype("object")
    reason = reason.where(reason.notna(), "another reason").mask(dated["finish_reason"].isna(), "no reason given")
    ending = reason.mask(dated["cancelled"].astype("boolean").fillna(value=False), "cancelled")
    left = dated.assign(ending=ending)[~(dated["finish_reason"].isin(_COMPLETED) & (ending != "cancelled"))]
    table = left.pivot_table(index=TIME, columns="ending", values="requests", aggfunc="sum").reindex(totals[TIME])
    n = to_finite(totals["requests"].replace(0, pd.NA))
    return [
        Layer(name, color, to_finite(table[name]) / n)
        for name, color in _COLORS.items()
        if name in table and table[name].sum() > 0
    ]
