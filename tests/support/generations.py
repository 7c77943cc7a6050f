"""Frames of a few generations, each test naming only the fields that it is about."""

import json
from typing import Any

import pandas as pd

from genanalytics.records.frame import parse_frame
from genanalytics.records.parse import Row

USUAL: dict[str, Any] = {
    "created_at": "2026-03-01T12:00:00Z",
    "model": "a",
    "provider_name": "P",
    "total_cost": 1.0,
    "is_byok": False,
    "cancelled": False,
    "streamed": True,
    "latency": 1_000,
    "generation_time": 6_000,
    "native_tokens_prompt": 900_000,
    "native_tokens_completion": 100_000,
    "finish_reason": "stop",
}


def frame_of(*records: dict[str, Any], fetched: str = "2027-01-01") -> pd.DataFrame:
    """Return generations as `fetch` would; each record says what is not as usual."""
    moment = pd.Timestamp(fetched, tz="UTC").timestamp()
    bodies = [{"data": {"id": f"gen-{place}", **USUAL, **record}} for place, record in enumerate(records)]
    return parse_frame([Row(body["data"]["id"], json.dumps(body).encode(), moment) for body in bodies])


def on(day: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a record can hold
    """Return a record of noon on a day."""
    return {"created_at": f"{day}T12:00:00Z", **fields}
