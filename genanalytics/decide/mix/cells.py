"""The sums that a change of cost is made of, and their effects: those of the requests of a cell at a price line.

A cell is a model at a provider, in a service tier, in a group of the caller. A price line is a price regime, or several
that replaced each other.
"""

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import reduce

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from genanalytics.decide.mix.effects import split_product, split_rest
from genanalytics.metrics.declare import RowValue, Statistic
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.forms import total
from genanalytics.metrics.sets.cost import EFFECTIVE
from genanalytics.metrics.sets.rows import BYOK, REPLAYED, finished_with, is_flagged
from genanalytics.units import Unit

EFFECTS: Mapping[str, str] = {
    "by_requests": "by requests",
    "by_mix": "by mix",
    "by_input_tokens": "by input tokens",
    "by_output_tokens": "by output tokens",
    "by_price": "by price",
    "by_caching": "by caching",
    "by_other": "by other charges",
    "by_unexplained": "unexplained",
}
"""The labels of the effects, by column."""

NEEDED = (
    "model",
    "provider_name",
    "total_cost",
    "upstream_inference_cost",
    "is_byok",
    "cache_discount",
    "native_tokens_prompt",
    "native_tokens_completion",
)
"""The columns of records that the sums are made of."""

_OF_COUNTS = ("by_requests", "by_mix", "by_mix", "by_unexplained")
"""The effects of the known rows of a period, those of a cell, the paid ones, and those whose price is known or not."""
_OF_LINES = (*_OF_COUNTS, "by_mix")
_OF_INPUT = (*_OF_LINES, "by_input_tokens", "by_price", "by_caching")
_OF_OUTPUT = (*_OF_LINES, "by_output_tokens", "by_price")
_OF_OTHERS = (*_OF_LINES, "by_other")
_OF_UNEXPLAINED = (*_OF_COUNTS, "by_unexplained")

_COST = EFFECTIVE.column
_KNOWN = ~_COST.is_null()
_ITEMS_OF_INPUT = ("input_cost", "cache_read_cost", "cache_write_cost")
_PROMPT, _COMPLETION = (nw.col(f"native_tokens_{kind}").fill_null(0) for kind in ("prompt", "completion"))
_TOKENS = ("native_tokens_prompt", "native_tokens_completion")
_REASONS_TO_BE_FREE: Mapping[str, nw.Expr] = {
    "cancelled": is_flagged("cancelled"),
    "finish_reason": finished_with("error"),
    "response_cache_source_id": REPLAYED,
}
"""Why a request at a price can be free, by the column that shows it."""


def _make_value(name: str, needs: tuple[str | RowValue, ...], expression: nw.Expr) -> RowValue:
    return RowValue(name, name, Unit.NONE, name, needs, expression)


def _add_items(name: str, items: tuple[str, ...]) -> RowValue:
    """Return the sum of items, those of own keys too; a gap is nothing."""
    columns = [f"{kind}{item}" for kind in ("", "byok_") for item in items]
    first, *others = (nw.col(column).fill_null(0.0) for column in columns)
    return _make_value(name, tuple(columns), reduce(lambda one, other: one + other, others, first))


