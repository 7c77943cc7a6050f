"""The chart of outcomes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from genanalytics.base.opening import opens_paths
from genanalytics.metrics import summarize
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import TIME, Period, find_zone
from genanalytics.plots.axis import name_period, set_linear, set_times
from genanalytics.plots.bars import find_periods
from genanalytics.plots.content import add_columns
from genanalytics.plots.groups import choose_mark, describe_basis, describe_undated, find_period, to_finite
from genanalytics.plots.palette import GREY, HUES, LOSS, find_look
from genanalytics.plots.panels import add_panels, draw_steps, label_outer, write_panel_title
from genanalytics.plots.style import HATCH, SMALL, draw_grid, style_axes, write_empty, write_title
from genanalytics.units import Unit, format_value

_COMPLETED = ("stop", "tool_calls", "complete")
_ENDINGS = {"error": "error", "length": "truncated", "content_filter": "filtered"}
_COLORS = {
    "error": LOSS,
    "cancelled": HUES[1],
    "truncated": HUES[0],
    "filtered": HUES[2],
    "no reason given": GREY,
    "another reason": GREY,
}
"""The endings, in the order of their panels."""
_FALLBACKS = "fallbacks"
_ENOUGH = 20
"""An average period needs this many generations that did not complete; otherwise longer periods are better."""
_FEW_DAYS, _FEW_WEEKS, _MOST_BARS = 14, 26, 62
"""Up to this many days, or weeks, longer periods would leave too few bars; more bars than the last are too thin."""
_LABELS = 26.0
"""The room of the labels of a panel with a scale of its own, in points."""
_ALIKE = 5.0
"""Panels have one scale if their highest bars differ by at most this factor."""


class _Panel(NamedTuple):
    """A panel: its name, its color, its number and share of all generations as texts, and its share of each period."""

    name: str
    color: str
    more: tuple[str, ...]
    shares: np.ndarray

    @property
    def highest(self) -> float:
        return float(np.nanmax(self.shares))


@opens_paths("data")
def outcomes(
    data: Records,
    *,
    every: Period | None = None,
    tz: str = "UTC",
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with a small panel for each way in which generations did not complete: its share of each period.

    The rest to 100 % completed (`finish_reason` stop, tool_calls or complete). A cancelled generation counts as
    cancelled, with any reason. A fallback (two or more providers tried) can complete, so its panel is not one of the
    endings. Shares are among recorded generations: a request that never got an id is not included.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        every: The period: `minute`, `hour`, `day`, `week` or `month`. None chooses days, or weeks or months if days
            have few generations that did not complete.
        tz: The time zone, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure. The panels are its `child_axes`.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone or period, or there are too many periods.
    """
    period = every or choose_period(data, tz)
    totals = summarize(data, every=period, tz=tz, metrics=["fallback_rate"])
    unfinished = find_periods(totals, period, ends=find_period(data))
    endings = summarize(data, by=["finish_reason", "cancelled"], every=period, tz=tz, metrics=[])
    fallbacks = summarize(data, tz=tz, metrics=["fallback_rate"])["fallback_rate"].iloc[0]
    panels = _list_panels(endings, totals, format_value(fallbacks, Unit.SHARE))
    with style_axes(ax, grid="") as axes:
        differ = "" if _have_one_scale(panels) else "scales differ"
        hatched = f"hatched: incomplete {period}" if unfinished.any() else ""
        details = [describe_basis(data, tz), "all others completed", differ, hatched, describe_undated(totals)]
        write_title(axes, "How generations ended, other than completed", details, title=title, subtitle=subtitle)
        axes.set_ylabel("share of generations")
        axes.set_xlabel(f"{period} ({tz})")
        if unfinished.empty:
            return write_empty(axes, "no dated generation")
        if not panels:
            return write_empty(axes, _describe_completed(totals.dropna(subset=[TIME])))
        _draw_panels(axes, panels, unfinished, period)
        return axes


def choose_period(data: Records, tz: str) -> Period:
    """Return the shortest period with enough generations that did not complete, and not too many periods."""
    whole = _read_endings(summarize(data, by=["finish_reason", "cancelled"], tz=tz, metrics=[]))
    failed = int(whole["requests"][whole["ending"].notna()].sum())
    edges = find_period(data)
    if edges is None:
        return "day"
    first, last = (edge.tz_convert(find_zone(tz)) for edge in edges)
    days = (last - first) / pd.Timedelta(days=1) + 1
    if days <= _FEW_DAYS or (failed / days >= _ENOUGH and days <= _MOST_BARS):
        return "day"
    weeks = days / 7
    return "week" if weeks <= _FEW_WEEKS or (failed / weeks >= _ENOUGH and weeks <= _MOST_BARS) else "month"


