"""Frames of a few generations, each test naming only the fields that it is about."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
from hypothesis import strategies as st

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


def parse_records(records: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return records by id as `fetch` would."""
    return parse_frame([Row(name, json.dumps({"data": record}).encode(), 1.8e9) for name, record in records.items()])


def on(day: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a record can hold
    """Return a record of noon on a day."""
    return {"created_at": f"{day}T12:00:00Z", **fields}


def _amounts(least: int) -> "st.SearchStrategy[float | None]":
    """Return unknown amounts, and known ones in steps of 1/64: their sums are exact in any order."""
    return st.none() | st.integers(least, 640).map(lambda steps: steps / 64)


CHARGED = st.lists(
    st.fixed_dictionaries(
        {
            "model": st.sampled_from(["a", "b", None]),
            "provider_name": st.sampled_from(["P", "Q", None]),
            "session_id": st.sampled_from(["s", "t", None]),
            "created_at": st.sampled_from(["2026-03-01T12:00:00Z", "2026-03-02T12:00:00Z", None]),
            "total_cost": _amounts(-64),
            "cache_discount": _amounts(-640),
            "is_byok": st.sampled_from([True, False, None]),
            "upstream_inference_cost": _amounts(-64),
            "response_cache_source_id": st.sampled_from([None, None, "gen-0"]),
            "native_tokens_prompt": st.none() | st.integers(0, 10**6),
            "native_tokens_completion": st.none() | st.integers(0, 10**6),
        }
    ),
    min_size=1,
    max_size=12,
)
"""Records with all that makes sums of money difficult: unknown costs and discounts, refunds, BYOK, replays."""
