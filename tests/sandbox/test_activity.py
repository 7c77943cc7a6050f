"""The activity export of the sample is one that the service could have written."""

import csv
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from genanalytics.records.frame import drift
from genanalytics.sandbox import activity_csv, sample
from genanalytics.service.activity import read_activity
from genanalytics.service.reconcile import reconcile
from support.generations import parse_records
from support.paths import TESTS
from support.scripts import load

NANO = 1_000_000_000


def test_its_activity_export_agrees_with_its_records(tmp_path: Path) -> None:
    month = sample(3_000)
    (tmp_path / "activity.csv").write_text(activity_csv(month.records.values(), month.items), encoding="utf-8")
    exported = read_activity(tmp_path / "activity.csv")
    assert reconcile(parse_records(month.records), exported).agrees
    assert exported["created_at"].is_monotonic_decreasing
    assert drift(exported).empty, "every column is known, and every value fits it"


def test_its_amounts_are_the_records_cut_towards_zero_at_the_micro_dollar() -> None:
    month = sample(3_000)
    records: dict[str, dict[str, Any]] = month.records  # type: ignore[assignment]
    rows = list(csv.DictReader(activity_csv(records.values(), month.items).splitlines()))
    assert len(rows) == len(records)
    for row in rows:
        record, items = records[row["generation_id"]], month.items[row["generation_id"]]
        # Python's // rounds down, so the sign is taken off first
        saved = 0 if record["cache_discount"] is None else round(record["cache_discount"] * NANO)
        assert to_micro(row["cost_total"]) == round(record["total_cost"] * NANO) // 1_000
        assert to_micro(row["cost_cache"]) == -math.copysign(abs(saved) // 1_000, saved)
        assert to_micro(row["cost_web_search"]) == items.web_search // 1_000
        assert to_micro(row["cost_file_processing"]) == items.file_processing // 1_000
        own_key = record["is_byok"] and record["upstream_inference_cost"] is not None
        assert to_micro(row["byok_usage_inference"]) == (items.total // 1_000 if own_key else 0)
    assert any(math.fmod(record["cache_discount"] or 0, 1e-6) < -5e-7 for record in records.values()), (
        "some would round"
    )


def test_without_items_the_columns_of_fees_are_empty() -> None:
    records = sample(3_000).records.values()
    rows = list(csv.DictReader(activity_csv(records).splitlines()))
    assert {(row["cost_web_search"], row["cost_file_processing"]) for row in rows} == {("", "")}


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0.0000019, "0.000001"), (0.000001, "0.000001"), (1.0000005, "1"), (0, "0"), (3e-7, "0"), (0.29, "0.29")],
)
def test_an_amount_is_cut_as_the_decimal_that_it_shows(amount: float, text: str) -> None:
    record = {"id": "gen-1", "created_at": "2026-09-01T00:00:00Z", "total_cost": amount, "cache_discount": amount}
    row = next(csv.DictReader(activity_csv([record]).splitlines()))
    assert row["cost_total"] == text
    assert row["cost_cache"] == (f"-{text}" if text != "0" else "0")


def to_micro(text: str) -> int:
    return int(Decimal(text or 0) * 1_000_000)


def test_its_activity_export_has_the_columns_of_a_real_one() -> None:
    a_real_row = load(TESTS / "service" / "test_activity.py").READ
    assert activity_csv([]).strip().split(",") == list(a_real_row)
