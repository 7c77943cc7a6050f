"""Prices per token, the sheets that calls are billed by, and the items of a bill.

All amounts are whole nano-dollars, so that costs are exact.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

_NANO = Decimal(1_000_000_000)
_NANO_PER_TOKEN = Decimal(1_000)
"""Nano-dollars per token that make US$ 1 per million tokens."""


class Terms(StrEnum):
    """The terms of a price sheet: why its prices are those of the list, or others."""

    LIST = "list"
    REGIONAL = "regional endpoint"
    RAISED = "from day 16, 14:00 UTC on"
    BATCH = "batch"
    FLEX = "flex"
    PRIORITY = "priority"
    LONG_PROMPT = "prompts of 200,000 tokens or more"
    ONE_HOUR = "cache writes for one hour"
    DATA_DISCOUNT = "data discount"


@dataclass(frozen=True, slots=True)
class Price:
    """A model's price in nano-dollars per token (1,000 is US$ 1 per million tokens): whole, so that costs are exact."""

    prompt: int = 0
    completion: int = 0
    cache_read: int = 0
    cache_write: int = 0
    request: int = 0
    """Nano-dollars per call, in addition to its tokens: the price of images."""

    def apply(self, terms: Terms) -> "Price":
        """Return the price under these terms.

        >>> Price(prompt=200, completion=1_200).apply(Terms.REGIONAL)
        Price(prompt=220, completion=1320, cache_read=0, cache_write=0, request=0)
        """
        prompt, completion = _PERCENT.get(terms, (100, 100))
        write = 2 * self.prompt if terms is Terms.ONE_HOUR else self.cache_write * prompt // 100
        return Price(
            prompt=self.prompt * prompt // 100,
            completion=self.completion * completion // 100,
            cache_read=self.cache_read * prompt // 100,
            cache_write=write,
            request=self.request,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSheet:
    """The prices of a model at a provider under the same terms: US$ per million tokens, and US$ per request.

    The prices of the cache are None for a model that caches no prompts.
    """

    model: str
    provider_name: str
    terms: Terms
    input_price: Decimal
    cache_read_price: Decimal | None
    cache_write_price: Decimal | None
    output_price: Decimal
    request_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """The items of a record's bill, in whole nano-dollars; with a user's own key, those that the provider charged."""

    input: int = 0
    """The prompt without the tokens that the cache read or wrote."""
    cache_read: int = 0
    cache_write: int = 0
    cache_write_tokens: int = 0
    """The tokens that were written to the cache; no field of a record has them."""
    output: int = 0
    request: int = 0
    web_search: int = 0
    file_processing: int = 0

    @property
    def other(self) -> int:
        """The fees, which are everything that is not priced per token."""
        return self.request + self.web_search + self.file_processing

    @property
    def total(self) -> int:
        """The sum of the items."""
        return self.input + self.cache_read + self.cache_write + self.output + self.other


def make_sheet(model: str, provider_name: str, terms: Terms, price: Price) -> PriceSheet:
    """Return the sheet of a price that holds under these terms.

    >>> sheet = make_sheet("a/model", "A Provider", Terms.LIST, Price(prompt=70, completion=140, cache_read=14))
    >>> str(sheet.input_price), str(sheet.cache_read_price), str(sheet.request_price)
    ('0.07', '0.014', '0')
    """
    caches = bool(price.cache_read or price.cache_write)
    return PriceSheet(
        model=model,
        provider_name=provider_name,
        terms=terms,
        input_price=price.prompt / _NANO_PER_TOKEN,
        cache_read_price=price.cache_read / _NANO_PER_TOKEN if caches else None,
        cache_write_price=price.cache_write / _NANO_PER_TOKEN if caches else None,
        output_price=price.completion / _NANO_PER_TOKEN,
        request_price=price.request / _NANO,
    )


_PERCENT = {
    Terms.REGIONAL: (110, 110),
    Terms.RAISED: (120, 120),
    Terms.BATCH: (50, 50),
    Terms.FLEX: (50, 50),
    Terms.PRIORITY: (200, 200),
    Terms.LONG_PROMPT: (200, 150),
    Terms.DATA_DISCOUNT: (99, 99),
}
"""Percent of the list price under other terms: of the prompt with its cached parts, and of the completion."""
