"""The price regimes of a group of requests: sets of unit prices, each of which reproduces the amounts of its rows.

With P, C, R, W prompt, completion, cached and written tokens, and prices a (input), b (output), r (read), w (write) and
f (request), two identities hold: charge + discount = a P + b C + f, and discount = (a - r) R - (w - a) W with
0 <= W <= P - R.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from genanalytics.bill.amounts import FEE_STEP, MICRO_PER_USD, MOST_FEE, SHARP
from genanalytics.bill.caching import CachePrices, find_cache_prices
from genanalytics.bill.requests import Requests
from genanalytics.bill.solve import (
    FEWEST,
    Range,
    Solution,
    count_decimals,
    explains,
    find_least_offset,
    find_offsets,
    is_credible,
    solve,
    solve_one,
)

RATIOS = (1.1, 0.5, 2.0, 0.99, 1.5, 0.75, 1.25, 0.8, 0.9, 1 / 1.1, 1 / 0.99)
"""Usual ratios of two regimes: region, batch or flex, priority, discounts."""

KNOWN = "yes"
NOT_APART = "input and output cannot be told apart"
OUTPUT_NOT_APART = "output and requests cannot be told apart"
INPUT_NOT_APART = "input and requests cannot be told apart"
SAME_TOKENS = "all requests have the same tokens"
TOO_FEW = "too few requests"
TOO_COARSE = "amounts are too coarse"
CACHE_UNKNOWN = "all but the prices of caching"

_MOST_ROUNDS = 12
_FEWEST_OF_SPLIT = 3
"""The fewest rows that make a regime which differs in the prices of caching only."""
_ALIKE = 1e-3
"""Up to this ratio of their singular values, two counts count as proportional."""
_FEW = 20
_NEARLY_ALL = 0.8
_HALF = 0.5
_NOTHING = Range(0.0, 0.0)
_SAME = 1e-9
_FURTHER_DECIMALS = 2
_GROWS = 0.5
"""The correlation of amounts and tokens from which on a price per request alone is out of the question."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Unit prices in US$ per million tokens, `request_price` in US$ per request; NaN where none was seen.

    `identified` is "yes", or the reason why others are possible: then the prices are the shortest decimals among them.
    The ranges are what the rows allow for the prices of input and output. `writes` is that of `CachePrices`.
    """

    input_price: float = 0.0
    output_price: float = 0.0
    request_price: float = 0.0
    cache_read_price: float = np.nan
    cache_write_price: float = np.nan
    writes: float = np.nan
    identified: str = KNOWN
    input_range: Range = _NOTHING
    output_range: Range = _NOTHING

    @property
    def has_token_prices(self) -> bool:
        """Whether tokens cost anything, so that not all requests cost the same."""
        return self.input_price > 0 or self.output_price > 0


@dataclass(frozen=True, slots=True)
class Regime:
    """A price sheet, and the rows whose amounts it reproduces (bool)."""

    sheet: Sheet
    rows: "np.ndarray" = field(repr=False)

    @property
    def score(self) -> int:
        """The rows, less one for each decimal of the prices."""
        sheet = self.sheet
        prices = np.array([sheet.input_price, sheet.output_price, sheet.request_price])
        return int(self.rows.sum()) - int(count_decimals(prices).sum())


def find_regimes(requests: Requests) -> list[Regime]:
    """Return the regimes of a group, the one with most rows first; rows in none are not explained."""
    left = np.ones(len(requests), bool)
    regimes: list[Regime] = []
    for _ in range(_MOST_ROUNDS):
        found = _find_prices(requests, left, regimes) if left.any() else None
        if found is None:
            break
        fresh = _split_by_caching(requests, found)
        regimes.extend(regime for regime in fresh[:1] if regime.rows.any())
        regimes.extend(regime for regime in fresh[1:] if regime.rows.sum() >= _FEWEST_OF_SPLIT)
        left &= ~(found.rows | pays_fee(requests, found.sheet))
    regimes.sort(key=lambda regime: -int(regime.rows.sum()))
    return [_learn_from_others(regime, regimes, requests) for regime in regimes]


def pays_fee(requests: Requests, sheet: Sheet) -> "np.ndarray":
    """Return whether a row pays the prices and, beyond them, a whole number of `FEE_STEP` (bool)."""
    asked = sheet.input_price * requests.prompt + sheet.output_price * requests.completion
    rest = requests.gross.move(-asked - sheet.request_price * MICRO_PER_USD)
    steps = np.floor(rest.high / FEE_STEP)
    pays: np.ndarray = (
        (steps >= 1) & (steps * FEE_STEP <= MOST_FEE) & (steps * FEE_STEP >= rest.low) & (rest.high - rest.low <= SHARP)
    )
    return pays


def _learn_from_others(regime: Regime, regimes: list[Regime], requests: Requests) -> Regime:
    """Return a regime with unknown prices as a usual multiple of a known one, if that explains all of its rows."""
    if regime.sheet.identified == KNOWN:
        return regime
    part = requests[regime.rows]
    for found in _try_ratios(part, regimes):
        if found.rows.all():
            fresh = _split_by_caching(part, found)
            if len(fresh) == 1 and fresh[0].rows.all():
                return Regime(fresh[0].sheet, regime.rows)
    return regime


def _find_prices(requests: Requests, left: "np.ndarray", regimes: list[Regime]) -> Regime | None:
    """Return the prices that reproduce most of the rows that are left, before caching is looked at."""
    rows = np.flatnonzero(left)
    part = requests[rows]
    per_request = not _grow_with_tokens(requests)
    models = (one for one in _try_models(part) if per_request or one.sheet.has_token_prices)
    found = max(models, key=lambda one: one.score, default=None)
    at_ratio = max(_try_ratios(part, regimes), key=lambda one: one.score, default=None)
    if found is None or (at_ratio is not None and _is_better(at_ratio, found)):
        found = at_ratio
    if found is None:
        return None
    explained = np.zeros(len(requests), bool)
    explained[rows[found.rows]] = True
    return Regime(found.sheet, explained)


def _grow_with_tokens(requests: Requests) -> bool:
    """Return whether more tokens cost more, so that equal amounts are no price per request but rounded, or chance."""
    amounts = requests.gross.low
    if np.ptp(amounts) <= _SAME * np.abs(amounts).max():
        return False
    counts = [count for count in (requests.prompt, requests.completion) if np.ptp(count) > 0]
    return any(np.corrcoef(amounts, count)[0, 1] > _GROWS for count in counts)


def _is_better(at_ratio: Regime, found: Regime) -> bool:
    return found.sheet.identified != KNOWN and at_ratio.rows.sum() >= found.rows.sum()


def _try_models(part: Requests) -> Iterator[Regime]:
    """Yield prices of each kind: of tokens; of tokens and requests; of one count alone."""
    of_tokens = _solve_tokens(part, 0.0)
    if of_tokens is not None:
        yield of_tokens
    if of_tokens is None or of_tokens.rows.sum() < _HALF * len(part):
        yield from _try_request_prices(part)
    if of_tokens is None or of_tokens.sheet.identified != KNOWN or of_tokens.rows.sum() < _NEARLY_ALL * len(part):
        yield from _try_single(part)


def _solve_tokens(part: Requests, request_price: float) -> Regime | None:
    """Return the prices of input and output, given the price of a request."""
    gross = part.gross.move(-request_price * MICRO_PER_USD)
    if not (part.prompt.any() and part.completion.any()):
        return None
    found = solve(part.prompt, part.completion, gross)
    if found is None:
        return None
    asked = found.first * part.prompt + found.second * part.completion
    if np.ptp(asked[found.explained]) <= _SAME * asked.max():
        return None  # every request costs the same, so that is its price
    sheet = Sheet(found.first, found.second, request_price, input_range=found.ranges[0], output_range=found.ranges[1])
    return Regime(_name_reason(sheet, part, found), found.explained)


def _try_request_prices(part: Requests) -> Iterator[Regime]:
    """Yield prices of a request in addition to those of tokens."""
    for offset in find_offsets(part.prompt, part.completion, part.gross, MICRO_PER_USD):
        found = _solve_tokens(part, offset)
        if found is not None:
            yield found
    per_request = np.full(len(part), MICRO_PER_USD)
    for name, count in (("input", part.prompt), ("output", part.completion)):
        pair = solve(count, per_request, part.gross) if np.ptp(count) > 0 else None
        if pair is not None and pair.second * MICRO_PER_USD > find_least_offset(part.gross):
            sheet = _price_one(name, pair.first, pair.ranges[0])
            yield Regime(_name_reason(replace(sheet, request_price=pair.second), part, pair), pair.explained)


def _price_one(name: str, price: float, allowed: Range) -> Sheet:
    """Return a sheet with one price alone."""
    if name == "input":
        return Sheet(input_price=price, input_range=allowed)
    if name == "output":
        return Sheet(output_price=price, output_range=allowed)
    return Sheet(request_price=price)


def _try_single(part: Requests) -> Iterator[Regime]:
    """Yield prices of one kind alone, for rows without the others."""
    everywhere = np.ones(len(part), bool)
    counts = {
        "input": (part.prompt, part.completion == 0),
        "output": (part.completion, part.prompt == 0),
        "request": (np.full(len(part), MICRO_PER_USD), everywhere),
    }
    for name, (count, usable) in counts.items():
        rows = np.flatnonzero(usable & (count > 0))
        found = solve_one(count[rows], part.gross[rows]) if len(rows) >= FEWEST else None
        if found is None or found.explained.sum() < FEWEST:
            continue
        if not is_credible(found.explained, part.gross[rows], free=1):
            continue
        explained = np.zeros(len(part), bool)
        explained[rows[found.explained]] = True
        sheet = _price_one(name, found.price, found.allowed)
        alike = part[np.flatnonzero(explained)]
        if name == "request" and _is_constant(alike.prompt) and _is_constant(alike.completion):
            sheet = replace(sheet, identified=SAME_TOKENS)
        yield Regime(sheet if found.known else replace(sheet, identified=TOO_COARSE), explained)


def _try_ratios(part: Requests, regimes: list[Regime]) -> Iterator[Regime]:
    """Yield the prices of known regimes times the usual ratios."""
    for regime in regimes:
        sheet = regime.sheet
        if sheet.identified != KNOWN:
            continue
        for ratio in RATIOS:
            of_input, of_output, of_request = (
                round(ratio * price, 9) for price in (sheet.input_price, sheet.output_price, sheet.request_price)
            )
            if _is_longer((of_input, of_output), sheet):
                continue
            gross = part.gross.move(-of_request * MICRO_PER_USD)
            explained = explains((of_input, of_output), part.prompt, part.completion, gross)
            if explained.any() and is_credible(explained, part.gross, free=0):
                ranges = Range(of_input, of_input), Range(of_output, of_output)
                found = Sheet(of_input, of_output, of_request, input_range=ranges[0], output_range=ranges[1])
                yield Regime(found, explained)


def _is_longer(prices: tuple[float, float], sheet: Sheet) -> bool:
    """Return whether prices have more decimals than a usual multiple of those of a sheet."""
    given = np.array([sheet.input_price, sheet.output_price])
    return bool((count_decimals(np.array(prices)) > count_decimals(given) + _FURTHER_DECIMALS).any())


def _split_by_caching(requests: Requests, found: Regime) -> list[Regime]:
    """Return a regime for each set of cache prices among rows of the same other prices."""
    touched = found.rows & (requests.has_discount | (requests.cached > 0))
    untouched = found.rows & ~touched
    # without the number of cached tokens a saving says little: the row counts with the first set of prices
    readable = touched & np.isfinite(requests.cached) & (requests.uncached >= 0)
    if not readable.any():
        return [found]
    rows = np.flatnonzero(readable)
    sheet = found.sheet
    exact = Range(sheet.input_price, sheet.input_price)
    allowed = exact if sheet.identified == KNOWN else sheet.input_range
    regimes = []
    for prices, among in find_cache_prices(requests[rows], sheet.input_price, allowed):
        mask = np.zeros(len(requests), bool)
        mask[rows[among]] = True
        regimes.append(Regime(_add_cache_prices(sheet, prices), mask))
    if not regimes:
        return [Regime(sheet, untouched)]
    first = regimes[0]
    regimes[0] = Regime(first.sheet, first.rows | untouched | (touched & ~np.isfinite(requests.cached)))
    return regimes


def _add_cache_prices(sheet: Sheet, prices: CachePrices) -> Sheet:
    proved = prices.known or sheet.identified != KNOWN
    return replace(
        sheet,
        cache_read_price=prices.read,
        cache_write_price=prices.write,
        writes=prices.writes,
        identified=sheet.identified if proved else CACHE_UNKNOWN,
    )


def _name_reason(sheet: Sheet, part: Requests, found: Solution) -> Sheet:
    """Return the sheet with the reason why its prices are not known, if they are not."""
    rows = part[found.explained]
    likeness = _compare_counts(rows)
    if sheet.output_price > 0 and _is_constant(rows.completion):
        return replace(sheet, identified=OUTPUT_NOT_APART, output_range=Range(0.0, sheet.output_price))
    if sheet.input_price > 0 and _is_constant(rows.prompt):
        return replace(sheet, identified=INPUT_NOT_APART, input_range=Range(0.0, sheet.input_price))
    if likeness <= _SAME or (not found.known and likeness <= _ALIKE):
        return replace(sheet, identified=NOT_APART)
    if found.known:
        return sheet
    return replace(sheet, identified=TOO_FEW if len(rows) < _FEW else TOO_COARSE)


def _is_constant(count: "np.ndarray") -> bool:
    """Return whether a count is the same in all rows, so that its price is no other than one per request."""
    return bool(np.ptp(count) == 0 and count.any())


def _compare_counts(rows: Requests) -> float:
    """Return how far prompts and completions are from proportional: 0 if they are, 1 at most."""
    counts = np.column_stack([rows.prompt, rows.completion])
    norms = np.linalg.norm(counts, axis=0)
    if not norms.all():
        return 1.0
    values = np.linalg.svd(counts / norms, compute_uv=False)
    return float(values[-1] / values[0])
