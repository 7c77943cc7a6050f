"""Charts: a function each, `(data, *, ax=None, ...) -> Axes`, that draws numbers of `metrics`.

`data` is anything that `metrics.summarize` takes, of any size. A chart draws into the given `ax`, or makes a figure; it
changes no setting of matplotlib.
"""

from genanalytics.plots.attempts import attempts_by_provider
from genanalytics.plots.bridge import cost_bridge
from genanalytics.plots.caching import cache_savings_rate, cache_waterfall
from genanalytics.plots.catalog import CHARTS, Chart, find_chart
from genanalytics.plots.cost import cost_over_time, cost_ranking
from genanalytics.plots.days import cost_calendar
from genanalytics.plots.dumbbells import latency_percentiles
from genanalytics.plots.flips import session_cache
from genanalytics.plots.gaps import hit_rate_by_gap
from genanalytics.plots.items import items_over_time
from genanalytics.plots.latency import latency_heatmap, latency_tails
from genanalytics.plots.patterns import hour_of_week
from genanalytics.plots.payback import cache_payback
from genanalytics.plots.prices import unit_prices
from genanalytics.plots.reliability import outcomes
from genanalytics.plots.running import cumulative_cost
from genanalytics.plots.saving import save
from genanalytics.plots.shares import concentration
from genanalytics.plots.speed import speed_against_price, throughput
from genanalytics.plots.tokens import token_mix
from genanalytics.plots.unused import unused_cost

__all__ = [
    "CHARTS",
    "Chart",
    "attempts_by_provider",
    "cache_payback",
    "cache_savings_rate",
    "cache_waterfall",
    "concentration",
    "cost_bridge",
    "cost_calendar",
    "cost_over_time",
    "cost_ranking",
    "cumulative_cost",
    "find_chart",
    "hit_rate_by_gap",
    "hour_of_week",
    "items_over_time",
    "latency_heatmap",
    "latency_percentiles",
    "latency_tails",
    "outcomes",
    "save",
    "session_cache",
    "speed_against_price",
    "throughput",
    "token_mix",
    "unit_prices",
    "unused_cost",
]
