"""Charges as FOCUS has them: nothing counted twice, nothing made up, exact to the last digit."""

import json
import re
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from genanalytics.errors import InputError, MissingColumnError
from genanalytics.files import write
from genanalytics.metrics import summarize
from genanalytics.records.frame import parse_frame
from genanalytics.records.parse import Row
from genanalytics.service.focus import SCHEMA, focus_charges
from support.generations import CHARGED, frame_of
from support.paths import DOCS

PAGE = DOCS / "focus.md"

MONEY = ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "x_CacheDiscount"]
RECORD = {
    "created_at": "2026-12-31T23:59:59.5Z",
    "model": "maker/model-1",
    "provider_name": "Provider",
    "total_cost": 0.1,
    "cache_discount": 0.2,
    "native_tokens_prompt": 30,
    "native_tokens_completion": 12,
    "workspace_id": "w-1",
    "session_id": "s-1",
    "is_byok": False,
}


def charges(*records: dict[str, object]) -> pd.DataFrame:
    frame = parse_frame(
        [
            Row(f"gen-{place}", json.dumps({"data": {"id": "gen-1"} | record}).encode(), 0.0)
            for place, record in enumerate(records)
        ]
    )
    before = frame.copy(deep=True)
    made = focus_charges(frame)
    pd.testing.assert_frame_equal(frame, before)
    return made


def money(made: pd.DataFrame, row: int) -> list[Decimal | None]:
    return [None if pd.isna(value) else value for value in made[MONEY].iloc[row]]


def test_a_record_is_one_row_whose_every_column_is_said() -> None:
    [row] = charges(RECORD).to_dict("records")
    assert {name: value for name, value in row.items() if not pd.isna(value)} == {
        "BilledCost": Decimal("0.1"),
        "BillingCurrency": "USD",
        "BillingPeriodStart": pd.Timestamp("2026-12-01", tz="UTC"),
        "BillingPeriodEnd": pd.Timestamp("2027-01-01", tz="UTC"),
        "ChargeCategory": "Usage",
        "ChargeDescription": "Generation, as charged by OpenRouter",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": pd.Timestamp("2026-12-31 23:00", tz="UTC"),
        "ChargePeriodEnd": pd.Timestamp("2027-01-01", tz="UTC"),
        "ConsumedQuantity": 42,
        "ConsumedUnit": "Tokens",
        "ContractedCost": Decimal("0.1"),
        "EffectiveCost": Decimal("0.1"),
        "InvoiceIssuerName": "OpenRouter",
        "ListCost": Decimal("0.3"),
        "PricingQuantity": 1,
        "PricingUnit": "Requests",
        "ProviderName": "OpenRouter",
        "PublisherName": "maker",
        "ResourceId": "gen-0",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "OpenRouter API",
        "ServiceSubcategory": "Generative AI",
        "SkuId": "maker/model-1",
        "SubAccountId": "w-1",
        "x_CacheDiscount": Decimal("0.2"),
        "x_CreatedAt": pd.Timestamp("2026-12-31 23:59:59.5", tz="UTC"),
        "x_IsByok": False,
        "x_ModelProviderName": "Provider",
        "x_SessionId": "s-1",
    }


@pytest.mark.parametrize("month", range(1, 13))
def test_a_billing_period_is_a_calendar_month(month: int) -> None:
    for day in ("01T00:00:00", "28T23:59:59"):
        [row] = charges(RECORD | {"created_at": f"2027-{month:02d}-{day}Z"}).to_dict("records")
        assert row["BillingPeriodStart"] == pd.Timestamp(2027, month, 1, tz="UTC")
        assert row["BillingPeriodEnd"] == row["BillingPeriodStart"] + pd.offsets.MonthBegin()


