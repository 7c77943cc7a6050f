"""Requests that repeat another one within seconds, and the number of repetitions that chance explains.

That number is estimated in two ways, and the higher estimate is used.

- Sizes at random: the requests of the same caller within the seconds before, times the share of this size among all of
  the caller. Requests in bursts, and sizes that are frequent, have many of these.
- Longer distances: the requests of the same size in the minute before those seconds, per equal time (a pair
  correlation; B. D. Ripley, "Modelling spatial patterns", J. R. Stat. Soc. B 39, 1977). A job that sends prompts of
  like size has many of these.

If one size is frequent, as in health checks, a repetition is no evidence, and is not counted.
"""

from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from genanalytics.decide.losses.ledger import COST, ID, MOMENT, SAME, SIZES
from genanalytics.metrics.engines.protocol import Window
from genanalytics.metrics.engines.windows import add_windows
from genanalytics.metrics.names import name_clean

MOST_IDS = 2_000_000
"""No more near-duplicates are left out of other classes."""

_FARTHER = 6
"""The longer distances are this many times as long."""
_MOST_CHANCE = 0.05
"""A repetition is evidence only if chance alone repeats the request with at most this probability."""
_FEW_OF_SIZE = 10
"""This number of requests of one size does not show whether the size is frequent."""
_SURE = 2.58
"""Chance exceeds its mean by this many standard errors in 0.5 % of all data."""
_FEWEST = 7
_WIDE = 1.96
_CLUSTER_US = 600_000_000
_WAYS = ("sizes", "distances")
_BACK = "moment counted back"
_CALLER = tuple(map(name_clean, SAME))
_KEY = (*_CALLER, *map(name_clean, SIZES))


@dataclass(frozen=True, slots=True)
class Repeats:
    """The requests that repeat another one.

    Attributes:
        requests: Their number.
        chance: The number that chance would give.
        cost: What they cost above what chance would give, in US$.
        cost_low: The lower limit of its 95 % interval.
        cost_high: The upper limit.
        uncertain: The number of repetitions of frequent sizes, which chance alone can explain.
        ids: Their ids, if there are more than chance explains; otherwise none.
    """

    requests: int
    chance: float
    cost: float
    cost_low: float
    cost_high: float
    uncertain: int
    ids: list[str]


def find_repeats(rows: Any, within_s: float) -> Repeats:  # noqa: ANN401 - a table or relation
    """Return the near-duplicates among billed requests that ended well.

    A request is one if another one with the same values of `SAME` and `SIZES` came up to `within_s` seconds before. A
    failed, cut or empty call is no first one: its repetition is a retry. Calls of one moment are parallel.

    Args:
        rows: The result of `ledger.read_rows`.
        within_s: The longest time between both requests, in seconds.
    """
    marked = _mark(rows, round(within_s * 1_000_000))
    sums = _add_up(marked)
    way = max(_WAYS, key=lambda name: sums[f"chance {name}"])
    requests, chance, paid = int(sums["repeated"]), sums[f"chance {way}"], sums["paid"]
    is_sure = requests >= _FEWEST and requests - chance > _SURE * float(np.sqrt(sums[f"square {way}"]))
    ids = _list_ids(marked, requests) if is_sure else []
    cost = paid - sums[f"paid {way}"]
    noise = 1 + 1 / _FARTHER if way == "distances" else 1.0  # a rate that comes from counts varies too
    reach = _WIDE * float(np.sqrt(sums[f"variance {way}"] * noise))
    low, cost, high = (min(max(0.0, amount), paid) for amount in (cost - reach, cost, cost + reach))
    return Repeats(requests, chance, cost, low, high, int(sums["uncertain"]), ids)


