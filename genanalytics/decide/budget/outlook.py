"""A forecast, as values and as a page that people read."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any

import pandas as pd

from genanalytics.base.html import make_block, make_lines
from genanalytics.base.text import to_sentence
from genanalytics.bill.page import Section
from genanalytics.records.coverage import Coverage, describe_coverage
from genanalytics.units import GAP, Unit, format_count, format_value, mark_lower_bound, money_decimals

_WHOLE_DOLLARS = 100.0
_LEAST_CHANCE, _MOST_CHANCE = 0.01, 0.99
_MOST_ROWS = 31


@dataclass(frozen=True, slots=True, repr=False, eq=False, kw_only=True)
class Forecast:
    """The cost of a period that is not over; `print` shows it as a page, and a notebook as HTML.

    Attributes:
        cost: The forecast cost: `effective_cost`, `billed_cost` or `byok_cost`.
        tz: The time zone of days.
        first: The first day of the period; None without any record.
        last: Its last day.
        known_until: The last complete day.
        so_far: The known cost of the period in US$, with that of the open day.
        expected: The expected cost of the whole period in US$; None without a forecast.
        low_80: The lower limit of its 80 % band.
        high_80: The upper one.
        low_95: The lower limit of its 95 % band.
        high_95: The upper one.
        budget: The budget in US$.
        chance_to_exceed: The chance that the period costs more than the budget (0 to 1); 1 only if it already has. None
            without a budget or a forecast.
        used_up: The median of the days on which the budget is used up; None if that is not within the period.
        used_up_low: The 10 % quantile of these days.
        used_up_high: The 90 % quantile.
        weeks: The number of past weeks that the forecast is computed from; 0 without a forecast.
        weeks_from: The first day of them.
        break_on: The first day after the last break of the level of the daily cost; None without a break.
        refusal: Why there is no forecast, and what it would need; empty if there is one.
        notices: Other facts about the forecast, a sentence each.
        coverage: The coverage of the data; None if it is unknown.
        backtest: What this method would have forecast in the past of the data, a row per week and per month.
        days: A row per day from the first record to the end of the period: `day` (its start), `cost` (what is known),
            `expected`, `cumulative` (known or expected cost of the period up to the end of the day), and the limits of
            `cumulative`, `low_80`, `high_80`, `low_95`, `high_95`; in US$ (Float64).
    """

    cost: str
    tz: str
    first: date | None = None
    last: date | None = None
    known_until: date | None = None
    so_far: float | None = None
    expected: float | None = None
    low_80: float | None = None
    high_80: float | None = None
    low_95: float | None = None
    high_95: float | None = None
    budget: float | None = None
    chance_to_exceed: float | None = None
    used_up: date | None = None
    used_up_low: date | None = None
    used_up_high: date | None = None
    weeks: int = 0
    weeks_from: date | None = None
    break_on: date | None = None
    refusal: str
    notices: tuple[str, ...]
    coverage: Coverage | None
    backtest: pd.DataFrame
    days: pd.DataFrame

    @property
    def answer(self) -> str:
        """The forecast in one sentence."""
        if self.expected is None:
            known = self._say_chance() if self.chance_to_exceed == 1 else ""
            return f"No forecast: {self.refusal}{known}."
        total, low, high = (self._show(amount) for amount in (self.expected, self.low_80, self.high_80))
        about = "" if self._is_lower_bound else "about "
        return f"{self._name_period()} will cost {about}{total} (80 %: {low} to {high}){self._say_chance()}."

    @property
    def held(self) -> str:
        """How often the bands would have held in the past of the data, in one sentence; empty without any past."""
        judged = self.backtest[self.backtest["held_80"].notna()]
        counts = []
        for kind, rows in judged.groupby("kind", sort=False):
            counts.append(f"{int(rows['held_80'].sum())} of {format_count(len(rows), str(kind))}")
        if not counts:
            return ""
        return f"In the past of these data, the 80 % band would have held in {' and '.join(counts)}"

    def __repr__(self) -> str:
        sections = [section.to_text() for section in self.list_sections()]
        return "\n\n".join([self.answer, *sections, *filter(None, ["\n".join(self.list_notes())])])

    def _repr_html_(self) -> str:
        sections = [section.to_html() for section in self.list_sections()]
        return make_block(make_lines([self.answer]), *sections, make_lines(self.list_notes()))

    def list_notes(self) -> list[str]:
        """Return the sentences below the tables."""
        sentences = [to_sentence(sentence) for sentence in (self.held, *self.notices) if sentence]
        return [*sentences, *filter(None, [describe_coverage(self.coverage)])]

    def to_json(self) -> dict[str, Any]:
        """Return all values as plain Python values: days as ISO 8601, gaps as None, the coverage as its share."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        found["coverage"] = None if self.coverage is None else self.coverage.share_of_rows
        found["is_lower_bound"] = self._is_lower_bound
        return {"answer": self.answer, **{name: _to_plain(value) for name, value in found.items()}}

    @property
    def _is_lower_bound(self) -> bool:
        return self.coverage is not None and self.coverage.is_partial

    def _show(self, amount: float | None) -> str:
        text = _show_usd(amount)
        return mark_lower_bound(text) if self._is_lower_bound else text

    def _show_chance(self) -> str:
        chance, shown = self.chance_to_exceed, show_chance(self.chance_to_exceed)
        if chance is None or chance > _MOST_CHANCE or not self._is_lower_bound:
            return shown
        return f"at least {shown}" if chance >= _LEAST_CHANCE else "unknown, since records are missing"

    def _name_period(self) -> str:
        if self.first is None or self.last is None:
            return "The period"
        following = self.last + timedelta(days=1)
        if self.first.day == following.day == 1 and self.first.month == self.last.month:
            return f"{self.first:%B %Y}"
        return f"{self.first} to {self.last}"

    def _say_chance(self) -> str:
        if self.budget is None:
            return ""
        if self.chance_to_exceed == 1 and self.used_up is not None:
            return f"; the budget of {_show_usd(self.budget)} was used up on {self.used_up}"
        return f"; chance to exceed {_show_usd(self.budget)}: {self._show_chance()}"

    def list_sections(self) -> Iterator[Section]:
        """Yield the tables of the page."""
        if self.first is not None:
            yield Section(self._name_period(), tuple(self._describe()))
        if self.expected is None:
            return
        ahead = self.days[self.days["expected"].notna()]
        heads = ("day", "expected", "sum", "80 %", "95 %")
        rows = [heads, *(_show_day(row) for row in ahead.head(_MOST_ROWS).to_dict("records"))]
        more = len(ahead) - _MOST_ROWS
        yield Section(f"Days to come{f' (and {more:,} more in .days)' if more > 0 else ''}", tuple(rows), (1, 2, 3, 4))

    def _describe(self) -> Iterator[tuple[str, ...]]:
        until = f"days until {self.known_until} are complete" if self.known_until else "no complete day"
        yield "known", self._show(self.so_far), until
        if self.expected is not None:
            rest = self.expected - (self.so_far or 0.0)
            yield "to come", _show_usd(rest), f"{self._count_days()} until {self.last}"
            yield "total", self._show(self.expected), ""
            for level, low, high in ((80, self.low_80, self.high_80), (95, self.low_95, self.high_95)):
                yield f"{level} % band", f"{self._show(low)} to {self._show(high)}", ""
        if self.budget is not None:
            yield "budget", _show_usd(self.budget), self._describe_budget()
        if self.weeks:
            yield "out of", format_count(self.weeks, "week"), f"from {self.weeks_from}"

    def _count_days(self) -> str:
        return format_count(int(self.days["expected"].notna().sum()), "day")

    def _describe_budget(self) -> str:
        if self.chance_to_exceed is None:
            return "chance to exceed it: unknown"
        if self.chance_to_exceed == 1:
            return f"used up on {self.used_up}"
        chance = f"chance to exceed it: {self._show_chance()}"
        if self.used_up_low is None:
            return chance
        if self.used_up is None:
            return f"{chance}; if so, from about {self.used_up_low} on"
        latest = str(self.used_up_high) if self.used_up_high else "after the period"
        return f"{chance}; used up about {self.used_up} (80 %: {self.used_up_low} to {latest})"


