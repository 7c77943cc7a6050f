"""Every row's dollars by class of waste: a dollar is counted once, in the first class that it belongs to."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from genanalytics.bill.book import list_keys
from genanalytics.bill.flips import BLOCK, ORDINARY_SHARE
from genanalytics.bill.levels import SURCHARGE
from genanalytics.bill.regimes import KNOWN
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.protocol import Source, Steps, Window
from genanalytics.metrics.engines.source import find_dialect
from genanalytics.metrics.engines.windows import add_windows
from genanalytics.metrics.grouping.labels import resolve_by
from genanalytics.metrics.names import name_clean
from genanalytics.metrics.sets.rows import TEXT_APIS, is_true

ENDINGS = ("cancelled", "error", "truncated", "filtered", "empty answer")
TIMED = ENDINGS[:2]
"""The endings with lost time."""
REPEATED, UNREAD, FLIPPED, SURCHARGED = "near-duplicate", "cache write never read", "cache flip", SURCHARGE
CLASSES = (*ENDINGS, REPEATED, UNREAD, FLIPPED, SURCHARGED)
"""The classes of dollars in the order of the ledger."""

SAME = ("model", "app_id", "external_user", "session_id", "workspace_id", "origin", "api_type", "streamed")
"""The columns that both requests of a near-duplicate have in common, gaps too."""
SIZES = ("native_tokens_prompt", "tokens_prompt", "num_media_prompt")
"""The sizes of a prompt, which they have in common as well."""
LIFETIME_S = 3_600
"""No provider keeps a prompt in its cache longer than this without another read."""

ID, MOMENT, COST = name_clean("requested_id"), "moment", "cost"
"""The columns of the ledger: the id, the microseconds since 1970 (0 if they are unknown), US$."""

_READ_FROM = (
    "requested_id",
    "total_cost",
    "upstream_inference_cost",
    "is_byok",
    "response_cache_source_id",
    "cancelled",
    "finish_reason",
    "native_tokens_completion",
    "native_tokens_completion_images",
    "num_media_completion",
    "native_tokens_cached",
    "cache_read_tokens",
    "cache_write_tokens",
    "regime",
    "provider_name",
    "generation_time",
    "latency",
    *SAME,
    *SIZES,
)
_KEPT = (
    COST,
    "paid",
    "cost unknown",
    "replayed",
    "ending",
    "is text",
    "ending known",
    "cancelled known",
    "answer known",
    "priced",
    "own cached",
    "cached",
    "written",
    "premium",
    "above",
    "time",
    *(name_clean(name) for name in ("requested_id", "provider_name", *SAME, *SIZES)),
)
_SESSION, _MODEL, _APP = map(name_clean, ("session_id", "model", "app_id"))
_PROVIDER, _USER = map(name_clean, ("provider_name", "external_user"))
_US = 1_000_000
_US_PER_DAY = 86_400 * _US


def _c(name: str) -> nw.Expr:
    return nw.col(name_clean(name))


def read_rows(source: Source, prices: pd.DataFrame, changes: pd.DataFrame) -> Any:  # noqa: ANN401 - a table or relation
    """Return the rows of itemized data as the ledger reads them: an Arrow table, or data of the engine.

    Args:
        source: The itemized data.
        prices: The result of `ga.prices`.
        changes: The result of `ga.price_changes`.
    """
    keys = resolve_by(source, [*list_keys(prices), "regime"], None, "UTC", others=())
    groups = _make_groups(prices, changes)
    columns = {key.group: pa.Array.from_pandas(groups[key.name]) for key in keys}
    for name in ("premium of group", "above of group"):
        columns[name] = pa.array(groups[name].to_numpy(dtype=float), from_pandas=True)
    has_moments = "created_at" in source.columns
    wanted = [*_KEPT, *([name_clean("created_at")] if has_moments else [])]
    needs = [*_READ_FROM, *(["created_at"] if has_moments else [])]
    found = source.extend(keys, pa.table(columns), needs, _make_steps(), wanted)
    rows = nw.from_native(found).select(*wanted).to_native()
    return _add_moments(rows, name_clean("created_at")) if has_moments else _extend(rows, {MOMENT: nw.lit(0)})


@cache
def _make_steps() -> Steps:
    return Steps((_read_amounts(), _find_endings()))


def _make_groups(prices: pd.DataFrame, changes: pd.DataFrame) -> pd.DataFrame:
    """Return a row per regime: the price of writing above that of input, and the share of its cost above others."""
    names = [*list_keys(prices), "regime"]
    known = prices.loc[prices["regime"].notna() & (prices["identified"] == KNOWN)]
    extra = changes.loc[(changes["kind"] == SURCHARGE) & (changes["extra_cost"] > 0), [*names, "share"]]
    found = known[names].assign(**{"premium of group": known["cache_write_price"] - known["input_price"]})
    found = found.merge(extra.rename(columns={"share": "above of group"}), on=names, how="left")
    return found.assign(**{"above of group": found["above of group"].clip(upper=1.0)})


def _read_amounts() -> Mapping[str, nw.Expr]:
    own, billed, by_key = is_true(_c("is_byok")), _c("total_cost"), _c("upstream_inference_cost")
    paid_by_key = nw.when(own).then(by_key)
    unknown = billed.is_null() | (own & by_key.is_null()) | is_true(_c("is_byok").is_null() & (by_key != 0))
    return {
        COST: nw.when(~billed.is_null() | ~paid_by_key.is_null()).then(
            billed.fill_null(0.0) + paid_by_key.fill_null(0.0)
        ),
        "paid": nw.when(own).then(by_key).otherwise(billed),
        "cost unknown": unknown.cast(nw.Int64),
        "replayed": ~_c("response_cache_source_id").is_null(),
        "cancelled known": (~_c("cancelled").is_null()).cast(nw.Int64),
        "is text": _c("api_type").is_null() | is_true(_c("api_type").is_in(TEXT_APIS)),
        "ending known": (~_c("finish_reason").is_null() | is_true(_c("cancelled"))).cast(nw.Int64),
        "answer known": (~_c("native_tokens_completion").is_null()).cast(nw.Int64),
        "priced": (~_c("regime").is_null()).cast(nw.Int64),
        "own cached": _c("cache_read_tokens").cast(nw.Float64),
        "cached": _c("native_tokens_cached").fill_null(_c("cache_read_tokens").cast(nw.Float64)),
        "written": _c("cache_write_tokens").cast(nw.Float64),
        "premium": nw.col("premium of group"),
        "above": nw.col("above of group"),
    }


def _find_endings() -> Mapping[str, nw.Expr]:
    """Return the place of a row's ending in `ENDINGS`, a gap for any other; and the time that a failed row took."""
    images = _c("native_tokens_completion_images").fill_null(0.0) + _c("num_media_completion").fill_null(0.0)
    is_empty = (
        nw.col("is text") & (images == 0) & (_c("finish_reason") == "stop") & (_c("native_tokens_completion") == 0)
    )
    conditions = (
        _c("cancelled"),
        *(_c("finish_reason") == reason for reason in ("error", "length", "content_filter")),
        is_empty,
    )
    ending = nw.lit(None).cast(nw.Float64)
    for place, condition in reversed(list(enumerate(conditions))):
        ending = nw.when(is_true(condition) & ~nw.col("replayed")).then(nw.lit(float(place))).otherwise(ending)
    failed = is_true(conditions[0]) | is_true(conditions[1])
    return {"ending": ending, "time": nw.when(failed).then(_c("generation_time").fill_null(_c("latency")))}


