"""The content of a chart in words, for readers that do not see it."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from genanalytics.base.text import name_group
from genanalytics.metrics import Statistic
from genanalytics.report.page import clean
from genanalytics.units import format_count, format_value, mark_lower_bound


def read_out(numbers: pd.DataFrame, by: Sequence[str], statistics: Sequence[Statistic]) -> str:
    """Return the number of groups and the largest one; without groups, every figure.

    Args:
        numbers: The numbers of the chart, as `summarize` returns them.
        by: The columns that name the groups.
        statistics: The figures, the most important first.
    """
    if numbers.empty:
        return "No data."
    first = statistics[0]
    if not by:
        row = numbers.iloc[0]
        return "; ".join(f"{one.label} {_format(numbers, one, row)}" for one in statistics) + "."
    known = numbers.dropna(subset=[first.name])
    if known.empty:
        return f"{format_count(len(numbers), 'group')}, none with a known {first.label}."
    top = known.iloc[int(known[first.name].argmax())]
    named = ", ".join(clean(name_group(top[name])) for name in by)
    largest = _format(numbers, first, top)
    return f"{format_count(len(numbers), 'group')}; the largest {first.label} is {largest} ({named})."


def _format(summary: pd.DataFrame, statistic: Statistic, row: "pd.Series[Any]") -> str:
    text = format_value(row[statistic.name], statistic.unit)
    return mark_lower_bound(text) if statistic.name in summary.attrs["lower_bounds"] else text
