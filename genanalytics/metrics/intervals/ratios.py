"""Intervals of means, ratios of sums, shares and rates, from the moments of clusters (`Moments`).

Everything is a function of sums over clusters: nothing is drawn, so limits depend neither on the order of the rows nor
on other groups, and an engine computes them where the data is. Each function returns limits that are NaN where there is
a gap, and the reason of each gap.
"""

from dataclasses import dataclass

import numpy as np

from genanalytics.metrics.intervals.binomial import Z, wilson
from genanalytics.metrics.intervals.critical import critical, student
from genanalytics.metrics.intervals.moments import Moments

FEWEST = 6
"""With fewer clusters the spread cannot be estimated; a median needs as many rows."""

TOO_FEW = f"fewer than {FEWEST} independent observations"
UNEQUAL = "a few sessions, requests or hours outweigh all others"
CONSTANT = "all values are equal"
UNCLEAR = "these values do not show how much they differ"
LARGEST = "one session, request or row makes up more than {} % of the sum"
HEAVY = "a heavy tail: there may be much larger values than the ones seen"
RANKS = "too few rows for this percentile"
SESSIONS = "too few sessions, requests or hours for this percentile"

_LEAST_EQUAL = 3
"""The least number of equal clusters with the same variance; `FEWEST` for a rate of savings."""

_LARGEST_PERCENTS = (90, 80, 75)
"""What `LARGEST` shows of the share of the largest cluster; with a smaller share than the last one there are limits."""
_HEAVIEST = 0.7
_EVEN = 1.25
"""Numerators and denominators are about equally unequal if neither has so many times more equal clusters."""

_NOTHING = 1e-9
_CORRELATION = 0.2
"""The correlation within clusters that is assumed while all flags are equal."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one statistic in each group, NaN for a gap, and the reason of each gap, empty without one."""

    low: "np.ndarray"
    high: "np.ndarray"
    reasons: "np.ndarray"


def find_positive(sums: Moments, strata: int = 1) -> Limits:
    """Return the limits of a ratio of sums of values that are not negative, such as a mean cost; they are positive.

    They are V exp(-a e) to V exp(b e), where e is the standard error relative to V (W. G. Cochran, "Sampling
    Techniques", 1977, section 6.3), and a and b are `critical` values for the spread of the logarithms of the clusters.
    As e is not that of a model, the limits are right for any distribution with a variance if there are many clusters.

    The tail is in the side whose clusters are less equal. If that is the denominator, the limits are those of the
    inverse; if both are about equal, the wider limit counts. So a ratio and its inverse have the same interval.

    Args:
        sums: The moments.
        strata: The number of ratios that the estimate is made of.
    """
    with np.errstate(all="ignore"):
        usual, turned = (_find_distances(sums, strata, turned=turned) for turned in (False, True))
        of_x, of_y = sums.value**2 / sums.x_2, sums.value**2 / sums.y_2
        equal = of_y >= sums.clusters * (1 - _NOTHING)  # a mean: only the numerator has a tail
        even = (of_x < _EVEN * of_y) & (of_y < _EVEN * of_x) & ~equal
        inverse = (of_x > of_y) & ~equal
        down, up = (
            np.where(even, np.maximum(one, other), np.where(inverse, other, one))
            for one, other in zip(usual, turned[::-1], strict=True)
        )
        reasons = _name_gaps(sums, np.where(inverse, of_x, of_y), down + up)
        _mark(reasons, sums.value == 0, CONSTANT)
        _mark_largest(reasons, sums.high_x / sums.value)
        _mark(reasons, _is_heavy(sums), HEAVY)
        return _make_limits(sums.value * np.exp(-down), sums.value * np.exp(up), reasons, sums)


def find_any(sums: Moments, strata: int = 1) -> Limits:
    """Return the limits of a ratio whose numerators have any sign, on the natural scale, symmetric and cautious.

    The critical value is the larger one of `find_positive`, for the sizes of the numerators, in either direction.
    """
    with np.errstate(all="ignore"):
        size, deviation, added = _select_logs(sums, turned=False).find_spread()
        size = np.where(sums.y_0 > 0, size, 1 / sums.w_2) - (strata - 1)
        half = np.maximum(critical(size, deviation + added / 3)[0], student(size)) * np.sqrt(sums.hc2_2)
        reasons = _name_gaps(sums, 1 / sums.w_2, half / np.sqrt(sums.x_2))
        return _make_limits(sums.value - half, sums.value + half, reasons, sums)


