"""Charges as FOCUS has them: nothing counted twice, nothing made up, exact to the last digit."""

import json
import re
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from genanalytics.bill.prices import prices
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.files import write
from genanalytics.metrics import summarize
from genanalytics.records.frame import parse_frame
from genanalytics.records.parse import Row
from genanalytics.service.focus import SCHEMA, focus_charges
from support.generations import CHARGED, frame_of
from support.paths import DOCS

PAGE = DOCS / "focus.md"

PRICES = {"input": "0.2", "read": "0.02", "write": "0.25", "output": "1.2"}
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


def priced(prompt: int, completion: int, read: int = 0, written: int = 0) -> dict[str, object]:
    """Return a record at `PRICES`, US$ per million tokens."""
    price = {name: Decimal(text) / 1_000_000 for name, text in PRICES.items()}
    cost = (prompt - read - written) * price["input"] + completion * price["output"]
    cost += read * price["read"] + written * price["write"]
    saved = read * (price["input"] - price["read"]) - written * (price["write"] - price["input"])
    return RECORD | {
        "native_tokens_prompt": prompt,
        "native_tokens_completion": completion,
        "native_tokens_cached": read,
        "total_cost": float(cost),
        "cache_discount": float(saved) if read or written else None,
    }


UNCACHED = [priced(1_000 + 137 * place, 50 + 31 * (place * place % 17)) for place in range(12)]
WRITTEN = [300 + 3_571 * place % 2_003 for place in range(20)]
READ = [12_000 + 7_919 * place * place % 10_007 for place in range(20)]
CACHED = [
    priced(read + written, 20 + 53 * place % 211, read, written)
    for place, (read, written) in enumerate(zip(READ, WRITTEN, strict=True))
]
TRAFFIC = UNCACHED + CACHED


def test_a_priced_record_is_a_row_per_meter_with_its_unit_price() -> None:
    made = charges(*TRAFFIC, priced(20_000, 100, 15_000, 4_000))
    rows = made[made["ResourceId"] == f"gen-{len(TRAFFIC)}"]
    columns = ["SkuMeter", "ConsumedQuantity", "ContractedUnitPrice", "BilledCost", "ListUnitPrice", "ListCost"]
    million = 1_000_000
    assert rows[columns].to_numpy().tolist() == [
        [
            "Input Tokens",
            1_000,
            Decimal("0.2") / million,
            Decimal("0.0002"),
            Decimal("0.2") / million,
            Decimal("0.0002"),
        ],
        [
            "Cached Input Tokens",
            15_000,
            Decimal("0.02") / million,
            Decimal("0.0003"),
            Decimal("0.2") / million,
            Decimal("0.003"),
        ],
        [
            "Cache Write Tokens",
            4_000,
            Decimal("0.25") / million,
            Decimal("0.001"),
            Decimal("0.2") / million,
            Decimal("0.0008"),
        ],
        [
            "Output Tokens",
            100,
            Decimal("1.2") / million,
            Decimal("0.00012"),
            Decimal("1.2") / million,
            Decimal("0.00012"),
        ],
    ]
    assert (rows["PricingQuantity"] == rows["ConsumedQuantity"]).all()
    assert set(rows["PricingUnit"]) == set(rows["ConsumedUnit"]) == {"Tokens"}
    assert rows["SkuId"].iloc[1] == "maker/model-1/cached-input-tokens"
    assert rows["SkuPriceId"].iloc[1] == "maker/model-1/cached-input-tokens/Provider/0.02"
    assert rows["x_CacheDiscount"].tolist() == [0, Decimal("0.0027"), Decimal("-0.0002"), 0]


def test_prices_of_more_records_price_a_few() -> None:
    whole = frame_of(*TRAFFIC)
    assert set(focus_charges(whole.head(1))["SkuMeter"]) == {"Unexplained"}
    few = focus_charges(whole.head(1), prices=prices(whole))
    assert few["SkuMeter"].tolist() == ["Input Tokens", "Output Tokens"]


def test_skus_do_not_depend_on_the_other_records() -> None:
    some, all_of_them = charges(*TRAFFIC[:24]), charges(*TRAFFIC)
    ids = ["ResourceId", "SkuId", "SkuPriceId"]
    pd.testing.assert_frame_equal(some[ids], all_of_them[ids].head(len(some)))


