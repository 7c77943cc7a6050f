"""What price changes and surcharges cost: each price regime against the lowest one of its group at the same time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.base.frames import TEXT, Dtypes
from genanalytics.base.opening import opens_paths
from genanalytics.base.remembering import remembers
from genanalytics.base.text import is_missing
from genanalytics.bill.amounts import NANO_PER_USD
from genanalytics.bill.book import PRICES, check_prices, list_keys
from genanalytics.bill.items import itemize
from genanalytics.bill.levels import CHANGE, SURCHARGE, TIER, Change, Level, find_changes
from genanalytics.bill.prices import prices as compute_prices
from genanalytics.bill.regimes import KNOWN
from genanalytics.bill.relations import describe_relation
from genanalytics.bill.survey import BATCH, MARKS, TIERS, read_mark
from genanalytics.metrics.declare import Count, RowValue, Sum
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.protocol import Source, Steps
from genanalytics.metrics.engines.source import Records, open_source
from genanalytics.metrics.grouping.keys import GroupKey, make_period_key
from genanalytics.metrics.grouping.labels import check_columns, label_groups, resolve_by
from genanalytics.metrics.names import name_clean
from genanalytics.metrics.summary import describe_completeness
from genanalytics.records.frame import to_nullable
from genanalytics.units import Unit, format_count

KINDS = (CHANGE, SURCHARGE, TIER)
"""The kinds of differences between prices."""
USUAL_TIERS = {"", "default", "standard", "auto"}
"""The service tiers that mean the usual prices."""

_Hours: TypeAlias = dict[tuple[Any, ...], dict[pd.Timestamp | None, tuple[int, ...]]]
"""The numbers of tokens of each item, and of requests, by hour; of each regime."""

_ID = "requested_id"
_HOUR = "hour of a request"
_PLACE = "place of a regime"
_COLUMNS = ("regime", "kind", "since", "until", "relation", "requests", "extra_cost", "share", "examples")
_DTYPES: Dtypes = {
    "regime": "Int64",
    "kind": TEXT,
    "since": "datetime64[us, UTC]",
    "until": "datetime64[us, UTC]",
    "relation": TEXT,
    "requests": "Int64",
    "extra_cost": "Float64",
    "share": "Float64",
    "examples": TEXT,
}

_READ, _WRITTEN = nw.col("cache_read_tokens"), nw.col("cache_write_tokens").fill_null(0)


def _make_tokens(name: str, needs: tuple[str, ...], tokens: nw.Expr) -> RowValue:
    return RowValue(f"{name} tokens", name, Unit.TOKENS, f"Tokens of {name}", needs, tokens)


_ITEMS = (
    _make_tokens(
        "input",
        ("native_tokens_prompt", "cache_read_tokens", "cache_write_tokens"),
        nw.col("native_tokens_prompt") - _READ - _WRITTEN,
    ),
    _make_tokens("cache reads", ("cache_read_tokens",), _READ),
    _make_tokens("cache writes", ("cache_write_tokens",), _WRITTEN),
    _make_tokens("output", ("native_tokens_completion",), nw.col("native_tokens_completion")),
)
"""The tokens of each item, in the order of `PRICES`."""


@opens_paths("data")
def price_changes(data: Records, prices: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return what price changes and surcharges cost: one row per price regime that differs from the lowest one.

    A regime is compared with the lowest regime of its group whose period overlaps. If no such regime is lower, it is
    compared with the lowest one of the regimes that it followed. Groups are those of `prices`, a model at a provider.
    Nothing is compared across them: a change of the provider mix is no price change.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        prices: The result of `ga.prices(data)`; computed if it is not given.

    Returns:
        The columns of the groups, and then these. The highest `extra_cost` comes first, tiers last.

        - `regime` (Int64): its number in `prices`.
        - `kind` (str): `surcharge`, a higher price at the same time; `change`, another price from a moment on, which is
          a cut if `extra_cost` is negative; `tier`, no surcharge: a price that the caller chose (batch, service tier,
          own key), that depends on the length of the prompt, or that is per request, as for several or larger images.
        - `since`, `until` (datetime64[us, UTC]): when the regime was first and last seen.
        - `relation` (str): in words, to the regime that it is compared with.
        - `requests` (Int64).
        - `extra_cost` (Float64, US$): the tokens of each item (input, cache reads, cache writes, output) and the
          requests times the difference of their prices, hour by hour.
        - `share` (Float64): `extra_cost` / the cost of these requests.
        - `examples` (str): the first and the last id in alphabetical order, and that of the most expensive request.

        Regimes whose prices are not identified are not compared. An item without a known price in both regimes counts
        as 0. `attrs` contains `units`, `labels`, `notices`, `coverage`, `lower_bounds`, and `totals`, the sum of
        `extra_cost` by kind.

    Raises:
        MissingColumnError: The data lacks a column.

    >>> rows = range(60)
    >>> frame = pd.DataFrame({
    ...     "requested_id": [f"gen-{row:02}" for row in rows], "model": "m", "provider_name": "p",
    ...     "created_at": pd.date_range("2026-08-20", periods=60, freq="h", tz="UTC"),
    ...     "native_tokens_prompt": [900 + 7 * row * row % 611 for row in rows], "native_tokens_cached": 0,
    ...     "native_tokens_completion": [50 + 5 * row * row % 97 for row in rows],
    ...     "price": [0.2] * 40 + [0.4] * 20,
    ... })
    >>> tokens = frame["native_tokens_prompt"] + 5 * frame["native_tokens_completion"]
    >>> found = price_changes(frame.assign(total_cost=frame["price"] * tokens / 1e6))
    >>> found[["kind", "requests", "share"]].round(6).to_dict("records")
    [{'kind': 'change', 'requests': 20, 'share': 0.5}]
    >>> bool(round(found["extra_cost"][0] * 1e7) == 2 * tokens[40:].sum())
    True
    """
    check_columns(open_source(data), [_ID], "price_changes")
    table = compute_prices(data) if prices is None else prices
    check_prices(table, "identified")
    return compare_regimes(itemize(data, table), table)


