"""The difference between two groups, as a value that shows itself in a terminal and in a notebook."""

from dataclasses import dataclass

import pandas as pd
from pandas.api.types import is_bool

from genanalytics.base.html import make_block, make_lines, make_table
from genanalytics.base.text import capitalize, name_group
from genanalytics.metrics.declare import Statistic
from genanalytics.units import Unit, find_unit_of_difference, format_value

LEAST_OVERLAP = 0.5
"""If less than this share of the rows of a side is in common strata, most of that side is not compared."""
_MOST_STRATA = 20


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with the limits of its 95 % interval; None for each that is unknown."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Comparison:
    """The difference between two groups in one statistic, on the strata that both have.

    Attributes:
        by: The column, or the derived key, whose values are compared.
        a: One of its values.
        b: The other one.
        metric: The statistic.
        match: The columns and derived keys that make the strata.
        value_a: The statistic of `a`: the weighted mean over the common strata; None without any.
        value_b: The statistic of `b`.
        difference: `value_a - value_b`.
        ratio: `value_a / value_b`; None unless both are above 0.
        n_a: The rows of `a` in which the statistic is known.
        n_b: The rows of `b` in which it is known.
        overlap_a: The share of `n_a` in common strata; None if `n_a` is 0.
        overlap_b: The share of `n_b` in common strata.
        strata: A row per stratum: the columns of `match`, `n_a`, `n_b`, `value_a`, `value_b`, `difference`, and
            `weight`, which is missing if the stratum is not common. `attrs` contains `units` and `labels`.
        gap: The reason why there is no interval; empty if there is one, or if nothing is compared.
    """

    by: str
    a: object
    b: object
    metric: Statistic
    match: tuple[str, ...]
    value_a: float | None
    value_b: float | None
    difference: Estimate
    ratio: Estimate
    n_a: int
    n_b: int
    overlap_a: float | None
    overlap_b: float | None
    strata: pd.DataFrame
    gap: str = ""

    @property
    def comparable(self) -> bool:
        """Whether at least half of the rows of either side are in common strata."""
        return min(self.overlap_a or 0.0, self.overlap_b or 0.0) >= LEAST_OVERLAP

    @property
    def answer(self) -> str:
        """The difference in one sentence, with its interval."""
        label, unit, difference = self.metric.label, self.metric.unit, self.difference
        title, a, b = capitalize(label), _name(self.a), _name(self.b)
        if not self.comparable or difference.value is None:
            return f"{title}: {a} and {b} cannot be compared, since they have too little in common."
        values = " against ".join(format_value(value, unit) for value in (self.value_a, self.value_b))
        unit = find_unit_of_difference(unit)
        word = "lower" if difference.value < 0 else "higher"
        size = f"{format_value(abs(difference.value), unit)} {word} than"
        answer = f"{a} is {size if difference.value else 'equal to'} {b}, {values}"
        if difference.low is None or difference.high is None:
            return f"{title}: {answer}. There is no interval: {self.gap or 'it cannot be estimated'}."
        span = f"{format_value(difference.low, unit)} to {format_value(difference.high, unit)}"
        unclear = "no clear difference: " if difference.low <= 0 <= difference.high else ""
        return f"{title}: {unclear}{answer} (95 % interval of the difference: {span})."

    def __repr__(self) -> str:
        head = f"{self.metric.label}: {self.by} {_name(self.a)} against {_name(self.b)}"
        return "\n".join([head, *self._list_lines()])

    def _repr_html_(self) -> str:
        tables = (self._make_table_of_sides(), make_lines(self._list_lines()), self._make_table_of_strata())
        return make_block(make_lines([self.answer]), *tables)

    def _list_lines(self) -> list[str]:
        """Return what is compared, and by how much it differs."""
        unit = self.metric.unit
        shares = (format_value(overlap, Unit.SHARE) for overlap in (self.overlap_a, self.overlap_b))
        counts = f"{self.strata['weight'].count()} of {len(self.strata)} by {', '.join(self.match)}"
        common = f"common strata ({counts})" if self.match else "one stratum"
        rows = f"{self.n_a:,} and {self.n_b:,} rows, {' and '.join(shares)} in {common}"
        if not self.comparable:
            least = format_value(LEAST_OVERLAP, Unit.SHARE)
            return [rows, f"not comparable: less than {least} of a side is in common strata"]
        return [
            rows,
            f"{format_value(self.value_a, unit)} against {format_value(self.value_b, unit)}",
            f"difference {_format(self.difference, find_unit_of_difference(unit), self.gap)}",
            f"ratio {_format(self.ratio, Unit.RATIO, self.gap)}",
            f"associated with {self.by}: other differences between the sides may cause it",
        ]

    def _make_table_of_sides(self) -> str:
        heads = (self.by, "rows", "in common strata", self.metric.label)
        sides = ((self.a, self.n_a, self.overlap_a, self.value_a), (self.b, self.n_b, self.overlap_b, self.value_b))
        rows = [
            (_name(side), n, format_value(overlap, Unit.SHARE), format_value(value, self.metric.unit))
            for side, n, overlap, value in sides
        ]
        return make_table(heads, rows, figures=(1, 2, 3))

    def _make_table_of_strata(self) -> str:
        """Return the common strata with most weight, folded; an empty text if there is only one."""
        strata = self.strata[self.strata["weight"].notna()].sort_values("weight", ascending=False, kind="stable")
        if len(strata) <= 1:
            return ""
        labels, units = self.strata.attrs["labels"], self.strata.attrs["units"]
        rows = [
            [name_group(row[name]) for name in self.match]
            + [format_value(row[name], Unit(unit)) for name, unit in units.items()]
            for row in strata.head(_MOST_STRATA).to_dict("records")
        ]
        heads = [*self.match, *(labels[name] for name in units)]
        table = make_table(heads, rows, figures=range(len(self.match), len(heads)))
        count = f"{_MOST_STRATA} of {len(strata):,} common strata, those with most weight"
        title = count if len(strata) > _MOST_STRATA else f"{len(strata)} common strata"
        return f"<details><summary>{title}</summary>{table}</details>"


def _name(side: object) -> str:
    """Return a side as the command line takes it.

    >>> _name(True), _name("a")
    ('true', 'a')
    """
    return name_group(side).lower() if is_bool(side) else name_group(side)


def _format(estimate: Estimate, unit: Unit, gap: str) -> str:
    """Return a number with its interval, for people."""
    value = format_value(estimate.value, unit)
    if estimate.value is None:
        return value
    if estimate.low is None or estimate.high is None:
        return f"{value} (no interval{gap and f': {gap}'})"
    return f"{value} ({format_value(estimate.low, unit)} to {format_value(estimate.high, unit)})"
