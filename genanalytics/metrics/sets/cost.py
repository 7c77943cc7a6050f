"""Cost in US dollars: charges, payments with the user's own provider keys (BYOK), and their spread over requests."""

import narwhals.stable.v2 as nw

from genanalytics.metrics.declare import Count, RowValue, ShareOfTotal, Statistic
from genanalytics.metrics.forms import count_of, like_period, ratio, spread, total
from genanalytics.metrics.sets.rows import BYOK, REPLAYED
from genanalytics.units import Unit

_TOTAL = nw.col("total_cost")
_UPSTREAM = nw.col("upstream_inference_cost")
_NATIVE_TOKENS = nw.col("native_tokens_prompt") + nw.col("native_tokens_completion")
_COST_COLUMNS = ("total_cost", "upstream_inference_cost", "is_byok")

BILLED = RowValue(
    "billed_cost", "billed", Unit.USD, "Sum of total_cost: the charge (BilledCost in FOCUS)", ("total_cost",), _TOTAL
)
PAID_BY_KEY = RowValue(
    "byok_cost",
    "BYOK",
    Unit.USD,
    "Sum of upstream_inference_cost where is_byok; in other rows this field is not a cost",
    ("upstream_inference_cost", "is_byok"),
    nw.when(nw.col("is_byok")).then(_UPSTREAM),
)
EFFECTIVE = RowValue(
    "effective_cost",
    "cost",
    Unit.USD,
    "billed_cost + byok_cost (EffectiveCost in FOCUS)",
    (BILLED, PAID_BY_KEY),
    nw.when(~BILLED.column.is_null() | ~PAID_BY_KEY.column.is_null()).then(
        BILLED.column.fill_null(0.0) + PAID_BY_KEY.column.fill_null(0.0)  # cost_unknown counts the rows with a gap
    ),
)
PER_REQUEST = RowValue(
    "cost_per_request",
    "cost per request",
    Unit.USD,
    "total_cost + (upstream_inference_cost where is_byok) of a row",
    _COST_COLUMNS,
    nw.when(BYOK).then(_TOTAL + _UPSTREAM).otherwise(_TOTAL),
)
_BYOK_UNKNOWN = RowValue(
    "byok_unknown",
    "BYOK unknown",
    Unit.COUNT,
    "BYOK rows with an unknown upstream cost, which effective_cost does not include",
    ("upstream_inference_cost", "is_byok"),
    nw.when(nw.col("is_byok") & _UPSTREAM.is_null()).then(nw.lit(1)),
)
UNKNOWN = RowValue(
    "cost_unknown",
    "cost unknown",
    Unit.COUNT,
    "Rows whose effective cost is unknown, wholly or in part, and which the sums do not fully include",
    (*_COST_COLUMNS, _BYOK_UNKNOWN),
    nw.when(_TOTAL.is_null() | ~_BYOK_UNKNOWN.column.is_null() | (nw.col("is_byok").is_null() & (_UPSTREAM != 0))).then(
        nw.lit(1)
    ),
)
_PRICED_MTOK = RowValue(
    "priced_mtok",
    "tokens",
    Unit.TOKENS,
    "Millions of native tokens, prompt and completion, of the rows with a price",
    ("native_tokens_prompt", "native_tokens_completion", "total_cost", "is_byok", "response_cache_source_id"),
    nw.when(~REPLAYED & (nw.col("is_byok") | (_TOTAL != 0)) & (_NATIVE_TOKENS > 0)).then(_NATIVE_TOKENS / 1e6),
)

REQUESTS = Statistic("requests", "requests", Unit.COUNT, "Number of rows", finish=Count(), of_nothing=0)
EFFECTIVE_COST = total(EFFECTIVE)
COST_OF_LIKE_PERIOD = like_period(EFFECTIVE_COST, "cost_of_like_period", "cost of a like period")
COST_SHARE = Statistic(
    "cost_share",
    "share of cost",
    Unit.SHARE,
    "effective_cost of the group / effective_cost of all groups; missing if that of any group is negative",
    finish=ShareOfTotal(EFFECTIVE),
)
PRICE = ratio(
    "usd_per_mtok",
    "price",
    Unit.USD_PER_MTOK,
    "Cost / million native tokens in and out, without rows that are free, replayed or without tokens",
    PER_REQUEST,
    _PRICED_MTOK,
)

COST: tuple[Statistic, ...] = (
    EFFECTIVE_COST,
    COST_SHARE,
    total(BILLED),
    total(PAID_BY_KEY),
    count_of(_BYOK_UNKNOWN),
    count_of(UNKNOWN),
    *spread(PER_REQUEST),
    PRICE,
)