@remembers
def compare_regimes(data: Records, table: pd.DataFrame) -> pd.DataFrame:
    """Return the result of `price_changes`, given the result of `itemize` and the prices."""
    source = open_source(data)
    names = list_keys(table)
    keys = resolve_by(source, [*names, "regime"], None, "UTC", others=_COLUMNS[1:])
    regimes = _count(source, keys)
    known = table.loc[table["identified"] == KNOWN, [*names, "regime", *PRICES]]
    priced = regimes.merge(known, on=[*names, "regime"], how="inner")
    hours = _count_by_hour(source, keys)
    changes = [change for levels in _make_levels(priced, names, hours) for change in find_changes(levels)]
    found = _arrange(changes, priced, names)
    unknown = regimes[regimes["regime"].notna()]["requests"].sum() - priced["requests"].sum()
    found.attrs = {
        "units": {
            **dict.fromkeys(("since", "until"), Unit.TIME.value),
            "requests": Unit.COUNT.value,
            "extra_cost": Unit.USD.value,
            "share": Unit.SHARE.value,
        },
        "labels": {
            **{name: name for name in ("since", "until", "requests")},
            "extra_cost": "extra cost",
            "share": "of their cost",
        },
        "notices": [*source.notices, *_describe(int(unknown), priced, changes)],
        **describe_completeness(data, ("requests",)),
        "totals": {kind: sum(one.extra for one in changes if one.kind == kind) / NANO_PER_USD for kind in KINDS},
    }
    return found


