"""What each row paid for, as expressions that run in memory and on engines.

A row belongs to the first regime that reproduces its amounts. Its items are whole nano-dollars, so that they add up to
the amount exactly. The identities are those of `regimes`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, reduce

import narwhals.stable.v2 as nw

from genanalytics.bill.amounts import (
    FEE_STEP,
    FULL,
    MICRO_PER_USD,
    MOST_FEE,
    NANO_PER_MICRO,
    NANO_PER_USD,
    NOISE,
    REACH,
    SHARP,
    Ending,
    Resolution,
)
from genanalytics.bill.book import APART, PRICES, WRITES, Book, name_price
from genanalytics.bill.caching import LAST_TOKENS, SLACK
from genanalytics.metrics.engines.protocol import KEPT_STEPS, Steps
from genanalytics.metrics.names import name_clean
from genanalytics.metrics.sets.rows import is_true
from genanalytics.records.exported import EXPORTED, FEES, SOURCE

NEEDS = (
    "total_cost",
    "cache_discount",
    "upstream_inference_cost",
    "is_byok",
    "native_tokens_prompt",
    "native_tokens_completion",
    "native_tokens_cached",
    "native_tokens_reasoning",
    "num_search_results",
    "num_fetches",
    "num_media_prompt",
    "web_search_engine",
    "extra",
    SOURCE,
    *FEES,
)
"""The columns that the split reads, each of which may be missing."""

ITEMS = ("input_cost", "cache_read_cost", "cache_write_cost", "output_cost", "other_cost", "unexplained_cost")
"""The items of a bill, which add up to `total_cost`."""
BYOK_ITEMS = tuple(f"byok_{item}" for item in ITEMS)
"""The items of a bill of the user's own key, which add up to `upstream_inference_cost`."""
COLUMNS = ("regime", *ITEMS, "reasoning_cost", "cache_read_tokens", "cache_write_tokens", *BYOK_ITEMS)
"""The columns that the split adds."""

_FEES = rf'"({"|".join(FEES)})":'
"""What `extra` contains of a fee that is no number, and of an export that was written as JSON lines."""

_WAYS = ("cached if nothing was written", "cached if all was written")
_c = nw.col


def _read(column: str) -> nw.Expr:
    return nw.col(name_clean(column))


def _round(number: nw.Expr) -> nw.Expr:
    """Return the nearest whole number: engines differ in how they round halves."""
    return (number + 0.5).floor()


def make_steps(book: Book) -> Steps:
    """Return the steps that lead to `COLUMNS`, the same ones for all books of one form."""
    return _make_steps(book.slots, book.resolution, book.exported)


@lru_cache(maxsize=KEPT_STEPS)
def _make_steps(slot_count: int, resolution: Resolution, exported: Resolution) -> Steps:
    slots = range(slot_count)
    return Steps(
        (
            {"own key": is_true(_read("is_byok"))},
            _read_row(),
            _find_bounds(resolution, exported),
            *_fit_gross(slots),
            *_fit_discount(slots),
            {"place": _choose_regime(slots)},
            {"place": _choose_with_fees(slots)},
            _pick_prices(slots),
            *_find_tokens(slots),
            *_make_items(),
            _name_columns(),
        )
    )


def _read_row() -> Mapping[str, nw.Expr]:
    marks = [
        _read("num_search_results") > 0,
        _read("num_fetches") > 0,
        _read("num_media_prompt") > 0,
        ~_read("web_search_engine").is_null(),
        *(~_read(fee).is_null() for fee in FEES),
        _read("extra").str.contains(_FEES),
    ]
    return {
        "paid": nw.when(_c("own key")).then(_read("upstream_inference_cost")).otherwise(_read("total_cost"))
        * MICRO_PER_USD,
        "saved": _read("cache_discount") * MICRO_PER_USD,
        "prompt": _read("native_tokens_prompt"),
        "completion": _read("native_tokens_completion"),
        "cached": _read("native_tokens_cached"),
        "exported": is_true(_read(SOURCE) == EXPORTED),
        "has fees": reduce(lambda one, other: one | other, map(is_true, marks)),
    }


