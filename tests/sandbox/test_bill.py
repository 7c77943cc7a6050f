"""The bills of the sample: each record's amounts are the arithmetic of its price sheet, exact to the nano-dollar."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from genanalytics.sandbox import Items, PriceSheet, Sample, Terms, sample
from genanalytics.sandbox.catalog import DEEPSEEK, FLASH, HAIKU, LUNA, SONNET

NANO = 1_000_000_000

Record = dict[str, Any]


@pytest.fixture(scope="module", params=[("2026-09", 7), ("2028-02", 11)], ids=["September", "another"])
def month(request: pytest.FixtureRequest) -> Sample:
    name, seed = request.param
    return sample(20_000, seed, month=name, nightly=0.01)


@pytest.fixture(scope="module")
def records(month: Sample) -> list[Record]:
    return [record for record in month.records.values() if record["id"] in month.priced_by]


def to_nano(usd: float | None) -> int:
    return round((usd or 0) * NANO)


def per_token(price: Decimal | None) -> int:
    """Return a price of a sheet in nano-dollars per token, which is a whole number."""
    nano = (price or Decimal(0)) * 1_000
    assert nano == int(nano)
    return int(nano)


def of(month: Sample, terms: Terms) -> list[Record]:
    """Return the records that are billed under these terms."""
    return [dict(month.records[id_]) for id_, sheet in month.priced_by.items() if sheet.terms is terms]


def test_the_items_of_a_record_are_its_tokens_times_the_prices_of_its_sheet(
    month: Sample, records: list[Record]
) -> None:
    for record in records:
        sheet, items = month.priced_by[record["id"]], month.items[record["id"]]
        prompt, written = record["native_tokens_prompt"], items.cache_write_tokens
        read = record.get("native_tokens_cached")
        if read is None:  # an older gateway does not report it
            read = items.cache_read // max(per_token(sheet.cache_read_price), 1)
        assert 0 <= written <= prompt - read
        assert items.input == (prompt - read - written) * per_token(sheet.input_price)
        assert items.cache_read == read * per_token(sheet.cache_read_price)
        assert items.cache_write == written * per_token(sheet.cache_write_price)
        assert items.output == record["native_tokens_completion"] * per_token(sheet.output_price)
        assert items.request == sheet.request_price * NANO


def test_what_is_charged_is_the_sum_of_the_items_or_the_fee_for_the_user_s_own_key(
    month: Sample, records: list[Record]
) -> None:
    for record in records:
        total = month.items[record["id"]].total
        if record["is_byok"]:
            assert to_nano(record["total_cost"]) == total // 20
            assert record["upstream_inference_cost"] is None or to_nano(record["upstream_inference_cost"]) == total
        else:
            assert to_nano(record["total_cost"]) == total
            assert not record["upstream_inference_cost"]


def test_the_cost_without_caching_is_the_charge_and_the_discount(month: Sample, records: list[Record]) -> None:
    for record in records:
        sheet, items = month.priced_by[record["id"]], month.items[record["id"]]
        tokens = record["native_tokens_prompt"] * per_token(sheet.input_price) + items.output
        assert items.total + to_nano(record["cache_discount"]) == tokens + items.other
        assert (record["cache_discount"] is None) == (not items.cache_read and not items.cache_write_tokens)


def test_each_amount_is_the_double_next_to_its_decimal(month: Sample) -> None:
    for record in month.records.values():
        for name in ("total_cost", "cache_discount", "upstream_inference_cost"):
            amount: Any = record[name]
            assert amount is None or amount == float(Decimal(to_nano(amount)) / NANO)


def test_every_sheet_occurs_and_bills_at_least_ten_records(month: Sample) -> None:
    bills = Counter(month.priced_by.values())
    assert set(month.prices) == bills.keys()
    assert len(month.prices) == len(bills)
    assert {sheet.terms for sheet in month.prices} == set(Terms)
    assert min(bills.values()) >= 10


def test_every_record_has_items_and_a_sheet_of_its_model_but_for_replays(month: Sample) -> None:
    assert list(month.items) == list(month.records)
    replays = month.records.keys() - month.priced_by.keys()
    assert replays == {id_ for id_, record in month.records.items() if record.get("response_cache_source_id")}
    assert all(month.items[id_] == Items() for id_ in replays)
    for id_, sheet in month.priced_by.items():
        record = month.records[id_]
        assert (sheet.model, sheet.provider_name) == (record["model"], record["provider_name"])


def test_a_regional_endpoint_costs_ten_percent_more_at_the_same_time(month: Sample) -> None:
    by_terms: dict[Terms, PriceSheet] = {
        sheet.terms: sheet for sheet in month.prices if (sheet.model, sheet.provider_name) == (LUNA.slug, "Azure")
    }
    usual, regional = by_terms[Terms.LIST], by_terms[Terms.REGIONAL]
    assert [usual.input_price, usual.output_price, usual.cache_read_price, usual.cache_write_price] == [
        Decimal("0.20"), Decimal("1.20"), Decimal("0.02"), Decimal("0.25"),
    ]  # fmt: skip
    assert [regional.input_price, regional.output_price, regional.cache_read_price, regional.cache_write_price] == [
        Decimal("0.22"), Decimal("1.32"), Decimal("0.022"), Decimal("0.275"),
    ]  # fmt: skip
    endpoints: dict[Terms, set[str]] = {terms: set() for terms in by_terms}
    for id_, sheet in month.priced_by.items():
        attempts: Any = month.records[id_].get("provider_responses")
        if attempts and sheet in by_terms.values():
            endpoints[sheet.terms].add(attempts[-1]["endpoint_id"])
    assert [len(ids) for ids in endpoints.values()] == [1, 1]
    assert not endpoints[Terms.LIST] & endpoints[Terms.REGIONAL]


def test_a_price_is_raised_in_the_middle_of_the_month(month: Sample) -> None:
    begin = datetime.fromisoformat(str(next(iter(month.records.values()))["created_at"]))
    moment = datetime(begin.year, begin.month, 16, 14, tzinfo=UTC)
    novita = {
        id_: sheet
        for id_, sheet in month.priced_by.items()
        if (sheet.model, sheet.provider_name) == (DEEPSEEK.slug, "Novita")
    }
    for id_, sheet in novita.items():
        is_raised = datetime.fromisoformat(str(month.records[id_]["created_at"])) >= moment
        assert sheet.terms is (Terms.RAISED if is_raised else Terms.LIST)
        assert sheet.input_price == Decimal("0.084" if is_raised else "0.07")
    assert {sheet.terms for sheet in month.prices if sheet.provider_name == "DeepSeek"} == {Terms.LIST}


@pytest.mark.parametrize("terms", [Terms.BATCH, Terms.FLEX, Terms.PRIORITY])
def test_a_service_tier_is_in_the_record_and_in_its_attempt(month: Sample, terms: Terms) -> None:
    for record in of(month, terms):
        assert record["service_tier"] == record["provider_responses"][-1]["routed_service_tier"] == terms.value
    others = [month.records[id_] for id_, sheet in month.priced_by.items() if sheet.terms is not terms]
    assert terms.value not in {record.get("service_tier") for record in others}


def test_batches_have_ids_of_their_own_and_run_at_night_for_one_app(month: Sample) -> None:
    batch = of(month, Terms.BATCH)
    assert {record["id"] for record in batch} == {id_ for id_ in month.records if id_.startswith("gen-batch-")}
    assert {(record["origin"], record["created_at"][11:13], record["model"]) for record in batch} <= {
        ("https://digest.example.org/", hour, HAIKU.slug) for hour in ("03", "04")
    }


def test_long_prompts_have_other_prices_from_200_000_tokens_on(month: Sample) -> None:
    for id_, sheet in month.priced_by.items():
        if sheet.model == SONNET.slug:
            prompt: Any = month.records[id_]["native_tokens_prompt"]
            assert (sheet.terms is Terms.LONG_PROMPT) == (prompt >= 200_000)
            assert sheet.input_price == Decimal(6 if prompt >= 200_000 else 3)
            assert sheet.output_price == Decimal("22.5" if prompt >= 200_000 else "15")


@pytest.mark.parametrize(
    ("terms", "origin", "model"),
    [
        (Terms.ONE_HOUR, "https://planner.example.net/", HAIKU.slug),
        (Terms.DATA_DISCOUNT, "https://support.example.net/", FLASH.slug),
    ],
)
def test_terms_of_an_app_hold_for_all_its_calls_of_a_model_and_for_no_others(
    month: Sample, terms: Terms, origin: str, model: str
) -> None:
    expected = {
        id_ for id_ in month.priced_by if (month.records[id_]["origin"], month.records[id_]["model"]) == (origin, model)
    }
    assert {record["id"] for record in of(month, terms)} == expected


@pytest.mark.parametrize(
    ("is_charged", "unit"),
    [
        (lambda items: items.web_search, 4_000_000),
        (lambda items: items.file_processing, 2_000_000),
    ],
)
def test_some_chats_pay_fees_for_web_searches_and_files(
    month: Sample, is_charged: Callable[[Items], int], unit: int
) -> None:
    fees = {id_: is_charged(items) for id_, items in month.items.items() if is_charged(items)}
    assert 10 < len(fees) < 0.02 * len(month.records)
    assert all(fee % unit == 0 for fee in fees.values())
    assert {month.records[id_]["origin"] for id_ in fees} == {"https://chat.example.com/"}


def test_the_fee_for_a_web_search_follows_the_number_of_results(month: Sample) -> None:
    for id_, record in month.records.items():
        results: Any = record["num_search_results"]
        assert month.items[id_].web_search == (results or 0) * 4_000_000
        if "web_search_engine" in record:
            assert record["web_search_engine"] == ("exa" if results else None)
