"""The chart of the hours of the week."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from genanalytics.base.opening import opens_paths
from genanalytics.base.text import capitalize
from genanalytics.metrics import EFFECTIVE_COST, Statistic, summarize
from genanalytics.metrics.catalog import resolve_one
from genanalytics.metrics.engines.source import Records
from genanalytics.plots.axis import add_unit
from genanalytics.plots.groups import describe_basis, to_finite
from genanalytics.plots.palette import HEAT
from genanalytics.plots.style import draw_scale, style_axes, write_empty, write_title
from genanalytics.units import format_value

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS = 24
_MOST_OF = 0.95


@opens_paths("data")
def hour_of_week(
    data: Records,
    *,
    metric: Statistic | str = EFFECTIVE_COST,
    tz: str = "UTC",
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with a statistic of each hour of the week as colors; an hour without a value is blank.

    The color scale of a statistic other than a sum ends at the 95th percentile of the hours, so that one hour with few
    requests does not make all others pale.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        metric: A statistic or its name: `effective_cost`, `ttft_ms_p50`, `error_rate`, or any other.
        tz: The time zone of weekdays and hours, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether the details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such statistic or time zone.
    """
    statistic = resolve_one(metric)
    hours = summarize(data, by=["weekday", "hour"], tz=tz, metrics=[statistic]).dropna(subset=["weekday", "hour"])
    table = np.full((len(_DAYS), _HOURS), np.nan)
    table[hours["weekday"].to_numpy(dtype=int) - 1, hours["hour"].to_numpy(dtype=int)] = to_finite(
        hours[statistic.name]
    )
    known = table[~np.isnan(table)]
    adds_up = statistic.of_nothing == 0
    top = float(np.quantile(known, 1.0 if adds_up else _MOST_OF)) if len(known) else 0.0
    beyond = f"darkest: {format_value(top, statistic.unit)} or more" if len(known) and known.max() > top else ""
    with style_axes(ax, grid="") as axes:
        rule = "summed over the period" if adds_up else ""
        write_title(
            axes,
            f"{capitalize(statistic.label)} by hour of the week",
            [describe_basis(data, tz), rule, "blank: none known", beyond],
            title=title,
            subtitle=subtitle,
        )
        axes.set(xlabel=f"hour of the day ({tz})", ylabel="day of the week")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        if not len(known):
            return write_empty(axes, f"no known {statistic.label}")
        norm = Normalize(min(0.0, float(known.min())), top or 1.0)
        axes.pcolormesh(
            np.arange(_HOURS + 1),
            np.arange(len(_DAYS) + 1),
            table,
            cmap=HEAT,
            norm=norm,
            edgecolor="white",
            linewidth=1,
        )
        axes.set_yticks(np.arange(len(_DAYS)) + 0.5, _DAYS)
        axes.set_xticks(np.arange(0, _HOURS + 1, 3), [f"{hour:02}:00" for hour in range(0, _HOURS + 1, 3)])
        axes.set_ylim(len(_DAYS), 0)
        draw_scale(axes, norm, add_unit(statistic.label, statistic.unit), statistic.unit)
        return axes