def test_byok_is_a_second_row_that_is_on_no_invoice_of_openrouters() -> None:
    made = charges(RECORD | {"is_byok": True, "upstream_inference_cost": 2.5}, RECORD | {"upstream_inference_cost": 9})
    assert made["ResourceId"].tolist() == ["gen-0", "gen-0", "gen-1"]
    assert money(made, 0) == [Decimal("0.1"), Decimal("0.1"), Decimal("0.1"), Decimal("0.1"), None]
    assert money(made, 1) == [0, Decimal("2.5"), Decimal("2.7"), Decimal("2.5"), Decimal("0.2")]
    assert made["InvoiceIssuerName"].tolist() == ["OpenRouter", "Provider", "OpenRouter"]
    assert made["ProviderName"].tolist() == ["OpenRouter", "Provider", "OpenRouter"]
    assert made["EffectiveCost"].sum() == Decimal("2.7")
    assert made["BilledCost"].sum() == Decimal("0.2")


@given(CHARGED)
def test_sums_over_the_rows_are_those_of_the_records(records: list[dict[str, object]]) -> None:
    """Each amount and each quantity is in one row: the bill, the cost, the savings, the tokens, the requests."""
    frame = frame_of(*records)
    made = focus_charges(frame)
    found = summarize(frame, metrics=["cost", "cache"]).iloc[0].fillna(0)
    sums = {name: sum(made[name].dropna(), Decimal(0)) for name in [*MONEY, "ConsumedQuantity", "PricingQuantity"]}
    assert sums["BilledCost"] == found["billed_cost"]
    assert sums["EffectiveCost"] == found["effective_cost"]
    assert sums["x_CacheDiscount"] == found["net_cache_savings"]
    if made["EffectiveCost"].notna().all():
        assert sums["ListCost"] == found["cost_without_cache"]
    for row in range(len(made)):
        _, effective, without, _, saved = money(made, row)
        assert without == (None if effective is None else effective + (saved or 0))
    tokens = frame["native_tokens_prompt"] + frame["native_tokens_completion"]
    assert [sums["ConsumedQuantity"], sums["PricingQuantity"]] == [int(tokens.sum()), len(frame)]
    assert made["ConsumedQuantity"].isna().sum() == tokens.isna().sum()
    assert made[["ConsumedUnit", "PricingUnit"]].drop_duplicates().to_numpy().tolist() == [["Tokens", "Requests"]]


def test_what_is_not_known_is_null() -> None:
    made = charges({}, {"is_byok": True, "total_cost": 1, "upstream_inference_cost": None})
    assert len(made) == 3
    assert money(made, 0) == [None] * 5
    assert money(made, 1) == [1, 1, 1, 1, None]
    assert money(made, 2) == [0, None, None, None, None]
    assert made.iloc[0][["ChargePeriodStart", "BillingPeriodEnd", "SkuId", "ConsumedQuantity"]].isna().all()


@pytest.mark.parametrize(
    ("amount", "exact"),
    [
        (0.1, "0.1"),
        (0.30000000000000004, "0.30000000000000004"),
        (1e-7, "0.0000001"),
        (5e-324, "0"),
        (-0.000153, "-0.000153"),
        (123456789.123456789, "123456789.12345679"),
    ],
)
def test_amounts_keep_the_digits_that_they_came_with(amount: float, exact: str) -> None:
    assert money(charges(RECORD | {"total_cost": amount}), 0)[0] == Decimal(exact)


def test_an_amount_that_no_decimal_holds_is_refused() -> None:
    with pytest.raises(InputError, match="more than 20 digits before the point"):
        charges(RECORD | {"total_cost": 1e21})


def test_a_frame_of_something_else_is_refused() -> None:
    with pytest.raises(MissingColumnError, match="no column 'requested_id': FOCUS rows need requested_id, created_at"):
        focus_charges(pd.DataFrame({"a": [1]}))


def test_no_record_is_no_row() -> None:
    assert list(charges().columns) == SCHEMA.names
    assert len(charges()) == 0


def test_a_file_has_the_types_of_focus(tmp_path: Path) -> None:
    write(charges(RECORD), tmp_path / "focus.parquet")
    schema = pq.read_schema(tmp_path / "focus.parquet")
    assert schema.field("BilledCost").type == pa.decimal128(38, 18)
    assert schema.field("ChargePeriodStart").type == pa.timestamp("us", tz="UTC")
    write(charges(RECORD), tmp_path / "focus.csv")
    assert "0.300000000000000000" in (tmp_path / "focus.csv").read_text()


def test_the_page_says_what_each_column_holds() -> None:
    said = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert said == SCHEMA.names
