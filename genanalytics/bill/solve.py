"""Two unit prices out of amounts: x * first + y * second = amount, with most rows billed at the same short decimals.

Pairs of rows give pairs of prices with an error bound. The shortest decimals within the bounds are candidates; for each
decimal of one price, the other one is where most rows agree. The candidate that explains most rows wins, and each
further digit has to explain one more row. What all explained rows allow is a polygon in the plane of both prices: the
prices are known if decimals of their length would hardly fall into it by chance.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from genanalytics.bill.amounts import Interval

LONGEST = 7
"""The most decimals of a price in US$ per million tokens."""
FEWEST = 5
"""The fewest rows that prove new prices."""

_SCALES = 10.0 ** np.arange(LONGEST + 1)
_PAIRS = 4_000
_ROWS = 400
_BEST_PAIRS = 400
_CANDIDATES = 24
_MOST_CHANCE = 0.12
"""The largest expected number of other decimals, as short as these, where prices count as known."""
_STEPS = 1.1
"""How many decimals of three digits a known price may leave possible, at most."""
_MOST_CHANCE_OF_FEW = 0.01
"""The same for a price that rests on few rows."""
_MOST_CHANCE_OF_REGIME = 0.01
_TRIES = 1e5
"""About how many different pairs of prices the candidates stand for."""
_OFFSETS = 4
_WIDTHS = 10
"""An offset is at least this many times as large as the interval of an amount."""
_HIGHEST = 1e6
"""The highest price in US$ per million tokens."""
_CORNERS = 3
_NARROWEST = 1e-12
"""The least width of an interval that a distance is divided by, in micro-dollars."""
_TOUCHING = 1e-6
"""A corner that misses the interval of a row by less than this part of its width is not cut off."""


_Corner = tuple[float, float]
"""A price of the first count and one of the second."""


class Range(NamedTuple):
    """The lowest and the highest value of a price."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Solution:
    """Two prices, and what is known of them.

    Attributes:
        first: The price of x.
        second: The price of y.
        explained: Whether the prices reproduce the amount of each row (bool).
        known: Whether the explained rows allow no other pair of decimals as short as these.
        ranges: What the explained rows allow for each price, if the other is free.
    """

    first: float
    second: float
    explained: "np.ndarray"
    known: bool
    ranges: tuple[Range, Range]


def count_decimals(prices: "np.ndarray") -> "np.ndarray":
    """Return the number of decimals of each price (int).

    >>> count_decimals(np.array([3.0, 0.25, 0.0198])).tolist()
    [0, 2, 4]
    """
    scaled = prices[..., None] * _SCALES
    is_whole = np.abs(scaled - np.rint(scaled)) < 0.1 * _SCALES / _SCALES[LONGEST]
    is_whole[..., LONGEST] = True
    found: np.ndarray = is_whole.argmax(axis=-1)
    return found


def shorten(low: "np.ndarray", high: "np.ndarray") -> "np.ndarray":
    """Return the shortest decimal between each pair of limits, the one nearest to the middle; NaN without any.

    >>> shorten(np.array([0.195, 0.1, -0.2]), np.array([0.204, 0.10000001, 0.1])).tolist()
    [0.2, 0.1, 0.0]
    """
    middle = (low + high) / 2
    rounded = np.rint(middle[..., None] * _SCALES) / _SCALES + 0.0  # not -0.0
    fits = (rounded >= low[..., None]) & (rounded <= high[..., None]) & (rounded >= 0)
    shortest = fits.argmax(axis=-1)[..., None]
    found: np.ndarray = np.where(fits.any(axis=-1), np.take_along_axis(rounded, shortest, axis=-1)[..., 0], np.nan)
    return found


def explains(prices: tuple[float, float], x: "np.ndarray", y: "np.ndarray", amounts: Interval) -> "np.ndarray":
    """Return whether two prices reproduce the amount of each row (bool)."""
    value = prices[0] * x + prices[1] * y
    return (value >= amounts.low) & (value <= amounts.high)


def solve(x: "np.ndarray", y: "np.ndarray", amounts: Interval) -> Solution | None:
    """Return the two prices that reproduce most amounts; None if no prices reproduce `FEWEST` of them.

    Args:
        x: The first count of each row (float64).
        y: The second count.
        amounts: The true amounts.
    """
    if len(x) < FEWEST:
        return None
    chosen = _choose_rows(len(x))
    found = _find_candidates(x[chosen], y[chosen], amounts[chosen])
    if not len(found):
        return None
    best = _choose(found, x, y, amounts)
    explained = explains(best, x, y, amounts)
    if explained.sum() < FEWEST or not is_credible(explained, amounts, free=2):
        return None
    return _sharpen(best, x, y, amounts, explained)


