"""The prices of cache reads and writes, out of reported savings.

With input price a, read price r and write price w: a P - discount = r R + a (P - R - W) + w W. Most requests write all
that they do not read (W = P - R), up to a few tokens at the end, or nothing (W = 0). So two unknown prices are left, as
for input and output.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from genanalytics.bill.amounts import Interval
from genanalytics.bill.requests import Requests
from genanalytics.bill.solve import Range, count_decimals, solve, solve_one

_MANY = 50
"""The fewest rows that show a habit."""
_FEWEST_UNKNOWN = 10
"""The fewest rows that make prices that are not proved usable."""
_MOST_SETS = 4
SLACK = 1e-9
"""Micro-dollars, or a share of an amount, that make no difference."""
LAST_TOKENS = 8
"""The most tokens at the end of a prompt that are not written with it: three in the records of one provider."""


@dataclass(frozen=True, slots=True)
class CachePrices:
    """The prices of a token read from the cache and of a token written to it; NaN if none was seen.

    `known` tells whether the rows allow no other decimals as short as these. `writes` is what all of many rows wrote: 1
    for all that they did not read, 0 for nothing, NaN otherwise.
    """

    read: float
    write: float
    known: bool = True
    writes: float = np.nan


def find_cache_prices(requests: Requests, input_price: float, allowed: Range) -> "list[tuple[CachePrices, np.ndarray]]":
    """Return sets of cache prices, each with the rows that it reproduces (bool); the one with most rows first.

    Args:
        requests: Requests with a known number of cached tokens.
        input_price: The price of input.
        allowed: The lowest and the highest possible price of input.
    """
    spread = max(input_price - allowed.low, allowed.high - input_price, 0.0) * requests.prompt
    discount = Interval(requests.discount.low - spread, requests.discount.high + spread)
    requests = replace(requests, discount=discount)
    left = np.ones(len(requests), bool)
    sets: list[tuple[CachePrices, np.ndarray]] = []
    for _ in range(_MOST_SETS):
        rows = np.flatnonzero(left)
        prices = _find_set(requests[rows], input_price) if len(rows) else None
        if prices is None:
            break
        explained = left & explain_discount(requests, input_price, prices)
        if explained.sum() < (1 if prices.known else _FEWEST_UNKNOWN):
            break
        habit = _find_habit(requests[np.flatnonzero(explained)], input_price, prices)
        sets.append((replace(prices, writes=habit), explained))
        left &= ~explained
    return sorted(sets, key=lambda one: -int(one[1].sum()))


def _find_habit(requests: Requests, input_price: float, prices: CachePrices) -> float:
    """Return what all requests wrote to the cache, as `CachePrices.writes`; NaN if they are few or differ."""
    if len(requests) < _MANY:
        return np.nan
    low, high = find_written(requests, input_price, prices)
    if np.isnan(prices.write) or (low <= 0).all():
        return 0.0
    return 1.0 if (high >= requests.uncached).all() else np.nan


def explain_discount(requests: Requests, input_price: float, prices: CachePrices) -> "np.ndarray":
    """Return whether the saving of each row follows from the prices for some number of written tokens (bool)."""
    low, high = find_written(requests, input_price, prices)
    return high >= low


def find_written(requests: Requests, input_price: float, prices: CachePrices) -> "tuple[np.ndarray, np.ndarray]":
    """Return the fewest and the most whole tokens that each row can have written; fewest above most: none fits."""
    read = input_price - (prices.read if np.isfinite(prices.read) else input_price)
    premium = (prices.write if np.isfinite(prices.write) else input_price) - input_price
    saved = read * requests.cached
    slack = SLACK * np.abs(saved) + SLACK
    readable = np.isfinite(prices.read) | (requests.cached == 0)
    if abs(premium) <= SLACK:  # writing costs as much as input, so nothing tells how much was written
        fits = readable & (requests.discount.low - slack <= saved) & (saved <= requests.discount.high + slack)
        return np.where(fits, 0.0, 1.0), np.where(fits, requests.uncached, -1.0)
    ends = (saved - requests.discount.high - slack) / premium, (saved - requests.discount.low + slack) / premium
    least, most = np.ceil(np.minimum(*ends)), np.floor(np.maximum(*ends))
    return np.where(readable, np.maximum(least, 0.0), 1.0), np.where(
        readable, np.minimum(most, requests.uncached), -1.0
    )


def _find_set(requests: Requests, input_price: float) -> CachePrices | None:
    """Return the cache prices that reproduce most rows; None if nothing is known."""
    found = [prices for prices in _try_sets(requests, input_price) if prices is not None]
    return max(found, key=lambda prices: _rate(requests, input_price, prices), default=None)


def _rate(requests: Requests, input_price: float, prices: CachePrices) -> tuple[int, int]:
    decimals = count_decimals(np.nan_to_num(np.array([prices.read, prices.write])))
    explained = int(_explain_plainly(requests, input_price, prices).sum())
    return explained - int(decimals.sum()), explained


def _explain_plainly(requests: Requests, input_price: float, prices: CachePrices) -> "np.ndarray":
    """Return whether a row wrote all that it did not read, or nothing: the plain cases, which prove prices."""
    low, high = find_written(requests, input_price, prices)
    return (high >= low) & ((low <= 0) | (high >= requests.uncached - LAST_TOKENS))


def _try_sets(requests: Requests, input_price: float) -> "list[CachePrices | None]":
    reads, uncached = requests.cached > 0, requests.uncached > 0
    prompt_side = Interval(-requests.discount.high, -requests.discount.low).move(input_price * requests.prompt)
    unwritten = prompt_side.move(-input_price * requests.uncached)
    tries: list[CachePrices | None] = [
        _try_reads(requests, unwritten, reads, input_price),
        _try_writes(requests, prompt_side, ~reads & uncached, np.nan),
    ]
    if reads.any() and uncached.any():
        tries.extend(_try_both(requests, unwritten, input_price))
    for prices in [one for one in tries if one is not None and np.isfinite(one.read) and not np.isfinite(one.write)]:
        rest = ~_explain_plainly(requests, input_price, prices)
        tries.append(_try_writes(requests, prompt_side, rest & uncached, prices.read))
    return tries


def _try_both(requests: Requests, unwritten: Interval, input_price: float) -> Iterator[CachePrices]:
    """Yield prices of reads and writes by rows that did both, up to the last few tokens."""
    for last in range(LAST_TOKENS + 1):
        written = np.maximum(requests.uncached - last, 0.0)
        found = solve(requests.cached, written, unwritten.move(input_price * written))
        if found is None:
            continue
        write = np.nan if abs(found.second - input_price) <= SLACK else found.second
        yield CachePrices(found.first, write, found.known)
        if found.explained.all():
            return


def _try_reads(requests: Requests, amounts: Interval, rows: "np.ndarray", input_price: float) -> CachePrices | None:
    """Return the price of reads by rows that wrote nothing."""
    if not rows.any():
        return None
    found = solve_one(requests.cached[rows], amounts[rows])
    if found is None or found.price > input_price:
        return None
    return CachePrices(found.price, np.nan, found.known)


def _try_writes(requests: Requests, amounts: Interval, rows: "np.ndarray", read: float) -> CachePrices | None:
    """Return the price of writes by rows that wrote all that they did not read, at a known price of reads."""
    if not rows.any():
        return None
    cost_of_reads = np.where(requests.cached[rows] > 0, read, 0.0) * requests.cached[rows]
    part = amounts[rows].move(-cost_of_reads)
    found = solve_one(requests.uncached[rows], part)
    return None if found is None else CachePrices(read, found.price, found.known)
