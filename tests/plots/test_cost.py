import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from genanalytics.errors import InputError, MissingColumnError
from genanalytics.plots import cost_over_time, cost_ranking
from genanalytics.plots.palette import GREY, HUES
from support.artists import detail, layers, points, render, stacks, texts, tick_texts
from support.generations import frame_of, on


@pytest.fixture
def axes() -> Axes:
    return Figure().subplots()


def legend(ax: Axes) -> list[str]:
    shown = ax.get_legend()
    assert shown is not None
    return [text.get_text() for text in shown.get_texts()]


def test_bars_are_the_effective_cost_of_each_day_and_group(axes: Axes) -> None:
    frame = frame_of(
        on("2026-03-01", total_cost=1.0),
        on("2026-03-01", total_cost=0.1, is_byok=True, upstream_inference_cost=0.4),
        on("2026-03-02", total_cost=4.0, model="b"),
        on("2026-03-02", total_cost=2.0),
    )
    assert stacks(cost_over_time(frame, ax=axes)) == {"b": [0.0, 4.0], "a": [1.5, 2.0]}


def test_groups_are_stacked_with_the_most_expensive_first(axes: Axes) -> None:
    cost_over_time(frame_of({"model": "cheap"}, {"model": "dear", "total_cost": 4.0}), ax=axes)
    assert [bar.get_y() for container in layers(axes) for bar in container] == [0.0, 4.0]
    assert list(stacks(axes)) == ["dear", "cheap"]


def test_the_legend_lists_the_groups_with_the_most_expensive_first_above_the_axes(axes: Axes) -> None:
    cost_over_time(frame_of({"model": "cheap"}, {"model": "dear", "total_cost": 4.0}), ax=axes)
    assert legend(axes) == ["dear", "cheap"]
    render(axes)
    shown = axes.get_legend()
    assert shown is not None
    assert shown.get_window_extent().y0 > axes.get_window_extent().y1


def test_a_refund_hangs_below_the_axis(axes: Axes) -> None:
    cost_over_time(
        frame_of({"total_cost": 4.0}, {"total_cost": -2.0, "model": "b"}, {"total_cost": 1.0, "model": "c"}), ax=axes
    )
    bars = {str(bars.get_label()): bars[0] for bars in layers(axes)}
    assert {name: (bar.get_y(), bar.get_height()) for name, bar in bars.items()} == {
        "a": (0.0, 4.0),
        "c": (4.0, 1.0),
        "b": (0.0, -2.0),
    }


def test_days_without_a_generation_are_shown(axes: Axes) -> None:
    frame = frame_of(on("2026-03-01"), on("2026-03-04", total_cost=2.0))
    assert stacks(cost_over_time(frame, ax=axes)) == {"a": [1.0, 0.0, 0.0, 2.0]}


def test_five_groups_have_a_hue_and_the_others_are_grey_together(axes: Axes) -> None:
    frame = frame_of(*({"model": f"m{cost}", "total_cost": float(cost)} for cost in range(1, 9)))
    found = stacks(cost_over_time(frame, ax=axes))
    assert found == {"m8": [8.0], "m7": [7.0], "m6": [6.0], "m5": [5.0], "m4": [4.0], "3 others": [1.0 + 2.0 + 3.0]}
    assert [to_hex(container[0].get_facecolor()) for container in layers(axes)] == [*HUES[:5], GREY]


def test_a_sixth_group_alone_keeps_its_name(axes: Axes) -> None:
    frame = frame_of(*({"model": f"m{cost}", "total_cost": float(cost)} for cost in range(1, 7)))
    assert list(stacks(cost_over_time(frame, ax=axes))) == ["m6", "m5", "m4", "m3", "m2", "m1"]


def test_a_missing_group_is_a_group(axes: Axes) -> None:
    frame = frame_of({"model": None, "total_cost": 2.0}, {"model": "b"})
    assert stacks(cost_over_time(frame, ax=axes)) == {"not given": [2.0], "b": [1.0]}


def test_the_last_day_is_hatched_where_records_can_still_come(axes: Axes) -> None:
    frame = frame_of(on("2026-03-01"), on("2026-03-02"), fetched="2026-03-02T18:00")
    cost_over_time(frame, ax=axes)
    (bars,) = layers(axes)
    assert [bool(bar.get_hatch()) for bar in bars] == [False, True]
    assert legend(axes) == ["a", "unfinished"]


def test_days_are_those_of_the_zone(axes: Axes) -> None:
    frame = frame_of({"created_at": "2026-03-01T23:30:00Z"}, {"created_at": "2026-03-02T12:00:00Z"})
    assert stacks(cost_over_time(frame, tz="Europe/Berlin", ax=axes)) == {"a": [2.0]}
    assert axes.get_xlabel() == "day (Europe/Berlin)"
    assert tick_texts(axes, "x") == ["2026-03-02"]


