"""Attempts at providers: their order, their status, and the time lost to fallbacks."""

from collections.abc import Sequence

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from genanalytics.base.opening import opens_paths
from genanalytics.base.remembering import remembers
from genanalytics.metrics.declare import RowValue, Statistic
from genanalytics.metrics.engines.protocol import CLUSTERS
from genanalytics.metrics.engines.source import Records, open_in_memory
from genanalytics.metrics.forms import rate, spread, total
from genanalytics.metrics.grouping.labels import check_columns
from genanalytics.metrics.sets.cost import REQUESTS
from genanalytics.metrics.summary import describe_completeness, summarize
from genanalytics.records.frame import to_frame
from genanalytics.records.schema import ATTEMPT
from genanalytics.units import Unit

_COLUMN = "provider_responses"
_OF_RECORD = ("requested_id", "created_at")
_RENAMED = {"id": "attempt_id"}
"""Next to the ids of the generation, `id` alone would be ambiguous."""
_TOO_MANY = 429

SUCCEEDED = RowValue(
    "success_rate",
    "success",
    Unit.SHARE,
    "Attempts with a status of 200 to 299 / attempts with a known status",
    ("succeeded",),
    nw.col("succeeded").cast(nw.Int64),
)
REFUSED = RowValue(
    "rate_limited",
    "rate limited",
    Unit.SHARE,
    "Attempts with status 429 / attempts with a known status",
    ("status",),
    (nw.col("status") == _TOO_MANY).cast(nw.Int64),
)
WAIT = RowValue(
    "wait_ms",
    "wait",
    Unit.MS,
    "latency of the attempts that succeeded",
    ("latency", "succeeded"),
    nw.when(nw.col("succeeded").fill_null(value=False)).then(nw.col("latency")),
)
LOST = RowValue(
    "lost_ms",
    "lost",
    Unit.MS,
    "Sum of the latency of attempts that were followed by another one: the time lost to fallbacks",
    ("latency", "position", "of"),
    nw.when(nw.col("position") < nw.col("of")).then(nw.col("latency")).otherwise(nw.lit(0)),
)
FELL_BACK = RowValue(
    "fell_back",
    "fell back",
    Unit.SHARE,
    "Attempts that were followed by another one / attempts",
    ("position", "of"),
    (nw.col("position") < nw.col("of")).cast(nw.Int64),
)
ATTEMPTS: tuple[Statistic, ...] = (rate(SUCCEEDED), rate(REFUSED), rate(FELL_BACK), *spread(WAIT), total(LOST))
"""The statistics of a provider's attempts, over the rows of `attempts`."""


@opens_paths("data", place="memory")
def attempts(data: Records) -> pd.DataFrame:
    """Return one row per attempt at a provider, in the order of the generations and of their attempts.

    Args:
        data: A frame as `fetch` returns it, in memory.

    Returns:
        `requested_id` and `created_at` of the generation; `position` (Int64, from 1) and `of` (Int64), the number of
        its attempts; the fields of the attempt: `endpoint_id`, `attempt_id`, `is_byok`, `latency` (Int64,
        milliseconds), `model_permaslug`, `provider_name`, `status` (Int64, of HTTP), `routed_service_tier`; `succeeded`
        (boolean, a gap without a status); `is_fallback` (boolean), whether another attempt came before. Generations
        without a known attempt are in no row; `attrs["without_attempts"]` counts them.

    Raises:
        MissingColumnError: The frame lacks a column.
        InputError: The data is not in memory.
    """
    return _list_attempts(data, ())


def _list_attempts(data: Records, more: Sequence[str]) -> pd.DataFrame:
    """Return the rows of `attempts`, with more columns of the records if they exist."""
    source = open_in_memory(data, "attempts need", f"{', '.join((*_OF_RECORD, _COLUMN))} are enough")
    check_columns(source, (*_OF_RECORD, _COLUMN), "attempts")
    of_record = (*_OF_RECORD, *(name for name in more if name in source.columns))
    table = source.table((*of_record, _COLUMN))
    lists = table[_COLUMN]
    counts = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    owners, each = np.repeat(np.arange(len(lists)), counts), pc.list_flatten(lists)
    columns = {name: table[name].take(owners) for name in of_record}
    fields = {_RENAMED.get(field.name, field.name): pc.struct_field(each, field.name) for field in ATTEMPT}
    found = to_frame(pa.table(columns | fields))
    position = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    found.insert(len(columns), "position", pd.array(position, dtype="Int64"))
    found.insert(len(columns) + 1, "of", pd.array(counts[owners], dtype="Int64"))
    found = found.assign(succeeded=found["status"].between(200, 299), is_fallback=found["position"] > 1)
    found.attrs = {"without_attempts": int((counts == 0).sum())}
    return found


@remembers
@opens_paths("data", place="memory")
def attempt_summary(
    data: Records, *, by: str | Sequence[str] | None = "provider_name", intervals: bool = False
) -> pd.DataFrame:
    """Return the number, success and latency of the attempts at each provider.

    Args:
        data: A frame as `fetch` returns it, in memory.
        by: The columns to group by: columns of `attempts`, and the derived columns of `summarize`, such as `day`.
        intervals: Whether `<name>_low` and `<name>_high` follow each share, mean and percentile: the limits of its 95 %
            interval, as in `summarize`. Attempts of a session, or of a request, count as dependent.

    Returns:
        The columns of `by`; `attempts` (Int64), their number; `success_rate`, `rate_limited` and `fell_back`, shares of
        the attempts; `wait_ms_mean`, `_p50`, `_p90`, `_p95`, `_p99` and `_n`, the latency of the attempts that
        succeeded; `lost_ms`, the latency of the attempts that were followed by another one. `attrs` contains those of
        `summarize`, and `without_attempts` as in `attempts`.

    Raises:
        MissingColumnError: The frame lacks a column.
        InputError: The data is not in memory, or a column cannot be grouped by.
    """
    rows = _list_attempts(data, tuple(CLUSTERS) if intervals else ())
    found = summarize(rows, by=by, metrics=ATTEMPTS, intervals=intervals).rename(columns={REQUESTS.name: "attempts"})
    for attribute in ("units", "labels"):
        of_requests = found.attrs[attribute].pop(REQUESTS.name)
        found.attrs[attribute] = {"attempts": of_requests} | found.attrs[attribute]
    found.attrs["labels"]["attempts"] = "attempts"
    found.attrs["sums"] = ["attempts", *(name for name in found.attrs["sums"] if name != REQUESTS.name)]
    totals = ["attempts", *(one.name for one in ATTEMPTS if one.can_only_grow)]
    found.attrs = {**found.attrs, **rows.attrs, **describe_completeness(data, totals)}
    return found