def _find_bounds(resolution: Resolution, exported: Resolution) -> Mapping[str, nw.Expr]:
    """Return the lowest and the highest true value of the amount with caching undone, and of the saving."""
    columns: dict[str, nw.Expr] = {}
    for name in ("paid", "saved"):
        low, high = _bound(_c(name), resolution)
        if exported != resolution:
            of_exports = _bound(_c(name), exported)
            low = nw.when(_c("exported")).then(of_exports[0]).otherwise(low)
            high = nw.when(_c("exported")).then(of_exports[1]).otherwise(high)
        columns[f"{name} low"], columns[f"{name} high"] = low, high
    columns["saved low"] = columns["saved low"].fill_null(0.0)
    columns["saved high"] = columns["saved high"].fill_null(0.0)
    columns["gross low"] = columns["paid low"] + columns["saved low"]
    columns["gross high"] = columns["paid high"] + columns["saved high"]
    columns["touched"] = is_true(_c("saved") != 0)
    columns["payable"] = is_true((_c("paid") > 0) | ((_c("paid") == 0) & (_c("saved") != 0)))
    columns["uncached"] = _c("prompt") - _c("cached")
    return columns


def _bound(amount: nw.Expr, resolution: Resolution) -> tuple[nw.Expr, nw.Expr]:
    """Return the limits of `amounts.bound`."""
    unit, ending = resolution
    slack = amount.abs() * NOISE + FULL * unit
    if ending is Ending.CUT:
        low = nw.when(amount > 0).then(amount).otherwise(amount - unit)
        high = nw.when(amount < 0).then(amount).otherwise(amount + unit)
        return low - slack, high + slack
    reach = REACH[ending] * unit
    return amount - reach - slack, amount + reach + slack


def _price(name: str, slot: int) -> nw.Expr:
    return nw.col(name_price(name, slot))


def _fit_gross(slots: range) -> Iterator[Mapping[str, nw.Expr]]:
    """Yield, for each regime, what it asks for the tokens, and whether that is the amount with caching undone."""
    asked: dict[str, nw.Expr] = {}
    for slot in slots:
        of_input, of_output = _price("input_price", slot), _price("output_price", slot)
        known = (~_c("prompt").is_null() | (of_input == 0)) & (~_c("completion").is_null() | (of_output == 0))
        amount = of_input * _c("prompt").fill_null(0.0) + of_output * _c("completion").fill_null(0.0)
        asked[f"asked {slot}"] = nw.when(known & _c("payable")).then(
            amount + _price("request_price", slot) * MICRO_PER_USD
        )
    yield asked
    yield {
        f"gross {slot}": is_true((_c(f"asked {slot}") >= _c("gross low")) & (_c(f"asked {slot}") <= _c("gross high")))
        for slot in slots
    }


def _fit_discount(slots: range) -> Iterator[Mapping[str, nw.Expr]]:
    """Yield, for each regime, the fewest and most tokens written, and whether the saving follows from some number."""
    first: dict[str, nw.Expr] = {}
    for slot in slots:
        of_input = _price("input_price", slot)
        first[f"read gain {slot}"] = of_input - _price("cache_read_price", slot).fill_null(of_input)
        first[f"premium {slot}"] = _price("cache_write_price", slot).fill_null(of_input) - of_input
    yield first
    second: dict[str, nw.Expr] = {}
    for slot in slots:
        least, most = _find_written(_c(f"read gain {slot}"), _c(f"premium {slot}"))
        second[f"least {slot}"], second[f"most {slot}"] = least, most
        second |= _infer_cached(slot)
    yield second
    third: dict[str, nw.Expr] = {}
    for slot in slots:
        readable = ~_price("cache_read_price", slot).is_null() | (_c("cached") == 0)
        fits = readable & (_c(f"least {slot}") <= _c(f"most {slot}"))
        at_ends = (_c(f"least {slot}") <= 0) | (_c(f"most {slot}") >= _c("uncached") - LAST_TOKENS)
        one, other = (_c(f"{way} {slot}") for way in _WAYS)
        ways = _count([~one.is_null() & ~is_true(one == other), ~other.is_null()])
        unpriced = _price("cache_read_price", slot).is_null() & _price("cache_write_price", slot).is_null()
        inferred = _c("cached").is_null() & (~_c("touched") | (ways > 0) | unpriced)
        third[f"saving {slot}"] = is_true(fits) | inferred
        third[f"plain {slot}"] = is_true(fits & at_ends) | inferred
        third[f"ways {slot}"] = nw.when(_c(f"gross {slot}")).then(ways).otherwise(0)
    yield third


def _infer_cached(slot: int) -> Mapping[str, nw.Expr]:
    """Return the cached tokens of a row that does not report them: the whole number that explains its saving.

    There are two ways: nothing was written to the cache, or all that was not read. `WRITES` tells if only one occurs.
    """
    gain, premium, writes = _c(f"read gain {slot}"), _c(f"premium {slot}"), _price(WRITES, slot)
    written = premium * _c("prompt")
    ways = {
        _WAYS[0]: (_c("saved low"), _c("saved high"), gain, writes == 1),
        _WAYS[1]: (_c("saved low") + written, _c("saved high") + written, gain + premium, writes == 0),
    }
    counts: dict[str, nw.Expr] = {}
    for name, (low, high, per_token, excluded) in ways.items():
        divisor = nw.when(per_token > SLACK).then(per_token)
        least, most = ((low / divisor) - 1e-6).ceil(), ((high / divisor) + 1e-6).floor()
        fits = is_true((least == most) & (least >= 0) & (least <= _c("prompt"))) & ~is_true(excluded)
        counts[f"{name} {slot}"] = nw.when(fits & _c("touched")).then(least)
    return counts


