"""A summary as text that fits a terminal: numbers to the right with their units, a total row at the bottom."""

import textwrap
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import pandas as pd

from genanalytics.metrics import DEFAULT, EFFECTIVE_COST, REQUESTS, Statistic, summarize
from genanalytics.units import NOTHING, Unit, counted, money_decimals, printable, write

_GAP = "  "
_SHORTEST_NAME = 12


_OVERVIEW = (
    "requests",
    "effective_cost",
    "cost_share",
    "net_cache_savings",
    "cache_savings_rate",
    "ttft_ms_p50",
    "ttft_ms_p95",
    "e2e_ms_p50",
    "e2e_ms_p95",
)


def overview(frame: pd.DataFrame, by: Sequence[str], *, coverage: float | None = None, width: int = 100) -> str:
    """Return where the money and the time go: a table by group, the most expensive first, and what its figures rest on.

    Args:
        frame: A frame as `fetch` returns it.
        by: The columns to group by.
        coverage: The share of the ids asked for that have a record (0 to 1), where that is known.
        width: How many characters a line may have.

    Raises:
        MissingColumnError: The frame lacks a column that is needed.
    """
    named = {statistic.name: statistic for statistic in (REQUESTS, *DEFAULT)}
    statistics = [named[name] for name in _OVERVIEW]
    groups = summarize(frame, by=by)
    if "day" not in by:  # days stay in their order
        groups = groups.sort_values([EFFECTIVE_COST.name, REQUESTS.name], ascending=False, kind="stable")
    total = summarize(frame)
    lacking = (coverage is not None and coverage < 1) or total["cost_unknown"].iloc[0] > 0
    table = as_text(
        groups if by else total,
        by,
        statistics,
        total=total if by else None,
        at_least={EFFECTIVE_COST.name} if lacking else set(),
        width=width,
    )
    return "\n".join([table, *_footnotes(total.iloc[0], coverage)])


def _footnotes(total: "pd.Series[Any]", coverage: float | None) -> list[str]:
    """Return what has to be known to read the total rightly."""
    notes = []
    if coverage is not None and coverage < 1:
        notes.append(f"Coverage: {write(coverage, Unit.SHARE)} of the ids have a record, so totals are lower bounds.")
    if total["cost_unknown"]:
        unknown = counted(int(total["cost_unknown"]), "request")
        notes.append(f"Cost: not known in full for {unknown}, so the total is a lower bound.")
    coverage_of_cache = total["cache_coverage"]
    known = write(None if pd.isna(coverage_of_cache) else coverage_of_cache, Unit.SHARE)
    notes.append(f"Cache: a discount is reported for {known} of the requests; the savings rate is that of those alone.")
    streamed, timed = (write(total[name], Unit.COUNT) for name in ("ttft_ms_n", "e2e_ms_n"))
    notes.append(
        f"Latency: successful requests only; time to first token (TTFT) of {streamed} streamed ones, end to end (E2E)"
        f" of {timed}."
    )
    return notes


def as_text(
    summary: pd.DataFrame,
    keys: Sequence[str],
    statistics: Sequence[Statistic],
    *,
    total: pd.DataFrame | None = None,
    at_least: AbstractSet[str] = frozenset(),
    width: int = 100,
) -> str:
    """Return a summary as lines of text, at most `width` wide as far as cutting the groups' names can bring it there.

    Args:
        summary: What `summarize` returned.
        keys: The columns that name the groups.
        statistics: The columns to show after them, in this order.
        total: The same statistics over all rows, as one row; shown last.
        at_least: Statistics whose last row is a lower bound, and shown as one.
        width: How many characters a line may have.
    """
    rows = summary if total is None else pd.concat([summary, total])
    totals = len(rows) - len(summary)
    numbers = [(statistic.label, _written(rows[statistic.name].tolist(), statistic.unit)) for statistic in statistics]
    for statistic, (_, cells) in zip(statistics, numbers, strict=True):
        if statistic.name in at_least:
            cells[-1] = f"≥ {cells[-1]}"
    columns = [_column(label, cells, max(map(len, cells)), str.rjust) for label, cells in numbers]
    left = width - sum(len(column[0]) + len(_GAP) for column in columns)
    longest = max(_SHORTEST_NAME, left // max(1, len(keys)) - len(_GAP))
    for place, key in enumerate(keys):
        cells = [*map(name_of, summary[key].tolist()), *["" if place else "total"] * totals]
        columns.insert(place, _column(key, [_cut(cell, longest) for cell in cells], longest, str.ljust))
    tallest = max(len(column) for column in columns)
    padded = [[" " * len(column[0])] * (tallest - len(column)) + column for column in columns]
    return "\n".join(_GAP.join(line).rstrip() for line in zip(*padded, strict=True))


def _column(label: str, cells: list[str], width: int, align: Callable[[str, int], str]) -> list[str]:
    """Return a column's lines, equally long: the label, on several lines over narrow cells, and the cells."""
    words = max(map(len, label.split()))
    lines = [*textwrap.wrap(label, max(width, words), break_on_hyphens=False), *cells]
    longest = max(map(len, lines))
    return [align(line, longest) for line in lines]


def _written(values: list[Any], unit: Unit) -> list[str]:
    known = [None if pd.isna(value) else float(value) for value in values]
    decimals = money_decimals(known) if unit is Unit.USD else None
    return [write(value, unit, decimals=decimals) for value in known]


def name_of(value: Any) -> str:  # noqa: ANN401 - whatever a column can hold
    """Return what a group is called: a day as its date, nothing as a dash."""
    if pd.isna(value):
        return NOTHING
    if isinstance(value, pd.Timestamp) and value == value.normalize():
        return f"{value:%Y-%m-%d}"
    return printable(str(value))


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    head = (longest - 1) // 2
    return f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"
