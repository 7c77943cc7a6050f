"""The statistics, in their sets and by name."""

from collections.abc import Iterable, Mapping
from itertools import chain

from genanalytics.base.text import list_names, suggest
from genanalytics.errors import InputError
from genanalytics.metrics.declare import RowValue, Statistic
from genanalytics.metrics.forms import spread
from genanalytics.metrics.sets.caching import CACHE
from genanalytics.metrics.sets.cost import COST, COST_OF_LIKE_PERIOD, REQUESTS
from genanalytics.metrics.sets.items import ITEMS
from genanalytics.metrics.sets.latency import LATENCY
from genanalytics.metrics.sets.outcomes import MARGINS, OUTCOMES
from genanalytics.metrics.sets.reliability import RELIABILITY
from genanalytics.metrics.sets.tokens import TOKENS

SETS: Mapping[str, tuple[Statistic, ...]] = {
    "cost": COST,
    "cache": CACHE,
    "tokens": TOKENS,
    "latency": LATENCY,
    "reliability": RELIABILITY,
    "items": ITEMS,
    "outcomes": OUTCOMES,
    "margins": MARGINS,
}
"""The statistics by the question that they answer.

Those of `items` need the columns that `ga.itemize` adds, those of `outcomes` and `margins` labels of
`ga.label`.
"""

DEFAULT: tuple[Statistic, ...] = tuple(chain(COST, CACHE, TOKENS, LATENCY, RELIABILITY))

ROW_VALUES: Mapping[str, RowValue] = {
    statistic.basis.over.name: statistic.basis.over
    for statistic in DEFAULT
    if statistic.basis is not None and statistic.basis.kind == "mean"
}
"""The row values whose spread is a part of `DEFAULT`, by name: `ttft_ms`, `cost_per_request` and others."""

_BY_NAME: Mapping[str, tuple[Statistic, ...]] = {
    **SETS,
    **{
        statistic.name: (statistic,)
        for statistic in (*DEFAULT, *ITEMS, *OUTCOMES, *MARGINS, REQUESTS, COST_OF_LIKE_PERIOD)
    },
    **{name: spread(value) for name, value in ROW_VALUES.items()},
}


MEANT: Mapping[str, str] = {
    "total_cost": "billed_cost",
    "usage": "billed_cost",
    "cost": "effective_cost",
    "spend": "effective_cost",
    "usd": "effective_cost",
    "count": REQUESTS.name,
    "cache_discount": "net_cache_savings",
    "savings": "net_cache_savings",
    "hit_rate": "cache_hit_rate",
    "ttft": "ttft_ms",
    "time_to_first_token": "ttft_ms",
    "e2e": "e2e_ms",
    "generation_time": "e2e_ms",
    "duration": "e2e_ms",
    "throughput": "tps_e2e",
    "tps": "tps_decode",
    "itl": "itl_ms",
    "errors": "error_rate",
    "failures": "error_rate",
    "prompt_tokens": "tokens_in",
    "input_tokens": "tokens_in",
    "completion_tokens": "tokens_out",
    "output_tokens": "tokens_out",
}
"""Other words for statistics, in lower case: columns of the records, and terms of other tools."""


def resolve(metrics: Iterable[Statistic | str] | str | Statistic) -> list[Statistic]:
    """Return statistics; names are looked up.

    A name is that of a set (`cost`), of a statistic (`ttft_ms_p95`) or of a row value (`ttft_ms`: its mean, percentiles
    and n).

    Raises:
        InputError: There is no such name.

    >>> [statistic.name for statistic in resolve(["error_rate", "ttft_ms"])]
    ['error_rate', 'ttft_ms_mean', 'ttft_ms_p50', 'ttft_ms_p90', 'ttft_ms_p95', 'ttft_ms_p99', 'ttft_ms_n']
    """
    given = [metrics] if isinstance(metrics, str | Statistic) else metrics
    found = [statistic for metric in given for statistic in _look_up(metric)]
    return [statistic for statistic in found if statistic.name != REQUESTS.name]  # it is in every summary


def resolve_one(metric: Statistic | str) -> Statistic:
    """Return one statistic; a name is looked up.

    Raises:
        InputError: There is no such name, or it is the name of several statistics.
    """
    found = [REQUESTS] if metric == REQUESTS.name else resolve([metric])
    if len(found) != 1:
        names = list_names(statistic.name for statistic in found)
        msg = f"{metric!r} is the name of {len(found)} statistics: give one of {names}"
        raise InputError(msg)
    return found[0]


def _look_up(metric: Statistic | str) -> tuple[Statistic, ...]:
    if isinstance(metric, Statistic):
        return (metric,)
    if metric not in _BY_NAME:
        msg = (
            f"no statistic {metric!r}; {_suggest(str(metric))}there are the sets {', '.join(SETS)}, and the names that"
            " `genanalytics summary --list` prints"
        )
        raise InputError(msg)
    return _BY_NAME[metric]


def _suggest(metric: str) -> str:
    """Return the statistics of what a user meant: one with a similar name, or those of a column of the records.

    >>> _suggest("total_cost"), _suggest("efective_cost")
    ("did you mean 'billed_cost'? ", "did you mean 'effective_cost'? ")
    """
    if meant := MEANT.get(metric.lower()):
        return f"did you mean {meant!r}? "
    if near := suggest(metric, _BY_NAME):
        return near
    made = sorted((one for one in (*DEFAULT, *ITEMS) if metric in one.columns), key=lambda one: len(one.columns))
    return f"did you mean {made[0].name!r}? " if made else ""


def find_row_value(metric: RowValue | str) -> RowValue:
    """Return a row value; a name is looked up.

    Raises:
        InputError: There is no such name.

    >>> find_row_value("ttft_ms").label
    'TTFT'
    """
    if isinstance(metric, RowValue):
        return metric
    if metric not in ROW_VALUES:
        names = list_names(ROW_VALUES, near=str(metric))
        msg = f"no row value {metric!r}; {suggest(str(metric), ROW_VALUES)}there are {names}; or give a RowValue"
        raise InputError(msg)
    return ROW_VALUES[metric]
