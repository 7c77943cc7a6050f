"""How a statistic is declared: three steps of narwhals expressions, so that every engine computes the same one.

1. *Row values*: expressions over the columns of the frame, or over other row values.
2. *Aggregates*: plain sums, counts, percentiles and extremes of row values. Anything less plain leaves the fast path of
   one engine or another.
3. *Finish*: a number out of the aggregates, such as a ratio of sums.

The steps that most statistics are made of have names (`Sum`, `Count`, `Quantile`, `Per`, `Known`): that is less to
write, and whoever computes knows what is asked for. Any other aggregate or finish is an expression of narwhals. A sum
over nothing known is a gap, not 0: each sum is accompanied by the count of what it rests on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import narwhals.stable.v2 as nw
import numpy as np

from genanalytics.metrics.intervals.binomial import ranks
from genanalytics.units import Unit

LEVELS = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
"""The percentiles of a spread, by the suffix of their names."""


@dataclass(frozen=True, slots=True, eq=False)
class RowValue:
    """A number per row, null where it is not known or not defined.

    Attributes:
        name: The name under which aggregates find it. Two row values of one name are one and the same object.
        label: What a person reads.
        unit: The unit of the number.
        description: The formula and its treatment of gaps, in a sentence.
        needs: What the expression reads: columns of the frame by name, and other row values.
        value: The expression.
    """

    name: str
    label: str
    unit: Unit
    description: str
    needs: tuple["str | RowValue", ...]
    value: nw.Expr

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the frame that the number is made of."""
        inner = (need for value in closure((self,)) for need in value.needs if isinstance(need, str))
        return tuple(dict.fromkeys(inner))

    @property
    def sums(self) -> "dict[str, Aggregate]":
        """Its sum, and the count that the sum rests on."""
        return {f"{self.name} sum": Sum(self.name), **self.counts}

    @property
    def counts(self) -> "dict[str, Aggregate]":
        """In how many rows it is known."""
        return {f"{self.name} n": Count(self.name)}


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of a row value over the rows where it is known."""

    value: str


@dataclass(frozen=True, slots=True)
class Count:
    """The number of rows where a row value is known; of all rows without a name."""

    value: str = ""


@dataclass(frozen=True, slots=True)
class Quantile:
    """A percentile of a row value: linear interpolation between order statistics (Hyndman and Fan, 1996, type 7)."""

    value: str
    level: float

    def ranks(self, n: "np.ndarray") -> "np.ndarray":
        """Return its ranks among numbers of known values, the smallest of which has rank 0; NaN among none."""
        return np.where(n > 0, (n - 1) * self.level, np.nan)


@dataclass(frozen=True, slots=True)
class Limit:
    """The lower (`side` 0) or the upper (`side` 1) limit of a percentile: what stands at a rank by `binomial.ranks`."""

    value: str
    level: float
    side: Literal[0, 1]

    def ranks(self, n: "np.ndarray") -> "np.ndarray":
        """Return its ranks among numbers of known values, the smallest of which has rank 0; NaN among too few."""
        sizes, places = np.unique(n, return_inverse=True)
        found = (ranks(int(size), self.level) for size in sizes)
        return np.array([np.nan if limits is None else limits[self.side] - 1.0 for limits in found])[places]


Aggregate = Sum | Count | Quantile | Limit | nw.Expr
"""One number per group, out of row values; an expression is a plain one, such as `nw.col("latency").max()`."""


@dataclass(frozen=True, slots=True)
class Per:
    """One aggregate by another; null where the other is 0."""

    over: str
    under: str


@dataclass(frozen=True, slots=True)
class Known:
    """An aggregate where another one, the count that it rests on, is above 0; else null."""

    value: str
    n: str


Finish = Per | Known | str | nw.Expr
"""A number out of aggregates: one of them by its name, or what is made of them."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What a statistic estimates, and from which row values: all that an interval needs to know.

    `sum` and `mean` are those of `over`, `rate` is the share of rows where `over` is 1 among those where it is 1 or 0,
    `ratio` is the sum of `over` by the sum of `under`, `quantile` is that of `over` at `level`.
    """

    kind: Literal["sum", "mean", "rate", "ratio", "quantile"]
    over: RowValue
    under: RowValue | None = None
    level: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Statistic:
    """One number per group.

    Attributes:
        name: The column's name in a summary.
        label: What a person reads.
        unit: The unit of the number.
        description: The formula and its treatment of gaps, in a sentence.
        rows: The row values that the aggregates read.
        needs: Columns of the frame that the aggregates read as they are.
        aggregates: Aggregates by name. Two statistics that use one name mean the same.
        finish: The number, out of the aggregates; None where the aggregate of that name is the number.
        of_nothing: The number of an empty stretch of time: 0 for counts and sums, None for what is then not defined.
        basis: What the number estimates; None where no interval is known.
    """

    name: str
    label: str
    unit: Unit
    description: str
    rows: tuple[RowValue, ...] = ()
    needs: tuple[str, ...] = ()
    aggregates: Mapping[str, Aggregate] = field(default_factory=dict)
    finish: Finish | None = None
    of_nothing: float | None = None
    basis: Basis | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the frame that the statistic is made of."""
        inner = (column for value in self.rows for column in value.columns)
        return tuple(dict.fromkeys((*self.needs, *inner)))


