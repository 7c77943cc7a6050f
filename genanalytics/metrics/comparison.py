"""Two groups side by side, on what both of them have: the same model, the same hour.

The data is cut into strata, the statistic is taken of either group in each of them, and the strata count alike on both
sides. What lies in strata that one side alone has is left out, and said.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from genanalytics.base.text import near
from genanalytics.errors import InputError
from genanalytics.metrics.catalog import DEFAULT, resolved
from genanalytics.metrics.declare import Basis, Statistic, count_of
from genanalytics.metrics.engines.source import Source, source_of
from genanalytics.metrics.grouping.keys import Key
from genanalytics.metrics.grouping.labels import check_columns, keys_of, labelled
from genanalytics.metrics.intervals.binomial import Z, points, wilson
from genanalytics.metrics.intervals.bootstrap import FEWEST, delta, student
from genanalytics.metrics.intervals.clusters import Clusters
from genanalytics.metrics.intervals.limits import MOST_CLUSTERS, NAMES
from genanalytics.metrics.sets.cost import REQUESTS
from genanalytics.metrics.summary import aggregated, chosen, finished
from genanalytics.units import Unit, write

LEAST_OVERLAP = 0.5
"""Where less than this share of the rows of a side lies in common strata, most of that side is not compared."""

_N = "rows with a value"
_SIDES = ("a", "b")
_FEWEST = 2
"""Fewer clusters than these do not tell how far they spread."""

_Limits = tuple[float, float]
_UNKNOWN: _Limits = (math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with the limits of its 95 % interval; None for what cannot be told."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """How a statistic of one group differs from that of another, on the strata that both have.

    Attributes:
        key: What the groups are values of.
        a: The one group.
        b: The other group, which the first one is compared with.
        statistic: What is compared.
        match: What the strata are made of.
        value_a: The statistic of `a`, a mean over the common strata by their weights; None without any.
        value_b: That of `b`.
        difference: `value_a - value_b`.
        ratio: `value_a / value_b`; None unless both are above 0.
        n_a: The rows of `a` in which the statistic is known.
        n_b: Those of `b`.
        overlap_a: The share of `n_a` that lies in common strata; None where `n_a` is 0.
        overlap_b: That of `n_b`.
        strata: A row per stratum: the columns of `match`, `n_a`, `n_b`, `value_a`, `value_b`, `difference`, and
            `weight`, which is a gap where the stratum is not common; `attrs` holds their units and labels.
    """

    key: str
    a: object
    b: object
    statistic: Statistic
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

    @property
    def comparable(self) -> bool:
        """Whether half of the rows of either side, or more, lies in common strata."""
        return min(self.overlap_a or 0.0, self.overlap_b or 0.0) >= LEAST_OVERLAP

    def __repr__(self) -> str:
        unit = self.statistic.unit
        shares = (write(overlap, Unit.SHARE) for overlap in (self.overlap_a, self.overlap_b))
        strata = f"{self.strata['weight'].count()} of {len(self.strata)} strata"
        common = f"{strata} of {', '.join(self.match)}" if self.match else "one stratum"
        lines = [
            f"{self.statistic.label}: {self.key} {self.a} against {self.b}",
            f"{self.n_a:,} and {self.n_b:,} rows, {' and '.join(shares)} of them in {common} that both have",
        ]
        if not self.comparable:
            return "\n".join([*lines, f"not comparable: that is below {write(LEAST_OVERLAP, Unit.SHARE)}"])
        return "\n".join(
            [
                *lines,
                f"{write(self.value_a, unit)} against {write(self.value_b, unit)}",
                f"difference {_written(self.difference, _of_difference(unit))}",
                f"ratio {_written(self.ratio, Unit.RATIO)}",
            ]
        )


def compare(
    data: object,
    *,
    key: str,
    a: object,
    b: object,
    metric: Statistic | str,
    match: str | Sequence[str] = "model",
    tz: str = "UTC",
    percentiles: str = "auto",
) -> Comparison:
    """Return how a statistic of one group differs from that of another, on the strata that both have.

    A stratum is common where both sides tell a value and its spread: a rate from one row on, a mean and a ratio from
    two clusters on (sessions, requests, or rows alone), a percentile where it has an interval. It weighs
    n_a n_b / (n_a + n_b) (W. G. Cochran, 1954; N. Mantel and W. Haenszel, 1959): little if one side is thin.

    The interval of a mean or a ratio of sums is that of the delta method, on what each cluster adds to the difference
    in all strata together: the skewness that `summarize` resamples for is one that both sides have. For rates and
    percentiles either side gets limits of its own, and those are combined (G. Y. Zou and A. Donner, 2008; before them
    for rates R. G. Newcombe, 1998, and for medians R. M. Price and D. G. Bonett, 2002), as they are for means and
    ratios of more than 100,000 clusters on an engine. The limits of a ratio are those of its logarithm.

    Args:
        data: What `summarize` takes.
        key: The column, or the derived key, whose values are compared.
        a: The one value of it.
        b: The other one.
        metric: A mean, a rate, a ratio or a percentile: a statistic or its name.
        match: What the strata are made of: columns or derived keys as in `summarize`; `()` makes one stratum.
        tz: The zone of days and hours.
        percentiles: As in `summarize`.

    Raises:
        InputError: There is no such value of the key, or the statistic cannot be compared.
        MissingColumnError: The data lacks a column.

    >>> ends = ["error", "error", "stop", "error", "stop", "stop", "stop", "stop"] * 20
    >>> frame = pd.DataFrame({"provider_name": ["A", "B"] * 80, "model": "m", "finish_reason": ends})
    >>> compare(frame, key="provider_name", a="A", b="B", metric="error_rate")
    errors: provider_name A against B
    80 and 80 rows, 100.0 % and 100.0 % of them in 1 of 1 strata of model that both have
    25.0 % against 50.0 %
    difference −25.0 points (−38.5 points to −10.0 points)
    ratio 0.50 (0.32 to 0.76)
    """
    statistic, basis = _comparable(metric)
    names = [match] if isinstance(match, str) else list(match)
    source = source_of(data)
    keys = keys_of(source, [key, *names], None, tz, beside=[statistic.name])
    check_columns(source, statistic.columns, statistic.name)
    cells, clusters = _cells(source, keys, statistic, basis, chosen(percentiles, source))
    _check_sides(cells[key], key, a, b)
    strata = _strata(cells, key, a, b, names)
    common = strata[strata["weight"].notna()]
    one, other = (_mean(common, side) if len(common) else math.nan for side in _SIDES)
    if common.empty:
        difference = ratio = _UNKNOWN
    elif clusters is None:
        difference, ratio = _of_sides(*(_pooled(common, side, basis) for side in _SIDES))
    else:
        difference, ratio = _of_clusters(common, clusters, len(cells))
    n_a, n_b = (int(strata[f"n_{side}"].sum()) for side in _SIDES)
    return Comparison(
        key,
        a,
        b,
        statistic,
        tuple(names),
        _known(one),
        _known(other),
        Estimate(_known(one - other), *map(_known, difference)),
        Estimate(_known(one / other) if one > 0 and other > 0 else None, *map(_known, ratio)),
        n_a,
        n_b,
        int(common["n_a"].sum()) / n_a if n_a else None,
        int(common["n_b"].sum()) / n_b if n_b else None,
        _described(strata[[*names, "n_a", "n_b", "value_a", "value_b", "difference", "weight"]], statistic, a, b),
    )


def _comparable(metric: Statistic | str) -> tuple[Statistic, Basis]:
    """Return the one statistic that is meant, and what it estimates."""
    found = resolved(metric)
    able = [one.name for one in (found if len(found) > 1 else DEFAULT) if one.basis and one.basis.kind != "sum"]
    if len(found) != 1:
        msg = f"{metric!r} stands for {len(found)} statistics, and one is compared at a time: {', '.join(able)}"
        raise InputError(msg)
    (statistic,) = found
    if statistic.basis is None or statistic.basis.kind == "sum":
        why = "has no interval" if statistic.basis is None else "is a sum, which grows with the rows"
        msg = f"{statistic.name!r} {why}; compared are means, rates, ratios and percentiles: {', '.join(able)}"
        raise InputError(msg)
    return statistic, statistic.basis


def _cells(
    source: Source, keys: Sequence[Key], statistic: Statistic, basis: Basis, percentiles: str
) -> tuple[pd.DataFrame, Clusters | None]:
    """Return the statistic of each group in each stratum, and the clusters that tell how it spreads."""
    statistics = [REQUESTS, statistic, replace(count_of(basis.over), name=_N)]
    bounded = [statistic] if basis.kind == "quantile" else []
    groups = aggregated(source, keys, statistics, bounded, percentiles)
    found = finished(groups, statistics, bounded)
    cells = labelled(groups, keys).assign(place=range(len(groups)), n=found[_N], value=_floats(found[statistic.name]))
    if basis.kind == "rate":
        return cells.assign(told=cells["n"] > 0), None
    if basis.level is not None:
        return cells.assign(**_limits_of_percentiles(cells, found, statistic.name, basis.level)), None
    clusters = Clusters(source, keys, {statistic.name: basis}, groups)
    counts, moments = clusters.moments()
    known, _, under, *_ = sums = moments[statistic.name]
    if source.large and np.nansum(counts) > MOST_CLUSTERS:
        low, high = delta(*sums)
        return cells.assign(low=low, high=high, told=~np.isnan(low)), None
    return cells.assign(under=under, told=(known >= _FEWEST) & ~np.isnan(cells["value"])), clusters


def _limits_of_percentiles(
    cells: pd.DataFrame, found: pd.DataFrame, name: str, level: float
) -> "dict[str, np.ndarray]":
    """Return limits of percentiles 1.96 standard errors away, out of those of order statistics, which are not."""
    low, high = (_floats(found[limit.format(name)]) for limit in NAMES)
    away = np.array([points(int(n), level) or _UNKNOWN for n in cells["n"]]).reshape(-1, 2).T
    low, high = (
        cells["value"] + (limit - cells["value"]) * Z / point for limit, point in zip((low, high), away, strict=True)
    )
    return {"low": low, "high": high, "told": low.notna()}


def _check_sides(values: pd.Series, key: str, *sides: object) -> None:
    """Raise where a side is not among the values of the key."""
    known = [str(value) for value in values.dropna().unique()]
    for side in sides:
        if not (values == side).any():
            msg = f"no {key} {side!r}; {near(str(side), known)}there are {', '.join(sorted(known))}"
            raise InputError(msg)
    if sides[0] == sides[1]:
        msg = f"{key} {sides[0]!r} cannot be compared with itself; there are {', '.join(sorted(known))}"
        raise InputError(msg)


def _strata(cells: pd.DataFrame, key: str, a: object, b: object, names: list[str]) -> pd.DataFrame:
    """Return the strata, what each side has in them under names that end in `_a` and `_b`, and their weights."""
    sides = [
        cells[(cells[key] == value).fillna(value=False)]
        .drop(columns=key)
        .rename(columns={name: f"{name}_{side}" for name in cells.columns if name not in {key, *names}})
        for side, value in zip(_SIDES, (a, b), strict=True)
    ]
    strata = sides[0].merge(sides[1], how="outer", on=names) if names else sides[0].merge(sides[1], how="cross")
    n_a, n_b = (strata[f"n_{side}"].astype("Float64") for side in _SIDES)
    common = strata["told_a"].eq(other=True) & strata["told_b"].eq(other=True)
    weights = (n_a * n_b / (n_a + n_b)).where(common)
    for side in _SIDES:
        strata[f"n_{side}"] = strata[f"n_{side}"].fillna(0)
        strata[f"value_{side}"] = strata[f"value_{side}"].astype("Float64")
    return strata.assign(difference=strata["value_a"] - strata["value_b"], weight=weights / weights.sum())


def _described(strata: pd.DataFrame, statistic: Statistic, a: object, b: object) -> pd.DataFrame:
    """Return the strata with the unit and the label of each column."""
    label, unit, count = statistic.label, statistic.unit.value, Unit.COUNT.value
    told = {
        "n_a": (f"n of {a}", count),
        "n_b": (f"n of {b}", count),
        "value_a": (f"{label} of {a}", unit),
        "value_b": (f"{label} of {b}", unit),
        "difference": ("difference", _of_difference(statistic.unit).value),
        "weight": ("weight", Unit.SHARE.value),
    }
    strata.attrs = {
        "units": {name: unit for name, (_, unit) in told.items()},
        "labels": {name: label for name, (label, _) in told.items()},
    }
    return strata


def _of_difference(unit: Unit) -> Unit:
    """Return the unit of a difference of two values."""
    return Unit.POINTS if unit is Unit.SHARE else unit


def _of_clusters(common: pd.DataFrame, clusters: Clusters, groups: int) -> tuple[_Limits, _Limits]:
    """Return the limits of the difference and of the ratio, out of what each cluster adds to them in all strata."""
    ratios, totals, factors = np.zeros(groups), np.zeros(groups), np.zeros((2, groups))
    for row, side in enumerate(_SIDES):
        places = common[f"place_{side}"].to_numpy(dtype=np.int64)
        weight, value, under = (_floats(common[name]) for name in ("weight", f"value_{side}", f"under_{side}"))
        ratios[places], totals[places], factors[row, places] = value, under, weight / under
    added, taken = clusters.residuals(ratios, totals, factors)
    one, other = (_mean(common, side) for side in _SIDES)
    half = _half(added, taken)
    difference = one - other - half, one - other + half
    if not (one > 0 and other > 0):
        return difference, _UNKNOWN
    half = _half(added / one, taken / other)
    return difference, (one / other * math.exp(-half), one / other * math.exp(half))


def _half(added: "np.ndarray", taken: "np.ndarray") -> float:
    """Return half of the width of an interval of a difference; clusters that lie on both sides count with what is left.

    Student's t has the degrees of freedom of B. L. Welch (1947).
    """
    squares = np.array([np.nansum(side**2) for side in (added, taken)])
    freedom = np.array([np.count_nonzero(~np.isnan(side)) - 1 for side in (added, taken)])
    with np.errstate(divide="ignore", invalid="ignore"):
        clusters = 1 + squares.sum() ** 2 / (squares**2 / freedom).sum()
    if not clusters >= FEWEST:
        return math.nan
    return float(student(clusters)) * float(np.linalg.norm(np.nan_to_num(added) - np.nan_to_num(taken)))


def _of_sides(one: Sequence[float], other: Sequence[float]) -> tuple[_Limits, _Limits]:
    """Return the limits of the difference and of the ratio of two values, each of which has limits of its own."""
    difference = _recovered(one, other)
    if not (one[0] > 0 and other[0] > 0):
        return difference, _UNKNOWN
    with np.errstate(divide="ignore"):  # a side that may be 0 leaves the ratio without a bound
        logs = [np.log(np.maximum(side, 0.0)).tolist() for side in (one, other)]
    low, high = _recovered(*logs)
    return difference, (math.exp(low), math.exp(high))


def _recovered(one: Sequence[float], other: Sequence[float]) -> _Limits:
    """Return the limits of a difference: Zou and Donner's method of variance estimates recovery."""
    (value, low, high), (against, floor, ceiling) = one, other
    middle = value - against
    return middle - math.hypot(value - low, ceiling - against), middle + math.hypot(high - value, against - floor)


