"""Series of days with a known truth."""

import numpy as np


def draw_noise(rng: np.random.Generator, days: int, *, phi: float = 0.0, freedom: float | None = None) -> "np.ndarray":
    """Return noise of variance 1: normal, or Student's t; `phi` of each day's noise remains on the next one."""
    begun = 30
    fresh = rng.standard_normal(days + begun)
    if freedom is not None:
        fresh = rng.standard_t(freedom, days + begun) / np.sqrt(freedom / (freedom - 2))
    noise = fresh * np.sqrt(1 - phi**2)
    for day in range(1, len(noise)):
        noise[day] += phi * noise[day - 1]
    kept: np.ndarray = noise[begun:]
    return kept
