"""Each group against all others: the rows of the data without its own."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from genanalytics.errors import InputError
from genanalytics.metrics.declare import Statistic, name_limits
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.forms import count_of
from genanalytics.metrics.intervals.chances import count_independent_rows, find_chance_of_rate
from genanalytics.metrics.summary import summarize


def compare_with_others(data: Records, *, by: str, rates: Sequence[Statistic]) -> pd.DataFrame:
    """Return each rate of each group and of all other groups together, and the chance of such a distance.

    Both sides count as many independent rows as their clusters are worth. Those of a group come from its own interval;
    the other rows depend on each other as all rows do.

    Args:
        data: Anything that `summarize` takes.
        by: The column, or the derived key, of the groups.
        rates: Statistics out of `rate`.

    Returns:
        A row per group and rate where both sides have rows: the column `by`; `metric` (str), the name of the rate; `n`
        (Int64), the rows of the group where it is known; `value`, `low` and `high`, the rate and its 95 % interval;
        `others`, the rate of all other groups (all 0 to 1); `chance`, the one-sided p-value of a rate above that of the
        others. Many chances are judged together (`find_discoveries`).

    Raises:
        InputError: A statistic is not a rate.
        MissingColumnError: The data lacks a column.

    >>> ends = (["error"] * 3 + ["stop"] * 7) * 10 + ["stop", "stop", "stop", "error", "stop"] * 20
    >>> frame = pd.DataFrame({"model": ["a"] * 100 + ["b"] * 100, "finish_reason": ends})
    >>> from genanalytics.metrics import RELIABILITY
    >>> found = compare_with_others(frame, by="model", rates=[RELIABILITY[1]])
    >>> found[["model", "value", "others", "chance"]].round(2).to_dict("list")
    {'model': ['a', 'b'], 'value': [0.3, 0.2], 'others': [0.2, 0.3], 'chance': [0.05, 0.95]}
    """
    flags = {one.name: one.basis.over for one in rates if one.basis is not None and one.basis.kind == "rate"}
    counts = [replace(count_of(flag), name=_name_count(name)) for name, flag in flags.items()]
    if len(counts) < len(rates):
        msg = f"{next(one.name for one in rates if one.name not in flags)!r} is not a rate"
        raise InputError(msg)
    groups, whole = (summarize(data, by=key, metrics=[*rates, *counts], intervals=True) for key in (by, None))
    rows = [row for name in flags for row in _compare(groups, whole.iloc[0], by, name)]
    return pd.DataFrame(rows, columns=[by, "metric", "n", "value", "low", "high", "others", "chance"])


def _compare(groups: pd.DataFrame, whole: "pd.Series[Any]", by: str, name: str) -> Iterator[tuple[object, ...]]:
    """Yield the rows of one rate."""
    columns = [_name_count(name), name, *name_limits(name)]
    n_all, rate_of_all, *limits_of_all = whole[columns]
    for group, n, value, low, high in groups[[by, *columns]].itertuples(index=False):
        n_others = n_all - n
        if n == 0 or n_others == 0:
            continue
        others = min(max((rate_of_all * n_all - value * n) / n_others, 0.0), 1.0)  # not -1e-17
        worth = n_others * min(count_independent_rows(rate_of_all, *limits_of_all) / n_all, 1.0)
        chance = find_chance_of_rate(value, min(count_independent_rows(value, low, high), n), others, worth)
        yield group, name, n, value, low, high, others, chance


def _name_count(name: str) -> str:
    return f"n of {name}"