def _add_moments(rows: Any, column: str) -> Any:  # noqa: ANN401 - as `read_rows`
    dialect = find_dialect(rows)
    if dialect is None:
        moments = pc.fill_null(pc.cast(rows[column], pa.int64()), 0)
        return rows.drop_columns([column]).append_column(MOMENT, moments)
    rows = nw.from_native(dialect.add_micros(rows, column, MOMENT)).drop(column)
    return rows.with_columns(nw.col(MOMENT).cast(nw.Int64).fill_null(0)).to_native()


def _extend(rows: Any, step: Mapping[str, nw.Expr]) -> Any:  # noqa: ANN401 - as `read_rows`
    """Return rows with further columns, which an engine computes before those that are made of them."""
    found = nw.from_native(rows).with_columns(expression.alias(name) for name, expression in step.items()).to_native()
    dialect = find_dialect(found)
    return found if dialect is None else dialect.fence(found, step)


def add_amounts(rows: Any, marks: pd.DataFrame, last: int) -> Any:  # noqa: ANN401 - as `read_rows`
    """Return rows with US$ of each class (`name_amount`), each only of what earlier classes leave of the row.

    Args:
        rows: The result of `read_rows`.
        marks: `requested_id`, `loss` of cache flips in US$, and `repeated`, 1 for near-duplicates.
        last: The last moment of the data.
    """
    rows = _join_marks(rows, marks)
    reach = (1, LIFETIME_S * _US)
    windows = {
        "read in session": Window((_SESSION, _MODEL), *reach, "cached"),
        "read in app": Window((_APP, _MODEL, _PROVIDER), *reach, "cached"),
    }
    rows = add_windows(rows, MOMENT, windows)
    payable = is_true(nw.col(COST) > 0)
    whole = {
        name_amount(name): nw.when(payable & is_true(nw.col("ending") == place)).then(nw.col(COST)).otherwise(0.0)
        for place, name in enumerate(ENDINGS)
    }
    repeated = payable & nw.col("ending").is_null() & is_true(nw.col("repeated") == 1)
    whole[name_amount(REPEATED)] = nw.when(repeated).then(nw.col(COST)).otherwise(0.0)
    is_left = payable & nw.col("ending").is_null() & ~repeated
    rows = _extend(rows, {**whole, "is left": is_left, **_find_unread()})
    rows = _extend(rows, _price_unread(last))
    unread = nw.col(name_amount(UNREAD))
    loss = nw.min_horizontal(nw.col("loss").fill_null(0.0), nw.col(COST))
    flipped = nw.when(nw.col("is left") & is_true(loss > unread)).then(loss - unread).otherwise(0.0)
    rows = _extend(rows, {name_amount(FLIPPED): flipped})
    base = nw.col("paid") - unread - nw.col(name_amount(FLIPPED))
    above = nw.col("above") * base
    surcharged = nw.when(nw.col("is left") & is_true(above > 0)).then(above).otherwise(0.0)
    return _extend(rows, {name_amount(SURCHARGED): surcharged})


