"""What a week, a month or another period will cost, and whether that is more than a budget."""

import math
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from genanalytics.base.opening import opens_paths
from genanalytics.decide.budget.bands import LEAST_WEEKS, WEEK
from genanalytics.decide.budget.daily import Cost, Daily, fill_gaps, list_days, read_days
from genanalytics.decide.budget.outlook import Forecast
from genanalytics.decide.budget.paths import LEVELS, Ahead, Past, backtest, find_past, list_spans, look_ahead
from genanalytics.decide.budget.period import find_period, read_day
from genanalytics.errors import InputError
from genanalytics.metrics.engines.source import Records, find_coverage_of
from genanalytics.metrics.summary import describe_completeness
from genanalytics.units import Unit, format_count

_MOST_UNKNOWN = 0.1
"""With a larger share of days without a known cost, there is no forecast."""
_STALE_DAYS = 2
_LARGEST = 0.5
"""A day with a larger share of the cost makes the answer, so it is named."""
_LIMITS = [f"{side}_{level}" for level in LEVELS for side in ("low", "high")]
_LABELS = {"cost": "cost", "expected": "expected", "cumulative": "sum"} | {
    name: f"{name.replace('_', ' ')} %" for name in _LIMITS
}


@opens_paths("data")
def forecast(
    data: Records,
    *,
    until: str | date = "month",
    since: str | date | None = None,
    budget: float | None = None,
    tz: str = "UTC",
    cost: Cost = "effective_cost",
) -> Forecast:
    """Return what a period will cost, with an 80 % and a 95 % band, and the chance to exceed a budget.

    The cost goes on with a weekday pattern, at the level of the recent weeks, and varies as whole past weeks did: they
    are drawn at random, 10,000 times. The level is as uncertain as these weeks make it. If the level broke (a change
    point), only the days after the break count. The same method is judged in the past of the data. docs/decide.md has
    the details and how often the bands hold.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame. Rows of an engine are
            added up by day where they are.
        until: `week` (ends on Sunday) or `month`, which contains the first day that is not complete; or the last day
            of the period, such as 2026-10-31.
        since: The first day of the period; None for the first day of that week or month, or, if `until` is a day, of
            the month with the first day that is not complete.
        budget: The budget of the period in US$.
        tz: The time zone of days, by its IANA name.
        cost: `effective_cost`, `billed_cost` (without payments to providers) or `byok_cost` (only these).

    Returns:
        The forecast. Without one, `refusal` says why and what it would need, and every figure that would look
        like an answer is None. The same data give the same figures.

    Raises:
        InputError: A value cannot be used.
        MissingColumnError: The data lacks a column.

    >>> days = pd.date_range("2026-08-03T12:00Z", periods=38)
    >>> weekend = days.day_of_week >= 5
    >>> frame = pd.DataFrame({"created_at": days, "total_cost": np.where(weekend, 2.0, 10.0), "is_byok": False})
    >>> frame = frame.assign(upstream_inference_cost=0.0, fetched_at=pd.Timestamp("2026-09-10T06:00Z"))
    >>> found = forecast(frame, budget=250)
    >>> found.answer
    'September 2026 will cost about $236 (80 %: $236 to $236); chance to exceed $250: under 1 %.'
    >>> forecast(frame[:16]).refusal
    '16 of 21 complete days since 2026-08-03; with records of every day, one is possible from 2026-08-24 on'
    """
    amount = check_options(until=until, since=since, budget=budget)
    daily = read_days(data, cost, tz)
    common: dict[str, Any] = {"cost": cost, "tz": daily.zone.key, "budget": amount, "coverage": find_coverage_of(data)}
    completeness = describe_completeness(data, _LABELS)
    if daily.first is None:
        return Forecast(
            **common,
            days=_make_days({name: np.zeros(0) for name in _LABELS}, list_days(None, None, daily.zone), completeness),
            backtest=backtest(daily, []),
            refusal=f"no record has {_name_time(daily)}, and it needs 21 complete days of records",
            notices=tuple(_list_notices(daily)),
        )
    first, last = find_period(until, since, daily.next)
    past = find_past(daily.costs, daily.find_weekdays())
    refusal, start = _refuse(daily, past), past.start
    ahead, days = None, (last - daily.next).days + 1
    if not refusal:
        ahead = look_ahead(fill_gaps(daily.costs), start, days, daily.rest)
        refusal = "" if ahead else _refuse_level(daily, start)
    so_far = _add_up(daily, first)
    weeks = (len(daily.costs) - start) // WEEK if ahead else 0
    return Forecast(
        **common,
        first=first,
        last=last,
        known_until=daily.find_day(len(daily.costs) - 1) if len(daily.costs) else None,
        so_far=so_far,
        **_describe_total(ahead, daily, first, so_far),
        **_judge_budget(ahead, daily, first, so_far, amount),
        weeks=weeks,
        weeks_from=daily.find_day(len(daily.costs) - weeks * WEEK) if weeks else None,
        break_on=daily.find_day(start) if past.is_after_break else None,
        days=_list_days(ahead, daily, first, last, completeness),
        backtest=backtest(daily, list_spans(daily, months=until == "month")),
        refusal=refusal,
        notices=(
            *_describe_past(daily, past, first),
            *_describe_largest(daily, weeks),
            *_describe_length(weeks, days),
            *_list_notices(daily, days if ahead else 0),
        ),
    )


