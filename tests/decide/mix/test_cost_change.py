"""Each cause alone in traffic whose every price is known, all of them at once, and what records leave out."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from genanalytics import cost_change, itemize, prices, summarize, table
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.records.coverage import UNKNOWN as COVERAGE_UNKNOWN, Coverage
from support.generations import CHARGED, frame_of
from support.periods import Traffic, find_effects, make_period

EFFECTS = [
    "by_requests",
    "by_mix",
    "by_input_tokens",
    "by_output_tokens",
    "by_price",
    "by_caching",
    "by_other",
    "by_unexplained",
]
USUAL = Traffic()
LARGE = Traffic(model="maker/large", provider="Q", input_price=10_000, output_price=50_000)


def change_of(
    before: Sequence[Traffic],
    after: Sequence[Traffic],
    **options: Any,  # noqa: ANN401 - those of cost_change
) -> pd.DataFrame:
    periods = make_period(*before), make_period(*after, start="2026-09-01")
    return cost_change(*periods, **options)


def itemize_together(*periods: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    whole = itemize(pd.concat(periods))
    return whole[: len(periods[0])], whole[len(periods[0]) :]


def causes_of(found: pd.DataFrame) -> dict[str, float]:
    """Return the effects of the whole that are not 0."""
    total = found.attrs["total"]
    return {name: total[name] for name in EFFECTS if abs(total[name]) > 1e-9}


def closes(found: pd.DataFrame) -> bool:
    """Return whether the effects of each group, and of the whole, add up to its change."""
    rows = pd.concat([found, pd.DataFrame([found.attrs["total"]])])[["change", *EFFECTS]]
    numbers = rows.astype("Float64").to_numpy(dtype=float, na_value=math.nan)
    return all(math.isnan(change) or math.isclose(sum(effects), change, abs_tol=1e-9) for change, *effects in numbers)


@pytest.mark.parametrize(
    ("after", "cause"),
    [
        (replace(USUAL, requests=300), "by_requests"),
        (replace(USUAL, prompt=3_000), "by_input_tokens"),
        (replace(USUAL, completion=900), "by_output_tokens"),
        (replace(USUAL, input_price=4_000, output_price=20_000), "by_price"),
        (replace(USUAL, output_price=18_000), "by_price"),
    ],
)
def test_a_single_cause_is_the_whole_change(after: Traffic, cause: str) -> None:
    periods = itemize_together(make_period(USUAL), make_period(after))
    for by in ("model", None, ["provider_name", "model"]):
        found = cost_change(*periods, by=by)
        assert causes_of(found) == {cause: pytest.approx(found["change"].sum())}
        assert closes(found)


def test_more_caching_is_a_change_by_caching() -> None:
    found = change_of([replace(USUAL, cached=0.2)], [replace(USUAL, cached=0.8)])
    assert causes_of(found) == {"by_caching": pytest.approx(-0.6 * 0.9 * 2_000 * 3_000 * 100 / 1e9, rel=1e-3)}


def test_a_shift_between_models_is_mix_by_any_key() -> None:
    """80 and 20 of 100 requests become 20 and 80: with a sixth of the tokens, the large model costs the same each."""
    before = [replace(USUAL, requests=800), replace(LARGE, requests=200)]
    after = [replace(USUAL, requests=200), replace(LARGE, requests=800)]
    periods = itemize_together(*(make_period(*side).assign(origin="x") for side in (before, after)))
    for by in ("model", None, "provider_name", "origin"):
        found = cost_change(*periods, by=by)
        assert causes_of(found) == {"by_mix": pytest.approx(found["change"].sum())}
        assert found.attrs["total"]["change"] == pytest.approx(
            600 * (LARGE.input_price - USUAL.input_price) * (2_000 + 5 * 400) / 1e9
        )


def test_a_shift_between_providers_of_a_model_is_mix_and_not_price() -> None:
    cheap = replace(USUAL, provider="Q", input_price=1_500, output_price=7_500)
    found = change_of([replace(USUAL, requests=300), cheap], [USUAL, replace(cheap, requests=300)])
    assert list(causes_of(found)) == ["by_mix"]
    assert len(found) == 1


def test_all_causes_at_once_are_those_of_the_formula() -> None:
    before = [replace(USUAL, cached=0.3), LARGE, replace(USUAL, provider="R", requests=200)]
    after = [
        replace(USUAL, requests=300, prompt=2_600, completion=500, input_price=3_500, cached=0.1),
        replace(LARGE, requests=100, completion=200, output_price=40_000),
        replace(USUAL, provider="R", requests=400, input_price=2_000, output_price=10_000),
    ]
    found = change_of(before, after, by=["model", "provider_name"])
    assert causes_of(found) == pytest.approx(find_effects(before, after))
    assert closes(found)
    assert found[EFFECTS].sum().tolist() == pytest.approx([found.attrs["total"][name] for name in EFFECTS])
    cost = summarize(make_period(*before), metrics="effective_cost")["effective_cost"].iloc[0]
    assert found.attrs["total"]["before"] == pytest.approx(cost)


def test_a_model_that_came_or_went_is_mix() -> None:
    found = change_of([USUAL], [LARGE])
    assert found["model"].tolist() == ["maker/large", "maker/m"]
    assert found["by_mix"].tolist() == pytest.approx(found["change"].tolist())
    assert list(causes_of(found)) == ["by_mix"]


def test_a_period_without_requests_is_a_change_by_requests() -> None:
    before = make_period(USUAL)
    found = cost_change(before[:0], before)
    assert causes_of(found) == {"by_requests": pytest.approx(before["total_cost"].sum())}


def test_a_price_that_rose_in_the_middle_of_a_period_is_a_price() -> None:
    dear = replace(USUAL, input_price=6_000, output_price=30_000)
    found = change_of([replace(USUAL, requests=200)], [USUAL, dear])
    assert causes_of(found) == {"by_price": pytest.approx(found["change"][0])}


def test_prices_of_the_same_time_are_mix() -> None:
    """A surcharge that both periods have, and a tier for long prompts that one period has next to the usual price."""
    dear = replace(USUAL, input_price=3_300, output_price=16_500)
    found = change_of([replace(USUAL, requests=300), dear], [USUAL, replace(dear, requests=300)])
    assert list(causes_of(found)) == ["by_mix"]
    long = replace(USUAL, input_price=6_000, output_price=22_500, prompt=400_000)
    found = change_of([replace(USUAL, requests=200)], [USUAL, long])
    assert list(causes_of(found)) == ["by_mix"]


@pytest.mark.parametrize("fields", [{"service_tier": "flex"}, {}])
def test_a_chosen_tier_is_mix_and_its_price_is_no_price_change(fields: dict[str, str]) -> None:
    usual = replace(USUAL, fields={"service_tier": None} if fields else {})
    cheap = replace(USUAL, input_price=1_500, output_price=7_500, fields=fields)
    before, after = make_period(replace(usual, requests=200)), make_period(usual, cheap)
    if not fields:
        is_cheap = np.arange(200) >= 100
        after["requested_id"] = after["requested_id"].where(~is_cheap, "gen-batch-" + after["requested_id"])
    assert list(causes_of(cost_change(before, after))) == ["by_mix"]


def test_a_tier_that_is_called_by_another_name_is_the_same() -> None:
    periods = [make_period(replace(USUAL, fields={"service_tier": name})) for name in (None, "default")]
    assert causes_of(cost_change(*periods)) == {}


def test_replays_are_mix_and_what_became_free_is_a_price() -> None:
    before = make_period(replace(USUAL, requests=200)).assign(response_cache_source_id=pd.array([None] * 200, "str"))
    free = before.assign(total_cost=before["total_cost"].where(np.arange(200) < 100, 0.0))
    replayed = free.assign(response_cache_source_id=free["requested_id"].where(np.arange(200) >= 100))
    assert list(causes_of(cost_change(before, replayed))) == ["by_mix"]
    gift = before.assign(total_cost=pd.array([0.0] * 200, "Float64"))
    assert causes_of(cost_change(before, gift)) == {"by_price": pytest.approx(-before["total_cost"].sum())}
    assert causes_of(cost_change(gift, before)) == {"by_price": pytest.approx(before["total_cost"].sum())}


def test_other_charges_are_apart() -> None:
    """A tool at a cent for each of a hundred requests: no price of a token."""
    before = make_period(USUAL).assign(num_search_results=pd.array([None] * 100, "Int64"))
    after = before.assign(total_cost=before["total_cost"] + 0.01, num_search_results=5)
    assert causes_of(cost_change(before, after)) == {"by_other": pytest.approx(1.0)}


def test_the_fee_for_an_own_key_is_an_other_charge() -> None:
    before = make_period(USUAL)
    own = before.assign(is_byok=True, upstream_inference_cost=before["total_cost"], total_cost=0.002)
    found = cost_change(before, own)
    assert causes_of(found) == {"by_other": pytest.approx(0.2)}


def test_costs_that_no_price_explains_are_no_price() -> None:
    before, after = make_period(USUAL)[:1], make_period(USUAL)[2:4]
    found = cost_change(before, after)
    assert set(causes_of(found)) == {"by_requests", "by_unexplained"}
    assert any("No price explains" in notice for notice in found.attrs["notices"])
    every = prices(make_period(USUAL))
    assert set(causes_of(cost_change(before, after, prices=every))) == {
        "by_requests",
        "by_input_tokens",
        "by_output_tokens",
    }


def test_prices_come_from_both_periods_together() -> None:
    """Three requests alone show no price."""
    found = change_of([USUAL], [replace(USUAL, requests=3)])
    assert abs(found.attrs["total"]["by_unexplained"]) < 1e-9
    assert found.attrs["total"]["by_price"] == 0


def test_a_cost_that_is_not_known_is_a_gap() -> None:
    before = make_period(USUAL)
    lost = before.assign(total_cost=pd.array([None] * 100, "Float64"), model=pd.array(["x"] * 100, "str"))
    after = pd.concat([before, before.assign(model=lost["model"])])
    found = cost_change(pd.concat([before, lost]), after).set_index("model")
    known = found.loc["x", ["before", "after", "change", *EFFECTS]]
    assert pd.Series(known).isna().tolist() == [True, False, *[True] * 9]
    assert found.loc["x", "unknown_before"] == 100
    assert causes_of(found.reset_index()) == {"by_unexplained": pytest.approx(before["total_cost"].sum())}


def test_unknown_costs_are_counted_and_are_no_requests() -> None:
    before = make_period(USUAL)
    some = before.assign(total_cost=before["total_cost"].where(np.arange(100) % 2 == 0))
    found = cost_change(some, before)
    assert found[["unknown_before", "unknown_after"]].to_numpy().tolist() == [[50, 0]]
    assert found["by_requests"][0] == pytest.approx(found["change"][0], rel=0.1)
    assert abs(found["by_price"][0]) < 1e-9


def test_amounts_are_per_day_if_lengths_are_given() -> None:
    before, after = make_period(replace(USUAL, requests=310)), make_period(replace(USUAL, requests=300))
    found = cost_change(before, after, days=(31, 30))
    assert found["before"][0] == pytest.approx(before["total_cost"].sum() / 31)
    assert found["by_requests"][0] == pytest.approx(0.0, abs=1e-12)
    assert found.attrs["labels"]["before"] == "before per day"
    assert "Amounts are per day: the periods have 31 and 30 days" in found.attrs["notices"]
    with pytest.raises(InputError, match=r"days=\(31, 0\): give the lengths of both periods"):
        cost_change(before, after, days=(31, 0))


def test_other_lengths_are_said_and_not_guessed() -> None:
    before = make_period(replace(USUAL, requests=200))
    after = before.assign(created_at=before["created_at"] + pd.to_timedelta(np.arange(200), unit="h"))
    notices = cost_change(before, after).attrs["notices"]
    assert any("The rows cover 1 and 9 days" in notice and "days=(1, 9)" in notice for notice in notices)
    assert cost_change(before, before).attrs["notices"] == []


def test_the_table_has_a_total_row() -> None:
    found = change_of([USUAL, LARGE], [replace(USUAL, requests=200), LARGE])
    lines = str(table(found)).splitlines()
    total = next(line.split() for line in lines if line.startswith("total"))
    shown = [float(cell.strip("$").replace("−", "-").replace("$", "")) for cell in total[1:4]]
    assert shown == pytest.approx([found[name].sum() for name in ("before", "after", "change")], abs=1e-3)
    assert lines[-1] == COVERAGE_UNKNOWN
    assert "total" in table(found)._repr_html_()


def test_the_periods_of_an_incomplete_result_are_lower_bounds_and_their_change_is_not() -> None:
    frame = make_period(USUAL)
    frame.attrs["coverage"] = Coverage.of(["gen-x"], found=100).to_json()
    found = cost_change(frame[:50], frame[50:])
    assert found.attrs["coverage"] == Coverage.of(["gen-x"], found=100).to_json()
    assert found.attrs["lower_bounds"] == ["before", "unknown_before", "after", "unknown_after"]
    other = make_period(USUAL, start="2026-10-01")
    assert cost_change(frame, other).attrs["coverage"] is None
    other.attrs["coverage"] = Coverage.of([], found=100).to_json()
    assert cost_change(frame, other).attrs["lower_bounds"] == ["before", "unknown_before"]


@pytest.mark.parametrize("column", ["cache_discount", "provider_name", "total_cost", "is_byok"])
def test_a_column_that_is_needed_is_named(column: str) -> None:
    frame = make_period(USUAL)
    with pytest.raises(MissingColumnError, match=column):
        cost_change(frame.drop(columns=column), frame)


def test_keys_that_cannot_be_are_refused() -> None:
    frame = make_period(USUAL)
    with pytest.raises(InputError, match="cannot group by 'change': the result has a column of that name"):
        cost_change(frame.assign(change=1), frame, by="change")
    with pytest.raises(InputError, match="the groups of both periods cannot be matched by team"):
        cost_change(frame.assign(team=1), frame.assign(team="a"), by="team")


@pytest.mark.parametrize("kind", ["DuckDB", "Arrow", "with items"])
def test_every_engine_finds_the_same_causes(kind: str) -> None:
    before = make_period(replace(USUAL, cached=0.3), LARGE)
    after = make_period(replace(USUAL, requests=200, completion=900, input_price=4_000), LARGE)
    here = cost_change(before, after)
    connection = duckdb.connect()
    periods: list[Any] = [pa.Table.from_pandas(frame) for frame in (before, after)]
    if kind == "DuckDB":
        periods = [connection.from_arrow(one) for one in periods]
    elif kind == "with items":
        periods = [*itemize_together(before, after)]
    there = cost_change(*periods)
    columns = ["before", "after", *EFFECTS]
    assert there["model"].tolist() == here["model"].tolist()
    assert there[columns].to_numpy(dtype=float) == pytest.approx(here[columns].to_numpy(dtype=float), abs=1e-9)


@settings(max_examples=6, deadline=None)
@given(CHARGED, CHARGED)
def test_effects_add_up_and_turn_with_the_periods(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    sides = frame_of(*before), frame_of(*after)
    copies = [side.copy() for side in sides]
    found, turned = cost_change(*sides), cost_change(*sides[::-1])
    assert closes(found)
    for name in ("change", *EFFECTS):
        one, other = found.attrs["total"][name], turned.attrs["total"][name]
        assert (one is None and other is None) or one == pytest.approx(-other, abs=1e-9)
    shuffled = cost_change(*(side.sample(frac=1, random_state=1) for side in sides))
    assert [*shuffled.attrs["total"].values()] == pytest.approx([*found.attrs["total"].values()], abs=1e-9)
    for side, copy in zip(sides, copies, strict=True):
        pd.testing.assert_frame_equal(side, copy)


counts = st.integers(1, 4).map(lambda hundreds: 100 * hundreds)


@settings(max_examples=4, deadline=None)
@given(counts, counts, st.sampled_from([1_000, 3_000]), st.sampled_from([200, 600]), st.sampled_from([3_000, 4_000]))
def test_any_change_is_that_of_the_formula(first: int, second: int, prompt: int, completion: int, price: int) -> None:
    before = [replace(USUAL, requests=first), replace(LARGE, cached=0.5)]
    after = [replace(USUAL, prompt=prompt, completion=completion, input_price=price), replace(LARGE, requests=second)]
    total = change_of(before, after).attrs["total"]
    expected = find_effects(before, [replace(after[0]), replace(after[1], cached=0.0)])
    assert {name: total[name] for name in expected} == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("by", ["model", None])
def test_nothing_against_nothing_is_an_empty_answer(by: str | None) -> None:
    nothing = make_period(USUAL)[:0]
    found = cost_change(nothing, nothing, by=by)
    assert len(found) == (by is None)
    assert found.attrs["total"]["change"] == 0
