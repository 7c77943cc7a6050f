"""The chart of the cumulative savings of prompt caching."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from genanalytics.base.opening import opens_paths
from genanalytics.metrics import summarize
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import TIME, Period
from genanalytics.plots.axis import MoneyFormatter, name_period, set_linear, set_times
from genanalytics.plots.bars import find_periods
from genanalytics.plots.caching import NOTHING_REPORTED
from genanalytics.plots.content import add_columns, add_series
from genanalytics.plots.groups import any_known, describe_basis, describe_undated, name_subject, to_finite
from genanalytics.plots.palette import GAIN, LOSS, find_look
from genanalytics.plots.style import draw_legend, style_axes, write_empty, write_title
from genanalytics.units import Unit, format_count, format_value, money_decimals

_SUBJECT = "Cumulative savings of prompt caching"
_NET = "net_cache_savings"
_LINES = {"read_savings": "read savings", _NET: "net", "write_premium": "write premium"}
"""The lines over time, and their names, in the order of the legend."""
_MOST_POINTS = 300
"""The most points of the line over groups."""
_MOST_TEXTS = 60


@opens_paths("data")
def cache_payback(
    data: Records,
    *,
    by: str | None = None,
    every: Period = "day",
    tz: str = "UTC",
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the cumulative savings of prompt caching: above 0 it has paid back.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: None adds up over time. A column, such as `session_id`, adds up over its groups, the largest loss first: the
            line falls by all losses, then rises. Rows without a group are left out.
        every: The period, to add up over time: `minute`, `hour`, `day`, `week` or `month`.
        tz: The time zone, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone or period, or there are too many periods.
    """
    if by is None:
        sums = summarize(data, every=every, tz=tz, metrics=[*_LINES])
        subject, across = _SUBJECT, f"{every} ({tz})"
        details = ["only generations with a reported discount", describe_undated(sums)]
    else:
        sums = summarize(data, by=by, tz=tz, metrics=[_NET])
        subject, across = f"{_SUBJECT}, by {name_subject(by)}", f"{name_subject(by)}s, the largest loss first"
        details = _describe_losses(sums, by)
    with style_axes(ax) as axes:
        write_title(axes, subject, [describe_basis(data, tz), *details], title=title, subtitle=subtitle)
        axes.set(ylabel="cumulative savings (US$)", xlabel=across)
        drawn = _draw_over_time(axes, sums, every) if by is None else _draw_over_groups(axes, sums, by)
        if not drawn:
            return write_empty(axes, NOTHING_REPORTED)
        axes.axhline(0, color=find_look(axes).soft, linewidth=0.8)
        axes.yaxis.set_major_formatter(MoneyFormatter())
        return axes


def _draw_over_time(ax: Axes, sums: pd.DataFrame, every: Period) -> bool:
    """Draw cumulative savings, premium and the net of both; return whether any is known."""
    unfinished = find_periods(sums, every)
    dated = sums.dropna(subset=[TIME])
    if not any_known(dated, _NET):
        return False
    places, width = set_times(ax, pd.DatetimeIndex(unfinished.index), every)
    ends = np.concatenate([places, [places[-1] + width]])  # before the first period nothing was saved
    texts = [name_period(start, every) for start in unfinished.index]
    handles = []
    looks = ((GAIN, 1.2, 1), (find_look(ax).ink, 2.2, 1), (LOSS, 1.2, -1))
    for (name, label), (color, linewidth, sign) in zip(_LINES.items(), looks, strict=True):
        running = np.concatenate([[0.0], (sign * np.nan_to_num(to_finite(dated[name]))).cumsum()])
        handles += ax.plot(ends, running, color=color, linewidth=linewidth, label=label)
        add_series(ax, label, handles[-1:])
        amounts = [format_value(amount, Unit.USD) for amount in running[1:]]
        texts = [f"{text}\n{label}: {amount}" for text, amount in zip(texts, amounts, strict=True)]
        if name == _NET:
            _fill(ax, ends, running)
    draw_legend(ax, handles)
    add_columns(ax, ends[:-1].tolist(), ends[1:].tolist(), texts)
    ax.set_xlim(ends[0], ends[-1] - width / 100)  # no tick for the period after the last one
    return True


def _list_savings(groups: pd.DataFrame, by: str) -> np.ndarray:
    """Return the known net savings of groups in rising order."""
    known = to_finite(groups[_NET][groups[by].notna()])
    return np.sort(known[np.isfinite(known)])


def _describe_losses(groups: pd.DataFrame, by: str) -> list[str]:
    """Return how much caching lost in how many groups, and what is left out."""
    saved, noun = _list_savings(groups, by), name_subject(by)
    lost = saved[saved < 0]
    decimals = money_decimals([float(lost.sum()), float(saved.sum())])
    loss, net = (format_value(float(amount), Unit.USD, decimals=decimals) for amount in (-lost.sum(), saved.sum()))
    outside = int(groups["requests"][groups[by].isna()].sum())
    unknown = int(groups[by].notna().sum()) - len(saved)
    return [
        f"caching lost {loss} in {len(lost):,} of {format_count(len(saved), noun)}; net {net}",
        f"{NOTHING_REPORTED} for {unknown:,} more" if unknown else "",
        f"{format_count(outside, 'generation')} without a {noun} left out" if outside else "",
    ]


def _draw_over_groups(ax: Axes, groups: pd.DataFrame, by: str) -> bool:
    """Draw cumulative savings over groups, the largest loss first; return whether any is known."""
    saved, noun = _list_savings(groups, by), name_subject(by)
    if not len(saved):
        return False
    places, running = np.arange(len(saved) + 1), np.concatenate([[0.0], saved.cumsum()])
    kept = np.union1d(np.linspace(0, len(saved), _MOST_POINTS).astype(int), [running.argmin(), (saved < 0).sum()])
    ax.plot(places[kept], running[kept], color=find_look(ax).ink, linewidth=2.2)
    _fill(ax, places[kept], running[kept])
    ends = np.unique(np.linspace(0, len(saved), min(len(saved), _MOST_TEXTS) + 1).astype(int))
    texts = [f"the first {format_count(int(end), noun)}: {format_value(running[end], Unit.USD)}" for end in ends[1:]]
    add_columns(ax, ends[:-1].tolist(), ends[1:].tolist(), texts)
    ax.set_xlim(0, len(saved))
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    set_linear(ax.xaxis, Unit.COUNT)
    return True


def _fill(ax: Axes, places: np.ndarray, running: np.ndarray) -> None:
    """Fill between a line and 0, in one color above 0 and another below."""
    for color, where in ((GAIN, running >= 0), (LOSS, running <= 0)):
        ax.fill_between(places, running, where=where.tolist(), interpolate=True, color=color, alpha=0.25, linewidth=0)
