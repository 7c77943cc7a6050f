"""The bill of a call: which price sheet holds for it, its items, and what it is charged."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from genanalytics.sandbox.calls import EPOCH, Call
from genanalytics.sandbox.catalog import DEEPSEEK, FLASH, NOVITA, ONE_HOUR_APP, SONNET, SUPPORT_APP, Model, Provider
from genanalytics.sandbox.prices import Items, Price, PriceSheet, Terms, make_sheet

LONG_PROMPT_TOKENS = 200_000
"""From this length of the prompt on, `SONNET` has other prices."""

_OWN_KEY_FEE_PERCENT = 5
_RAISED_FROM = (16, 14)
"""The day of the month and the hour (UTC) of a price change."""
_SEARCH_RESULT_NANOUSD = 4_000_000
_FILE_PAGE_NANOUSD = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The amounts of a call, in whole nano-dollars."""

    sheet: PriceSheet
    items: Items
    charged: int
    saved: int
    """What reads from the cache saved, less what writes to it cost."""
    upstream: int
    """The charge of the provider to the user's own key; 0 without one."""


def make_bill(call: Call, among: Collection[Terms] = tuple(Terms)) -> Bill:
    """Return the bill of a call, under one of these terms or those of the list."""
    price, sheet = _find_price(call.caller.model, call.caller.provider, choose_terms(call, among))
    items = Items(
        input=(call.prompt - call.cached - call.written) * price.prompt,
        cache_read=call.cached * price.cache_read,
        cache_write=call.written * price.cache_write,
        cache_write_tokens=call.written,
        output=call.completion * price.completion,
        request=0 if call.replay_of else price.request,
        web_search=call.search_results * _SEARCH_RESULT_NANOUSD,
        file_processing=call.file_pages * _FILE_PAGE_NANOUSD,
    )
    own_key = call.caller.own_key
    return Bill(
        sheet=sheet,
        items=items,
        charged=items.total * _OWN_KEY_FEE_PERCENT // 100 if own_key else items.total,
        saved=call.cached * (price.prompt - price.cache_read) - call.written * (price.cache_write - price.prompt),
        upstream=items.total if own_key else 0,
    )


def choose_terms(call: Call, among: Collection[Terms] = tuple(Terms)) -> Terms:
    """Return the terms that a call is billed under: the first of these whose rule holds, or those of the list."""
    return next((terms for terms, holds in _RULES if terms in among and holds(call)), Terms.LIST)


def _is_after_raise(call: Call) -> bool:
    moment = EPOCH + timedelta(microseconds=call.created_us)
    return (moment.day, moment.hour) >= _RAISED_FROM


_RULES: tuple[tuple[Terms, Callable[[Call], bool]], ...] = (
    (Terms.REGIONAL, lambda call: call.regional),
    (Terms.BATCH, lambda call: call.caller.service_tier == "batch"),
    (Terms.FLEX, lambda call: call.caller.service_tier == "flex"),
    (Terms.PRIORITY, lambda call: call.caller.service_tier == "priority"),
    (Terms.LONG_PROMPT, lambda call: call.caller.model is SONNET and call.prompt >= LONG_PROMPT_TOKENS),
    (Terms.ONE_HOUR, lambda call: call.caller.app is ONE_HOUR_APP),
    (Terms.DATA_DISCOUNT, lambda call: call.caller.app is SUPPORT_APP and call.caller.model is FLASH),
    (
        Terms.RAISED,
        lambda call: call.caller.model is DEEPSEEK and call.caller.provider is NOVITA and _is_after_raise(call),
    ),
)
"""The first rule that holds gives the terms; without one, they are those of the list."""


@cache
def _find_price(model: Model, provider: Provider, terms: Terms) -> tuple[Price, PriceSheet]:
    price = model.price.apply(terms)
    return price, make_sheet(model.slug, provider.name, terms, price)
