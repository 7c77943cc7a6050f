"""Generations in which nothing differs between groups and nothing changes, or with one effect."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.records.frame import to_frame
from genanalytics.records.schema import ARROW_SCHEMA

_QUIET = 0.4
"""The number of sessions of a Saturday or a Sunday, as a share of that of another day."""

_LENGTH = 4
"""The mean number of rows of a session."""


def simulate_generations(
    rng: np.random.Generator,
    *,
    days: int,
    groups: int,
    sessions: float = 40.0,
    spread: float = 1.2,
    even: bool = False,
    failures: float = 1.0,
    delay: float = 1.0,
    price: float = 1.0,
) -> pd.DataFrame:
    """Return generations of some days, in sessions; weekends are quiet, and costs have a heavy tail.

    The rows of a session go together in cost, in errors and in latency; most of them have the same provider.

    Args:
        rng: The random numbers.
        days: The number of days.
        groups: The number of providers, and of models.
        sessions: The mean number of sessions of a weekday.
        spread: The standard deviation of the logarithms of costs.
        even: Whether all providers have about the same number of rows.
        failures: How many times as often `provider-0` fails as the others, of which 3 % of the rows do.
        delay: How many times as long the first token of `provider-0` takes.
        price: How many times as much a request costs in the 8 last days.
    """
    start = pd.Timestamp("2026-03-02T09:00Z") + pd.Timedelta(days=int(rng.integers(7)))
    weekdays = (start.day_of_week + np.arange(days)) % 7
    count = rng.poisson(sessions * np.where(weekdays < 5, 1.0, _QUIET))
    total = int(count.sum())
    session = np.repeat(np.arange(total), rng.geometric(1 / _LENGTH, total))
    day, rows = np.repeat(np.arange(days), count)[session], len(session)
    shares = np.full(groups, 1 / groups) if even else rng.dirichlet(np.full(groups, 3.0))
    provider = rng.choice(groups, total, p=shares)[session]
    provider = np.where(rng.random(rows) < 0.9, provider, rng.choice(groups, rows, p=shares))
    model = rng.choice(groups, total, p=rng.dirichlet(np.full(groups, 3.0)))[session]
    first = provider == 0

    def draw_logs(of_sessions: float, of_rows: float) -> "np.ndarray":
        """Return values with these standard deviations of logarithms between sessions and within them."""
        values: np.ndarray = np.exp(rng.normal(0, of_sessions, total)[session] + rng.normal(0, of_rows, rows))
        return values

    error = rng.random(rows) < rng.beta(0.5, 16.2, total)[session] * np.where(first, failures, 1.0)
    cost = 0.01 * draw_logs(0.6 * spread, 0.8 * spread) * np.where(day >= days - 8, price, 1.0)
    latency = 800 * draw_logs(0.4, 0.7) * np.where(first, delay, 1.0)
    columns: dict[str, Any] = {
        "requested_id": [f"gen-{number}" for number in range(rows)],
        "fetched_at": [start + pd.Timedelta(days=days + 30)] * rows,
        "created_at": start + pd.to_timedelta(day * 24 * 60 + rng.integers(0, 600, rows), unit="min"),
        "session_id": [f"session-{number}" for number in session],
        "model": [f"model-{number}" for number in model],
        "provider_name": [f"provider-{number}" for number in provider],
        "total_cost": cost,
        "cache_discount": cost * rng.uniform(0, 0.3, rows),
        "finish_reason": np.where(error, "error", "stop"),
        "is_byok": [False] * rows,
        "cancelled": [False] * rows,
        "streamed": [True] * rows,
        "latency": latency.astype(int),
        "generation_time": (3 * latency).astype(int),
        "native_tokens_prompt": rng.integers(100, 10_000, rows),
        "native_tokens_completion": rng.integers(20, 1_000, rows),
    }
    arrays = [
        pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(rows, field.type)
        for field in ARROW_SCHEMA
    ]
    return to_frame(pa.Table.from_arrays(arrays, schema=ARROW_SCHEMA))
