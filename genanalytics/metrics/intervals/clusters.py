"""Clusters of rows that depend on each other, and their moments.

A cluster contains the rows of a session, else of a request. A row without both is a cluster of its own, unless rows of
the same hour go together: then it belongs to the cluster of its hour (`_choose_hours`).
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from genanalytics.metrics.declare import Basis, Count, Quantile, RowValue, Sum
from genanalytics.metrics.engines.protocol import CLUSTERS, HOUR, PLACE, Source
from genanalytics.metrics.grouping.keys import GroupKey
from genanalytics.metrics.intervals.cells import ArrayCells, Cells, Found, LazyCells, Strata, name_sums
from genanalytics.metrics.intervals.moments import Family, Moments, choose_moments, join_moments
from genanalytics.metrics.intervals.ratios import FEWEST
from genanalytics.units import Unit

KEPT = 200_000
"""Up to this number of clusters are fetched from an engine once, instead of being computed there several times."""

_KEPT_BASES = 128
"""The number of quantities whose row values are kept, so that their plans are made once."""
_TIE = 1e-9
"""Numbers that differ by less than this share are equal: engines round differently."""


class Clusters:
    """The clusters of groups.

    Args:
        source: The data.
        by: The keys of the groups.
        bases: The estimated quantities, by name. A sum counts as the mean of what a cluster adds; a percentile as the
            share of rows that are not above it.
        groups: The keys of the groups, under `GroupKey.group`, and the percentiles, under the names of their
            `Quantile`; a row each.

    Attributes:
        totals: The sums of each quantity, by name.
    """

    def __init__(
        self,
        source: Source,
        by: Sequence[GroupKey],
        bases: Mapping[str, Basis],
        groups: pa.Table,
    ) -> None:
        self._bases = bases
        pairs = {name: _choose_row_values(basis) for name, basis in bases.items()}
        values = [value for pair in pairs.values() for value in pair if value is not None]
        levels = [Quantile(basis.over, basis.level).name for basis in bases.values() if basis.level is not None]
        places = groups.select(list(dict.fromkeys([*(key.group for key in by), *levels])))
        places = places.append_column(PLACE, pa.array(np.arange(len(groups))))
        summed = source.sum_clusters(by, list(dict.fromkeys(values)), places)
        columns = summed.collect_schema().names()
        labels = [label for label in CLUSTERS.values() if label in columns]
        hours = [HOUR] if HOUR in columns else []
        sums = [
            step.alias(column)
            for name, (over, under) in pairs.items()
            for step, column in zip(_express_sums(bases[name], over, under), name_sums(name), strict=True)
        ]
        lazy = summed.select(PLACE, *labels, *hours, *sums)
        few = not source.large or int(lazy.select(nw.len()).collect(backend="pyarrow").item()) <= KEPT
        self._cells: Cells = LazyCells(lazy, labels, source)
        if few:
            self._cells = ArrayCells(lazy.collect(backend="pyarrow").to_native(), labels)
        self.totals = self._cells.find_totals(list(bases), len(groups))

    def find_moments(self) -> dict[str, Moments]:
        """Return the moments of each group, by name."""
        return {name: found.moments for name, found in self._find_moments(None).items()}

    def compare(self, strata: Strata) -> tuple[Moments, float]:
        """Return the moments of two sides, and the correlation of their estimates, of the only quantity."""
        ((moments, products),) = self._find_moments(strata).values()
        with np.errstate(all="ignore"):
            correlation = float(products / np.sqrt(moments.hc2_2.prod()))
        return moments, float(np.clip(np.nan_to_num(correlation), -1.0, 1.0))

    def _find_moments(self, strata: Strata | None) -> dict[str, Found]:
        families = {name: _find_family(basis) for name, basis in self._bases.items()}
        fixed = self._cells.find_moments("fixed", families, self.totals, strata)
        if not self._cells.has_hours:
            return fixed
        rows = self._cells.find_moments("rows", families, self.totals, strata)
        hours = self._cells.find_moments("hours", families, self.totals, strata)
        found = {}
        for name, basis in self._bases.items():
            where = _choose_hours(rows[name].moments, hours[name].moments, basis)
            single = choose_moments(where, hours[name].moments, rows[name].moments)
            products = fixed[name].products + (hours[name].products if where.all() else 0.0)
            found[name] = Found(join_moments(fixed[name].moments, single), products)
        return found


def _choose_hours(rows: Moments, hours: Moments, basis: Basis) -> "np.ndarray":
    """Return in which groups rows of the same hour go together.

    They do if pairs of residuals of an hour have a positive product on average (R. E. Tarone, "Testing the goodness of
    fit of the binomial distribution", Biometrika 66, 1979, for rates). A test of significance would keep the narrow
    interval exactly when an outage was short by chance. The number of requests differs from hour to hour anyway: a sum
    keeps its rows.
    """
    together: np.ndarray = (hours.clusters >= FEWEST) & (hours.d_2 > rows.d_2 * (1 + _TIE)) & (basis.kind != "sum")
    return together


@lru_cache(maxsize=_KEPT_BASES)
def _choose_row_values(basis: Basis) -> tuple[RowValue, RowValue | None]:
    """Return the row values of the numerator and of the denominator; None for the number of rows or of clusters."""
    if basis.level is None:
        return basis.over, basis.under
    value, quantile = basis.over, nw.col(Quantile(basis.over, basis.level).name)
    at_most = (value.column - quantile <= quantile.abs() * _TIE).cast(nw.Int64)
    name = f"{value.name} up to its {Quantile(value, basis.level).name}"
    return RowValue(name, value.label, Unit.SHARE, "Whether it is at most a percentile", (value,), at_most), None


def _express_sums(basis: Basis, over: RowValue, under: RowValue | None) -> tuple[nw.Expr, nw.Expr]:
    """Return the numerator and the denominator of a cell."""
    if under is not None:
        return nw.col(Sum(over).name), nw.col(Sum(under).name)
    return nw.col(Sum(over).name), nw.lit(1.0) if basis.kind == "sum" else nw.col(Count(over).name)


def _find_family(basis: Basis) -> Family:
    bounded = basis.kind in {"rate", "quantile"} or basis.bound in {"share", "at most one"}
    return "bounded" if bounded else "positive"
