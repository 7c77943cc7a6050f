"""The ledger of waste."""

import math
from collections.abc import Mapping
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from genanalytics import InputError, MissingColumnError, cache_flips, prices, waste
from genanalytics.decide.losses.ledger import CLASSES, ENDINGS, FLIPPED, REPEATED, SURCHARGED, UNREAD
from genanalytics.records.frame import to_arrow
from genanalytics.sandbox import sample
from support.generations import USUAL, frame_of, parse_records
from support.wasted import Month, bill, make_month, recompute

KINDS = {"certain", "upper bound", "suspected"}


@pytest.fixture(scope="module")
def traffic() -> pd.DataFrame:
    return parse_records(sample(1_000, nightly=0.08).records)


@pytest.fixture(scope="module")
def wasted() -> Month:
    return make_month()


@pytest.fixture(scope="module")
def found(traffic: pd.DataFrame) -> pd.DataFrame:
    return waste(traffic)


def by_class(found: pd.DataFrame) -> Mapping[Any, Any]:
    return found.set_index("class").to_dict("index")


def relate(frame: pd.DataFrame) -> duckdb.DuckDBPyRelation:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection.from_arrow(to_arrow(frame))


def test_known_waste_is_found_to_the_nano_dollar(wasted: Month) -> None:
    month, ledger = wasted, waste(wasted.frame, prices=prices(wasted.frame))
    found = by_class(ledger)
    for name in CLASSES:
        expected = pytest.approx(month.wasted[name] / 1e9, rel=1e-9)
        assert found[name]["requests"] == month.requests[name] > 0, name
        if name == REPEATED:  # less what chance would give
            assert found[name]["cost"] == pytest.approx(month.wasted[name] / 1e9, rel=0.02)
            assert found[name]["cost_low"] <= month.wasted[name] / 1e9 <= found[name]["cost_high"] * (1 + 1e-9)
        else:
            assert found[name]["cost"] == expected, name
    assert {name: found[name]["time_ms"] for name in month.time_ms} == month.time_ms
    assert found["fallback"]["requests"] == month.requests["fallback"]
    assert found["fallback"]["cost"] == 0


def test_a_month_without_waste_has_only_the_writes_at_the_ends_of_its_sessions() -> None:
    month = make_month(2, wasteful=False)
    found = waste(month.frame)
    assert found[found["cost"] > 0]["class"].tolist() == [UNREAD]
    assert by_class(found)[UNREAD]["cost"] == pytest.approx(month.wasted[UNREAD] / 1e9)
    assert found["requests"][found["class"] == "fallback"].tolist() == [0]


def test_classes_that_need_no_prices_are_those_of_plain_python(traffic: pd.DataFrame, found: pd.DataFrame) -> None:
    expected, rows = recompute(traffic), by_class(found)
    assert found.attrs["totals"]["bill"] == pytest.approx(expected["bill"], rel=1e-12)
    for name in ENDINGS:
        assert rows[name]["cost"] == pytest.approx(expected.get(name, 0.0), rel=1e-12, abs=1e-15), name


def test_unread_writes_are_those_of_plain_python(traffic: pd.DataFrame, found: pd.DataFrame) -> None:
    """The true prices and tokens come from the sandbox."""
    month = sample(1_000, nightly=0.08)
    calls = traffic[traffic["session_id"].notna() & traffic["native_tokens_cached"].notna()]
    total = 0.0
    for _, session in calls.groupby(["session_id", "model"]):
        rows = session.sort_values("created_at").to_dict("records")
        for place, row in enumerate(rows):
            items, sheet = month.items[row["requested_id"]], month.priced_by[row["requested_id"]]
            if row["cancelled"] or row["finish_reason"] in {"error", "length", "content_filter"}:
                continue
            hour = row["created_at"] + pd.Timedelta(hours=1)
            later = [one["native_tokens_cached"] for one in rows[place + 1 :] if one["created_at"] <= hour]
            read = max([row["native_tokens_cached"], *later])
            whole = row["native_tokens_cached"] + items.cache_write_tokens
            unread = min(whole - read, items.cache_write_tokens)
            if unread > max(128, 0.01 * whole):
                total += unread * float((sheet.cache_write_price or 0) - (sheet.input_price or 0)) / 1e6
    assert total > 0
    assert by_class(found)[UNREAD]["cost"] == pytest.approx(total, rel=1e-3)


