"""What each call of a session would cost with a cache of another lifetime, as steps that run on every engine.

With prompt P, of which R tokens are read and W written, at the prices i of input, r of reads and w of writes, the
prompt costs i (P - R - W) + r R + w W. A lifetime changes R, W and w; everything else of the bill stays.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.base.text import name_group
from genanalytics.bill.amounts import MICRO_PER_USD
from genanalytics.bill.book import list_keys
from genanalytics.bill.flips import BLOCK, ORDINARY_SHARE, SMALLEST_PROMPT
from genanalytics.decide.replay.gaps import BEFORE, GAP_MS
from genanalytics.metrics.engines.protocol import Steps
from genanalytics.metrics.grouping.keys import GroupKey
from genanalytics.metrics.names import name_clean
from genanalytics.metrics.sets.rows import is_true

LIFETIMES: Mapping[str, float] = {"five_min": 300.0, "one_hour": 3_600.0}
"""The lifetimes in seconds, by the names of their columns."""
VARIANTS = ("least", "neutral", "most")
"""The optimistic, the neutral and the pessimistic variant."""
MULTIPLES: Mapping[str, float] = {"five_min": 1.25, "one_hour": 2.0}
"""The price of writes as a multiple of the input price that Anthropic documents for each lifetime."""

_LONG = 1.5
"""From this multiple of the input price on, what was written is kept for an hour."""
_STICKY_MS = 600_000.0
"""The service keeps a session at an endpoint for up to ten idle minutes."""
_SHORTER = 0.99
"""A prompt below this share of the previous one does not continue it."""
_MS = 1_000.0

_INPUT, _READ, _WRITE, _SEEN = "price of input", "price of reads", "price of writes", "lifetime as seen"
NEEDS = ("native_tokens_prompt", "cache_read_tokens", "cache_write_tokens", "cache_discount", GAP_MS, BEFORE)
"""The columns that the steps read."""

_c = nw.col


def name_price(lifetime: str, variant: str) -> str:
    """Return the column with the price of writes for a lifetime, in one of the variants."""
    return f"price of writes for {lifetime} {variant}"


def name_change(kind: str, lifetime: str, variant: str) -> str:
    """Return the column with a change of cost against the bill."""
    return f"{kind} {lifetime} {variant}"


SURE, PER_HIT, HYPOTHETICAL = "change", "change if it hits", "change with caching"
"""The kinds of changes: what is known; what adds to it times the chance to hit; instead of both if a group has never
used the cache."""
CHANGES = tuple(name_change(*names) for names in product((SURE, PER_HIT, HYPOTHETICAL), LIFETIMES, VARIANTS))
OFF, PROMPT, READ, WRITTEN = "change without caching", "prompt tokens", "read tokens", "written tokens"
NEAR_READ, NEAR_READABLE = "tokens read soon", "tokens that could be read soon"
USES, READABLE, PREMIUM, GAIN = "uses the cache", "can be read", "premium of writes", "gain of reads"
ASSUMED = "price of writes assumed"
SUMS = (
    OFF, PROMPT, READ, WRITTEN, NEAR_READ, NEAR_READABLE, USES, READABLE, PREMIUM, GAIN, ASSUMED, *CHANGES,
)  # fmt: skip
"""The columns that the steps make: US$, tokens, and 1 or 0."""


class Terms(NamedTuple):
    """The prices of the cache.

    Attributes:
        groups: A row per price regime: its keys under `GroupKey.group`, and prices in US$ per million tokens.
        assumed: The models and providers whose price of writes for another lifetime is not in the data.
    """

    groups: pa.Table
    assumed: Sequence[str]


def find_terms(prices: pd.DataFrame, keys: Sequence[GroupKey], given: Mapping[str, float | None]) -> Terms:
    """Return the prices of each regime, and those of writes for each lifetime.

    A price of writes below 1.5 times that of input counts as the one for five minutes, a higher one as that for an
    hour. If a group has only one of them, the other one is between it and `MULTIPLES`.

    Args:
        prices: The result of `ga.prices`.
        keys: Its keys and the regime.
        given: Multiples of the input price by lifetime; None for those in the data.
    """
    known = prices[prices["regime"].notna() & prices["input_price"].notna()].reset_index(drop=True)
    of_input, read, write = (
        known[f"{name}_price"].to_numpy(dtype=float, na_value=np.nan) for name in ("input", "cache_read", "cache_write")
    )
    multiple = np.full(len(known), np.nan)
    np.divide(write, of_input, out=multiple, where=of_input > 0)
    names = list_keys(prices)
    numbers = known.groupby(names, dropna=False, sort=False).ngroup() if names else pd.Series(0, known.index)
    multiples, unsure = _find_multiples(multiple, numbers, given)
    columns: dict[str, Any] = {_INPUT: of_input, _READ: read, _WRITE: write, _SEEN: _find_lifetime(multiple)}
    columns |= {name: times * of_input for name, times in multiples.items()} | {ASSUMED: unsure.astype(float)}
    groups = pa.table({key.group: pa.Array.from_pandas(known[key.name]) for key in keys})
    for name, values in columns.items():
        groups = groups.append_column(name, pa.array(values, from_pandas=True))
    shown = known.loc[unsure & ~np.isnan(read), names].drop_duplicates()
    named = ([name_group(part, missing="not given") for part in row] for row in shown.itertuples(index=False))
    return Terms(groups, [" at ".join(parts) for parts in named])


def _find_lifetime(multiple: "np.ndarray") -> "np.ndarray":
    """Return the lifetime in seconds that is paid with a multiple of the input price; NaN if none is known."""
    return np.select([multiple < _LONG, multiple >= _LONG], list(LIFETIMES.values()), np.nan)


def _find_multiples(
    multiple: "np.ndarray", numbers: pd.Series, given: Mapping[str, float | None]
) -> "tuple[dict[str, np.ndarray], np.ndarray]":
    """Return the multiples of the input price that writes cost, by column, and whether any of them is assumed.

    Args:
        multiple: The multiple that is paid in each regime.
        numbers: The number of the regime's group.
        given: Multiples by lifetime; None for those in the data.
    """
    seen = _find_lifetime(multiple)
    paid = pd.DataFrame({name: np.where(seen == seconds, multiple, np.nan) for name, seconds in LIFETIMES.items()})
    grouped = paid.groupby(numbers.to_numpy())
    short = grouped["five_min"].transform("min").to_numpy(dtype=float)
    long = grouped["one_hour"].transform("max").to_numpy(dtype=float)
    has_premium = ~np.isnan(short) | ~np.isnan(long)
    found, unsure = {}, np.zeros(len(multiple), bool)
    for name, of_group, other in (("five_min", short, long), ("one_hour", long, short)):
        own = np.where(np.isnan(paid[name]), of_group, paid[name])
        asked, usual = given[name], np.full(len(own), MULTIPLES[name])
        if asked is not None:
            own = np.where(has_premium, asked, np.nan)
        is_open = has_premium & np.isnan(own)
        unsure |= is_open
        for variant, limit in zip(VARIANTS, (np.fmin(other, usual), usual, np.fmax(other, usual)), strict=True):
            # writes without a premium cost what input costs
            found[name_price(name, variant)] = np.where(has_premium, np.where(is_open, limit, own), 1.0)
    return found, unsure


@cache
def make_steps() -> Steps:
    """Return the steps that lead to `SUMS`, over `NEEDS` and the prices of a row's regime."""
    return Steps(
        (
            _read_row(),
            _find_readable(),
            _find_lost(),
            _count_tokens(),
            dict(_find_changes()),
            dict(_assume_caching()),
        )
    )


