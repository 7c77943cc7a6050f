"""Generations in which nothing differs between groups and nothing changes, and the same with one effect."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.records.frame import to_frame
from genanalytics.records.schema import ARROW_SCHEMA

_QUIET = 0.4
"""The share of sessions of a Saturday or a Sunday, of those of another day."""


def simulate_generations(
    rng: np.random.Generator,
    *,
    days: int,
    providers: int,
    sessions: float = 40.0,
    spread: float = 1.2,
    errors: float = 0.03,
    worse: float = 1.0,
    slower: float = 1.0,
    dearer: float = 1.0,
) -> pd.DataFrame:
    """Return generations of some days, in sessions; weekends are quiet, and costs have a heavy tail.

    The rows of a session go together: in cost, in errors and in latency. Most of them have the same provider.

    Args:
        rng: The random numbers.
        days: The number of days, of which the first and the last one are incomplete.
        providers: The number of providers, and of models.
        sessions: The mean number of sessions of a weekday.
        spread: The standard deviation of the logarithms of costs.
        errors: The share of rows that end in an error.
        worse: How many times as often that happens with provider 0.
        slower: How many times as long the first token of provider 0 takes.
        dearer: How many times as much a request of the last 7 whole days costs.
    """
    start = pd.Timestamp("2026-03-02T09:00Z") + pd.Timedelta(days=int(rng.integers(7)))
    weekdays = (start.dayofweek + np.arange(days)) % 7
    counts = rng.poisson(sessions * np.where(weekdays < 5, 1.0, _QUIET))
    day = np.repeat(np.arange(days), counts)
    session = np.repeat(np.arange(len(day)), rng.geometric(0.25, len(day)))
    rows, day = len(session), day[session]

    def share_of_session(spread: float) -> "np.ndarray":
        common: np.ndarray = rng.normal(0, spread, len(counts) and int(counts.sum()))[session]
        return common

    usual = rng.dirichlet(np.full(providers, 3.0)) if max(worse, slower) == 1 else np.full(providers, 1 / providers)
    own = rng.choice(providers, int(counts.sum()), p=usual)[session]
    provider = np.where(rng.random(rows) < 0.9, own, rng.choice(providers, rows, p=usual))
    model = rng.choice(providers, int(counts.sum()), p=rng.dirichlet(np.full(providers, 3.0)))[session]
    level = errors * np.where(provider == 0, worse, 1.0)
    bad = rng.beta(0.5, 0.5 / errors - 0.5, int(counts.sum()))[session] / errors
    cost = 0.01 * np.exp(share_of_session(0.6 * spread) + rng.normal(0, 0.8 * spread, rows))
    last_week = (day > days - 9) & (day < days - 1)
    latency = 800 * np.exp(share_of_session(0.4) + rng.normal(0, 0.7, rows)) * np.where(provider == 0, slower, 1.0)
    minutes = rng.integers(0, 600, rows)
    columns: dict[str, Any] = {
        "requested_id": [f"gen-{number}" for number in range(rows)],
        "id": [f"gen-{number}" for number in range(rows)],
        "fetched_at": [start + pd.Timedelta(days=days + 30)] * rows,
        "created_at": start + pd.to_timedelta(day, unit="D") + pd.to_timedelta(minutes, unit="m"),
        "session_id": [f"session-{number}" for number in session],
        "model": [f"model-{number}" for number in model],
        "provider_name": [f"provider-{number}" for number in provider],
        "total_cost": cost * np.where(last_week, dearer, 1.0),
        "cache_discount": cost * rng.uniform(0, 0.3, rows),
        "finish_reason": np.where(rng.random(rows) < level * bad, "error", "stop"),
        "is_byok": False,
        "cancelled": False,
        "streamed": True,
        "latency": latency.astype(int),
        "generation_time": (latency * 3).astype(int),
        "native_tokens_prompt": rng.integers(100, 10_000, rows),
        "native_tokens_completion": rng.integers(20, 1_000, rows),
    }
    frame = pd.DataFrame(columns)
    fields = [field for field in ARROW_SCHEMA if field.name in columns]
    table = pa.Table.from_pandas(frame[[field.name for field in fields]], pa.schema(fields), preserve_index=False)
    for place, field in enumerate(ARROW_SCHEMA):
        if field.name not in columns:
            table = table.add_column(place, field, pa.nulls(rows, field.type))
    return to_frame(table.select(ARROW_SCHEMA.names).cast(ARROW_SCHEMA))
