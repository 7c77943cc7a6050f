"""Reference values are worked out by hand, next to the rows that they come from."""

import math
from collections.abc import Iterable

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from genanalytics import cost_change, table
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.records.coverage import UNKNOWN as COVERAGE_UNKNOWN, Coverage

PARTS = ["by_requests", "by_size", "by_price", "by_caching"]


Given = tuple[str, float | None, float | None, int | None]


def rows(*given_rows: Given) -> pd.DataFrame:
    """Return rows of a model, with total_cost, cache_discount and native_tokens_prompt."""
    frame = pd.DataFrame(given_rows, columns=["model", "total_cost", "cache_discount", "native_tokens_prompt"])
    frame = frame.astype({"total_cost": "Float64", "cache_discount": "Float64", "native_tokens_prompt": "Int64"})
    return frame.assign(upstream_inference_cost=0.0, is_byok=False, native_tokens_completion=0)


def parts_of(change: pd.DataFrame, place: int = 0) -> list[float | None]:
    return [
        None if math.isnan(part) else part for part in change[PARTS].to_numpy(dtype=float, na_value=math.nan)[place]
    ]


def test_twice_as_many_requests_are_a_change_by_requests() -> None:
    one = ("a", 2.0, 1.0, 100)
    found = cost_change(rows(one), rows(one, one))
    assert found[["before", "after", "change"]].to_numpy().tolist() == [[2.0, 4.0, 2.0]]
    assert parts_of(found) == pytest.approx([2.0, 0.0, 0.0, 0.0])


def test_each_factor_has_its_part_by_the_logarithmic_mean() -> None:
    """Requests x2, tokens of each x3, price without caching x1/2 (12/100 to 36/600), what caching left x1/3."""
    before = rows(("a", 12.0, None, 100))
    after = rows(("a", 6.0, 12.0, 300), ("a", 6.0, 12.0, 300))
    found = cost_change(before, after)
    assert found.loc[0, "change"] == 0.0
    assert parts_of(found) == pytest.approx([12 * math.log(factor) for factor in (2, 3, 1 / 2, 1 / 3)])


def test_a_model_that_came_or_went_is_a_change_by_requests() -> None:
    found = cost_change(rows(("old", 3.0, None, 1)), rows(("new", 5.0, None, 1)))
    assert found["model"].tolist() == ["new", "old"]
    assert found["change"].tolist() == [5.0, -3.0]
    assert [parts_of(found, place) for place in (0, 1)] == [[5.0, None, None, None], [-3.0, None, None, None]]


def test_what_was_free_and_is_not_any_more_is_a_change_by_price() -> None:
    assert parts_of(cost_change(rows(("a", 0.0, None, 9)), rows(("a", 2.0, None, 9)))) == [None, None, 2.0, None]


def test_without_tokens_the_price_is_that_of_a_request() -> None:
    found = cost_change(rows(("a", 2.0, None, None)), rows(("a", 6.0, None, None)))
    assert parts_of(found) == pytest.approx([0.0, None, 4.0, 0.0])


def test_a_gap_on_one_side_is_no_change_of_size_or_price() -> None:
    """What one side does not tell of a row moves that row alone, as one that came or went."""
    one = ("a", 1.0, None, 100)
    found = cost_change(rows(one, ("a", None, None, 100)), rows(one, one))
    assert parts_of(found) == pytest.approx([1.0, 0.0, 0.0, 0.0])
    assert found[["unknown_before", "unknown_after"]].to_numpy().tolist() == [[1, 0]]
    assert parts_of(cost_change(rows(one, one), rows(one, ("a", 1.0, None, None)))) == pytest.approx([0.0] * 4)


def test_a_cost_that_is_known_in_part_counts_with_that_part() -> None:
    """The upstream cost of a row with a key of one's own is not known: its fee is a part of no price per token."""
    fee = rows(("a", 0.1, None, 100)).assign(is_byok=True, upstream_inference_cost=pd.array([None], "Float64"))
    one = rows(("a", 1.0, None, 100))
    found = cost_change(pd.concat([one, fee]), pd.concat([one, fee, fee]))
    assert found[["before", "after", "change"]].to_numpy().tolist() == [pytest.approx([1.1, 1.2, 0.1])]
    assert parts_of(found) == pytest.approx([0.1, 0.0, 0.0, 0.0])
    assert found[["unknown_before", "unknown_after"]].to_numpy().tolist() == [[1, 2]]


def test_a_discount_that_is_not_reported_saved_nothing() -> None:
    """The cost stays, twice as much without caching on one side: ln 2 down in price, ln 2 up by the caching lost."""
    found = cost_change(rows(("a", 1.0, 1.0, 100)), rows(("a", 1.0, None, 100)))
    assert parts_of(found) == pytest.approx([0.0, 0.0, -math.log(2), math.log(2)])


