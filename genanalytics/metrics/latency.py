"""Latency in milliseconds, over the rows that succeeded: not cancelled, not an error, not replayed."""

import narwhals.stable.v2 as nw

from genanalytics.metrics.declare import RowValue, Statistic, spread
from genanalytics.metrics.rows import STREAMED, SUCCESS, SUCCESS_NEEDS
from genanalytics.units import Unit

TTFT = RowValue(
    "ttft_ms",
    "TTFT",
    Unit.MS,
    "latency of streamed rows: time to the first token",
    ("latency", "streamed", *SUCCESS_NEEDS),
    nw.when(SUCCESS & STREAMED).then(nw.col("latency")),
)
E2E = RowValue(
    "e2e_ms",
    "E2E",
    Unit.MS,
    "generation_time where it is above 0: the whole upstream time",
    ("generation_time", *SUCCESS_NEEDS),
    nw.when(SUCCESS & (nw.col("generation_time") > 0)).then(nw.col("generation_time")),
)

LATENCY: tuple[Statistic, ...] = (*spread(TTFT), *spread(E2E))
