"""Fees for tools: amounts that many rows pay in addition to their tokens."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from genanalytics.bill.book import Fee
from genanalytics.bill.regimes import PER_REQUEST, Regime
from genanalytics.bill.requests import Requests
from genanalytics.bill.solve import shorten

_FEWEST = 3
_MOST = 3
_SEARCH_RESULTS = "num_search_results"


def find_fees(groups: "Iterable[tuple[Requests, Sequence[Regime], np.ndarray]]") -> tuple[Fee, ...]:
    """Return the fees that at least three rows with search results pay, beyond the prices of a regime of their group.

    Args:
        groups: The requests of each group, its regimes, and the number of search results of each request.
    """
    votes: Counter[Fee] = Counter()
    for requests, regimes, results in groups:
        explained = np.zeros(len(requests), bool)
        for regime in regimes:
            explained |= regime.rows
        rows = np.flatnonzero(~explained & (np.nan_to_num(results) > 0))
        for regime in regimes if len(rows) else ():
            votes.update(_list_fees(requests[rows], regime, results[rows]))
    return tuple(fee for fee, count in votes.most_common(_MOST) if count >= _FEWEST)


def _list_fees(requests: Requests, regime: Regime, results: "np.ndarray") -> list[Fee]:
    """Return for each row the fee per result and the fee per search that would explain it, if they are short."""
    sheet = regime.sheet
    asked = sheet.input_price * requests.prompt + sheet.output_price * requests.completion
    rest = requests.gross.move(-asked - sheet.request_price * PER_REQUEST)
    found = []
    for column, divisor in ((_SEARCH_RESULTS, results), (None, np.ones(len(results)))):
        low, high = rest.low / divisor / PER_REQUEST, rest.high / divisor / PER_REQUEST
        short = shorten(low, high)
        close = np.isfinite(short) & (short > 0) & (np.round(short, 4) == short)
        found.extend(Fee(column, float(usd)) for usd in short[close])
    return found
