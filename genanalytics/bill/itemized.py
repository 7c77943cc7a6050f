"""Data with the items of its costs, for tables and charts that take any records."""

import pandas as pd

from genanalytics.bill.items import itemize
from genanalytics.bill.split import ITEMS
from genanalytics.metrics.engines.source import Records, open_source


def add_items(data: Records, prices: pd.DataFrame | None = None) -> Records:
    """Return records with the columns of `itemize`; records that have them stay as they are.

    Args:
        data: Anything that `summarize` takes; the coverage of its ids is kept.
        prices: The result of `prices` of the data; computed if it is not given.

    Raises:
        MissingColumnError: The data lacks a column.
    """
    if {*ITEMS} <= {*open_source(data).columns}:
        return data
    found: Records = itemize(data, prices)
    return found
