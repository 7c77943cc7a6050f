"""Prices of tables and of the service's list of models."""

import math
from typing import Any

import pandas as pd
import pytest

from genanalytics.decide.elsewhere.price_list import Offer, Sheet, find_limit, read_offers
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.sandbox.models import list_models

PRICING = {"prompt": "0.000003", "completion": "0.000015", "input_cache_read": "0.0000003"}


def read_one(pricing: dict[str, Any], **fields: Any) -> Offer:  # noqa: ANN401 - any field of a model
    (offer,) = read_offers([{"id": "a/m", "canonical_slug": "a/m-20260101", "pricing": pricing, **fields}])
    return offer


def test_prices_per_token_are_texts_and_become_prices_per_million() -> None:
    offer = read_one(PRICING | {"input_cache_write": "0.00000375", "input_cache_write_1h": "0.000006"})
    assert offer.find_sheet(1) == Sheet(3.0, 15.0, 0.3, 3.75, 0.0, 6.0)
    assert offer.is_of("a/m")
    assert offer.is_of("a/m-20260101")
    assert not offer.is_of("a")


def test_tokens_of_the_cache_without_a_price_cost_as_much_as_input() -> None:
    offer = read_one({"prompt": "0.000003", "completion": "0.000015", "request": "0.01"})
    sheet = offer.find_sheet(1)
    assert sheet is not None
    assert (sheet.read, sheet.write, sheet.request) == (3.0, 3.0, 0.01)
    assert str(sheet) == "$3.00/M tokens in and $15.00/M tokens out, and $0.01000 per request"
    assert any("no price of cached tokens" in words for words in offer.assumed)


def test_an_override_holds_above_its_length_and_inherits_what_it_lacks() -> None:
    overrides = [
        {"min_prompt_tokens": 1_000, "prompt": "0.000006"},
        {"min_prompt_tokens": 5_000, "completion": "0.00003"},
        {"utc_start": 100, "utc_end": 500, "prompt": "0.000001"},
    ]
    offer = read_one(PRICING | {"overrides": overrides})
    sheets = [offer.find_sheet(prompt) for prompt in (1_000, 1_001, 5_001)]
    assert [(sheet.input, sheet.output, sheet.read) for sheet in sheets if sheet] == [
        (3.0, 15.0, 0.3),
        (6.0, 15.0, 0.3),
        (6.0, 30.0, 0.3),
    ]
    assert any("at certain hours" in words for words in offer.assumed)


@pytest.mark.parametrize("pricing", [{"prompt": "-1", "completion": "-1"}, {"prompt": "0.000001"}])
def test_a_model_without_a_fixed_price_is_refused(pricing: dict[str, str]) -> None:
    offer = read_one(pricing)
    assert offer.refusal == "the list has no fixed price of it"
    assert offer.find_sheet(1) is None


def test_endpoints_of_a_model_have_a_provider() -> None:
    endpoints = [{"provider_name": name, "pricing": PRICING, "context_length": 8} for name in ("X", "Y")]
    offers = read_offers({"data": {"id": "a/m", "endpoints": endpoints}})
    assert [(offer.model, offer.provider_name, offer.context) for offer in offers] == [("a/m", "X", 8), ("a/m", "Y", 8)]


def test_the_list_of_the_sandbox_is_read_whole() -> None:
    offers = read_offers({"data": list_models()})
    assert len(offers) == len(list_models())
    sonnet = next(offer for offer in offers if offer.is_of("anthropic/claude-4.5-sonnet"))
    below, above = sonnet.find_sheet(199_999), sonnet.find_sheet(200_000)
    assert below is not None
    assert above is not None
    assert (below.input, above.input, above.output) == (3.0, 6.0, 22.5)


def test_a_table_has_prices_per_million() -> None:
    table = pd.DataFrame({"model": ["m"], "provider_name": [None], "input_price": [1.5], "output_price": [2]})
    (offer,) = read_offers(table)
    assert (offer.model, offer.provider_name) == ("m", None)
    sheet = offer.find_sheet(1e9)
    assert sheet is not None
    assert (sheet.input, sheet.output, sheet.request) == (1.5, 2.0, 0.0)
    assert math.isnan(sheet.read)  # a table need not know the prices of the cache
    assert math.isnan(sheet.write)
    (unpriced,) = read_offers(table.assign(input_price=None))
    assert unpriced.refusal
    for name in ("input_price", "output_price", "cache_read_price", "request_price"):
        (infinite,) = read_offers(table.assign(**{name: [math.inf]}))
        assert "a given price is infinite" in infinite.refusal
    (whole,) = read_offers(table.assign(context_length=[math.inf]))
    assert not whole.refusal
    with pytest.raises(MissingColumnError, match="input_price"):
        read_offers(table.drop(columns="input_price"))


@pytest.mark.parametrize("prices", [[], {"data": []}, "text", 3, {"x": 1}, [{"id": "m", "pricing": {"prompt": "x"}}]])
def test_anything_else_is_refused(prices: object) -> None:
    with pytest.raises(InputError, match=r"give (a table|a number)"):
        read_offers(prices)


def test_a_limit_counts_tokens_before_they_are_multiplied() -> None:
    assert find_limit(1_000.0, 1.5) * 1.5 <= 1_000
    assert (find_limit(1_000.0, 1.5) + 1) * 1.5 > 1_000
    assert find_limit(math.inf, 2.0) == math.inf
