"""Latency in milliseconds and throughput in tokens per second, of successful rows.

A row is successful if it was not cancelled, is not an error and was not replayed from the response cache.
"""

import narwhals.stable.v2 as nw

from genanalytics.metrics.declare import RowValue, Statistic
from genanalytics.metrics.forms import rate, spread
from genanalytics.metrics.sets.rows import SUCCESS
from genanalytics.units import Unit

_LEAST_DECODE_MS = 100
_LEAST_DECODE_TOKENS = 16

_COMPLETION = nw.col("native_tokens_completion")

TTFT = RowValue(
    "ttft_ms",
    "TTFT",
    Unit.MS,
    "latency of streamed rows: time to first token",
    ("latency", "streamed", SUCCESS),
    nw.when(SUCCESS.column & nw.col("streamed")).then(nw.col("latency")),
)
E2E = RowValue(
    "e2e_ms",
    "E2E",
    Unit.MS,
    "generation_time if it is above 0: the whole upstream time",
    ("generation_time", SUCCESS),
    nw.when(SUCCESS.column & (nw.col("generation_time") > 0)).then(nw.col("generation_time")),
)
DECODE = RowValue(
    "decode_ms",
    "decode",
    Unit.MS,
    "generation_time - latency of streamed rows if that is not negative: the time after the first token",
    (TTFT, E2E),
    nw.when(E2E.column >= TTFT.column).then(E2E.column - TTFT.column),
)
ITL = RowValue(
    "itl_ms",
    "ITL",
    Unit.MS,
    "decode_ms / (native_tokens_completion - 1) for two or more tokens: inter-token latency",
    (DECODE, "native_tokens_completion"),
    nw.when(_COMPLETION > 1).then(DECODE.column / (_COMPLETION - 1)),
)
TPS_E2E = RowValue(
    "tps_e2e",
    "throughput",
    Unit.TOKENS_PER_S,
    "native_tokens_completion / seconds of generation_time, for one or more tokens",
    (E2E, "native_tokens_completion"),
    nw.when(_COMPLETION > 0).then(_COMPLETION * 1000.0 / E2E.column),
)
TPS_DECODE = RowValue(
    "tps_decode",
    "decode speed",
    Unit.TOKENS_PER_S,
    "1000 / itl_ms if decoding took 100 ms or more for 16 or more tokens: shorter answers arrive in bursts",
    (DECODE, ITL, "native_tokens_completion"),
    nw.when((DECODE.column >= _LEAST_DECODE_MS) & (_COMPLETION >= _LEAST_DECODE_TOKENS)).then(1000.0 / ITL.column),
)
MODERATION = RowValue(
    "moderation_ms",
    "moderation",
    Unit.MS,
    "moderation_latency, if moderation ran",
    ("moderation_latency", SUCCESS),
    nw.when(SUCCESS.column).then(nw.col("moderation_latency")),
)
_MISFIT = RowValue(
    "misfit_share",
    "inconsistent times",
    Unit.SHARE,
    "Streamed rows whose generation_time is below latency / those with both; they have no decode_ms",
    (TTFT, E2E),
    (E2E.column < TTFT.column).cast(nw.Int64),
)

LATENCY: tuple[Statistic, ...] = (
    *spread(TTFT),
    *spread(E2E),
    *spread(DECODE),
    *spread(ITL),
    *spread(TPS_E2E),
    *spread(TPS_DECODE),
    *spread(MODERATION),
    rate(_MISFIT),
)
