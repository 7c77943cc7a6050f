"""What each dollar was for: the items of every row's cost, which add up to it exactly."""

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.bill.amounts import SHOWN, Resolution
from genanalytics.bill.book import PRICES, Book, fill_prices, lay_out
from genanalytics.bill.prices import find_prices, number_groups
from genanalytics.bill.split import COLUMNS, NEEDS, make_steps
from genanalytics.errors import MissingColumnError
from genanalytics.metrics.declare import Count
from genanalytics.metrics.engines.protocol import Source
from genanalytics.metrics.engines.source import open_source
from genanalytics.metrics.grouping.labels import label_groups, resolve_by
from genanalytics.records.frame import to_nullable

_BY = ("model", "provider_name")
_RESOLUTIONS = ("resolution", "resolution_of_exports")
_ASSUMED = Resolution(SHOWN)
"""The resolution of amounts that a table of prices is compared with if it does not tell it."""


def itemize(data: Any, prices: pd.DataFrame | None = None) -> Any:  # noqa: ANN401 - of the same kind
    """Return the data with the items of each row's cost."""
    source = open_source(data)
    book = find_prices(data, _BY)[1] if prices is None else _read_book(source, prices)
    return attach(data, source, book)


def attach(data: Any, source: Source, book: Book) -> Any:  # noqa: ANN401 - of the same kind
    """Return the data with `COLUMNS`, given the prices of its groups."""
    found = source.extend(book.keys, book.groups, NEEDS, make_steps(book), COLUMNS)
    if isinstance(data, pd.DataFrame):
        columns = to_nullable(found).set_index(data.index)
        return data.assign(**{name: columns[name] for name in COLUMNS})
    if isinstance(data, pa.Table):
        kept = data.drop_columns([name for name in COLUMNS if name in data.column_names])
        for name in COLUMNS:
            kept = kept.append_column(name, found[name])
        return kept
    if isinstance(found, pa.Table):  # polars
        frame = nw.from_native(data).lazy().collect()
        series = [nw.new_series(name, found[name].to_pandas(), backend=frame.implementation) for name in COLUMNS]
        return frame.with_columns(*series).to_native()
    return found


def _read_book(source: Source, prices: pd.DataFrame) -> Book:
    """Return a book out of a table of prices."""
    missing = [name for name in ("regime", *PRICES) if name not in prices]
    if missing:
        msg = f"the table of prices has no column {', '.join(map(repr, missing))}: give the result of ga.prices"
        raise MissingColumnError(msg)
    names = list(prices.columns[: list(prices.columns).index("regime")])
    keys = resolve_by(source, names, None, "UTC", others=COLUMNS)
    counted = source.aggregate(keys, [Count()], {}, [])
    groups = counted.select([key.group for key in keys])
    labels = label_groups(groups, keys).assign(group=np.arange(len(groups)))
    regimes = fill_prices(prices[prices["regime"].notna()]).merge(labels, on=names or None, how="inner")
    wide, slots = lay_out(regimes, number_groups(groups))
    found = [Resolution.from_json(prices.attrs[name]) if name in prices.attrs else _ASSUMED for name in _RESOLUTIONS]
    return Book(keys, wide, slots, *found)
