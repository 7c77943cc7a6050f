"""Prompt caching: what it saved and what it cost (US dollars); `cache_discount` is signed, and null is not zero."""

import narwhals.stable.v2 as nw

from genanalytics.metrics.declare import RowValue, Statistic, ratio, total
from genanalytics.metrics.rows import BYOK, REPLAYED
from genanalytics.units import Unit

_DISCOUNT = nw.col("cache_discount")
_KNOWN = ~_DISCOUNT.is_null()
_PAID_HERE = ~BYOK & ~REPLAYED
_RATE_NEEDS = ("cache_discount", "total_cost", "is_byok", "response_cache_source_id")

_NET = RowValue(
    "net_cache_savings",
    "cache savings",
    Unit.USD,
    "Sum of cache_discount, signed, over the rows where it is known",
    ("cache_discount",),
    _DISCOUNT,
)
_READ = RowValue(
    "read_savings",
    "read savings",
    Unit.USD,
    "Sum of the positive discounts: what cache reads saved",
    ("cache_discount",),
    nw.when(_DISCOUNT > 0).then(_DISCOUNT).otherwise(nw.when(_KNOWN).then(nw.lit(0.0))),
)
_PREMIUM = RowValue(
    "write_premium",
    "write premium",
    Unit.USD,
    "Size of the sum of the negative discounts: what cache writes cost on top",
    ("cache_discount",),
    nw.when(_DISCOUNT < 0).then(-_DISCOUNT).otherwise(nw.when(_KNOWN).then(nw.lit(0.0))),
)
_WITHOUT = RowValue(
    "cost_without_cache",
    "cost without caching",
    Unit.USD,
    "Sum of total_cost + cache_discount; a row without a known discount counts with total_cost alone",
    ("cache_discount", "total_cost"),
    nw.col("total_cost")
    + _DISCOUNT.fill_null(0.0),  # nothing reported, so nothing added; cache_coverage says how often
)
_RATE_OVER = RowValue("", "", Unit.USD, "", _RATE_NEEDS, nw.when(_PAID_HERE).then(_DISCOUNT))
_RATE_UNDER = RowValue("", "", Unit.USD, "", _RATE_NEEDS, nw.when(_PAID_HERE).then(nw.col("total_cost") + _DISCOUNT))

CACHE: tuple[Statistic, ...] = (
    total(_NET),
    ratio(
        "cache_savings_rate",
        "savings rate",
        Unit.SHARE,
        "Cache savings / cost without caching, over the rows with a known discount that are neither BYOK nor replayed",
        _RATE_OVER,
        _RATE_UNDER,
    ),
    Statistic(
        "cache_coverage",
        "discount known",
        Unit.SHARE,
        "Rows with a known cache_discount / rows",
        needs=("cache_discount",),
        rows=_NET.rows,
        aggregates=_NET.sums | {"requests": nw.len()},
        finish=nw.when(nw.col("requests") > 0).then(nw.col("net_cache_savings.n") / nw.col("requests")),
    ),
    total(_READ),
    total(_PREMIUM),
    total(_WITHOUT),
)
