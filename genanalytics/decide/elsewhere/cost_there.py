"""What the requests of one group would cost at an offer: bounds for what caching and tokenizers leave open."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genanalytics.base.text import is_missing
from genanalytics.decide.elsewhere.price_list import BEYOND, Offer, Sheet, find_limit, read_sheet
from genanalytics.decide.elsewhere.tokenizers import SAME, Factors
from genanalytics.decide.elsewhere.usage import COMPARED, Row
from genanalytics.units import format_count

MEDIA = "with images or audio"
STREAMED = "streamed: someone waited for the answer"
OTHER_LIFETIME = "with cache writes of another lifetime, without a known price there"
CONTEXT = "longer than the context there"

_READ_UNKNOWN = "the price of cache reads there is not known: from free to that of input"
_WRITE_UNKNOWN = "the price of cache writes there is not known: from that of input to twice as much"
_ONLY_THERE = "nothing was cached here: a cache there could make it cheaper than the lower bound"
_HIGHEST_WRITE = 2.0
"""The highest known price of cache writes, times that of input."""
_SLIGHTLY = 1.001


@dataclass(frozen=True, slots=True)
class Deal:
    """An offer for one group.

    Attributes:
        offer: The offer.
        factors: By how much its tokens differ.
        is_batch: Whether requests would be sent as a batch.
        is_cached: Whether the prompt cache would be used as now; false: not at all.
    """

    offer: Offer
    factors: Factors = SAME
    is_batch: bool = False
    is_cached: bool = True

    @property
    def is_same_model(self) -> bool:
        """Whether the model stays the same."""
        return self.factors is SAME

    def list_limits(self) -> tuple[set[float], set[float]]:
        """Return the lengths of prompts, and those of prompts with answers, at which something changes."""
        lengths = {find_limit(band.upto, factor) for band in self.offer.bands for factor in self.factors.prompt}
        return {limit for limit in lengths if math.isfinite(limit)}, {self._find_context()} - {math.inf}

    def _find_context(self) -> float:
        return find_limit(self.offer.context, max(self.factors.prompt[1], self.factors.completion[1]))

    def find_sheets(self, cell: Row) -> tuple[Sheet | None, Sheet | None]:
        """Return the prices of a cell's prompts at the fewest and at the most tokens."""
        low, high = (self.offer.find_sheet(cell["longest"], factor) for factor in self.factors.prompt)
        return low, high

    def find_reason(self, cell: Row, *, is_long_write: bool) -> str:
        """Return why the requests of a cell cannot be compared; empty if they can."""
        sheets = self.find_sheets(cell)
        lasts_longer = bool(is_long_write and self.is_cached and cell["written"])
        reasons = {
            str(cell["reason"]): cell["reason"] != COMPARED,
            MEDIA: cell["media"] and (self.is_batch or not self.is_same_model),
            STREAMED: cell["streamed"] and self.is_batch,
            CONTEXT: cell["most"] > self._find_context(),
            BEYOND: None in sheets,
            OTHER_LIFETIME: lasts_longer and any(sheet is not None and _lacks_long_write(sheet) for sheet in sheets),
        }
        return next((reason for reason, holds in reasons.items() if holds), COMPARED)


@dataclass(frozen=True, slots=True)
class Present:
    """The present prices of a group: those of each of its regimes.

    Attributes:
        request: The price of a request by regime.
        long_writes: The regimes in which writes to the cache last longer.
    """

    request: Mapping[int, float]
    long_writes: frozenset[int]


def _lacks_long_write(sheet: Sheet) -> bool:
    return sheet.write > sheet.input and math.isnan(sheet.long_write)


def read_present(prices: Iterable[Row]) -> Present:
    """Return the present prices of a group, out of its rows of `ga.prices`."""
    sheets = {int(row["regime"]): read_sheet(row) for row in prices if not is_missing(row["regime"])}
    ratios = {regime: sheet.write / sheet.input for regime, sheet in sheets.items() if sheet.input > 0}
    known = {regime: ratio for regime, ratio in ratios.items() if not math.isnan(ratio)}
    lowest = min(known.values(), default=0.0)
    longer = (regime for regime, ratio in known.items() if ratio > lowest * _SLIGHTLY)
    return Present({regime: sheet.request for regime, sheet in sheets.items()}, frozenset(longer))


