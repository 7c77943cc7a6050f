"""Price regimes as people read them: a row each, with the prices as they were recovered and with words on each."""

import pandas as pd

from genanalytics.bill.book import PRICES, list_keys
from genanalytics.units import format_count

REGIME = "regime"
SEEN = ("first_seen", "last_seen")
_WORDS = ("identified", "relation")
RARE = (
    *SEEN,
    "identified",
    "explained_share",
    "request_price",
    "requests",
    "relation",
    "cache_write_price",
    "cache_read_price",
)
"""The columns that a narrow terminal leaves out first."""
NO_PRICE = "No price: no request was billed."


def choose_columns_of_prices(prices: pd.DataFrame) -> list[str]:
    """Return the columns of a table of prices after their groups; prices that no regime has are left out."""
    return ["requests", "explained_share", *SEEN, *list_prices(prices), *_WORDS]


def name_groups_of_prices(prices: pd.DataFrame) -> list[str]:
    """Return the columns of a table of prices that name its rows: the keys and `regime`."""
    return [*list_keys(prices), REGIME]


def list_prices(prices: pd.DataFrame) -> list[str]:
    """Return the columns of the prices of input and output, and of other prices that any regime has."""
    named = {"input_price", "output_price"}
    return [name for name in PRICES if name in named or (prices[name].fillna(0.0) > 0).any()]


def describe_unexplained(prices: pd.DataFrame) -> list[str]:
    """Return a line on the requests that no price explains, if there are any."""
    rest = int(prices.loc[prices[REGIME].isna(), "requests"].sum())
    return [f"Not explained by a price: {format_count(rest, 'request')}."] if rest else []
