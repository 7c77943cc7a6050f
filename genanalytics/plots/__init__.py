"""Charts: one function each, `(frame, *, ax=None, ...) -> Axes`, drawing numbers that `metrics` computed."""

from genanalytics.plots.cost import cost_over_time
from genanalytics.plots.style import save

__all__ = ["cost_over_time", "save"]
