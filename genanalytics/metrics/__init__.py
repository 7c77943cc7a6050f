"""The statistics, each declared once, and their summary by group on pandas, DuckDB and Spark."""

from genanalytics.metrics.attempts import ATTEMPTS, attempt_summary, attempts
from genanalytics.metrics.catalog import DEFAULT, ROW_VALUES, SETS
from genanalytics.metrics.compared import Comparison, Estimate
from genanalytics.metrics.comparison import compare
from genanalytics.metrics.declare import (
    Basis,
    Count,
    Known,
    Per,
    Quantile,
    RowValue,
    ShareOfTotal,
    Statistic,
    Sum,
)
from genanalytics.metrics.distribution import distribution
from genanalytics.metrics.forms import Spread, count_of, like_period, of_column, rate, ratio, spread, total
from genanalytics.metrics.quality import CHECKS, quality
from genanalytics.metrics.sessions import SESSIONS, sessions
from genanalytics.metrics.sets.caching import CACHE
from genanalytics.metrics.sets.cost import COST, COST_OF_LIKE_PERIOD, EFFECTIVE_COST, REQUESTS
from genanalytics.metrics.sets.items import ITEMS
from genanalytics.metrics.sets.latency import LATENCY
from genanalytics.metrics.sets.outcomes import MARGINS, OUTCOMES
from genanalytics.metrics.sets.reliability import RELIABILITY, goodput
from genanalytics.metrics.sets.tokens import TOKENS
from genanalytics.metrics.summary import (
    cache_summary,
    cost_summary,
    latency_summary,
    reliability_summary,
    summarize,
    token_summary,
)
from genanalytics.units import Unit

__all__ = [
    "ATTEMPTS",
    "CACHE",
    "CHECKS",
    "COST",
    "COST_OF_LIKE_PERIOD",
    "DEFAULT",
    "EFFECTIVE_COST",
    "ITEMS",
    "LATENCY",
    "MARGINS",
    "OUTCOMES",
    "RELIABILITY",
    "REQUESTS",
    "ROW_VALUES",
    "SESSIONS",
    "SETS",
    "TOKENS",
    "Basis",
    "Comparison",
    "Count",
    "Estimate",
    "Known",
    "Per",
    "Quantile",
    "RowValue",
    "ShareOfTotal",
    "Spread",
    "Statistic",
    "Sum",
    "Unit",
    "attempt_summary",
    "attempts",
    "cache_summary",
    "compare",
    "cost_summary",
    "count_of",
    "distribution",
    "goodput",
    "latency_summary",
    "like_period",
    "of_column",
    "quality",
    "rate",
    "ratio",
    "reliability_summary",
    "sessions",
    "spread",
    "summarize",
    "token_summary",
    "total",
]