def _count(conditions: Iterable[nw.Expr]) -> nw.Expr:
    """Return how many conditions are true."""
    return reduce(lambda one, other: one + other, (condition.cast(nw.Int64) for condition in conditions), nw.lit(0))


def _find_written(gain: nw.Expr, premium: nw.Expr) -> tuple[nw.Expr, nw.Expr]:
    """Return the fewest and the most tokens that can have been written; fewest above most: none fits.

    The same rule as in `caching.find_written`.
    """
    saved = gain * _c("cached")
    slack = saved.abs() * SLACK + SLACK
    at_high, at_low = saved - _c("saved high") - slack, saved - _c("saved low") + slack
    divisor = nw.when(premium.abs() > SLACK).then(premium)
    first, second = at_high / divisor, at_low / divisor
    least = nw.when(premium > 0).then(first).otherwise(second).ceil()
    most = nw.when(premium > 0).then(second).otherwise(first).floor()
    same = premium.abs() <= SLACK
    fits = is_true((at_high <= 0) & (at_low >= 0))
    least = nw.when(same & fits).then(0.0).otherwise(nw.when(same).then(1.0).otherwise(least))
    most = nw.when(same & fits).then(_c("uncached")).otherwise(nw.when(same).then(-1.0).otherwise(most))
    least = nw.when(least < 0).then(0.0).otherwise(least)
    return least, nw.when(most > _c("uncached")).then(_c("uncached")).otherwise(most)


def _choose(conditions: Sequence[tuple[int, nw.Expr]], otherwise: nw.Expr) -> nw.Expr:
    """Return the slot of the first condition that is true."""
    for slot, condition in reversed(conditions):
        otherwise = nw.when(condition).then(nw.lit(float(slot))).otherwise(otherwise)
    return otherwise


def _nothing() -> nw.Expr:
    return nw.lit(None).cast(nw.Float64)


def _choose_regime(slots: range) -> nw.Expr:
    """Return the first regime that explains the row: those that make it a plain case come first."""
    plain = [(slot, _c(f"gross {slot}") & _c(f"plain {slot}")) for slot in slots]
    others = [(slot, _c(f"gross {slot}") & _c(f"saving {slot}")) for slot in slots]
    return _choose([*plain, *others], _nothing())


def _choose_with_fees(slots: range) -> nw.Expr:
    """Return the regime of rows that pay more than their tokens.

    Either the rest is a whole number of steps of fees, or the row has used a tool and only one regime leaves a rest.
    """
    whole, rests = [], []
    for slot in slots:
        steps = ((_c("gross high") - _c(f"asked {slot}")) / FEE_STEP).floor()
        fits = (_c(f"asked {slot}") + steps * FEE_STEP >= _c("gross low")) & (steps * FEE_STEP <= MOST_FEE)
        fits = fits & (steps >= 1)
        sharp = (_c("gross high") - _c("gross low")) <= SHARP
        whole.append((slot, is_true(fits & sharp & _c(f"plain {slot}"))))
        rests.append(is_true((_c(f"asked {slot}") <= _c("gross high")) & _c(f"plain {slot}") & _c("has fees")))
    count = _count(rests)
    only = [(slot, rest & (count == 1)) for slot, rest in zip(slots, rests, strict=True)]
    found = _choose([*whole, *only], _nothing())
    return nw.when(~_c("place").is_null()).then(_c("place")).otherwise(found)


def _pick_prices(slots: range) -> Mapping[str, nw.Expr]:
    """Return the chosen regime, and its prices unless they cannot be told apart."""
    found: dict[str, nw.Expr] = {}
    for name in ("regime", *PRICES):
        expression = _nothing()
        for slot in reversed(slots):
            chosen = is_true(_c("place") == slot)
            if name != "regime":
                chosen = chosen & is_true(_price(APART, slot) == 1)
            expression = nw.when(chosen).then(_price(name, slot)).otherwise(expression)
        found[name] = expression
    return found