def _least(one: nw.Expr, other: nw.Expr) -> nw.Expr:
    return nw.when(one < other).then(one).otherwise(other)


def _read_row() -> Mapping[str, nw.Expr]:
    prompt, before, read = (_c(name_clean(name)) for name in (NEEDS[0], BEFORE, NEEDS[1]))
    gap = _c(name_clean(GAP_MS))
    return {
        "P": prompt,
        "R": nw.when(read > prompt).then(prompt).otherwise(read).cast(nw.Float64),
        "W": _c(name_clean("cache_write_tokens")).fill_null(0).cast(nw.Float64),
        "before": before,
        "gap": gap,
        "linked": ~before.is_null(),
        "of writes": _c(_WRITE).fill_null(_c(_INPUT)),
        "has reads": ~_c(_READ).is_null(),
        "of reads": _c(_READ).fill_null(_c(_INPUT)),
        OFF: _c(name_clean("cache_discount")).fill_null(0.0),
        ASSUMED: _c(ASSUMED),
    }


def _find_readable() -> Mapping[str, nw.Expr]:
    continues = is_true((_c("P") >= _SHORTER * _c("before")) & (_c("before") >= SMALLEST_PROMPT))
    premium = is_true(_c("of writes") > _c(_INPUT))
    return {
        "readable": nw.when(continues).then(_least(_c("P"), _c("before"))).otherwise(0.0),
        "paid": _cost(_c("R"), _c("W"), _c("of writes")),
        "premium": premium,
        # without a premium, the cost does not show whether a call that read nothing wrote
        "uses": _c("has reads") & ((_c("R") > 0) | (_c("W") > 0) | ~premium),
        "touched": (_c("R") > 0) | (_c("W") > 0),
    }


