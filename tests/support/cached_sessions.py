"""Sessions whose prompt cache is simulated: the same traffic under any lifetime, with its true cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

INPUT, READ, OUTPUT = 1_000, 100, 5_000
"""Nano-dollars per token."""
WRITES: Mapping[float | None, int] = {None: INPUT, 300.0: 1_250, 3_600.0: 2_000}
"""Nano-dollars per token that is written, by the lifetime in seconds; None is no cache."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call: its session, its moment, its tokens, and whether another endpoint serves it, without the cache."""

    session: str
    at_s: float
    prompt: int
    completion: int
    lost: bool = False


def draw_calls(
    rng: np.random.Generator,
    sessions: int,
    *,
    gap_s: float = 90.0,
    spread: float = 1.5,
    lost: float = 0.0,
    calls: float = 6.0,
) -> list[Call]:
    """Return the calls of sessions with growing prompts; gaps are lognormal."""
    found = []
    for number in range(sessions):
        at_s, prompt = float(rng.uniform(0, 20 * 86_400)), int(rng.integers(5_000, 60_000))
        for place in range(1 + int(rng.poisson(calls - 1))):
            completion = int(rng.integers(20, 900))
            found.append(Call(f"s-{number}", at_s, prompt, completion, bool(place and rng.random() < lost)))
            at_s += round(float(rng.lognormal(np.log(gap_s), spread)), 3) + 1
            prompt += completion + int(rng.integers(50, 3_000))
    return found


def read_tokens(calls: Sequence[Call], lifetime_s: float | None) -> list[int]:
    """Return the tokens that each call reads from a cache of a lifetime."""
    last: dict[str, Call] = {}
    found = []
    for call in sorted(calls, key=lambda one: (one.at_s, one.session)):
        before = last.get(call.session)
        hit = lifetime_s is not None and before is not None and not call.lost and call.at_s - before.at_s <= lifetime_s
        found.append(before.prompt if hit and before is not None else 0)
        last[call.session] = call
    return found


def price_calls(calls: Sequence[Call], lifetime_s: float | None) -> list[int]:
    """Return the true cost of each call in nano-dollars; all that is not read is written."""
    write = WRITES[lifetime_s]
    ordered = sorted(calls, key=lambda one: (one.at_s, one.session))
    return [
        READ * read + write * (call.prompt - read) + OUTPUT * call.completion
        for call, read in zip(ordered, read_tokens(calls, lifetime_s), strict=True)
    ]


def total_cost(calls: Sequence[Call], lifetime_s: float | None) -> float:
    """Return the true cost of all calls in US$."""
    return sum(price_calls(calls, lifetime_s)) / 1e9


def frame_calls(calls: Sequence[Call], lifetime_s: float | None, **columns: Any) -> pd.DataFrame:  # noqa: ANN401 - a column
    """Return the records of calls under a cache of a lifetime."""
    ordered = sorted(calls, key=lambda one: (one.at_s, one.session))
    cost = np.array(price_calls(calls, lifetime_s))
    without = np.array([INPUT * call.prompt + OUTPUT * call.completion for call in ordered])
    moments = pd.Timestamp("2026-09-01", tz="UTC") + pd.to_timedelta([1_000 * call.at_s for call in ordered], unit="ms")
    saved = pd.Series((without - cost) / 1e9, dtype="Float64")
    return pd.DataFrame(
        {
            "requested_id": [f"gen-{place:06}" for place in range(len(ordered))],
            "session_id": [call.session for call in ordered],
            "created_at": pd.Series(moments).astype("datetime64[us, UTC]"),
            "model": "maker/m",
            "provider_name": "P",
            "app_id": pd.array([7] * len(ordered), dtype="Int64"),
            "native_tokens_prompt": pd.array([call.prompt for call in ordered], dtype="Int64"),
            "native_tokens_completion": pd.array([call.completion for call in ordered], dtype="Int64"),
            "native_tokens_cached": pd.array(read_tokens(calls, lifetime_s), dtype="Int64"),
            "total_cost": pd.array(cost / 1e9, dtype="Float64"),
            "cache_discount": saved.mask(saved == 0) if lifetime_s is None else saved,
        }
    ).assign(**columns)


def join_apps(apps: Sequence[Sequence[Call]], lifetime_s: float | None, **columns: Any) -> pd.DataFrame:  # noqa: ANN401 - a column
    """Return the records of several apps, numbered from 0 in `app_id`."""
    frames = []
    for number, calls in enumerate(apps):
        frame = frame_calls(calls, lifetime_s, app_id=pd.array([number], dtype="Int64").repeat(len(calls)))
        for name in ("requested_id", "session_id"):
            frame[name] = f"{number} " + frame[name]
        frames.append(frame)
    return pd.concat(frames, ignore_index=True).assign(**columns)
