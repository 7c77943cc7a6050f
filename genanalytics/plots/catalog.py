"""All charts, by their names on the command line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from matplotlib.axes import Axes

from genanalytics.base.text import suggest
from genanalytics.errors import InputError
from genanalytics.plots.attempts import attempts_by_provider
from genanalytics.plots.bridge import cost_bridge
from genanalytics.plots.caching import cache_savings_rate, cache_waterfall
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
from genanalytics.plots.shares import concentration
from genanalytics.plots.speed import speed_against_price, throughput
from genanalytics.plots.tokens import token_mix
from genanalytics.plots.unused import unused_cost


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart and the question that it answers.

    Attributes:
        draw: The function that draws it: `draw(data, ax=..., **options)` returns the axes.
        question: The question that it answers.
    """

    draw: Callable[..., Axes]
    question: str


CHARTS: Mapping[str, Chart] = {
    chart.draw.__name__.replace("_", "-"): chart
    for chart in (
        Chart(cost_over_time, "How does cost develop over time, and which groups cause it?"),
        Chart(cumulative_cost, "Where will the cost of the month end, and how does it compare with the month before?"),
        Chart(cost_bridge, "Why did the cost change from one period to the next?"),
        Chart(cost_calendar, "On which days was the cost unusual?"),
        Chart(cost_ranking, "Which groups make up the cost?"),
        Chart(concentration, "Do few sessions, or few requests, make most of the cost?"),
        Chart(items_over_time, "What is the money spent on: input, cache, output or something else?"),
        Chart(token_mix, "What are the tokens: prompt, cache, reasoning or answer?"),
        Chart(unused_cost, "What was paid but not used?"),
        Chart(unit_prices, "At which unit prices was a model billed, and when did they change?"),
        Chart(cache_waterfall, "How much did prompt caching cost and save?"),
        Chart(cache_savings_rate, "How much does caching save in each group, and how certain is that?"),
        Chart(cache_payback, "When, or in which sessions, does caching pay back?"),
        Chart(session_cache, "Which calls of a session lost the prompt cache, and what did that cost?"),
        Chart(hit_rate_by_gap, "Why does caching miss: because of the time between calls, or in spite of it?"),
        Chart(latency_percentiles, "Which provider to route to: who is fast, even at the slow end?"),
        Chart(latency_tails, "How slow are the slowest answers of each provider?"),
        Chart(latency_heatmap, "How does latency change over time, and how far does it spread?"),
        Chart(speed_against_price, "Which models are fast for their price?"),
        Chart(throughput, "How fast do tokens come, and how evenly?"),
        Chart(hour_of_week, "At which hours is it expensive, or slow?"),
        Chart(outcomes, "How many generations fail, are truncated or fall back?"),
        Chart(attempts_by_provider, "Whose attempts fail?"),
    )
}
"""The charts by name."""


def find_chart(name: str) -> Chart:
    """Return a chart by its name.

    Raises:
        InputError: There is no such chart.

    >>> find_chart("cost_over_time").draw.__name__
    'cost_over_time'
    """
    wanted = name.replace("_", "-")
    if wanted not in CHARTS:
        msg = f"no chart {name!r}; {suggest(wanted, CHARTS)}there are {', '.join(CHARTS)}"
        raise InputError(msg)
    return CHARTS[wanted]
