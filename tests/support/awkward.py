"""One data set with everything that engines could treat differently."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from genanalytics.records.schema import ARROW_SCHEMA

MODELS = [
    "openai/gpt-5-2026-01-31:free",
    "openai/gpt-5",
    "it's",
    'a "quoted" name',
    "back`tick`",
    "ünï/模型🙂",
    "",
    "NULL",
    "null, 'x'); --",
    None,
]
DST_CHANGES = [
    datetime(2026, 3, 29, 0, 59, 59, 999_999, UTC),  # Berlin: one microsecond to summer time
    datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),  # Berlin: 2:30 for the first time, and for the second
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2026, 4, 4, 14, 45, tzinfo=UTC),  # Lord Howe: 1:45 for the first time, and for the second
    datetime(2026, 4, 4, 15, 15, tzinfo=UTC),
    datetime(2025, 12, 31, 23, 59, 59, 999_999, UTC),
]


def awkward(rows: int = 600) -> pa.Table:
    """Return records of the full schema, gaps everywhere; the same ones each time."""
    random = np.random.default_rng(20261123)

    def gappy(values: list[Any], share: float = 0.15) -> list[Any]:
        gaps = random.random(len(values)) < share
        return [None if gap else value for value, gap in zip(values, gaps, strict=True)]

    def chosen(values: list[Any]) -> list[Any]:
        return [values[place] for place in random.integers(0, len(values), rows)]

    def whole(largest: int) -> list[Any]:
        return gappy([int(value) for value in random.integers(0, largest, rows) * random.integers(0, 2, rows)])

    def money(low: float, high: float) -> list[Any]:
        values = random.uniform(low, high, rows) * random.integers(0, 4, rows).clip(max=1)
        return gappy([float(value) for value in values])

    start = datetime(2026, 3, 27, tzinfo=UTC)
    moments = [start + timedelta(minutes=int(minute)) for minute in random.integers(0, 4 * 1440, rows)]
    columns: dict[str, list[Any]] = {
        "requested_id": [f"gen-{number}" for number in range(rows)],
        "model": chosen(MODELS),
        "provider_name": chosen(["A", "B", None]),
        "created_at": gappy(moments, 0.05),
        "total_cost": money(0, 0.01),
        "cache_discount": money(-0.01, 0.03),
        "upstream_inference_cost": money(-0.001, 0.1),
        "is_byok": gappy(chosen([True, False, False])),
        "streamed": gappy(chosen([True, True, False])),
        "cancelled": gappy(chosen([True, False, False, False])),
        "finish_reason": chosen(["stop", "stop", "stop", "length", "error", "content_filter", "tool_calls", None]),
        "latency": whole(5_000),
        "generation_time": whole(50_000),
        "moderation_latency": whole(300),
        "native_tokens_prompt": whole(200_000),
        "native_tokens_completion": gappy([int(value) for value in random.integers(0, 40, rows)]),
        "native_tokens_reasoning": whole(60),
        "native_tokens_cached": whole(200_000),
        "response_cache_source_id": gappy(["gen-0"] * rows, 0.9),
        "provider_responses": gappy([[{"status": 200}] * count for count in random.integers(0, 4, rows).tolist()]),
        "fetched_at": [datetime(2026, 4, 1, tzinfo=UTC)] * rows,
    }
    columns["created_at"][: len(DST_CHANGES)] = DST_CHANGES
    only_gaps = {"model": "only gaps", "provider_name": None}
    records = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    records += [only_gaps, only_gaps, records[0] | {"model": "one row"}]
    return pa.Table.from_pylist(records, schema=ARROW_SCHEMA)