def closure(values: tuple[RowValue, ...]) -> Iterator[RowValue]:
    """Yield the row values and all those that they are made of, what is needed first; some more than once."""
    for value in values:
        yield from closure(tuple(need for need in value.needs if isinstance(need, RowValue)))
        yield value


def total(value: RowValue) -> Statistic:
    """Return the sum of a row value; null where no row has one."""
    return Statistic(
        value.name,
        value.label,
        value.unit,
        value.description,
        rows=(value,),
        aggregates=value.sums,
        finish=Known(f"{value.name} sum", f"{value.name} n"),
        of_nothing=0,
        basis=Basis("sum", value),
    )


def count_of(value: RowValue) -> Statistic:
    """Return in how many rows a row value is known."""
    return Statistic(
        value.name,
        value.label,
        Unit.COUNT,
        value.description,
        rows=(value,),
        aggregates=value.counts,
        finish=f"{value.name} n",
        of_nothing=0,
    )


def ratio(  # noqa: PLR0917 - in the order of `Statistic`
    name: str,
    label: str,
    unit: Unit,
    description: str,
    numerator: RowValue,
    denominator: RowValue,
    *,
    known_together: bool = False,
) -> Statistic:
    """Return a ratio of sums over the rows where both sides are known; null where the denominator sums to 0.

    Where no row has one side without the other, `known_together` spares the work of looking for it.
    """
    sides = ((numerator, denominator), (denominator, numerator))
    over, under = (
        value if known_together else _where_known(f"{name} {side}", value, other)
        for side, (value, other) in zip(("over", "under"), sides, strict=True)
    )
    return Statistic(
        name,
        label,
        unit,
        description,
        rows=(over, under),
        aggregates={f"{side.name} sum": Sum(side.name) for side in (over, under)},
        finish=Per(f"{over.name} sum", f"{under.name} sum"),
        basis=Basis("ratio", over, under),
    )


def _where_known(name: str, value: RowValue, other: RowValue) -> RowValue:
    condition = nw.when(~nw.col(other.name).is_null())
    needs = (value, other)
    return RowValue(name, value.label, value.unit, value.description, needs, condition.then(nw.col(value.name)))


def rate(flag: RowValue) -> Statistic:
    """Return the share of the rows where a flag is 1, among those where it is 1 or 0; null where there are none."""
    return Statistic(
        flag.name,
        flag.label,
        Unit.SHARE,
        flag.description,
        rows=(flag,),
        aggregates=flag.sums,
        finish=Per(f"{flag.name} sum", f"{flag.name} n"),
        basis=Basis("rate", flag),
    )


def spread(value: RowValue) -> tuple[Statistic, ...]:
    """Return mean, p50, p90, p95, p99 and n of a row value, as statistics named `<value>_p50` and so on.

    Percentiles interpolate linearly between order statistics (Hyndman and Fan, 1996, type 7).
    """
    mean = Statistic(
        f"{value.name}_mean",
        f"{value.label} mean",
        value.unit,
        f"{value.description} (mean)",
        rows=(value,),
        aggregates=value.sums,
        finish=Per(f"{value.name} sum", f"{value.name} n"),
        basis=Basis("mean", value),
    )
    percentiles = (
        Statistic(
            f"{value.name}_{suffix}",
            f"{value.label} {suffix}",
            value.unit,
            f"{value.description} ({suffix})",
            rows=(value,),
            aggregates={f"{value.name}_{suffix}": Quantile(value.name, level)},
            basis=Basis("quantile", value, level=level),
        )
        for suffix, level in LEVELS.items()
    )
    n = Statistic(
        f"{value.name}_n",
        f"{value.label} n",
        Unit.COUNT,
        f"{value.description} (n: the rows that have it)",
        rows=(value,),
        aggregates=value.counts,
        finish=f"{value.name} n",
        of_nothing=0,
    )
    return (mean, *percentiles, n)
