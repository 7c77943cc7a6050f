"""The section on time: which hours of the week and which days cost most."""

from collections.abc import Iterator

import numpy as np

from genanalytics.decide.shifts.changes import changes
from genanalytics.errors import InputError
from genanalytics.metrics import REQUESTS, summarize
from genanalytics.metrics.catalog import resolve_one
from genanalytics.metrics.grouping.calendar import TIME
from genanalytics.metrics.week import Week, summarize_week
from genanalytics.plots.days import check_days
from genanalytics.report.blocks import Block, Cell, Column, Section, Table, Text
from genanalytics.report.given import Given
from genanalytics.report.sections.charts import draw_named
from genanalytics.report.tables import make_table
from genanalytics.units import Unit, format_count, format_value, money_decimals

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_COST = "effective_cost"
_MOST_DAYS = 35
"""A longer period has a calendar."""


def make_when(given: Given) -> Section | None:
    """Return the section on hours and days; None without a dated generation."""
    period = given.figures.period
    if period is None or given.figures.total[_COST].isna().all():
        return None
    week = summarize_week(given.data, resolve_one(_COST), tz=given.tz)
    days = np.count_nonzero(week.occurrences.sum(axis=1))
    return Section("when", "When", _answer(given, week), [*_list_blocks(given, week)] if days > 1 else [])


def _answer(given: Given, week: Week) -> str:
    """Return the most expensive hour of the day and day of the week, per hour on average."""
    occurs = week.occurrences.sum(axis=1)
    known = int(np.count_nonzero(occurs))
    if known < len(_DAYS):
        return f"The records cover {format_count(known, 'day')} of the week: too few to compare all of them."
    mean = float(np.nansum(week.days * occurs) / occurs.sum())
    if mean <= 0:
        return "No hour has a cost on average."
    hour, day = int(np.nanargmax(week.hours)), int(np.nanargmax(week.days))
    of_hour, of_day, average = (format_value(float(one), Unit.USD) for one in (week.hours[hour], week.days[day], mean))
    missing = " and ".join(_list_missing(given))
    partial = f"; {missing} are not included" if missing else ""
    return (
        f"The most expensive hour of the day is {hour:02}:00 to {(hour + 1) % 24:02}:00 ({given.tz}): {of_hour} per"
        f" hour, {week.hours[hour] / mean:.1f} times the average of {average}. The most expensive day of the week is"
        f" {_DAYS[day]}: {of_day} per hour, {week.days[day] / mean:.1f} times{partial}."
    )


def _list_missing(given: Given) -> Iterator[str]:
    total = given.figures.total
    if _COST in total.attrs["lower_bounds"]:
        yield "missing records"
    if total["cost_unknown"].iloc[0]:
        yield "unknown costs"


def _list_blocks(given: Given, week: Week) -> Iterator[Block]:
    yield draw_named(given, "hour-of-week", numbers=_list_hours(week, given.tz), height=0.85, metric=_COST)
    period = given.figures.period
    if period is not None and (period[1] - period[0]).days > _MOST_DAYS:
        yield _draw_calendar(given)


def _draw_calendar(given: Given) -> Block:
    """Return the cost of each day, with the days on which its level changed; more than three years have none."""
    cost = resolve_one(_COST)
    days = summarize(given.data, every="day", tz=given.tz, metrics=[cost, "cost_unknown"])
    numbers = make_table(days, [TIME], [REQUESTS, cost], name="cost-calendar-numbers", caption="Cost by day")
    try:
        check_days(int(days[TIME].notna().sum()))  # before the search for changes, which takes minutes for decades
        flagged = changes(given.data, by=None, metrics=[cost], tz=given.tz, causes=False)
        return draw_named(given, "cost-calendar", numbers=numbers, height=0.8, flagged=flagged)
    except InputError as error:
        return Text(f"There is no calendar: {error}.")


def _list_hours(week: Week, tz: str) -> Table:
    """Return the mean cost of each hour of the week."""
    decimals = money_decimals(week.cells[np.isfinite(week.cells)].tolist())
    rows = [
        [Cell(f"{hour:02}:00", repr(hour)), *(_make_cell(float(value), decimals) for value in week.cells[:, hour])]
        for hour in range(week.cells.shape[1])
    ]
    columns = [Column("hour", numeric=False), *(Column(day) for day in _DAYS)]
    return Table("hour-of-week-numbers", f"Mean cost per hour of the week ({tz})", columns, rows)


def _make_cell(value: float, decimals: int) -> Cell:
    known = value if np.isfinite(value) else None
    return Cell(format_value(known, Unit.USD, decimals=decimals), "" if known is None else repr(known), numeric=True)
