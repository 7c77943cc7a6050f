"""The sums of clusters by group, as arrays or on an engine, and their moments. Both compute the same formulas.

A cell is the part of a cluster in a group. Of each quantity it has a numerator and a denominator.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.metrics.engines.kernels import group_rows, to_floats
from genanalytics.metrics.engines.protocol import HOUR, PLACE, Source
from genanalytics.metrics.intervals.moments import (
    FIELDS,
    OF_ARRAYS,
    OF_EXPRESSIONS,
    PARTS,
    Family,
    Moments,
    Sums,
    find_logs,
    find_parts,
    find_shares,
    find_terms,
)

Which = Literal["fixed", "rows", "hours"]
"""Which cells: sessions, requests and rows without an hour; single rows; single rows joined by hour."""

_SIDE = "side"
_GAIN = "weight of a stratum"
_EXTREMES = {"low_x": np.minimum, "high_x": np.maximum}


@dataclass(frozen=True, slots=True)
class Total:
    """The sums of a ratio in each group: `over` / `under` is the ratio."""

    over: "np.ndarray"
    under: "np.ndarray"


class Strata(NamedTuple):
    """The weight of each group on its side, 0 if it does not count, and its side: 0 or 1."""

    gains: "np.ndarray"
    sides: "np.ndarray"


class Found(NamedTuple):
    """Moments, and the sum of the products of the residuals of clusters on both sides."""

    moments: Moments
    products: float


class Cells(Protocol):
    """Cells with the numerators and denominators of quantities, named by `name_sums`."""

    has_hours: bool

    def find_totals(self, names: Sequence[str], groups: int) -> dict[str, Total]:
        """Return the sums of each quantity in each group."""

    def find_moments(
        self, which: Which, families: Mapping[str, Family], totals: Mapping[str, Total], strata: Strata | None
    ) -> dict[str, Found]:
        """Return the moments of each group, or of both sides of strata: of all cells, if there are no hours."""


class ArrayCells:
    """Cells in memory.

    Args:
        table: The cells: `PLACE`, labels of clusters, `HOUR` where it is known, and sums.
        labels: The names of the labels.
    """

    def __init__(self, table: pa.Table, labels: Sequence[str]) -> None:
        self.has_hours = HOUR in table.column_names
        self._places = table[PLACE].to_numpy()
        order = np.argsort(self._places, kind="stable")
        self._table, self._places, self._labels = table.take(order), self._places[order], labels
        self._hours = to_floats(self._table[HOUR]) if self.has_hours else np.full(len(order), np.nan)

    def find_totals(self, names: Sequence[str], groups: int) -> dict[str, Total]:
        return {
            name: Total(*(np.bincount(self._places, column, groups) for column in self._read_sums(name)))
            for name in names
        }

    def find_moments(
        self, which: Which, families: Mapping[str, Family], totals: Mapping[str, Total], strata: Strata | None
    ) -> dict[str, Found]:
        rows = np.flatnonzero(np.isnan(self._hours) if which == "fixed" else ~np.isnan(self._hours))
        places = self._places[rows]
        clusters = None if strata is None else self._find_clusters(which, rows)
        inner = None
        if which == "hours":
            inner, keys = group_rows([pd.Series(places), pd.Series(self._hours[rows])], len(rows))
            places = keys[0].to_numpy() if len(rows) else places
            clusters = None if strata is None else group_rows([keys[1]], len(places))[0].codes
        found = {}
        for name, family in families.items():
            sums = [column[rows] for column in self._read_sums(name)]
            over, under = sums if inner is None else [inner.sum(column) for column in sums]
            total = totals[name]
            with np.errstate(all="ignore"):
                gains = 1.0 if strata is None else strata.gains[places]
                stratum = Sums(total.over[places], total.under[places])
                parts = find_parts(find_shares(Sums(over, under), stratum, gains, OF_ARRAYS))
                if strata is None or clusters is None:
                    terms = find_terms(parts, find_logs(parts, OF_ARRAYS), family, OF_ARRAYS)
                    found[name] = Found(_add_terms(terms, places, len(total.over)), 0.0)
                else:
                    found[name] = _add_sides(parts, family, strata, places, clusters)
        return found

    def _read_sums(self, name: str) -> "list[np.ndarray]":
        return [to_floats(self._table[column]) for column in name_sums(name)]

    def _find_clusters(self, which: Which, rows: "np.ndarray") -> "np.ndarray":
        """Return the number of the cluster of each row: a number of its own for a single row."""
        labels = [] if which == "rows" else [self._table[label].to_pandas().iloc[rows] for label in self._labels]
        alone = np.ones(len(rows), dtype=bool)
        for label in labels:
            alone &= label.isna().to_numpy()
        return group_rows([*labels, pd.Series(np.where(alone, np.arange(len(rows)), -1))], len(rows))[0].codes


class LazyCells:
    """Cells on an engine.

    Args:
        lazy: The cells, as `ArrayCells` has them.
        labels: The names of the labels.
        source: The data that they come from.
    """

    def __init__(self, lazy: "nw.LazyFrame[Any]", labels: Sequence[str], source: Source) -> None:
        self._lazy, self._labels, self._source = lazy, list(labels), source
        self.has_hours = HOUR in lazy.collect_schema().names()

    def find_totals(self, names: Sequence[str], groups: int) -> dict[str, Total]:
        columns = [column for name in names for column in name_sums(name)]
        table = _collect(self._lazy.group_by(PLACE).agg(*(nw.col(column).sum() for column in columns)))
        sums = {column: _place(table, PLACE, column, groups) for column in columns}
        return {name: Total(*(sums[column] for column in name_sums(name))) for name in names}

    def find_moments(
        self, which: Which, families: Mapping[str, Family], totals: Mapping[str, Total], strata: Strata | None
    ) -> dict[str, Found]:
        cells, labels, names = self._lazy, self._labels, list(families)
        if self.has_hours:
            unknown = nw.col(HOUR).is_null()
            cells = cells.filter(unknown if which == "fixed" else ~unknown)
        if which == "hours":
            sums = [nw.col(column).sum() for name in names for column in name_sums(name)]
            cells, labels = cells.group_by(PLACE, HOUR).agg(*sums), [HOUR]
        cells = self._add_parts(cells, totals, names, strata)
        groups = len(next(iter(totals.values())).over)
        key, products = PLACE, dict.fromkeys(names, 0.0)
        if strata is not None:
            key, groups = _SIDE, 2
            if labels and which != "rows":
                cells, products = self._join_strata(cells, labels, names)
        logs, terms, sums = [], [], []
        for name, family in families.items():
            parts = {part: nw.col(_name_part(part, name)) for part in PARTS}
            if family == "positive":
                logs.append(find_logs(parts, OF_EXPRESSIONS).alias(_name_part("logs", name)))
            for field, term in find_terms(parts, nw.col(_name_part("logs", name)), family, OF_EXPRESSIONS).items():
                column = nw.col(_name_moment(field, name))
                terms.append(term.alias(_name_moment(field, name)))
                sums.append(column.min() if field == "low_x" else column.max() if field == "high_x" else column.sum())
        cells = cells.with_columns(*logs) if logs else cells
        table = _collect(cells.select(key, *terms).group_by(key).agg(*sums))
        return {name: Found(_read_moments(table, key, name, groups), products[name]) for name in names}

    def _add_parts(
        self, cells: "nw.LazyFrame[Any]", totals: Mapping[str, Total], names: Sequence[str], strata: Strata | None
    ) -> "nw.LazyFrame[Any]":
        """Return cells with the `PARTS` of each quantity, and their side; only those of groups that count."""
        groups = len(next(iter(totals.values())).over)
        gains, sides = (np.ones(groups), np.zeros(groups, dtype=np.int64)) if strata is None else strata
        columns: dict[str, Any] = {PLACE: np.arange(groups), _SIDE: sides, _GAIN: gains}
        for name in names:
            columns |= {
                f"all {column}": total
                for column, total in zip(name_sums(name), (totals[name].over, totals[name].under), strict=True)
            }
        joined = self._source.join(cells, pa.table(columns).filter(pa.array(gains != 0)), [PLACE])
        shares, parts = [], []
        for name in names:
            over, under = name_sums(name)
            stratum = Sums(nw.col(f"all {over}"), nw.col(f"all {under}"))
            own = find_shares(Sums(nw.col(over), nw.col(under)), stratum, nw.col(_GAIN), OF_EXPRESSIONS)
            shares += [step.alias(_name_part(share, name)) for share, step in own.items()]
            of_columns = find_parts({share: nw.col(_name_part(share, name)) for share in own})
            parts += [of_columns[part].alias(_name_part(part, name)) for part in PARTS if part not in own]
        return joined.with_columns(*shares).with_columns(*parts)  # in steps, so that expressions stay short

    @staticmethod
    def _join_strata(
        cells: "nw.LazyFrame[Any]", labels: list[str], names: Sequence[str]
    ) -> "tuple[nw.LazyFrame[Any], dict[str, float]]":
        """Return the clusters of each side, and the sums of the products of the residuals of both sides."""
        parts = [_name_part(part, name) for name in names for part in PARTS]
        alone = nw.all_horizontal(*(nw.col(label).is_null() for label in labels), ignore_nulls=False)
        cells = cells.select(_SIDE, *labels, *parts)
        shared = cells.filter(~alone).group_by(_SIDE, *labels).agg(*(nw.col(part).sum() for part in parts))
        joined = nw.concat([shared.select(_SIDE, *parts), cells.filter(alone).select(_SIDE, *parts)])
        residuals = [
            nw.when(nw.col(_SIDE) == side)
            .then(nw.col(_name_part("hc2", name)))
            .otherwise(nw.lit(0.0))
            .alias(f"{side} {name}")
            for name in names
            for side in (0, 1)
        ]
        columns = [f"{side} {name}" for name in names for side in (0, 1)]
        paired = shared.select(*labels, *residuals).group_by(*labels).agg(*(nw.col(one).sum() for one in columns))
        products = [(nw.col(f"0 {name}") * nw.col(f"1 {name}")).alias(name) for name in names]
        table = _collect(paired.select(*products).select(*(nw.col(name).sum() for name in names)))
        return joined, {name: float(np.nansum(to_floats(table[name]))) for name in names}


def name_sums(name: str) -> tuple[str, str]:
    """Return the columns of the numerator and of the denominator of a quantity."""
    return f"numerator of {name}", f"denominator of {name}"


def _add_sides(
    parts: "Mapping[str, np.ndarray]", family: Family, strata: Strata, places: "np.ndarray", clusters: "np.ndarray"
) -> Found:
    """Return the moments of both sides; the cells of a cluster in several strata are put together."""
    counts = np.flatnonzero(strata.gains[places] != 0)
    sides, clusters = strata.sides[places[counts]], clusters[counts]
    number, inverse = np.unique(2 * clusters + sides, return_inverse=True)
    joined = {part: np.bincount(inverse, values[counts], len(number)) for part, values in parts.items()}
    order = np.argsort(number % 2, kind="stable")
    ordered = {part: values[order] for part, values in joined.items()}
    terms = find_terms(ordered, find_logs(ordered, OF_ARRAYS), family, OF_ARRAYS)
    residuals = np.zeros((2, int(clusters.max(initial=-1)) + 1))
    residuals[number % 2, number // 2] = joined["hc2"]
    return Found(_add_terms(terms, number[order] % 2, 2), float(residuals[0] @ residuals[1]))


def _add_terms(terms: "Mapping[str, np.ndarray]", places: "np.ndarray", groups: int) -> Moments:
    """Return the moments out of the terms of cells that are ordered by their group."""
    present, starts = np.unique(places, return_index=True)
    found = _make_nothing(groups)
    if len(places):
        added = [name for name in terms if name not in _EXTREMES]
        for name, values in zip(added, np.add.reduceat([terms[name] for name in added], starts, axis=1), strict=True):
            found[name][present] = values
        for name in terms.keys() & _EXTREMES.keys():
            found[name][present] = _EXTREMES[name].reduceat(terms[name], starts)
    return Moments(**found)


def _make_nothing(groups: int) -> "dict[str, np.ndarray]":
    """Return the moments of groups without cells."""
    return {name: np.full(groups, np.nan if name in _EXTREMES else 0.0) for name in FIELDS}


def _read_moments(table: pa.Table, key: str, name: str, groups: int) -> Moments:
    found = _make_nothing(groups)
    for field in FIELDS:
        if _name_moment(field, name) in table.column_names:
            found[field][table[key].to_numpy()] = to_floats(table[_name_moment(field, name)])
    return Moments(**found)


def _place(table: pa.Table, key: str, column: str, groups: int) -> "np.ndarray":
    """Return a column by group; 0 for a group without cells."""
    values = np.zeros(groups)
    values[table[key].to_numpy()] = to_floats(table[column])
    return values


def _collect(lazy: "nw.LazyFrame[Any]") -> pa.Table:
    table: pa.Table = lazy.collect(backend="pyarrow").to_native()
    return table


def _name_part(part: str, name: str) -> str:
    return f"{part} of {name}"


def _name_moment(field: str, name: str) -> str:
    return f"moment {field} of {name}"
