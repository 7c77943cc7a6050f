"""Regimes that few requests of a group show, found among all groups of the same model."""

from collections.abc import Sequence

import numpy as np

from genanalytics.bill.amounts import MICRO_PER_USD
from genanalytics.bill.caching import CachePrices, explain_discount
from genanalytics.bill.regimes import KNOWN, Regime, Sheet, find_regimes, pays_fee
from genanalytics.bill.requests import Requests, join_requests
from genanalytics.bill.solve import explains, is_credible


def add_pooled(groups: Sequence[Requests], solved: Sequence[list[Regime]]) -> list[list[Regime]]:
    """Return the regimes of groups of one model, with those that their unexplained requests share with other groups.

    A provider with two long prompts proves no price; together with those of other providers they may. And the prices of
    another provider are proved here too if they reproduce the amounts of requests that nothing else explains.
    """
    left = [_find_left(requests, regimes) for requests, regimes in zip(groups, solved, strict=True)]
    pool = join_requests([requests[rows] for requests, rows in zip(groups, left, strict=True)])
    shared = find_regimes(pool) if len(pool) else []
    sheets = [regime.sheet for regimes in (shared, *solved) for regime in regimes if regime.sheet.identified == KNOWN]
    return [
        [
            *(_complete(regime, requests, sheets) for regime in regimes),
            *_find_further(requests, rows, regimes, sheets),
        ]
        for requests, rows, regimes in zip(groups, left, solved, strict=True)
    ]


def _complete(regime: Regime, requests: Requests, sheets: Sequence[Sheet]) -> Regime:
    """Return a regime without prices of caching with those of another group, if its records lack the cached tokens."""
    sheet, part = regime.sheet, requests[np.flatnonzero(regime.rows)]
    unpriced = np.isnan(sheet.cache_read_price) and np.isnan(sheet.cache_write_price)
    if not (unpriced and part.has_discount.any()):
        return regime
    same = [other for other in sheets if _list_prices(other)[:3] == _list_prices(sheet)[:3]]
    better = next((other for other in same if _reproduces(other, part).all() and other is not sheet), sheet)
    return Regime(better, regime.rows)


def _find_left(requests: Requests, regimes: Sequence[Regime]) -> "np.ndarray":
    """Return the numbers of the requests that no regime explains, not even with a fee."""
    explained = np.zeros(len(requests), bool)
    for regime in regimes:
        explained |= regime.rows | pays_fee(requests, regime.sheet)
    return np.flatnonzero(~explained)


def _find_further(
    requests: Requests, left: "np.ndarray", regimes: Sequence[Regime], sheets: Sequence[Sheet]
) -> list[Regime]:
    """Return regimes at the prices of other groups, each with requests that no other explains."""
    here = {_list_prices(regime.sheet) for regime in regimes}
    further: list[Regime] = []
    for sheet in sheets:
        part = requests[left]
        explained = _reproduces(sheet, part)
        if _list_prices(sheet) in here or not explained.any() or not is_credible(explained, part.gross, free=0):
            continue
        rows = np.zeros(len(requests), bool)
        rows[left[explained]] = True
        further.append(Regime(sheet, rows))
        left = left[~explained]
        if not len(left):
            break
    return further


def _list_prices(sheet: Sheet) -> tuple[str, ...]:
    """Return the prices of a sheet in a form that can be compared: a gap equals a gap."""
    prices = (
        sheet.input_price,
        sheet.output_price,
        sheet.request_price,
        sheet.cache_read_price,
        sheet.cache_write_price,
    )
    return tuple(f"{price:.7f}" for price in prices)


def _reproduces(sheet: Sheet, requests: Requests) -> "np.ndarray":
    """Return whether prices reproduce the amount and the saving of each request (bool)."""
    gross = requests.gross.move(-sheet.request_price * MICRO_PER_USD)
    fits = explains((sheet.input_price, sheet.output_price), requests.prompt, requests.completion, gross)
    saving = explain_discount(requests, sheet.input_price, CachePrices(sheet.cache_read_price, sheet.cache_write_price))
    untouched = ~requests.has_discount & ~(requests.cached > 0)
    reproduced: np.ndarray = fits & (untouched | saving | np.isnan(requests.cached))
    return reproduced
