"""Cost: what was charged, what the user's own provider keys paid, and how it spreads over requests (US dollars)."""

import narwhals.stable.v2 as nw

from genanalytics.metrics.declare import RowValue, Statistic, count_of, spread, total
from genanalytics.metrics.rows import BYOK
from genanalytics.units import Unit

_BILLED = RowValue(
    "billed_cost",
    "billed",
    Unit.USD,
    "Sum of total_cost: the charge (BilledCost in FOCUS)",
    ("total_cost",),
    nw.col("total_cost"),
)
_BYOK = RowValue(
    "byok_cost",
    "BYOK",
    Unit.USD,
    "Sum of upstream_inference_cost where is_byok; elsewhere that field is no cost",
    ("upstream_inference_cost", "is_byok"),
    nw.when(BYOK).then(nw.col("upstream_inference_cost")),
)
_BYOK_UNKNOWN = RowValue(
    "byok_unknown",
    "BYOK unknown",
    Unit.COUNT,
    "BYOK rows whose upstream cost is not known, and which effective_cost therefore lacks",
    ("upstream_inference_cost", "is_byok"),
    nw.when(BYOK & nw.col("upstream_inference_cost").is_null()).then(nw.lit(1)),
)
_UNKNOWN = RowValue(
    "cost_unknown",
    "cost unknown",
    Unit.COUNT,
    "Rows whose effective cost is not known, wholly or in part, and which the sums therefore lack",
    ("total_cost", "upstream_inference_cost", "is_byok"),
    nw.when(
        nw.col("total_cost").is_null()
        | (BYOK & nw.col("upstream_inference_cost").is_null())
        | (nw.col("is_byok").is_null() & (nw.col("upstream_inference_cost") != 0).fill_null(value=False))
    ).then(nw.lit(1)),
)
_PER_REQUEST = RowValue(
    "cost_per_request",
    "cost per request",
    Unit.USD,
    "total_cost + (upstream_inference_cost where is_byok) of a row",
    ("total_cost", "upstream_inference_cost", "is_byok"),
    nw.when(BYOK).then(nw.col("total_cost") + nw.col("upstream_inference_cost")).otherwise(nw.col("total_cost")),
)
_EFFECTIVE = nw.when(nw.col("byok_cost.n") > 0).then(_BILLED.total + nw.col("byok_cost.sum")).otherwise(_BILLED.total)

REQUESTS = Statistic("requests", "requests", Unit.COUNT, "Number of rows", aggregates={"requests": nw.len()})
EFFECTIVE_COST = Statistic(
    "effective_cost",
    "cost",
    Unit.USD,
    "billed_cost + byok_cost (EffectiveCost in FOCUS)",
    needs=(*_BILLED.needs, *_BYOK.needs),
    rows=_BILLED.rows | _BYOK.rows,
    aggregates=_BILLED.sums | _BYOK.sums,
    finish=_EFFECTIVE,
)
COST_SHARE = Statistic(
    "cost_share",
    "share of cost",
    Unit.SHARE,
    "effective_cost of the group / effective_cost of all groups",
    needs=EFFECTIVE_COST.needs,
    rows=EFFECTIVE_COST.rows,
    aggregates=EFFECTIVE_COST.aggregates,
    finish=nw.when(_EFFECTIVE.sum() != 0).then(_EFFECTIVE / _EFFECTIVE.sum()),
)

COST: tuple[Statistic, ...] = (
    EFFECTIVE_COST,
    COST_SHARE,
    total(_BILLED),
    total(_BYOK),
    count_of(_BYOK_UNKNOWN),
    count_of(_UNKNOWN),
    *spread(_PER_REQUEST),
)
