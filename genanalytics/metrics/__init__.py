"""The statistics, each declared once, and their summary by group."""

from genanalytics.metrics.caching import CACHE
from genanalytics.metrics.cost import COST, EFFECTIVE_COST, REQUESTS
from genanalytics.metrics.declare import RowValue, Statistic, count_of, ratio, spread, total
from genanalytics.metrics.latency import LATENCY
from genanalytics.metrics.summary import DEFAULT, DERIVED_KEYS, reference, summarize

__all__ = [
    "CACHE",
    "COST",
    "DEFAULT",
    "DERIVED_KEYS",
    "EFFECTIVE_COST",
    "LATENCY",
    "REQUESTS",
    "RowValue",
    "Statistic",
    "count_of",
    "ratio",
    "reference",
    "spread",
    "summarize",
    "total",
]
