"""How many rows each regime explains, when, and what its rows have in common: counted over all rows, where they are."""

from functools import lru_cache
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from genanalytics.bill.book import Book
from genanalytics.bill.sample import NUMBER
from genanalytics.bill.split import NEEDS, make_steps
from genanalytics.metrics.engines.protocol import KEPT_STEPS, Source, Steps
from genanalytics.metrics.names import name_clean
from genanalytics.records.frame import to_nullable

NO_TIER = ""
"""What stands for a missing service tier, so that it is another value than each tier."""
BATCH = "batch"
"""Whether the id is that of a batch."""
TIERS = (BATCH, "service_tier", "is_byok")
"""What the caller chose: the likely reason why two regimes differ."""
MARKS = ("data_region", "workspace_id", "app_id", "api_type", "source")
"""Other columns whose values can tell why two regimes differ."""

_BILLED = "billed"
_ID, _MOMENT = "requested_id", "created_at"
_BATCH_ID = "gen-batch-"
SURVEYED = (*TIERS, *MARKS, _ID, _MOMENT)
"""The columns that a survey reads, each of which may be missing."""


def survey(source: Source, book: Book) -> pd.DataFrame:
    """Return a row per group and regime, and one with a gap for `regime` per group with rows that none explains.

    Returns:
        `group` (Int64), the number of the group; `regime` (Int64); `requests` (Int64), the billed rows; for `moment`,
        `prompt` and each of `MARKS` that the data has, the lowest and the highest value, as `<name> min` and
        `<name> max`.
    """
    columns = [name for name in SURVEYED if name in source.columns]
    steps = _add_values(make_steps(book), tuple(columns))
    values = [name for name in steps.each[-1] if name != _BILLED]
    needs = list(dict.fromkeys([*NEEDS, *columns]))
    rows: nw.LazyFrame[Any] = nw.from_native(
        source.extend(book.keys, book.groups, needs, steps, [NUMBER, "regime", _BILLED, *values])
    ).lazy()
    ends = [
        end
        for name in values
        for end in (nw.col(name).min().alias(f"{name} min"), nw.col(name).max().alias(f"{name} max"))
    ]
    counted = rows.filter(nw.col(_BILLED)).group_by(NUMBER, "regime").agg(nw.len().alias("requests"), *ends)
    frame = to_nullable(counted.collect(backend="pyarrow").to_native()).rename(columns={NUMBER: "group"})
    for name in {"moment min", "moment max"} & set(frame.columns):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    return frame.astype({"group": "Int64", "regime": "Int64", "requests": "Int64"})


@lru_cache(maxsize=KEPT_STEPS)
def _add_values(steps: Steps, columns: tuple[str, ...]) -> Steps:
    """Return steps with one more: the values whose ends are counted, and whether a row was billed."""
    values = {f"mark {name}": read_mark(name, nw.col(name_clean(name))) for name in columns if name in (*TIERS, *MARKS)}
    if _ID in columns:
        values[f"mark {BATCH}"] = read_mark(BATCH, nw.col(name_clean(_ID)))
    if _MOMENT in columns:
        values["moment"] = nw.col(name_clean(_MOMENT))
    values["mark prompt"] = nw.col("prompt")
    billed = ~nw.col("regime").is_null() | _is_not_zero("unexplained_cost") | _is_not_zero("byok_unexplained_cost")
    return Steps((*steps.each, values | {_BILLED: billed}))


def read_mark(name: str, column: nw.Expr) -> nw.Expr:
    """Return a mark out of its column, that of ids for `BATCH`; a missing tier or flag is a value too."""
    if name == BATCH:
        return column.str.starts_with(_BATCH_ID)
    if name == "service_tier":
        return column.fill_null(NO_TIER)
    return column.fill_null(value=False) if name == "is_byok" else column


def _is_not_zero(column: str) -> nw.Expr:
    return (nw.col(column) != 0).fill_null(value=False)
