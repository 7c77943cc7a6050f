"""Prompt caching: savings and costs in US dollars. `cache_discount` has a sign, and a missing one is not zero."""

import narwhals.stable.v2 as nw

from genanalytics.metrics.declare import RowValue, Statistic
from genanalytics.metrics.forms import rate, ratio, total
from genanalytics.metrics.sets.cost import EFFECTIVE
from genanalytics.metrics.sets.rows import PAID_HERE, REPLAYED
from genanalytics.units import Unit

_DISCOUNT = nw.col("cache_discount")
_KNOWN = ~_DISCOUNT.is_null()

NET = RowValue(
    "net_cache_savings",
    "cache savings",
    Unit.USD,
    "Sum of cache_discount, with its sign, over the rows where it is known",
    ("cache_discount",),
    _DISCOUNT,
    signed=True,
)
READ = RowValue(
    "read_savings",
    "read savings",
    Unit.USD,
    "Sum of the positive discounts: savings of cache reads",
    ("cache_discount",),
    nw.when(_KNOWN).then(nw.when(_DISCOUNT > 0).then(_DISCOUNT).otherwise(nw.lit(0.0))),
)
PREMIUM = RowValue(
    "write_premium",
    "write premium",
    Unit.USD,
    "Size of the sum of the negative discounts: extra cost of cache writes",
    (READ, "cache_discount"),
    READ.column - _DISCOUNT,
)
WITHOUT = RowValue(
    "cost_without_cache",
    "cost without caching",
    Unit.USD,
    "effective_cost + net_cache_savings: an unknown discount adds nothing; an unknown cost is missing in both costs",
    (EFFECTIVE, "cache_discount"),
    nw.when(~EFFECTIVE.column.is_null() | _KNOWN).then(
        EFFECTIVE.column.fill_null(0.0) + _DISCOUNT.fill_null(0.0)  # so that paid + saved = without caching
    ),
)
_RATED_SAVINGS = RowValue(
    "rated_savings",
    "savings",
    Unit.USD,
    "cache_discount of a row that is neither BYOK nor replayed, with a known total_cost",
    ("cache_discount", "total_cost", PAID_HERE),
    nw.when(PAID_HERE.column & ~nw.col("total_cost").is_null()).then(_DISCOUNT),
)
RATED_COST = RowValue(
    "rated_cost",
    "cost without caching",
    Unit.USD,
    "total_cost + cache_discount of such a row",
    ("cache_discount", "total_cost", PAID_HERE),
    nw.when(PAID_HERE.column).then(nw.col("total_cost") + _DISCOUNT),
)
_CACHED = RowValue(
    "cached_tokens",
    "cached tokens",
    Unit.TOKENS,
    "native_tokens_cached of a row that was not replayed, with known native_tokens_prompt",
    ("native_tokens_cached", "native_tokens_prompt", "response_cache_source_id"),
    nw.when(~REPLAYED & ~nw.col("native_tokens_prompt").is_null()).then(nw.col("native_tokens_cached")),
)
_PROMPT = RowValue(
    "cacheable_tokens",
    "prompt tokens",
    Unit.TOKENS,
    "native_tokens_prompt of a row that was not replayed, with known native_tokens_cached",
    ("native_tokens_cached", "native_tokens_prompt", "response_cache_source_id"),
    nw.when(~REPLAYED & ~nw.col("native_tokens_cached").is_null()).then(nw.col("native_tokens_prompt")),
)

CACHE: tuple[Statistic, ...] = (
    total(NET),
    ratio(
        "cache_savings_rate",
        "savings rate",
        Unit.SHARE,
        "Cache savings / cost without caching, over the rows with a known discount that are neither BYOK nor replayed",
        _RATED_SAVINGS,
        RATED_COST,
        known_together=True,
        bound="at most one",
    ),
    rate(
        RowValue(
            "cache_coverage",
            "discount known",
            Unit.SHARE,
            "Rows with a known cache_discount / rows",
            ("cache_discount",),
            _KNOWN.cast(nw.Int64),
        )
    ),
    total(READ),
    total(PREMIUM),
    total(WITHOUT),
    ratio(
        "cache_payback",
        "payback",
        Unit.RATIO,
        "Read savings / write premium: below 1 caching loses money; missing without a premium",
        READ,
        PREMIUM,
        known_together=True,
    ),
    ratio(
        "cache_hit_rate",
        "cache hit rate",
        Unit.SHARE,
        "native_tokens_cached / native_tokens_prompt, over the rows with both that were not replayed",
        _CACHED,
        _PROMPT,
        known_together=True,
        bound="share",
    ),
    rate(
        RowValue(
            "cache_touched_share",
            "cache touched",
            Unit.SHARE,
            "Rows with a cache_discount other than 0 / rows",
            ("cache_discount",),
            (_DISCOUNT != 0).fill_null(value=False).cast(nw.Int64),
        )
    ),
)