def _read_endings(groups: pd.DataFrame) -> pd.DataFrame:
    """Return groups by `finish_reason` and `cancelled` with their ending; a gap for those that completed."""
    reason = groups["finish_reason"].map(_ENDINGS).astype("object")
    reason = reason.where(reason.notna(), "another reason").mask(groups["finish_reason"].isna(), "no reason given")
    cancelled = groups["cancelled"].astype("boolean").fillna(value=False)
    completed = groups["finish_reason"].isin(_COMPLETED) & ~cancelled
    return groups.assign(ending=reason.mask(cancelled, "cancelled").mask(completed))


def _list_panels(endings: pd.DataFrame, totals: pd.DataFrame, with_fallback: str) -> list[_Panel]:
    """Return a panel for each ending that occurs, and one for fallbacks."""
    dated = totals.dropna(subset=[TIME])
    n = to_finite(dated["requests"].replace(0, pd.NA))
    found = _read_endings(endings.dropna(subset=[TIME])).dropna(subset=["ending"])
    table = found.pivot_table(index=TIME, columns="ending", values="requests", aggfunc="sum").reindex(dated[TIME])
    mark = choose_mark(totals, "requests")
    panels = []
    for name, color in _COLORS.items():
        number = int(table[name].sum()) if name in table else 0
        if number:
            share = format_value(number / np.nansum(n), Unit.SHARE)
            shares = np.nan_to_num(to_finite(table[name])) / n
            panels.append(_Panel(name, color, (mark(f"{number:,}"), f"({share})"), shares))
    fallbacks = to_finite(dated["fallback_rate"])
    if np.nansum(fallbacks):
        panels.append(_Panel(_FALLBACKS, HUES[3], (with_fallback,), fallbacks))
    return panels


def _have_one_scale(panels: Sequence[_Panel]) -> bool:
    highest = [panel.highest for panel in panels]
    return not panels or max(highest) <= _ALIKE * min(highest)


def _describe_completed(totals: pd.DataFrame) -> str:
    """Return a sentence in place of panels."""
    number = int(totals["requests"].sum())
    known = to_finite(totals["fallback_rate"])
    rest = ", none with a fallback" if np.isfinite(known).any() else ""
    return f"{'The one' if number == 1 else f'All {number:,}'} recorded completed{rest}"


def _draw_panels(ax: Axes, panels: Sequence[_Panel], unfinished: pd.Series, every: Period) -> None:
    """Draw the shares of each panel as bars; incomplete periods are hatched."""
    one_scale, highest = _have_one_scale(panels), max(panel.highest for panel in panels)
    inner = add_panels(ax, len(panels), labels=0.0 if one_scale else _LABELS)
    for own, panel in zip(inner, panels, strict=True):
        draw_grid(own, "y")
        places, width = set_times(own, pd.DatetimeIndex(unfinished.index), every)
        draw_steps(own, places, width, np.where(unfinished, 0, panel.shares), panel.color)
        if unfinished.any():
            area = draw_steps(own, places, width, np.where(unfinished, panel.shares, 0), panel.color)
            area.set(hatch=HATCH, facecolor=find_look(own).paper, edgecolor=panel.color)
        write_panel_title(own, panel.name, *panel.more)
        own.set_ylim(0, 1.05 * (highest if one_scale else panel.highest))
        own.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        set_linear(own.yaxis, Unit.SHARE)
        own.tick_params(labelsize=SMALL)
        texts = [
            f"{name_period(start, every)}\n{panel.name}: {format_value(share, Unit.SHARE)}"
            for start, share in zip(unfinished.index, panel.shares, strict=True)
        ]
        add_columns(own, (places - width / 2).tolist(), (places + width / 2).tolist(), texts)
    label_outer(inner)
    if not one_scale:
        for own in inner:
            own.tick_params(labelleft=True)
    ax.set_xlabel(ax.get_xlabel(), labelpad=28)
    ax.set_ylabel(ax.get_ylabel(), labelpad=42)