def _describe(unknown: int, priced: pd.DataFrame, changes: Sequence[Change]) -> Iterable[str]:
    if unknown:
        yield f"{format_count(unknown, 'request')} at prices that are not identified are not compared"
    uncounted = int((priced["requests"] - priced[Count(_ITEMS[0]).name]).sum())
    if uncounted:
        yield f"the cached tokens of {format_count(uncounted, 'request')} are unknown: only their output is compared"
    if any(change.level.lacks_price(change.base) for change in changes):
        yield "some items have no known price in the lower regime and count as 0"


def _paid(source: Source) -> RowValue:
    """Return what was paid for a row, to the service or with the user's own key."""
    columns = tuple(name for name in ("total_cost", "upstream_inference_cost", "is_byok") if name in source.columns)
    paid = nw.col("total_cost")
    if len(columns) == len(("total_cost", "upstream_inference_cost", "is_byok")):
        own = nw.col("is_byok").fill_null(value=False)
        paid = nw.when(own).then(nw.col("upstream_inference_cost")).otherwise(paid)
    return RowValue("paid", "paid", Unit.USD, "What was paid", columns, paid, signed=True)


def _count(source: Source, keys: Sequence[GroupKey]) -> pd.DataFrame:
    """Return a row per regime: its keys, requests, cost, the ends of its columns, and examples of its ids."""
    paid = _paid(source)
    marks = _list_marks(source)
    values = {f"mark {name}": (column, expression) for name, (column, expression) in marks.items()}
    values |= {"id": (_ID, nw.col(_ID)), "mark prompt": ("native_tokens_prompt", nw.col("native_tokens_prompt"))}
    if "created_at" in source.columns:
        values["moment"] = ("created_at", nw.col("created_at"))
    read = [RowValue(name, name, Unit.NONE, name, (column,), value) for name, (column, value) in values.items()]
    own = {"most paid": paid.column.max()}
    for value in read:
        own |= {f"{value.name} min": value.column.min(), f"{value.name} max": value.column.max()}
    counted = source.aggregate(keys, [Count(), Sum(paid), Count(_ITEMS[0])], own, [paid, *read]).to_table()
    rest = counted.select([name for name in counted.column_names if name not in {key.group for key in keys}])
    found = pd.concat([label_groups(counted, keys), to_nullable(rest)], axis=1)
    for end in ("min", "max"):
        moments = found.get(f"moment {end}", pd.Series(pd.NaT, found.index))
        found[f"moment {end}"] = pd.to_datetime(moments, utc=True).astype("datetime64[us, UTC]")
    found = found.rename(columns={Count().name: "requests", Sum(paid).name: "cost"}).astype({"requests": "Int64"})
    return found.assign(**{"id most": _find_most_expensive(source, keys, counted, paid)})


def _list_marks(source: Source) -> dict[str, tuple[str, nw.Expr]]:
    """Return the columns that can tell why regimes differ: their name, and their value; a gap that counts is filled."""
    marks = {name: (name, read_mark(name, nw.col(name))) for name in (*TIERS, *MARKS) if name in source.columns}
    if "is_byok" in marks:
        marks["is_byok"] = ("is_byok", marks["is_byok"][1].cast(nw.Int64))
    return marks | {BATCH: (_ID, read_mark(BATCH, nw.col(_ID)).cast(nw.Int64))}


def _find_most_expensive(source: Source, keys: Sequence[GroupKey], counted: pa.Table, paid: RowValue) -> list[Any]:
    """Return the id of the most expensive request of each regime."""
    groups = counted.select([*(key.group for key in keys), "most paid"])
    groups = groups.append_column(_PLACE, pa.array(np.arange(len(groups), dtype=np.float64)))
    clean = {name: nw.col(name_clean(name)).alias(name) for name in paid.columns}
    steps = Steps((clean, {paid.name: paid.expression}, {"is most": nw.col(paid.name) >= nw.col("most paid")}))
    wanted = [_PLACE, name_clean(_ID), "is most"]
    extended = source.extend(keys, groups, [_ID, *paid.columns], steps, wanted)
    rows = nw.from_native(extended).lazy().filter(nw.col("is most").fill_null(value=False))
    first = rows.group_by(_PLACE).agg(nw.col(name_clean(_ID)).min().alias("id"))
    ids = to_nullable(first.collect(backend="pyarrow").to_native()).set_index(_PLACE)["id"]
    return ids.reindex(np.arange(len(groups), dtype=np.float64)).astype(TEXT).to_list()


