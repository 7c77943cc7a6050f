"""How generations ended."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from genanalytics.metrics import summarize
from genanalytics.metrics.grouping.keys import TIME
from genanalytics.plots.axis import linear
from genanalytics.plots.bars import Layer, stack, stretches
from genanalytics.plots.groups import numbers, rests_on, undated
from genanalytics.plots.style import GREY, HUES, labelled_empty, styled, titled
from genanalytics.units import Unit

_COMPLETED = ("stop", "tool_calls", "complete")
_ENDINGS = {"error": "error", "length": "truncated", "content_filter": "filtered"}
_COLOURS = {
    "error": HUES[2],
    "cancelled": HUES[1],
    "truncated": HUES[0],
    "filtered": HUES[3],
    "no reason given": GREY,
    "another reason": "#c9c9cf",
}
"""The endings, from the bottom of the stack to its top."""


def outcomes(data: object, *, every: str = "day", tz: str = "UTC", ax: Axes | None = None) -> Axes:
    """Return axes with the shares of generations that did not complete, stacked, and that of fallbacks as a line.

    What is left to 100 % completed (`finish_reason` stop, tool_calls or complete). A cancelled generation counts as
    cancelled, whatever its reason. A fallback (two or more providers tried) can complete, so that it is not a part of
    the stack. All of it is among recorded generations: a request that never got an id is invisible.

    Args:
        data: What `summarize` takes.
        every: The stretch of time: `minute`, `hour`, `day`, `week` or `month`.
        tz: The zone of these, by its IANA name.
        ax: Where to draw; a new figure without it.

    Raises:
        MissingColumnError: The data lacks a column that is needed.
        InputError: There is no such zone or stretch of time, or there are too many stretches.
    """
    totals = summarize(data, every=every, tz=tz, metrics=["fallback_rate"])
    endings = summarize(data, by=["finish_reason", "cancelled"], every=every, tz=tz, metrics=[])
    unfinished = stretches(totals, every)
    with styled(ax) as axes:
        details = [rests_on(data, tz), "the rest to 100 % completed", undated(totals)]
        titled(axes, "How generations ended, other than completed", details)
        axes.set_ylabel("share of recorded generations")
        axes.set_xlabel(f"{every} ({tz})")
        if unfinished.empty:
            return labelled_empty(axes, "no dated generation")
        dated = totals.dropna(subset=[TIME])
        fallbacks = numbers(dated["fallback_rate"])
        line = Layer("fallbacks", "black", fallbacks) if np.isfinite(fallbacks).any() else None
        stack(axes, unfinished, _layers(endings, dated), every=every, tz=tz, line=line)
        linear(axes.yaxis, Unit.SHARE)
        axes.set_ylim(0, max(0.01, axes.get_ylim()[1]))
        return axes


def _layers(endings: pd.DataFrame, totals: pd.DataFrame) -> list[Layer]:
    """Return the share of each ending that occurs, one per stretch of time."""
    dated = endings.dropna(subset=[TIME])
    reason = dated["finish_reason"].map(_ENDINGS).astype("object")
    reason = reason.where(reason.notna(), "another reason").mask(dated["finish_reason"].isna(), "no reason given")
    ending = reason.mask(dated["cancelled"].astype("boolean").fillna(value=False), "cancelled")
    left = dated.assign(ending=ending)[~(dated["finish_reason"].isin(_COMPLETED) & (ending != "cancelled"))]
    table = left.pivot_table(index=TIME, columns="ending", values="requests", aggfunc="sum").reindex(totals[TIME])
    n = numbers(totals["requests"].replace(0, pd.NA))
    return [
        Layer(name, colour, numbers(table[name]) / n)
        for name, colour in _COLOURS.items()
        if name in table and table[name].sum() > 0
    ]
