"""Whether the level of one daily series changed, when, and by how much.

The statistic is that of `steps`, and its p value that of `break_chances`. Long series are also tested in parts that
overlap by half, since a change that is undone later hardly shows in the whole (S. Kovács et al., "Seeded binary
segmentation", Biometrika 110, 2023). The p values are multiplied by the number of parts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from genanalytics.decide.shifts.break_chances import find_chance
from genanalytics.decide.shifts.steps import fit_steps, make_design
from genanalytics.errors import InputError

FEWEST_DAYS = 14
"""The fewest days with a value in which a change can be found."""

Scale = Literal["log", "share", "plain"]
"""What makes the spread of a series even: logarithms, the arcsine of the root of a share, or nothing."""

_LEAST_PART = 28
_ZERO_PART = 0.25
_NOTHING = 1e-9
_PLACES_95 = float(-2 * np.log(1 - np.sqrt(0.95)))
"""The 95 % limit of twice the logarithm of the likelihood ratio of the best place to the true one (Y. Eo and J. Morley,
"Likelihood-ratio-based confidence sets for the timing of structural breaks", Quantitative Economics 6, 2015)."""


@dataclass(frozen=True, slots=True)
class Break:
    """A change of the level of a series of days.

    Attributes:
        place: The place of the first day with the new level.
        first: The first of the places that the data do not exclude, at 95 %.
        last: The last of them.
        p_value: The chance of a change as clear as this one in a series without any.
        before: The level before: the mean of the means of the weekdays.
        after: The level from `place` on.
    """

    place: int
    first: int
    last: int
    p_value: float
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Step:
    """The clearest step of a series: see `Break`.

    Attributes:
        is_line: Whether a straight line explains the values better than the best step, in the part where the step was
            found or in the whole series: it drifts. In that part, `p_value` is that of the line.
    """

    place: int
    first: int
    last: int
    p_value: float
    is_line: bool


def find_break(
    values: "np.ndarray", weekdays: "np.ndarray", *, scale: Scale = "log", level: float = 0.01
) -> Break | None:
    """Return the clearest change of the level of a series; None without one, and for a drift or too few days.

    Args:
        values: A value per day, NaN where it is unknown.
        weekdays: The weekday of each day: any 7 numbers.
        scale: The scale on which weekdays and changes add up.
        level: The highest p value of a change.

    Raises:
        InputError: `values` and `weekdays` differ in length.

    >>> days = np.arange(42)
    >>> noise = 1 + 0.1 * np.sin(37.0 * days * days)
    >>> found = find_break(np.where(days < 25, 8.0, 12.0) * noise, days % 7)
    >>> found.place, (found.first, found.last), found.p_value < 0.001, round(found.after)
    (25, (25, 25), True, 12)
    >>> find_break(8 * noise, days % 7) is None
    True
    """
    found = find_step(even_out(values, scale), weekdays)
    if found is None or found.p_value > level or found.is_line:
        return None
    sides = slice(found.place), slice(found.place, None)
    before, after = (find_level(values[side], weekdays[side]) for side in sides)
    return Break(found.place, found.first, found.last, found.p_value, before, after)


def even_out(values: "np.ndarray", scale: Scale) -> "np.ndarray":
    """Return values on the scale on which steps are looked for.

    With zeros, a quarter of the median of the positive values is added before the logarithm is taken. With negative
    values, the logarithm is not taken.
    """
    values = np.asarray(values, dtype=float)
    if scale == "share":
        angles: np.ndarray = np.arcsin(np.sqrt(np.clip(values, 0.0, 1.0)))
        return angles
    known = values[~np.isnan(values)]
    if scale == "plain" or (known < 0).any() or not (known > 0).any():
        return values
    added = _ZERO_PART * float(np.median(known[known > 0])) if (known == 0).any() else 0.0
    logarithms: np.ndarray = np.log(values + added)
    return logarithms


def find_level(values: "np.ndarray", weekdays: "np.ndarray") -> float:
    """Return the mean of the means of the weekdays, so that each counts the same; NaN without a known value."""
    known = ~np.isnan(values)
    own = weekdays[known]
    means = [values[known][own == weekday].mean() for weekday in np.unique(own)]
    return float(np.mean(means)) if means else float("nan")


def find_step(values: "np.ndarray", weekdays: "np.ndarray", *, in_parts: bool = True) -> Step | None:
    """Return the clearest step in a series or its parts; None with too few days, or if all values are the same.

    Args:
        values: The values as `even_out` returns them.
        weekdays: The weekday of each day.
        in_parts: Whether to look in parts of long series too.

    Raises:
        InputError: The lengths differ.
    """
    if len(values) != len(weekdays):
        msg = f"{len(values)} values of {len(weekdays)} weekdays: give a weekday for each value"
        raise InputError(msg)
    days = np.flatnonzero(~np.isnan(values))
    parts = list(_list_parts(len(days)))[: None if in_parts else 1]
    found = [_fit(values, weekdays, days[part]) for part in parts]
    steps = [step for step in found if step is not None]
    if not steps:
        return None
    best = min(steps, key=lambda step: step.p_value)  # the longest part of those that are as clear
    chance = min(1.0, len(parts) * best.p_value)
    return replace(best, p_value=chance, is_line=best.is_line or steps[0].is_line)


def _list_parts(days: int) -> Iterator[slice]:
    """Yield the whole series and parts of a half, a quarter and so on, each from the middle of the one before."""
    if days < FEWEST_DAYS:
        return
    yield slice(0, days)
    length = days // 2
    while length >= _LEAST_PART:
        count = -(-2 * (days - length) // length)
        for start in np.linspace(0, days - length, count + 1).astype(int):
            yield slice(start, start + length)
        length //= 2


def _fit(values: "np.ndarray", weekdays: "np.ndarray", days: "np.ndarray") -> Step | None:
    """Return the best step within the given days."""
    design = make_design(tuple(weekdays[days].tolist()))
    own = values[days] - values[days].mean()
    largest = np.abs(own).max()
    if not len(design.places) or largest <= _NOTHING * np.abs(values[days]).max():
        return None
    found = fit_steps(own[None, :] / largest, design)
    if np.abs(found.sizes).max() <= _NOTHING:  # the weekdays explain every value
        return None
    sizes = found.sizes[0][:-1]
    best = int(np.argmax(np.abs(sizes)))
    within = np.flatnonzero(sizes**2 >= sizes[best] ** 2 - _PLACES_95 * found.errors[0] ** 2)
    first, place, last = (int(days[design.places[one]]) for one in (within[0], best, within[-1]))
    is_line = bool(abs(found.sizes[0][-1]) > (1 + _NOTHING) * abs(sizes[best]))
    return Step(place, first, last, find_chance(float(found.statistic[0]), len(days)), is_line)