def test_flips_are_those_of_cache_flips_less_what_earlier_classes_have_taken(
    traffic: pd.DataFrame, found: pd.DataFrame
) -> None:
    flips = cache_flips(traffic)
    failed = traffic[traffic["cancelled"] | traffic["finish_reason"].isin(["error", "length", "content_filter"])]
    left = flips[~flips["requested_id"].isin(failed["requested_id"])]["loss"].sum()
    assert left - by_class(found)[UNREAD]["cost"] <= by_class(found)[FLIPPED]["cost"] <= left
    assert by_class(found)[FLIPPED]["cost"] > 0


def test_no_dollar_is_in_two_classes(found: pd.DataFrame) -> None:
    totals = found.attrs["totals"]
    assert sum(totals[kind] for kind in KINDS) <= totals["bill"]
    assert found["cost"].sum() == pytest.approx(sum(totals[kind] for kind in KINDS))
    assert found["share"].sum() == pytest.approx(found["cost"].sum() / totals["bill"])


def test_a_row_that_is_wasted_in_every_way_is_billed_once() -> None:
    """A lost call at a surcharge that wrote for nobody: its cost is the most that its classes can add up to."""
    month = make_month()
    last = month.records[-1]
    extra = bill(60_000, 10, written=60_000)
    lost = last | extra | {"created_at": (pd.Timestamp(last["created_at"]) + pd.Timedelta(minutes=5)).isoformat()}
    before, after = (waste(frame_of(*records)) for records in (month.records, [*month.records, lost]))
    grown = after["cost"].sum() - before["cost"].sum()
    assert 0 < grown <= lost["total_cost"]


@pytest.mark.long
def test_duckdb_gives_the_same_ledger(traffic: pd.DataFrame, found: pd.DataFrame) -> None:
    there = waste(relate(traffic))
    pd.testing.assert_frame_equal(there, found, rtol=1e-9)
    for name, value in found.attrs.items():
        assert there.attrs[name] == (pytest.approx(value) if name == "totals" else value)


def test_the_cost_of_an_own_key_counts_and_a_replay_does_not() -> None:
    found = by_class(
        waste(
            frame_of(
                {"cancelled": True, "is_byok": True, "total_cost": 0.5, "upstream_inference_cost": 2.0},
                {"cancelled": True, "upstream_inference_cost": 9.0},
                {"cancelled": True, "total_cost": 0.0, "response_cache_source_id": "gen-0", "latency": 7},
            )
        )
    )
    assert found["cancelled"]["requests"] == 2
    assert found["cancelled"]["cost"] == 3.5
    assert found["cancelled"]["time_ms"] == 12_000


def test_an_unknown_cost_is_counted_and_not_guessed() -> None:
    found = waste(frame_of({"finish_reason": "error", "total_cost": None}, {"finish_reason": "error"}))
    assert by_class(found)["error"]["cost"] == 1
    assert "the cost of 1 request that ended badly is unknown, wholly or in part" in found.attrs["notices"]


def test_refunds_are_counted_and_make_no_class_larger_than_the_charges() -> None:
    cancelled = {"cancelled": True, "finish_reason": None}
    costs = ({"total_cost": 5.0, **cancelled}, {"total_cost": -5.0, **cancelled}, {"total_cost": 1.0})
    ledger = waste(frame_of(*costs))
    assert (ledger.attrs["totals"]["bill"], ledger.attrs["totals"]["certain"]) == (6.0, 5.0)
    assert by_class(ledger)["cancelled"]["share"] == pytest.approx(5 / 6)
    notice = "refunds ($5.000 in 1 record) are in no class and not subtracted: records do not say which charges"
    assert f"{notice} they repay" in ledger.attrs["notices"]


def test_an_answer_is_empty_only_if_a_text_was_asked_for() -> None:
    empty = {"native_tokens_completion": 0}
    found = by_class(
        waste(
            frame_of(
                empty,
                empty | {"api_type": "completions"},
                empty | {"api_type": "image"},
                empty | {"finish_reason": "tool_calls"},
                empty | {"num_media_completion": 1},
                empty | {"total_cost": 0.0},
            )
        )
    )
    assert found["empty answer"]["requests"] == 2


