"""The main cause of a change of cost at a moment: the largest effect of `cost_change` between the days around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from genanalytics.base.text import is_missing
from genanalytics.decide.mix.cost_change import cost_change
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.where.rows import keep_between
from genanalytics.units import Unit, format_value

LONGEST_DAYS = 28
"""The longest period on either side of a change whose costs are compared."""

_WEEK = 7
_LEAST_CHANGE = 0.02
_WORDS = {
    "by_requests": ("more requests", "fewer requests"),
    "by_mix": ("another mix of models and providers", "another mix of models and providers"),
    "by_input_tokens": ("longer prompts", "shorter prompts"),
    "by_output_tokens": ("longer answers", "shorter answers"),
    "by_price": ("higher prices", "lower prices"),
    "by_caching": ("less caching", "more caching"),
    "by_other": ("more other charges per request", "fewer other charges per request"),
    "by_unexplained": ("costs without a known price", "costs without a known price"),
}


@dataclass(frozen=True, slots=True)
class Window:
    """Two periods of the same length: from `start` to `middle`, and from there to `stop`.

    Attributes:
        start: The first moment of the first period.
        middle: The first moment of the second one.
        stop: The first moment after it.
        days: The length of each in days.
    """

    start: pd.Timestamp
    middle: pd.Timestamp
    stop: pd.Timestamp
    days: int


def choose_window(starts: pd.DatetimeIndex, start: int, place: int, stop: int) -> Window:
    """Return the periods around the day at `place` that are in the days from `start` to `stop`.

    Args:
        starts: The start of each day, and the end of the last one.
        start: The first day with the level before.
        place: The first day with the level after.
        stop: The day after the last one with it.
    """
    days = min(place - start, stop - place, LONGEST_DAYS)
    days -= days % _WEEK if days > _WEEK else 0
    return Window(starts[place - days], starts[place], starts[place + days], days)


def find_causes(data: Records, window: Window, names: Sequence[str]) -> dict[tuple[Any, ...] | None, str]:
    """Return the main cause of the change of cost within a window by group, None for all rows; in words.

    Data with the columns of `itemize` is not split again. Groups whose cost changed by less than 2 % are left out.
    """
    periods = (
        keep_between(data, window.start, window.middle),
        keep_between(data, window.middle, window.stop),
    )
    change = cost_change(*periods, by=names or None, days=(window.days, window.days))
    effects = list(_WORDS)
    columns = ["before", "after", "change", *effects]
    groups = {
        tuple(None if is_missing(value) else value for value in key): row
        for key, row in zip(
            change[list(names)].itertuples(index=False, name=None), _to_rows(change[columns]), strict=True
        )
    }
    found: dict[tuple[Any, ...] | None, str] = {}
    if names:
        found = {key: _describe(row, effects) for key, row in groups.items()}
    found[None] = _describe(change.attrs["total"], effects)
    return {key: text for key, text in found.items() if text}


def _to_rows(amounts: pd.DataFrame) -> list[dict[str, float]]:
    rows = amounts.to_numpy(dtype=float, na_value=np.nan)
    return [dict(zip(amounts.columns, row, strict=True)) for row in rows]


def _describe(amounts: Mapping[str, float], effects: Sequence[str]) -> str:
    change = amounts["change"]
    if not abs(change) >= _LEAST_CHANGE * max(amounts["before"], amounts["after"]) > 0:
        return ""
    direction = float(np.sign(change))
    sizes = {name: direction * amounts[name] for name in effects if not np.isnan(amounts[name])}
    main = max(sizes, key=lambda name: sizes[name], default=None)
    if main is None or sizes[main] <= 0:
        return ""
    words = _WORDS[main][0 if change > 0 else 1]
    amount = format_value(abs(amounts[main]), Unit.USD)
    return f"{words} ({amount} {'more' if change > 0 else 'less'} a day)"
