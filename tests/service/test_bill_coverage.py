"""The part of the bill that the records contain: worked out by hand, and for any part of a month."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

import genanalytics as ga
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.records.daily_activity import parse_daily_activity
from genanalytics.sandbox import sample
from genanalytics.sandbox.account import Account, find_now

AT = datetime(2026, 10, 1, 12, tzinfo=UTC)


def make_records(*rows: dict[str, Any]) -> pd.DataFrame:
    """Return records, by default of US$ 1 of model a/b at C on 2026-09-30."""
    default = {
        "created_at": "2026-09-30T10:00:00",
        "model": "a/b-20260101",
        "provider_name": "C",
        "total_cost": 1.0,
        "upstream_inference_cost": 0.0,
        "is_byok": False,
    }
    frame = pd.DataFrame([default | row for row in rows], columns=list(default))
    moments = pd.to_datetime(frame["created_at"], utc=True, format="ISO8601").astype("datetime64[us, UTC]")
    return frame.assign(created_at=moments, requested_id=[f"gen-{number}" for number in range(len(frame))])


def make_activity(*rows: dict[str, Any], at: datetime | None = AT) -> pd.DataFrame:
    default = {"date": "2026-09-30", "model_permaslug": "a/b-20260101", "provider_name": "C", "usage": 1, "requests": 1}
    return parse_daily_activity({"data": [default | row for row in rows]}, at=at)


def test_the_gap_is_in_dollars_by_day_model_and_provider() -> None:
    records = make_records({}, {}, {"created_at": "2026-09-29T23:59:59.9", "total_cost": 4.0})
    activity = make_activity(
        {"usage": 2.5, "requests": 3},
        {"date": "2026-09-29", "usage": 4, "requests": 1},
        {"date": "2026-09-28", "model_permaslug": "d/e", "provider_name": "F", "usage": 3.5, "requests": 2},
    )
    found = ga.coverage(records, activity)
    assert (found.bill_usd, found.missing_usd, found.share, found.missing_requests) == (10.0, 4.0, 0.6, 3)
    assert found.rows[["model", "provider_name", "state", "missing_usd"]].to_numpy().tolist() == [
        ["d/e", "F", "complete", 3.5],
        ["a/b", "C", "complete", 0.5],
        ["a/b", "C", "complete", 0.0],
    ]
    assert found.totals("model")[["model", "bill_usd", "missing_usd"]].to_numpy().tolist() == [
        ["d/e", 3.5, 3.5],
        ["a/b", 6.5, 0.5],
    ]
    assert found.answer == (
        "60.0 % of the bill is here: $6.000 of $10.00 for 6 requests, 2026-09-01 to 2026-09-30."
        " Missing: $4.000, 3 requests without a record. Most of it: 2026-09-28 ($3.500), d/e ($3.500), F ($3.500)."
    )
    assert found.notices == ("1 day of the bill without any record, from 2026-09-28 on",)


def test_all_of_the_bill_is_here() -> None:
    found = ga.coverage(make_records({}), make_activity({}))
    assert repr(found) == f"<BillCoverage {found.answer}>"
    assert found.answer.endswith("for 1 request, 2026-09-01 to 2026-09-30. Nothing is missing.")
    assert found.answer.startswith("100.0 % of the bill is here: $1.000 of $1.000")
    assert found.notices == ()


def test_nearly_all_is_not_100_percent() -> None:
    found = ga.coverage(make_records({"total_cost": 99_999}), make_activity({"usage": 100_000}))
    assert found.answer.startswith("99.9 % of the bill is here")


def test_amounts_that_are_cut_after_six_decimals_are_no_gap() -> None:
    found = ga.coverage(
        make_records({"total_cost": 0.0000019}, {"total_cost": 0.5000008}),
        make_activity({"usage": 0.5000009, "requests": 2}),
    )
    assert (found.missing_usd, found.share, found.notices) == (0.0, 1.0, ())


@pytest.mark.parametrize("slug", ["a/b", "a/b:free", "a/b-20260101:free", "a/b-2026-01-01"])
def test_a_model_is_the_same_with_and_without_date_and_variant(slug: str) -> None:
    assert ga.coverage(make_records({"model": slug}), make_activity({})).share == 1


def test_requests_without_cost_are_missing_too() -> None:
    found = ga.coverage(make_records({}), make_activity({}, {"model_permaslug": "free/one", "usage": 0, "requests": 9}))
    assert (found.share, found.missing_requests) == (1, 9)
    assert found.answer.endswith("Missing: $0.00, 9 requests without a record.")


def test_days_that_are_not_listed_are_apart() -> None:
    records = make_records(
        {}, {"created_at": "2026-08-31T23:59:59"}, {"created_at": "2026-10-01T00:00:00"}, {"created_at": None}
    )
    found = ga.coverage(records, make_activity({}))
    assert found.share == 1
    assert sorted(found.rows["state"]) == ["complete", "outside", "outside", "young"]
    assert found.rows["missing_usd"].notna().tolist() == [True, False, False, False]
    assert found.notices == (
        "not compared, since the service may still add to these days: 1 record, $1.000, of which the bill has $0.00",
        "not compared, since the service no longer lists these days: 2 records, $2.000, of which the bill has $0.00",
    )


def test_a_day_is_young_for_an_hour_after_its_end() -> None:
    early = make_activity({"usage": 0.25}, {"date": "2026-09-29"}, at=datetime(2026, 10, 1, 0, 59, tzinfo=UTC))
    found = ga.coverage(make_records({}, {"created_at": "2026-09-29T00:00"}), early)
    assert (found.share, f"{found.last_day:%Y-%m-%d}") == (1, "2026-09-29")
    assert "1 record, $1.000, of which the bill has $0.250" in found.notices[0]
    later = make_activity({"usage": 0.25}, {"date": "2026-09-29"}, at=datetime(2026, 10, 1, 1, tzinfo=UTC))
    assert f"{ga.coverage(make_records({}), later).last_day:%Y-%m-%d}" == "2026-09-30"


def test_records_that_the_bill_lacks_do_not_hide_a_gap() -> None:
    found = ga.coverage(make_records({"total_cost": 3.0}), make_activity({}, {"date": "2026-09-29"}))
    assert (found.missing_usd, found.share) == (1.0, 0.5)
    assert found.notices[0].startswith("$2.000 in the records is not in the bill: it belongs to another account")


def test_charges_to_own_keys_are_apart() -> None:
    records = make_records({}, {"total_cost": 0.0, "upstream_inference_cost": 7.0, "is_byok": True})
    found = ga.coverage(records, make_activity({"requests": 2, "byok_usage_inference": 8.0}))
    assert found.share == 1
    assert found.notices == (
        "not compared, charged by providers to your own keys (BYOK): $7.000 in the records, $8.000 in the bill",
    )


@pytest.mark.parametrize(
    ("usage", "words"), [(1.25, "count as part of the bill"), (1.0, "are not in the bill and left out")]
)
def test_fees_for_own_keys_are_in_the_bill_or_not(usage: float, words: str) -> None:
    records = make_records({}, {"total_cost": 0.25, "upstream_inference_cost": 5.0, "is_byok": True})
    found = ga.coverage(records, make_activity({"usage": usage, "requests": 2, "byok_usage_inference": 5.0}))
    assert (found.share, float(found.rows["surplus_usd"].sum())) == (1, 0)
    assert found.notices[0] == f"fees for own provider keys (BYOK), $0.2500 in the records, {words}"


def test_unknown_amounts_on_either_side_are_notices() -> None:
    records = make_records({}, {"total_cost": None}, {"upstream_inference_cost": None, "is_byok": True})
    found = ga.coverage(records, make_activity({"requests": 3}, {"usage": None}))
    assert "2 records with an unknown cost, wholly or in part" in found.notices
    assert "1 row of the bill without an amount" in found.notices


def test_a_period_takes_full_days_of_both_sides() -> None:
    records = make_records({}, {"created_at": "2026-09-28T10:00", "total_cost": 9})
    activity = make_activity({}, {"date": "2026-09-29"}, {"date": "2026-09-28", "usage": 9})
    found = ga.coverage(records, activity, since="2026-09-28T00:00:01", until="2026-09-30T12:00")
    assert (found.bill_usd, found.missing_usd) == (1.0, 1.0)
    assert (f"{found.first_day:%m-%d}", f"{found.last_day:%m-%d}") == ("09-29", "09-29")
    with pytest.raises(
        InputError, match="the period has no full day to compare: the service lists 2026-09-01 to 2026-09-30"
    ):
        ga.coverage(records, activity, since="2026-10-01")
    with pytest.raises(InputError, match="since='soon' is not a moment"):
        ga.coverage(records, activity, since="soon")


def test_without_a_bill_there_is_no_share() -> None:
    found = ga.coverage(make_records({"total_cost": 0}), make_activity())
    assert found.share is None
    assert found.answer == "The bill of 2026-09-01 to 2026-09-30 is $0: there is nothing to compare."


def test_other_frames_and_columns_are_refused() -> None:
    with pytest.raises(MissingColumnError, match="give a frame of fetch_daily_activity or read_daily_activity"):
        ga.coverage(make_records({}), make_records({}))
    found = ga.coverage(make_records({}), make_activity({}))
    for by in (["origin"], ["model", "x"], []):
        with pytest.raises(InputError, match=r"by=.* has no totals; give some of day, model, provider_name"):
            found.totals(by)


def test_the_records_may_be_a_file_and_the_activity_too(tmp_path: Path) -> None:
    month = sample(40, seed=3)
    lines = [json.dumps({"data": record}) for record in month.records.values()]
    (tmp_path / "records.jsonl").write_text("\n".join(lines))
    (tmp_path / "daily.json").write_text(json.dumps(Account(month, find_now(month)).list_activity()))
    ga.write_parquet(ga.read(tmp_path / "records.jsonl"), tmp_path / "records.parquet")
    activity = ga.read_daily_activity(tmp_path / "daily.json")
    assert ga.coverage(tmp_path / "records.jsonl", activity).share == 1
    assert ga.coverage(tmp_path / "records.jsonl", str(tmp_path / "daily.json")).share == 1
    scanned = ga.scan(tmp_path / "records.parquet")
    pd.testing.assert_frame_equal(
        ga.coverage(scanned, activity).rows, ga.coverage(tmp_path / "records.parquet", activity).rows
    )
    for content, reason in (("{", "it is not JSON"), ("[]", "no daily activity")):
        (tmp_path / "daily.json").write_text(content)
        with pytest.raises(InputError, match=reason):
            ga.read_daily_activity(tmp_path / "daily.json")
    with pytest.raises(InputError, match="No such file"):
        ga.read_daily_activity(tmp_path / "missing.json")


MONTH = sample(120, seed=9)
RECORDS = [
    {"created_at": record["created_at"], "model": record["model"], "provider_name": record["provider_name"]}
    | {name: record.get(name) for name in ("total_cost", "upstream_inference_cost", "is_byok")}
    for record in MONTH.records.values()
    if not record["is_byok"]
]
ACTIVITY = parse_daily_activity(Account(MONTH, find_now(MONTH)).list_activity(), at=find_now(MONTH))


@given(st.sets(st.integers(0, len(RECORDS) - 1)))
@settings(max_examples=4)
def test_the_share_is_that_of_the_records_that_are_kept(kept: set[int]) -> None:
    found = ga.coverage(make_records(*(RECORDS[place] for place in sorted(kept, reverse=True))), ACTIVITY)
    here = sum(float(str(RECORDS[place]["total_cost"])) for place in kept)
    assert found.bill_usd - found.missing_usd == pytest.approx(here, abs=2e-4)
    for by in ("day", "model", "provider_name"):
        assert found.totals(by)["missing_usd"].sum() == pytest.approx(found.missing_usd)
    assert found.share is not None
    assert -1e-12 < found.share <= 1
    assert found.rows["surplus_usd"].sum() == 0
