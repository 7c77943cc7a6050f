"""Replays of prompt caches whose truth is known: `python3 dev.py bench replays [DATA SETS]`.

Traffic is drawn, and billed under no cache, and under one of five minutes and of one hour. The bills of one of them are
replayed, and compared with the true cost of all three. A second part draws sessions for which writing pays exactly as
much as it costs, so that any policy that is named is a false alarm, and sessions for which it does not pay.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import genanalytics as ga

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "tests"))

from support.cached_sessions import (  # noqa: E402 - found by the line above
    INPUT,
    READ,
    WRITES,
    Call,
    draw_calls,
    frame_calls,
    join_apps,
    total_cost,
)

SHORT, LONG = 300.0, 3_600.0
COLUMNS = {"off": None, "five_min": SHORT, "one_hour": LONG}
LOST = (0.0, 0.08)
GAPS_S = (30.0, 90.0, 240.0)
SESSIONS = 60
MULTIPLES: dict[str, Any] = {"five_min_write": 1.25, "one_hour_write": 2.0}
ROUNDING = 1e-9
GROWTH = 100
MEDIAN, SPREAD, LEAST = 10.0, 0.6, 1_100


def replay_traffic(sets: int, lost: float, seen: float) -> pd.DataFrame:
    """Return how far the replays of data sets are from the truth, a row per data set; each is an app of one frame."""
    drawn = [np.random.default_rng(seed) for seed in range(sets)]
    apps = [draw_calls(rng, 40, lost=lost, gap_s=float(rng.choice(GAPS_S))) for rng in drawn]
    found = ga.cache_replay(join_apps(apps, seen), by="app_id", **MULTIPLES).set_index("app_id").sort_index()
    rows = []
    for number, calls in enumerate(apps):
        truth = {name: total_cost(calls, lifetime) for name, lifetime in COLUMNS.items()}
        row: dict[Any, Any] = found.loc[number].to_dict()
        one: dict[str, object] = {"lost": lost, "seen": seen}
        one |= {f"error of {name}": float(row[name]) / truth[name] - 1 for name in COLUMNS}
        for name in ("five_min", "one_hour"):
            least, most = float(row[f"{name}_least"]), float(row[f"{name}_most"])
            one[f"{name} in bounds"] = least - ROUNDING <= truth[name] <= most + ROUNDING
        one["named"] = pd.notna(row["best"])
        one["wrong"] = pd.notna(row["best"]) and truth[str(row["best"])] >= total_cost(calls, seen)
        rows.append(one)
    return pd.DataFrame(rows)


def draw_pairs(rng: np.random.Generator, chance: float) -> list[Call]:
    """Return sessions that write a prompt, and with a chance read it once, a minute later."""
    calls = []
    for number in range(SESSIONS):
        prompt, at_s = int(np.exp(rng.normal(MEDIAN, SPREAD))) + LEAST, float(rng.uniform(0, 1e6))
        calls.append(Call(f"s-{number}", at_s, prompt, int(rng.integers(100, 400))))
        if rng.random() < chance:
            calls.append(Call(f"s-{number}", at_s + 60, prompt + GROWTH, int(rng.integers(100, 400))))
    return calls


def replay_pairs(seed: int, chance: float, prices: pd.DataFrame) -> tuple[str | None, bool | None]:
    """Return the policy that is named, and whether the interval of its difference contains the expected one."""
    frame = frame_calls(draw_pairs(np.random.default_rng(seed), chance), SHORT)
    row = ga.cache_replay(frame, prices=prices, **MULTIPLES).iloc[0]
    if pd.isna(row["best"]):
        return None, None
    prompt = np.exp(MEDIAN + SPREAD**2 / 2) + LEAST - 0.5
    premium, gain = WRITES[SHORT] - INPUT, INPUT - READ
    less = SESSIONS * (premium * prompt - chance * (gain * prompt - premium * GROWTH)) / 1e9
    return str(row["best"]), bool(row["difference_low"] <= less <= row["difference_high"])


def main(sets: int) -> None:
    """Print the figures of both parts."""
    parts = [replay_traffic(sets, lost, seen) for lost in LOST for seen in (SHORT, LONG)]
    found = pd.concat(parts).groupby(["lost", "seen"])
    print(found.mean(numeric_only=True).to_string())
    errors = [f"error of {name}" for name in COLUMNS]
    print(found[errors].agg(["min", "max"]).to_string())
    even = (WRITES[SHORT] - INPUT) / (INPUT - READ)
    prices = ga.prices(frame_calls(draw_pairs(np.random.default_rng(0), even), SHORT))
    for words, chance in (("no effect", even), ("off pays", 0.1), ("off pays clearly", 0.05)):
        named = [replay_pairs(1_000 + seed, chance, prices) for seed in range(sets)]
        held = [inside for _, inside in named if inside is not None]
        print(words, {name: sum(one == name for one, _ in named) for name in (None, *COLUMNS)}, sum(held), len(held))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
