"""Records against an export: each generation on both sides or one, each difference by how much, totals that close."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from genanalytics.base.frames import TEXT
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.records.coverage import UNKNOWN, Coverage
from genanalytics.records.frame import parse_frame
from genanalytics.records.parse import Row
from genanalytics.service.reconcile import FIELDS, reconcile
from genanalytics.service.reconciliation import PARTS
from genanalytics.service.rounding import find_drift
from genanalytics.tables.table import table


def record(generation_id: str, **fields: object) -> Row:
    body = {"id": generation_id, "created_at": "2026-09-01T10:00:00.123456Z", "model": "a/b", "total_cost": 0.001}
    return Row(generation_id, json.dumps({"data": body | fields}).encode(), 0.0)


def frame(*rows: Row) -> pd.DataFrame:
    return parse_frame(rows)


def test_the_same_on_both_sides_agrees() -> None:
    rows = [record("gen-1", cache_discount=-0.5, latency=12, streamed=True), record("gen-2")]
    result = reconcile(frame(*rows), frame(*reversed(rows)))
    assert result.agrees
    assert (result.matched, result.differing, result.only_in_records, result.only_in_activity) == (2, 0, 0, 0)
    assert result.totals().to_dict("records") == [
        {"generations": 2, "records_usd": 0.002, "activity_usd": 0.002, "difference_usd": 0.0}
    ]
    assert result.totals("requested_id")["requested_id"].tolist() == ["gen-1", "gen-2"]


def test_generations_missing_on_either_side_are_distinguished() -> None:
    result = reconcile(frame(record("gen-1"), record("gen-2")), frame(record("gen-2"), record("gen-3", total_cost=0.5)))
    assert not result.agrees
    assert (result.matched, result.only_in_records, result.only_in_activity) == (1, 1, 1)
    assert dict(zip(result.rows["requested_id"], result.rows["side"], strict=True)) == {
        "gen-2": "both",
        "gen-1": "records",
        "gen-3": "activity",
    }
    assert result.totals().iloc[0].to_dict() == {
        "generations": 2 + 1,
        "records_usd": 0.002,
        "activity_usd": 0.501,
        "difference_usd": 0.499,
    }


@pytest.mark.parametrize(
    ("field", "left", "right", "difference"),
    [
        ("total_cost", 0.001, 0.001001, 0.000001),
        ("total_cost", 0.001, 0.0010006, 0.0000006),
        ("total_cost", 0.001, 0.000998, -0.000002),
        ("cache_discount", -0.0000006, 0.0000006, 0.0000012),
        ("total_cost", None, 0.5, 0.5),
        ("cache_discount", 0.25, None, -0.25),
        ("cache_discount", -0.25, 0.25, 0.5),
        ("upstream_inference_cost", None, 1, 1.0),
        ("native_tokens_prompt", 10, 8, -2.0),
        ("latency", 100, 101, 1.0),
        ("created_at", "2026-09-01T10:00:00Z", "2026-09-01 10:00:00.001", 1.0),
        ("created_at", "2026-09-01T10:00:00Z", "2026-08-31 10:00:00", -86_400_000.0),
        ("model", "a/b", "a/c", None),
        ("finish_reason", "stop", "length", None),
        ("cancelled", True, False, None),
    ],
)
def test_a_difference_says_in_which_field_and_by_how_much(
    field: str, left: object, right: object, difference: float | None
) -> None:
    result = reconcile(
        frame(record("gen-0"), record("gen-1", **{field: left})),
        frame(record("gen-1", **{field: right}), record("gen-0")),
    )
    found = result.differences.iloc[0]
    assert len(result.differences) == result.differing == 1
    assert not result.agrees
    assert (found["requested_id"], found["field"]) == ("gen-1", field)
    assert found["difference"] is pd.NA if difference is None else found["difference"] == pytest.approx(difference)
    assert {type(found["records"]), type(found["activity"])} <= {str, float}


@pytest.mark.parametrize(
    ("field", "left", "right"),
    [
        ("total_cost", 0.001000999, 0.001),  # an export is cut after six decimals
        ("total_cost", 0.0009995, 0.001),  # or rounded
        ("cache_discount", -0.001000999, -0.001),
        ("cache_discount", None, 0),
        ("upstream_inference_cost", None, 0),
        ("created_at", "2026-09-01T10:00:00.123456Z", "2026-09-01 10:00:00.123"),
        ("native_tokens_cached", None, 5),  # an older gateway does not say
        ("finish_reason", None, "stop"),
        ("streamed", None, True),
    ],
)
def test_what_an_export_cuts_or_lacks_is_no_difference(field: str, left: object, right: object) -> None:
    assert reconcile(frame(record("gen-1", **{field: left})), frame(record("gen-1", **{field: right}))).agrees


def test_a_generation_counts_under_one_day_and_one_model_on_both_sides() -> None:
    left = frame(
        record("gen-1", created_at="2026-09-01T23:59:59.999Z"),
        record("gen-2", created_at=None, model=None),
        record("gen-3", created_at=None, model=None),
    )
    right = frame(
        record("gen-1", created_at="2026-09-02T00:00:00.500Z", model="a/c"), record("gen-2"), record("gen-4", model="z")
    )
    result = reconcile(left, right)
    by_model = result.totals("model")
    assert by_model["model"].fillna("?").tolist() == ["a/b", "z", "?"]
    assert by_model["records_usd"].tolist() == [0.002, 0.0, 0.001]
    assert by_model["activity_usd"].tolist() == [0.002, 0.001, 0.0]
    assert result.totals("day")["generations"].tolist() == [3, 1]


def test_a_generation_that_occurs_twice_counts_once_and_rows_without_an_id_match_nothing() -> None:
    nameless = frame(record("gen-1"), record("gen-1", total_cost=0.5))
    nameless["requested_id"] = pd.Series([None, None], dtype=TEXT)
    left = pd.concat([frame(record("gen-2"), record("gen-2", total_cost=0.7)), nameless], ignore_index=True)
    result = reconcile(left, pd.concat([frame(record("gen-2", total_cost=0.7)), nameless], ignore_index=True))
    assert (result.matched, result.only_in_records, result.only_in_activity) == (1, 2, 2)
    assert result.totals()["records_usd"].tolist() == [0.7 + 0.501]


def test_empty_sides_are_sides_too() -> None:
    empty = reconcile(frame(), frame())
    assert empty.agrees
    assert empty.totals()["records_usd"].tolist() == [0.0]
    assert empty.totals("day").empty
    assert reconcile(frame(), frame(record("gen-1"))).only_in_activity == 1


def test_a_frame_that_cannot_be_reconciled_is_refused_with_the_next_step() -> None:
    with pytest.raises(MissingColumnError, match="the activity has no column 'total_cost': give a frame of fetch"):
        reconcile(frame(), pd.DataFrame({"requested_id": ["gen-1"]}))
    with pytest.raises(InputError, match="total_cost is 1e\\+300 for 'gen-1': it exceeds a billion US dollars"):
        reconcile(frame(record("gen-1", total_cost=1e300)), frame())
    with pytest.raises(InputError, match="no totals by 'user'; there are requested_id, day, model, side, or None"):
        reconcile(frame(), frame()).totals("user")


AMOUNTS = st.dictionaries(st.integers(0, 20), st.integers(0, 10**13), max_size=15)


@settings(max_examples=30)
@given(AMOUNTS, AMOUNTS)
def test_totals_close_exactly_whatever_is_missing_or_differs(left: dict[int, int], right: dict[int, int]) -> None:
    sides = [
        frame(
            *(
                record(
                    f"gen-{number}",
                    total_cost=nano / 1e9,
                    model=f"m{number % 3}",
                    created_at=f"2026-09-0{1 + number % 4}T00:00:00Z",
                )
                for number, nano in side.items()
            )
        )
        for side in (left, right)
    ]
    before = [side.copy() for side in sides]
    result = reconcile(*sides)
    assert all(side.equals(unchanged) for side, unchanged in zip(sides, before, strict=True))
    total = result.totals().iloc[0]
    assert total["records_usd"] == sum(left.values()) / 1e9
    assert total["activity_usd"] == sum(right.values()) / 1e9
    assert total["difference_usd"] == (sum(right.values()) - sum(left.values())) / 1e9
    assert total["generations"] == len({*left, *right})
    for key in ("day", "model", "requested_id"):
        groups = result.totals(key)
        for name in ("records_usd", "activity_usd", "difference_usd"):
            assert math.isclose(math.fsum(groups[name]), total[name], abs_tol=1e-9)
        assert groups["generations"].sum() == total["generations"]
    assert set(result.differences["requested_id"]) == {
        f"gen-{number}" for number in left.keys() & right.keys() if not -1_000 <= right[number] - left[number] <= 500
    }
    assert "total_cost" in FIELDS
    parts = result.parts()
    assert parts["part"].tolist() == list(PARTS)
    for name in ("records_usd", "activity_usd", "difference_usd"):
        assert math.isclose(math.fsum(parts[name]), total[name], abs_tol=1e-9)
    assert parts["generations"][:4].sum() == total["generations"]
    assert result.answer.startswith("Yes: " if result.agrees else "No: ")


def test_totals_by_side_tell_what_either_side_alone_has() -> None:
    records = frame(record("gen-1", total_cost=1.0), record("gen-2", total_cost=0.5))
    exported = frame(record("gen-1", total_cost=1.25), record("gen-3", total_cost=0.25))
    sides = reconcile(records, exported).totals("side")
    assert sides.to_numpy().tolist() == [
        ["activity", 1, 0.0, 0.25, 0.25],
        ["both", 1, 1.0, 1.25, 0.25],
        ["records", 1, 0.5, 0.0, -0.5],
    ]


def test_totals_show_themselves_in_dollars() -> None:
    same = frame(record("gen-1", total_cost=0.5, model="m"))
    lines = str(table(reconcile(same, same).totals("model"))).splitlines()
    assert [line.split() for line in lines] == [
        ["model", "generations", "records", "activity", "difference"],
        ["m", "1", "$0.5000", "$0.5000", "$0.00"],
        UNKNOWN.split(),
    ]
    same.attrs["coverage"] = Coverage.of(["gen-x"], found=1).to_json()
    partial = reconcile(same, same)
    assert partial.coverage == Coverage(2, 1, ("gen-x",))
    assert str(table(partial.totals())).splitlines()[1].split() == ["1", "≥", "$0.5000", "$0.5000", "$0.00"]


def cut(nano: "np.ndarray[Any, np.dtype[np.float64]]") -> "np.ndarray[Any, np.dtype[np.int64]]":
    return (np.floor(nano / 1_000) * 1_000).astype(np.int64)


def draw(count: int, seed: int) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return true amounts in nano-dollars, the median 0.0002 US$."""
    return np.exp(np.random.default_rng(seed).normal(np.log(2e5), 1.0, count))


