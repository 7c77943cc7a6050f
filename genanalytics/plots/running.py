"""The chart of the running total of a month, against the month before and with what is expected."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

from genanalytics.base.opening import opens_paths
from genanalytics.decide.budget.daily import list_days, read_days
from genanalytics.decide.budget.forecast import forecast
from genanalytics.decide.budget.outlook import Forecast
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import find_zone
from genanalytics.metrics.summary import summarize
from genanalytics.metrics.where.rows import keep_between
from genanalytics.plots.axis import add_unit, set_linear
from genanalytics.plots.content import add_columns, add_series, find_content
from genanalytics.plots.groups import are_bounds, describe_basis, describe_unknown, to_finite
from genanalytics.plots.palette import HUES, find_look
from genanalytics.plots.style import draw_legend, style_axes, write_empty, write_title
from genanalytics.units import Unit, format_count, format_value, mark_lower_bound, money_decimals

_COST = "effective_cost"
_EXPECTED = "expected"
_LIMITS = ("low_80", "high_80", "low_95", "high_95")
_NEXT = pd.Timedelta(days=2)
"""Records that begin so long after others go on where these end."""
_EARLY = 8
"""Before this day there is no room for an amount to the left of the end of a line."""
_ROOM_ABOVE = 1.08
"""The part above the lines is for the amount at their end."""
_TICKS = (1, 8, 15, 22, 29)

_Marks = Mapping[str, Callable[[str], str]]


@opens_paths("data", "against")
def cumulative_cost(
    data: Records,
    *,
    against: Records | None = None,
    ahead: Forecast | None = None,
    tz: str = "UTC",
    title: str | None = None,
    subtitle: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return axes with the cost of the last month up to each day, next to that of the month before, and a forecast.

    The forecast continues the line to the end of the month, with its 80 % and its 95 % band. If the records reach the
    end of the month, there is nothing to forecast in it. If there is no forecast, the details say why.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        against: Records to compare with: the month before, or their last month. If `data` begins where they end, the
            month before may be in both. None for the month before in `data`.
        ahead: The result of `ga.forecast` of the same data and time zone, up to the end of the month; None to compute
            it.
        tz: The time zone of days, by its IANA name.
        title: The title; None for the usual one.
        subtitle: Whether details are written below the title.
        ax: The axes to draw into; None for a new figure.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone.
    """
    outlook = forecast(data, tz=tz) if ahead is None else ahead
    costs = _list_known(outlook)
    found = _list_months(costs, tz)
    with style_axes(ax) as axes:
        axes.set_xlabel(f"day of the month ({tz})")
        axes.set_ylabel(add_unit("cost so far", Unit.USD))
        if costs.isna().all():
            subject = "Cost of the month up to each day"
            write_title(axes, subject, [describe_basis(data, tz)], title=title, subtitle=subtitle)
            return write_empty(axes, "no known cost" if found else "no dated generation")
        is_open = outlook.known_until is None or costs.index[-1].date() > outlook.known_until
        now, known = found[-1]._replace(is_open=is_open), found[:-1]
        if against is not None:
            known = _list_months(_join_costs(_read_costs(against, tz), costs, tz), tz)
        before = _choose_before([month for month in known if month.start < now.start], now, other=against is not None)
        rows = now.keep(data)
        unknown = int(summarize(rows, metrics=["cost_unknown"])["cost_unknown"].iloc[0])
        marks = _choose_marks(now, before, [each for each in (data, against) if each is not None])
        is_ahead = outlook.expected is not None and (outlook.first, outlook.last) == now.limits
        is_partial = outlook.coverage is not None and outlook.coverage.is_partial
        answer = outlook.answer.rstrip(".")
        details = [*_describe(now, before, marks), answer, describe_basis(rows, tz), describe_unknown(unknown)]
        write_title(axes, f"Cost of {now.name} up to each day", details, title=title, subtitle=subtitle)
        expected = outlook.days[outlook.days["expected"].notna()] if is_ahead else outlook.days[:0]
        _draw(axes, now, before, expected, marks)
        if is_ahead:
            about = mark_lower_bound if is_partial else "about {}".format
            _write_end(axes, now.length, float(expected["cumulative"].iloc[-1]), about, fewer=2)
        else:
            _write_end(axes, int(now.days[-1]), float(now.totals[-1]), marks[now.name])
        return axes


