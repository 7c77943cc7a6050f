"""Changes in simulations with a known truth: `python3 dev.py bench changes [series|records|power ...]`.

`series` draws 200 data sets of series without a change per kind of noise, and counts those in which any change is
claimed. `records` does so with records of 3 models and all statistics but the price, which is exact. `power` changes
the level of one of 21 series: how often it is found, how far off its day is (90 % of the errors are smaller), and how
often the interval contains the day.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

import genanalytics as ga

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "tests"))

from genanalytics.decide.shifts.segments import segment  # noqa: E402 - not needed for --help
from support.daily import WEEK, draw_noise, make_records  # noqa: E402 - found by the line above

DATA_SETS = 200
NOISE: dict[str, dict[str, Any]] = {
    "independent days": {},
    "heavy tails (t, 3 degrees)": {"freedom": 3},
    "AR(1) 0.3": {"phi": 0.3},
    "AR(1) 0.5": {"phi": 0.5},
    "AR(1) 0.5, heavy tails": {"phi": 0.5, "freedom": 3},
}
SIZES = ((21, 21), (30, 63), (60, 21), (90, 21))
"""Days, and series."""
METRICS = ("effective_cost", "requests", "tokens_in", "cache_hit_rate", "ttft_ms_p50", "ttft_ms_p95", "error_rate")
REPEATS = 200
OTHERS = 20


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
        drawn = (make_records(rng, days=45, models=3, **noise) for _ in range(DATA_SETS))
        alarms = sum(not ga.changes(records, metrics=METRICS).empty for records in drawn)
        print(f"| {name} | {100 * alarms / DATA_SETS:.1f} % |", flush=True)


def measure_power() -> None:
    """Print how often the change of one series among 21 is found, how far off its day is, and what else is claimed."""
    for name in ("independent days", "AR(1) 0.5"):
        for spread in (0.1, 0.25):
            for size in (1.1, 1.3, 2.0):
                cells = [_try_changes(days, spread, size, NOISE[name]) for days in (30, 60, 90)]
                print(f"| {name} | {100 * spread:.0f} % | x {size:g} | {' | '.join(cells)} |", flush=True)


def _try_changes(days: int, spread: float, size: float, noise: dict[str, Any]) -> str:
    """Return the share found, the 90 % quantile of the error in days, and the share of intervals with the true day."""
    rng, weekdays = np.random.default_rng(days), np.arange(days) % 7
    errors, held = [], []
    for _ in range(REPEATS):
        place = int(rng.integers(days // 4, 3 * days // 4))
        drawn = [np.log(WEEK[weekdays]) + spread * draw_noise(rng, days, **noise) for _ in range(OTHERS + 1)]
        drawn[0] += np.where(np.arange(days) < place, 0.0, np.log(size))
        found = segment(drawn, weekdays)[0]
        if found.steps and not found.is_drift:
            step = min(found.steps, key=lambda step: abs(step.place - place))
            errors.append(abs(step.place - place))
            held.append(step.first <= place <= step.last)
    if not errors:
        return "0 %"
    share = 100 * len(errors) / REPEATS
    return f"{share:.0f} %; {np.quantile(errors, 0.9):.0f} d; {100 * np.mean(held):.0f} %"


if __name__ == "__main__":
    for part in sys.argv[1:] or ["series", "records", "power"]:
        {"series": measure_series, "records": measure_records, "power": measure_power}[part]()