def test_the_tokens_of_a_byok_record_are_in_the_rows_of_the_provider() -> None:
    own = priced(20_000, 100, 15_000, 4_000)
    made = charges(
        *TRAFFIC, own | {"is_byok": True, "total_cost": 0.0001, "upstream_inference_cost": own["total_cost"]}
    )
    rows = made[made["ResourceId"] == f"gen-{len(TRAFFIC)}"]
    assert rows["SkuMeter"].tolist() == [
        "Other",
        "Input Tokens",
        "Cached Input Tokens",
        "Cache Write Tokens",
        "Output Tokens",
    ]
    assert rows["BilledCost"].tolist() == [Decimal("0.0001"), 0, 0, 0, 0]
    assert rows["EffectiveCost"].sum() == Decimal("0.0001") + Decimal("0.00162")
    assert rows.loc[rows["ConsumedUnit"] == "Tokens", "ConsumedQuantity"].sum() == 20_100
    assert rows["InvoiceIssuerName"].tolist() == ["OpenRouter", *["Provider"] * 4]


def test_fees_and_free_requests_are_rows() -> None:
    fee = priced(5_000, 10)
    fee |= {"total_cost": float(Decimal(str(fee["total_cost"])) + Decimal("0.02")), "num_search_results": 5}
    free = priced(700, 30) | {"total_cost": 0, "native_tokens_cached": 200}
    made = charges(*TRAFFIC, fee, free)
    of_fee, of_free = (made[made["ResourceId"] == f"gen-{len(TRAFFIC) + place}"] for place in (0, 1))
    assert of_fee[["SkuMeter", "BilledCost", "PricingUnit"]].to_numpy().tolist()[-1] == [
        "Other",
        Decimal("0.02"),
        "Requests",
    ]
    assert of_free[["SkuMeter", "ConsumedQuantity", "BilledCost", "ContractedUnitPrice"]].to_numpy().tolist() == [
        ["Input Tokens", 500, 0, 0],
        ["Cached Input Tokens", 200, 0, 0],
        ["Output Tokens", 30, 0, 0],
    ]


def test_a_record_without_known_prices_is_one_row_whose_every_column_is_said() -> None:
    [row] = charges(RECORD).to_dict("records")
    assert {name: value for name, value in row.items() if not pd.isna(value)} == {
        "BilledCost": Decimal("0.1"),
        "BillingCurrency": "USD",
        "BillingPeriodStart": pd.Timestamp("2026-12-01", tz="UTC"),
        "BillingPeriodEnd": pd.Timestamp("2027-01-01", tz="UTC"),
        "ChargeCategory": "Usage",
        "ChargeDescription": "Generation whose unit prices are unknown, as charged by OpenRouter",
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
        "SkuId": "maker/model-1/unexplained",
        "SkuMeter": "Unexplained",
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
    """Each amount and each token is in one row: the bill, the cost, the savings."""
    frame = frame_of(*records)
    made = focus_charges(frame)
    found = summarize(frame, metrics=["cost", "cache"]).iloc[0].fillna(0)
    sums = {name: sum(made[name].dropna(), Decimal(0)) for name in MONEY}
    assert sums["BilledCost"] == found["billed_cost"]
    assert sums["EffectiveCost"] == found["effective_cost"]
    assert sums["x_CacheDiscount"] == found["net_cache_savings"]
    if made["EffectiveCost"].notna().all():
        assert sums["ListCost"] == found["cost_without_cache"]
    for row in range(len(made)):
        _, effective, without, _, saved = money(made, row)
        assert without == (None if effective is None else effective + (saved or 0))
    tokens = (frame["native_tokens_prompt"] + frame["native_tokens_completion"]).to_numpy(float, na_value=np.nan)
    of_tokens = made[made["ConsumedUnit"] == "Tokens"].groupby("ResourceId")["ConsumedQuantity"].sum()
    for name, expected in zip(frame["requested_id"], tokens, strict=True):
        assert np.isnan(expected) or of_tokens.get(name, 0) == expected
    assert set(made["ResourceId"]) == set(frame["requested_id"])


@pytest.mark.parametrize("cut", [9, 6])
def test_rows_of_traffic_add_up_to_each_record_in_decimals(cut: int) -> None:
    """Whether amounts are exact or cut to the micro-dollar."""
    unit = Decimal(1).scaleb(-cut)
    records = [
        record | {"total_cost": float(Decimal(str(record["total_cost"])).quantize(unit, rounding=ROUND_DOWN))}
        for record in TRAFFIC
    ]
    made = charges(*records)
    billed = made.groupby("ResourceId")["BilledCost"].sum()
    assert [billed[f"gen-{place}"] for place in range(len(records))] == [
        Decimal(str(record["total_cost"])) for record in records
    ]
    saved = made.groupby("ResourceId")["x_CacheDiscount"].sum()
    assert saved["gen-20"] == Decimal(str(records[20]["cache_discount"]))
    known = made.dropna(subset=["ContractedUnitPrice"])
    priced_rows = known[["ContractedUnitPrice", "PricingQuantity", "ContractedCost"]].to_numpy().tolist()
    assert cut == 6 or len(known) > len(records)
    assert all(price * quantity == cost for price, quantity, cost in priced_rows)


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