def _show_usd(amount: float | None) -> str:
    """Return an amount in whole dollars if it is large enough.

    >>> _show_usd(412.4), _show_usd(12.345), _show_usd(0.0123)
    ('$412', '$12.35', '$0.0123')
    """
    whole = amount is not None and abs(amount) >= _WHOLE_DOLLARS
    return format_value(amount, Unit.USD, decimals=0 if whole else max(2, money_decimals([amount]) - 1))


def show_chance(chance: float | None) -> str:
    """Return a chance as text; a simulation never shows that it is 0 or 1.

    >>> [show_chance(chance) for chance in (0.0, 0.25, 0.9999, 1.0, None)]
    ['under 1 %', '25 %', 'over 99 %', '100 %', '–']
    """
    if chance is None:
        return GAP
    if chance < _LEAST_CHANCE:
        return "under 1 %"
    if _MOST_CHANCE < chance < 1:
        return "over 99 %"
    return f"{100 * chance:.0f} %"


def _show_day(row: dict[Any, Any]) -> tuple[str, ...]:
    bands = (f"{_show_usd(row[f'low_{level}'])} to {_show_usd(row[f'high_{level}'])}" for level in (80, 95))
    return f"{row['day']:%Y-%m-%d %a}", _show_usd(row["expected"]), _show_usd(row["cumulative"]), *bands


def _to_plain(value: object) -> Any:  # noqa: ANN401 - of any type that JSON has
    if isinstance(value, pd.DataFrame):
        plain = value.astype("object").where(value.notna(), None).to_dict("records")
        return [{str(name): _to_plain(inner) for name, inner in row.items()} for row in plain]
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date) else value