def find_like_period(sums: Moments) -> Limits:
    """Return the limits of the sum of a like period, in which the number of clusters varies too, as a Poisson count.

    The variance of such a sum is the sum of the squares of the clusters; the critical values are those of
    `find_positive`. `sums` are the moments of the mean per cluster.
    """
    with np.errstate(all="ignore"):
        size, deviation, added = _select_logs(sums, turned=False).find_spread()
        error = np.sqrt(sums.x_2) / sums.value
        below, above = critical(size, deviation + added / 3)
        reasons = _name_gaps(sums, sums.value**2 / sums.x_2, error)
        _mark(reasons, sums.value == 0, CONSTANT)
        _mark_largest(reasons, sums.high_x / sums.value)
        _mark(reasons, _is_heavy(sums), HEAVY)
        low, high = sums.value * np.exp(-above * error), sums.value * np.exp(below * error)
        return _make_limits(low * sums.clusters, high * sums.clusters, reasons, sums)


def find_share(sums: Moments) -> Limits:
    """Return the limits of a share of a sum, such as the cache hit rate; they are from 0 to 1.

    That is Wilson's interval for as many rows as have the same variance (residuals HC3), corrected for the degrees of
    freedom of the variance (`count_freedom`). If no cluster has a part, or all have everything, the variance is
    unknown: then each of the equal clusters counts as a row.
    """
    with np.errstate(all="ignore"):
        size = 1 / sums.w_2
        mixed = sums.hc3_2 > _NOTHING**2
        rows = np.maximum(sums.value * (1 - sums.value) / sums.hc3_2, 1.0) * (Z / student(count_freedom(sums))) ** 2
        rows = np.where(mixed, rows, size)
        low, high = wilson(np.clip(sums.value, 0.0, 1.0) * rows, rows)
        reasons = _name_gaps(sums, np.full(len(size), np.inf), np.ones(len(size)))
        between = ~mixed & (sums.value > _NOTHING) & (sums.value < 1 - _NOTHING)
        _mark(reasons, between, CONSTANT)
        return _make_limits(low, high, reasons, sums)


def find_at_most_one(sums: Moments) -> Limits:
    """Return the limits of a ratio that is at most 1 and may be negative, such as the rate of savings.

    What a row saves is bounded, so that the tail is that of the weights, on both sides: Student's t for equal clusters,
    with residuals HC3.
    """
    with np.errstate(all="ignore"):
        size = 1 / sums.w_2
        half = student(size) * np.sqrt(sums.hc3_2)
        reasons = _name_gaps(sums, size * _LEAST_EQUAL / FEWEST, half)
        return _make_limits(sums.value - half, np.minimum(sums.value + half, 1.0), reasons, sums)


def count_freedom(sums: Moments) -> "np.ndarray":
    """Return the number of clusters that the variance of a share or a rate is known from, at least 3.

    A rare event is in few clusters: the variance is then as uncertain as from those alone.
    """
    with np.errstate(all="ignore"):
        found: np.ndarray = np.clip(np.fmin(np.minimum(sums.some, sums.short) + 1.0, 1 / sums.w_2), 3.0, None)
    return found


def count_effective_rows(sums: Moments, n: "np.ndarray", variance: "np.ndarray") -> "np.ndarray":
    """Return how many independent rows say as much about a rate as the rows of the clusters.

    That is n / deff, where deff is the variance between clusters divided by that of independent rows, at least 1 (L.
    Kish, "Survey Sampling", 1965, section 8.2), corrected for the degrees of freedom of the variance (E. L. Korn and B.
    I. Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated from
    survey data", Survey Methodology 24, 1998). While all flags are equal, a correlation of 0.2 is assumed.

    Args:
        sums: The moments of the rate.
        n: The number of rows, or of unweighted rows with the same variance.
        variance: The variance of the rate if all rows are independent.
    """
    with np.errstate(all="ignore"):
        size = n * sums.w_2
        mixed = variance > 0
        effect = np.where(mixed, sums.hc2_2 / variance, 1 + _CORRELATION * (size - 1))
        factor = np.where(mixed, (student(n) / student(count_freedom(sums))) ** 2, 1.0)
        dependent = (size > 1 + _NOTHING) & (effect > 1)
        rows: np.ndarray = np.minimum(np.where(dependent, n / effect * factor, n), n)
    return rows


