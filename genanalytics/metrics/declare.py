"""How a statistic is declared: in three steps, so that every engine computes the same number.

1. A *row value* is one number per row: an expression of narwhals over columns of the frame or over other row values.
   narwhals is a library whose expressions (`nw.col("latency") / 1000`) run on pandas, Polars, Arrow, DuckDB and Spark.
2. An *aggregate* is one number per group: the sum, the count or a percentile of a row value.
3. A *finish* makes the statistic out of aggregates, for example one sum divided by another.

A missing value stays missing: the sum of nothing is missing, not 0, because `Known` compares it with its count.

Example: the speed of generations, in tokens per second. Two row values, their sums, and the ratio of the sums:

>>> import pandas as pd
>>> from genanalytics.metrics import summarize
>>> tokens = RowValue("tokens", "tokens", Unit.TOKENS, "Tokens generated", ("out",), nw.col("out"))
>>> seconds = RowValue("seconds", "time", Unit.NONE, "Seconds taken", ("ms",), nw.col("ms") / 1000)
>>> speed = Statistic(
...     "speed", "speed", Unit.TOKENS_PER_S, "Tokens / seconds", finish=Per(Sum(tokens), Sum(seconds))
... )
>>> frame = pd.DataFrame({"model": ["a", "a", "b"], "out": [100, 300, 50], "ms": [1000, 3000, 100]})
>>> summarize(frame, by="model", metrics=[speed]).to_dict("list")
{'model': ['a', 'b'], 'requests': [2, 1], 'speed': [100.0, 500.0]}

`forms.ratio` declares the same in one line, and adds an interval. DuckDB computes it where the data is:

>>> import duckdb
>>> summarize(duckdb.connect().from_df(frame), by="model", metrics=[speed])["speed"].tolist()
[100.0, 500.0]
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal

import narwhals
import narwhals.stable.v2 as nw

from genanalytics.errors import InputError
from genanalytics.units import Unit

if TYPE_CHECKING:
    import numpy as np

_KEPT_STATISTICS = 1000
LEVELS: Mapping[str, float] = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
"""The percentiles of a spread, by the suffix of their names."""


@dataclass(frozen=True, slots=True, eq=False)
class RowValue:
    """A number per row, missing where it is unknown or undefined.

    Attributes:
        name: The name of the column that holds it while a statistic is computed. Every row value needs its own name.
        label: The name that people read.
        unit: The unit of the number.
        description: The formula and its treatment of missing values, in a sentence.
        needs: Everything that the expression reads: columns of the frame by name, and other row values.
        expression: The expression: of `narwhals.stable.v2`, or of `narwhals` itself.
        signed: Whether the number can be negative. Then a sum over some of the rows is not a lower bound.

    Raises:
        InputError: The expression or `needs` is something else.
    """

    name: str
    label: str
    unit: Unit
    description: str
    needs: tuple["str | RowValue", ...]
    expression: nw.Expr
    signed: bool = False

    def __post_init__(self) -> None:
        _check_needs(self.name, self.needs)
        _check_expression(self.name, self.expression)

    @property
    def column(self) -> nw.Expr:
        """The row value in the expression of another one."""
        return nw.col(self.name)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the frame that the number is made of."""
        inner = (need for value in list_needed((self,)) for need in value.needs if isinstance(need, str))
        return tuple(dict.fromkeys(inner))


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of a row value over the rows where it is known."""

    value: RowValue

    @property
    def name(self) -> str:
        """The name of its column while a statistic is computed."""
        return f"sum of {self.value.name}"


@dataclass(frozen=True, slots=True)
class Count:
    """The number of rows where a row value is known; of all rows without a row value."""

    value: RowValue | None = None

    @property
    def name(self) -> str:
        """The name of its column while a statistic is computed."""
        return "rows" if self.value is None else f"count of {self.value.name}"


@dataclass(frozen=True, slots=True)
class Quantile:
    """A percentile of a row value: linear interpolation between order statistics (Hyndman and Fan, 1996, type 7)."""

    value: RowValue
    level: float
    outward: ClassVar[int] = 0
    """The direction in which an approximation may miss: down (-1), up (1), or either (0)."""

    @property
    def name(self) -> str:
        """The name of its column while a statistic is computed; without a dot, which means a field in Spark."""
        level = str(self.level).replace(".", "_")
        return f"quantile {level} of {self.value.name}"

    def ranks(self, n: "np.ndarray") -> "np.ndarray":
        """Return its ranks among numbers of known values: the smallest has rank 0; a rank outside of them is a gap."""
        return (n - 1) * self.level


Aggregate = Sum | Count | Quantile
"""One number per group."""


@dataclass(frozen=True, slots=True)
class Per:
    """One aggregate divided by another; missing where the other is 0."""

    over: Sum | Count
    under: Sum | Count


@dataclass(frozen=True, slots=True)
class Known:
    """A sum where at least one row has a value; missing where none has."""

    value: RowValue


@dataclass(frozen=True, slots=True)
class ShareOfTotal:
    """The known sum of a group divided by the sum over all groups; missing if that is 0, or if any sum is negative."""

    value: RowValue


Finish = Sum | Count | Quantile | Per | Known | ShareOfTotal | nw.Expr
"""One number per group out of aggregates, or an aggregate itself; an expression reads the aggregates in `own`."""


Bound = Literal["positive", "share", "at most one", "any"]
"""What values a mean or a ratio of sums can have: not negative, from 0 to 1, not above 1, or any.

