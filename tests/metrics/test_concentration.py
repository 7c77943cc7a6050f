import math
from typing import Any

import pytest
from hypothesis import given, strategies as st

from genanalytics.metrics.concentration import add_up_costs
from support.generations import frame_of

COSTS = st.lists(st.integers(0, 640).map(lambda steps: steps / 64), min_size=1, max_size=40)


def test_requests_are_added_up_from_the_most_expensive_one_on() -> None:
    """6, 2, 1 and 1 make 10: the first is 60 %, three are 90 %, and one makes half."""
    found = add_up_costs(frame_of(*({"total_cost": cost} for cost in (1.0, 6.0, 2.0, 1.0))))
    assert (found.groups, found.cost, found.unknown) == (4, 10.0, 0)
    assert [found.find_share(number) for number in (0, 1, 2, 3, 4)] == pytest.approx([0, 0.6, 0.8, 0.9, 1.0])
    assert [found.count_for(share) for share in (0.5, 0.6, 0.61, 0.85, 1.0)] == [1, 1, 2, 3, 4]
    assert [found.count_top(share) for share in (0.01, 0.25, 0.26, 1.0)] == [1, 1, 2, 4]


def test_groups_are_added_up_and_what_is_in_none_is_left_out() -> None:
    records: list[dict[str, Any]] = [
        {"session_id": "s", "total_cost": 1.0},
        {"session_id": "s", "total_cost": 2.0},
        {"session_id": "t", "total_cost": 1.0},
        {"session_id": "u", "total_cost": None},
        {"session_id": None, "total_cost": 5.0},
        {"session_id": None, "total_cost": None},
    ]
    found = add_up_costs(frame_of(*records), by="session_id")
    assert (found.numbers.tolist(), found.costs.tolist()) == ([0, 1, 2], [0.0, 3.0, 4.0])
    assert (found.unknown, found.ungrouped, found.ungrouped_cost) == (1, 2, 5.0)


def test_refunds_come_last_and_count_in_the_cost() -> None:
    """Of 10 - 2 = 8, the first makes 8 / 8, both charges 10 / 8."""
    found = add_up_costs(frame_of(*({"total_cost": cost} for cost in (-2.0, 8.0, 2.0))))
    assert found.has_refunds
    assert [found.find_share(number) for number in (1, 2, 3)] == pytest.approx([1.0, 1.25, 1.0])
    assert found.count_for(0.5) == 1


@pytest.mark.parametrize("cost", [0.0, None, -1.0])
def test_without_any_cost_there_is_no_share(cost: float | None) -> None:
    found = add_up_costs(frame_of({"total_cost": cost}))
    assert math.isnan(found.find_share(1))
    with pytest.raises(ValueError, match="no cost above 0"):
        found.count_for(0.5)


@given(COSTS)
def test_the_fewest_requests_that_make_half_do_and_one_less_does_not(costs: list[float]) -> None:
    found = add_up_costs(frame_of(*({"total_cost": cost} for cost in costs)))
    assert found.cost == sum(costs)
    if found.cost == 0:
        return
    ranked, number = sorted(costs, reverse=True), found.count_for(0.5)
    assert sum(ranked[:number]) >= sum(costs) / 2 > sum(ranked[: number - 1])


def test_classes_of_an_engine_are_right_to_one_percent() -> None:
    duckdb = pytest.importorskip("duckdb")
    frame = frame_of(*({"total_cost": 1.1**place} for place in range(60)), {"total_cost": None})
    exact = add_up_costs(frame)
    with duckdb.connect() as engine:
        found = add_up_costs(engine.from_df(frame[["total_cost", "upstream_inference_cost", "is_byok"]]))
    assert (found.groups, found.unknown, found.accuracy) == (60, 1, 0.01)
    shares = [[one.find_share(number) for number in range(61)] for one in (exact, found)]
    assert shares[1] == pytest.approx(shares[0], abs=0.01)
    assert found.count_for(0.5) == exact.count_for(0.5)
