"""Days with a known truth: series, and records whose statistics change on a known day."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

WEEK = np.array([1.0, 1.1, 1.2, 1.1, 0.9, 0.4, 0.3])
"""A strong weekday pattern."""

FACTORS = ("requests", "tokens", "price", "cached", "ttft", "errors")
"""What can change: how many requests, how long, at which price, how much of them cached, how fast, how reliable."""


def draw_noise(rng: np.random.Generator, days: int, *, phi: float = 0.0, freedom: float | None = None) -> "np.ndarray":
    """Return noise of variance 1: normal, or Student's t; `phi` of each day's noise remains on the next one."""
    begun = 30
    fresh = rng.standard_normal(days + begun)
    if freedom is not None:
        fresh = rng.standard_t(freedom, days + begun) / np.sqrt(freedom / (freedom - 2))
    noise = fresh * np.sqrt(1 - phi**2)
    for day in range(1, len(noise)):
        noise[day] += phi * noise[day - 1]
    kept: np.ndarray = noise[begun:]
    return kept


def make_records(
    rng: np.random.Generator,
    *,
    days: int = 60,
    models: int = 2,
    per_day: float = 20,
    spread: float = 0.15,
    change: Mapping[str, tuple[int, float]] | None = None,
    phi: float = 0.0,
    freedom: float | None = None,
) -> pd.DataFrame:
    """Return records from 2026-06-01 on, whose days differ by noise and weekday.

    Args:
        rng: The source of chance.
        days: The number of days.
        models: The number of models.
        per_day: The mean number of requests of a model on a day.
        spread: The standard deviation of the logarithm of each level from day to day; prices have none.
        change: For each of `FACTORS` that changes for the first model, the first day and the factor.
        phi: The dependence of each day on the one before.
        freedom: The degrees of freedom of heavy-tailed noise; None for normal noise.
    """
    frames = []
    for model in range(models):
        levels = {name: np.exp(spread * draw_noise(rng, days, phi=phi, freedom=freedom)) for name in FACTORS}
        levels["price"] = np.ones(days)
        for name, (place, factor) in (change or {}).items() if model == 0 else ():
            levels[name] = levels[name] * np.where(np.arange(days) < place, 1.0, factor)
        frames.append(_make_model(rng, f"model-{model}", 1.0 + model, per_day, levels))
    frame = pd.concat(frames, ignore_index=True)
    return frame.assign(requested_id=[f"gen-{place:06}" for place in range(len(frame))])


def _make_model(
    rng: np.random.Generator, name: str, price: float, per_day: float, levels: "Mapping[str, np.ndarray]"
) -> pd.DataFrame:
    days = len(levels["price"])
    day = np.repeat(np.arange(days), rng.poisson(per_day * WEEK[np.arange(days) % 7] * levels["requests"]))
    own = {factor: values[day] for factor, values in levels.items()}
    prompt = np.rint(np.exp(8 + 0.5 * rng.standard_normal(len(day))) * own["tokens"]).astype(int)
    completion = np.rint(np.exp(5.5 + 0.5 * rng.standard_normal(len(day))) * own["tokens"]).astype(int)
    cached = np.rint(prompt * np.clip(0.4 * own["cached"] + 0.1 * rng.standard_normal(len(day)), 0, 0.95)).astype(int)
    micros = np.rint(1e6 * price * own["price"]).astype(int)  # of a dollar, per million tokens
    amount = micros * (10 * (prompt - cached) + cached + 50 * completion)
    return pd.DataFrame(
        {
            "created_at": pd.Timestamp("2026-06-01", tz="UTC")
            + pd.to_timedelta(day * 86_400 + rng.integers(0, 86_400, len(day)), unit="s"),
            "fetched_at": pd.Timestamp("2026-06-01", tz="UTC") + pd.Timedelta(days=days + 1),
            "model": name,
            "provider_name": "P",
            "total_cost": amount / 1e13,
            "cache_discount": micros * 9 * cached / 1e13,
            "is_byok": False,
            "upstream_inference_cost": 0.0,
            "native_tokens_prompt": prompt,
            "native_tokens_completion": completion,
            "native_tokens_cached": cached,
            "response_cache_source_id": pd.Series([None] * len(day), dtype="str"),
            "streamed": True,
            "cancelled": False,
            "latency": np.rint(800 * np.exp(0.5 * rng.standard_normal(len(day))) * own["ttft"]),
            "finish_reason": np.where(rng.random(len(day)) < 0.05 * own["errors"], "error", "stop"),
        }
    ).astype(dict.fromkeys(("created_at", "fetched_at"), "datetime64[us, UTC]"))
