"""The prices of all groups in the form in which rows read them: a wide table with one row per group."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.bill.amounts import Resolution
from genanalytics.bill.solve import shorten
from genanalytics.errors import MissingColumnError
from genanalytics.metrics.grouping.keys import GroupKey

BY = ("model", "provider_name")
"""The columns whose values make a group, unless the caller names others."""
PRICES = ("input_price", "cache_read_price", "cache_write_price", "output_price", "request_price")
"""The columns with prices: US$ per million tokens, the last one US$ per request."""
APART = "apart"
"""Whether the prices of a regime are known well enough to split an amount, as 1 or 0."""
WRITES = "writes"
"""What the requests of a regime write to the cache: 1 for all that they do not read, 0 for nothing, a gap for both."""
RESOLUTIONS = ("resolution", "resolution_of_exports")
"""The keys in `attrs` of a table of prices: the resolutions of the amounts of the API, and of activity exports."""
WRITE_ALL = "all"
WRITE_NOTHING = "nothing"

_CLOSE = 0.01
"""Prices split an amount if all values that are possible differ by less than this share."""


def name_price(price: str, slot: int) -> str:
    """Return the column of a book that holds a price of the regime in a slot, counted from 0."""
    return f"{price} of regime {slot}"


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that rows are compared with.

    Attributes:
        keys: The keys of the groups.
        groups: The keys under `GroupKey.group`, and for each slot the regime and its prices (`name_price`).
        slots: The largest number of regimes of a group.
        resolution: The resolution of the amounts of the API.
        exported: The resolution of the amounts of activity exports.
    """

    keys: Sequence[GroupKey]
    groups: pa.Table
    slots: int
    resolution: Resolution
    exported: Resolution


def lay_out(regimes: pd.DataFrame, groups: pa.Table) -> tuple[pa.Table, int]:
    """Return groups with the prices of their regimes side by side, and the number of slots.

    Args:
        regimes: A row per regime: `group`, the number of its group; `regime`, `PRICES`, `APART` and `WRITES`. Regimes
            of a group are in the order in which a row is compared with them.
        groups: The keys of the groups.
    """
    place = regimes.groupby("group").cumcount().to_numpy()
    number = regimes["group"].to_numpy(dtype=np.int64)
    slots = int(place.max()) + 1 if len(place) else 0
    for slot in range(slots):
        chosen = place == slot
        for name in ("regime", *PRICES, APART, WRITES):
            values = np.full(len(groups), np.nan)
            values[number[chosen]] = regimes[name].to_numpy(dtype=float, na_value=np.nan)[chosen]
            groups = groups.append_column(name_price(name, slot), pa.array(values, from_pandas=True))
    return groups, slots


def is_close(low: "np.ndarray", high: "np.ndarray") -> "np.ndarray":
    """Return where the limits of a price are so close that any price between them splits an amount well enough."""
    close: np.ndarray = (high - low) <= _CLOSE * high
    return close


def list_keys(prices: pd.DataFrame) -> list[str]:
    """Return the columns of a table of prices that make its groups: those before `regime`."""
    return list(prices.columns[: list(prices.columns).index("regime")])


def check_prices(prices: pd.DataFrame, *others: str) -> None:
    """Check that a table has the columns of `ga.prices` that are read: `regime`, `PRICES` and others.

    Raises:
        MissingColumnError: It lacks one.
    """
    missing = [name for name in ("regime", *PRICES, *others) if name not in prices]
    if missing:
        msg = f"the table of prices has no column {', '.join(map(repr, missing))}: give the result of ga.prices"
        raise MissingColumnError(msg)


def fill_prices(prices: pd.DataFrame) -> pd.DataFrame:
    """Return a table of prices with `APART`; a gap with close limits is filled by the shortest decimal between them."""
    filled, apart = prices.copy(), np.ones(len(prices), bool)
    for price in PRICES[:-1]:
        ends = [_read(prices, f"{price}_{side}") for side in ("min", "max")]
        given = _read(prices, price)
        found = np.where(np.isnan(given) & is_close(*ends), shorten(*ends), given)
        filled[price] = found
        if price in {"input_price", "output_price"}:
            apart &= ~np.isnan(found)
    filled["request_price"] = np.nan_to_num(_read(prices, "request_price"))
    filled[APART] = apart.astype(float)
    writes = prices[WRITES] if WRITES in prices else pd.Series(None, prices.index)
    filled[WRITES] = writes.map({WRITE_ALL: 1.0, WRITE_NOTHING: 0.0}).astype(float)
    return filled


def _read(table: pd.DataFrame, name: str) -> "np.ndarray":
    if name not in table:
        return np.full(len(table), np.nan)
    values: np.ndarray = table[name].to_numpy(dtype=float, na_value=np.nan)
    return values
