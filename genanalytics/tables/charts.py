"""Small charts in the cells of a table: bars of shares, and lines of costs over time."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from genanalytics.metrics.grouping.calendar import TIME
from genanalytics.metrics.sets.cost import EFFECTIVE_COST
from genanalytics.metrics.summary import OPEN
from genanalytics.tables.layout import Column

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"
_BAR = 10
"""The width of a bar of 100 %, in characters."""
_FEWEST_PERIODS, _MOST_PERIODS = 5, 20
"""A line of fewer days is no trend; more days than the second are added up."""


@dataclass(frozen=True, slots=True)
class Trends:
    """The costs of groups over time.

    Attributes:
        label: The heading, with the length of the periods.
        costs: The cost per period, in order, by group.
    """

    label: str
    costs: Mapping[tuple[Any, ...], Sequence[float]]

    def draw(self, groups: Iterable[tuple[Any, ...]], totals: int) -> Column:
        """Return a line per group, and that of all groups for the totals."""
        lines = [draw_line(self.costs.get(group, ())) for group in groups]
        whole = draw_line([sum(costs) for costs in zip(*self.costs.values(), strict=True)])
        return Column(self.label, [*lines, *[whole] * totals], is_chart=True)


def draw_bars(shares: Sequence[float | None], totals: int) -> Column:
    """Return a column with a bar per share; totals have none."""
    return Column("", [*("" if pd.isna(share) else draw_bar(share) for share in shares), *[""] * totals], is_chart=True)


def draw_bar(share: float) -> str:
    """Return a share from 0 to 1 as a bar; other numbers have none.

    >>> draw_bar(0.25), draw_bar(0.001), draw_bar(0.0)
    ('██▌', '▏', '')
    """
    if not 0 < share <= 1:
        return ""
    eighths = max(1, round(share * _BAR * 8))
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def draw_line(values: Sequence[float]) -> str:
    """Return numbers as a line whose height is their part of the highest one; nothing for numbers below 0.

    >>> draw_line([1.0, 0.0, 4.0]), draw_line([0.0, 0.0]), draw_line([])
    ('▃▁█', '▁▁', '')
    """
    highest = max(values, default=0.0)
    if min(values, default=0.0) < 0 or not math.isfinite(highest):
        return ""
    top = len(_LEVELS) - 1
    return "".join(_LEVELS[math.ceil(value / highest * top - 0.5) if highest else 0] for value in values)


def find_trends(days: pd.DataFrame, by: Sequence[str]) -> Trends | None:
    """Return the costs of groups over time; None if there are too few days.

    Args:
        days: The result of `summarize` by `by` and day, with the cost.
        by: The columns to group by.
    """
    known = days[days[TIME].notna() & ~days[OPEN].fillna(value=False).astype(bool)]
    starts = sorted(known[TIME].unique())
    length = math.ceil(len(starts) / _MOST_PERIODS)
    starts = starts[len(starts) % length :] if length else []  # the last period is a whole one
    if len(starts) < _FEWEST_PERIODS:
        return None
    period = {start: place // length for place, start in enumerate(starts)}
    costs = dict[tuple[Any, ...], list[float]]()
    for start, cost, *group in known[[TIME, EFFECTIVE_COST.name, *by]].itertuples(index=False):
        line = costs.setdefault(make_key(group), [0.0] * (len(starts) // length))
        if start in period and not pd.isna(cost):
            line[period[start]] += float(cost)
    return Trends("cost per day" if length == 1 else f"cost per {length} days", costs)


def make_key(group: Iterable[Any]) -> tuple[Any, ...]:
    """Return the values of a group; missing ones are equal."""
    return tuple(None if pd.isna(value) else value for value in group)
