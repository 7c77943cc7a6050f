"""The same calls billed by several providers, at prices and with caches that a test chooses."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from genanalytics.decide.elsewhere.what_if import what_if


class Tariff(NamedTuple):
    """Nano-dollars per token."""

    input: int = 200
    read: int = 20
    write: int = 250
    output: int = 1_200


class Calls(NamedTuple):
    """Calls: normalized tokens of prompts and answers, and the share of each prompt that a cache reads."""

    prompt: "np.ndarray"
    completion: "np.ndarray"
    share: "np.ndarray"

    def part(self, places: "np.ndarray | slice") -> "Calls":
        return Calls(*(values[places] for values in self))


def draw_calls(count: int, seed: int, *, cached: bool = True) -> Calls:
    draws = np.random.default_rng(seed)
    share = np.where(draws.random(count) < 0.7, draws.uniform(0.3, 0.95, count), 0.0)
    return Calls(
        np.minimum(6_000, np.exp(draws.normal(8.0, 0.8, count)).astype(int) + 50),
        np.exp(draws.normal(5.5, 0.7, count)).astype(int) + 10,
        share if cached else np.zeros(count),
    )


def count_native(tokens: "np.ndarray", ratio: float, seed: int, *, noise: float = 0.0) -> "np.ndarray":
    """Return the tokens of a tokenizer with this ratio, which varies from text to text."""
    varied = ratio * np.exp(np.random.default_rng(seed).normal(0.0, noise, len(tokens)))
    found: np.ndarray = np.maximum(1, np.round(tokens * varied)).astype(int)
    return found


def bill(
    calls: Calls,
    tariff: Tariff,
    *,
    model: str = "m",
    provider: str = "p",
    tokens: "tuple[np.ndarray, np.ndarray] | None" = None,
) -> pd.DataFrame:
    """Return the records of calls; where a prompt is cached at all, the cache writes what it does not read."""
    prompt, completion = (calls.prompt, calls.completion) if tokens is None else tokens
    cached = (calls.share * prompt).astype(int)
    written = np.where(calls.share > 0, prompt - cached, 0)
    fresh = prompt - cached - written
    nanos = fresh * tariff.input + cached * tariff.read + written * tariff.write + completion * tariff.output
    saved = cached * (tariff.input - tariff.read) - written * (tariff.write - tariff.input)
    return pd.DataFrame(
        {
            "requested_id": [f"gen-{model}-{provider}-{place:05}" for place in range(len(prompt))],
            "created_at": pd.date_range("2026-08-01", periods=len(prompt), freq="7min", tz="UTC"),
            "fetched_at": pd.Timestamp("2027-01-01", tz="UTC"),
            "model": model,
            "provider_name": provider,
            "tokens_prompt": calls.prompt,
            "tokens_completion": calls.completion,
            "native_tokens_prompt": prompt,
            "native_tokens_completion": completion,
            "native_tokens_cached": cached,
            "total_cost": nanos / 1e9,
            "cache_discount": saved / 1e9,
            "upstream_inference_cost": 0.0,
            "is_byok": False,
            "streamed": False,
            "response_cache_source_id": pd.Series([None] * len(prompt), dtype="str"),
        }
    )


def sum_nanos(frame: pd.DataFrame) -> int:
    """Return the whole cost of records in nano-dollars."""
    return round(frame["total_cost"].sum() * 1e9)


def list_frames(*frames: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return records of several providers in any order."""
    joined: pd.DataFrame = pd.concat(frames, ignore_index=True).sample(frac=1, random_state=seed)
    return joined.reset_index(drop=True)


def read_row(found: pd.DataFrame, **names: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the one row of an answer with these values."""
    chosen = found
    for name, value in names.items():
        chosen = chosen[chosen[name] == value]
    (row,) = chosen.to_dict("records")
    return {str(name): value for name, value in row.items()}


def to_nanos(amounts: Iterable[float]) -> list[int]:
    return [round(amount * 1e9) for amount in amounts]


def simulate_tokenizers(seed: int, *, noise: float = 0.15) -> tuple[float, float]:
    """Return by how much the true cost at another model is outside of the bounds, and their width: shares of it.

    Both models have a tokenizer of their own, whose ratio varies from text to text.
    """
    draws = np.random.default_rng(seed)
    ratios = draws.uniform(0.8, 1.4, 2)
    calls, others = (draw_calls(int(draws.integers(200, 600)), 2 * seed + place, cached=False) for place in (0, 1))
    here, there = Tariff(), Tariff(140, 35, 150, 900)

    def count(each: Calls, ratio: float, place: int) -> "tuple[np.ndarray, np.ndarray]":
        prompt, completion = (
            count_native(tokens, ratio, 10 * seed + place + side, noise=noise)
            for side, tokens in enumerate((each.prompt, each.completion))
        )
        return prompt, completion

    now = bill(calls, here, model="one", tokens=count(calls, ratios[0], 0))
    other = bill(others, there, model="other", tokens=count(others, ratios[1], 2))
    cost = bill(calls, there, model="other", tokens=count(calls, ratios[1], 4))["total_cost"].sum()
    row = read_row(what_if(list_frames(now, other), to={"model": "other"}), model="one")
    outside = max(row["cost_there_low"] - cost, cost - row["cost_there_high"], 0.0)
    return float(outside / cost), float((row["cost_there_high"] - row["cost_there_low"]) / cost)
