"""Price regimes as people read them: a row each, with the prices as they were recovered and with words on each."""

import pandas as pd

from genanalytics.bill.book import PRICES, list_keys
from genanalytics.tables.table import format_table, list_notices
from genanalytics.units import format_count

REGIME = "regime"
SEEN = ("first_seen", "last_seen")
_WORDS = ("identified", "relation")
_UNLIMITED = 10_000
NO_PRICE = "No price: no request was billed."


def format_prices(prices: pd.DataFrame, *, tz: str = "UTC", width: int = 100) -> str:
    """Return the result of `ga.prices` as a text table with its notices.

    Prices that no regime has are left out, and the moments `first_seen` and `last_seen` if they do not fit.

    Args:
        prices: The result of `ga.prices`.
        tz: The time zone of the moments.
        width: The maximum number of characters in a line.
    """
    notices = list_notices(prices)
    if prices.empty:
        return "\n".join([NO_PRICE, *notices])
    shown = localize_prices(prices, tz)
    table = format_table(
        shown, name_groups_of_prices(prices), choose_columns_of_prices(prices, tz=tz, width=width), width=width
    )
    return "\n".join([table, *describe_unexplained(prices), *notices])


def localize_prices(prices: pd.DataFrame, tz: str) -> pd.DataFrame:
    """Return the result of `ga.prices` with its moments in a time zone."""
    return prices.assign(**{name: prices[name].dt.tz_convert(tz) for name in SEEN})


def choose_columns_of_prices(prices: pd.DataFrame, *, tz: str, width: int) -> list[str]:
    """Return the columns of a table of prices after their groups: moments only if they fit."""
    columns = ["requests", "explained_share", *list_prices(prices), *_WORDS]
    full = [*columns[:2], *SEEN, *columns[2:]]
    table = format_table(localize_prices(prices, tz), name_groups_of_prices(prices), full, width=_UNLIMITED)
    return full if max(map(len, table.splitlines())) <= width else columns


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
