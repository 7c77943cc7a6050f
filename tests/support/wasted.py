"""Records of which it is known, to the nano-dollar, what was wasted."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from genanalytics.decide.losses.ledger import FLIPPED, REPEATED, SURCHARGED, UNREAD
from support.billed import USUAL, Sheet
from support.generations import frame_of

BLOCK = 128
START = pd.Timestamp("2026-03-02T08:00Z")


@dataclass
class Month:
    """Records, and the waste among them.

    Attributes:
        records: The records.
        wasted: Nano-dollars by class.
        requests: The number of requests by class.
        time_ms: Milliseconds by class.
    """

    records: list[dict[str, Any]] = field(default_factory=list)
    wasted: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    time_ms: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, nanos: int) -> None:
        self.wasted[name] += nanos
        self.requests[name] += 1

    @property
    def frame(self) -> pd.DataFrame:
        return frame_of(*self.records)


def make_month(seed: int = 1, *, wasteful: bool = True) -> Month:
    """Return 480 chats and 30 sessions; a chat is wasted in one way at most."""
    rng, month = np.random.default_rng(seed), Month()
    for place in range(480):
        _add_chat(month, place, rng, wasteful=wasteful)
    for place in range(30):
        _add_session(month, place, rng, is_flipped=wasteful and place % 5 == 2, is_alone=wasteful and place % 5 == 4)
    return month


def bill(prompt: int, completion: int, *, cached: int = 0, written: int = 0, sheet: Sheet = USUAL) -> dict[str, Any]:
    """Return the amounts of a call, and its tokens."""
    plain = prompt - cached - written
    nanos = plain * sheet.input + cached * sheet.read + written * sheet.write + completion * sheet.output
    saved = cached * (sheet.input - sheet.read) - written * (sheet.write - sheet.input)
    return {
        "total_cost": nanos / 1e9,
        "cache_discount": saved / 1e9 if cached or written else None,
        "native_tokens_prompt": prompt,
        "native_tokens_cached": cached,
        "native_tokens_completion": completion,
    }


def to_nanos(record: dict[str, Any]) -> int:
    nanos: int = round(record["total_cost"] * 1e9)
    return nanos


_ENDINGS = {3: "cancelled", 13: "error", 23: "truncated", 33: "filtered", 43: "empty answer"}
_REASONS = {"cancelled": None, "error": "error", "truncated": "length", "filtered": "content_filter"}


def _add_chat(month: Month, place: int, rng: np.random.Generator, *, wasteful: bool) -> None:
    kind = _ENDINGS.get(place % 60, "") if wasteful else ""
    surcharged = wasteful and place % 60 in {7, 17, 27, 37, 47, 57}
    sheet = USUAL.times(110) if surcharged else USUAL
    completion = 0 if kind == "empty answer" else int(rng.integers(20, 900))
    record = bill(int(rng.integers(200, 9_000)), completion, sheet=sheet)
    moment = START + pd.Timedelta(minutes=11 * place, seconds=int(rng.integers(0, 60)))
    record |= {
        "created_at": moment.isoformat(),
        "app_id": 1,
        "external_user": f"user-{place % 4}",
        "api_type": "completions",
        "generation_time": 1_000 + place,
        "cancelled": kind == "cancelled",
        "finish_reason": _REASONS.get(kind, "stop"),
        "provider_responses": [{"status": 200, "latency": 700}],
    }
    if kind:
        month.add(kind, to_nanos(record))
    if kind in {"cancelled", "error"}:
        month.time_ms[kind] += record["generation_time"]
    if surcharged:
        month.add(SURCHARGED, to_nanos(record) // 11)
    if wasteful and place % 60 == 50:
        record["provider_responses"].insert(0, {"status": 429, "latency": 300 + place})
        month.requests["fallback"] += 1
        month.time_ms["fallback"] += 300 + place
    month.records.append(record)
    if wasteful and place % 60 in {5, 15}:
        again = record | {"created_at": (moment + pd.Timedelta(seconds=4)).isoformat()}
        month.add(REPEATED, to_nanos(again))
        month.records.append(again)


def _add_session(month: Month, place: int, rng: np.random.Generator, *, is_flipped: bool, is_alone: bool) -> None:
    """Add a session of another app, whose calls write all that they do not read, and read what was written."""
    moment, prompt, cached = START + pd.Timedelta(hours=2 * place), int(rng.integers(10_000, 60_000)), 0
    calls = 1 if is_alone else 6
    for number in range(calls):
        lost = is_flipped and number == 3
        read = 0 if lost else cached
        written = prompt - read
        record = bill(prompt, int(rng.integers(50, 400)), cached=read, written=written)
        month.records.append(
            record
            | {
                "created_at": moment.isoformat(),
                "app_id": 2,
                "session_id": f"session-{place}",
                "api_type": "completions",
                "provider_responses": [{"status": 200, "latency": 900}],
            }
        )
        if lost:
            month.add(FLIPPED, cached * (USUAL.write - USUAL.read))
        if number == calls - 1 and written > max(BLOCK, 0.01 * prompt):
            month.add(UNREAD, written * (USUAL.write - USUAL.input))
        cached, moment = prompt, moment + pd.Timedelta(seconds=int(rng.integers(20, 200)))
        prompt += int(rng.integers(200, 3_000))


def recompute(frame: pd.DataFrame) -> dict[str, float]:
    """Return US$ by class out of a frame, in plain Python: the classes that need no prices, and the bill."""
    found: defaultdict[Any, float] = defaultdict(float)
    for row in frame.to_dict("records"):
        known = {name: value for name, value in row.items() if pd.api.types.is_scalar(value) and pd.notna(value)}
        cost = known.get("total_cost", 0.0)
        if known.get("is_byok"):
            cost += known.get("upstream_inference_cost", 0.0)
        found["bill"] += cost
        if cost > 0 and not isinstance(known.get("response_cache_source_id"), str):
            found[_name_ending(known)] += cost
    return dict(found)


def _name_ending(row: dict[Any, Any]) -> str:
    reason = row.get("finish_reason")
    if row.get("cancelled"):
        return "cancelled"
    if reason in {"error", "length", "content_filter"}:
        return {"error": "error", "length": "truncated", "content_filter": "filtered"}[reason]
    is_empty = reason == "stop" and row.get("native_tokens_completion") == 0 and row.get("api_type") != "image"
    return "empty answer" if is_empty else "other"
