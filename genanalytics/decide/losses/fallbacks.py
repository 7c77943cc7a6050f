"""Attempts that failed before another one succeeded: they cost time."""

from dataclasses import dataclass, field
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from genanalytics.metrics.attempts import attempts
from genanalytics.metrics.engines.protocol import Source
from genanalytics.records.frame import to_frame
from genanalytics.units import format_count

MOST_ROWS = 2_000_000
"""The attempts of at most this many requests are read."""

_COLUMN = "provider_responses"
_OTHERS = ("requested_id", "created_at", "cancelled", "finish_reason")


@dataclass(frozen=True, slots=True)
class Fallbacks:
    """Requests with attempts that failed before the last one, without those that failed themselves.

    Attributes:
        requests: Their number.
        time_ms: The time of these attempts in milliseconds.
        examples: The ids of the slowest ones.
        gap: Why they are unknown; empty if they are known.
    """

    requests: int = 0
    time_ms: int = 0
    examples: list[str] = field(default_factory=list)
    gap: str = ""


def find_fallbacks(source: Source) -> Fallbacks:
    """Return the fallbacks of any data. The time of requests that failed themselves is counted elsewhere."""
    if _COLUMN not in source.columns:
        return Fallbacks(gap=f"the data has no column {_COLUMN}")
    names = [name for name in _OTHERS if name in source.columns]
    rows = source.select([*names, _COLUMN])
    number = nw.col(_COLUMN).list.len()
    kept = number > 1
    if "cancelled" in names:
        kept = kept & ~nw.col("cancelled").fill_null(value=False)
    if "finish_reason" in names:
        kept = kept & (nw.col("finish_reason").fill_null("") != "error")
    counted = rows.select(
        (number > 0).fill_null(value=False).cast(nw.Int64).sum().alias("known"),
        kept.fill_null(value=False).cast(nw.Int64).sum().alias("kept"),
    )
    found = _collect(counted)
    known, wanted = (int(found[name].iloc[0] or 0) for name in ("known", "kept"))
    if not known:
        return Fallbacks(gap=f"no record names an attempt in {_COLUMN}")
    if wanted > MOST_ROWS:
        return Fallbacks(gap=f"there are {format_count(wanted, 'fallback')}, more than {MOST_ROWS:,}: give fewer rows")
    return _add_up(_collect(rows.filter(kept.fill_null(value=False))))


def _add_up(rows: pd.DataFrame) -> Fallbacks:
    if "created_at" not in rows:
        rows = rows.assign(created_at=pd.Series(pd.NaT, rows.index, dtype="datetime64[us, UTC]"))
    ids = rows["requested_id"]
    each = attempts(rows.assign(requested_id=np.arange(len(rows)).astype(str)))
    earlier = each[each["position"] < each["of"]]
    lost = earlier.groupby(earlier["requested_id"].astype(int))["latency"].sum()
    slowest = ids.iloc[lost.sort_values(ascending=False, kind="stable").index[:3]].dropna()
    return Fallbacks(len(rows), round(float(lost.sum())), slowest.to_list())


def _collect(rows: "nw.LazyFrame[Any]") -> pd.DataFrame:
    return to_frame(rows.collect(backend="pyarrow").to_native())
