"""What the bill was for: the items that `itemize` adds to each row, their shares, and the prices that were paid."""

import narwhals.stable.v2 as nw

from genanalytics.metrics.declare import Bound, RowValue, Statistic
from genanalytics.metrics.forms import ratio, total
from genanalytics.metrics.sets.cost import BILLED
from genanalytics.metrics.sets.rows import BYOK
from genanalytics.units import Unit


def _make_item(name: str, label: str, description: str, *, signed: bool = False) -> RowValue:
    return RowValue(name, label, Unit.USD, description, (name,), nw.col(name), signed=signed)


INPUT = _make_item(
    "input_cost", "input", "Charges for prompt tokens that were neither read from the cache nor written to it"
)
CACHE_READ = _make_item("cache_read_cost", "cache reads", "Charges for prompt tokens that were read from the cache")
CACHE_WRITE = _make_item("cache_write_cost", "cache writes", "Charges for prompt tokens that were written to the cache")
OUTPUT = _make_item("output_cost", "output", "Charges for completion tokens, including reasoning")
REASONING = _make_item("reasoning_cost", "reasoning", "The part of output_cost that is for reasoning")
OTHER = _make_item(
    "other_cost",
    "other",
    "Charges beyond the tokens: prices per request, fees for tools and for own keys, and what rounding leaves",
    signed=True,
)
UNEXPLAINED = _make_item(
    "unexplained_cost", "unexplained", "Charges that no price reproduces, or that cannot be divided", signed=True
)
ITEM_VALUES = (INPUT, CACHE_READ, CACHE_WRITE, OUTPUT, OTHER, UNEXPLAINED)
"""The items, which add up to `billed_cost`."""


def _share(item: RowValue) -> Statistic:
    """Return the share of an item in the bill; the shares of all items add up to 1, since a gap is unexplained."""
    name = item.name.removesuffix("_cost")
    divided = nw.when(~nw.col("unexplained_cost").is_null()).then(item.column.fill_null(0.0))
    part = RowValue(
        f"{name} part", item.label, Unit.USD, f"{item.name}, 0 where it is unknown", (item, "unexplained_cost"), divided
    )
    bound: Bound = "any" if item.signed else "share"
    return ratio(
        f"{name}_share", f"{item.label} share", Unit.SHARE, f"{item.name} / billed_cost", part, BILLED, bound=bound
    )


def _price(item: RowValue, needs: tuple[str, ...], tokens: nw.Expr) -> Statistic:
    """Return what a million tokens of an item cost, over the rows where the item and its tokens are known."""
    name = item.name.removesuffix("_cost")
    billed = nw.when(~BYOK & ~nw.col("regime").is_null()).then(tokens / 1e6)
    meaning = f"Millions of {item.label} tokens of rows with a known price"
    mtok = RowValue(f"{name} mtok", f"{item.label} tokens", Unit.TOKENS, meaning, (*needs, "regime", "is_byok"), billed)
    description = f"{item.name} / million tokens of it, as billed"
    return ratio(f"{name}_usd_per_mtok", f"{item.label} price", Unit.USD_PER_MTOK, description, item, mtok)


_UNCACHED = nw.col("native_tokens_prompt") - nw.col("cache_read_tokens") - nw.col("cache_write_tokens").fill_null(0)

ITEMS: tuple[Statistic, ...] = (
    *map(total, ITEM_VALUES),
    total(REASONING),
    *map(_share, ITEM_VALUES),
    _price(INPUT, ("native_tokens_prompt", "cache_read_tokens", "cache_write_tokens"), _UNCACHED),
    _price(CACHE_READ, ("cache_read_tokens",), nw.col("cache_read_tokens")),
    _price(CACHE_WRITE, ("cache_write_tokens",), nw.col("cache_write_tokens")),
    _price(OUTPUT, ("native_tokens_completion",), nw.col("native_tokens_completion")),
)
"""The statistics of the items, over the rows that `ga.itemize` returns."""
