"""What a watch shows: a screen of a terminal, a line of a log, or an object for programs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from genanalytics.base.mask import hide_api_keys
from genanalytics.base.text import escape_unprintable, shorten
from genanalytics.following.follow import Counts
from genanalytics.following.spending import Projection, Spending
from genanalytics.tables.layout import Column, join_columns
from genanalytics.units import GAP, Unit, format_count, format_value, mark_lower_bound, money_decimals

_TIME = "%Y-%m-%d %H:%M:%S %Z"
_LABEL_WIDTH = 16
_MODEL_WIDTH = 40
_LEAST_CALLS = 1
_TOO_EARLY = "too early: it takes three full hours of today, or three full days"


@dataclass(frozen=True, slots=True)
class View:
    """What is known at one moment.

    Attributes:
        at: The moment.
        dataset: The name of the data set.
        counts: The counts of ids and records.
        spending: The costs of today.
    """

    at: datetime
    dataset: str
    counts: Counts
    spending: Spending

    def to_json(self) -> dict[str, Any]:
        """Return the counts and the costs as plain values; amounts are in US dollars."""
        spending = self.spending
        return {
            "time": self.at.isoformat(timespec="seconds"),
            **{name: value for name, value in asdict(self.counts).items() if name != "rounds"},
            "requests_today": spending.requests,
            "cost_today": spending.usd,
            "cost_unknown_today": spending.unknown,
            "cost_last_hour": spending.last_hour_usd,
            "projected_today": None if spending.projection is None else asdict(spending.projection),
        }

    def format_line(self) -> str:
        """Return the counts and the costs in one line."""
        counts, spending = self.counts, self.spending
        parts = [
            f"{self.at:{_TIME}}: today {self._format_today()}, last 60 minutes {_format_usd(spending.last_hour_usd)}",
            f"{format_count(counts.records, 'record')}, {counts.waiting:,} waiting, {counts.missing:,} missing",
            *counts.problems,
        ]
        return hide_api_keys("; ".join(parts))

    def format_screen(self, width: int, height: int) -> list[str]:
        """Return lines that fit a terminal: the costs, the counts, problems, and as many last calls as fit."""
        counts, spending = self.counts, self.spending
        requests = format_count(spending.requests, "request")
        unknown = f", {spending.unknown:,} of them with an unknown cost" if spending.unknown else ""
        rows = [
            ("Cost today", f"{self._format_today()}  ({requests}{unknown})"),
            ("Last 60 minutes", f"{_format_usd(spending.last_hour_usd)} per hour"),
            ("Projected day", format_projection(spending.projection)),
            ("Ids", f"{counts.ids:,} read, {counts.waiting:,} waiting for a record, {counts.missing:,} without one"),
            ("Data set", f"{format_count(counts.records, 'record')}, {counts.young:,} of them young"),
            ("Requests", f"{counts.requests:,} sent, {format_count(counts.new, 'new record')}"),
            *(("Problem", problem) for problem in counts.problems),
        ]
        head = [f"{self.dataset} at {self.at:{_TIME}}; Ctrl-C ends", ""]
        lines = [*head, *(f"{label:<{_LABEL_WIDTH}}{text}" for label, text in rows)]
        room = height - len(lines) - 3  # a blank line, the heading, and the last line, where the cursor remains
        if len(spending.calls) and room >= _LEAST_CALLS:
            lines += ["", *_format_calls(spending.calls.head(room), self.at)]
        return [hide_api_keys(escape_unprintable(line))[:width] for line in lines[: height - 1]]

    def _format_today(self) -> str:
        text = _format_usd(self.spending.usd)
        return mark_lower_bound(text) if self.spending.unknown or self.counts.waiting else text


def format_projection(projection: Projection | None) -> str:
    """Return a projection with its bounds and what it was compared with.

    >>> format_projection(Projection(12.0, 9.5, 14.0, "the same hours of 5 days"))
    '$12.00 ($9.50 to $14.00), if the rest is like the same hours of 5 days'
    """
    if projection is None:
        return _TOO_EARLY
    decimals = money_decimals([projection.usd, projection.low, projection.high])
    usd, low, high = (
        format_value(each, Unit.USD, decimals=decimals) for each in (projection.usd, projection.low, projection.high)
    )
    return f"{usd} ({low} to {high}), if the rest is like {projection.basis}"


def _format_calls(calls: pd.DataFrame, at: datetime) -> Sequence[str]:
    """Return the last calls as the lines of a table, in the time zone of `at`."""
    moments = calls["created_at"].dt.tz_convert(at.tzinfo)
    decimals = money_decimals(None if pd.isna(cost) else float(cost) for cost in calls["effective_cost"])
    columns = [
        Column("time", [f"{each:%H:%M:%S}" if each.date() == at.date() else f"{each:%m-%d %H:%M}" for each in moments]),
        Column("model", [GAP if pd.isna(model) else _name_model(str(model)) for model in calls["model"]]),
        Column("cost", [_format_cell(cost, Unit.USD, decimals) for cost in calls["effective_cost"]], is_figure=True),
        Column("TTFT", [_format_cell(ttft, Unit.MS) for ttft in calls["ttft_ms"]], is_figure=True),
    ]
    return join_columns(columns).split("\n")


def _name_model(model: str) -> str:
    return shorten(escape_unprintable(model), _MODEL_WIDTH)


def _format_cell(value: object, unit: Unit, decimals: int | None = None) -> str:
    return GAP if pd.isna(value) else format_value(float(value), unit, decimals=decimals)  # type: ignore[call-overload, arg-type]


def _format_usd(usd: float) -> str:
    return format_value(usd, Unit.USD)
