"""What each dollar was for: the items of every row's cost, which add up to it exactly."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from genanalytics.base.opening import opens_paths
from genanalytics.bill.amounts import Resolution
from genanalytics.bill.book import BY, RESOLUTIONS, Book, check_prices, fill_prices, lay_out, list_keys
from genanalytics.bill.groups import number_groups
from genanalytics.bill.prices import solve_bill
from genanalytics.bill.sample import ROWS, draw_sample
from genanalytics.bill.split import COLUMNS, NEEDS, make_steps
from genanalytics.metrics.declare import Count
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.protocol import Source
from genanalytics.metrics.engines.source import (
    Covered,
    Records,
    attach,
    find_coverage_of,
    hold,
    open_source,
    rename_columns,
    uncover,
)
from genanalytics.metrics.grouping.labels import label_groups, resolve_by
from genanalytics.records.schema import BY_NAME


@dataclass(frozen=True, slots=True)
class Itemized(Covered):
    """Records with their items.

    Attributes:
        prices: The prices at which they were divided: at the same table, they are not divided again.
        is_held: Whether the items are computed already, and not by an engine for each result again.
    """

    prices: pd.DataFrame
    is_held: bool = False


@opens_paths("data")
def itemize(data: Any, prices: pd.DataFrame | None = None) -> Any:  # noqa: ANN401 - of the same kind
    """Return the data with the items of each row's cost, which add up to it exactly.

    A row whose amounts a price regime reproduces is divided at the prices of that regime; `prices` tells them.

    Args:
        data: Anything that `summarize` takes.
        prices: The result of `ga.prices`, perhaps of other data or with changed prices; None to recover the prices of
            the data by `model` and `provider_name`.

    Returns:
        Data of the same kind. These columns follow the others, amounts as Float64 in US$.

        - `regime` (Int64): the regime; a gap for free, replayed and unexplained rows.
        - `input_cost`, `cache_read_cost`, `cache_write_cost`, `output_cost`: tokens times prices, to the nano-dollar.
        - `other_cost`: the rest of an explained row: the price of the request, fees for tools, and less than a digit
          that the amounts do not show. For a row of the user's own key (BYOK) the whole `total_cost`, which is a fee.
        - `unexplained_cost`: the whole cost of a row that no price explains. If only the number of cached tokens is
          missing, output is known, and this is the rest.
        - `reasoning_cost`: the part of `output_cost` for reasoning.
        - `cache_read_tokens`, `cache_write_tokens` (Int64): the tokens that the cache read and wrote. The written ones
          are in no record: they follow from `cache_discount`. A gap if writing costs as much as input.
        - `byok_input_cost` and so on to `byok_unexplained_cost`: the same items of `upstream_inference_cost`; a gap for
          all other rows.

        In each row, the items add up to `total_cost` to the last digit, a gap as 0; those of BYOK to
        `upstream_inference_cost`.

    Raises:
        MissingColumnError: The data lacks a column that makes groups, or `prices` has no prices.

    >>> prompt, completion = [1000, 2500, 4200, 800, 1600, 3100], [120, 80, 310, 45, 500, 260]
    >>> cost = [(3 * p + 15 * c) / 1e6 for p, c in zip(prompt, completion)]
    >>> frame = pd.DataFrame({"native_tokens_prompt": prompt, "native_tokens_completion": completion,
    ...                       "total_cost": cost, "model": "a", "provider_name": "b"})
    >>> itemize(frame)[["total_cost", "input_cost", "output_cost", "unexplained_cost"]].iloc[0].tolist()
    [0.0048, 0.003, 0.0018, 0.0]
    """
    if isinstance(data, Itemized) and prices is data.prices:
        return data
    if isinstance(data, Covered):
        return Covered(itemize(data.data, prices), data.coverage)
    source = open_source(data)
    book = solve_bill(source, BY).book if prices is None else _read_book(source, prices)
    found = source.extend(book.keys, book.groups, NEEDS, make_steps(book), COLUMNS)
    return attach(data, found, COLUMNS)


def divide(data: Records, prices: pd.DataFrame) -> Itemized:
    """Return records with their items at some prices, for several results that need them.

    Args:
        data: Anything that `summarize` takes; the coverage of its ids is kept.
        prices: The result of `prices`.
    """
    found = itemize(data, prices)
    if isinstance(found, Itemized):
        return found
    return Itemized(uncover(found), find_coverage_of(data), prices)


@contextmanager
def divide_once(data: Records, prices: pd.DataFrame) -> Iterator[Itemized]:
    """Yield the records of `divide`, which an engine computes once: their columns, those of the groups, and items.

    Args:
        data: As for `divide`.
        prices: The result of `prices`.
    """
    divided = divide(data, prices)
    source = open_source(divided)
    if divided.is_held or not source.large:
        yield divided
        return
    wanted = (*BY_NAME, *list_keys(prices), *COLUMNS)
    kept = {name: name for name in dict.fromkeys(wanted) if name in source.columns}
    with hold(rename_columns(divided.data, kept)) as held:
        yield replace(divided, data=held, is_held=True)


def add_items(data: Records, prices: pd.DataFrame | None = None) -> Records:
    """Return records with the columns of `itemize`; records that have them stay as they are, unless prices are given.

    Args:
        data: Anything that `summarize` takes; the coverage of its ids is kept.
        prices: The result of `prices` of the data; computed if it is not given.

    Raises:
        MissingColumnError: The data lacks a column.
    """
    if prices is None and {*COLUMNS} <= {*open_source(data).columns}:
        return data
    found: Records = itemize(data, prices)
    return found


def _read_book(source: Source, prices: pd.DataFrame) -> Book:
    """Return a book out of a table of prices."""
    check_prices(prices)
    names = list_keys(prices)
    keys = resolve_by(source, names, None, "UTC", others=COLUMNS)
    counted = source.aggregate(keys, [Count()], {}, []).to_table()
    groups = counted.select([key.group for key in keys])
    labels = label_groups(groups, keys).assign(group=np.arange(len(groups)))
    known = fill_prices(prices[prices["regime"].notna()])
    regimes = known.merge(labels, on=names) if names else known.merge(labels, how="cross")
    wide, slots = lay_out(regimes, number_groups(groups))
    if set(RESOLUTIONS) <= set(prices.attrs):
        return Book(keys, wide, slots, *(Resolution.from_json(prices.attrs[name]) for name in RESOLUTIONS))
    shares = np.minimum(1.0, ROWS / np.maximum(to_floats(counted[Count().name]), 1.0))
    sample = draw_sample(source, keys, number_groups(groups), shares)
    return Book(keys, wide, slots, *(sample.find_resolution(exported=exported) for exported in (False, True)))