def compute_cost(cells: Sequence[Row], deal: Deal, present: Present) -> dict[str, Any]:
    """Return what the requests of a group cost and would cost, and why some of them cannot be compared.

    Returns:
        The counts, amounts and words of a row of `what_if`; bounds are NaN if no request can be compared.
    """
    apart: Counter[str] = Counter()
    cost = cost_apart = 0.0
    compared: list[tuple[Row, bool]] = []
    for cell in cells:
        is_long = cell["regime"] in present.long_writes
        reason = deal.find_reason(cell, is_long_write=is_long)
        if reason == COMPARED:
            compared.append((cell, is_long))
            cost += cell["cost"]
        else:
            apart[reason] += round(cell["requests"])
            cost_apart += cell["cost"]
    low, high = _bound(compared, deal, present) if compared else (math.nan, math.nan)
    return {
        "requests": sum(round(cell["requests"]) for cell, _ in compared),
        "requests_apart": apart.total(),
        "cost": cost,
        "cost_apart": cost_apart,
        "cost_there_low": low,
        "cost_there_high": high,
        "apart": "; ".join(f"{number:,} {reason}" for reason, number in apart.most_common()),
        "assumed": "; ".join(_list_assumed([cell for cell, _ in compared], deal)),
    }


def _bound(compared: list[tuple[Row, bool]], deal: Deal, present: Present) -> tuple[float, float]:
    """Return the lowest and the highest cost of requests."""
    as_seen, uncached, missed = zip(*(_add_up(compared, deal, present, end) for end in (0, 1)), strict=True)
    if not deal.is_cached:
        return uncached
    return min(as_seen[0], uncached[0]), max(as_seen[1], uncached[1], missed[1])


def _add_up(compared: list[tuple[Row, bool]], deal: Deal, present: Present, end: int) -> tuple[float, float, float]:
    """Return the cost of requests with caching as seen, without it, and if all reads become writes.

    Unknown prices and tokens are the lowest ones if `end` is 0, the highest ones if it is 1.
    """
    as_seen = uncached = missed = 0.0
    of_prompt, of_completion = deal.factors.prompt[end], deal.factors.completion[end]
    for cell, is_long in compared:
        sheet = deal.find_sheets(cell)[end]
        if sheet is None:
            continue  # none of those that are compared
        request = present.request.get(int(cell["regime"]), 0.0)
        fixed = cell["other"] + cell["requests"] * (sheet.request - request)
        output = of_completion * sheet.output * cell["completion"] / 1e6
        prompts = _price_prompts(cell, sheet, end=end, is_long=is_long)
        as_seen += fixed + output + of_prompt * prompts[0] / 1e6
        uncached += fixed + output + of_prompt * prompts[1] / 1e6
        missed += fixed + output + of_prompt * prompts[2] / 1e6
    return as_seen, uncached, missed


def _price_prompts(cell: Row, sheet: Sheet, *, end: int, is_long: bool) -> tuple[float, float, float]:
    """Return what prompts cost in US$ per million with caching as seen, without it, and if all reads become writes."""
    read = sheet.read if sheet.read >= 0 else (0.0, sheet.input)[end]
    write = sheet.long_write if is_long and sheet.long_write >= 0 else sheet.write
    if not write >= 0:
        write = (1.0, _HIGHEST_WRITE)[end] * sheet.input
    if cell["read"] == cell["written"] == 0:
        read = write = sheet.input
    open_writes = (min, max)[end](0.0, write - sheet.input) * cell["perhaps written"]
    uncached = sheet.input * cell["prompt"]
    touched = cell["read"] + cell["written"]
    as_seen = uncached + (read - sheet.input) * cell["read"] + (write - sheet.input) * cell["written"] + open_writes
    return as_seen, uncached, uncached + max(0.0, write - sheet.input) * touched + max(0.0, open_writes)


def _list_assumed(cells: list[Row], deal: Deal) -> Iterator[str]:
    """Yield the assumptions behind the costs, in words."""
    if not cells:
        return
    yield from deal.offer.assumed
    touched = any(cell["read"] or cell["written"] or cell["perhaps written"] for cell in cells)
    sheets = [sheet for cell in cells for sheet in deal.find_sheets(cell) if sheet is not None]
    if not deal.is_cached:
        yield "nothing cached"
    elif touched:
        yield "caching between as seen and none"
        yield from _list_unknown(cells, sheets)
    elif not deal.is_batch and any(sheet.read < sheet.input for sheet in sheets):
        yield _ONLY_THERE
    if deal.factors.words:
        yield deal.factors.words


def _list_unknown(cells: list[Row], sheets: list[Sheet]) -> Iterator[str]:
    def is_any(name: str, price: Callable[[Sheet], float]) -> bool:
        return any(cell[name] for cell in cells) and any(math.isnan(price(sheet)) for sheet in sheets)

    if is_any("read", lambda sheet: sheet.read):
        yield _READ_UNKNOWN
    if is_any("written", lambda sheet: sheet.write):
        yield _WRITE_UNKNOWN
    unknown = sum(round(cell["requests"]) for cell in cells if cell["perhaps written"])
    if unknown:
        yield f"what {format_count(unknown, 'request')} wrote to the cache is not known"
