"""The chart of what was paid but not used."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from genanalytics.base.opening import opens_paths
from genanalytics.decide.losses.waste import CERTAIN, FALLBACK, SUSPECTED, UPPER_BOUND, waste
from genanalytics.metrics.engines.source import Records
from genanalytics.plots.axis import add_unit, count_decimals, set_linear
from genanalytics.plots.columns import ABOVE, write_columns
from genanalytics.plots.content import add_series, add_value
from genanalytics.plots.groups import describe_basis, to_finite
from genanalytics.plots.palette import GREY, LOSS, find_look
from genanalytics.plots.style import (
    HATCH,
    draw_legend,
    set_rows,
    style_axes,
    write_empty,
    write_title,
)
from genanalytics.units import Unit, format_count, format_value, mark_lower_bound

_KINDS = (CERTAIN, UPPER_BOUND, SUSPECTED)
"""The kinds of classes with costs, from top to bottom."""
_WHAT = {CERTAIN: "not used", UPPER_BOUND: "at most", SUSPECTED: "suspected"}
"""The kinds in the legend."""


@opens_paths("data")
def unused_cost(
    data: Records,
    *,
    tz: str = "UTC",
    ledger: pd.DataFrame | None = None,
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with a bar per class of waste: what was paid but not used, by outcome and by cause.

    The classes come from `ga.waste`. No dollar is in two of them. What is certain comes first; a hatched bar is an
    upper bound; the line of suspected near-duplicates is their 95 % interval. Classes without a cost have no bar.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        tz: The time zone of days, by its IANA name.
        ledger: The result of `ga.waste(data)`; computed if it is not given.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone.
    """
    basis = describe_basis(data, tz)
    found = waste(data) if ledger is None else ledger
    shown = _choose_rows(found)
    with style_axes(ax, grid="x") as axes:
        details = [_describe_totals(found, shown), basis, _describe_time(found), _describe_gaps(found)]
        write_title(axes, "Paid but not used", details, title=title, subtitle=subtitle)
        axes.set_xlabel(add_unit("cost", Unit.USD))
        if shown.empty:
            return write_empty(axes, _explain_nothing(found))
        set_rows(axes, shown["class"].tolist(), above=ABOVE)
        _draw_bars(axes, shown)
        _write_figures(axes, shown, partial=bool(found.attrs["partial"]))
        return axes


def _choose_rows(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return the classes with a cost: the certain ones first, in each kind the most expensive first."""
    paid = ledger[ledger["kind"].isin(_KINDS) & (ledger["cost"].fillna(0.0) > 0)]
    kinds = paid["kind"].map({kind: place for place, kind in enumerate(_KINDS)})
    return paid.assign(place=kinds).sort_values(["place", "cost"], ascending=[True, False], kind="stable")


def _describe_totals(ledger: pd.DataFrame, shown: pd.DataFrame) -> str:
    """Return the sums of what is certain, and of what comes on top at most; "" if nothing has a cost."""
    if shown.empty:
        return ""
    totals = ledger.attrs["totals"]
    mark = mark_lower_bound if ledger.attrs["partial"] else str
    amount = mark(format_value(totals[CERTAIN], Unit.USD))
    share = f" ({format_value(totals[CERTAIN] / totals['bill'], Unit.SHARE)} of the bill)" if totals["bill"] else ""
    more = f", and up to {format_value(totals[UPPER_BOUND], Unit.USD)} more" if totals[UPPER_BOUND] else ""
    return f"not used: {amount}{share}{more}"


def _describe_time(ledger: pd.DataFrame) -> str:
    """Return the time of attempts that failed before another one succeeded, which cost no money; "" for none."""
    (lost,) = to_finite(ledger.loc[ledger["class"] == FALLBACK, "time_ms"])
    return f"fallbacks took {format_value(float(lost), Unit.MS)} and no money" if lost > 0 else ""


def _describe_gaps(ledger: pd.DataFrame) -> str:
    """Return the classes that cannot be judged; "" for none."""
    names = ledger.loc[ledger["gap"].notna() & (ledger["class"] != FALLBACK), "class"].tolist()
    return f"not judged: {', '.join(names)}" if names else ""


def _explain_nothing(ledger: pd.DataFrame) -> str:
    """Return why there is no bar."""
    classes = ledger[ledger["kind"].isin(_KINDS)]
    judged = int(classes["gap"].isna().sum())
    if not judged:
        return str(classes["gap"].iloc[0])
    every = "any class of waste" if judged == len(classes) else f"the {judged} classes of waste that can be judged"
    return f"nothing was paid in {every}"


def _draw_bars(ax: Axes, shown: pd.DataFrame) -> None:
    """Draw a bar per class, with the look of its kind, and the interval of a suspected one."""
    look, handles = find_look(ax), []
    looks: dict[str, dict[str, Any]] = {
        CERTAIN: {"facecolor": LOSS},
        UPPER_BOUND: {"facecolor": look.paper, "edgecolor": LOSS, "hatch": HATCH},
        SUSPECTED: {"facecolor": GREY},
    }
    rows = pd.Series(np.arange(len(shown)), shown.index)
    for kind in _KINDS:
        part = shown[shown["kind"] == kind]
        if part.empty:
            continue
        drawn = ax.barh(rows[part.index], to_finite(part["cost"]), height=0.7, label=_WHAT[kind], **looks[kind])
        add_series(ax, _WHAT[kind], list(drawn))
        handles.append(Patch(label=_WHAT[kind], **looks[kind]))
    low, high = (to_finite(shown[name]) for name in ("cost_low", "cost_high"))
    ax.hlines(rows, low, high, color=look.ink, linewidth=1.4)
    ax.set_xlim(0, 1.04 * float(np.nanmax([to_finite(shown["cost"]), high])))
    ax.xaxis.set_major_locator(MaxNLocator(6))
    set_linear(ax.xaxis, Unit.USD)
    draw_legend(ax, handles)


def _write_figures(ax: Axes, shown: pd.DataFrame, *, partial: bool) -> None:
    """Write the cost, its share of the bill and the number of requests to the right of each row."""
    decimals = count_decimals(ax.get_xticks())
    signs = {CERTAIN: mark_lower_bound if partial else str, UPPER_BOUND: "≤ {}".format, SUSPECTED: str}
    amounts = [
        signs[kind](format_value(cost, Unit.USD, decimals=decimals))
        for kind, cost in zip(shown["kind"], shown["cost"], strict=True)
    ]
    shares = [format_value(share, Unit.SHARE) for share in shown["share"]]
    names = shown["class"].tolist()
    write_columns(ax, {"cost": amounts, "share": shares, "requests": [f"{number:,}" for number in shown["requests"]]})
    for row, (name, kind, number) in enumerate(zip(names, shown["kind"], shown["requests"], strict=True)):
        text = f"{name}: {amounts[row]}, {shares[row]} of the bill\n{format_count(int(number), 'request')}"
        add_value(ax, text, ax.get_xlim(), (row - 0.5, row + 0.5), series=_WHAT[kind])
