"""Records that were billed at prices that a test chooses."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from support.generations import frame_of


class Sheet(NamedTuple):
    """Prices in micro-dollars per thousand tokens, which are US$ per million tokens times a thousand."""

    input: int = 200
    read: int = 20
    write: int = 250
    output: int = 1_200

    def times(self, percent: int) -> "Sheet":
        return Sheet(*(price * percent // 100 for price in self))


USUAL = Sheet()


def bill_call(place: int, sheet: Sheet = USUAL, *, cached: int = 0, prompt: int = 0, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a record of a call that reads `cached` tokens and writes all others of its prompt to the cache."""
    prompt = prompt or 20_000 + 137 * (17 * place % 41) ** 2
    completion = 100 + 97 * (place % 7) + 13 * place
    written = prompt - cached
    nanos = cached * sheet.read + written * sheet.write + completion * sheet.output
    saved = cached * (sheet.input - sheet.read) - written * (sheet.write - sheet.input)
    moment = pd.Timestamp("2026-03-01T12:00Z") + pd.Timedelta(hours=place)
    return {
        "created_at": moment.isoformat(),
        "model": "maker/m",
        "total_cost": nanos / 1e9,
        "cache_discount": saved / 1e9,
        "native_tokens_prompt": prompt,
        "native_tokens_cached": cached,
        "native_tokens_completion": completion,
        **fields,
    }


def list_surcharged(number: int = 40) -> list[dict[str, Any]]:
    """Return calls at the usual prices; every fourth one is charged 1.1 times."""
    return [
        bill_call(place, USUAL.times(110) if place % 4 == 0 else USUAL, cached=4_000 * (place % 3))
        for place in range(number)
    ]


def frame_surcharged(number: int = 40) -> pd.DataFrame:
    return frame_of(*list_surcharged(number))


def find_extra(records: Sequence[dict[str, Any]]) -> float:
    """Return what the calls at 1.1 times the usual prices cost above them, in US$."""
    return math.fsum(record["total_cost"] for record in records[::4]) / 11
