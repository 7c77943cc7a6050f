"""Unit prices out of billed records: one row per price regime of each group."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from genanalytics.base.frames import TEXT
from genanalytics.base.opening import opens_paths
from genanalytics.bill.book import BY, PRICES, RESOLUTIONS, WRITE_ALL, WRITE_NOTHING, WRITES
from genanalytics.bill.groups import LIMITS, Solved, solve_groups
from genanalytics.bill.regimes import CACHE_UNKNOWN, KNOWN, TOO_FEW
from genanalytics.bill.relations import describe_relation
from genanalytics.bill.solve import FEWEST
from genanalytics.errors import InputError
from genanalytics.metrics.engines.protocol import Source
from genanalytics.metrics.engines.source import Records, open_source
from genanalytics.metrics.grouping.labels import check_columns, label_groups, resolve_by
from genanalytics.metrics.summary import describe_completeness
from genanalytics.units import Unit

UNEXPLAINED = "no price explains these"
UNCOUNTED = "the tokens of the prompts are unknown"
ONLY = "the only regime"
MAIN = "regime 1"

_NO_DISCOUNT = "the data has no column 'cache_discount': a price of input can be that of cache writes"
_NEEDED = ("total_cost", "native_tokens_prompt", "native_tokens_completion")
_TOKEN_PRICES = PRICES[:-1]
_COLUMNS = (
    "regime",
    "first_seen",
    "last_seen",
    "requests",
    "explained_share",
    *PRICES,
    "identified",
    "relation",
    *LIMITS,
    WRITES,
)


@opens_paths("data")
def prices(data: Records, *, by: str | Sequence[str] = BY) -> pd.DataFrame:
    """Return the unit prices at which requests were billed: one row per price regime of each group.

    The prices come out of the records alone: of their tokens, `total_cost` and `cache_discount`. A regime is a set of
    prices that reproduces the amounts of its requests to the last digit that they show. docs/bill.md describes how.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame. Samples are solved in
            memory; all rows are compared with the prices where they are.
        by: The columns whose values make a group. Prices are looked for in each group, and what is left of the groups
            of one `model` is compared with each other.

    Returns:
        The columns of `by`, and then these.

        - `regime` (Int64): 1 is the regime with most requests. A row with a gap has the requests that no price
          explains.
        - `first_seen`, `last_seen` (datetime64[us, UTC]): the first and the last request.
        - `requests` (Int64): the billed requests; free and replayed ones are in no row.
        - `explained_share` (Float64, 0 to 1): `requests` / all billed requests of the group.
        - `input_price`, `cache_read_price`, `cache_write_price`, `output_price` (Float64, US$ per million tokens) and
          `request_price` (Float64, US$ per request): a gap is a price that was not seen, or that is not known.
        - `identified` (str): `yes`, or why prices are not known.
        - `relation` (str): how the prices differ from those of regime 1, and for which requests.
        - `input_price_min`, `input_price_max`, `output_price_min`, `output_price_max` (Float64): what the amounts
          allow.
        - `writes` (str): what its requests write to the cache: `all` that they do not read, or `nothing`; a gap if
          both occur, or few such requests were seen.

        `attrs` contains `units`, `labels`, `sums`, `notices`, `coverage` and `lower_bounds`, as that of `summarize`,
        and `resolution` and `resolution_of_exports`: the unit of amounts in US$, and whether they were rounded or cut.

    Raises:
        MissingColumnError: The data lacks a column of `by`, `total_cost` or native tokens.
        InputError: `by` names something derived, such as `day`.

    >>> prompt, completion = [1000, 2500, 4200, 800, 1600, 3100], [120, 80, 310, 45, 500, 260]
    >>> cost = [(3 * p + 15 * c) / 1e6 for p, c in zip(prompt, completion)]
    >>> frame = pd.DataFrame({"native_tokens_prompt": prompt, "native_tokens_completion": completion,
    ...                       "total_cost": cost, "model": "a"})
    >>> found = prices(frame, by="model")
    >>> found[["regime", "requests", "input_price", "output_price", "identified"]].to_dict("records")
    [{'regime': 1, 'requests': 6, 'input_price': 3.0, 'output_price': 15.0, 'identified': 'yes'}]
    """
    source = open_source(data)
    solved = solve_bill(source, by)
    table = _arrange(solved.regimes, label_groups(solved.groups, solved.book.keys))
    resolutions = (solved.book.resolution.to_json(), solved.book.exported.to_json())
    table.attrs = {
        "units": dict.fromkeys(_TOKEN_PRICES, Unit.USD_PER_MTOK.value)
        | {"request_price": Unit.USD.value, "requests": Unit.COUNT.value, "explained_share": Unit.SHARE.value},
        "labels": {name: name.replace("_", " ") for name in ("requests", "explained_share", *PRICES)},
        "sums": ["requests"],
        "notices": [*source.notices, *([] if "cache_discount" in source.columns else [_NO_DISCOUNT])],
        **dict(zip(RESOLUTIONS, resolutions, strict=True)),
        **describe_completeness(data, ("requests",)),
    }
    return table


def solve_bill(source: Source, by: str | Sequence[str]) -> Solved:
    """Return the price regimes of all groups, with uncertain prices too.

    Arguments and errors are those of `prices`.
    """
    keys = resolve_by(source, by, None, "UTC", others=_COLUMNS)
    for key in keys:
        if key.lazy:
            msg = f"cannot find prices by {key.name!r}: give columns of the data, such as model and provider_name"
            raise InputError(msg)
    check_columns(source, _NEEDED, "prices")
    return solve_groups(source, keys)


def _arrange(table: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Return the public table: no price that is not proved."""
    total = table.groupby("group")["requests"].transform("sum")
    rest, known = table["is rest"], table["identified"] == KNOWN
    reasons = table["identified"].mask(rest, UNEXPLAINED).mask(rest & (total < FEWEST), TOO_FEW)
    reasons = reasons.mask(rest & table["mark prompt max"].isna(), UNCOUNTED)
    columns: dict[str, Any] = {name: table[name] for name in ("regime", "requests")}
    for name, end in (("first_seen", "min"), ("last_seen", "max")):
        unknown = pd.Series(pd.NaT, table.index, dtype="datetime64[us, UTC]")
        columns[name] = table.get(f"moment {end}", unknown)
    columns |= {
        "explained_share": (table["requests"] / total).astype("Float64").mask(rest),
        "identified": reasons.astype(TEXT),
        "relation": _relate(table),
    }
    for name in PRICES:
        shown = known if name.startswith("cache") else known | (table["identified"] == CACHE_UNKNOWN)
        columns[name] = table[name].astype("Float64").where(shown)
    columns |= {name: table[name].astype("Float64") for name in LIMITS}
    columns[WRITES] = table[WRITES].map({1.0: WRITE_ALL, 0.0: WRITE_NOTHING}).astype(TEXT)
    keys = labels.iloc[table["group"].to_numpy(dtype=np.int64)].reset_index(drop=True)
    found = pd.concat([keys, pd.DataFrame(columns)[list(_COLUMNS)]], axis=1)
    # pandas 3.1 writes moments of a frame into the columns that it is made of, which belong to other results too
    return found.sort_values([*labels.columns, "regime"], kind="stable", ignore_index=True).copy()


def _relate(table: pd.DataFrame) -> pd.Series:
    """Return the relation of each regime to the main one of its group."""
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    mains = {row["group"]: row for row in reversed(rows) if not row["is rest"]}
    alone = table[~table["is rest"]].groupby("group").size().to_dict()
    words: list[str | None] = []
    for row in rows:
        if row["is rest"]:
            words.append(None)
        elif row["regime"] == 1:
            words.append(ONLY if alone[row["group"]] == 1 else MAIN)
        else:
            words.append(describe_relation(row, mains[row["group"]]))
    return pd.Series(words, table.index, dtype=TEXT)