def name_amount(name: str) -> str:
    """Return the column with the US$ of a class."""
    return f"cost of {name}"


def _find_unread() -> Mapping[str, nw.Expr]:
    """Return the written tokens that no later call of the session read, and those that no call of the app can have."""
    found = {}
    for where in ("session", "app"):
        read = nw.max_horizontal(nw.col("own cached"), nw.col(f"read in {where}").fill_null(0.0))
        rest = nw.col("own cached") + nw.col("written") - read
        rest = nw.min_horizontal(rest, nw.col("written"))
        ordinary = nw.max_horizontal(nw.lit(float(BLOCK)), ORDINARY_SHARE * (nw.col("own cached") + nw.col("written")))
        found[f"unread in {where}"] = nw.when(is_true(rest > ordinary)).then(rest).otherwise(0.0)
    return found


def _price_unread(last: int) -> Mapping[str, nw.Expr]:
    judged = nw.col("is left") & ~nw.col(_SESSION).is_null() & (nw.col(MOMENT) > 0) & is_true(nw.col("premium") > 0)
    high, low = (
        nw.min_horizontal(nw.col(f"unread in {where}") * nw.col("premium") / 1e6, nw.col(COST))
        for where in ("session", "app")
    )
    over = nw.col(MOMENT) + LIFETIME_S * _US <= last
    low = nw.min_horizontal(low, high)
    return {
        "writes judged": (judged | is_true(nw.col("written") == 0)).cast(nw.Int64),
        name_amount(UNREAD): nw.when(judged).then(high).otherwise(0.0),
        "unread at least": nw.when(judged & over).then(low).otherwise(0.0),
    }


def _join_marks(rows: Any, marks: pd.DataFrame) -> Any:  # noqa: ANN401 - as `read_rows`
    marks = marks.groupby("requested_id")[["loss", "repeated"]].max()
    dialect = find_dialect(rows)
    if dialect is None:
        ids = rows[ID].to_pandas()
        for name in marks:
            rows = rows.append_column(name, pa.array(ids.map(marks[name]).to_numpy(dtype=float), from_pandas=True))
        return rows
    numbers = {name: pa.array(marks[name].to_numpy(dtype=float), from_pandas=True) for name in marks}
    return dialect.join(rows, pa.table({ID: pa.array(marks.index, pa.string())} | numbers), [ID])