def check_options(
    *, until: str | date = "month", since: str | date | None = None, budget: float | None = None
) -> float | None:
    """Check the options of a forecast as far as they need no data, and return the budget in US$.

    Raises:
        InputError: One cannot be used.
    """
    days = [] if until in {"week", "month"} else [read_day(until, "until", "week, month or a day")]
    if since is not None:
        days.insert(0, read_day(since, "since"))
    if len(days) > 1 and days[0] > days[1]:
        msg = f"since={days[0]} is after the last day of the period, {days[1]}: give an earlier day"
        raise InputError(msg, arguments=["since"])
    return _check_budget(budget)


def _check_budget(budget: float | None) -> float | None:
    if budget is None:
        return None
    try:
        amount = math.nan if isinstance(budget, bool | np.bool_) else float(budget)
    except (TypeError, ValueError):
        amount = math.nan
    if not (math.isfinite(amount) and amount > 0):
        msg = f"budget={budget!r} cannot be used: give an amount in US$ above 0"
        raise InputError(msg, arguments=["budget"])
    return amount


def _refuse(daily: Daily, past: Past) -> str:
    """Return why the past allows no forecast; empty if it does."""
    start, least = past.start, LEAST_WEEKS * WEEK
    count = len(daily.costs) - start
    since = daily.find_day(start)
    if count < least:
        broke = f"the level of the daily cost broke on {since}: " if past.is_after_break else ""
        days = f"{count} of {least} complete days since {since}"
        return f"{broke}{days}; with records of every day, one is possible from {daily.find_day(start + least)} on"
    unknown = int(np.isnan(daily.costs[start:]).sum())
    if unknown > _MOST_UNKNOWN * count:
        return f"no cost is known for {unknown} of {count} days since {since}; it needs 9 of 10 days with a known cost"
    return ""


def _refuse_level(daily: Daily, start: int) -> str:
    """Return why the whole weeks of the past have no level."""
    place = len(daily.costs) - (len(daily.costs) - start) // WEEK * WEEK
    since = daily.find_day(place)
    if (daily.costs[place:] < 0).any():
        return f"refunds make the level of the cost since {since} negative or 0, so there is none to forecast from"
    return f"nothing was spent since {since}, so there is no level to forecast from"


def _name_time(daily: Daily) -> str:
    return "a time (created_at) up to a day after the last fetch (fetched_at)" if daily.stray else "a time (created_at)"


def _add_up(daily: Daily, first: date) -> float:
    """Return the known cost of a period up to the last record."""
    begin = max(0, (first - daily.find_day(0)).days)
    of_open_day = daily.open_cost if daily.open_cost is not None and first <= daily.next else 0.0
    return float(np.nansum(daily.costs[begin:])) + (of_open_day or 0.0)


def _select(ahead: Ahead, daily: Daily, first: date) -> Ahead:
    """Return the days ahead that are of the period."""
    return ahead.count_from(max(0, (first - daily.next).days))


def _describe_total(ahead: Ahead | None, daily: Daily, first: date, so_far: float) -> dict[str, Any]:
    if ahead is None:
        return dict.fromkeys(["expected", *_LIMITS])
    chosen = _select(ahead, daily, first)
    limits = [float(limit[-1]) for level in LEVELS for limit in chosen.find_band(level)]
    amounts = [float(chosen.expected.sum()), *limits]
    return {name: so_far + amount for name, amount in zip(["expected", *_LIMITS], amounts, strict=True)}


def _judge_budget(
    ahead: Ahead | None, daily: Daily, first: date, so_far: float, budget: float | None
) -> dict[str, Any]:
    """Return the chance to exceed the budget, and the days on which it is used up."""
    nothing = dict.fromkeys(["chance_to_exceed", "used_up", "used_up_low", "used_up_high"])
    if budget is None:
        return nothing
    if so_far > budget:
        day = _find_used_up(daily, first, budget)
        return {"chance_to_exceed": 1.0, "used_up": day, "used_up_low": day, "used_up_high": day}
    if ahead is None:
        return nothing
    chosen = _select(ahead, daily, first)
    sums = np.maximum.accumulate(chosen.sums, axis=1) + so_far
    draws, days = sums.shape
    exceeded = int((sums[:, -1] > budget).sum())
    places = np.sort((sums < budget).sum(axis=1))
    begin = max(first, daily.next)
    chosen_places = (int(places[int(share * draws)]) for share in (0.5, *LEVELS[80]))
    found = [begin + pd.Timedelta(days=place) if place < days else None for place in chosen_places]
    return dict(zip(nothing, [(exceeded + 0.5) / (draws + 1), *found], strict=True))