@pytest.mark.parametrize("show", [cut, lambda nano: (np.round(nano / 1_000) * 1_000).astype(np.int64)])
def test_rounding_alone_is_no_drift_in_200_data_sets(show: Callable[..., Any]) -> None:
    found = [
        find_drift(np.round(true).astype(np.int64), show(true)) for true in (draw(400, seed) for seed in range(200))
    ]
    assert sum(drift.exceeds_noise for drift in found) <= 0.05 * len(found)


def test_a_drift_of_half_a_percent_is_found_in_small_differences() -> None:
    powers = []
    for seed in range(200):
        true = draw(400, seed)
        exact, shown = np.round(true).astype(np.int64), cut(1.005 * true)
        small = shown - exact <= 500  # any other row is reported by itself
        powers.append(find_drift(exact[small], shown[small]).exceeds_noise)
    assert sum(powers) >= 0.95 * len(powers)


@pytest.mark.parametrize("factor", [0.995, 1.0, 1.005])
def test_small_differences_that_add_up_are_no_agreement(factor: float) -> None:
    true = draw(300, 1)
    rows = frame(*(record(f"gen-{place}") for place in range(len(true))))
    exact, shown = (rows.assign(total_cost=nano / 1e9) for nano in (np.round(true), cut(factor * true)))
    result = reconcile(exact, shown)
    assert result.agrees == (factor == 1.0)
    if factor > 1:
        drift = result.drifts.set_index("field").loc["total_cost"]
        assert drift["unexplained_usd"] > 2.394 * drift["noise_usd"]
        assert f"small differences of total_cost add up to +${drift['unexplained_usd']:.6f}" in result.answer
        assert "more than rounding" in repr(result)
    if factor == 1:
        assert "the export's rounding explains the difference of −$0.0001" in result.answer
        assert "By day" not in repr(result)


