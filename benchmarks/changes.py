"""Changes in simulations with a known truth: `python3 dev.py bench changes [series|records|power ...]`.

`series` draws 200 data sets of series without a change per kind of noise, and counts those in which any change is
claimed. `records` does so with records of 3 models and all statistics. `power` changes one thing for one of 4 models
from a day on: how often it is found in its own statistic, how far off its day is, how often the interval contains it,
and how many other series change without a reason.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import genanalytics as ga

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "tests"))

from genanalytics.decide.segments import segment  # noqa: E402 - not needed for --help
from support.daily import FACTORS, WEEK, draw_noise, make_records  # noqa: E402 - found by the line above

DATA_SETS = 200
NOISE: dict[str, dict[str, Any]] = {
    "independent days": {},
    "heavy tails (t, 3 degrees)": {"freedom": 3},
    "AR(1) 0.3": {"phi": 0.3},
    "AR(1) 0.5": {"phi": 0.5},
    "AR(1) 0.5, heavy tails": {"phi": 0.5, "freedom": 3},
}
SIZES = ((21, 40), (30, 160), (60, 40), (90, 40))
"""Days, and series."""
METRICS = ("effective_cost", "requests", "tokens_in", "cache_hit_rate", "ttft_ms_p50", "ttft_ms_p95", "error_rate")
SHOWN_IN = dict(zip(FACTORS, ("requests", "tokens_in", "", "cache_hit_rate", "ttft_ms_p50", "error_rate"), strict=True))
REPEATS = 100
START = pd.Timestamp("2026-06-01", tz="UTC")


def measure_series() -> None:
    """Print the share of data sets without a change in which one is claimed."""
    for name, noise in NOISE.items():
        shares = []
        for days, series in SIZES:
            rng = np.random.default_rng(days)
            weekdays = np.arange(days) % 7
            shares.append(np.mean([_shows_any(rng, weekdays, series, noise) for _ in range(DATA_SETS)]))
        print(f"| {name} | {' | '.join(f'{100 * share:.1f} %' for share in shares)} |", flush=True)


def _shows_any(rng: np.random.Generator, weekdays: "np.ndarray", series: int, noise: dict[str, Any]) -> bool:
    pattern = np.log(WEEK[weekdays])
    drawn = [pattern + 0.2 * draw_noise(rng, len(weekdays), **noise) for _ in range(series)]
    return any(one.steps for one in segment(drawn, weekdays))


def measure_records() -> None:
    """Print the share of data sets of records without a change in which one is claimed."""
    for name, noise in NOISE.items():
        rng = np.random.default_rng(7)
        alarms = sum(not ga.changes(make_records(rng, days=45, models=3, **noise)).empty for _ in range(DATA_SETS))
        print(f"| {name} | {100 * alarms / DATA_SETS:.1f} % |", flush=True)


def measure_power() -> None:
    """Print how often changes are found, and where."""
    for factor, metric in SHOWN_IN.items():
        for size in (1.1, 1.3, 2.0):
            tries = [_try_change(seed, factor, metric, size) for seed in range(REPEATS)]
            rows = pd.DataFrame([row for row, _, _ in tries if row is not None])
            power = f"{100 * len(rows) / REPEATS:.0f} %"
            claimed, false = (sum(counts[place] for _, *counts in tries) for place in (0, 1))
            print(f"| {metric or 'price'} x {size} | {power} | {_describe(rows)} | {false} of {claimed} |", flush=True)


def _describe(rows: pd.DataFrame) -> str:
    """Return the errors of the days, and the share of the intervals that contain the true ones."""
    if rows.empty:
        return "– | –"
    errors = (rows["since"].dt.floor("D") - rows["truth"]).dt.days.abs()
    held = (rows["since_low"].dt.floor("D") <= rows["truth"]) & (rows["truth"] <= rows["since_high"])
    return f"{errors.median():.0f}, {errors.quantile(0.9):.0f} | {100 * held.mean():.0f} %"


def _try_change(seed: int, factor: str, metric: str, size: float) -> "tuple[pd.Series | None, int, int]":
    """Return the change in the statistic that shows it, and the numbers of all changes and of wrong ones."""
    rng = np.random.default_rng(seed)
    place = 20 + seed % 21
    records = make_records(rng, models=4, per_day=40, spread=0.1, change={factor: (place, size)})
    found = ga.changes(records, metrics=METRICS if metric else "usd_per_mtok")
    own = found[found["metric"].eq(metric) if metric else found["kind"].eq("price")]
    own = own[own["model"].eq("model-0") & own["since"].notna()].sort_values("p_value")
    false = int(found["model"].isin(["model-1", "model-2", "model-3"]).sum())
    row = None if own.empty else own.assign(truth=START + pd.Timedelta(days=place)).iloc[0]
    return row, len(found), false


if __name__ == "__main__":
    for part in sys.argv[1:] or ["series", "records", "power"]:
        {"series": measure_series, "records": measure_records, "power": measure_power}[part]()
