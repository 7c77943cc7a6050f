"""The price regimes of a group of requests: sets of unit prices, each of which reproduces the amounts of its rows.

With P, C, R, W prompt, completion, cached and written tokens, and prices a (input), b (output), r (read), w (write) and f
(request), two identities hold: charge + discount = a P + b C + f, and discount = (a - r) R - (w - a) W with
0 <= W <= P - R.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from genanalytics.bill.amounts import Interval
from genanalytics.bill.caching import CachePrices, explain_discount, find_cache_prices
from genanalytics.bill.requests import Requests
from genanalytics.bill.solve import FEWEST, Range, count_decimals, explains, solve, solve_one

PER_REQUEST = 1e6
"""Micro-dollars of a request price of US$ 1."""
RATIOS = (1.1, 0.5, 2.0, 0.99, 1.5, 0.75, 1.25, 0.8, 0.9, 1 / 1.1, 1 / 0.99)
"""Usual ratios of two regimes: region, batch or flex, priority, discounts."""

_MOST_REGIMES = 12
_FEWEST_AT_RATIO = 3
_ALIKE = 1e-3
"""Up to this ratio of their singular values, two counts count as proportional."""

KNOWN = "yes"
NOT_APART = "input and output cannot be told apart"
TOO_FEW = "too few requests"
TOO_COARSE = "amounts are too coarse"
CACHE_UNKNOWN = "all but the prices of caching"
_FEW = 20


@dataclass(frozen=True, slots=True)
class Sheet:
    """Unit prices in US$ per million tokens, `request_price` in US$ per request; NaN where none was seen.

    `identified` is "yes", or the reason why others are possible: then the prices are the shortest decimals among them.
    `ranges` has what the rows allow, by the name of the price.
    """

    input_price: float
    output_price: float
    request_price: float = 0.0
    cache_read_price: float = np.nan
    cache_write_price: float = np.nan
    identified: str = KNOWN
    ranges: "dict[str, Range] | None" = None


@dataclass(frozen=True, slots=True)
class Regime:
    """A price sheet, and the rows whose amounts it reproduces (bool)."""

    sheet: Sheet
    rows: "np.ndarray"


@dataclass(frozen=True, slots=True)
class _Found:
    """Prices that reproduce the gross amounts of rows, before caching is looked at."""

    input: float
    output: float
    request: float
    explained: "np.ndarray"
    known: bool
    input_range: Range
    output_range: Range

    @property
    def score(self) -> int:
        """The explained rows; each decimal has to explain one more."""
        return int(self.explained.sum()) - int(count_decimals(np.array([self.input, self.output, self.request])).sum())


def find_regimes(requests: Requests) -> list[Regime]:
    """Return the regimes of a group, the one with most rows first; rows in none are not explained."""
    left = np.ones(len(requests), bool)
    regimes: list[Regime] = []
    for _ in range(_MOST_REGIMES):
        found = _find_prices(requests, left, regimes) if left.any() else None
        if found is None:
            break
        fresh = _split_by_caching(requests, replace(found, explained=found.explained & left))
        regimes.extend(regime for regime in fresh if regime.rows.sum() >= _FEWEST_AT_RATIO)
        left &= ~found.explained
    regimes.sort(key=lambda regime: -int(regime.rows.sum()))
    return [_learn_from_others(regime, regimes, requests) for regime in regimes]


def _learn_from_others(regime: Regime, regimes: list[Regime], requests: Requests) -> Regime:
    """Return a regime whose prices are unknown as a usual multiple of a known one, if that reproduces all of its rows."""
    if regime.sheet.identified == KNOWN:
        return regime
    part = requests[regime.rows]
    for found in _try_ratios(part, regimes):
        if found.explained.all():
            fresh = _split_by_caching(part, found)
            if len(fresh) == 1 and fresh[0].rows.all():
                return Regime(fresh[0].sheet, regime.rows)
    return regime


def _find_prices(requests: Requests, left: "np.ndarray", regimes: list[Regime]) -> _Found | None:
    """Return the prices that reproduce most of the rows that are left."""
    rows = np.flatnonzero(left)
    part = requests[rows]
    found = max(_try_models(part), key=lambda one: one.score, default=None)
    at_ratio = max(_try_ratios(part, regimes), key=lambda one: one.score, default=None)
    if found is None or (
        at_ratio is not None and not found.known and at_ratio.explained.sum() >= found.explained.sum()
    ):
        found = at_ratio
    if found is None:
        return None
    explained = np.zeros(len(requests), bool)
    explained[rows[found.explained]] = True
    return replace(found, explained=explained)


def _try_models(part: Requests) -> Iterator[_Found]:
    """Yield prices of each kind: tokens; one count alone; a price per request; a price per request and tokens."""
    prompt, completion, gross = part.prompt, part.completion, part.gross
    per_request = np.full(len(part), PER_REQUEST)
    pairs = {"tokens": (prompt, completion), "prompt": (prompt, per_request), "completion": (completion, per_request)}
    for name, (x, y) in pairs.items():
        found = solve(x, y, gross) if np.ptp(x) > 0 and y.any() else None
        if found is None:
            continue
        explained, known = found.explained, found.known
        if name == "tokens":
            yield _Found(found.first, found.second, 0.0, explained, known, *found.ranges)
        elif found.second > 0:
            first, second = (found.first, 0.0) if name == "prompt" else (0.0, found.first)
            of_first, of_second = (found.ranges[0], Range(0, 0)) if name == "prompt" else (Range(0, 0), found.ranges[0])
            yield _Found(first, second, found.second, explained, known, of_first, of_second)
        if explained.sum() > 0.8 * len(part):
            break
    yield from _try_single(part)


def _try_single(part: Requests) -> Iterator[_Found]:
    """Yield prices of one kind alone, for rows without the others."""
    nothing = Range(0.0, 0.0)
    counts: dict[str, tuple[np.ndarray, np.ndarray]] = {
        "input": (part.prompt, part.completion == 0),
        "output": (part.completion, part.prompt == 0),
        "request": (np.full(len(part), PER_REQUEST), np.ones(len(part), bool)),
    }
    for name, (count, usable) in counts.items():
        rows = np.flatnonzero(usable & (count > 0))
        found = solve_one(count[rows], part.gross[rows]) if len(rows) >= FEWEST else None
        if found is None or found[2].sum() < FEWEST:
            continue
        price, allowed, among, known = found
        explained = np.zeros(len(part), bool)
        explained[rows[among]] = True
        prices = {"input": 0.0, "output": 0.0, "request": 0.0} | {name: price}
        ranges = {"input": nothing, "output": nothing} | ({name: allowed} if name != "request" else {})
        yield _Found(
            **prices, explained=explained, known=known, input_range=ranges["input"], output_range=ranges["output"]
        )


def _try_ratios(part: Requests, regimes: list[Regime]) -> Iterator[_Found]:
    """Yield the prices of known regimes times the usual ratios."""
    for regime in regimes:
        sheet = regime.sheet
        if sheet.identified != KNOWN:
            continue
        for ratio in RATIOS:
            prices = [round(ratio * price, 9) for price in (sheet.input_price, sheet.output_price, sheet.request_price)]
            gross = part.gross.move(-prices[2] * PER_REQUEST)
            explained = explains((prices[0], prices[1]), part.prompt, part.completion, gross)
            if explained.sum() >= _FEWEST_AT_RATIO:
                exact = [Range(price, price) for price in prices[:2]]
                yield _Found(*prices, explained, True, *exact)


def _split_by_caching(requests: Requests, found: _Found) -> list[Regime]:
    """Return a regime for each set of cache prices among rows of the same other prices."""
    sheet = _make_sheet(requests, found)
    touched = found.explained & (requests.has_discount | (requests.cached > 0))
    untouched = found.explained & ~touched
    # without the number of cached tokens a saving says little: the row counts with the first set of prices
    readable = touched & np.isfinite(requests.cached) & (requests.uncached >= 0)
    if not readable.any():
        return [Regime(sheet, found.explained)]
    rows = np.flatnonzero(readable)
    allowed = Range(found.input, found.input) if found.known else found.input_range
    sets = find_cache_prices(requests[rows], found.input, allowed)
    regimes = []
    for prices, among in sets:
        mask = np.zeros(len(requests), bool)
        mask[rows[among]] = True
        regimes.append(Regime(_add_cache_prices(sheet, prices), mask))
    if not regimes:
        return [Regime(sheet, untouched)]
    first = regimes[0]
    regimes[0] = Regime(first.sheet, first.rows | untouched | (touched & ~np.isfinite(requests.cached)))
    return regimes


def _add_cache_prices(sheet: Sheet, prices: CachePrices) -> Sheet:
    return replace(
        sheet,
        cache_read_price=prices.read,
        cache_write_price=prices.write,
        identified=sheet.identified if prices.known or sheet.identified != KNOWN else CACHE_UNKNOWN,
    )


def _make_sheet(requests: Requests, found: _Found) -> Sheet:
    ranges = {"input_price": found.input_range, "output_price": found.output_range}
    if found.known:
        return Sheet(found.input, found.output, found.request, ranges=ranges)
    reason = _find_reason(requests[found.explained])
    return Sheet(found.input, found.output, found.request, identified=reason, ranges=ranges)


def _find_reason(rows: Requests) -> str:
    """Return why the prices of rows are not known."""
    counts = np.column_stack([rows.prompt, rows.completion])
    norms = np.linalg.norm(counts, axis=0)
    if norms.all():
        values = np.linalg.svd(counts / norms, compute_uv=False)
        if values[-1] <= _ALIKE * values[0]:
            return NOT_APART
    return TOO_FEW if len(rows) < _FEW else TOO_COARSE
