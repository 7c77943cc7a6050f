"""The model of a daily series: a weekday pattern, a level, and how much past weeks differed from both."""

from typing import NamedTuple

import numpy as np

WEEK = 7
LEAST_WEEKS = 3
"""Fewer weeks do not show how much weeks differ."""
DRAWS = 10_000

_MONTH = 28
_HALF_LIFE = 3.0
"""After this many weeks, a week counts half for the level."""
_CAP = 3.0
"""In the weekday pattern, a day counts at most this many times the median of its weekday."""
_PRIOR = 6.0
"""A spread out of all days counts as much as this many weeks in a spread out of weekly totals, or of one weekday."""
_MOST_CORRELATION = 0.8
"""The highest correlation of a day with the next: a higher one would say that days hardly return to the level."""


class Model(NamedTuple):
    """A weekday pattern, a level and a spread, from past days. Weeks are counted back from the last day.

    Attributes:
        level: The mean of a day.
        pattern: The mean of each day of a week as a multiple of the level; the first one is the day after the last.
        blocks: How much each day of a week may differ from level and pattern, in multiples of the level: a row for
            each seven past days in a row.
        weights: The weights of the past weeks in the level, which add up to 1.
        scale: What the blocks are multiplied by, so that they vary as much as future weeks do.
        freedom: The degrees of freedom of that scale.
    """

    level: float
    pattern: "np.ndarray"
    blocks: "np.ndarray"
    weights: "np.ndarray"
    scale: float
    freedom: float


def fit(values: "np.ndarray") -> Model | None:
    """Return the model of daily values; None if nothing was spent, so that there is no level.

    Args:
        values: At least `LEAST_WEEKS` weeks of days; what exceeds whole weeks is left out at the start.
    """
    count = len(values) // WEEK
    weeks = values[len(values) - count * WEEK :].reshape(count, WEEK)
    pattern = _find_pattern(weeks)
    weights = 0.5 ** (np.arange(count)[::-1] / _HALF_LIFE)
    weights /= weights.sum()
    level = float(weights @ weeks.mean(axis=1))
    if level <= 0:
        return None
    residuals = weeks / level - pattern
    residuals -= residuals.mean()
    blocks = _make_blocks(residuals, pattern)
    varied = float((blocks.sum(axis=1) ** 2).mean())
    scale = float(np.sqrt(_estimate_variance(residuals) / varied)) if varied > 0 else 0.0
    return Model(level, pattern, blocks, weights, scale, count - 1 + _PRIOR)


def expect(model: Model, days: int, first: float = 1.0) -> "np.ndarray":
    """Return the expected value of each future day.

    Args:
        model: The model.
        days: The number of days.
        first: The part of the first day that is still to come (0 to 1).
    """
    expected: np.ndarray = model.level * np.resize(model.pattern, days) * _make_parts(days, first)
    return expected


