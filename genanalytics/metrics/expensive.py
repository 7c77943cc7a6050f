"""The most expensive generations."""

from numbers import Integral

import pandas as pd

from genanalytics.base.opening import opens_paths
from genanalytics.errors import InputError
from genanalytics.metrics.engines.protocol import order_by_need
from genanalytics.metrics.engines.source import Records, collect, open_source
from genanalytics.metrics.grouping.labels import check_columns
from genanalytics.metrics.sets.cost import EFFECTIVE_COST, PER_REQUEST
from genanalytics.metrics.summary import describe_completeness, summarize
from genanalytics.records.schema import BY_NAME
from genanalytics.units import Unit

COST, SHARE = "cost", "cost_share"
_KEYS = ("requested_id", "created_at", "model", "provider_name", "session_id")
_FIGURES = {
    "native_tokens_prompt": "tokens in",
    "native_tokens_completion": "tokens out",
    "latency": "latency",
    "generation_time": "generation time",
}
"""Columns of the records, and their labels."""


@opens_paths("data")
def most_expensive(data: Records, n: int = 10) -> pd.DataFrame:
    """Return the generations with the highest cost, the most expensive first.

    Args:
        data: Anything that `summarize` takes. An engine sorts the rows where they are.
        n: The largest number of rows.

    Returns:
        A row per generation whose cost is known. `requested_id`, `created_at`, `model`, `provider_name` and
        `session_id`, where the data has them. `cost` (Float64, US$): the charge and, with your own provider key, what
        the provider charged. `cost_share`: its share of the cost of all rows. Then tokens and times (ms) as in the
        records. `attrs` contains `units`, `labels`, `notices`, the coverage, and `cost_of_all` (US$).

    Raises:
        InputError: `n` is below 1, or no whole number.
        MissingColumnError: The data lacks a column of the cost.

    >>> frame = pd.DataFrame({"requested_id": ["gen-a", "gen-b", "gen-c"], "total_cost": [0.25, 0.75, None]})
    >>> frame = frame.assign(is_byok=False, upstream_inference_cost=None)
    >>> most_expensive(frame, n=1)[["requested_id", "cost", "cost_share"]].to_dict("records")
    [{'requested_id': 'gen-b', 'cost': 0.75, 'cost_share': 0.75}]
    """
    if not isinstance(n, Integral) or n < 1:
        msg = f"n={n!r} is not a number of generations: give a whole number from 1 on, such as n=10"
        raise InputError(msg)
    source = open_source(data)
    check_columns(source, PER_REQUEST.columns, COST)
    shown = [name for name in (*_KEYS, *_FIGURES) if name in source.columns]
    rows = source.select(list(dict.fromkeys([*shown, *PER_REQUEST.columns])))
    for step in order_by_need([PER_REQUEST]):
        rows = rows.with_columns(value.expression.alias(value.name) for value in step)
    ranked = rows.filter(~PER_REQUEST.column.is_null()).sort(
        PER_REQUEST.name, *shown[:1], descending=[True] + [False] * len(shown[:1])
    )
    found = collect(ranked.head(n).to_native()).rename(columns={PER_REQUEST.name: COST})
    total = summarize(data, metrics=EFFECTIVE_COST)
    cost = total[EFFECTIVE_COST.name].iloc[0]
    whole = None if pd.isna(cost) else float(cost)
    found = found.astype({COST: "Float64"})
    found[SHARE] = found[COST] / (whole or pd.NA)
    keys, figures = ([name for name in names if name in shown] for names in (_KEYS, _FIGURES))
    found = found[[*keys, COST, SHARE, *figures]].reset_index(drop=True)
    found.attrs = {
        "units": {COST: Unit.USD.value, SHARE: Unit.SHARE.value}
        | {name: BY_NAME[name].unit.value for name in ("created_at", *figures) if name in shown},
        "labels": {COST: "cost", SHARE: "share of cost"}
        | {name: _FIGURES[name] for name in figures}
        | {"created_at": "created"},
        "notices": total.attrs["notices"],
        "cost_of_all": whole,
        **describe_completeness(data, []),
    }
    return found