def _find_tokens(slots: range) -> Iterator[Mapping[str, nw.Expr]]:
    """Yield the tokens read from the cache and written to it.

    A row that does not report the read ones needs a saving that only one regime explains, in only one way.
    """
    inferred = _nothing()
    for slot in reversed(slots):
        one, other = (_c(f"{way} {slot}") for way in _WAYS)
        found = nw.when(one.is_null()).then(other).otherwise(one)
        inferred = nw.when(is_true(_c("place") == slot)).then(found).otherwise(inferred)
    ways = reduce(lambda one, other: one + other, (_c(f"ways {slot}") for slot in slots), nw.lit(0))
    inferred = nw.when(~_c("touched")).then(0.0).otherwise(nw.when(ways == 1).then(inferred))
    yield {
        "read gain": _c("input_price") - _c("cache_read_price").fill_null(_c("input_price")),
        "premium": _c("cache_write_price").fill_null(_c("input_price")) - _c("input_price"),
        "cached": nw.when(_c("cached").is_null()).then(inferred).otherwise(_c("cached")),
    }
    yield {"uncached": _c("prompt") - _c("cached")}
    least, most = _find_written(_c("read gain"), _c("premium"))
    yield {"least": least, "most": most}
    everything = is_true((_c("most") >= _c("uncached")) & _c("touched"))
    middle = _round((_c("least") + _c("most")) / 2)
    written = nw.when(everything).then(_c("uncached")).otherwise(nw.when(_c("least") <= 0).then(0.0).otherwise(middle))
    known = is_true(_c("premium").abs() > SLACK)
    yield {"written": nw.when(~_c("touched")).then(0.0).otherwise(nw.when(known).then(written))}


def _make_items() -> Iterator[Mapping[str, nw.Expr]]:
    """Yield the items in whole nano-dollars; the rest of the amount is `other`, or not explained."""
    written, prompt = _c("written").fill_null(0.0), _c("prompt").fill_null(0.0)
    read_price = _c("cache_read_price").fill_null(_c("input_price"))
    write_price = _c("cache_write_price").fill_null(_c("input_price"))
    amounts = {
        "input": _c("input_price") * (prompt - _c("cached") - written),
        "cache_read": read_price * _c("cached"),
        "cache_write": nw.when(~_c("cached").is_null()).then(write_price * written),
        "output": _c("output_price") * _c("completion").fill_null(0.0),
        "reasoning": _c("output_price") * _find_reasoning(),
    }
    yield {"idle": is_true((_c("paid") == 0) & ~_c("payable"))}
    yield {
        name: nw.when(_c("idle")).then(0.0).otherwise(_round(amount * NANO_PER_MICRO))
        for name, amount in amounts.items()
    }
    amount = _c("paid") * NANO_PER_MICRO
    rest = _trim(amount - _c("input") - _c("cache_read") - _c("cache_write") - _c("output"))
    without_output = nw.when(_c("output").is_null()).then(amount).otherwise(_trim(amount - _c("output")))
    yield {
        "other": nw.when(_c("input").is_null()).then(amount * 0.0).otherwise(rest),
        "unexplained": nw.when(_c("input").is_null()).then(without_output).otherwise(amount * 0.0),
    }


def _find_reasoning() -> nw.Expr:
    """Return the reasoning tokens within the completion: real records name more than there are."""
    tokens = _read("native_tokens_reasoning")
    return nw.when(tokens > _c("completion")).then(_c("completion")).otherwise(tokens)


def _trim(nano_dollars: nw.Expr) -> nw.Expr:
    """Return an amount without what arithmetic of floats adds to it: whole pico-dollars."""
    return _round(nano_dollars * 1e3) / 1e3


def _name_columns() -> Mapping[str, nw.Expr]:
    """Return the columns of the result; a row of the user's own key pays the service a fee, which is `other_cost`."""
    own, columns = _c("own key"), dict[str, nw.Expr]()
    for name in ("input", "cache_read", "cache_write", "output", "unexplained"):
        usd = _c(name) / NANO_PER_USD
        columns[f"{name}_cost"] = nw.when(own).then(_read("total_cost") * 0.0).otherwise(usd)
        columns[f"byok_{name}_cost"] = nw.when(own).then(usd)
    columns["other_cost"] = nw.when(own).then(_read("total_cost")).otherwise(_c("other") / NANO_PER_USD)
    columns["byok_other_cost"] = nw.when(own).then(_c("other") / NANO_PER_USD)
    columns["reasoning_cost"] = nw.when(own).then(_read("total_cost") * 0.0).otherwise(_c("reasoning") / NANO_PER_USD)
    columns["cache_read_tokens"] = nw.when(~_c("regime").is_null()).then(_c("cached")).cast(nw.Int64)
    columns["cache_write_tokens"] = nw.when(~_c("regime").is_null()).then(_c("written")).cast(nw.Int64)
    columns["regime"] = _c("regime").cast(nw.Int64)
    return columns
