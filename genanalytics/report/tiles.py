"""The large numbers at the head of a report."""

import math

import pandas as pd

from genanalytics.metrics.against import name_changes
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.report.blocks import Change, Tile
from genanalytics.report.figures import FAILED
from genanalytics.report.given import Given
from genanalytics.report.scope import count_days, describe_days
from genanalytics.tables.changes import format_changes
from genanalytics.units import GAP, Unit, format_change, format_count, format_value, mark_lower_bound

_COST, _SAVED, _RATE, _FAILED = "effective_cost", "net_cache_savings", "cache_savings_rate", "error_rate"
_P50, _P95 = "ttft_ms_p50", "ttft_ms_p95"
_REQUESTS = "requests"
_SEVERAL = 10
"""Fewer requests per day have two figures: 3 requests in 8 days are not 0 per day."""


def make_tiles(given: Given) -> list[Tile]:
    """Return the large numbers: spend, spend per day, caching, waiting, failures, requests."""
    return [
        _make_spend(given),
        _make_spend_per_day(given),
        _make_savings(given),
        _make_waiting(given),
        _make_failures(given),
        _make_requests(given),
    ]


def find_versus(given: Given) -> str:
    """Return the days of the records to compare with; empty without them."""
    if given.previous is None:
        return ""
    before = given.figures.before
    return "other records" if before is None else describe_days(before, given.tz)


def format_figure(summary: pd.DataFrame, name: str, unit: Unit) -> str:
    """Return a figure of one row, with its sign if records or costs that are missing make it a lower bound."""
    return mark_figure(summary, name, format_value(_get(summary, name), unit))


def mark_figure(summary: pd.DataFrame, name: str, text: str) -> str:
    """Return the text of a figure of one row, with the sign of a lower bound if it is one."""
    lacks_cost = name == _COST and summary["cost_unknown"].iloc[0] > 0
    return mark_lower_bound(text) if lacks_cost or name in summary.attrs["lower_bounds"] else text


def _make_spend(given: Given) -> Tile:
    median = format_value(_get(given.figures.total, "cost_per_request_p50"), Unit.USD)
    unknown = int(given.figures.total["cost_unknown"].iloc[0])
    note = f"{median} per request, median" if median != GAP else ""
    if unknown:
        note = f"without the unknown cost of {format_count(unknown, 'request')}"
    figure = format_figure(given.figures.tiles, _COST, Unit.USD)
    change = _find_change(given, _COST, Unit.USD)
    return Tile("spend", figure, note, change, _list_trend(given, _COST), "spend")


def _make_spend_per_day(given: Given) -> Tile:
    tiles, period = given.figures.tiles, given.figures.period
    ahead = given.ahead.answer if given.ahead.expected is not None else ""
    if period is None:
        return Tile("spend per day", GAP, ahead)
    cost = _get(tiles, _COST) / count_days(period, given.tz)
    figure = mark_figure(tiles, _COST, format_value(cost, Unit.USD))
    return Tile("spend per day", figure, ahead, find_change_per_day(given), _list_trend(given, _COST), "spend")


def find_change_per_day(given: Given) -> Change | None:
    """Return the change of the spend per day; None without records to compare with, or if they cost nothing."""
    tiles, period, before = given.figures.tiles, given.figures.period, given.figures.before
    if period is None or before is None:
        return None
    now = _get(tiles, _COST) / count_days(period, given.tz)
    was = _get(tiles, name_changes(_COST)[0]) / count_days(before, given.tz)
    if not was > 0 or math.isnan(now):
        return None
    text = format_change(now / was - 1, Unit.SHARE)
    return Change(text, f"against {find_versus(given)}", certainty=_find_certainty(tiles, _COST))


def _make_savings(given: Given) -> Tile:
    tiles = given.figures.tiles
    share, saved = _get(tiles, _RATE), _get(tiles, _SAVED)
    note = "no discount reported" if math.isnan(saved) else ""
    if saved > 0 and share <= 1:  # not with refunds
        note = f"{format_value(share, Unit.SHARE)} of the cost without caching"
    change = _find_change(given, _SAVED, Unit.USD)
    figure = format_figure(tiles, _SAVED, Unit.USD)
    return Tile("saved by caching", figure, note, change, _list_trend(given, _SAVED), "caching")


def _make_waiting(given: Given) -> Tile:
    tiles = given.figures.tiles
    slowest = _find_change(given, _P95, Unit.MS)
    note = f"p95 {format_figure(tiles, _P95, Unit.MS)}"
    if slowest is not None:
        word = "" if slowest.certainty == "sure" else f" {slowest.certainty}"
        note = f"{note} ({slowest.text}{word})"
    figure, change = format_figure(tiles, _P50, Unit.MS), _find_change(given, _P50, Unit.MS)
    return Tile("time to first token, p50", figure, note, change, _list_trend(given, _P50), "speed")


def _make_failures(given: Given) -> Tile:
    tiles = given.figures.tiles
    if not given.knows("error"):
        return Tile("failure rate", GAP, "no record says how it ended", link="reliability")
    failed, requests = (format_figure(tiles, name, Unit.COUNT) for name in (FAILED.name, _REQUESTS))
    note = f"{failed} of {requests} recorded requests" if tiles[_REQUESTS].iloc[0] else ""
    change = _find_change(given, _FAILED, Unit.SHARE, is_loss=True)
    figure = format_figure(tiles, _FAILED, Unit.SHARE)
    return Tile("failure rate", figure, note, change, _list_trend(given, _FAILED), "reliability")


def _make_requests(given: Given) -> Tile:
    tiles, period = given.figures.tiles, given.figures.period
    note = ""
    if period is not None:
        rate = _get(tiles, _REQUESTS) / count_days(period, given.tz)
        per_day = f"{rate:.2g}" if rate < _SEVERAL else f"{rate:,.0f}"
        note = f"{mark_figure(tiles, _REQUESTS, per_day)} per day"
    change = _find_change(given, _REQUESTS, Unit.COUNT)
    figure = format_figure(tiles, _REQUESTS, Unit.COUNT)
    return Tile("requests", figure, note, change, _list_trend(given, _REQUESTS), "when")


def _find_change(given: Given, name: str, unit: Unit, *, is_loss: bool = False) -> Change | None:
    """Return the change of a figure; a sure rise `is_loss` if more of it is money or work lost."""
    tiles = given.figures.tiles
    if given.previous is None:
        return None
    certainty = _find_certainty(tiles, name)
    (text,) = format_changes(tiles, name, unit)
    if text == GAP:
        return None
    is_rise = text.startswith("+") and certainty in {"sure", "exact"}
    return Change(text.removesuffix(f" {certainty}"), f"against {find_versus(given)}", is_loss and is_rise, certainty)


def _find_certainty(tiles: pd.DataFrame, name: str) -> str:
    word = tiles[name_changes(name)[-1]].iloc[0]
    return "unclear" if pd.isna(word) else str(word)


def _list_trend(given: Given, name: str) -> list[float | None]:
    """Return the values of a figure over time, without periods that are not complete."""
    trends = given.figures.trends
    complete = trends[trends["time"].notna() & ~trends["open"].fillna(value=False)]
    return [None if pd.isna(value) else float(value) for value in to_floats(complete[name]).tolist()]


def _get(summary: pd.DataFrame, name: str) -> float:
    """Return a figure of one row; NaN if it is missing."""
    return float(to_floats(summary[name])[0])
