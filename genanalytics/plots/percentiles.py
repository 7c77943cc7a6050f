"""Which percentiles the number of observations supports."""

from typing import Any

import numpy as np

LEAST_BEYOND = 5
"""A percentile is drawn if at least this many observations are beyond it; otherwise it is only one or two of them."""


def has_enough(number: Any, level: Any) -> Any:  # noqa: ANN401 - numbers or arrays, in any combination
    """Return whether enough observations are beyond a percentile, for numbers of observations and levels from 0 to 1.

    >>> has_enough(np.array([99, 100, 500]), 0.95).tolist(), has_enough(500, np.array([0.99, 0.999])).tolist()
    ([False, True, True], [True, False])
    """
    return np.round(number * (1 - level), 6) >= LEAST_BEYOND


def find_least(level: float) -> int:
    """Return the least number of observations that supports a percentile.

    >>> find_least(0.5), find_least(0.95), find_least(0.99)
    (10, 100, 500)
    """
    return int(np.ceil(np.round(LEAST_BEYOND / (1 - level), 6)))
