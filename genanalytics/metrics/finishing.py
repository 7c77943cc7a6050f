"""Statistics out of aggregates: those of one form at once, for all groups."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.metrics.declare import Count, Known, Per, Quantile, ShareOfTotal, Statistic, Sum
from genanalytics.metrics.engines.aggregates import Aggregates
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.protocol import compute, list_aggregates
from genanalytics.metrics.intervals.limits import make_limit_columns
from genanalytics.records.frame import to_frame
from genanalytics.units import Unit

_KEPT_FORMS = 128
_ALL = slice(None)


class Forms(NamedTuple):
    """The statistics of a summary by their form. A matrix of places has a column per statistic of the form.

    The places of aggregates are those in `list_aggregates`.

    Attributes:
        copied: The places of statistics that are an aggregate, and that of the aggregate.
        divided: The places of quotients, and those of numerator and denominator.
        known: The places of sums that are missing without known values, and those of the sum and the count.
        shares: Those of `known` that are divided by their total.
        others: The places of all other statistics.
        rows: The place of the number of rows.
        of_nothing: One column, the number of each statistic for an empty period; NaN if it is undefined.
    """

    copied: "np.ndarray"
    divided: "np.ndarray"
    known: "np.ndarray"
    shares: tuple[int, ...]
    others: tuple[int, ...]
    rows: int
    of_nothing: "np.ndarray"


def finish(
    groups: Aggregates,
    statistics: Sequence[Statistic],
    bounded: Sequence[Statistic],
    order: "np.ndarray | slice" = _ALL,
) -> dict[str, Any]:
    """Return the statistics, and the limits of the bounded ones, out of the aggregates: columns by name.

    Args:
        groups: The aggregates of the statistics, as `list_aggregates` returns them; others may follow.
        statistics: The statistics.
        bounded: Those of them that have limits in `groups`.
        order: The places of the groups in the order of the result.
    """
    forms = _divide_by_form(tuple(statistics))
    numbers = _compute_forms(groups.numbers, forms)
    foreign = {}
    for place in forms.others:
        found = _finish(groups, statistics[place])
        if isinstance(found, np.ndarray):
            numbers[place] = found
        else:
            foreign[statistics[place].name] = found.array[order]
    missing = np.isnan(groups.numbers[forms.rows])
    if missing.any():
        numbers = np.where(missing & ~np.isnan(forms.of_nothing), forms.of_nothing, numbers)
    ordered = numbers[:, order]
    columns: dict[str, Any] = {}
    for statistic, values, found, gaps in zip(statistics, numbers, ordered, np.isnan(ordered), strict=True):
        name = statistic.name
        if name in foreign:
            columns[name] = foreign[name]
            continue
        columns[name] = _make_column(statistic.unit, found, gaps)
        if statistic in bounded:
            columns |= {key: own[order] for key, own in make_limit_columns(groups, statistic, values).items()}
    return columns


def _make_column(unit: Unit, values: "np.ndarray", gaps: "np.ndarray") -> pd.api.extensions.ExtensionArray:
    """Return numbers as a column: counts as Int64, all others as Float64."""
    if unit is Unit.COUNT:
        return pd.arrays.IntegerArray(np.where(gaps, 0, values).astype(np.int64), gaps)
    return pd.arrays.FloatingArray(values, gaps)


@lru_cache(maxsize=_KEPT_FORMS)
def _divide_by_form(statistics: tuple[Statistic, ...]) -> Forms:
    """Return statistics by their form, once for each set of them."""
    rows = {step: row for row, step in enumerate(list_aggregates(statistics))}
    copied, divided, known, shares, others = [], [], [], [], []
    for place, statistic in enumerate(statistics):
        match statistic.finish:
            case Per(over, under):
                divided.append([place, rows[over], rows[under]])
            case Known(value) | ShareOfTotal(value) as form:
                known.append([place, rows[Sum(value)], rows[Count(value)]])
                if isinstance(form, ShareOfTotal):
                    shares.append(place)
            case Sum() | Count() | Quantile() as step:
                copied.append([place, rows[step]])
            case _:
                others.append(place)
    of_nothing = [np.nan if statistic.of_nothing is None else statistic.of_nothing for statistic in statistics]
    return Forms(
        np.array(copied, dtype=np.intp).reshape(-1, 2).T,
        np.array(divided, dtype=np.intp).reshape(-1, 3).T,
        np.array(known, dtype=np.intp).reshape(-1, 3).T,
        tuple(shares),
        tuple(others),
        rows[Count()],
        np.array(of_nothing)[:, None],
    )


def _compute_forms(read: "np.ndarray", forms: Forms) -> "np.ndarray":
    """Return a row per statistic and a column per group; NaN for gaps, and for `others`."""
    numbers = np.full((len(forms.of_nothing), read.shape[1]), np.nan)
    place, step = forms.copied
    numbers[place] = read[step]
    place, over, under = forms.divided
    numbers[place] = _divide(read[over], read[under])
    place, total, count = forms.known
    numbers[place] = np.where(read[count] > 0, read[total], np.nan)
    for share in forms.shares:
        known = numbers[share]
        numbers[share] = _divide(known, 0.0 if (known < 0).any() else np.nansum(known))
    return numbers


def _finish(groups: Aggregates, statistic: Statistic) -> "np.ndarray | pd.Series":
    """Return one of the other statistics as float64, gaps as NaN; values other than numbers as they are."""
    if statistic.finish is None:
        values = groups.others[next(iter(statistic.own))]
    else:
        steps: dict[str, Any] = {statistic.name: statistic.finish}
        table = compute(nw.from_native(groups.to_table(), eager_only=True).select, steps)
        values = table[statistic.name].to_native()
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        return to_floats(values)
    return to_frame(pa.table({"value": values}))["value"]


def _divide(over: "np.ndarray", under: "np.ndarray | float") -> "np.ndarray":
    """Return a quotient, NaN where the divisor is 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        quotient: np.ndarray = over / np.where(np.asarray(under) == 0, np.nan, under)
    return quotient