def _choose_rows(count: int) -> "np.ndarray":
    if count <= _ROWS:
        return np.arange(count)
    return np.random.default_rng(0).choice(count, _ROWS, replace=False)


def _find_candidates(x: "np.ndarray", y: "np.ndarray", amounts: Interval) -> "np.ndarray":
    """Return pairs of prices, one per row of the result."""
    seeds = _solve_pairs(x, y, amounts)
    firsts, seconds = _most_frequent(seeds[:, 0]), _most_frequent(seeds[:, 1])
    completed = [
        np.column_stack([firsts, _stab(firsts, x, y, amounts)]),
        np.column_stack([_stab(seconds, y, x, amounts), seconds]),
    ]
    pairs, votes = np.unique(_to_complex(seeds), return_counts=True)
    frequent = pairs[np.argsort(-votes, kind="stable")[:_CANDIDATES]]
    every = np.concatenate([frequent, *map(_to_complex, completed)])
    found = np.unique(every[np.isfinite(every)])
    return np.column_stack([found.real, found.imag])


def _to_complex(pairs: "np.ndarray") -> "np.ndarray":
    """Return pairs as complex numbers, which numpy sorts by the first part and then by the second one."""
    found: np.ndarray = np.ascontiguousarray(pairs).view(np.complex128)[:, 0]
    return found


def _most_frequent(prices: "np.ndarray") -> "np.ndarray":
    """Return the most frequent prices, and 0."""
    values, votes = np.unique(prices, return_counts=True)
    return np.unique(np.append(values[np.argsort(-votes, kind="stable")[:_CANDIDATES]], 0.0))


def _solve_pairs(x: "np.ndarray", y: "np.ndarray", amounts: Interval) -> "np.ndarray":
    """Return the shortest prices that pairs of rows allow, of the best conditioned pairs."""
    draws = np.random.default_rng(0)
    of_row = np.stack([x, y, (amounts.low + amounts.high) / 2, (amounts.high - amounts.low) / 2])
    (x_i, y_i, middle_i, half_i), (x_j, y_j, middle_j, half_j) = (
        of_row.take(rows, axis=1) for rows in draws.integers(0, len(x), (2, _PAIRS))
    )
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        det = x_i * y_j - x_j * y_i
        size = np.abs(det)
        first = (middle_i * y_j - middle_j * y_i) / det
        second = (x_i * middle_j - x_j * middle_i) / det
        first_error = (half_i * np.abs(y_j) + half_j * np.abs(y_i)) / size
        second_error = (half_i * np.abs(x_j) + half_j * np.abs(x_i)) / size
        usable = (det != 0) & (first + first_error >= 0) & (second + second_error >= 0)
    usable &= (first < _HIGHEST) & (second < _HIGHEST)
    best = _find_least(first_error * second_error, np.flatnonzero(usable))
    middle, error = (np.stack(pair)[:, best] for pair in ((first, second), (first_error, second_error)))
    seeds: np.ndarray = shorten(middle - error, middle + error).T
    known: np.ndarray = seeds[np.isfinite(seeds).all(axis=1)]
    return known


def _find_least(errors: "np.ndarray", usable: "np.ndarray") -> "np.ndarray":
    """Return the best of the usable pairs, the one with the least error first."""
    of_usable = errors[usable]
    if len(usable) > _BEST_PAIRS:
        least = of_usable <= np.partition(of_usable, _BEST_PAIRS - 1)[_BEST_PAIRS - 1]
        usable, of_usable = usable[least], of_usable[least]
    best: np.ndarray = usable[np.argsort(of_usable, kind="stable")[:_BEST_PAIRS]]
    return best


def _stab(prices: "np.ndarray", x: "np.ndarray", y: "np.ndarray", amounts: Interval) -> "np.ndarray":
    """Return for each price of x the shortest price of y where most rows agree; NaN if no row depends on y."""
    rows = y > 0
    if not rows.any() or not len(prices):
        return np.full(len(prices), np.nan)
    x, y, amounts = x[rows], y[rows], amounts[rows]
    low = np.maximum((amounts.low - prices[:, None] * x) / y, 0.0)
    high = (amounts.high - prices[:, None] * x) / y
    low = np.where(high < 0, np.inf, low)
    high = np.where(high < 0, np.inf, high)
    begin, end = _find_deepest(low, high)
    return shorten(begin, end)


