"""The clearest step in series of days: its place, and its size in standard errors.

A step is fitted at each candidate day, together with the weekdays, so that a weekday pattern is not taken for a change,
nor a change for a weekday pattern. The best place is the one with the highest likelihood (D. M. Hawkins, "Testing a
sequence of observations for a shift in location", Journal of the American Statistical Association 72, 1977). A straight
line is one more candidate: a series that grows slowly has no step.

Residuals far from the others are cut (winsorizing; P. J. Huber, "Robust Statistics", 1981), first around no step, so
that a few extreme days cannot choose the place, and then around the best step.

The standard error allows for noise of which a part `phi` remains from each day to the next (AR(1)). Residuals of short
series are less correlated than the noise is, so `phi` is the value whose expected residuals are as correlated as the
observed ones.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

_WEEK = 7
_LEAST_SIDE = 5
_WHOLE_WEEKS = 28
"""From this number of days on, a step needs a whole week on either side."""

_LEAST_STEP = 0.25
_FIRST_CUT, _CUT = 3.0, 2.5
_PASSES = 3
_NORMAL_MEDIAN, _NORMAL_MEAN = 1.4826, 1.2533
"""Standard deviation / median, and / mean, of the absolute value of a normal variable."""

_NOTHING = 1e-18
_PHIS = np.linspace(0.0, 0.95, 20)
_LONGEST_LAG = 60


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """What the days of a series determine, independent of their values.

    Attributes:
        basis: An orthonormal basis of the weekdays, a column each.
        places: The candidates for the first day after a change.
        shapes: The step at each candidate, and a straight line as the last row; without weekday pattern, of length 1.
        overlaps: The sum of products of each shape with itself, by lag; twice for lags other than 0.
        traces: The expected sum of squares of the residuals of noise of variance 1, by `_PHIS`.
        correlations: Their expected correlation from day to day, by `_PHIS`.
    """

    basis: "np.ndarray"
    places: "np.ndarray"
    shapes: "np.ndarray"
    overlaps: "np.ndarray"
    traces: "np.ndarray"
    correlations: "np.ndarray"


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The best step of each series, or the straight line: an element or a row per series.

    Attributes:
        best: Its place among the shapes of the design.
        statistic: Its size divided by its standard error; infinite without any noise.
        errors: The standard error of its size.
        sizes: The size of each shape.
    """

    best: "np.ndarray"
    statistic: "np.ndarray"
    errors: "np.ndarray"
    sizes: "np.ndarray"


@lru_cache(maxsize=512)
def make_design(weekdays: tuple[float, ...]) -> Design:
    """Return the design of days with these weekdays.

    A step that the weekdays nearly explain is no candidate, such as one from working days to a weekend.
    """
    days, names = len(weekdays), np.array(weekdays)
    columns = (names[:, None] == np.unique(names)[None, :]).astype(float)
    basis = columns / np.sqrt(columns.sum(axis=0))
    side = _WEEK if days >= _WHOLE_WEEKS else _LEAST_SIDE
    places = np.arange(side, days - side + 1)
    steps = (np.arange(days)[None, :] >= places[:, None]).astype(float)
    steps = _take_out(steps, basis)
    squares = (steps**2).sum(axis=1)
    distinct = squares >= _LEAST_STEP * places * (days - places) / days
    places, steps = places[distinct], steps[distinct] / np.sqrt(squares[distinct])[:, None]
    line = _take_out(np.arange(days, dtype=float)[None, :], basis)
    shapes = np.vstack([steps, line / np.linalg.norm(line)])
    lags = range(min(days, _LONGEST_LAG))
    overlaps = [(shapes[:, lag:] * shapes[:, : days - lag]).sum(axis=1) * (2 if lag else 1) for lag in lags]
    return Design(basis, places, shapes, np.column_stack(overlaps), *_expect_residuals(basis, steps))


def fit_steps(values: "np.ndarray", design: Design) -> Steps:
    """Return the best step of each series, or the straight line; a row of `values` each."""
    flat = _take_out(values, design.basis)
    cut, best, sizes = _cut_outliers(flat, design)
    rows = np.arange(len(cut))
    own = sizes[rows, best]
    rest = cut - own[:, None] * design.shapes[best]
    squares = (rest**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        seen = (rest[:, 1:] * rest[:, :-1]).sum(axis=1) / squares
        phi = np.interp(np.nan_to_num(seen), design.correlations, _PHIS)
        variance = squares / np.interp(phi, _PHIS, design.traces)
        powers = phi[:, None] ** np.arange(design.overlaps.shape[1])
        errors = np.sqrt(variance * (design.overlaps[best] * powers).sum(axis=1))
        errors = np.where(squares <= _NOTHING * (values**2).sum(axis=1), 0.0, errors)
        statistic = np.where(errors > 0, np.abs(own) / errors, np.inf)
    return Steps(best, statistic, errors, sizes)


def _cut_outliers(flat: "np.ndarray", design: Design) -> tuple["np.ndarray", "np.ndarray", "np.ndarray"]:
    """Return the values with outliers cut, the best places, and the sizes of the steps; all without weekdays."""
    days = flat.shape[1]
    own = np.sqrt(days / (days - design.basis.shape[1] - 1))
    rows = np.arange(len(flat))
    fitted, cut, best, sizes = np.zeros_like(flat), flat, rows, flat
    for turn in range(_PASSES):
        rest = flat - fitted
        distance = np.abs(rest)
        spread = np.maximum(_NORMAL_MEDIAN * np.median(distance, axis=1), _NORMAL_MEAN * distance.mean(axis=1))
        limit = ((_CUT if turn else _FIRST_CUT) * own * spread)[:, None]
        cut = _take_out(fitted + np.clip(rest, -limit, limit), design.basis)
        sizes = cut @ design.shapes.T
        best = np.argmax(np.abs(sizes), axis=1)
        fitted = sizes[rows, best][:, None] * design.shapes[best]
    return cut, best, sizes


def _take_out(values: "np.ndarray", basis: "np.ndarray") -> "np.ndarray":
    """Return each row without its means by weekday."""
    left: np.ndarray = values - (values @ basis) @ basis.T
    return left


def _expect_residuals(basis: "np.ndarray", steps: "np.ndarray") -> tuple["np.ndarray", "np.ndarray"]:
    """Return the expected sum of squares and correlation of the residuals around a step in the middle, by `_PHIS`."""
    days = len(basis)
    left = np.eye(days) - basis @ basis.T
    if len(steps):
        middle = steps[len(steps) // 2]
        left -= np.outer(middle, middle)
    shifted = left[:, 1:] @ left[:-1]
    apart = np.abs(np.subtract.outer(np.arange(days), np.arange(days)))
    noise = [phi**apart for phi in _PHIS]
    traces = np.array([(left * each).sum() for each in noise])
    products = np.array([(shifted * each).sum() for each in noise])
    return traces, np.maximum.accumulate(products / traces)
