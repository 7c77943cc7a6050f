"""Tasks of one or more requests each, with a known chance to succeed and a known cost."""

import math

import numpy as np
import pandas as pd

import genanalytics as ga


def draw_outcomes(
    rng: np.random.Generator, runs: int, tasks: int, *, chance: float, mean_size: int, sigma: float = 0.8
) -> tuple[pd.DataFrame, float]:
    """Return labelled runs of tasks of one or more requests each, and the true cost of a success.

    The cost of a task is lognormal, and twice as high if it fails.
    """
    count = runs * tasks
    sizes = rng.geometric(1 / mean_size, count) if mean_size > 1 else np.ones(count, dtype=np.int64)
    success = rng.random(count) < chance
    level = rng.lognormal(0, sigma, count) * np.where(success, 1, 2)
    task = np.repeat(np.arange(count), sizes)
    frame = pd.DataFrame(
        {
            "run": task // tasks,
            "session_id": [f"s{number}" for number in task],
            "requested_id": [f"gen-{number}" for number in range(len(task))],
            "total_cost": level[task] * rng.lognormal(-0.125, 0.5, len(task)),
            "upstream_inference_cost": np.nan,
            "is_byok": False,
        }
    )
    labels = pd.DataFrame({"session_id": [f"s{number}" for number in range(count)], "success": success})
    mean = mean_size * math.exp(sigma**2 / 2)
    return ga.label(frame, labels, on="session_id"), (chance * mean + (1 - chance) * 2 * mean) / chance
