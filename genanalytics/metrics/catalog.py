"""The statistics that there are, in their sets and by their names."""

from collections.abc import Iterable, Mapping

from genanalytics.errors import InputError
from genanalytics.metrics.caching import CACHE
from genanalytics.metrics.cost import COST, REQUESTS
from genanalytics.metrics.declare import Statistic
from genanalytics.metrics.latency import LATENCY
from genanalytics.metrics.near import near
from genanalytics.metrics.reliability import RELIABILITY
from genanalytics.metrics.tokens import TOKENS

SETS: Mapping[str, tuple[Statistic, ...]] = {
    "cost": COST,
    "cache": CACHE,
    "tokens": TOKENS,
    "latency": LATENCY,
    "reliability": RELIABILITY,
}
"""The statistics by the question that they answer."""

DEFAULT: tuple[Statistic, ...] = tuple(statistic for statistics in SETS.values() for statistic in statistics)


def resolved(metrics: Iterable[Statistic | str] | str | Statistic) -> list[Statistic]:
    """Return statistics, those given by name looked up.

    A name is that of a set (`cost`), of a statistic (`ttft_ms_p95`) or of a row value (`ttft_ms`: its mean, percentiles
    and n).

    Raises:
        InputError: There is none of such a name.

    >>> [statistic.name for statistic in resolved(["error_rate", "ttft_ms"])]
    ['error_rate', 'ttft_ms_mean', 'ttft_ms_p50', 'ttft_ms_p90', 'ttft_ms_p95', 'ttft_ms_p99', 'ttft_ms_n']
    """
    given = [metrics] if isinstance(metrics, str | Statistic) else metrics
    found = [statistic for metric in given for statistic in _found(metric)]
    return [statistic for statistic in found if statistic.name != REQUESTS.name]  # it stands in every summary


def _found(metric: Statistic | str) -> tuple[Statistic, ...]:
    if isinstance(metric, Statistic):
        return (metric,)
    if metric == REQUESTS.name:
        return (REQUESTS,)
    if metric in SETS:
        return SETS[metric]
    alone = {statistic.name: statistic for statistic in DEFAULT}
    if metric in alone:
        return (alone[metric],)
    spreads = {statistic.name.removesuffix("_n") for statistic in DEFAULT if statistic.name.endswith("_n")}
    if metric in spreads:
        return tuple(statistic for statistic in DEFAULT if statistic.name.rpartition("_")[0] == metric)
    known = [*SETS, *alone, *spreads]
    sets, names = ", ".join(SETS), ", ".join(alone)
    msg = f"no statistic {metric!r}; {near(str(metric), known)}there are the sets {sets}, and {names}"
    raise InputError(msg)


def reference() -> str:
    """Return the statistics of `DEFAULT` as a Markdown table: name, label, unit, meaning.

    >>> reference().splitlines()[2]
    '| `requests` | requests | count | Number of rows |'
    """
    rows = [
        f"| `{statistic.name}` | {statistic.label} | {statistic.unit} | {statistic.description} |\n"
        for statistic in (REQUESTS, *DEFAULT)
    ]
    return "".join(["| name | label | unit | meaning |\n", "|---|---|---|---|\n", *rows])