def _count_by_hour(source: Source, keys: Sequence[GroupKey]) -> _Hours:
    """Return the tokens of each item by hour, for each regime."""
    by = list(keys)
    if "created_at" in source.columns:
        by.append(make_period_key("hour", ZoneInfo("UTC"), _HOUR))
    counted = source.aggregate(by, [Count(), *map(Sum, _ITEMS)], {}, []).to_table()
    found = label_groups(counted, by)
    regimes = zip(*(_list_values(found[key.name]) for key in keys), strict=True)
    moments = _list_values(found[_HOUR]) if _HOUR in found else [None] * len(found)
    names = [*(Sum(item).name for item in _ITEMS), Count().name]
    sums = (np.nan_to_num(to_floats(counted[name])) for name in names)
    used = zip(*(np.rint(each).astype(np.int64).tolist() for each in sums), strict=True)
    hours: _Hours = {}
    for regime, hour, tokens in zip(regimes, moments, used, strict=True):
        hours.setdefault(regime, {})[hour] = tokens
    return hours


def _list_values(values: pd.Series) -> list[Any]:
    """Return values with None for gaps."""
    return values.astype("object").where(values.notna(), None).to_list()


def _make_levels(priced: pd.DataFrame, names: Sequence[str], hours: _Hours) -> Iterator[list[Level]]:
    """Yield the regimes of each group, the one with most requests first."""
    rows = priced.sort_values([*names, "regime"], kind="stable").to_dict("records")
    for group, regimes in groupby(rows, key=lambda row: _make_key(row[name] for name in names)):
        yield [Level(int(row["regime"]), _mark(row), _name_tier(row), hours[*group, row["regime"]]) for row in regimes]


def _make_key(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(None if is_missing(value) else value for value in values)


def _mark(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a regime as `describe_relation` reads it: unknown prices are NaN."""
    found = {str(name): value for name, value in row.items()}
    return found | {name: float("nan") if pd.isna(found[name]) else float(found[name]) for name in PRICES}


def _name_tier(row: Mapping[Any, Any]) -> str:
    """Return what the caller of all requests of a regime chose; empty for nothing."""
    chosen = [name for name in (BATCH, "is_byok") if row.get(f"mark {name} min") == 1]
    ends = row.get("mark service_tier min"), row.get("mark service_tier max")
    if ends[0] == ends[1] and isinstance(ends[0], str) and ends[0] not in USUAL_TIERS:
        chosen.append(ends[0])
    return ", ".join(chosen)


def _arrange(changes: Sequence[Change], priced: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    rows = []
    for change in changes:
        row, extra = change.level.row, change.extra / NANO_PER_USD
        ids = dict.fromkeys(row[name] for name in ("id min", "id max", "id most") if isinstance(row[name], str))
        rows.append(
            {name: row[name] for name in names}
            | {
                "regime": change.level.regime,
                "kind": change.kind,
                "since": row["moment min"],
                "until": row["moment max"],
                "relation": describe_relation(row, change.base.row),
                "requests": row["requests"],
                "extra_cost": extra,
                "share": extra / row["cost"] if pd.notna(row["cost"]) and row["cost"] > 0 else None,
                "examples": ", ".join(ids),
            }
        )
    found = pd.DataFrame(rows, columns=[*names, *_COLUMNS], dtype=object)  # all-missing moments would have no time zone
    found = found.astype({**{name: priced[name].dtype for name in names}, **_DTYPES})
    order = found.assign(last=found["kind"] == TIER).sort_values(
        ["last", "extra_cost"], ascending=[True, False], kind="stable"
    )
    return order.drop(columns="last").reset_index(drop=True)
