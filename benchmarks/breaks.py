"""The table of `decide/shifts/break_chances.py`: `python3 dev.py bench breaks`, in about three minutes.

Series of days without a step are drawn, with AR(1) of 0.5 and normal or heavy-tailed noise. The table has the
statistics that a given share of them exceeds. The draws have a fixed seed.
"""

import numpy as np

from genanalytics.decide.shifts.break_chances import CHANCES, DAYS
from genanalytics.decide.shifts.steps import fit_steps, make_design

PHI = 0.5
HEAVY = 3
SERIES = 400_000
LONG, SERIES_IF_LONG = 100, 200_000
BEGUN = 25
"""The days before the first one, after which the start of a series no longer matters."""
AT_ONCE = 4_000_000


def draw(rng: np.random.Generator, series: int, days: int, *, heavy: bool) -> "np.ndarray":
    """Return series of days without a step, a row each."""
    shape = (days + BEGUN, series)
    noise = rng.standard_t(HEAVY, shape) if heavy else rng.standard_normal(shape)
    for day in range(1, len(noise)):
        noise[day] += PHI * noise[day - 1]
    return noise[BEGUN:].T


def find_statistics(rng: np.random.Generator, days: int, *, heavy: bool) -> "np.ndarray":
    """Return the statistics of all chances."""
    design = make_design(tuple(day % 7 for day in range(days)))
    series, step = SERIES if days < LONG else SERIES_IF_LONG, AT_ONCE // days
    found = [fit_steps(draw(rng, step, days, heavy=heavy), design).statistic for _ in range(-(-series // step))]
    quantiles: np.ndarray = np.quantile(np.concatenate(found), 1 - np.array(CHANCES))
    return quantiles


if __name__ == "__main__":
    generator = np.random.default_rng(1977)
    for number in DAYS:
        normal, heavy_tailed = (find_statistics(generator, number, heavy=heavy) for heavy in (False, True))
        print(tuple(np.maximum(normal, heavy_tailed).round(2).tolist()), flush=True)