def _pooled(common: pd.DataFrame, side: str, basis: Basis) -> tuple[float, float, float]:
    """Return the mean of a side over the strata, and its limits.

    Those of a rate are Wilson's, of as many rows as would tell as much without weights (L. Kish, "Survey Sampling",
    1965, section 11.7). Others are as far away as those of the strata, which are independent, are together.
    """
    mean, weight = _mean(common, side), _floats(common["weight"])
    if basis.kind == "rate":
        rows = 1 / np.array([(weight**2 / _floats(common[f"n_{side}"])).sum()])
        low, high = wilson(mean * rows, rows)
        return mean, float(low[0]), float(high[0])
    below, above = (weight * _floats(common[f"{limit}_{side}"] - common[f"value_{side}"]) for limit in ("low", "high"))
    return mean, mean - float(np.linalg.norm(below)), mean + float(np.linalg.norm(above))


def _mean(common: pd.DataFrame, side: str) -> float:
    return float(_floats(common["weight"]) @ _floats(common[f"value_{side}"]))


def _floats(values: pd.Series) -> "np.ndarray":
    floats: np.ndarray = values.to_numpy(dtype=float, na_value=np.nan)
    return floats


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _written(estimate: Estimate, unit: Unit) -> str:
    """Return a number with its interval, as a person reads it."""
    value = write(estimate.value, unit)
    if estimate.value is None:
        return value
    if estimate.low is None or estimate.high is None:
        return f"{value} (no interval: too few rows)"
    return f"{value} ({write(estimate.low, unit)} to {write(estimate.high, unit)})"
