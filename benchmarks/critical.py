"""The table of `metrics/intervals/critical.py`: `python3 dev.py bench critical`, in about three minutes.

For each number of clusters, lognormal samples are drawn with many spreads of logarithms. The critical values, as a
function of the spread that is estimated from the sample, are chosen so that 2.5 % of the samples of every true spread
are beyond them. Samples have a fixed seed; needs scipy.
"""

import numpy as np
import scipy.optimize
import scipy.stats

from genanalytics.metrics.intervals.critical import SIZES, SPREADS

TRUE_SPREADS = np.array([0.125, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 3])
TAIL = 0.025
SAMPLES = {1000: 20_000, 4000: 10_000, 16_000: 4000}
AT_ONCE = 2_000_000


def draw(rng: np.random.Generator, n: int, samples: int) -> "tuple[np.ndarray, np.ndarray]":
    """Return t and the estimated spread of samples: a row per true spread."""
    t, spreads = np.zeros((2, len(TRUE_SPREADS), samples))
    step = max(1, AT_ONCE // n)
    for first in range(0, samples, step):
        part = slice(first, min(first + step, samples))
        normal = rng.standard_normal((part.stop - first, n), dtype=np.float32)
        centered = normal - normal.mean(axis=1, keepdims=True)
        variance = (centered**2).mean(axis=1)
        skewness = (centered**3).mean(axis=1) / variance**1.5
        deviation = np.sqrt(variance * n / (n - 1))
        added = np.maximum(skewness - np.sqrt(6 / n), 0) / 3
        for row, sigma in enumerate(TRUE_SPREADS):
            values = np.exp(np.float32(sigma) * normal)
            mean = values.mean(axis=1, dtype=np.float64)
            error = np.sqrt(values.var(axis=1, ddof=1, dtype=np.float64) / n) / mean
            t[row, part] = (np.log(mean) - sigma**2 / 2) / error
            spreads[row, part] = sigma * deviation + added
    return t, spreads


def calibrate(t: "np.ndarray", spreads: "np.ndarray", n: int) -> "np.ndarray":
    """Return the critical values of `SPREADS` above which t is in 2.5 % of the samples of each true spread."""
    first = scipy.stats.t.ppf(1 - TAIL, n - 1)

    def count_misses(points: "np.ndarray") -> "np.ndarray":
        found: np.ndarray = (t > np.interp(spreads, SPREADS, [first, *points])).mean(axis=1)
        return found

    def measure(points: "np.ndarray") -> float:
        rough = np.diff([first, *points], 2)
        return float((np.log((count_misses(points) + 1e-4) / TAIL) ** 2).sum() + 0.02 * (rough**2).sum())

    start = np.interp(SPREADS[1:], TRUE_SPREADS, np.quantile(t, 1 - TAIL, axis=1))
    found = scipy.optimize.minimize(measure, start, method="Powell", options={"maxiter": 4, "xtol": 1e-2, "ftol": 1e-3})
    return np.array([first, *found.x])


if __name__ == "__main__":
    generator = np.random.default_rng(1964)
    for size in SIZES:
        drawn, estimated = draw(generator, size, SAMPLES.get(size, 40_000))
        for side, sign in (("below", -1), ("above", 1)):
            print(size, side, calibrate(sign * drawn, estimated, size).round(2).tolist(), flush=True)
