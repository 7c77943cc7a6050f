"""All changes of the levels of many series of days, with few false ones among them.

Every series is tested. Where a change is found, the parts before and after it are tested in turn, until no more are
found (binary segmentation). In each round, the false discoveries are held at a level (Y. Benjamini and Y. Hochberg,
"Controlling the false discovery rate", Journal of the Royal Statistical Society B 57, 1995; in rounds: D. Yekutieli,
"Hierarchical false discovery rate-controlling methodology", Journal of the American Statistical Association 103, 2008).
If no series has a change, a change is claimed with no more than that chance.

Each place is then estimated again between its neighbors (J. Bai, "Estimating multiple breaks one at a time",
Econometric Theory 13, 1997), and a change that no longer shows is dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from genanalytics.decide.shifts.breaks import Step, find_step


@dataclass(frozen=True, slots=True)
class Segmentation:
    """The changes of a series.

    Attributes:
        steps: The changes, in order.
        q_values: For each, the share of false ones to be expected if this one and all clearer ones are claimed.
        is_drift: Whether a straight line explains the series better than the changes together.
    """

    steps: tuple[Step, ...] = ()
    q_values: tuple[float, ...] = ()
    is_drift: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    step: Step
    q_value: float


def segment(series: Sequence["np.ndarray"], weekdays: "np.ndarray", *, level: float = 0.05) -> list[Segmentation]:
    """Return the changes of each series.

    Args:
        series: A value per day each, as `even_out` returns them.
        weekdays: The weekday of each day.
        level: The share of false changes among the claimed ones.

    >>> days = np.arange(56)
    >>> level = np.select([days < 20, days < 40], [1.0, 2.0], 4.0)
    >>> noise = 1 + 0.05 * np.sin(37.0 * days * days)
    >>> [[step.place for step in one.steps] for one in segment([np.log(level * noise), noise], days % 7)]
    [[20, 40], []]
    """
    found: list[list[_Found]] = [[] for _ in series]
    parts = [(place, 0, len(values)) for place, values in enumerate(series)]
    while parts:
        tested = [(part, _find_within(series[part[0]], weekdays, part[1], part[2])) for part in parts]
        steps = [(part, step) for part, step in tested if step is not None]
        adjusted = adjust([step.p_value for _, step in steps])
        parts = []
        for ((place, start, stop), step), q_value in zip(steps, adjusted, strict=True):
            if q_value <= level:
                found[place].append(_Found(step, q_value))
                parts += [(place, start, step.place), (place, step.place, stop)]
    return [_finish(values, weekdays, own, level) for values, own in zip(series, found, strict=True)]


def adjust(p_values: Sequence[float]) -> list[float]:
    """Return the adjusted p value of each test: the smallest level at which it is among the discoveries.

    >>> adjust([0.01, 0.04, 0.03])
    [0.03, 0.04, 0.04]
    """
    order = np.argsort(p_values)[::-1]
    ranks = len(p_values) - np.arange(len(p_values))
    scaled = np.minimum.accumulate(np.array(p_values)[order] * len(p_values) / ranks)
    found = np.empty(len(p_values))
    found[order] = np.minimum(scaled, 1.0)
    return [float(value) for value in found]


def _find_within(
    values: "np.ndarray", weekdays: "np.ndarray", start: int, stop: int, *, in_parts: bool = True
) -> Step | None:
    step = find_step(values[start:stop], weekdays[start:stop], in_parts=in_parts)
    if step is None:
        return None
    return replace(step, place=step.place + start, first=step.first + start, last=step.last + start)


def _finish(values: "np.ndarray", weekdays: "np.ndarray", found: list[_Found], level: float) -> Segmentation:
    kept = sorted(found, key=lambda one: one.step.place)
    while kept:
        again = _estimate_again(values, weekdays, [one.step.place for one in kept])
        weakest = int(np.argmax([step.p_value for step in again]))
        if again[weakest].p_value <= level:
            break
        del kept[weakest]
    else:
        return Segmentation()
    steps = [
        replace(one.step, place=new.place, first=new.first, last=new.last) for one, new in zip(kept, again, strict=True)
    ]
    is_drift = _measure_misfit(values, weekdays, steps) > _measure_misfit(values, weekdays, [])
    return Segmentation(tuple(steps), tuple(one.q_value for one in kept), is_drift)


def _estimate_again(values: "np.ndarray", weekdays: "np.ndarray", places: list[int]) -> list[Step]:
    """Return each step as it is between its neighbors; one that is not there has a p value of 1."""
    edges, found = [0, *places, len(values)], []
    for place in range(1, len(edges) - 1):
        start, stop = edges[place - 1], edges[place + 1]
        step = _find_within(values, weekdays, start, stop, in_parts=False)
        step = step or Step(edges[place], start, stop - 1, 1.0, is_line=False)
        found.append(step)
        edges[place] = step.place
    return found


def _measure_misfit(values: "np.ndarray", weekdays: "np.ndarray", steps: Sequence[Step]) -> float:
    """Return the Schwarz criterion of the levels between steps, or of a straight line without steps.

    Residuals count by their size, not by its square, so that single extreme days do not decide.
    """
    days = np.flatnonzero(~np.isnan(values))
    shapes = [(days >= step.place).astype(float) for step in steps] if steps else [days / len(values)]
    dummies = (weekdays[days][:, None] == np.unique(weekdays[days])[None, :]).astype(float)
    columns = np.column_stack([dummies, *shapes])
    fitted = columns @ np.linalg.lstsq(columns, values[days], rcond=None)[0]
    rest = max(float(np.abs(values[days] - fitted).mean()), np.finfo(float).tiny)
    parameters = 2 * len(steps) if steps else 1  # a place and a size each; a slope
    return float(2 * len(days) * np.log(rest) + parameters * np.log(len(days)))
