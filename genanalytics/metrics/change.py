"""What moved the cost from one period to another: more requests, larger ones, dearer tokens, or less caching."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from genanalytics.errors import InputError
from genanalytics.metrics.declare import RowValue, Statistic, count_of, total
from genanalytics.metrics.sets.caching import NET
from genanalytics.metrics.sets.cost import EFFECTIVE, EFFECTIVE_COST, REQUESTS, UNKNOWN
from genanalytics.metrics.sets.tokens import IN, OUT
from genanalytics.metrics.summary import summarize
from genanalytics.units import Unit

_MOVERS = {
    "by_requests": "by requests",
    "by_size": "by tokens per request",
    "by_price": "by price per token",
    "by_caching": "by caching",
}
_AMOUNTS = {"before": "before", "after": "after", "change": "change"} | _MOVERS
_UNKNOWN = {"unknown_before": "unknown before", "unknown_after": "unknown after"}
_SIDES = (" before", " after")

_IS_WHOLE = nw.col(UNKNOWN.name).is_null()
_TOKENS = nw.col(IN.name) + nw.col(OUT.name)
_HAS_TOKENS = _TOKENS.fill_null(0) > 0
_SIZED = "with tokens"
_KINDS: Mapping[str, nw.Expr] = MappingProxyType(
    {_SIZED: _IS_WHOLE & _HAS_TOKENS, "without tokens": _IS_WHOLE & ~_HAS_TOKENS, "in part": ~_IS_WHOLE}
)
"""The kinds of rows that are not mixed: a gap that only one period has would pass for another price or size."""


def _of_kind(kind: str, name: str, unit: Unit, value: nw.Expr) -> RowValue:
    told = nw.when(_KINDS[kind] & ~nw.col(EFFECTIVE.name).is_null()).then(value)
    return RowValue(f"{name} {kind}", name, unit, name, (EFFECTIVE, UNKNOWN, NET, IN, OUT), told)


def _statistics() -> Iterator[Statistic]:
    yield EFFECTIVE_COST
    yield count_of(UNKNOWN)
    yield total(_of_kind(_SIZED, "tokens", Unit.TOKENS, _TOKENS))
    for kind in _KINDS:
        yield total(_of_kind(kind, "rows", Unit.COUNT, nw.lit(1)))
        yield total(_of_kind(kind, "saved", Unit.USD, nw.col(NET.name).fill_null(0.0)))  # not reported: nothing saved
        yield total(_of_kind(kind, "cost", Unit.USD, nw.col(EFFECTIVE.name)))


_METRICS = tuple(_statistics())


def cost_change(
    before: object, after: object, *, by: str | Sequence[str] | None = "model", tz: str = "UTC"
) -> pd.DataFrame:
    """Return by how much the effective cost of each group changed, and what changed it, the largest change first.

    Cost is requests x tokens per request x price per token without caching x what caching left of it. What each of the
    four did is the logarithmic mean of both costs times the logarithm of its own change (LMDI; B. W. Ang, The LMDI
    approach to decomposition analysis: a practical guide, Energy Policy 33, 2005). So the four add up to the change
    with nothing left over, and exchanging the periods exchanges the signs alone.

    Rows with tokens, rows without, and rows whose cost is known in part are taken apart and their parts added up, so
    that a gap is never taken for another size or price. A discount that is not reported saved nothing.

    Args:
        before: The rows of one period: what `summarize` takes.
        after: The rows of another one, as long as the first.
        by: What to group by, as in `summarize`; None for all rows together, where a change of models is one of prices.
        tz: The zone of keys that are made of moments.

    Returns:
        The keys; `before`, `after` and `change`, in US$ (Float64); and of the change `by_requests` (all of it where
        rows are there in one period alone), `by_size`, `by_price` (of tokens in and out together, so that it moves with
        their mix too; without tokens of a request) and `by_caching`. What cannot be told apart is a gap, and a part of
        `by_price`. `unknown_before` and `unknown_after` (Int64) count the requests whose cost is not known, wholly or
        in part, and which the amounts therefore lack; where none is known there are gaps. `attrs` holds `units` and
        `labels`.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: A key cannot be grouped by, has the name of a column of the result, or differs in kind.

    >>> july = pd.DataFrame({"model": "a", "total_cost": [3.0, 1.0], "native_tokens_prompt": [90, 10]})
    >>> july = july.assign(native_tokens_completion=0, cache_discount=None, upstream_inference_cost=0.0, is_byok=False)
    >>> cost_change(july, pd.concat([july, july]))[["before", "after", "by_requests", "by_price"]].to_dict("records")
    [{'before': 4.0, 'after': 8.0, 'by_requests': 4.0, 'by_price': 0.0}]
    """
    keys = [] if by is None else [by] if isinstance(by, str) else list(by)
    taken = [key for key in keys if key in {*_AMOUNTS, *_UNKNOWN}]
    if taken:
        msg = f"cannot group by {taken[0]!r}: the result has a column of that name; rename the one of the data"
        raise InputError(msg)
    joined = _joined([summarize(data, by=by, tz=tz, metrics=_METRICS) for data in (before, after)], keys)
    was, now = (_cost(joined, side) for side in _SIDES)
    parts = np.array([_moved(*(_levels(joined, kind, side) for side in _SIDES)) for kind in _KINDS])
    moved = np.where(np.isnan(now - was) | np.isnan(parts).all(axis=0), np.nan, np.nansum(parts, axis=0))
    amounts = dict(zip(_AMOUNTS, (was, now, now - was, *moved), strict=True))
    counts = {name: joined[UNKNOWN.name + side].fillna(0) for name, side in zip(_UNKNOWN, _SIDES, strict=True)}
    found = pd.concat(
        [joined[keys], pd.DataFrame(amounts, dtype="Float64"), pd.DataFrame(counts, dtype="Int64")], axis=1
    )
    found = found.sort_values("change", key=abs, ascending=False, kind="stable", ignore_index=True)
    units = dict.fromkeys(_AMOUNTS, Unit.USD.value) | dict.fromkeys(_UNKNOWN, Unit.COUNT.value)
    found.attrs = {"units": units, "labels": _AMOUNTS | _UNKNOWN}
    return found


def _joined(sides: Sequence[pd.DataFrame], keys: list[str]) -> pd.DataFrame:
    try:
        return sides[0].merge(sides[1], how="outer" if keys else "cross", on=keys or None, suffixes=_SIDES)
    except ValueError as error:
        msg = f"the groups of both periods cannot be matched by {', '.join(keys)}: {error}"
        raise InputError(msg) from error


def _cost(joined: pd.DataFrame, side: str) -> "np.ndarray":
    """Return the cost of each group: NaN where there are requests and the cost of none is known."""
    return np.where(_numbers(joined[REQUESTS.name + side]) > 0, _numbers(joined[EFFECTIVE_COST.name + side]), 0.0)


def _levels(joined: pd.DataFrame, kind: str, side: str) -> "np.ndarray":
    """Return rows, tokens, cost without caching and cost: each is the one before it times one of the factors."""
    names = ("rows", "saved", "cost")
    rows, saved, cost = (np.nan_to_num(_numbers(joined[f"{name} {kind}{side}"])) for name in names)
    tokens = np.nan_to_num(_numbers(joined[f"tokens {kind}{side}"])) if kind == _SIZED else np.zeros_like(rows)
    return np.array([rows, tokens, cost + saved, cost])


def _numbers(column: "pd.Series[float]") -> "np.ndarray":
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _moved(was: "np.ndarray", now: "np.ndarray") -> "np.ndarray":
    """Return what each of the movers did to the cost of each group; NaN where rows of this kind tell nothing of it."""
    there, sized, discounted, paid = (was > 0) & (now > 0)
    change = now[-1] - was[-1]
    told = np.array([there, sized, there, discounted]) & paid
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.log(now / was)
        growth[-1] = np.log1p(change / was[-1])  # which costs that are nearly the same need
        growth[1] = np.where(sized, growth[1], growth[0])
        growth[2] = np.where(discounted, growth[2], growth[3])
        mean = np.where(change == 0, now[-1], change / growth[-1])
        moved = np.where(told, np.diff(growth, axis=0, prepend=0.0) * mean, np.nan)
    absent = (was[0] == 0) & (now[0] == 0)
    moved[0] = np.where(there | absent, moved[0], change)
    moved[2] = np.where(there & ~paid, change, moved[2])
    return moved
