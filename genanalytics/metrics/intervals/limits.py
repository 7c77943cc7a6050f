"""The 95 % interval of each statistic: 95 of 100 such intervals contain the true value.

The `Basis` of a statistic decides the method. A rate has Wilson's interval and a percentile that of order statistics
(`binomial`), both for the number of independent rows that say as much as those of the clusters. Means and ratios of
sums have limits on the scale of what they measure (`ratios`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.metrics.declare import Aggregate, Basis, Quantile, RowValue, Statistic, name_limits
from genanalytics.metrics.engines.aggregates import Aggregates
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.protocol import Source
from genanalytics.metrics.engines.sketch import join_percentiles
from genanalytics.metrics.grouping.keys import GroupKey
from genanalytics.metrics.intervals import ratios
from genanalytics.metrics.intervals.binomial import stretch_ranks, wilson
from genanalytics.metrics.intervals.cells import Total
from genanalytics.metrics.intervals.clusters import Clusters
from genanalytics.metrics.intervals.moments import Moments
from genanalytics.metrics.intervals.ratios import Limits

_FEWEST_FAR = 20
"""The fewest clusters for a percentile far from the median, if clusters have several rows."""

_FAR = 0.39
"""The distance from the median from which a percentile is far: p90 and above."""

_MEDIAN = 0.5
_ALONE = 1 + 1e-9


@dataclass(frozen=True, slots=True)
class Limit(Quantile):
    """The lower (`side` 0) or the upper (`side` 1) limit of a percentile: the value at a rank.

    Attributes:
        side: The side.
        places: The rank in each group, from 1; NaN without one.
    """

    side: Literal[0, 1]
    places: "np.ndarray" = field(compare=False)

    @property
    def name(self) -> str:
        """The name of its column while a statistic is computed."""
        return f"{('lower', 'upper')[self.side]} limit of {super(Limit, self).name}"

    @property
    def outward(self) -> int:  # type: ignore[override]
        """The direction in which an approximation may miss."""
        return (-1, 1)[self.side]

    def ranks(self, n: "np.ndarray") -> "np.ndarray":  # noqa: ARG002 - its places are known
        """Return its rank in each group: the smallest value has rank 0; a rank outside of the values is a gap."""
        return self.places - 1.0


def list_needed_aggregates(statistics: Sequence[Statistic]) -> list[Aggregate]:
    """Return the aggregates that limits are made of: percentiles."""
    bases = [statistic.basis for statistic in statistics if statistic.basis is not None]
    return [Quantile(basis.over, basis.level) for basis in bases if basis.level is not None]


def add_limits(groups: pa.Table, source: Source, by: Sequence[GroupKey], statistics: Sequence[Statistic]) -> pa.Table:
    """Return groups with the limits of the statistics that have a basis, as columns for `make_limit_columns`.

    The groups are those of `source` by `by`, with their aggregates, including `list_needed_aggregates`.
    """
    bases = {statistic.name: statistic.basis for statistic in statistics if statistic.basis is not None}
    if not bases:
        return groups
    clusters = Clusters(source, by, bases, groups)
    found: dict[str, Limits] = {}
    ranks: dict[str, Limits] = {}
    for name, moments in clusters.find_moments().items():
        basis, total = bases[name], clusters.totals[name]
        match basis.kind:
            case "quantile":
                ranks[name] = _find_ranks(moments, total, basis.level or 0.0)
            case "rate":
                found[name] = _find_limits_of_rate(moments, total)
            case "sum":
                found[name] = ratios.find_like_period(moments)
            case _:
                found[name] = find_limits_of_ratio(moments, basis)
    found |= _read_at_ranks(groups, source, by, bases, ranks)
    for name, limits in found.items():
        for column, values in zip(_name_columns(name), (limits.low, limits.high), strict=True):
            groups = groups.append_column(column, pa.array(values, from_pandas=True))
        groups = groups.append_column(_name_reason(name), pa.array(limits.reasons, pa.string()))
    return groups


def find_limits_of_ratio(moments: Moments, basis: Basis, strata: int = 1) -> Limits:
    """Return the limits of a mean or a ratio of sums, as its bound demands."""
    match basis.bound:
        case "share":
            return ratios.find_share(moments)
        case "at most one":
            return ratios.find_at_most_one(moments)
        case "any":
            return ratios.find_any(moments, strata)
    positive, signed = ratios.find_positive(moments, strata), ratios.find_any(moments, strata)
    negative = moments.low_x < 0
    return Limits(
        np.where(negative, signed.low, positive.low),
        np.where(negative, signed.high, positive.high),
        np.where(negative, signed.reasons, positive.reasons),
    )


def make_limit_columns(
    groups: Aggregates, statistic: Statistic, values: "np.ndarray"
) -> dict[str, pd.api.extensions.ExtensionArray]:
    """Return the limits of a statistic by the names of their columns, gaps where value or limits are unknown.

    Rounding never puts a limit on the wrong side of the value.
    """
    low, high = (to_floats(groups.others[column]) for column in _name_columns(statistic.name))
    limits = np.minimum(low, values), np.maximum(high, values)
    return {
        name: pd.arrays.FloatingArray(limit, np.isnan(limit))
        for name, limit in zip(name_limits(statistic.name), limits, strict=True)
    }


def list_gaps(groups: Aggregates, statistics: Sequence[Statistic]) -> dict[str, list[str]]:
    """Return the reasons of the gaps among the intervals of each statistic, by its name; only where there are gaps."""
    found = {}
    for statistic in statistics:
        reasons = groups.others[_name_reason(statistic.name)].unique().to_pylist()
        found[statistic.name] = sorted(reason for reason in reasons if reason)
    return {name: reasons for name, reasons in found.items() if reasons}


def _name_columns(name: str) -> tuple[str, str]:
    return f"lower limit of {name}", f"upper limit of {name}"


def _name_reason(name: str) -> str:
    return f"why {name} has no limits"


def _find_limits_of_rate(moments: Moments, total: Total) -> Limits:
    with np.errstate(divide="ignore", invalid="ignore"):
        share = total.over / total.under
        rows = ratios.count_effective_rows(moments, total.under, share * (1 - share) / total.under)
    low, high = wilson(share * rows, rows)
    return Limits(low, high, np.full(len(low), "", dtype=object))


def _find_ranks(moments: Moments, total: Total, level: float) -> Limits:
    """Return the ranks of the limits of a percentile.

    If rows depend on each other, a percentile needs clusters with rows on either side: an event in few clusters does
    not show how much they differ.
    """
    n = total.under
    with np.errstate(divide="ignore", invalid="ignore"):
        share = total.over / n
        rows = ratios.count_effective_rows(moments, n, share * (1 - share) / n)
        dependent = n * moments.w_2 > _ALONE
    low, high = stretch_ranks(n, rows, level)
    fewest = _FEWEST_FAR if abs(level - _MEDIAN) > _FAR else ratios.FEWEST
    beyond = np.minimum(moments.some, moments.short)
    reasons = np.full(len(n), "", dtype=object)
    reasons[(n > 0) & (np.isnan(low) | np.isnan(high))] = ratios.RANKS
    reasons[dependent & ((moments.clusters < fewest) | (beyond < ratios.FEWEST))] = ratios.SESSIONS
    low[reasons != ""] = high[reasons != ""] = np.nan
    return Limits(low, high, reasons)


def _read_at_ranks(
    groups: pa.Table, source: Source, by: Sequence[GroupKey], bases: Mapping[str, Basis], ranks: Mapping[str, Limits]
) -> dict[str, Limits]:
    """Return the limits of percentiles: the values at their ranks; on an engine those of their classes."""
    steps: dict[RowValue, list[Limit]] = {}
    named: dict[str, tuple[Limit, Limit]] = {}
    for name, limits in ranks.items():
        value, level = bases[name].over, bases[name].level or 0.0
        named[name] = Limit(value, level, 0, limits.low), Limit(value, level, 1, limits.high)
        steps.setdefault(value, []).extend(named[name])
    if source.large:
        found = groups
        for counts, own in zip(source.sketch(by, list(steps), groups), steps.values(), strict=True):
            found = join_percentiles(found, counts, list(dict.fromkeys(own)))
    else:
        wanted = list(dict.fromkeys(step for own in steps.values() for step in own))
        found = source.aggregate(by, wanted, {}, ()).to_table()
    return {
        name: Limits(to_floats(found[low.name]), to_floats(found[high.name]), ranks[name].reasons)
        for name, (low, high) in named.items()
    }
