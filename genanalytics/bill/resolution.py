"""The resolution of amounts, found out from the amounts themselves."""

from collections.abc import Sequence

import numpy as np

from genanalytics.bill.amounts import Ending, Resolution
from genanalytics.bill.regimes import find_regimes
from genanalytics.bill.requests import Requests, Shown
from genanalytics.bill.solve import count_decimals

_COARSE = 0.1
"""From this unit in micro-dollars on, it matters whether amounts were rounded or cut."""
_LEAD = 3
"""The fewest points by which one ending has to be better than the other."""


def choose_ending(unit: float, groups: Sequence[Shown]) -> Resolution:
    """Return the resolution with the ending under which prices explain most rows; each decimal costs one row.

    Args:
        unit: The unit of the amounts in micro-dollars.
        groups: The requests of some groups.
    """
    if unit < _COARSE:
        return Resolution(unit)
    endings = (Ending.CUT, Ending.ROUNDED)
    scores = [sum(_rate(group.bound(Resolution(unit, ending))) for group in groups) for ending in endings]
    if abs(scores[0] - scores[1]) < _LEAD:
        return Resolution(unit)
    return Resolution(unit, endings[int(np.argmax(scores))])


def _rate(requests: Requests) -> int:
    """Return the explained rows of a group, less the decimals of the prices that explain them."""
    points = 0
    for regime in find_regimes(requests):
        sheet = regime.sheet
        prices = np.array([sheet.input_price, sheet.output_price, sheet.cache_read_price, sheet.cache_write_price])
        points += int(regime.rows.sum()) - int(count_decimals(np.nan_to_num(prices)).sum())
    return points