def test_one_micro_dollar_less_in_each_row_is_not_waved_through() -> None:
    rows = frame(*(record(f"gen-{place}", total_cost=0.001) for place in range(50)))
    result = reconcile(rows, rows.assign(total_cost=0.000999))
    assert result.differences.empty
    assert result.drifting == ("total_cost",)
    assert not result.agrees


def test_two_frames_of_exact_amounts_agree() -> None:
    rows = frame(*(record(f"gen-{place}", total_cost=place * 0.0000123) for place in range(50)))
    assert reconcile(rows, rows).agrees


def test_groups_that_agree_are_one_line_and_the_largest_generations_come_first() -> None:
    days = [f"2026-09-{day:02}T10:00:00Z" for day in range(1, 29)]
    left = [record(f"gen-{place}", created_at=day, model=f"m{place}") for place, day in enumerate(days)]
    right = [*left[:-3], record("gen-27", created_at=days[27], model="m27", total_cost=0.5, latency=7)]
    result = reconcile(frame(*left), frame(*right))
    lines = [line.split() for line in repr(result).splitlines()]
    assert ["25", "days", "that", "agree", "25", "$0.025000", "$0.025000", "$0.000000"] in lines
    assert ["25", "models", "that", "agree", "25", "$0.025000", "$0.025000", "$0.000000"] in lines
    assert result.largest(2)["requested_id"].tolist() == ["gen-27", "gen-25"]
    assert result.largest()["part"].tolist() == ["changed", "only in the records", "only in the records"]
    assert result.answer == (
        "No: the activity has $0.497000 more than the records ($0.525000 against $0.028000): 2 only in the records"
        " (−$0.002000), 1 changed (+$0.499000)."
    )


