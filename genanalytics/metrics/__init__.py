"""The statistics, each declared once, and their summary by group on pandas, DuckDB and Spark."""

from genanalytics.metrics.caching import CACHE
from genanalytics.metrics.catalog import DEFAULT, SETS, reference, resolved
from genanalytics.metrics.comparison import Comparison, compare
from genanalytics.metrics.cost import COST, EFFECTIVE_COST, REQUESTS
from genanalytics.metrics.declare import (
    Basis,
    Count,
    Quantile,
    RowValue,
    Statistic,
    Sum,
    count_of,
    rate,
    ratio,
    spread,
    total,
)
from genanalytics.metrics.latency import LATENCY
from genanalytics.metrics.reliability import RELIABILITY, goodput
from genanalytics.metrics.summary import (
    cache_summary,
    cost_summary,
    latency_summary,
    reliability_summary,
    summarize,
    token_summary,
)
from genanalytics.metrics.tokens import TOKENS

__all__ = [
    "CACHE",
    "COST",
    "DEFAULT",
    "EFFECTIVE_COST",
    "LATENCY",
    "RELIABILITY",
    "REQUESTS",
    "SETS",
    "TOKENS",
    "Basis",
    "Comparison",
    "Count",
    "Quantile",
    "RowValue",
    "Statistic",
    "Sum",
    "cache_summary",
    "compare",
    "cost_summary",
    "count_of",
    "goodput",
    "latency_summary",
    "rate",
    "ratio",
    "reference",
    "reliability_summary",
    "resolved",
    "spread",
    "summarize",
    "token_summary",
    "total",
]