def _find_deepest(low: "np.ndarray", high: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Return the part of the line that lies in most intervals, for each row of intervals."""
    starts, ends = np.sort(low, axis=1), np.sort(high, axis=1)
    numbers = np.arange(1, starts.shape[1] + 1)
    ended = np.array([np.searchsorted(of_row, points) for of_row, points in zip(ends, starts, strict=True)])
    depth = np.where(np.isfinite(starts), numbers - ended, 0)
    place = np.argmax(depth, axis=1)
    rows = np.arange(len(starts))
    return starts[rows, place], ends[rows, ended[rows, place]]


def _choose(candidates: "np.ndarray", x: "np.ndarray", y: "np.ndarray", amounts: Interval) -> tuple[float, float]:
    """Return the candidate that explains most rows; each decimal has to explain one more."""
    value = candidates[:, :1] * x + candidates[:, 1:] * y
    counts = ((value >= amounts.low) & (value <= amounts.high)).sum(axis=1)
    score = counts - count_decimals(candidates).sum(axis=1)
    place = np.lexsort((candidates.sum(axis=1), -counts, -score))[0]
    return float(candidates[place, 0]), float(candidates[place, 1])


def _sharpen(
    prices: tuple[float, float], x: "np.ndarray", y: "np.ndarray", amounts: Interval, explained: "np.ndarray"
) -> Solution:
    """Return prices with what their rows allow for them."""
    polygon = _find_polygon(prices, x[explained], y[explained], amounts[explained])
    first, second = polygon[:, 0], polygon[:, 1]
    ranges = _find_range(first), _find_range(second)
    return Solution(
        *prices, explained, _is_known(prices, polygon, x[explained], y[explained], amounts[explained]), ranges
    )


def _is_known(
    prices: tuple[float, float], polygon: "np.ndarray", x: "np.ndarray", y: "np.ndarray", amounts: Interval
) -> bool:
    """Return whether hardly any other decimals as short as these are allowed: of both prices, or of one of them."""
    of_first, of_second = (10.0 ** int(count_decimals(np.array(price))) for price in prices)
    first, second = polygon[:, 0], polygon[:, 1]
    area = abs(float(np.dot(first, np.roll(second, -1)) - np.dot(second, np.roll(first, -1)))) / 2
    given_first = _find_width(y, amounts.move(-prices[0] * x))
    given_second = _find_width(x, amounts.move(-prices[1] * y))
    chance = max(area * of_first * of_second, given_first * of_second, given_second * of_first)
    exact = given_first <= _find_step(prices[1]) and given_second <= _find_step(prices[0])
    return chance <= _MOST_CHANCE and exact


def _find_step(price: float) -> float:
    """Return about the distance between prices of three digits: most prices have no more."""
    return _STEPS * 10.0 ** (math.floor(math.log10(price)) - 2) if price > 0 else math.inf


def _find_width(counts: "np.ndarray", amounts: Interval) -> float:
    """Return how far the price of a count can be moved so that it still reproduces all amounts."""
    rows = counts > 0
    if not rows.any():
        return 0.0
    return float((amounts.high[rows] / counts[rows]).min() - (amounts.low[rows] / counts[rows]).max())


def _find_range(values: "np.ndarray") -> Range:
    return Range(max(float(values.min()), 0.0), max(float(values.max()), 0.0))


def _find_polygon(prices: tuple[float, float], x: "np.ndarray", y: "np.ndarray", amounts: Interval) -> "np.ndarray":
    """Return the corners of what the rows allow: a box, cut by the row that cuts off most until none does."""
    reach = _HIGHEST
    polygon = [(0.0, 0.0), (reach, 0.0), (reach, reach), (0.0, reach)]
    width = np.maximum(amounts.high - amounts.low, _NARROWEST)
    for _ in range(4 * len(x)):
        corners = np.array(polygon)
        value = corners[:, :1] * x + corners[:, 1:] * y
        above, below = (value.max(axis=0) - amounts.high) / width, (amounts.low - value.min(axis=0)) / width
        worst_above, worst_below = int(above.argmax()), int(below.argmax())
        if max(above[worst_above], below[worst_below]) <= _TOUCHING:
            break
        if above[worst_above] >= below[worst_below]:
            row = x[worst_above], y[worst_above], amounts.high[worst_above]
        else:
            row = -x[worst_below], -y[worst_below], -amounts.low[worst_below]
        polygon = _clip(polygon, *map(float, row))
        if len(polygon) < _CORNERS:
            return np.array([prices, prices, prices])
    return np.array(polygon)


def _clip(polygon: list[_Corner], x: float, y: float, limit: float) -> list[_Corner]:
    """Return the part of a polygon where x * first + y * second is at most the limit."""
    excess = [first * x + second * y - limit for first, second in polygon]
    corners: list[_Corner] = []
    for place, (corner, over) in enumerate(zip(polygon, excess, strict=True)):
        after, over_after = polygon[place + 1 - len(polygon)], excess[place + 1 - len(polygon)]
        if over <= 0:
            corners.append(corner)
        if (over < 0 < over_after) or (over_after < 0 < over):
            part = over / (over - over_after)
            corners.append((corner[0] + (after[0] - corner[0]) * part, corner[1] + (after[1] - corner[1]) * part))
    return corners


@dataclass(frozen=True, slots=True)
class Single:
    """The price of one count.

    Attributes:
        price: The shortest decimal where most rows agree.
        allowed: What these rows allow.
        explained: Whether the price reproduces the amount of each row (bool).
        known: Whether these rows allow no other decimal as short as this one.
    """

    price: float
    allowed: Range
    explained: "np.ndarray"
    known: bool


def solve_one(x: "np.ndarray", amounts: Interval) -> Single | None:
    """Return the price of one count that reproduces most amounts; None if none reproduces any."""
    rows = x > 0
    if not rows.any():
        return None
    low, high = np.maximum(amounts.low[rows] / x[rows], 0.0)[None], (amounts.high[rows] / x[rows])[None]
    begin, end = _find_deepest(np.where(high < 0, np.inf, low), np.where(high < 0, np.inf, high))
    price = float(shorten(begin, end)[0])
    if not np.isfinite(price):
        return None
    explained = rows & explains((price, 0.0), x, np.zeros_like(x), amounts)
    chance = float(end[0] - begin[0]) * 10.0 ** int(count_decimals(np.array(price)))
    known = chance <= (_MOST_CHANCE if explained.sum() >= FEWEST else _MOST_CHANCE_OF_FEW)
    return Single(price, Range(float(begin[0]), float(end[0])), explained, known)


def find_offsets(x: "np.ndarray", y: "np.ndarray", amounts: Interval, unit: float) -> "np.ndarray":
    """Return the most frequent amounts, in `unit`, that triples of rows have in addition to prices of x and y."""
    if len(x) < FEWEST + 1 or not (x.any() and y.any()):
        return np.array([])
    i, j, k = np.random.default_rng(0).integers(0, len(x), (3, _PAIRS))
    middle, half = (amounts.low + amounts.high) / 2, (amounts.high - amounts.low) / 2
    minors = [x[m] * y[n] - x[n] * y[m] for m, n in ((j, k), (k, i), (i, j))]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        det = (minors[0] + minors[1] + minors[2]) * unit
        offset = sum(minor * middle[row] for minor, row in zip(minors, (i, j, k), strict=True)) / det
        error = sum(np.abs(minor) * half[row] for minor, row in zip(minors, (i, j, k), strict=True)) / np.abs(det)
        usable = np.flatnonzero((det != 0) & (offset > error))
    best = usable[np.argsort(error[usable], kind="stable")[:_BEST_PAIRS]]
    values, votes = np.unique(shorten(offset[best] - error[best], offset[best] + error[best]), return_counts=True)
    frequent: np.ndarray = values[np.argsort(-votes, kind="stable")[:_OFFSETS]]
    proper: np.ndarray = frequent[np.isfinite(frequent) & (frequent * unit > find_least_offset(amounts))]
    return proper


def find_least_offset(amounts: Interval) -> float:
    """Return the smallest amount in addition to tokens that is not what rounding leaves."""
    return _WIDTHS * float(np.median(amounts.high - amounts.low))


def is_credible(explained: "np.ndarray", amounts: Interval, *, free: int) -> bool:
    """Return whether so many amounts would hardly agree with the best of many prices by chance.

    The number of rows that agree with given prices by chance is about Poisson; its tail is bounded as by Chernoff.

    Args:
        explained: Whether each amount agrees (bool).
        amounts: The amounts.
        free: The prices that were chosen to agree; as many rows prove nothing.
    """
    count = int(explained.sum()) - free
    chance = (amounts.high - amounts.low) / np.maximum(np.abs(amounts.high), 1e-300)
    expected = float(np.minimum(chance, 1.0).sum())
    if count <= expected or expected <= 0:
        return count > 0 and expected <= 0
    tail = count - expected + count * math.log(expected / count)
    return tail <= math.log(_MOST_CHANCE_OF_REGIME / _TRIES)