`positive` is treated as `any` where a numerator is negative.
"""


@dataclass(frozen=True, slots=True)
class Basis:
    """The quantity that a statistic estimates, and its row values: all that an interval depends on.

    `mean` is that of `over`, `sum` its sum in a like period. `rate` is the share of rows where `over` is 1 among those
    where it is 1 or 0. `ratio` is the sum of `over` divided by the sum of `under`. `quantile` is that of `over` at
    `level`. `bound` says what values a mean or a ratio can have.
    """

    kind: Literal["sum", "mean", "rate", "ratio", "quantile"]
    over: RowValue
    under: RowValue | None = None
    level: float | None = None
    bound: Bound = "positive"


@dataclass(frozen=True, slots=True, eq=False)
class Statistic:
    """One number per group.

    Attributes:
        name: The name of the column in a summary.
        label: The name that people read.
        unit: The unit of the number.
        description: The formula and its treatment of missing values, in a sentence.
        finish: The number, out of aggregates. Without it, the first expression in `own` is the number.
        own: Any other aggregates, as expressions of narwhals by name, such as `{"longest": nw.col("latency").max()}`.
            Each must be plain, that is one function of one column: others would be slow on pandas.
        needs: Everything that `own` reads: columns of the frame by name, and row values.
        of_nothing: The number for an empty period: 0 for counts and sums, None if it is undefined.
        basis: The quantity that the number estimates; None if it has no interval.

    Raises:
        InputError: There is neither `finish` nor `own`, or one of them or `needs` is something else.
    """

    name: str
    label: str
    unit: Unit
    description: str
    finish: Finish | None = None
    own: Mapping[str, nw.Expr] = field(default_factory=dict)
    needs: tuple[str | RowValue, ...] = ()
    of_nothing: float | None = None
    basis: Basis | None = None

    def __post_init__(self) -> None:
        _check_needs(self.name, self.needs)
        for expression in self.own.values():
            _check_expression(self.name, expression)
        if self.finish is None and not self.own:
            msg = f"{self.name!r} has nothing to compute: give finish, such as Sum(value), or own"
            raise InputError(msg)
        if not isinstance(self.finish, Aggregate | Per | Known | ShareOfTotal | None):
            _check_expression(self.name, self.finish)

    @property
    def aggregates(self) -> tuple[Aggregate, ...]:
        """The aggregates of its finish."""
        match self.finish:
            case None | narwhals.Expr():
                return ()
            case Per(over, under):
                return (over, under)
            case Known(value) | ShareOfTotal(value):
                return (Sum(value), Count(value))
            case aggregate:
                return (aggregate,)

    @property
    def can_only_grow(self) -> bool:
        """Whether more records can only add to the number: a count, or a sum of values that are not negative."""
        match self.finish:
            case Count():
                return True
            case Known(value) | Sum(value):
                return not value.signed
        return False

    @property
    def adds_up(self) -> bool:
        """Whether the numbers of groups add up to the number of all of them: a count or a sum."""
        return isinstance(self.finish, Count | Known | Sum)

    @property
    def row_values(self) -> tuple[RowValue, ...]:
        """The row values that its aggregates read."""
        found = (aggregate.value for aggregate in self.aggregates)
        return tuple(dict.fromkeys(value for value in (*found, *self.needs) if isinstance(value, RowValue)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the frame that the statistic is made of."""
        return _list_columns(self)


@lru_cache(maxsize=_KEPT_STATISTICS)
def _list_columns(statistic: Statistic) -> tuple[str, ...]:
    own = (need for need in statistic.needs if isinstance(need, str))
    inner = (column for value in statistic.row_values for column in value.columns)
    return tuple(dict.fromkeys((*own, *inner)))


def name_limits(name: str) -> tuple[str, str]:
    """Return the names of the columns with the limits of a statistic's interval.

    >>> name_limits("ttft_ms_p50")
    ('ttft_ms_p50_low', 'ttft_ms_p50_high')
    """
    return f"{name}_low", f"{name}_high"


def list_needed(values: Iterable[RowValue]) -> Iterator[RowValue]:
    """Yield row values and all those that they are made of, needed ones first; some more than once."""
    for value in values:
        yield from list_needed(need for need in value.needs if isinstance(need, RowValue))
        yield value


def _check_expression(name: str, expression: object) -> None:
    if not isinstance(expression, narwhals.Expr):  # of which the expressions of `narwhals.stable.v2` are a kind
        found = f"{type(expression).__module__}.{type(expression).__qualname__}"
        msg = (
            f"the expression of {name!r} is a {found}: write it with narwhals, such as `nw.col('latency') / 1000`"
            " after `import narwhals.stable.v2 as nw`"
        )
        raise InputError(msg)


def _check_needs(name: str, needs: object) -> None:
    if not isinstance(needs, tuple | list) or not all(isinstance(need, str | RowValue) for need in needs):
        msg = f"needs of {name!r} is {needs!r}: give a tuple of names of columns and row values, such as ('latency',)"
        raise InputError(msg)