def _mark(rows: Any, within: int) -> Any:  # noqa: ANN401 - as `find_repeats`
    """Return the billed requests that ended well, each with whether it repeats one, and the chance of it."""
    kept = (nw.col(COST) > 0) & nw.col("ending").is_null() & ~nw.col("replayed") & (nw.col(MOMENT) > 0)
    kept = kept & (nw.col(_KEY[len(_CALLER)]) > 0)
    rows = nw.from_native(rows).filter(kept.fill_null(value=False)).select(ID, COST, MOMENT, *_KEY).to_native()
    windows = {
        "near": Window(_KEY, -within, -1),
        "far": Window(_KEY, -(1 + _FARTHER) * within, -within - 1),
        "of size": Window(_KEY),
        "last of size": Window(_KEY, None, None, MOMENT),
        "first of size": Window(_KEY, None, None, _BACK),
        "around": Window(_CALLER, -within, -1),
        "of caller": Window(_CALLER),
    }
    rows = nw.from_native(rows).with_columns((-nw.col(MOMENT)).alias(_BACK)).to_native()
    marked = nw.from_native(add_windows(rows, MOMENT, windows))
    others = nw.max_horizontal(nw.col("of caller") - 1, nw.lit(1))
    span = nw.max_horizontal(nw.col("last of size") + nw.col("first of size"), nw.lit(1.0))
    ways = {"sizes": (nw.col("of size") - 1) * nw.col("around") / others, "distances": nw.col("far") / _FARTHER}
    marked = marked.with_columns(
        *(nw.min_horizontal(chance, nw.lit(1.0)).alias(f"chance {way}") for way, chance in ways.items()),
        (nw.col("near") > 0).cast(nw.Float64).alias("repeated"),
        (nw.col(MOMENT) // _CLUSTER_US).alias("cluster"),
        ((nw.col("of size") - _FEW_OF_SIZE) * within / span <= _MOST_CHANCE).alias("scattered"),
    )
    is_evidence = nw.col("scattered") & (nw.col("chance sizes") <= _MOST_CHANCE)
    return marked.with_columns(is_evidence.alias("evidence")).to_native()


def _add_up(marked: Any) -> dict[str, float]:  # noqa: ANN401 - as `find_repeats`
    """Return sums over all requests, and the sums of the squares of those of clusters: an app's ten minutes."""
    lazy = nw.from_native(marked).lazy()
    repeated = nw.when(nw.col("evidence")).then(nw.col("repeated")).otherwise(0.0)
    values = {
        "repeated": repeated,
        "paid": repeated * nw.col(COST),
        "uncertain": nw.when(nw.col("evidence")).then(0.0).otherwise(nw.col("repeated")),
    }
    for way in _WAYS:
        chance = nw.when(nw.col("evidence")).then(nw.col(f"chance {way}")).otherwise(0.0)
        values |= {
            f"chance {way}": chance,
            f"paid {way}": chance * nw.col(COST),
            f"variance {way}": chance * nw.col(COST) * nw.col(COST),
        }
    clusters = lazy.select(*_CALLER[:2], "cluster", *(value.alias(f"sum {name}") for name, value in values.items()))
    clusters = clusters.group_by(*_CALLER[:2], "cluster").agg(nw.col(f"sum {name}").sum() for name in values)
    sums = {name: nw.col(f"sum {name}").sum().alias(name) for name in values}
    for way in _WAYS:
        excess = nw.col("sum repeated") - nw.col(f"sum chance {way}")
        sums[f"square {way}"] = (excess * excess).sum().alias(f"square {way}")
    found = clusters.select(*sums.values()).collect(backend="pyarrow").to_native()
    return {name: float(found[name][0].as_py() or 0.0) for name in sums}


def _list_ids(marked: Any, number: int) -> list[str]:  # noqa: ANN401 - as `find_repeats`
    if number > MOST_IDS:
        return []
    rows = nw.from_native(marked).lazy().filter(nw.col("evidence") & (nw.col("repeated") > 0))
    found: list[str] = rows.select(ID).collect(backend="pyarrow").to_native()[ID].drop_null().to_pylist()
    return found
