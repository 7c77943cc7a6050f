"""The resolution of amounts, found out from the amounts themselves."""

from collections.abc import Sequence

import numpy as np

from genanalytics.bill.amounts import Ending, Resolution
from genanalytics.bill.regimes import find_regimes
from genanalytics.bill.requests import Requests, Shown
from genanalytics.bill.solve import count_decimals

_LEAD = 3
"""The fewest points by which one ending has to be better than the other."""
_SURELY = 0.95
"""Amounts are exact if prices explain this share of them to the last digit."""
_AS_FEW = 0.01
"""Fine amounts need no room for lost digits if that costs less than this share of the points."""
_COARSE = 0.1
"""From this unit in micro-dollars on, amounts of whole prices look exact although digits of others are lost."""


def choose_ending(unit: float, groups: Sequence[Shown]) -> Resolution:
    """Return the resolution with the ending under which prices explain most rows; each decimal costs one row.

    Args:
        unit: The unit of the amounts in micro-dollars.
        groups: The requests of some groups.
    """

    def rate(ending: Ending) -> int:
        return sum(_rate(group.bound(Resolution(unit, ending))) for group in groups)

    exact = rate(Ending.EXACT)
    if unit < _COARSE and exact >= _SURELY * sum(len(group.paid) for group in groups) > 0:
        return Resolution(unit, Ending.EXACT)
    cut, rounded = rate(Ending.CUT), rate(Ending.ROUNDED)
    if exact >= max(cut, rounded, 1) - (_LEAD if unit >= _COARSE else _AS_FEW * max(cut, rounded)):
        return Resolution(unit, Ending.EXACT)
    if abs(cut - rounded) < _LEAD:
        return Resolution(unit)
    return Resolution(unit, Ending.CUT if cut > rounded else Ending.ROUNDED)


def _rate(requests: Requests) -> int:
    """Return the explained rows of a group, less the decimals of the prices that explain them."""
    points = 0
    for regime in find_regimes(requests):
        sheet = regime.sheet
        prices = np.array([sheet.input_price, sheet.output_price, sheet.cache_read_price, sheet.cache_write_price])
        points += int(regime.rows.sum()) - int(count_decimals(np.nan_to_num(prices)).sum())
    return points
