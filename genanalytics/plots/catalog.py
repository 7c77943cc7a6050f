"""All charts, by the names that the command line and the documents give them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from matplotlib.axes import Axes

from genanalytics.base.text import near
from genanalytics.errors import InputError
from genanalytics.plots.caching import cache_payback, cache_savings_rate, cache_waterfall
from genanalytics.plots.cost import cost_over_time, cost_ranking
from genanalytics.plots.latency import latency_heatmap, latency_tails
from genanalytics.plots.patterns import hour_of_week
from genanalytics.plots.reliability import outcomes
from genanalytics.plots.speed import speed_against_price, throughput


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart and the question that it answers.

    Attributes:
        draw: Draws it: `draw(data, ax=..., **options)` returns the axes.
        question: What one sees in it.
    """

    draw: Callable[..., Axes]
    question: str


CHARTS: Mapping[str, Chart] = {
    chart.draw.__name__.replace("_", "-"): chart
    for chart in (
        Chart(cost_over_time, "What does it cost over time, and who causes it?"),
        Chart(cost_ranking, "Who makes up how much of the cost?"),
        Chart(cache_waterfall, "What did prompt caching cost and save?"),
        Chart(cache_savings_rate, "Where does caching save how much, and how sure is that?"),
        Chart(cache_payback, "When, or in which sessions, does caching pay back?"),
        Chart(latency_tails, "How slow are the slowest, provider by provider?"),
        Chart(latency_heatmap, "How does latency move, and how widely does it spread?"),
        Chart(speed_against_price, "Who is fast for the money?"),
        Chart(throughput, "How fast do tokens come, and how evenly?"),
        Chart(hour_of_week, "At which hours is it dear, or slow?"),
        Chart(outcomes, "How many generations fail, are cut off or fall back?"),
    )
}
"""The charts by name."""


def chart_of(name: str) -> Chart:
    """Return a chart by its name.

    Raises:
        InputError: There is no such chart.

    >>> chart_of("cost_over_time").draw.__name__
    'cost_over_time'
    """
    wanted = name.replace("_", "-")
    if wanted not in CHARTS:
        msg = f"no chart {name!r}; {near(wanted, CHARTS)}there are {', '.join(CHARTS)}"
        raise InputError(msg)
    return CHARTS[wanted]
