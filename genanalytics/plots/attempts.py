"""The chart of failed attempts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from genanalytics.base.opening import opens_paths
from genanalytics.base.remembering import remembers
from genanalytics.decide.losses.fallbacks import MOST_ROWS
from genanalytics.errors import InputError
from genanalytics.metrics import attempt_summary
from genanalytics.metrics.declare import name_limits
from genanalytics.metrics.engines.memory import InMemory
from genanalytics.metrics.engines.protocol import CLUSTERS
from genanalytics.metrics.engines.source import Covered, Records, find_coverage_of, open_source
from genanalytics.plots.axis import set_linear
from genanalytics.plots.columns import ABOVE, write_columns
from genanalytics.plots.content import add_rows
from genanalytics.plots.groups import (
    check_top,
    choose_mark,
    describe_basis,
    describe_hidden,
    name_subject,
    shorten_group,
    to_finite,
)
from genanalytics.plots.palette import LOSS, choose_colors, find_look
from genanalytics.plots.style import set_rows, style_axes, write_empty, write_title
from genanalytics.records.frame import to_frame
from genanalytics.units import Unit, format_count, format_value

_READ = ("requested_id", "created_at", "provider_responses", *CLUSTERS)


@opens_paths("data")
def attempts_by_provider(
    data: Records,
    *,
    by: str = "provider_name",
    tz: str = "UTC",
    top: int = 12,
    colors: Mapping[Any, str] | None = None,
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the share of attempts that failed at each provider, with its 95 % interval; the worst is on top.

    An attempt is one call of a provider. A failed one is followed by an attempt at another provider, or the request
    fails. The shares come from `ga.attempt_summary`. Attempts without a status count as neither.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: The column of `ga.attempts` with a row per value: `provider_name`, `model_permaslug`, ...
        tz: The time zone of days, by its IANA name.
        top: The number of groups with a row: those with the most attempts.
        colors: The colors of groups; others are red.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone or color, `top` is below 1, or data outside of memory has more than two
            million records.
    """
    basis = describe_basis(data, tz)
    found = _summarize(data, by)
    known = found[found["success_rate"].notna()].sort_values("attempts", ascending=False, kind="stable")
    shown = known.head(check_top(top)).sort_values("success_rate", kind="stable")
    with style_axes(ax, grid="x") as axes:
        some = describe_hidden(len(shown), len(known), "attempts")
        details = [basis, "lines: 95 % intervals", some, _describe_without(found)]
        write_title(axes, f"Failed attempts by {name_subject(by)}", details, title=title, subtitle=subtitle)
        axes.set_xlabel("share of the attempts that failed")
        if shown.empty:
            return write_empty(axes, "no attempt with a known status")
        groups = list(shown[by])
        _draw_shares(axes, shown, choose_colors(groups, colors, usual=dict.fromkeys(groups, LOSS)))
        names = [shorten_group(group) for group in groups]
        _write_figures(axes, shown, names)
        return axes


@remembers
def _summarize(data: Records, by: str) -> pd.DataFrame:
    return attempt_summary(_collect(data), by=by, intervals=True)


def _collect(data: Records) -> Records:
    """Return records in memory: all of a frame, of other data the columns that attempts are made of."""
    source = open_source(data)
    if isinstance(source, InMemory):
        return data
    number = source.count()
    if number > MOST_ROWS:
        msg = f"attempts of {number:,} records do not fit into memory: select at most {MOST_ROWS:,}, such as one month"
        raise InputError(msg)
    rows = source.select([name for name in _READ if name in source.columns])
    return Covered(to_frame(rows.collect(backend="pyarrow").to_native()), find_coverage_of(data))


def _describe_without(found: pd.DataFrame) -> str:
    """Return the number of generations without a known attempt; "" for none."""
    number = found.attrs["without_attempts"]
    return f"{format_count(number, 'generation')} without a known attempt" if number else ""


def _draw_shares(ax: Axes, shown: pd.DataFrame, colors: Sequence[str]) -> None:
    """Draw the failed share of each row as a dot, and its interval as a line."""
    rows = np.arange(len(shown))
    failed, high, low = (1 - to_finite(shown[name]) for name in ("success_rate", *name_limits("success_rate")))
    ax.hlines(rows, low, high, color=find_look(ax).ink, linewidth=1.4, zorder=2)
    ax.scatter(failed, rows, s=64, color=colors, zorder=3)
    end = max(0.01, float(np.nanmax([failed, high])))
    ax.set_xlim(-0.02 * end, 1.06 * end)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    set_linear(ax.xaxis, Unit.SHARE)


def _write_figures(ax: Axes, shown: pd.DataFrame, names: Sequence[str]) -> None:
    """Write the failed share and the number of attempts to the right of each row, and more under the pointer."""
    succeeded = ("success_rate", *reversed(name_limits("success_rate")))
    failed, least, most = (
        [format_value(1 - share, Unit.SHARE) for share in to_finite(shown[name])] for name in succeeded
    )
    mark = choose_mark(shown, "attempts")
    numbers = [mark(f"{number:,}") for number in shown["attempts"]]
    set_rows(ax, names, above=ABOVE)
    write_columns(ax, {"failed": failed, "attempts": numbers})
    refused = [format_value(share, Unit.SHARE) for share in to_finite(shown["rate_limited"])]
    lost = [format_value(time, Unit.MS) for time in to_finite(shown["lost_ms"])]
    add_rows(
        ax,
        [
            f"{names[row]}\n{failed[row]} of {numbers[row]} attempts failed ({least[row]} to {most[row]})\n"
            f"{refused[row]} rate limited; {lost[row]} lost to fallbacks"
            for row in range(len(shown))
        ],
    )
