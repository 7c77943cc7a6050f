"""Simulated future daily costs, and a backtest of the same method in the past of the data."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd

from genanalytics.base.frames import TEXT, Dtypes
from genanalytics.decide.budget.bands import DRAWS, LEAST_WEEKS, WEEK, Model, expect, fit, simulate
from genanalytics.decide.budget.daily import Daily, fill_gaps
from genanalytics.decide.shifts.breaks import find_break
from genanalytics.units import Unit

LEVELS = {80: (0.1, 0.9), 95: (0.025, 0.975)}
"""The quantiles that limit each band."""
MOST_WEEKS = 26
"""Earlier weeks do not count: they say little about the present, in the level and in the spread."""
_MOST_ORIGINS = 26
_DRAWS_OF_PAST = 2_000
_ROUNDING = 1e-9
_MONEY = ("expected", "low_80", "high_80", "low_95", "high_95", "actual")


@dataclass(frozen=True, slots=True, eq=False)
class Ahead:
    """The days ahead.

    Attributes:
        expected: The expected cost of each day.
        sums: Simulated costs up to each day; one row per draw.
    """

    expected: "np.ndarray"
    sums: "np.ndarray"

    def count_from(self, place: int) -> "Ahead":
        """Return the days from a place on, with sums that begin there."""
        before = self.sums[:, [place - 1]] if place else 0.0
        return Ahead(self.expected[place:], self.sums[:, place:] - before)

    def find_band(self, level: int) -> "np.ndarray":
        """Return the lower and the upper limit of the cost up to each day."""
        band: np.ndarray = np.quantile(self.sums, LEVELS[level], axis=0)
        return band


class Past(NamedTuple):
    """The past days that a forecast uses.

    Attributes:
        start: The place of the first one.
        is_after_break: Whether the level broke there.
    """

    start: int
    is_after_break: bool


def find_past(values: "np.ndarray", weekdays: "np.ndarray") -> Past:
    """Return the days after the last break of the level, of half a year at most."""
    past = Past(max(0, len(values) - MOST_WEEKS * WEEK), is_after_break=False)
    while len(values) - past.start >= LEAST_WEEKS * WEEK:
        found = find_break(values[past.start :], weekdays[past.start :])
        if found is None:
            break
        past = Past(past.start + found.place, is_after_break=True)
    return past


def look_ahead(values: "np.ndarray", start: int, days: int, first: float = 1.0, *, draws: int = DRAWS) -> Ahead | None:
    """Return the days ahead, out of the days from `start` on; None without three full weeks or any cost in them."""
    model = fit_past(values, start)
    if model is None:
        return None
    return Ahead(expect(model, days, first), simulate(model, days, first, draws=draws))


def fit_past(values: "np.ndarray", start: int) -> Model | None:
    """Return the model of the days from `start` on; None without three full weeks or any cost in them."""
    return None if len(values) - start < LEAST_WEEKS * WEEK else fit(values[start:])


class Span(NamedTuple):
    """Past days that are forecast from the days before them.

    Attributes:
        kind: `week` for seven days, `month` for the rest of a month.
        begin: The place of the first day.
        end: The place after the last day.
    """

    kind: str
    begin: int
    end: int


def list_spans(daily: Daily, *, months: bool) -> list[Span]:
    """Return the past spans, the latest first: weeks back from the last day, and what was left of earlier months.

    Args:
        daily: The days.
        months: Whether to list months too, each from the same day of the month as the next day.
    """
    count, least = len(daily.costs), LEAST_WEEKS * WEEK
    spans = [Span("week", begin, begin + WEEK) for begin in range(count - WEEK, least - 1, -WEEK)][:_MOST_ORIGINS]
    return [*spans, *(_list_months(daily) if months else ())]


def _list_months(daily: Daily) -> Iterator[Span]:
    first, count = daily.find_day(0), len(daily.costs)
    year, month, day = daily.next.year, daily.next.month, daily.next.day
    for _ in range(_MOST_ORIGINS):
        end = (date(year, month, 1) - first).days
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
        begin = (date(year, month, 1) - first).days + day - 1
        if begin < LEAST_WEEKS * WEEK:
            return
        if begin < end <= count:  # a shorter month may have no such day
            yield Span("month", begin, end)


def backtest(daily: Daily, spans: Sequence[Span]) -> pd.DataFrame:
    """Return what would have been forecast for past spans, each only from the days before it.

    Args:
        daily: The days.
        spans: The spans.

    Returns:
        A row per span: `kind`, `first` and `last` (days), `weeks` (the weeks it is computed from), `expected` and the
        limits of both bands and `actual` in US$, and `held_80` and `held_95`. All but the first three are gaps if the
        days before the span, or after a break before it, were too few.
    """
    filled, weekdays = fill_gaps(daily.costs), daily.find_weekdays()
    known = [span for span in spans if not np.isnan(daily.costs[span.begin : span.end]).any()]
    rows = [_judge(daily, span, filled, weekdays) for span in known]
    columns = ["kind", "first", "last", "weeks", *_MONEY, "held_80", "held_95"]
    types: Dtypes = {"kind": TEXT, "weeks": "Int64", "held_80": "boolean", "held_95": "boolean"}
    found = pd.DataFrame(rows, columns=columns).astype(types | dict.fromkeys(_MONEY, "Float64"))
    for name in ("first", "last"):
        found[name] = pd.to_datetime(found[name]).astype("datetime64[us]").dt.tz_localize(daily.zone)
    labels = {name: name.replace("_", " ") + (" %" if name[-1] in "05" else "") for name in ("weeks", *_MONEY)}
    units = dict.fromkeys(_MONEY, Unit.USD.value) | {"weeks": Unit.COUNT.value}
    found.attrs = {"units": units, "labels": labels}
    return found


def _judge(daily: Daily, span: Span, filled: "np.ndarray", weekdays: "np.ndarray") -> dict[str, object]:
    row: dict[str, object] = {
        "kind": span.kind,
        "first": pd.Timestamp(daily.find_day(span.begin)),
        "last": pd.Timestamp(daily.find_day(span.end - 1)),
    }
    past = filled[: span.begin]
    start = find_past(daily.costs[: span.begin], weekdays[: span.begin]).start
    ahead = look_ahead(past, start, span.end - span.begin, draws=_DRAWS_OF_PAST)
    if ahead is None:
        return row
    actual = float(filled[span.begin : span.end].sum())
    row |= {"weeks": (span.begin - start) // WEEK, "expected": float(ahead.expected.sum()), "actual": actual}
    rounding = _ROUNDING * abs(actual)
    for level in LEVELS:
        low, high = ahead.find_band(level)[:, -1]
        held = bool(low - rounding <= actual <= high + rounding)
        row |= {f"low_{level}": low, f"high_{level}": high, f"held_{level}": held}
    return row
