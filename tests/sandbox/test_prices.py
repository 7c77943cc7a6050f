"""The price of a model under each of the terms, as a sheet."""

from decimal import Decimal

import pytest

from genanalytics.sandbox.prices import Items, Price, Terms, make_sheet

LIST = Price(prompt=1_000, completion=5_000, cache_read=100, cache_write=1_250, request=7)


@pytest.mark.parametrize(
    ("terms", "price"),
    [
        (Terms.LIST, (1_000, 5_000, 100, 1_250)),
        (Terms.REGIONAL, (1_100, 5_500, 110, 1_375)),
        (Terms.RAISED, (1_200, 6_000, 120, 1_500)),
        (Terms.BATCH, (500, 2_500, 50, 625)),
        (Terms.FLEX, (500, 2_500, 50, 625)),
        (Terms.PRIORITY, (2_000, 10_000, 200, 2_500)),
        (Terms.LONG_PROMPT, (2_000, 7_500, 200, 2_500)),
        (Terms.ONE_HOUR, (1_000, 5_000, 100, 2_000)),
    ],
)
def test_terms_change_the_prices_of_tokens_only(terms: Terms, price: tuple[int, int, int, int]) -> None:
    prompt, completion, cache_read, cache_write = price
    assert LIST.apply(terms) == Price(prompt, completion, cache_read, cache_write, request=7)


def test_the_data_discount_is_one_percent() -> None:
    assert Price(prompt=100, completion=400).apply(Terms.DATA_DISCOUNT) == Price(prompt=99, completion=396)


def test_a_sheet_has_us_dollars_per_million_tokens_and_per_request() -> None:
    sheet = make_sheet("a/model", "A Provider", Terms.LIST, Price(200, 1_200, 20, 250, request=14_000_000))
    assert (sheet.model, sheet.provider_name, sheet.terms) == ("a/model", "A Provider", "list")
    assert (sheet.input_price, sheet.output_price) == (Decimal("0.2"), Decimal("1.2"))
    assert (sheet.cache_read_price, sheet.cache_write_price) == (Decimal("0.02"), Decimal("0.25"))
    assert sheet.request_price == Decimal("0.014")


def test_a_model_that_caches_nothing_has_no_prices_of_the_cache() -> None:
    sheet = make_sheet("a/model", "A Provider", Terms.LIST, Price(prompt=200, completion=1_200))
    assert (sheet.cache_read_price, sheet.cache_write_price) == (None, None)


def test_items_add_up() -> None:
    items = Items(
        input=1,
        cache_read=2,
        cache_write=4,
        cache_write_tokens=99,
        output=8,
        request=16,
        web_search=32,
        file_processing=64,
    )
    assert (items.other, items.total) == (16 + 32 + 64, 127)