_NET, _OUT, _OTHER = (
    _add_items(f"{name} of a row", items)
    for name, items in (("input", _ITEMS_OF_INPUT), ("output", ("output_cost",)), ("others", ("other_cost",)))
)
_PRICED = _make_value(
    "price is known",
    (EFFECTIVE, "is_byok", "byok_input_cost", "input_cost", "regime"),
    _KNOWN
    & ~nw.col("regime").is_null()
    & ~nw.when(BYOK).then(nw.col("byok_input_cost")).otherwise(nw.col("input_cost")).is_null(),
)
_PAID = _make_value("paid", (EFFECTIVE, _PRICED), (_COST != 0).fill_null(value=False) | _PRICED.column)


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Sums in a period, over the rows of a cell on a price line: arrays of one length.

    Attributes:
        known: The rows with a known cost.
        paid: Those of them that cost something.
        priced: Those of them whose price is known. The next six are theirs.
        tokens_in: The tokens of their prompts.
        tokens_out: The tokens of their completions.
        gross: The cost of their prompts without caching.
        net: The cost of their prompts.
        out: The cost of their completions.
        other: Their other charges.
        unexplained: The cost of all other paid rows.
        given: The rows with tokens that are free only since the price is 0.
        given_in: The tokens of their prompts.
        given_out: The tokens of their completions.
    """

    known: "np.ndarray"
    paid: "np.ndarray"
    priced: "np.ndarray"
    tokens_in: "np.ndarray"
    tokens_out: "np.ndarray"
    gross: "np.ndarray"
    net: "np.ndarray"
    out: "np.ndarray"
    other: "np.ndarray"
    unexplained: "np.ndarray"
    given: "np.ndarray"
    given_in: "np.ndarray"
    given_out: "np.ndarray"

    @property
    def cost(self) -> "np.ndarray":
        """The known cost."""
        cost: np.ndarray = self.net + self.out + self.other + self.unexplained
        return cost

    def change(self, function: "Callable[[np.ndarray], np.ndarray]") -> "Sums":
        """Return what a function makes of each of the sums."""
        return Sums(*(function(getattr(self, field.name)) for field in fields(self)))

    def charge(self, chosen: "np.ndarray") -> "Sums":
        """Return the sums with the free rows of chosen places as paid ones at a price of 0."""
        given, tokens_in, tokens_out = (
            np.where(chosen, values, 0.0) for values in (self.given, self.given_in, self.given_out)
        )
        return replace(
            self,
            paid=self.paid + given,
            priced=self.priced + given,
            tokens_in=self.tokens_in + tokens_in,
            tokens_out=self.tokens_out + tokens_out,
        )


def make_statistics(columns: Container[str]) -> list[Statistic]:
    """Return the statistics that are the attributes of `Sums`, for data with these columns."""
    reasons = [name for name in _REASONS_TO_BE_FREE if name in columns]
    is_given = _KNOWN & ~_PAID.column & (_PROMPT + _COMPLETION > 0)
    for name in reasons:
        is_given &= ~_REASONS_TO_BE_FREE[name]
    given = _make_value("given", (EFFECTIVE, _PAID, *_TOKENS, *reasons), is_given)
    gross = _NET.column + nw.col("cache_discount").fill_null(0.0)  # not reported, so nothing saved
    priced = _PRICED.column
    values: Mapping[str, tuple[tuple[str | RowValue, ...], nw.Expr, nw.Expr]] = {
        "known": ((EFFECTIVE,), _KNOWN, nw.lit(1)),
        "paid": ((_PAID,), _PAID.column, nw.lit(1)),
        "priced": ((_PRICED,), priced, nw.lit(1)),
        "tokens_in": ((_PRICED, *_TOKENS), priced, _PROMPT),
        "tokens_out": ((_PRICED, *_TOKENS), priced, _COMPLETION),
        "gross": ((_PRICED, _NET, "cache_discount"), priced, gross),
        "net": ((_PRICED, _NET), priced, _NET.column),
        "out": ((_PRICED, _OUT), priced, _OUT.column),
        "other": ((_PRICED, _OTHER), priced, _OTHER.column),
        "unexplained": ((_PAID, _PRICED, EFFECTIVE), _PAID.column & ~priced, _COST),
        "given": ((given,), given.column, nw.lit(1)),
        "given_in": ((given, *_TOKENS), given.column, _PROMPT),
        "given_out": ((given, *_TOKENS), given.column, _COMPLETION),
    }
    return [
        total(_make_value(name_sum(name, ""), needs, nw.when(condition).then(value)))
        for name, (needs, condition, value) in values.items()
    ]


def name_sum(name: str, side: str) -> str:
    """Return the column with an attribute of `Sums` in a period."""
    return f"{name} of places{side}"


def read_sums(places: pd.DataFrame, side: str, days: float) -> Sums:
    """Return the sums per day of the columns of `make_statistics` that end in `side`."""
    names = [field.name for field in fields(Sums)]
    return Sums(*(np.nan_to_num(to_floats(places[name_sum(name, side)])) / days for name in names))


def split(before: Sums, after: Sums, cells: "np.ndarray", lost: "np.ndarray") -> "dict[str, np.ndarray]":
    """Return each effect on the cost at each place, by name of `EFFECTS`.

    Args:
        before: The sums of one period.
        after: Those of the other one.
        cells: The number of the cell of each place.
        lost: Whether no cost of the cell is known in a period, although it has rows: its change is unexplained, and its
            rows are no part of the mix.
    """
    found = {name: np.zeros_like(before.known) for name in EFFECTS}
    found["by_unexplained"] += np.where(lost, after.cost - before.cost, 0.0)
    was, now = (one.change(lambda values: np.where(lost, 0.0, values)) for one in (before, after))
    for names, effects in _split_components(*_charge(was, now, cells), cells):
        for name, effect in zip(names, effects, strict=True):
            found[name] = found[name] + effect
    return found


def add_up(values: "np.ndarray", cells: "np.ndarray") -> "np.ndarray":
    """Return for each place the sum over its cell."""
    found: np.ndarray = np.bincount(cells, weights=values)[cells]
    return found


def _charge(was: Sums, now: Sums, cells: "np.ndarray") -> tuple[Sums, Sums]:
    """Return the sums with free rows at a price of 0 in the cells that were free in a period and paid in the other one.

    The price lines of such a cell are one.
    """
    paid, given = (
        [add_up(values, cells) for values in pair] for pair in ((was.paid, now.paid), (was.given, now.given))
    )
    became = [(paid[one] == 0) & (given[one] > 0) & (paid[other] > 0) for one, other in ((0, 1), (1, 0))]
    chosen = became[0] | became[1]
    is_first = np.zeros(len(cells), dtype=bool)
    is_first[np.unique(cells, return_index=True)[1]] = True

    def merge(values: "np.ndarray") -> "np.ndarray":
        return np.where(chosen, np.where(is_first, add_up(values, cells), 0.0), values)

    return was.change(merge).charge(chosen), now.change(merge).charge(chosen)


def _split_components(was: Sums, now: Sums, cells: "np.ndarray") -> "Iterator[tuple[tuple[str, ...], np.ndarray]]":
    """Yield the effects on each component of the cost, with their names."""
    sides = (was, now)
    counts = [_count(one, cells) for one in sides]
    priced = [[*counted, one.priced] for counted, one in zip(counts, sides, strict=True)]
    before, after = (
        np.array([*rows, one.tokens_in, one.gross, one.net]) for rows, one in zip(priced, sides, strict=True)
    )
    yield _OF_INPUT, split_product(before, after)
    before, after = (np.array([*rows, one.tokens_out, one.out]) for rows, one in zip(priced, sides, strict=True))
    yield _OF_OUTPUT, split_product(before, after)
    before, after = map(np.array, priced)
    yield _OF_OTHERS, split_rest(before, after, was.other, now.other)
    before, after = (np.array([*counted[:-1], counted[-2] - counted[-1]]) for counted in counts)
    yield _OF_UNEXPLAINED, split_rest(before, after, was.unexplained, now.unexplained)


def _count(sums: Sums, cells: "np.ndarray") -> "list[np.ndarray]":
    """Return the known rows of the period, those of the cell, its paid ones, and those of them with a price."""
    of_cells = (add_up(values, cells) for values in (sums.known, sums.paid, sums.priced))
    return [np.full_like(sums.known, sums.known.sum()), *of_cells]