def test_a_retry_after_a_failure_is_no_duplicate() -> None:
    records = []
    for place in range(40):
        fields = {"app_id": 1, "native_tokens_prompt": 900 + 7 * place}
        moment = pd.Timestamp("2026-03-01T12:00Z") + pd.Timedelta(minutes=9 * place)
        records.append(fields | {"created_at": moment.isoformat(), "finish_reason": "error"})
        records.append(fields | {"created_at": (moment + pd.Timedelta(seconds=3)).isoformat()})
    assert by_class(waste(frame_of(*records)))[REPEATED]["cost"] == 0
    for record in records:
        record["finish_reason"] = "stop"
    assert by_class(waste(frame_of(*records)))[REPEATED]["requests"] == 40


def test_a_class_that_cannot_be_judged_is_a_gap_with_its_reason() -> None:
    nothing = {"cancelled": None, "finish_reason": None}
    found = by_class(waste(frame_of(nothing, nothing | {"total_cost": 2.0}).drop(columns="created_at")))
    assert {name for name, row in found.items() if pd.isna(row["gap"])} == set()
    assert found["cancelled"]["gap"] == "no record says whether it was cancelled"
    assert found["error"]["gap"] == "no record has a finish_reason"
    assert found[REPEATED]["gap"] == found[FLIPPED]["gap"] == "the data has no column created_at"
    assert found[SURCHARGED]["gap"] == "no price is known"
    assert found["fallback"]["gap"] == "no record names an attempt in provider_responses"
    assert all(pd.isna(row[name]) for row in found.values() for name in ("requests", "cost", "share", "time_ms"))


def test_without_requests_nothing_is_judged() -> None:
    found = waste(frame_of())
    assert set(found["gap"]) == {"there is no request"}
    assert found.attrs["totals"] == {"bill": 0.0, "certain": 0.0, "upper bound": 0.0, "suspected": 0.0}


def test_a_missing_column_and_a_senseless_distance_are_refused() -> None:
    with pytest.raises(MissingColumnError, match="total_cost"):
        waste(frame_of({}).drop(columns="total_cost"))
    with pytest.raises(InputError, match="within_s=0: give a number of seconds above 0"):
        waste(frame_of({}), within_s=0)


RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "total_cost": st.none() | st.integers(-8, 64).map(lambda steps: steps / 64),
            "upstream_inference_cost": st.none() | st.integers(0, 64).map(lambda steps: steps / 64),
            "is_byok": st.sampled_from([True, False, None]),
            "cancelled": st.sampled_from([True, False, None]),
            "finish_reason": st.sampled_from(["stop", "error", "length", "content_filter", None]),
            "native_tokens_prompt": st.none() | st.integers(0, 20_000),
            "native_tokens_cached": st.none() | st.integers(0, 20_000),
            "native_tokens_completion": st.none() | st.integers(0, 99),
            "cache_discount": st.none() | st.integers(-8, 8).map(lambda steps: steps / 64),
            "session_id": st.sampled_from(["s", "t", None]),
            "app_id": st.sampled_from([1, 2, None]),
            "created_at": st.sampled_from(["2026-03-01T12:00:00Z", "2026-03-01T12:00:04Z", None]),
            "response_cache_source_id": st.sampled_from([None, None, "gen-0"]),
            "provider_responses": st.sampled_from([None, [], [{"status": 429, "latency": 5}, {"status": 200}]]),
        }
    ),
    max_size=9,
)


@settings(max_examples=4, deadline=None)
@given(records=RECORDS, seed=st.integers(0, 99))
def test_waste_is_at_most_the_bill_in_any_order_of_rows(records: list[dict[str, Any]], seed: int) -> None:
    frame = frame_of(*records)
    kept = frame.copy(deep=True)
    found = waste(frame)
    pd.testing.assert_frame_equal(frame, kept)
    paid = math.fsum(
        max(0.0, (record["total_cost"] or 0.0) + (record["upstream_inference_cost"] or 0.0) * bool(record["is_byok"]))
        for record in records
    )
    assert found["cost"].sum() <= paid + 1e-12
    assert (found["cost"].dropna() >= 0).all()
    shuffled = frame.iloc[np.random.default_rng(seed).permutation(len(frame))].reset_index(drop=True)
    numbers = ["requests", "cost", "time_ms"]
    pd.testing.assert_frame_equal(waste(shuffled)[numbers], found[numbers])


def test_the_usual_record_is_no_waste() -> None:
    assert waste(frame_of(USUAL))["cost"].sum() == 0