def test_periods_can_be_hours_too(axes: Axes) -> None:
    frame = frame_of({"created_at": "2026-03-01T10:30:00Z"}, {"created_at": "2026-03-01T12:00:00Z"})
    assert stacks(cost_over_time(frame, every="hour", ax=axes)) == {"a": [1.0, 0.0, 1.0]}
    assert axes.get_title() == "Cost per hour by model"


def test_too_many_bars_are_refused(axes: Axes) -> None:
    frame = frame_of(on("2026-03-01"), on("2026-03-03"))
    with pytest.raises(InputError, match=r"every='minute' makes 2,881 periods: use a longer one, of hour, day"):
        cost_over_time(frame, every="minute", ax=axes)


def test_axes_say_what_they_show_and_in_which_unit(axes: Axes) -> None:
    cost_over_time(frame_of({}), by="provider_name", ax=axes)
    assert axes.get_ylabel() == "cost (US$)"
    assert axes.get_xlabel() == "day (UTC)"
    assert axes.get_title() == "Cost per day by provider"
    assert detail(axes) == "1 generation, 2026-03-01 (UTC); coverage unknown"


def test_generations_without_cost_or_date_are_counted_below_the_title(axes: Axes) -> None:
    frame = frame_of({}, {"created_at": None}, {"is_byok": True, "upstream_inference_cost": None})
    cost_over_time(frame, ax=axes)
    assert "a lower bound: cost not fully known for 1" in detail(axes)
    assert "1 undated left out" in detail(axes)


@pytest.mark.parametrize(
    ("cost", "expected"), [(8.0, "$4.00"), (0.008, "$0.004"), (8000.0, "$4,000.00"), (0.000008, "$0.000004")]
)
def test_amounts_on_the_axis_have_as_many_decimals_as_tell_them_apart(axes: Axes, cost: float, expected: str) -> None:
    cost_over_time(frame_of({"total_cost": cost}), ax=axes)
    labels = tick_texts(axes, "y")
    assert expected in labels
    assert len(set(labels)) == len(labels)


def test_amounts_below_zero_have_a_true_minus(axes: Axes) -> None:
    cost_over_time(frame_of({"total_cost": -8.0}), ax=axes)
    assert "−$4.00" in tick_texts(axes, "y")


def test_costs_that_nobody_knows_are_no_bars_of_0(axes: Axes) -> None:
    cost_over_time(frame_of({"total_cost": None}), ax=axes)
    assert not axes.containers
    assert "no known cost" in texts(axes)


def test_a_frame_without_the_column_is_refused_by_name(axes: Axes) -> None:
    frame = pd.DataFrame({"model": ["a"], "created_at": [pd.Timestamp("2026-03-01", tz="UTC")]})
    with pytest.raises(MissingColumnError, match="cannot group by 'provider'"):
        cost_over_time(frame, by="provider", ax=axes)


RANKED = [{"model": "a", "total_cost": 6.0}, {"model": "b", "total_cost": 3.0}, {"model": "c", "total_cost": 1.0}]


def test_the_ranking_has_the_most_expensive_on_top_and_the_running_total_next_to_it(axes: Axes) -> None:
    cost_ranking(frame_of(*reversed(RANKED)), ax=axes)
    (bars,) = layers(axes)
    assert [bar.get_width() for bar in bars] == [6.0, 3.0, 1.0]
    assert tick_texts(axes, "y") == ["a", "b", "c"]
    assert axes.yaxis_inverted()
    (running,) = axes.lines
    assert points(running)[0].tolist() == [6.0, 9.0, 10.0]
    assert texts(axes) == ["cost", "$6.00", "$3.00", "$1.00", "running", "60.0 %", "90.0 %", "100.0 %"]


def test_the_ranking_puts_what_has_no_row_of_its_own_together(axes: Axes) -> None:
    cost_ranking(frame_of(*({"model": f"m{cost:02}", "total_cost": float(cost)} for cost in range(1, 21))), ax=axes)
    (bars,) = layers(axes)
    assert [bar.get_width() for bar in bars] == [*range(20, 8, -1), sum(range(1, 9))]
    assert tick_texts(axes, "y")[-1] == "8 others"
    assert to_hex(bars[-1].get_facecolor()) == GREY


def test_a_ranking_of_refunds_has_no_running_share(axes: Axes) -> None:
    cost_ranking(frame_of({"total_cost": -1.0}), ax=axes)
    assert not axes.lines
    assert "running" not in texts(axes)


def test_a_ranking_leaves_out_what_nobody_knows(axes: Axes) -> None:
    cost_ranking(frame_of(*RANKED, {"model": "d", "total_cost": None}), ax=axes)
    assert tick_texts(axes, "y") == ["a", "b", "c"]