def sum_classes(rows: Any) -> tuple[dict[str, float], pd.DataFrame]:  # noqa: ANN401 - as `read_rows`
    """Return sums over all rows, and US$ of each class by day.

    The sums are those of each class, of charges (`bill`), of refunds, and of what is known. The amounts by day have a
    column per class; their index is the start of the day in UTC.
    """
    steps = {name: step.cast(nw.Float64) for name, step in _list_sums().items()}
    day = (nw.col(MOMENT) / _US_PER_DAY).floor().cast(nw.Int64)
    lazy = nw.from_native(rows).lazy().select(day.alias("day"), *(step.alias(name) for name, step in steps.items()))
    summed = lazy.group_by("day").agg(*(nw.col(name).sum() for name in steps)).sort("day")
    table = summed.collect(backend="pyarrow").to_native()
    days = pd.DataFrame({name: np.nan_to_num(to_floats(table[name])) for name in steps}, table["day"].to_pylist())
    by_day = days.loc[days.index > 0, [f"cost {name}" for name in CLASSES]].set_axis(list(CLASSES), axis="columns")
    by_day.index = pd.to_datetime(by_day.index, unit="D", utc=True)
    return {name: float(days[name].sum()) for name in steps}, by_day


def _list_sums() -> dict[str, nw.Expr]:
    """Return what is added up, by name."""
    cost, payable = nw.col(COST), is_true(nw.col(COST) > 0) & ~nw.col("replayed")
    unpriced = payable & (nw.col("priced") == 0)
    unfinished = payable & nw.col("is text") & (nw.col("ending known") == 0)
    steps = {
        "rows": nw.lit(1),
        "bill": nw.when(cost > 0).then(cost),
        "refunds": cost < 0,
        "refunded": nw.when(cost < 0).then(-cost),
        "unread at least": nw.col("unread at least"),
        "sessions": ~nw.col(_SESSION).is_null(),
        "callers": ~nw.col(_APP).is_null() | ~nw.col(_SESSION).is_null() | ~nw.col(_USER).is_null(),
        "written": ~nw.col("written").is_null(),
        "unpriced": unpriced,
        "unpriced cost": nw.when(unpriced).then(cost),
        "unfinished": unfinished,
        "unfinished cost": nw.when(unfinished).then(cost),
    }
    for name in ("cost unknown", "cancelled known", "ending known", "answer known", "priced", "writes judged"):
        steps[name] = nw.col(name)
    for place, name in enumerate(CLASSES):
        amount, is_so = nw.col(name_amount(name)), is_true(nw.col("ending") == place)
        steps |= {f"requests {name}": amount > 0, f"cost {name}": amount}
        if name in ENDINGS:
            steps[f"unknown {name}"] = is_so & (nw.col("cost unknown") == 1)
        if name in TIMED:
            steps[f"time {name}"] = nw.when(is_so).then(nw.col("time"))
    return steps


def find_examples(rows: Any, names: Sequence[str], number: int = 3) -> dict[str, list[str]]:  # noqa: ANN401
    """Return the ids of the rows with most dollars of each class, among those that are in no earlier class."""
    lazy = nw.from_native(rows).lazy()
    label, amount = nw.lit(None).cast(nw.String), nw.lit(0.0)
    for name in reversed(names):
        own = nw.col(name_amount(name))
        label, amount = (
            nw.when(own > 0).then(nw.lit(name)).otherwise(label),
            nw.when(own > 0).then(own).otherwise(amount),
        )
    lazy = lazy.select(nw.col(ID).alias("id"), label.alias("class"), (-amount).alias("order"))
    lazy = lazy.filter(~nw.col("class").is_null() & ~nw.col("id").is_null())
    if find_dialect(rows) is not None:
        lazy = lazy.with_columns(nw.lit(1).alias("one"))
        place = nw.col("one").cum_sum().over("class", order_by=["order", "id"])
        lazy = lazy.with_columns(place.alias("place")).filter(nw.col("place") <= number)
    found = lazy.collect(backend="pyarrow").to_native().to_pandas().sort_values(["order", "id"])
    return {str(name): part["id"].head(number).to_list() for name, part in found.groupby("class")}