def test_nearly_equal_costs_are_distinguished_as_well_as_others() -> None:
    cost = 1.9
    found = cost_change(rows(("a", cost, None, 100)), rows(*[("a", math.nextafter(cost, 2) / 2, None, 50)] * 2))
    assert parts_of(found) == pytest.approx([cost * math.log(2), -cost * math.log(2), 0.0, 0.0])


def test_a_cost_that_is_not_known_is_a_gap() -> None:
    found = cost_change(rows(("a", None, None, 9)), rows(("a", 6.0, None, 9)))
    assert parts_of(found) == [None] * 4
    assert found["after"].tolist() == [6.0]
    assert found["change"].isna().tolist() == [True]


def test_a_gap_in_the_key_is_a_group_on_both_sides() -> None:
    before, after = (rows(("a", cost, None, 1)).assign(model=pd.Series([None], dtype="str")) for cost in (1.0, 3.0))
    found = cost_change(before, after)
    assert found["change"].tolist() == [2.0]


def test_all_rows_can_be_one_group() -> None:
    found = cost_change(rows(("a", 1.0, None, 1)), rows(("b", 2.0, None, 1)), by=None)
    assert list(found) == ["before", "after", "change", *PARTS, "unknown_before", "unknown_after"]
    assert parts_of(found) == pytest.approx([0.0, 0.0, 1.0, 0.0])


def test_the_largest_change_comes_first_and_shows_itself_with_units() -> None:
    before = rows(("a", 1.0, None, 1), ("b", 9.0, None, 1), ("c", 1.0, None, 1))
    found = cost_change(before, rows(("a", 2.0, None, 1), ("b", 2.0, None, 1), ("c", 1.0, None, 1)))
    assert found["model"].tolist() == ["b", "a", "c"]
    assert str(table(found)).splitlines()[-2].split()[:4] == ["c", "$1.000", "$1.000", "$0.000"]
    assert str(table(found)).splitlines()[-1] == COVERAGE_UNKNOWN


def test_the_periods_of_an_incomplete_result_are_lower_bounds_and_their_change_is_not() -> None:
    frame = rows(("a", 1.0, None, 1), ("a", 3.0, None, 1)).assign(requested_id=["gen-1", "gen-2"])
    frame.attrs["coverage"] = Coverage.of(["gen-3"], found=2).to_json()
    found = cost_change(frame[:1], frame[1:])
    assert found.attrs["coverage"] == Coverage.of(["gen-3"], found=2).to_json()
    lines = str(table(found)).splitlines()
    assert lines[-2].split()[:6] == ["a", "≥", "$1.000", "≥", "$3.000", "$2.000"]
    assert lines[-1].startswith("Coverage: 66.7 % of the ids have a record")
    other = rows(("a", 3.0, None, 1)).assign(requested_id="gen-4")
    assert cost_change(frame, other).attrs["coverage"] is None
    other.attrs["coverage"] = Coverage.of([], found=1).to_json()
    assert cost_change(frame, other).attrs["lower_bounds"] == ["before", "unknown_before"]


def test_a_column_that_is_needed_is_named() -> None:
    frame = rows(("a", 1.0, None, 1))
    with pytest.raises(MissingColumnError, match="no column 'cache_discount'"):
        cost_change(frame.drop(columns="cache_discount"), frame)


def test_keys_that_cannot_be_are_refused() -> None:
    frame = rows(("a", 1.0, None, 1))
    with pytest.raises(InputError, match="cannot group by 'change': the result has a column of that name"):
        cost_change(frame.assign(change=1), frame, by="change")
    with pytest.raises(InputError, match="the groups of both periods cannot be matched by team"):
        cost_change(frame.assign(team=1), frame.assign(team="a"), by="team")


amounts = st.floats(0.01, 100)
some = st.lists(
    st.tuples(st.sampled_from("abc"), amounts, st.none() | st.floats(-0.005, 100), st.none() | st.integers(0, 10**6)),
    max_size=6,
)


@given(some, some)
def test_the_parts_add_up_and_turn_with_the_sides(before: Iterable[Given], after: Iterable[Given]) -> None:
    found, turned = (cost_change(rows(*one), rows(*other)) for one, other in ((before, after), (after, before)))
    assert found[PARTS].sum(axis=1).tolist() == pytest.approx(found["change"].tolist(), abs=1e-9)
    back = turned.set_index("model").loc[found["model"]]
    assert back["change"].tolist() == pytest.approx([-change for change in found["change"]])
    assert back[PARTS].sum().tolist() == pytest.approx((-found[PARTS].sum()).tolist(), abs=1e-9)
