"""The statistics that there are, in their sets and by their names."""

from collections.abc import Iterable, Mapping

from genanalytics.base.text import near
from genanalytics.errors import InputError
from genanalytics.metrics.declare import RowValue, Statistic
from genanalytics.metrics.sets.caching import CACHE
from genanalytics.metrics.sets.cost import COST, REQUESTS
from genanalytics.metrics.sets.latency import LATENCY
from genanalytics.metrics.sets.reliability import RELIABILITY
from genanalytics.metrics.sets.tokens import TOKENS

SETS: Mapping[str, tuple[Statistic, ...]] = {
    "cost": COST,
    "cache": CACHE,
    "tokens": TOKENS,
    "latency": LATENCY,
    "reliability": RELIABILITY,
}
"""The statistics by the question that they answer."""

DEFAULT: tuple[Statistic, ...] = tuple(statistic for statistics in SETS.values() for statistic in statistics)

ROW_VALUES: Mapping[str, RowValue] = {
    basis.over.name: basis.over
    for statistic in DEFAULT
    if (basis := statistic.basis) is not None and basis.kind == "mean"
}
"""The row values whose spread is a part of `DEFAULT`, by their names: `ttft_ms`, `cost_per_request` and the others."""


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
    if metric in ROW_VALUES:
        return tuple(statistic for statistic in DEFAULT if statistic.name.rpartition("_")[0] == metric)
    known = [*SETS, *alone, *ROW_VALUES]
    sets, names = ", ".join(SETS), ", ".join(alone)
    msg = f"no statistic {metric!r}; {near(str(metric), known)}there are the sets {sets}, and {names}"
    raise InputError(msg)


def row_value(value: RowValue | str) -> RowValue:
    """Return a row value, looked up if it is given by name.

    Raises:
        InputError: There is none of such a name.

    >>> row_value("ttft_ms").label
    'TTFT'
    """
    if isinstance(value, RowValue):
        return value
    if value not in ROW_VALUES:
        names = ", ".join(ROW_VALUES)
        msg = f"no row value {value!r}; {near(str(value), ROW_VALUES)}there are {names}, and a RowValue of your own"
        raise InputError(msg)
    return ROW_VALUES[value]


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