def _find_used_up(daily: Daily, first: date, budget: float) -> date:
    begin = max(0, (first - daily.find_day(0)).days)
    sums = np.nancumsum(daily.costs[begin:])
    return daily.find_day(begin + int((np.maximum.accumulate(sums) < budget).sum()))


def _list_days(
    ahead: Ahead | None, daily: Daily, first: date, last: date, completeness: dict[Any, Any]
) -> pd.DataFrame:
    """Return a row per day, known or to come."""
    known, total = len(daily.costs), (last - daily.find_day(0)).days + 1
    columns = {name: np.full(total, np.nan) for name in _LABELS}
    columns["cost"][:known] = daily.costs
    if daily.open_cost is not None:
        columns["cost"][known] = daily.open_cost
    begin = (first - daily.find_day(0)).days
    within = np.arange(total) >= begin
    sums = np.where(within, np.nan_to_num(columns["cost"]), 0.0).cumsum()
    columns["cumulative"][within] = sums[within]
    if ahead is None:
        columns["cumulative"][known + (daily.open_cost is not None) :] = np.nan
    else:
        columns["expected"][known:] = ahead.expected
        columns["expected"][known] += daily.open_cost or 0.0
        chosen = _select(ahead, daily, first)
        place = max(known, begin)
        columns["cumulative"][place:] = sums[place:] + chosen.expected.cumsum()
        for level in LEVELS:
            for side, limits in zip(("low", "high"), chosen.find_band(level), strict=True):
                columns[f"{side}_{level}"][place:] = sums[place:] + limits
    return _make_days(columns, list_days(daily.find_day(0), last, daily.zone), completeness)


def _make_days(
    columns: Mapping[str, "np.ndarray"], starts: pd.DatetimeIndex, completeness: dict[Any, Any]
) -> pd.DataFrame:
    days = pd.DataFrame(columns, dtype="Float64")
    days.insert(0, "day", starts)
    days.attrs = {
        "units": dict.fromkeys(_LABELS, Unit.USD.value),
        "labels": dict(_LABELS),
        "notices": [],
        **completeness,
    }
    return days


def _list_notices(daily: Daily, ahead: int = 0) -> Iterator[str]:
    """Yield what the figures do not include and, if days are forecast, from which moment on."""
    if daily.unknown:
        yield f"The cost of {format_count(daily.unknown, 'request')} is unknown, wholly or in part, and not included"
    if daily.undated:
        yield f"{format_count(daily.undated, 'record')} without created_at left out"
    if daily.stray:
        late = f"{format_count(daily.stray, 'record')} more than a day after the last fetch, {daily.fetched}, left out"
        yield f"{late}: check created_at and fetched_at"
    if not ahead:
        return
    if daily.open_from is not None:
        yield f"{daily.next} is known up to {daily.open_from:%H:%M}: the rest of the day is forecast"
    stale = (daily.fetched - daily.next).days + 1 if daily.fetched else 0
    if stale >= _STALE_DAYS:
        yield f"The records end {stale} days before the last fetch: the days from {daily.next} on are forecast"


def _describe_past(daily: Daily, past: Past, first: date) -> Iterator[str]:
    """Yield which days count, and which are unknown."""
    if past.is_after_break:
        yield f"The level of the daily cost broke on {daily.find_day(past.start)}: only the days from then on count"
    begin = daily.find_day(0)
    if first < begin:
        yield f"The first record is of {begin}: what {first} to {begin - timedelta(days=1)} cost is not included"


def _describe_largest(daily: Daily, weeks: int) -> Iterator[str]:
    """Yield a day that makes most of the cost."""
    if not weeks:
        return
    begin = len(daily.costs) - weeks * WEEK
    costs = np.nan_to_num(daily.costs[begin:]).clip(min=0)
    place = int(costs.argmax())
    share = float(costs[place] / costs.sum())
    if share > _LARGEST:
        percent = math.floor(100 * share)
        yield f"1 day, {daily.find_day(begin + place)}, is {percent} % of the cost that the forecast rests on"


def _describe_length(weeks: int, ahead: int) -> Iterator[str]:
    if weeks and ahead > weeks * WEEK:
        yield f"The next {format_count(ahead, 'day')} are forecast out of {format_count(weeks, 'week')} only"
