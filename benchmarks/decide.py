"""Decisions in simulations with a known truth: `python3 dev.py bench decide [forecast ...]` prints what is found.

`forecast` draws 200 months per process, per length of the history and per day of the month on which the rest is
forecast, and counts how often the bands hold, how often months exceed a budget that they exceed with a stated chance,
and how often a break of the level is found with and without one.
"""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "tests"))

from genanalytics.decide.budget.paths import find_past, look_ahead  # noqa: E402 - not needed for --help
from support.spending import PROCESSES, draw_costs  # noqa: E402 - found by the line above

MONTHS = 200
HISTORIES = (3, 4, 8, 12)
"""Weeks."""
ORIGINS = (5, 15, 25)
"""The last known day of a month of 30 days."""
DRAWS = 2_000
STRONG_TREND = "5 % more each week"
"""A process that the forecast does not know, left out of the chances."""


def measure_forecast() -> None:
    """Print how often the bands of the rest of a month hold."""
    rng = np.random.default_rng(1)
    stated, exceeded = [], []
    for process in PROCESSES:
        cells = []
        for weeks in HISTORIES:
            held, refused = [], 0
            for origin in ORIGINS:
                for _ in range(MONTHS):
                    found = try_month(process, weeks, origin, rng)
                    if found is None:
                        refused += 1
                        continue
                    held.append(found[:2])
                    if process != STRONG_TREND:
                        stated.append(found[2])
                        exceeded.append(found[3])
            shares = np.mean(held, axis=0)
            cells.append(f"{100 * shares[0]:.0f} / {100 * shares[1]:.0f}" + (f" ({refused})" if refused else ""))
        print(f"| {process} | {' | '.join(cells)} |", flush=True)
    print_reliability(np.array(stated), np.array(exceeded))
    measure_breaks()


def try_month(process: str, weeks: int, origin: int, rng: np.random.Generator) -> tuple[bool, bool, float, bool] | None:
    """Return whether both bands hold, and the chance to exceed a budget near the truth and whether it is exceeded."""
    known, ahead = 7 * weeks, 30 - origin
    costs = draw_costs(process, known + ahead, rng)
    start = find_past(costs[:known], np.arange(known) % 7).start
    found = look_ahead(costs[:known], start, ahead, draws=DRAWS)
    if found is None:
        return None
    actual = costs[known:].sum()
    holds = [bool(low <= actual <= high) for low, high in (found.find_band(level)[:, -1] for level in (80, 95))]
    budget = found.expected.sum() * rng.uniform(0.7, 1.4)
    return holds[0], holds[1], float((found.sums[:, -1] > budget).mean()), bool(actual > budget)


def print_reliability(stated: "np.ndarray", exceeded: "np.ndarray") -> None:
    """Print how many of the cases with about one stated chance exceeded the budget."""
    edges = (0.0, 0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 0.99, 1.0001)
    for low, high in pairwise(edges):
        inside = (stated >= low) & (stated < high)
        print(
            f"| {low:.2f} to {min(high, 1):.2f} | {inside.sum():,} | {stated[inside].mean():.3f} | "
            f"{exceeded[inside].mean():.3f} |"
        )


def measure_breaks() -> None:
    """Print how often a level that rose four weeks before the end of 12 weeks is noticed, and whether bands hold."""
    rng = np.random.default_rng(2)
    for process in ("independent days, weekday pattern", "correlated days (AR 0.5)", "heavy-tailed sessions"):
        for rise in (1.0, 1.25, 1.5, 2.0, 4.0):
            noticed, held = 0, []
            for _ in range(MONTHS):
                costs = draw_costs(process, 84 + 15, rng)
                costs[56:] *= rise
                start = find_past(costs[:84], np.arange(84) % 7).start
                noticed += start > 0
                found = look_ahead(costs[:84], start, 15, draws=DRAWS)
                if found is not None:
                    low, high = found.find_band(80)[:, -1]
                    held.append(bool(low <= costs[84:].sum() <= high))
            print(f"| {process} | {rise} | {noticed / MONTHS:.3f} | {np.mean(held):.2f} of {len(held)} |", flush=True)


if __name__ == "__main__":
    for part in sys.argv[1:] or ["forecast"]:
        {"forecast": measure_forecast}[part]()
