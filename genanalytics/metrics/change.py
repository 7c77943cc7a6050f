"""Why the cost changed from one period to another: more requests, larger ones, more expensive tokens, less caching."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from genanalytics.errors import InputError
from genanalytics.metrics.declare import RowValue, Statistic
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.forms import count_of, total
from genanalytics.metrics.sets.caching import NET
from genanalytics.metrics.sets.cost import EFFECTIVE, EFFECTIVE_COST, REQUESTS, UNKNOWN
from genanalytics.metrics.sets.tokens import IN, OUT
from genanalytics.metrics.summary import summarize
from genanalytics.records.coverage import COVERAGE, Coverage, join_coverage
from genanalytics.units import Unit

_AMOUNTS = {
    "before": "before",
    "after": "after",
    "change": "change",
    "by_requests": "by requests",
    "by_size": "by tokens per request",
    "by_price": "by price per token",
    "by_caching": "by caching",
}
_UNKNOWN = {"unknown_before": "unknown before", "unknown_after": "unknown after"}
_SIDES = (" before", " after")

_COST_UNKNOWN = count_of(UNKNOWN)
_IS_WHOLE = UNKNOWN.column.is_null()
_TOKENS = IN.column + OUT.column
_HAS_TOKENS = _TOKENS.fill_null(0) > 0


class _Part(NamedTuple):
    """Rows that are only compared with rows like them: a gap in one period must not pass for another price or size."""

    rows: Statistic
    saved: Statistic
    cost: Statistic
    tokens: Statistic | None


def _make_part(kind: str, condition: nw.Expr, *, with_tokens: bool = False) -> _Part:
    def add_up(name: str, unit: Unit, value: nw.Expr) -> Statistic:
        kept = nw.when(condition & ~EFFECTIVE.column.is_null()).then(value)
        return total(RowValue(f"{name} {kind}", name, unit, name, (EFFECTIVE, UNKNOWN, NET, IN, OUT), kept))

    return _Part(
        rows=add_up("rows", Unit.COUNT, nw.lit(1)),
        saved=add_up("saved", Unit.USD, NET.column.fill_null(0.0)),  # not reported, so nothing saved
        cost=add_up("cost", Unit.USD, EFFECTIVE.column),
        tokens=add_up("tokens", Unit.TOKENS, _TOKENS) if with_tokens else None,
    )


_PARTS = (
    _make_part("with tokens", _IS_WHOLE & _HAS_TOKENS, with_tokens=True),
    _make_part("without tokens", _IS_WHOLE & ~_HAS_TOKENS),
    _make_part("known in part", ~_IS_WHOLE),
)
_METRICS = (
    EFFECTIVE_COST,
    _COST_UNKNOWN,
    *(statistic for part in _PARTS for statistic in part if statistic is not None),
)


def cost_change(
    before: Records, after: Records, *, by: str | Sequence[str] | None = "model", tz: str = "UTC"
) -> pd.DataFrame:
    """Return the change of the effective cost of each group, split into four causes; the largest change first.

    Cost is requests x tokens per request x price per token without caching x the share that caching leaves. The effect
    of each factor is the logarithmic mean of both costs times the logarithm of the factor's own change (LMDI;
    B. W. Ang, "The LMDI approach to decomposition analysis: a practical guide", Energy Policy 33, 2005). So the four
    effects add up to the change exactly, and swapping the periods only swaps their signs.

    Rows with tokens, rows without, and rows whose cost is known in part are split separately and then added up, so that
    a gap never counts as another size or price. A discount that is not reported saved nothing.

    Args:
        before: The rows of one period: anything that `summarize` takes.
        after: The rows of another period of the same length.
        by: The columns to group by, as in `summarize`. None makes one group of all rows, where a change of models
            counts as a change of price.
        tz: The time zone of days and hours, by its IANA name.

    Returns:
        The columns of `by`; `before`, `after` and `change`, in US$ (Float64); then the four effects, in US$:
        `by_requests` (the whole change if only one period has rows), `by_size`, `by_price` (tokens in and out together,
        so their mix counts too; without tokens the price of a request) and `by_caching`. An effect that cannot be
        separated is a gap and part of `by_price`. `unknown_before` and `unknown_after` (Int64) count the requests whose
        cost is unknown, wholly or in part, so that the amounts do not fully include them; if no cost of a group is
        known, its amounts are gaps. `attrs` contains `units`, `labels`, and `coverage` (of both periods together) and
        `lower_bounds`, as that of `summarize`.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: A column cannot be grouped by, has the name of a column of the result, or has other types in the two
            periods.

    >>> july = pd.DataFrame({"model": "a", "total_cost": [3.0, 1.0], "native_tokens_prompt": [90, 10]})
    >>> july = july.assign(native_tokens_completion=0, cache_discount=None, upstream_inference_cost=0.0, is_byok=False)
    >>> cost_change(july, pd.concat([july, july]))[["before", "after", "by_requests", "by_price"]].to_dict("records")
    [{'before': 4.0, 'after': 8.0, 'by_requests': 4.0, 'by_price': 0.0}]
    """
    names = [] if by is None else [by] if isinstance(by, str) else list(by)
    taken = [name for name in names if name in {*_AMOUNTS, *_UNKNOWN}]
    if taken:
        msg = f"cannot group by {taken[0]!r}: the result has a column of that name; rename the column of the data"
        raise InputError(msg)
    periods = [summarize(data, by=by, tz=tz, metrics=_METRICS) for data in (before, after)]
    joined = _join(periods, names)
    was, now = (_read_cost(joined, side) for side in _SIDES)
    parts = np.array([_find_effects(*(_read_levels(joined, part, side) for side in _SIDES)) for part in _PARTS])
    effects = np.where(np.isnan(now - was) | np.isnan(parts).all(axis=0), np.nan, np.nansum(parts, axis=0))
    amounts = dict(zip(_AMOUNTS, (was, now, now - was, *effects), strict=True))
    counts = {name: joined[_COST_UNKNOWN.name + side].fillna(0) for name, side in zip(_UNKNOWN, _SIDES, strict=True)}
    found = pd.concat(
        [joined[names], pd.DataFrame(amounts, dtype="Float64"), pd.DataFrame(counts, dtype="Int64")], axis=1
    )
    found = found.sort_values("change", key=abs, ascending=False, kind="stable", ignore_index=True)
    units = dict.fromkeys(_AMOUNTS, Unit.USD.value) | dict.fromkeys(_UNKNOWN, Unit.COUNT.value)
    found.attrs = {"units": units, "labels": _AMOUNTS | _UNKNOWN, **_describe_completeness(periods)}
    return found


def _describe_completeness(periods: Sequence[pd.DataFrame]) -> dict[Any, Any]:
    """Return the coverage of both periods together, and the columns that are lower bounds; no change is one."""
    coverages = [Coverage.from_json(period.attrs[COVERAGE]) for period in periods]
    coverage = join_coverage(coverages, found=int(sum(period[REQUESTS.name].sum() for period in periods)))
    columns = (("before", "unknown_before"), ("after", "unknown_after"))
    bounds = [own for own, one in zip(columns, coverages, strict=True) if one is not None and one.is_partial]
    return {COVERAGE: coverage and coverage.to_json(), "lower_bounds": [name for own in bounds for name in own]}


def _join(sides: Sequence[pd.DataFrame], names: list[str]) -> pd.DataFrame:
    try:
        return sides[0].merge(sides[1], how="outer" if names else "cross", on=names or None, suffixes=_SIDES)
    except ValueError as error:
        msg = f"the groups of both periods cannot be matched by {', '.join(names)}: {error}"
        raise InputError(msg) from error


def _read_cost(joined: pd.DataFrame, side: str) -> "np.ndarray":
    """Return the cost of each group: NaN if there are requests and no cost is known."""
    return np.where(to_floats(joined[REQUESTS.name + side]) > 0, to_floats(joined[EFFECTIVE_COST.name + side]), 0.0)


def _read_levels(joined: pd.DataFrame, part: _Part, side: str) -> "np.ndarray":
    """Return rows, tokens, cost without caching and cost: each is the one before it times one of the factors."""

    def read(statistic: Statistic) -> "np.ndarray":
        levels: np.ndarray = np.nan_to_num(to_floats(joined[statistic.name + side]))
        return levels

    rows, cost = read(part.rows), read(part.cost)
    tokens = np.zeros_like(rows) if part.tokens is None else read(part.tokens)
    return np.array([rows, tokens, cost + read(part.saved), cost])


def _find_effects(was: "np.ndarray", now: "np.ndarray") -> "np.ndarray":
    """Return the effect of each cause on the cost of each group; NaN if rows of this part do not show it."""
    present, sized, discounted, paid = (was > 0) & (now > 0)
    change = now[-1] - was[-1]
    known = np.array([present, sized, present, discounted]) & paid
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.log(now / was)
        growth[-1] = np.log1p(change / was[-1])  # exact for costs that are nearly the same
        growth[1] = np.where(sized, growth[1], growth[0])
        growth[2] = np.where(discounted, growth[2], growth[3])
        mean = np.where(change == 0, now[-1], change / growth[-1])
        effects = np.where(known, np.diff(growth, axis=0, prepend=0.0) * mean, np.nan)
    absent = (was[0] == 0) & (now[0] == 0)
    effects[0] = np.where(present | absent, effects[0], change)
    effects[2] = np.where(present & ~paid, change, effects[2])
    return effects
