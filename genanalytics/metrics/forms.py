"""The usual forms of a statistic: a total, a count, a ratio, a rate, and mean and percentiles of a row value."""

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import narwhals.stable.v2 as nw

from genanalytics.errors import InputError
from genanalytics.metrics.declare import (
    LEVELS,
    Basis,
    Bound,
    Count,
    Known,
    Per,
    Quantile,
    RowValue,
    Statistic,
    Sum,
)
from genanalytics.units import Unit

_KEPT_SPREADS = 128


def of_column(name: str, unit: Unit = Unit.RATIO) -> RowValue:
    """Return a column of numbers or flags as a row value; a flag is 1 or 0.

    Args:
        name: The column, such as one of your own.
        unit: Its unit; a plain number by default.

    >>> import pandas as pd
    >>> from genanalytics.metrics import summarize
    >>> frame = pd.DataFrame({"model": ["a", "a", "b"], "score": [0.5, 1.0, None], "good": [True, False, True]})
    >>> summarize(frame, by="model", metrics=[spread(of_column("score")).mean, rate(of_column("good"))]).to_dict("list")
    {'model': ['a', 'b'], 'requests': [2, 1], 'score_mean': [0.75, None], 'good': [0.5, 1.0]}
    """
    words = name.replace("_", " ")
    return RowValue(name, words, unit, f"The column {name}", (name,), nw.col(name).cast(nw.Float64), signed=True)


def total(value: RowValue) -> Statistic:
    """Return the sum of a row value; missing if no row has one."""
    return Statistic(
        value.name,
        value.label,
        value.unit,
        value.description,
        finish=Known(value),
        of_nothing=0,
    )


def like_period(statistic: Statistic, name: str, label: str) -> Statistic:
    """Return a total (`total`) as an estimate of a like period, with an interval.

    The number is the same. Its interval includes that the number of sessions and requests varies too, as if each came
    by chance (a Poisson process); it does not include growth, weekdays or seasons.

    Raises:
        InputError: The statistic is not a total of a row value.
    """
    if not isinstance(statistic.finish, Known):
        msg = f"{statistic.name!r} is not a total of a row value"
        raise InputError(msg)
    return replace(
        statistic,
        name=name,
        label=label,
        description=f"{statistic.description}; as an estimate of a like period",
        basis=Basis("sum", statistic.finish.value),
    )


def count_of(value: RowValue) -> Statistic:
    """Return the number of rows in which a row value is known."""
    return Statistic(value.name, value.label, Unit.COUNT, value.description, finish=Count(value), of_nothing=0)


def ratio(  # noqa: PLR0917 - in the order of `Statistic`
    name: str,
    label: str,
    unit: Unit,
    description: str,
    numerator: RowValue,
    denominator: RowValue,
    *,
    known_together: bool = False,
    bound: Bound = "positive",
) -> Statistic:
    """Return a ratio of sums over the rows where both sides are known; missing if the denominator's sum is 0.

    If no row has one side without the other, `known_together` saves the work of looking for it. `bound` says what
    values the ratio can have, for its interval.
    """
    over, under = numerator, denominator
    if not known_together:
        over = _keep_where_known(f"{name} over", numerator, denominator)
        under = _keep_where_known(f"{name} under", denominator, numerator)
    return Statistic(
        name,
        label,
        unit,
        description,
        finish=Per(Sum(over), Sum(under)),
        basis=Basis("ratio", over, under, bound=bound),
    )


def _keep_where_known(name: str, value: RowValue, other: RowValue) -> RowValue:
    kept = nw.when(~other.column.is_null()).then(value.column)
    return RowValue(name, value.label, value.unit, value.description, (value, other), kept)


def rate(flag: RowValue) -> Statistic:
    """Return the share of rows where a flag is 1 among those where it is 1 or 0; missing if there are none."""
    return Statistic(
        flag.name,
        flag.label,
        Unit.SHARE,
        flag.description,
        finish=Per(Sum(flag), Count(flag)),
        basis=Basis("rate", flag),
    )


class Spread(NamedTuple):
    """The statistics of one row value: mean, percentiles, and the number of rows that have it."""

    mean: Statistic
    p50: Statistic
    p90: Statistic
    p95: Statistic
    p99: Statistic
    n: Statistic


@lru_cache(maxsize=_KEPT_SPREADS)
def spread(value: RowValue) -> Spread:
    """Return mean, p50, p90, p95, p99 and n of a row value, as statistics named `<value>_p50` and so on.

    Percentiles interpolate linearly between order statistics (Hyndman and Fan, 1996, type 7).
    """
    mean = Statistic(
        f"{value.name}_mean",
        f"{value.label} mean",
        value.unit,
        f"{value.description} (mean)",
        finish=Per(Sum(value), Count(value)),
        basis=Basis("mean", value),
    )
    p50, p90, p95, p99 = (
        Statistic(
            f"{value.name}_{suffix}",
            f"{value.label} {suffix}",
            value.unit,
            f"{value.description} ({suffix})",
            finish=Quantile(value, level),
            basis=Basis("quantile", value, level=level),
        )
        for suffix, level in LEVELS.items()
    )
    n = Statistic(
        f"{value.name}_n",
        f"{value.label} n",
        Unit.COUNT,
        f"{value.description} (n: the rows that have it)",
        finish=Count(value),
        of_nothing=0,
    )
    return Spread(mean, p50, p90, p95, p99, n)
