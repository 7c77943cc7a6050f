"""Latency (milliseconds) and throughput (tokens per second), over the rows that succeeded.

Success is: not cancelled, not an error, not replayed from the response cache.
"""

import narwhals.stable.v2 as nw

from genanalytics.metrics.declare import RowValue, Statistic, rate, spread
from genanalytics.metrics.sets.rows import SUCCESS
from genanalytics.units import Unit

_LEAST_DECODE_MS = 100
_LEAST_DECODE_TOKENS = 16

_COMPLETION = nw.col("native_tokens_completion")
_DECODE = nw.col("decode_ms")

TTFT = RowValue(
    "ttft_ms",
    "TTFT",
    Unit.MS,
    "latency of streamed rows: time to the first token",
    ("latency", "streamed", SUCCESS),
    nw.when(nw.col("success") & nw.col("streamed")).then(nw.col("latency")),
)
E2E = RowValue(
    "e2e_ms",
    "E2E",
    Unit.MS,
    "generation_time where it is above 0: the whole upstream time",
    ("generation_time", SUCCESS),
    nw.when(nw.col("success") & (nw.col("generation_time") > 0)).then(nw.col("generation_time")),
)
DECODE = RowValue(
    "decode_ms",
    "decode",
    Unit.MS,
    "generation_time - latency of streamed rows where that is not negative: the time after the first token",
    (TTFT, E2E),
    nw.when(nw.col("e2e_ms") >= nw.col("ttft_ms")).then(nw.col("e2e_ms") - nw.col("ttft_ms")),
)
ITL = RowValue(
    "itl_ms",
    "ITL",
    Unit.MS,
    "decode_ms / (native_tokens_completion - 1) for two tokens and more: inter-token latency",
    (DECODE, "native_tokens_completion"),
    nw.when(_COMPLETION > 1).then(_DECODE / (_COMPLETION - 1)),
)
TPS_E2E = RowValue(
    "tps_e2e",
    "throughput",
    Unit.TOKENS_PER_S,
    "native_tokens_completion by the seconds of generation_time, for one token and more",
    (E2E, "native_tokens_completion"),
    nw.when(_COMPLETION > 0).then(_COMPLETION * 1000.0 / nw.col("e2e_ms")),
)
TPS_DECODE = RowValue(
    "tps_decode",
    "decode speed",
    Unit.TOKENS_PER_S,
    "1000 / itl_ms where decoding took 100 ms and more, of 16 tokens and more: shorter ones arrive in bursts",
    (DECODE, ITL, "native_tokens_completion"),
    nw.when((_DECODE >= _LEAST_DECODE_MS) & (_COMPLETION >= _LEAST_DECODE_TOKENS)).then(1000.0 / nw.col("itl_ms")),
)
MODERATION = RowValue(
    "moderation_ms",
    "moderation",
    Unit.MS,
    "moderation_latency, where moderation ran",
    ("moderation_latency", SUCCESS),
    nw.when(nw.col("success")).then(nw.col("moderation_latency")),
)
_MISFIT = RowValue(
    "misfit_share",
    "times that do not fit",
    Unit.SHARE,
    "Streamed rows whose generation_time is below latency / those with both; they have no decode_ms",
    (TTFT, E2E),
    (nw.col("e2e_ms") < nw.col("ttft_ms")).cast(nw.Int64),
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
