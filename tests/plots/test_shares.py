from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genanalytics.plots import concentration
from genanalytics.plots.content import find_content
from support.artists import pointed, points, texts
from support.generations import frame_of


@pytest.fixture
def axes() -> Axes:
    return Figure(figsize=(9, 5)).subplots()


def sessions(costs: Sequence[float | None]) -> list[dict[str, Any]]:
    return [{"session_id": f"s{place}", "total_cost": cost} for place, cost in enumerate(costs)]


def test_the_curve_goes_through_the_shares_of_the_most_expensive_groups(axes: Axes) -> None:
    """5, 3 and 2 of 10."""
    concentration(frame_of(*sessions([3.0, 5.0, 2.0])), ax=axes)
    across, up = points(axes.lines[0])
    assert across == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert up == pytest.approx([0, 0.5, 0.8, 1])
    assert points(axes.lines[1])[1] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert axes.get_xscale() == "linear"
    assert texts(axes) == ["half: 1 session"]
    assert find_content(axes).details[0] == "1 session of 3 (33.3 %) makes half of the cost"


def test_the_first_percent_the_first_ten_and_the_half_are_named(axes: Axes) -> None:
    """Two sessions at $98 and 198 at $2 cost $592: 2 make 33.1 %, 20 make 39.2 %, and 52 make $296, the half."""
    concentration(frame_of(*sessions([98.0] * 2 + [2.0] * 198)), ax=axes)
    assert find_content(axes).details[:3] == [
        "the top 1 % (2 sessions) make 33.1 % of the cost",
        "the top 10 % (20 sessions) make 39.2 % of the cost",
        "52 sessions of 200 (26.0 %) make half of the cost",
    ]
    assert texts(axes) == ["top 1 %: 33.1 %", "top 10 %: 39.2 %", "half: 52 sessions"]
    dots = np.array([points(line) for line in axes.lines[2:]])[:, :, 0]
    assert dots.tolist() == [pytest.approx(dot) for dot in ([0.01, 196 / 592], [0.1, 232 / 592], [0.26, 0.5])]
    assert axes.get_xscale() == "log"
    assert axes.get_xlim()[0] <= 0.01
    across, up = points(axes.lines[0])
    by_hand = np.minimum(across * 200, 2) * 98 + np.maximum(across * 200 - 2, 0) * 2
    assert up == pytest.approx(by_hand / 592)


def test_single_requests_are_ranked_too(axes: Axes) -> None:
    records = [{"session_id": None, "total_cost": cost} for cost in (4.0, 1.0, 1.0)]
    for by in (None, "requested_id"):
        other = Figure().subplots()
        concentration(frame_of(*records), by=by, ax=other)
        assert points(other.lines[0])[1] == pytest.approx([0, 4 / 6, 5 / 6, 1])
        assert find_content(other).title == "Share of cost of the most expensive requests"
    concentration(frame_of(*records), ax=axes)
    assert texts(axes) == ["no generation has a session"]


def test_requests_of_an_engine_are_right_to_one_percent_and_that_is_said(axes: Axes) -> None:
    duckdb = pytest.importorskip("duckdb")
    frame = frame_of(*({"total_cost": cost} for cost in (4.0, 1.0, 1.0)))
    with duckdb.connect() as engine:
        columns = ["total_cost", "is_byok", "upstream_inference_cost"]
        concentration(engine.from_df(frame[columns]), by=None, ax=axes)
    assert points(axes.lines[0])[1] == pytest.approx([0, 4 / 6, 5 / 6, 1], abs=0.01)
    assert "costs of requests are right to 1 %" in find_content(axes).details


def test_what_is_left_out_or_unknown_is_said(axes: Axes) -> None:
    more: list[dict[str, Any]] = [{"session_id": None, "total_cost": 7.0}, {"session_id": "s0", "total_cost": None}]
    concentration(frame_of(*sessions([3.0, 5.0, None]), *more), ax=axes)
    details = find_content(axes).details
    assert "1 session without a known cost left out" in details
    assert "1 generation without a session ($7.000) left out" in details
    assert "cost not fully known for 2 requests" in details


def test_refunds_raise_the_curve_above_the_whole_and_are_said(axes: Axes) -> None:
    concentration(frame_of(*sessions([8.0, 2.0, -2.0])), ax=axes)
    assert points(axes.lines[0])[1] == pytest.approx([0, 1.0, 1.25, 1.0])
    assert axes.get_ylim()[1] > 1.25
    assert find_content(axes).details[-1].startswith("refunds come last")


@pytest.mark.parametrize(
    ("costs", "reason"),
    [
        ([0.0, 0.0], "nothing was spent"),
        ([None], "no session has a known cost"),
        ([1.0, -3.0], "refunds exceed the cost"),
    ],
)
def test_without_any_cost_a_sentence_says_why(axes: Axes, costs: list[float | None], reason: str) -> None:
    concentration(frame_of(*sessions(costs)), ax=axes)
    assert texts(axes) == [reason]
    assert not axes.lines


def test_the_pointer_reads_how_much_so_many_groups_make(axes: Axes) -> None:
    concentration(frame_of(*sessions([3.0, 5.0, 2.0])), ax=axes)
    assert pointed(axes)[1:] == [
        "top 33.3 % (1 session): 50.0 % of the cost",
        "top 66.7 % (2 sessions): 80.0 % of the cost",
        "top 100.0 % (3 sessions): 100.0 % of the cost",
    ]
    assert [label for _, label in find_content(axes).series] == ["the sessions", "if all cost the same"]


def test_the_text_next_to_the_last_point_is_not_in_the_legend() -> None:
    axes = Figure(figsize=(4.2, 4)).subplots()
    concentration(frame_of(*sessions([3.0]), {"session_id": None, "total_cost": None}), ax=axes)
    (text,) = [text for text in axes.texts if text.get_text() == "half: 1 session"]
    assert text.get_verticalalignment() == "top"
    assert "1 generation without a session left out" in find_content(axes).details
