"""Columns of many types, and the same rows as every kind of data that statistics take."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from genanalytics.records.frame import to_nullable
from genanalytics.records.schema import ARROW_SCHEMA
from support.awkward import awkward

ROWS = 80
BASE = awkward(ROWS - 3).set_column(
    ARROW_SCHEMA.get_field_index("session_id"),
    "session_id",
    pa.array([None if row % 5 == 0 else f"s{row % 17}" for row in range(ROWS)]),
)
"""Rows as `fetch` returns them."""

LARGE = [2**53 + 1, 2**53 + 2, 2**60 + 1, 2**60 + 2, None, 3]
MOMENT = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)
MOMENTS = [MOMENT, MOMENT + timedelta(hours=7), None, MOMENT + timedelta(days=3, microseconds=1)]
NAIVE = [None if moment is None else moment.replace(tzinfo=None) for moment in MOMENTS]
FLOATS = [0.0, -0.0, 1.5, float("nan"), None, float("inf"), -float("inf"), 2.0, 1e-9, 3.25]


def _repeat(values: list[Any], dtype: pa.DataType | None = None) -> pa.Array:
    """Return rows that take the values in turn."""
    return pa.array([values[row % len(values)] for row in range(ROWS)], dtype)


NUMBERS: Mapping[str, pa.Array] = {
    "float64": _repeat(FLOATS),
    "float32": _repeat(FLOATS, pa.float32()),
    "NaN only": _repeat([float("nan")]),
    "infinity only": _repeat([float("inf")]),
    "int8": _repeat([1, None, -5], pa.int8()),
    "int64": _repeat([1, 0, 700]),
    "large": _repeat(LARGE),
    "uint32": _repeat([1, None, 2**32 - 1], pa.uint32()),
    "uint64": _repeat([1, None, 2**64 - 1], pa.uint64()),
    "decimal": _repeat([Decimal("1.25"), None, Decimal("-0.50"), Decimal("7.00")]),
    "integer decimal": _repeat([Decimal(3), None], pa.decimal128(38, 0)),
    "dictionary of numbers": _repeat([1.5, None, 2.5]).dictionary_encode(),
}
TEXTS: Mapping[str, pa.Array] = {
    "string": _repeat(["b", None, "a", ""]),
    "large_string": _repeat(["b", None, "a", ""], pa.large_string()),
    "dictionary": _repeat(["b", None, "a", "c"]).dictionary_encode(),
    "one text": _repeat(["x"]),
}
TIMES: Mapping[str, pa.Array] = {
    "microseconds": _repeat(MOMENTS, pa.timestamp("us", "UTC")),
    "milliseconds": _repeat(MOMENTS[:3], pa.timestamp("ms", "UTC")),
    "another zone": _repeat(MOMENTS, pa.timestamp("us", "Europe/Berlin")),
    "no zone": _repeat(NAIVE, pa.timestamp("us")),
    "nanoseconds without a zone": _repeat(NAIVE, pa.timestamp("ns")),
}
OTHERS: Mapping[str, pa.Array] = {
    "flag": _repeat([True, None, False]),
    "nothing": pa.nulls(ROWS),
    "date": _repeat([date(2026, 3, 1), None]),
    "bytes": _repeat([b"a", None, b"\xff"]),
    "lists": _repeat([[1], None, []]),
    "structures": _repeat([{"a": 1}, {"a": 2}]),
}
TYPES: Mapping[str, pa.Array] = {**NUMBERS, **TEXTS, **TIMES, **OTHERS}
KNOWN: Mapping[str, Mapping[str, pa.Array]] = {
    "total_cost": NUMBERS,
    "cache_discount": NUMBERS,
    "upstream_inference_cost": NUMBERS,
    "latency": NUMBERS,
    "generation_time": NUMBERS,
    "native_tokens_prompt": NUMBERS,
    "native_tokens_completion": NUMBERS,
    "created_at": TIMES,
    "fetched_at": TIMES,
    "model": TEXTS,
    "session_id": TEXTS,
    "finish_reason": TEXTS,
    "requested_id": TEXTS,
    "is_byok": {"flag": OTHERS["flag"]},
}
"""The types that columns of the schema can have."""


def _to_spark(table: pa.Table, spark: Any, path: Path) -> Any:  # noqa: ANN401
    pq.write_table(table, path, coerce_timestamps="us", allow_truncated_timestamps=True)
    return spark.read.parquet(str(path))


INPUTS: Mapping[str, Callable[[pa.Table], Any]] = {
    "pandas": lambda table: table.to_pandas(),
    "pandas of Arrow": lambda table: table.to_pandas(types_mapper=pd.ArrowDtype),
    "pandas, shuffled index": lambda table: to_nullable(table).set_index(np.arange(ROWS) % 7),
    "Arrow": lambda table: table,
    "Arrow in chunks": lambda table: pa.concat_tables([table[:11], table[11:11], table[11:]]),
    "polars": pl.from_arrow,
    "DuckDB": lambda table: duckdb.connect().from_arrow(table),
}


def make_input(name: str, table: pa.Table, spark: Any, path: Path) -> Any:  # noqa: ANN401
    """Return rows as one kind of data."""
    return _to_spark(table, spark, path) if name == "Spark" else INPUTS[name](table)


def differs_before_it_is_read(name: str, kinds: set[str]) -> bool:
    """Return whether another program changes a type on the way to an input, so that answers may differ."""
    if name == "pandas":  # integers with gaps become floats
        return bool(kinds & {"large", "uint64"})
    if name == "Spark":  # it has no such types in Parquet
        return bool(kinds & {"uint64", "uint32", "nothing", "dictionary of numbers"})
    return name == "DuckDB" and "nothing" in kinds
