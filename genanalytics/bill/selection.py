"""Sessions on an engine in which a call can have lost its cache, read in portions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.bill.calls import LEFT_OUT, list_columns
from genanalytics.errors import InputError
from genanalytics.metrics.engines.memory import InMemory
from genanalytics.metrics.engines.protocol import PLACE, Source
from genanalytics.units import format_count

PORTION_ROWS = 500_000
"""About this many calls are in memory at a time."""
GUESSED_ROWS = 2_000_000
"""Sessions of at most this many rows are guessed: they are read as a whole."""

_SESSION = "session_id"
_MOMENT, _ID = "created_at", "requested_id"
_PROMPT, _CACHED = "native_tokens_prompt", "native_tokens_cached"
_LARGEST = "largest prompt of earlier calls"


@dataclass(frozen=True, slots=True)
class Selection:
    """The sessions that are looked at.

    Attributes:
        portions: The calls of some sessions each, as sources.
        left_out: The number of records that cannot be compared, by reason.
        compared: The number of calls that follow another one of their session.
    """

    portions: Iterator[InMemory]
    left_out: dict[str, int]
    compared: int


def select_sessions(
    source: Source, *, least_prompt: int, block: int, portion_rows: int = PORTION_ROWS
) -> Selection | None:
    """Return the sessions of data on an engine in which a call can have lost its cache; None if no record has one.

    Such a call read more than `block` tokens less than its own prompt, and less than the largest prompt of the earlier
    calls of its session, which has at least `least_prompt` tokens. All calls of these sessions are read.
    """
    rows = _read_rows(source)
    counted = _collect(
        rows.select(
            nw.col(_ID).count().alias("ids"),
            nw.col(_ID).n_unique().alias("different"),
            nw.col(_ID).is_null().any().alias("nameless"),
            nw.col(_SESSION).count().alias("sessions"),
        )
    ).to_pylist()[0]
    if not counted["sessions"]:
        return None
    if counted["ids"] + bool(counted["nameless"]) > counted["different"]:
        rows = _mark_repeated(rows)
    left_out, calls = _leave_out(rows)
    groups = calls.select(_SESSION, "app_id").unique().select(nw.len().alias("groups"))
    compared = _count(calls) - int(_collect(groups)["groups"][0].as_py())
    sizes = _find_sessions(calls, least_prompt, block)
    return Selection(_read_portions(source, sizes, portion_rows), left_out, compared)


def _read_rows(source: Source) -> "nw.LazyFrame[Any]":
    """Return the calls that had a prompt and were not replayed, with gaps for columns that the data lacks."""
    names = (_ID, _MOMENT, _SESSION, "app_id", _PROMPT, _CACHED, "response_cache_source_id")
    rows = source.select([name for name in names if name in source.columns])
    types = {_CACHED: nw.Int64, "app_id": nw.Int64}
    missing = [name for name in names if name not in source.columns]
    rows = rows.with_columns(nw.lit(None).cast(types.get(name, nw.String)).alias(name) for name in missing)
    rows = rows.filter(nw.col("response_cache_source_id").is_null() & (nw.col(_PROMPT) > 0))
    return rows.drop("response_cache_source_id").with_columns(nw.lit(value=False).alias(LEFT_OUT[0]))


def _mark_repeated(rows: "nw.LazyFrame[Any]") -> "nw.LazyFrame[Any]":
    """Return rows with a mark on those whose id an earlier one has; one without a moment is the last."""
    rows = rows.with_columns(nw.col(_MOMENT).is_null().cast(nw.Int64).alias("timeless"), nw.lit(1).alias("one"))
    place = nw.col("one").cum_sum().over(_ID, order_by=["timeless", _MOMENT])
    rows = rows.with_columns(place.alias("place"))
    repeated = (nw.col("place") > 1) & ~nw.col(_ID).is_null()
    return rows.with_columns(repeated.alias(LEFT_OUT[0])).drop("timeless", "one", "place")


def _leave_out(rows: "nw.LazyFrame[Any]") -> "tuple[dict[str, int], nw.LazyFrame[Any]]":
    """Return the number of rows that cannot be compared by the first reason, and all others."""
    flags = (nw.col(LEFT_OUT[0]), *(nw.col(name).is_null() for name in (_MOMENT, _CACHED, _SESSION)))
    kept, counts = nw.lit(value=True), []
    for reason, flag in zip(LEFT_OUT, flags, strict=True):
        counts.append((kept & flag).cast(nw.Int64).sum().alias(reason))
        kept = kept & ~flag
    found = _collect(rows.select(*counts)).to_pylist()[0]
    return {reason: int(number or 0) for reason, number in found.items()}, rows.filter(kept)


def _find_sessions(calls: "nw.LazyFrame[Any]", least_prompt: int, block: int) -> pd.DataFrame:
    """Return the sessions in which a call can have lost its cache, and the numbers of their calls."""
    order = [_MOMENT, _ID]
    calls = calls.with_columns(nw.col(_PROMPT).cum_max().over(_SESSION, order_by=order).alias(_LARGEST))
    calls = calls.with_columns(nw.col(_LARGEST).shift(1).over(_SESSION, order_by=order).alias(_LARGEST))
    readable = nw.min_horizontal(_PROMPT, _LARGEST)
    is_lost = (nw.col(_LARGEST) >= least_prompt) & (readable - nw.min_horizontal(_CACHED, _PROMPT) > block)
    calls = calls.with_columns(is_lost.fill_null(value=False).cast(nw.Int64).alias("lost"))
    sizes = calls.group_by(_SESSION).agg(nw.len().alias("rows"), nw.col("lost").sum())
    found: pd.DataFrame = _collect(sizes.filter(nw.col("lost") > 0)).to_pandas()
    return found.sort_values(_SESSION, ignore_index=True)


def _read_portions(source: Source, sizes: pd.DataFrame, portion_rows: int) -> Iterator[InMemory]:
    number = (sizes["rows"].cumsum().to_numpy(dtype=np.int64) - 1) // portion_rows
    for _, part in sizes.groupby(number):
        sessions = pa.table({_SESSION: pa.array(part[_SESSION], pa.string()), PLACE: pa.array(np.ones(len(part)))})
        rows = source.join(source.select(list_columns(source)), sessions, [_SESSION])
        yield InMemory(_collect(rows.filter(~nw.col(PLACE).is_null()).drop(PLACE)))


def read_all(source: Source) -> InMemory:
    """Return all calls in memory.

    Raises:
        InputError: There are too many.
    """
    number = source.count()
    if number > GUESSED_ROWS:
        msg = (
            f"no record has a session_id, and sessions of {format_count(number, 'row')} cannot be guessed:"
            f" give at most {GUESSED_ROWS:,}, such as those of a week"
        )
        raise InputError(msg)
    return InMemory(_collect(source.select(list_columns(source))))


def _collect(rows: "nw.LazyFrame[Any]") -> pa.Table:
    return rows.collect(backend="pyarrow").to_native()


def _count(rows: "nw.LazyFrame[Any]") -> int:
    return int(_collect(rows.select(nw.len().alias("rows")))["rows"][0].as_py())