def test_changes_without_an_amount_have_their_unit() -> None:
    left = frame(record("gen-1", native_tokens_prompt=10, finish_reason="stop", created_at="2026-09-01T10:00:00Z"))
    changed = {"native_tokens_prompt": 7, "finish_reason": "length", "created_at": "2026-09-01T10:00:02Z"}
    result = reconcile(left, frame(record("gen-1", **changed)))
    assert result.answer == "No: both sides charge $0.001000, but they differ: 1 changed ($0.000000)."
    assert dict(zip(result.fields()["field"], result.fields()["unit"], strict=True)) == {
        "created_at": "ms",
        "native_tokens_prompt": "tokens",
        "finish_reason": "",
    }
    assert "−3 tokens" in repr(result)
    assert "+2.00 s" in repr(result)


def test_a_notebook_shows_the_same_without_any_markup_of_strangers() -> None:
    left = frame(record("gen-1", model="<b>$1</b>", finish_reason="<i>x</i>"), record("gen-2"))
    result = reconcile(left, frame(record("gen-1", model="<b>$1</b>", finish_reason="\x1b[31m", total_cost=1)))
    html = result._repr_html_()
    assert "mathjax_ignore" in html
    assert f"<p>{result.answer}</p>" in html
    assert "&lt;b&gt;$1&lt;/b&gt;" in html
    assert [mark for mark in ("<b>", "<i>", "\x1b") if mark in html] == []


def test_generations_outside_the_period_of_the_other_side_are_a_notice() -> None:
    left = frame(record("gen-1"), record("gen-2", created_at="2026-09-03T10:00:00Z"))
    right = frame(record("gen-1"), record("gen-3", created_at="2026-09-02T10:00:00Z"))
    (notice,) = reconcile(left, right).notices
    assert notice == (
        "The periods differ: 1 generation only in the records ($0.001000) outside that of the activity,"
        " 2026-09-01 10:00 to 2026-09-02 10:00 UTC. Compare the same period."
    )
    assert reconcile(left, frame()).notices == ()