def simulate(model: Model, days: int, first: float = 1.0, *, seed: int = 1, draws: int = DRAWS) -> "np.ndarray":
    """Return simulated sums up to each future day, one row per draw.

    Each draw consists of blocks of seven past days, which keep the correlation of the days of a week (the moving
    block bootstrap; H. R. Künsch, "The jackknife and the bootstrap for general stationary observations", Annals of
    Statistics 17, 1989). The level is uncertain too: each draw takes the level of equally many weeks, drawn at random.
    Few weeks show little of the spread, so it is scaled up without bias, and the spread differs between draws, as in
    Student's t.

    Args:
        model: The model.
        days: The number of days.
        first: The part of the first day that is still to come (0 to 1).
        seed: The seed of the random numbers.
        draws: The number of draws.
    """
    rng = np.random.default_rng(seed)
    count = len(model.blocks)
    spread = model.scale * np.sqrt(model.freedom / rng.chisquare(model.freedom, (draws, 1)))
    drawn = rng.integers(0, count, (draws, -(-days // WEEK)))
    noise = model.blocks[drawn].reshape(draws, -1)[:, :days]
    again = model.blocks[rng.integers(0, count, (draws, len(model.weights)))]
    shifts = (again.mean(axis=2) @ model.weights)[:, None]
    pattern = np.resize(model.pattern, days)
    paths = model.level * (pattern + spread * (noise + shifts * pattern)) * _make_parts(days, first)
    sums: np.ndarray = np.maximum(np.cumsum(paths, axis=1), 0.0)
    return sums


def _make_parts(days: int, first: float) -> "np.ndarray":
    parts = np.ones(days)
    parts[:1] = first
    return parts


def _find_pattern(weeks: "np.ndarray") -> "np.ndarray":
    """Return the mean of each weekday as a multiple of the mean of all days, shrunk to 1 as far as chance explains it.

    The shrinkage is that of W. James and C. Stein, "Estimation with quadratic loss" (1961), towards the common mean.
    """
    caps = _CAP * np.median(weeks, axis=0)
    capped = np.where(caps > 0, np.minimum(weeks, caps), weeks)
    mean = capped.mean()
    if mean <= 0:
        return np.ones(WEEK)
    raw = capped.mean(axis=0) / mean
    between = ((raw - 1) ** 2).sum()
    within = ((capped / mean - raw) ** 2).sum() / (WEEK * (len(weeks) - 1)) / len(weeks)
    kept = max(0.0, 1 - (WEEK - 3) * within / between) if between > 0 else 0.0
    pattern: np.ndarray = np.where(raw > 0, 1 + kept * (raw - 1), 0.0)  # a weekday that never cost anything stays free
    pattern /= pattern.mean()
    return pattern


def _estimate_variance(residuals: "np.ndarray") -> float:
    """Return a quarter of the variance of the total of four weeks, out of the few weekly totals and of all days.

    Totals of independent days have the sum of the variances of the days; those of correlated days have more,
    which follows from the autocorrelation of one day with the next (AR(1)).
    """
    count = len(residuals)
    totals = residuals.sum(axis=1)
    of_weeks = float(((totals - totals.mean()) ** 2).sum() / (count - 1))
    days = residuals - residuals.mean(axis=0)
    of_days = float((days**2).sum() / (count - 1))
    spread = np.sqrt((days**2).mean(axis=0))
    even = np.divide(days, spread, out=np.zeros_like(days), where=spread > 0).ravel()
    power = float(even @ even)
    found = float(even[1:] @ even[:-1]) / power if power else 0.0
    correlation = min(max(found + 1 / even.size, 0.0), _MOST_CORRELATION)
    in_month = _find_excess(correlation, _MONTH)
    of_weeks *= in_month / _find_excess(correlation, WEEK)
    of_days *= in_month
    return ((count - 1) * of_weeks + _PRIOR * of_days) / (count - 1 + _PRIOR)


def _find_excess(correlation: float, days: int) -> float:
    """Return how many times as much the total of correlated days varies as that of independent ones."""
    lags = np.arange(1, days)
    return 1 + 2 * float(((1 - lags / days) * correlation**lags).sum())


def _make_blocks(residuals: "np.ndarray", pattern: "np.ndarray") -> "np.ndarray":
    """Return each seven residuals in a row, as many times as large as the weekday varies that they are put on.

    The last days are followed by the first, so that each day is in as many blocks. The spread of a weekday, out of a
    few days only, is shrunk to one in proportion to the pattern.
    """
    freedom = len(residuals) - 1
    squares = (residuals - residuals.mean(axis=0)) ** 2
    usual = squares.sum() / freedom * pattern**2 / (pattern**2).sum()
    spread = np.sqrt((squares.sum(axis=0) + _PRIOR * usual) / (freedom + _PRIOR))
    even = np.divide(residuals, spread, out=np.zeros_like(residuals), where=spread > 0).ravel()
    places = np.arange(even.size)[:, None] + np.arange(WEEK)
    blocks: np.ndarray = even[places % even.size] * spread
    blocks -= blocks.mean(axis=0)
    return blocks