@dataclass(frozen=True, slots=True)
class _Logs:
    """The sums of the logarithms of the clusters, weighted by the denominators of a ratio or of its inverse."""

    sum_0: "np.ndarray"
    sum_00: "np.ndarray"
    sum_1: "np.ndarray"
    sum_2: "np.ndarray"
    sum_3: "np.ndarray"

    def find_spread(self) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
        """Return the number of equal clusters, the spread of the logarithms, and what skewness adds to it.

        The spread is their standard deviation, raised where they are skewed to the right by more than one standard
        error, which means a heavier tail than that of a lognormal distribution: exp(X) has a skewness of about skew(X)
        + 3 sd(X).
        """
        size = self.sum_0**2 / self.sum_00
        mean = self.sum_1 / self.sum_0
        variance = np.maximum(self.sum_2 / self.sum_0 - mean**2, 0.0)
        third = self.sum_3 / self.sum_0 - 3 * mean * self.sum_2 / self.sum_0 + 2 * mean**3
        skewness = np.where(variance > _NOTHING, third / np.maximum(variance, _NOTHING) ** 1.5, 0.0)
        added = np.maximum(skewness - np.sqrt(6 / size), 0.0)
        return size, np.sqrt(variance * size / np.maximum(size - 1, 0.5)), added


def _select_logs(sums: Moments, *, turned: bool) -> _Logs:
    if turned:  # log y/x = -log x/y
        return _Logs(sums.x_0, sums.x_00, -sums.x_1, sums.x_2l, -sums.x_3)
    return _Logs(sums.y_0, sums.y_00, sums.y_1, sums.y_2l, sums.y_3)


def _find_distances(sums: Moments, strata: int, *, turned: bool) -> "tuple[np.ndarray, np.ndarray]":
    """Return how far the limits of a ratio, or of its inverse, are below and above it, on the logarithmic scale."""
    size, deviation, added = _select_logs(sums, turned=turned).find_spread()
    with_logs = sums.known if turned else sums.some
    equality = np.minimum(size / np.maximum(with_logs, 1), 1.0)  # 1 if all clusters have the same weight
    size = np.maximum(size - (strata - 1), _LEAST_EQUAL)
    least = (1 - equality) * student(size)
    below, above = (np.maximum(point, equality * point + least) for point in critical(size, deviation + added / 3))
    error = np.sqrt(sums.turned_2 if turned else sums.hc2_2) / sums.value
    return above * error, below * error


def _is_heavy(sums: Moments) -> "np.ndarray":
    """Return where the tail is too heavy for the table.

    If logarithms have a gamma distribution with skewness g and standard deviation s, the tail is Pareto's with the
    exponent 2 / (g s): there is no variance from g s = 1.
    """
    _, deviation, added = _select_logs(sums, turned=False).find_spread()
    heavy: np.ndarray = added * deviation > _HEAVIEST
    return heavy


def _name_gaps(sums: Moments, size: "np.ndarray", width: "np.ndarray") -> "np.ndarray":
    """Return the reason of a gap in each group, empty without one, and without any known value."""
    reasons = np.full(len(sums.clusters), "", dtype=object)
    _mark(reasons, (sums.clusters > 0) & (sums.clusters < FEWEST), TOO_FEW)
    _mark(reasons, size < _LEAST_EQUAL, UNEQUAL)
    _mark(reasons, width <= _NOTHING, CONSTANT)
    return reasons


def _mark(reasons: "np.ndarray", where: "np.ndarray", reason: str) -> None:
    """Set a reason where there is none yet."""
    reasons[where & (reasons == "")] = reason


def _mark_largest(reasons: "np.ndarray", share: "np.ndarray") -> None:
    for percent in _LARGEST_PERCENTS:
        _mark(reasons, 100 * share > percent, LARGEST.format(percent))


def _make_limits(low: "np.ndarray", high: "np.ndarray", reasons: "np.ndarray", sums: Moments) -> Limits:
    """Return limits where they are known, and a reason for each gap of a group with a known value."""
    unknown = ~(np.isfinite(low) & np.isfinite(high))
    _mark(reasons, unknown & np.isfinite(sums.value), UNCLEAR)
    gap = unknown | (reasons != "")
    return Limits(np.where(gap, np.nan, low), np.where(gap, np.nan, high), reasons)
