"""Daily costs with a known truth, and records that have them."""

from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd

from support.daily import draw_noise

WORK_WEEK = np.array([1.1, 1.2, 1.15, 1.1, 0.95, 0.3, 0.2])
"""The cost of each weekday from Monday on, as a multiple of a usual day."""

Draw = Callable[[np.random.Generator, "np.ndarray"], "np.ndarray"]


def _draw_days(rng: np.random.Generator, weekdays: "np.ndarray", *, growth: float = 0.0) -> "np.ndarray":
    """Return independent days with a weekday pattern; the level grows by a share per week."""
    days = len(weekdays)
    noise = rng.gamma(1 / 0.3**2, 0.3**2, days)
    costs: np.ndarray = 20 * WORK_WEEK[weekdays] * noise * (1 + growth) ** (np.arange(days) / 7)
    return costs


def _draw_sessions(rng: np.random.Generator, weekdays: "np.ndarray", *, tail: float) -> "np.ndarray":
    """Return the sums of sessions whose costs are lognormal."""
    counts = rng.poisson(60 * WORK_WEEK[weekdays])
    return np.array([rng.lognormal(-(tail**2) / 2, tail, count).sum() for count in counts])


def _draw_correlated(rng: np.random.Generator, weekdays: "np.ndarray") -> "np.ndarray":
    """Return days of which half the deviation remains on the next day."""
    costs: np.ndarray = 20 * WORK_WEEK[weekdays] * np.exp(0.35 * draw_noise(rng, len(weekdays), phi=0.5))
    return costs


def _draw_weeks(rng: np.random.Generator, weekdays: "np.ndarray") -> "np.ndarray":
    """Return days whose level is another one each week."""
    weeks = np.cumsum(weekdays == 0)
    levels = np.exp(rng.normal(0, 0.15, weeks.max() + 1))
    costs: np.ndarray = _draw_days(rng, weekdays) * levels[weeks]
    return costs


def _draw_without_pattern(rng: np.random.Generator, weekdays: "np.ndarray") -> "np.ndarray":
    return 20 * rng.gamma(1 / 0.5**2, 0.5**2, len(weekdays))


def _draw_free_weekends(rng: np.random.Generator, weekdays: "np.ndarray") -> "np.ndarray":
    return np.where(weekdays < 5, _draw_days(rng, weekdays), 0.0)


PROCESSES: dict[str, Draw] = {
    "independent days, weekday pattern": _draw_days,
    "no weekday pattern, twice the spread": _draw_without_pattern,
    "free weekends": _draw_free_weekends,
    "heavy-tailed sessions": lambda rng, weekdays: _draw_sessions(rng, weekdays, tail=1.5),
    "very heavy-tailed sessions": lambda rng, weekdays: _draw_sessions(rng, weekdays, tail=2.2),
    "correlated days (AR 0.5)": _draw_correlated,
    "another level each week": _draw_weeks,
    "1 % more each week": lambda rng, weekdays: _draw_days(rng, weekdays, growth=0.01),
    "1 % less each week": lambda rng, weekdays: _draw_days(rng, weekdays, growth=-0.01),
    "5 % more each week": lambda rng, weekdays: _draw_days(rng, weekdays, growth=0.05),
}
"""Ways in which daily costs come about: each draws the costs of days with these weekdays (0 is Monday)."""


def draw_costs(process: str, days: int, rng: np.random.Generator, *, first: date | None = None) -> "np.ndarray":
    """Return the costs of days; without a first day, they begin on any weekday."""
    begin = int(rng.integers(7)) if first is None else first.weekday()
    return PROCESSES[process](rng, (begin + np.arange(days)) % 7)


def make_spending(
    costs: "np.ndarray | list[float]", first: str = "2026-06-01", *, fetched: str | None = "2027-01-01"
) -> pd.DataFrame:
    """Return records with these costs: three a day, from 8 to 18 o'clock UTC; none on days that cost nothing."""
    days = pd.date_range(first, periods=len(costs), tz="UTC")
    spent = pd.Series(np.asarray(costs, dtype=float), index=days)
    parts = [(8, 0.5), (12, 0.25), (18, 0.25)]
    frames = [
        pd.DataFrame({"created_at": days + pd.Timedelta(hours=hour), "total_cost": part * spent.to_numpy()})
        for hour, part in parts
    ]
    frame = pd.concat(frames)
    frame = frame[frame["total_cost"] != 0].sort_values("created_at", ignore_index=True)
    moment = pd.NaT if fetched is None else pd.Timestamp(fetched, tz="UTC")
    return frame.assign(
        requested_id=[f"gen-{place}" for place in range(len(frame))],
        is_byok=False,
        upstream_inference_cost=0.0,
        fetched_at=pd.Series(moment, index=frame.index, dtype="datetime64[us, UTC]"),
    )
