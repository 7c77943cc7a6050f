"""How a statistic is declared: three steps of narwhals expressions, so that every engine computes the same one.

1. *Row values*: expressions over the columns of the frame.
2. *Aggregates*: plain sums, counts and linear quantiles of row values. Anything less plain leaves pandas' fast path.
3. *Finish*: an expression over the aggregates, such as a ratio of sums.

A sum over nothing known is a gap, not 0: each sum is accompanied by the count of what it rests on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import narwhals.stable.v2 as nw

from genanalytics.units import Unit

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Statistic:
    """One number per group.

    Attributes:
        name: The column's name in a summary.
        label: What a person reads.
        unit: The unit of the number.
        description: The formula and its treatment of gaps, in a sentence.
        needs: The columns of the frame that the row values read.
        rows: Row values by name. Two statistics that use one name mean the same expression.
        aggregates: Aggregates of row values, by name.
        finish: The number, out of the aggregates; None where the aggregate `name` is the number.
    """

    name: str
    label: str
    unit: Unit
    description: str
    needs: tuple[str, ...] = ()
    rows: Mapping[str, nw.Expr] = field(default_factory=dict)
    aggregates: Mapping[str, nw.Expr] = field(default_factory=dict)
    finish: nw.Expr | None = None

    def finished(self) -> nw.Expr:
        """Return the expression that makes the number out of the aggregates."""
        return nw.col(self.name) if self.finish is None else self.finish.alias(self.name)


@dataclass(frozen=True, slots=True)
class RowValue:
    """A number per row, null where it is not known or not defined."""

    name: str
    label: str
    unit: Unit
    description: str
    needs: tuple[str, ...]
    value: nw.Expr

    @property
    def rows(self) -> dict[str, nw.Expr]:
        """The declaration's first step."""
        return {self.name: self.value}

    @property
    def sums(self) -> dict[str, nw.Expr]:
        """The aggregates that `total` reads."""
        return {f"{self.name}.sum": nw.col(self.name).sum(), f"{self.name}.n": nw.col(self.name).count()}

    @property
    def total(self) -> nw.Expr:
        """The sum over the rows where the value is known; null where there are none."""
        return nw.when(nw.col(f"{self.name}.n") > 0).then(nw.col(f"{self.name}.sum"))


def total(value: RowValue) -> Statistic:
    """Return the sum of a row value; null where no row has one."""
    return Statistic(
        value.name, value.label, value.unit, value.description, value.needs, value.rows, value.sums, value.total
    )


def count_of(value: RowValue) -> Statistic:
    """Return in how many rows a row value is known."""
    counted = {f"{value.name}.n": nw.col(value.name).count()}
    return Statistic(
        value.name,
        value.label,
        Unit.COUNT,
        value.description,
        value.needs,
        value.rows,
        counted,
        nw.col(f"{value.name}.n"),
    )


def ratio(  # noqa: PLR0917 - in the order of `Statistic`
    name: str, label: str, unit: Unit, description: str, numerator: RowValue, denominator: RowValue
) -> Statistic:
    """Return a ratio of sums over the rows where both sides are known; null where the denominator sums to 0."""
    both = ~numerator.value.is_null() & ~denominator.value.is_null()
    over, under = f"{name}.over", f"{name}.under"
    return Statistic(
        name,
        label,
        unit,
        description,
        needs=(*numerator.needs, *denominator.needs),
        rows={over: nw.when(both).then(numerator.value), under: nw.when(both).then(denominator.value)},
        aggregates={over: nw.col(over).sum(), under: nw.col(under).sum()},
        finish=nw.when(nw.col(under) != 0).then(nw.col(over) / nw.col(under)),
    )


def spread(value: RowValue) -> tuple[Statistic, ...]:
    """Return mean, p50, p90, p95, p99 and n of a row value, as statistics named `<value>_p50` and so on.

    Percentiles interpolate linearly between order statistics (Hyndman and Fan, 1996, type 7).
    """
    column = nw.col(value.name)
    aggregates = {"mean": column.mean()}
    aggregates |= {name: column.quantile(quantile, interpolation="linear") for name, quantile in QUANTILES.items()}
    aggregates["n"] = column.count()
    return tuple(
        Statistic(
            name=f"{value.name}_{suffix}",
            label=f"{value.label} {suffix}",
            unit=Unit.COUNT if suffix == "n" else value.unit,
            description=f"{value.description} ({suffix})",
            needs=value.needs,
            rows=value.rows,
            aggregates={f"{value.name}_{suffix}": aggregate},
        )
        for suffix, aggregate in aggregates.items()
    )
