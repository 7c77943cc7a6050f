"""Two groups compared on what both have in common: the same model, the same hour.

The rows are split into strata. The statistic is computed for each group in each stratum, and a stratum has the same
weight on both sides. Strata that only one side has are left out, and their share is reported.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from genanalytics.base.opening import opens_paths
from genanalytics.base.text import list_names, suggest
from genanalytics.errors import InputError
from genanalytics.metrics.catalog import DEFAULT, resolve_one
from genanalytics.metrics.compared import Comparison, Estimate
from genanalytics.metrics.declare import Basis, Known, Statistic, name_limits
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.protocol import Source
from genanalytics.metrics.engines.source import Records, open_source
from genanalytics.metrics.finishing import finish
from genanalytics.metrics.forms import count_of
from genanalytics.metrics.grouping.keys import GroupKey
from genanalytics.metrics.grouping.labels import check_columns, label_groups, resolve_by
from genanalytics.metrics.intervals.binomial import wilson
from genanalytics.metrics.intervals.cells import Strata
from genanalytics.metrics.intervals.clusters import Clusters
from genanalytics.metrics.intervals.difference import UNKNOWN, Bounded, Interval, combine_logs, combine_plain
from genanalytics.metrics.intervals.limits import find_limits_of_ratio
from genanalytics.metrics.intervals.moments import Moments
from genanalytics.metrics.intervals.ratios import Limits, count_effective_rows
from genanalytics.metrics.sets.cost import REQUESTS
from genanalytics.metrics.summary import Percentiles, aggregate, choose_percentiles
from genanalytics.units import Unit, find_unit_of_difference

_N = "rows with a value"
_SIDES = ("a", "b")
_FEWEST = 2
"""A stratum with fewer clusters on a side shows no spread, so it is not common."""


@opens_paths("data")
def compare(
    data: Records,
    *,
    by: str,
    a: object,
    b: object,
    metric: Statistic | str,
    match: str | Sequence[str] = "model",
    tz: str = "UTC",
    percentiles: Percentiles = "auto",
) -> Comparison:
    """Return the difference between two groups in one statistic, on the strata that both have.

    A stratum is common if value and spread are known on both sides. A rate needs one row for that, a mean or a ratio
    two clusters (sessions, requests, or single rows), a percentile its interval. The weight of a stratum is
    n_a n_b / (n_a + n_b), small if one side has few rows (W. G. Cochran, 1954; N. Mantel and W. Haenszel, 1959).

    Each side has the limits that `summarize` would give it, and both are combined: means and ratios of sums on the
    logarithmic scale, rates and shares on their own (R. G. Newcombe, 1998; G. Y. Zou and A. Donner, 2008). So the
    interval of the difference contains 0 exactly when that of the ratio contains 1. Sessions with rows on both sides
    make the two estimates correlated. The interval includes this, except for percentiles.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: The column, or the derived key, whose values are compared.
        a: One of its values.
        b: The other one.
        metric: A mean, a rate, a ratio or a percentile: a statistic or its name.
        match: The columns and derived keys, as in `summarize`, that make the strata; `()` makes one stratum.
        tz: The time zone of days and hours, by its IANA name.
        percentiles: As in `summarize`.

    Raises:
        InputError: There is no such value, or the statistic cannot be compared.
        MissingColumnError: The data lacks a column.

    >>> ends = ["error", "error", "stop", "error", "stop", "stop", "stop", "stop"] * 20
    >>> frame = pd.DataFrame({"provider_name": ["A", "B"] * 80, "model": "m", "finish_reason": ends})
    >>> compare(frame, by="provider_name", a="A", b="B", metric="error_rate")
    errors: provider_name A against B
    80 and 80 rows, 100.0 % and 100.0 % in common strata (1 of 1 by model)
    25.0 % against 50.0 %
    difference −25.0 points (−38.5 points to −10.0 points)
    ratio 0.50 (0.32 to 0.77)
    associated with provider_name: other differences between the sides may cause it
    """
    statistic, basis = resolve_comparable(metric)
    names = [match] if isinstance(match, str) else list(match)
    source = open_source(data)
    keys = resolve_by(source, [by, *names], None, tz, others=[statistic.name])
    check_columns(source, statistic.columns, statistic.name)
    cells, clusters = _compute_cells(source, keys, statistic, basis, choose_percentiles(percentiles, source))
    _check_sides(cells[by], by, a, b)
    strata = _join_sides(cells, by, a, b, names)
    common = strata[strata["weight"].notna()]
    value_a, value_b = (_average(common, side) if len(common) else math.nan for side in _SIDES)
    difference, ratio, gap = UNKNOWN, UNKNOWN, ""
    if len(common):
        difference, ratio, gap = _combine(common, clusters, statistic, len(cells))
    n_a, n_b = (int(strata[f"n_{side}"].sum()) for side in _SIDES)
    shown = strata[[*names, "n_a", "n_b", "value_a", "value_b", "difference", "weight"]]
    return Comparison(
        by=by,
        a=a,
        b=b,
        metric=statistic,
        match=tuple(names),
        value_a=_keep_finite(value_a),
        value_b=_keep_finite(value_b),
        difference=Estimate(_keep_finite(value_a - value_b), *map(_keep_finite, difference)),
        ratio=Estimate(
            _keep_finite(value_a / value_b) if value_a > 0 and value_b > 0 else None, *map(_keep_finite, ratio)
        ),
        n_a=n_a,
        n_b=n_b,
        overlap_a=int(common["n_a"].sum()) / n_a if n_a else None,
        overlap_b=int(common["n_b"].sum()) / n_b if n_b else None,
        strata=_describe(shown, statistic, a, b),
        gap=gap,
    )


def resolve_comparable(metric: Statistic | str) -> tuple[Statistic, Basis]:
    """Return one statistic and the quantity that it estimates.

    Raises:
        InputError: There is no such statistic, or two groups cannot be compared in it.
    """
    statistic = resolve_one(metric)
    if statistic.basis is None or statistic.basis.kind == "sum":
        able = [one.name for one in DEFAULT if one.basis]
        is_sum = isinstance(statistic.finish, Known)
        why = "is a sum, which grows with the rows" if is_sum else "has no interval"
        names = list_names(able, near=statistic.name)
        msg = f"{statistic.name!r} {why}: give a mean, a rate, a ratio or a percentile, of {names}"
        raise InputError(msg)
    return statistic, statistic.basis


def _compute_cells(
    source: Source, keys: Sequence[GroupKey], statistic: Statistic, basis: Basis, percentiles: str
) -> tuple[pd.DataFrame, Clusters | None]:
    """Return the statistic of each group in each stratum, whether its spread is `known`, and the clusters for that."""
    statistics = [REQUESTS, statistic, replace(count_of(basis.over), name=_N)]
    bounded = [statistic] if basis.kind == "quantile" else []
    groups = aggregate(source, keys, statistics, bounded, percentiles)
    found = pd.DataFrame(finish(groups, statistics, bounded))
    table = groups.to_table()
    cells = label_groups(table, keys).assign(
        place=range(len(groups)), n=found[_N], value=to_floats(found[statistic.name])
    )
    if bounded:
        low, high = (to_floats(found[limit]) for limit in name_limits(statistic.name))
        return cells.assign(low=low, high=high, known=~np.isnan(low)), None
    clusters = Clusters(source, keys, {statistic.name: basis}, table)
    if basis.kind == "rate":
        return cells.assign(known=cells["n"] > 0), clusters
    counts = clusters.find_moments()[statistic.name].clusters
    return cells.assign(known=(counts >= _FEWEST) & ~np.isnan(cells["value"])), clusters


def _check_sides(values: pd.Series, by: str, *sides: object) -> None:
    """Check that both sides are among the values of the groups, and differ."""
    known = [str(value) for value in values.dropna().unique()]
    for side in sides:
        if not (values == side).any():
            msg = f"no {by} {side!r}; {suggest(str(side), known)}there are {list_names(sorted(known), near=str(side))}"
            raise InputError(msg)
    if sides[0] == sides[1]:
        msg = f"{by} {sides[0]!r} cannot be compared with itself; there are {list_names(sorted(known))}"
        raise InputError(msg)


def _join_sides(cells: pd.DataFrame, by: str, a: object, b: object, names: list[str]) -> pd.DataFrame:
    """Return the strata with the columns of each side, which end in `_a` and `_b`, and their weights."""
    sides = [
        cells[(cells[by] == value).fillna(value=False)]
        .drop(columns=by)
        .rename(columns={name: f"{name}_{side}" for name in cells.columns if name not in {by, *names}})
        for side, value in zip(_SIDES, (a, b), strict=True)
    ]
    strata = sides[0].merge(sides[1], how="outer", on=names) if names else sides[0].merge(sides[1], how="cross")
    n_a, n_b = (strata[f"n_{side}"].astype("Float64") for side in _SIDES)
    common = strata["known_a"].eq(other=True) & strata["known_b"].eq(other=True)
    weights = (n_a * n_b / (n_a + n_b)).where(common)
    for side in _SIDES:
        strata[f"n_{side}"] = strata[f"n_{side}"].fillna(0)
        strata[f"value_{side}"] = strata[f"value_{side}"].astype("Float64")
    return strata.assign(difference=strata["value_a"] - strata["value_b"], weight=weights / weights.sum())


def _describe(strata: pd.DataFrame, statistic: Statistic, a: object, b: object) -> pd.DataFrame:
    """Return the strata with the unit and the label of each column."""
    label, unit = statistic.label, statistic.unit
    columns: Mapping[str, tuple[str, Unit]] = {
        "n_a": (f"n of {a}", Unit.COUNT),
        "n_b": (f"n of {b}", Unit.COUNT),
        "value_a": (f"{label} of {a}", unit),
        "value_b": (f"{label} of {b}", unit),
        "difference": ("difference", find_unit_of_difference(unit)),
        "weight": ("weight", Unit.SHARE),
    }
    strata.attrs = {
        "units": {name: unit.value for name, (_, unit) in columns.items()},
        "labels": {name: label for name, (label, _) in columns.items()},
        "shares_of_total": ["weight"],
    }
    return strata


def _combine(
    common: pd.DataFrame, clusters: Clusters | None, statistic: Statistic, groups: int
) -> tuple[Interval, Interval, str]:
    """Return the limits of the difference and of the ratio, and the reason if there are none."""
    basis = statistic.basis
    if clusters is None or basis is None:
        a, b = (_pool_percentiles(common, side) for side in _SIDES)
        positive = min(a.low, b.low) > 0
        return *(combine_logs if positive else combine_plain)(a, b), ""
    gains, sides = np.zeros(groups), np.zeros(groups, dtype=np.int64)
    for number, side in enumerate(_SIDES):
        places = common[f"place_{side}"].to_numpy(dtype=np.int64)
        gains[places], sides[places] = to_floats(common["weight"]), number
    moments, correlation = clusters.compare(Strata(gains, sides))
    if basis.kind == "rate":
        limits = _find_limits_of_rates(common, moments)
    else:
        limits = find_limits_of_ratio(moments, basis, strata=len(common))
    reasons = [str(reason) for reason in limits.reasons if reason]
    if reasons:
        return UNKNOWN, UNKNOWN, reasons[0]
    a, b = (Bounded(*map(float, side)) for side in zip(moments.value, limits.low, limits.high, strict=True))
    if not (math.isfinite(a.low) and math.isfinite(b.low)):
        return UNKNOWN, UNKNOWN, ""
    positive = basis.kind != "rate" and basis.bound == "positive" and min(a.low, b.low) > 0
    return *(combine_logs if positive else combine_plain)(a, b, correlation), ""


def _find_limits_of_rates(common: pd.DataFrame, moments: Moments) -> Limits:
    """Return the limits of both rates: Wilson's, for the number of unweighted rows with the same variance.

    L. Kish, "Survey Sampling", 1965, section 11.7.
    """
    weights = to_floats(common["weight"]) ** 2
    numbers = [to_floats(common[f"n_{side}"]) for side in _SIDES]
    shares = [to_floats(common[f"value_{side}"]) for side in _SIDES]
    n = np.array([1 / (weights / number).sum() for number in numbers])
    variance = [(weights * share * (1 - share) / number).sum() for share, number in zip(shares, numbers, strict=True)]
    rows = count_effective_rows(moments, n, np.array(variance))
    return Limits(*wilson(np.clip(moments.value, 0.0, 1.0) * rows, rows), np.array(["", ""], dtype=object))


def _pool_percentiles(common: pd.DataFrame, side: str) -> Bounded:
    """Return the mean percentile of a side over the strata, which are independent: squared distances add up.

    They are those of logarithms, unless a limit is not positive (for medians R. M. Price and D. G. Bonett,
    "Distribution-free confidence intervals for difference and ratio of medians", 2002).
    """
    weight, value, low, high = (
        to_floats(common[name]) for name in ("weight", f"value_{side}", f"low_{side}", f"high_{side}")
    )
    mean = float(weight @ value)
    if low.min() > 0:
        below, above = (weight * value / mean * np.log(one / other) for one, other in ((value, low), (high, value)))
        return Bounded(mean, mean * math.exp(-math.hypot(*below)), mean * math.exp(math.hypot(*above)))
    below, above = weight * (value - low), weight * (high - value)
    return Bounded(mean, mean - math.hypot(*below), mean + math.hypot(*above))


def _average(common: pd.DataFrame, side: str) -> float:
    return float(to_floats(common["weight"]) @ to_floats(common[f"value_{side}"]))


def _keep_finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