def _find_lost() -> Mapping[str, nw.Expr]:
    lost = _c("readable") - _c("R")
    is_lost = _c("uses") & _c("linked") & (lost > BLOCK) & (lost > ORDINARY_SHARE * _c("readable"))
    gained = nw.when(is_true(is_lost)).then(lost).otherwise(0.0)
    return {"gained": gained, "unwritten": _least(gained, _c("W"))}


def _count_tokens() -> Mapping[str, nw.Expr]:
    near = is_true(_c("uses") & (_c("gap") <= LIFETIMES["five_min"] * _MS) & (_c("readable") > 0))
    zero = nw.lit(0.0)
    premium = nw.when(_c("touched") & _c("premium"))
    return {
        PROMPT: nw.when(~_c(_INPUT).is_null()).then(_c("P")),
        READ: _c("R"),
        WRITTEN: premium.then(_c("W")).otherwise(zero),
        NEAR_READABLE: nw.when(near).then(_c("readable")).otherwise(zero),
        NEAR_READ: nw.when(near).then(_least(_c("R"), _c("readable"))).otherwise(zero),
        USES: _c("touched").cast(nw.Float64),
        READABLE: _c("has reads").cast(nw.Float64),
        PREMIUM: premium.then(_c("P") * (_c("of writes") - _c(_INPUT))).otherwise(zero),
        GAIN: premium.then(_c("P") * (_c(_INPUT) - _c("of reads"))).otherwise(zero),
    }


def _cost(read: nw.Expr, written: nw.Expr, of_writes: nw.Expr) -> nw.Expr:
    """Return the cost of the prompt in micro-dollars."""
    return _c(_INPUT) * (_c("P") - read - written) + _c("of reads") * read + of_writes * written


def _find_changes() -> Iterator[tuple[str, nw.Expr]]:
    """Yield, for each lifetime and variant, the known change of the cost, and that of a call that would hit.

    A call after a longer gap reads nothing and writes what it read. Only the pessimistic variant does so too for what
    was read under the same lifetime after a longer gap, and under a longer lifetime by first calls.

    A call that lost the cache at most five minutes after the last one lost it under any lifetime. After a longer gap it
    can hit if the cache is kept for an hour; in the pessimistic variant only up to ten minutes.
    """
    for (lifetime, seconds), variant in product(LIFETIMES.items(), VARIANTS):
        expired = _c("linked") & (_c("gap") > seconds * _MS)
        same = is_true(_c(_SEEN) == seconds)
        if variant != "most":
            cleared = is_true(expired) & ~same
        else:
            shorter = _c(_SEEN).fill_null(LIFETIMES["one_hour"]) > seconds
            cleared = is_true(expired) | (~_c("linked") & shorter)
        of_writes = _c(name_price(lifetime, variant))
        emptied = _cost(nw.lit(0.0), _c("W") + _c("R"), of_writes)
        replayed = nw.when(cleared).then(emptied).otherwise(_cost(_c("R"), _c("W"), of_writes))
        change = nw.when(_c("uses")).then((replayed - _c("paid")) / MICRO_PER_USD).otherwise(0.0)
        yield name_change(SURE, lifetime, variant), change
        longest = min(seconds * _MS, _STICKY_MS if variant == "most" else seconds * _MS)
        may_hit = (_c("gap") > LIFETIMES["five_min"] * _MS) & (_c("gap") <= longest)
        may_hit = is_true(may_hit & (_c(_SEEN).fill_null(0.0) < seconds))
        less = (_c("of reads") - _c(_INPUT)) * _c("gained") + (_c(_INPUT) - of_writes) * _c("unwritten")
        yield name_change(PER_HIT, lifetime, variant), nw.when(may_hit).then(less / MICRO_PER_USD).otherwise(0.0)


def _assume_caching() -> Iterator[tuple[str, nw.Expr]]:
    """Yield the change of the cost if a call that has never used the cache did.

    The optimistic variant reads all of the previous prompt within the lifetime, the pessimistic one nothing; both write
    the rest. There is no neutral one.
    """
    for (lifetime, seconds), variant in product(LIFETIMES.items(), VARIANTS):
        if variant == "neutral":
            yield name_change(HYPOTHETICAL, lifetime, variant), nw.lit(0.0)
            continue
        hits = is_true(_c("linked") & (_c("gap") <= seconds * _MS)) & (variant == "least")
        read = nw.when(hits).then(_c("readable")).otherwise(0.0)
        replayed = _cost(read, _c("P") - read, _c(name_price(lifetime, variant)))
        change = nw.when(_c("has reads")).then((replayed - _c("paid")) / MICRO_PER_USD).otherwise(0.0)
        yield name_change(HYPOTHETICAL, lifetime, variant), change