class _Month(NamedTuple):
    """The costs of a month.

    Attributes:
        start: The start of its first day.
        end: The start of the month after it.
        costs: The known cost of each day from the first one with a record on.
        skipped: The number of days before that.
        is_open: Whether the last of these days is not over.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    costs: np.ndarray
    skipped: int
    is_open: bool = False

    @property
    def name(self) -> str:
        return f"{self.start:%B %Y}"

    @property
    def limits(self) -> tuple[date, date]:
        """Its first and its last day."""
        return self.start.date(), self.end.date() - timedelta(days=1)

    @property
    def length(self) -> int:
        return self.limits[1].day

    @property
    def days(self) -> np.ndarray:
        """The numbers of the days after which the totals are known, from the day before the first one on."""
        return self.skipped + np.arange(len(self.costs) + 1)

    @property
    def complete(self) -> int:
        """The number of the last complete day."""
        return int(self.days[-1]) - self.is_open

    @property
    def totals(self) -> np.ndarray:
        """The known cost up to the end of each of `days`."""
        return np.concatenate([[0.0], np.nancumsum(self.costs)])

    def find_total(self, day: int) -> float:
        """Return the known cost up to the end of a day; NaN outside of `days`."""
        place = day - self.skipped
        return float(self.totals[place]) if 0 <= place < len(self.totals) else np.nan

    def keep(self, data: Records) -> Records:
        """Return the rows of the month."""
        kept: Records = keep_between(data, self.start, self.end)
        return kept


def _list_known(outlook: Forecast) -> pd.Series:
    """Return the known cost of each day up to the last one with a record."""
    days = pd.DatetimeIndex(outlook.days["day"])
    costs = pd.Series(to_finite(outlook.days["cost"]), index=days)
    is_known = costs.notna().to_numpy()
    if outlook.known_until is not None:
        is_known = is_known | (days.date <= outlook.known_until)
    return costs[: int(np.flatnonzero(is_known)[-1]) + 1] if is_known.any() else costs[:0]


def _read_costs(data: Records, tz: str) -> pd.Series:
    """Return the known cost of each day of other records."""
    daily = read_days(data, _COST, tz)
    if daily.first is None:
        return pd.Series(dtype=float, index=list_days(None, None, daily.zone))
    costs = [*daily.costs, *([] if daily.open_cost is None else [daily.open_cost])]
    return pd.Series(costs, index=list_days(daily.first, daily.find_day(len(costs) - 1), daily.zone))


def _join_costs(previous: pd.Series, costs: pd.Series, tz: str) -> pd.Series:
    """Return the costs of other records, with those of the records if these go on where the others end."""
    if previous.empty or not pd.Timedelta(0) < costs.index[0] - previous.index[-1] <= _NEXT:
        return previous
    days = list_days(previous.index[0].date(), costs.index[-1].date(), find_zone(tz))
    joined: pd.Series = pd.concat([previous, costs]).reindex(days, fill_value=0.0)
    return joined


def _choose_before(months: Sequence[_Month], now: _Month, *, other: bool) -> _Month | None:
    """Return the month before; of other records, any month that is the last one."""
    adjacent = [month for month in months if month.end == now.start]
    return next(iter(adjacent or (months[-1:] if other else [])), None)


def _list_months(costs: pd.Series, tz: str) -> list[_Month]:
    """Return the months of daily costs, in order."""
    days = pd.DatetimeIndex(costs.index)
    found = []
    for year, month in dict.fromkeys(zip(days.year.tolist(), days.month.tolist(), strict=True)):
        chosen = (days.year == year) & (days.month == month)
        start, end = _find_start(year, month, tz), _find_start(year + month // 12, month % 12 + 1, tz)
        found.append(_Month(start, end, costs[chosen].to_numpy(dtype=float), days[chosen][0].day - 1))
    return found


def _find_start(year: int, month: int, tz: str) -> pd.Timestamp:
    """Return the start of a month."""
    return pd.Timestamp(year, month, 1).tz_localize(find_zone(tz), nonexistent="shift_forward", ambiguous=True)


def _choose_marks(now: _Month, before: _Month | None, sources: Sequence[Records]) -> _Marks:
    """Return by the name of each month the function that marks its amounts, which may be lower bounds."""
    months = [month for month in (now, before) if month is not None]
    return {
        month.name: mark_lower_bound if any(_is_bound(month.keep(each)) for each in sources) else str
        for month in months
    }


def _is_bound(rows: Records) -> bool:
    """Return whether there are rows whose cost is a lower bound."""
    found = summarize(rows, metrics=[_COST, "cost_unknown"])
    return bool(found["requests"].iloc[0]) and bool(are_bounds(found, _COST)[0])


def _describe(now: _Month, before: _Month | None, marks: _Marks) -> Iterator[str]:
    """Yield the cost of the month, and the cost of the month before, in all and after as many days."""
    decimals = money_decimals([month.totals[-1] for month in (now, before) if month is not None])

    def write(month: _Month, total: float) -> str:
        return marks[month.name](format_value(total, Unit.USD, decimals=decimals))

    def show(month: _Month, day: int) -> str:
        return f"{write(month, month.find_total(day))} after {format_count(day, 'day')}"

    amount = write(now, now.totals[-1])
    if now.is_open:
        yield f"{amount} so far{f', {show(now, now.complete)}' if now.complete else ''}"
    else:
        yield f"{amount} in all" if now.complete == now.length else show(now, now.complete)
    if before is None:
        return
    whole = write(before, before.totals[-1])
    so_far = f", {show(before, now.complete)}" if before.skipped < now.complete < before.days[-1] else ""
    first = "day" if before.skipped == 1 else f"{before.skipped} days"
    part = f", without its first {first}" if before.skipped else ""
    yield f"{before.name}: {whole}{so_far}{part}"


def _draw(ax: Axes, now: _Month, before: _Month | None, expected: pd.DataFrame, marks: _Marks) -> None:
    handles: list[Artist] = []
    if before is not None:
        handles.append(_draw_total(ax, before, find_look(ax).soft, zorder=2))
        find_content(ax).earlier.append(before.name)
    expectation = _draw_expected(ax, now, expected) if len(expected) else []
    draw_legend(ax, [_draw_total(ax, now, HUES[0], zorder=3), *expectation, *handles])
    ax.set_xlim(0, max(month.length for month in (now, before) if month is not None))
    if all((month.totals >= 0).all() for month in (now, before) if month is not None):
        ax.set_ylim(bottom=0)
    ax.set_ylim(top=_ROOM_ABOVE * ax.get_ylim()[1])
    ax.xaxis.set_major_locator(FixedLocator(_TICKS))
    set_linear(ax.yaxis, Unit.USD)
    _add_values(ax, now, before, expected, marks)


def _write_end(ax: Axes, day: int, amount: float, mark: Callable[[str], str], *, fewer: int = 0) -> None:
    """Write the amount at the end of a line, with some decimals fewer."""
    text = mark(format_value(amount, Unit.USD, decimals=money_decimals([amount]) - fewer))
    offset, side = ((6, 6), "left") if day < _EARLY else ((-6, 6), "right")
    note = ax.annotate(text, (day, amount), offset, textcoords="offset points", ha=side, va="bottom")
    note.set_color(find_look(ax).ink)


def _draw_total(ax: Axes, month: _Month, color: str, *, zorder: float) -> Line2D:
    """Draw the line of a month; its part of a day that is not over is dotted."""
    count = len(month.days) - month.is_open
    (line,) = ax.plot(month.days[:count], month.totals[:count], color=color, lw=2, label=month.name, zorder=zorder)
    lines = [line]
    if month.is_open:
        lines += ax.plot(month.days[-2:], month.totals[-2:], color=color, linewidth=2, linestyle=":", zorder=zorder)
    add_series(ax, month.name, lines)
    return line


def _draw_expected(ax: Axes, now: _Month, expected: pd.DataFrame) -> list[Artist]:
    """Draw what is expected from the end of the last complete day on, and its bands."""
    days = np.array([day.day for day in expected["day"]])
    start = now.find_total(days[0] - 1)
    places = np.concatenate([days[:1] - 1, days])
    series = {name: np.concatenate([[start], to_finite(expected[name])]) for name in ("cumulative", *_LIMITS)}
    handles: list[Artist] = []
    for level, alpha in (("80", 0.3), ("95", 0.15)):
        label = f"{level} % band"
        low, high = series[f"low_{level}"], series[f"high_{level}"]
        band = ax.fill_between(places, low, high, color=HUES[0], alpha=alpha, linewidth=0, label=label)
        add_series(ax, label, [band])
        handles.append(band)
    (line,) = ax.plot(places, series["cumulative"], color=HUES[0], linewidth=2, linestyle="--", label=_EXPECTED)
    add_series(ax, _EXPECTED, [line])
    return [line, *handles]


def _add_values(ax: Axes, now: _Month, before: _Month | None, expected: pd.DataFrame, marks: _Marks) -> None:
    """Note the totals up to each day."""
    months = [month for month in (now, before) if month is not None]
    ahead = {row["day"].day: row for row in expected.to_dict("records")}
    decimals = money_decimals([float(month.totals[-1]) for month in months])
    days = range(1, max(month.length for month in months) + 1)
    texts = []
    for day in days:
        known = [(month.name, month.find_total(day)) for month in months]
        parts = [
            f"{name} {marks[name](format_value(total, Unit.USD, decimals=decimals))}"
            for name, total in known
            if not np.isnan(total)
        ]
        if day in ahead:
            total, low, high = (
                format_value(ahead[day][name], Unit.USD, decimals=decimals) for name in ("cumulative", *_LIMITS[:2])
            )
            parts.append(f"expected {total} (80 %: {low} to {high})")
        texts.append(f"up to day {day}: {'; '.join(parts) or 'not known'}")
    add_columns(ax, [day - 0.5 for day in days], [day + 0.5 for day in days], texts)
