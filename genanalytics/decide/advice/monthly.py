"""Amounts per month, with their 95 % intervals, out of amounts per day."""

from typing import TYPE_CHECKING

import narwhals.stable.v2 as nw
import pandas as pd

from genanalytics.decide.advice.action import Amount
from genanalytics.metrics.declare import RowValue
from genanalytics.metrics.forms import spread
from genanalytics.metrics.summary import summarize
from genanalytics.units import Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

DAYS_PER_MONTH = 365.25 / 12
"""The days of a month, on average."""

_PER_DAY = spread(RowValue("amount", "amount", Unit.USD, "Amount of a day", ("amount",), nw.col("amount"))).mean


def estimate_per_month(daily: "Mapping[int, pd.Series[float]]") -> dict[int, Amount]:
    """Return the amount per month of each series of amounts per day.

    It is the mean over the days, times `DAYS_PER_MONTH`. Days count as independent, so the interval does not include
    growth and seasons.

    Args:
        daily: US$ for every day of a period, a series each; a day without an amount is 0.

    >>> found = estimate_per_month({0: pd.Series([1.0, 3.0] * 10)})[0]
    >>> [round(amount, 1) for amount in found]
    [60.9, 49.2, 83.1]
    """
    if not daily:
        return {}
    rows = pd.concat([pd.DataFrame({"place": place, "amount": series}) for place, series in daily.items()])
    found = summarize(rows, by="place", metrics=[_PER_DAY], intervals=True).astype("float64")
    names = [_PER_DAY.name, *(f"{_PER_DAY.name}_{end}" for end in ("low", "high"))]
    scaled = found.set_index("place")[names] * DAYS_PER_MONTH
    return {int(place): Amount(*amounts) for place, *amounts in scaled.itertuples(name=None)}
