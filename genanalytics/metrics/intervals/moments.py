"""The sums over the clusters of a group that an interval is made of.

An estimate is a weighted mean of ratios of sums, one per stratum: V = sum of g O/U, where O and U are sums over the
clusters of a stratum. Without strata, g is 1. A cluster adds x = g o/U to the estimate, w = g u/U to the weights, whose
sum is 1, and y = (O/U) w is what it would add if it were like all others. So d = x - y is its residual.

A cluster draws its ratio towards itself by its share of the denominators, h = u/U. Residuals are enlarged for that:
d / sqrt(1 - h) has the right variance on average (HC2), d / (1 - h) is the distance from the ratio of all others (HC3;
J. G. MacKinnon and H. White, "Some heteroskedasticity-consistent covariance matrix estimators", Journal of Econometrics
29, 1985).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np

Family = Literal["bounded", "positive"]
"""Which sums are needed: `bounded` for shares and rates, `positive` for everything else."""

PARTS = ("x", "y", "w", "d", "hc2", "hc3", "turned")
"""What a cluster adds: x, y, w and d as above, d / sqrt(1 - h), d / (1 - h), and d / sqrt(1 - o/O)."""

_SOLE = 1e-9
"""The least distance of a share from 1: the residual of a sole cluster is 0 anyway."""

_WHOLE = 1 - 1e-9
"""A numerator is below its denominator if it is less than this share of it: else it is a rounding error."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over clusters, one number per group; NaN for those that the family does not need.

    Attributes:
        clusters: The number of clusters in which something is known.
        value: The estimate.
        d_2: The sum of the squared residuals.
        hc2_2: The sum of the squares of d / sqrt(1 - h).
        hc3_2: The sum of the squares of d / (1 - h).
        turned_2: The sum of the squares of d / sqrt(1 - o/O).
        x_2: The sum of the squares of x.
        y_2: The sum of the squares of y.
        w_2: The sum of the squares of w: 1 / w_2 is the number of equal clusters with the same variance (Kish, 1965).
        some: The number of clusters with x other than 0.
        short: The number of clusters with x below w.
        known: The number of clusters with y other than 0.
        low_x: The least x.
        high_x: The largest x.
        y_0, y_00: The sums of y and of its squares over the clusters with a logarithm L = log |x/y|.
        y_1, y_2l, y_3: The sums of y L, y L^2 and y L^3.
        x_0, x_00, x_1, x_2l, x_3: The same with x.
    """

    clusters: "np.ndarray"
    value: "np.ndarray"
    d_2: "np.ndarray"
    hc2_2: "np.ndarray"
    hc3_2: "np.ndarray"
    turned_2: "np.ndarray"
    x_2: "np.ndarray"
    y_2: "np.ndarray"
    w_2: "np.ndarray"
    some: "np.ndarray"
    short: "np.ndarray"
    known: "np.ndarray"
    low_x: "np.ndarray"
    high_x: "np.ndarray"
    y_0: "np.ndarray"
    y_00: "np.ndarray"
    y_1: "np.ndarray"
    y_2l: "np.ndarray"
    y_3: "np.ndarray"
    x_0: "np.ndarray"
    x_00: "np.ndarray"
    x_1: "np.ndarray"
    x_2l: "np.ndarray"
    x_3: "np.ndarray"


FIELDS = tuple(field.name for field in fields(Moments))
_EXTREMES = {"low_x": np.fmin, "high_x": np.fmax}


def join_moments(first: Moments, second: Moments) -> Moments:
    """Return the moments of two sets of clusters together."""
    joined = {}
    for name in FIELDS:
        a, b = getattr(first, name), getattr(second, name)
        joined[name] = _EXTREMES[name](a, b) if name in _EXTREMES else a + b
    return Moments(**joined)


def choose_moments(where: "np.ndarray", first: Moments, second: Moments) -> Moments:
    """Return the first moments in the groups where a condition holds, else the second."""
    return Moments(**{name: np.where(where, getattr(first, name), getattr(second, name)) for name in FIELDS})


class Operations(NamedTuple):
    """What differs between arrays and expressions of an engine.

    Attributes:
        choose: Returns a value where a condition holds, else a number.
        log: Returns the natural logarithm.
        size: Returns the absolute value.
    """

    choose: Callable[[Any, Any, float], Any]
    log: Callable[[Any], Any]
    size: Callable[[Any], Any]


OF_ARRAYS = Operations(np.where, np.log, np.abs)
OF_EXPRESSIONS = Operations(
    lambda condition, then, otherwise: nw.when(condition).then(then).otherwise(nw.lit(otherwise)),
    nw.Expr.log,
    nw.Expr.abs,
)


class Sums(NamedTuple):
    """The numerator and the denominator of a cluster in a stratum, or of the stratum; arrays or expressions."""

    over: Any
    under: Any


def find_shares(cluster: Sums, stratum: Sums, gain: Any, of: Operations) -> dict[str, Any]:  # noqa: ANN401
    """Return x, y and w of a cluster in a stratum, and what its shares leave of the whole: 1 - h and 1 - o/O.

    Args:
        cluster: o and u.
        stratum: O and U.
        gain: The weight g of the stratum.
        of: The operations.
    """
    share, turned = cluster.under / stratum.under, cluster.over / stratum.over
    w = gain * share
    return {
        "x": gain * cluster.over / stratum.under,
        "y": stratum.over / stratum.under * w,
        "w": w,
        "left": of.choose(share < 1 - _SOLE, 1 - share, _SOLE),
        "left_turned": of.choose(turned < 1 - _SOLE, 1 - turned, _SOLE),
    }


def find_parts(shares: Mapping[str, Any]) -> dict[str, Any]:
    """Return `PARTS` of a cluster in a stratum, out of `find_shares`."""
    d = shares["x"] - shares["y"]
    return {
        "x": shares["x"],
        "y": shares["y"],
        "w": shares["w"],
        "d": d,
        "hc2": d / shares["left"] ** 0.5,
        "hc3": d / shares["left"],
        "turned": d / shares["left_turned"] ** 0.5,
    }


def find_logs(parts: Mapping[str, Any], of: Operations) -> Any:  # noqa: ANN401
    """Return log |x/y| of a cluster; 0 if one of them is 0."""
    x, y = parts["x"], parts["y"]
    return of.log(of.choose((x != 0) & (y != 0), of.size(x / y), 1.0))


def find_terms(parts: Mapping[str, Any], logs: Any, family: Family, of: Operations) -> dict[str, Any]:  # noqa: ANN401
    """Return the terms of a cluster that add up to `Moments`; of `low_x` and `high_x` the extremes count.

    Args:
        parts: `PARTS` of the cluster.
        logs: `find_logs`, which a bounded quantity does not need.
        family: The sums that are needed.
        of: The operations.
    """
    x, y, w = parts["x"], parts["y"], parts["w"]
    terms = {
        "clusters": of.choose((x != 0) | (w != 0), 1.0, 0.0),
        "value": x,
        "d_2": parts["d"] * parts["d"],
        "hc2_2": parts["hc2"] * parts["hc2"],
        "w_2": w * w,
        "some": of.choose(x != 0, 1.0, 0.0),
    }
    if family == "bounded":
        short = of.choose(x < w * _WHOLE, 1.0, 0.0)
        return terms | {"hc3_2": parts["hc3"] * parts["hc3"], "short": short}
    both = (x != 0) & (y != 0)
    terms |= {
        "turned_2": parts["turned"] * parts["turned"],
        "x_2": x * x,
        "y_2": y * y,
        "known": of.choose(y != 0, 1.0, 0.0),
        "low_x": x,
        "high_x": x,
    }
    for name, value in (("x", x), ("y", y)):
        weight = of.choose(both, of.size(value), 0.0)
        first = weight * logs
        second = first * logs
        terms |= {
            f"{name}_0": weight,
            f"{name}_00": weight * weight,
            f"{name}_1": first,
            f"{name}_2l": second,
            f"{name}_3": second * logs,
        }
    return terms
