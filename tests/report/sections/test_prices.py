"""The section on unit prices: extra costs that are worked out by hand."""

import pandas as pd
import pytest

from genanalytics.records.coverage import Coverage
from genanalytics.report.blocks import Chart, Section, Table
from genanalytics.report.sections.prices import make_prices, name_offers
from genanalytics.units import Unit, format_value
from support.billed import USUAL, bill_call, find_extra, frame_surcharged, list_surcharged
from support.generations import frame_of
from support.pages import find_block, make_section, read_rows


@pytest.fixture(scope="module")
def surcharged() -> Section:
    return make_section(make_prices, frame_surcharged(), tz="Asia/Tokyo")


def test_the_answer_has_the_exact_extra_cost(surcharged: Section) -> None:
    extra = format_value(find_extra(list_surcharged()), Unit.USD)
    assert surcharged.answer == (
        f"1 surcharge cost an extra {extra}; prices are known for 100.0 % of the billed requests."
    )


def test_surcharges_are_alarming_rows_of_few_columns(surcharged: Section) -> None:
    table = find_block(surcharged, "price-changes", Table)
    extra = format_value(find_extra(list_surcharged()), Unit.USD)
    assert read_rows(table) == [
        ["maker/m, P", "10", extra, "9.1 %", "surcharge", "1.1 times the main price, at the same time"]
    ]
    assert [cell.alarming for cell in table.rows[0]] == [False, False, True, False, False, False]


def test_the_open_table_of_prices_is_narrow_and_the_folded_one_has_all_columns(surcharged: Section) -> None:
    used = find_block(surcharged, "prices-most-used", Table)
    assert read_rows(used) == [
        ["maker/m, P", "30", "$0.20", "$1.20", "main price"],
        ["maker/m, P", "10", "$0.22", "$1.32", "1.1 times the main price, at the same time"],
    ]
    found = find_block(surcharged, "prices-all", Table)
    assert found.folded == "All 2 prices"
    assert read_rows(found)[0][:7] == ["maker/m, P", "30", "75.0 %", "$0.20", "$0.02", "$0.25", "$1.20"]
    assert read_rows(found)[0][-2] == "2026-03-01 22:00+09:00"  # the first call at this price, one hour after noon UTC
    assert all(column.definition for column in found.columns if column.numeric)


def test_the_chart_shows_the_model_with_the_surcharge(surcharged: Section) -> None:
    assert "maker/m" in find_block(surcharged, "unit-prices", Chart).title


def test_tiers_are_no_losses_and_missing_records_make_extra_costs_lower_bounds() -> None:
    calls = [bill_call(place, USUAL if place < 20 else USUAL.times(150), model="b") for place in range(40)]
    calls += [bill_call(place, USUAL, service_tier="default") for place in range(40)]
    calls += [bill_call(place, USUAL.times(200), service_tier="priority") for place in range(20)]
    frame = frame_of(*calls)
    frame.attrs["coverage"] = Coverage.of(["gen-x"], found=len(frame)).to_json()
    section = make_section(make_prices, frame)
    assert section.answer.startswith("1 price change cost an extra ≥ $")
    assert read_rows(find_block(section, "price-changes", Table))[0][2].startswith("≥ $")
    table = find_block(section, "price-tiers", Table)
    assert table.folded == "1 other tier"
    assert not any(cell.alarming for row in table.rows for cell in row)


def test_long_names_keep_their_providers() -> None:
    rows = name_offers(pd.DataFrame({"model": ["m" * 500], "provider_name": [None]}))
    (name,) = rows["model, provider"]
    assert name.endswith("m, not given")
    assert len(name) < 60


def test_unknown_prices_are_a_sentence() -> None:
    unknown = make_section(make_prices, frame_of({"native_tokens_prompt": None}, {"total_cost": 2.0}))
    assert unknown.answer == "No unit price is known: the records do not prove any."
