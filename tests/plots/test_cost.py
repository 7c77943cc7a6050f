from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

from genanalytics.decide.budget.forecast import forecast
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics.grouping.calendar import Period
from genanalytics.plots import cost_over_time, cost_ranking, items_over_time
from genanalytics.plots.content import find_content
from genanalytics.plots.palette import GREY, HUES
from support.artists import detail, layers, pointed, points, render, stacks, texts, tick_texts
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
    assert legend(axes) == ["a", "incomplete"]


def test_a_legend_of_the_caller_has_an_entry_per_layer(axes: Axes) -> None:
    frame = frame_of(on("2026-03-01"), on("2026-03-02"), on("2026-03-02", model="b"), fetched="2026-03-02T18:00")
    cost_over_time(frame, ax=axes)
    assert axes.get_legend_handles_labels()[1] == ["a", "b"]


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
    assert "a lower bound: cost not fully known for 1 request" in detail(axes)
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


def test_the_ranking_has_the_most_expensive_on_top_with_its_amount_and_share(axes: Axes) -> None:
    cost_ranking(frame_of(*reversed(RANKED)), ax=axes)
    (bars,) = layers(axes)
    assert [bar.get_width() for bar in bars] == [6.0, 3.0, 1.0]
    assert tick_texts(axes, "y") == ["a", "b", "c"]
    assert axes.yaxis_inverted()
    assert not axes.lines
    assert texts(axes) == ["cost", "$6.00", "$3.00", "$1.00", "share", "60.0 %", "30.0 %", "10.0 %"]
    assert pointed(axes)[0] == "a\n$6.00, 60.0 %"


def test_the_ranking_puts_what_has_no_row_of_its_own_together(axes: Axes) -> None:
    cost_ranking(frame_of(*({"model": f"m{cost:02}", "total_cost": float(cost)} for cost in range(1, 21))), ax=axes)
    (bars,) = layers(axes)
    assert [bar.get_width() for bar in bars] == [*range(20, 8, -1), sum(range(1, 9))]
    assert tick_texts(axes, "y")[-1] == "8 others"
    assert to_hex(bars[-1].get_facecolor()) == GREY


def test_long_amounts_of_a_ranking_are_outside_of_the_axes(axes: Axes) -> None:
    cost_ranking(frame_of({"total_cost": 2_720_171.52}, {"model": "b", "total_cost": 9.0}), ax=axes)
    render(axes)
    assert "$2,720,171.52" in texts(axes)
    assert all(text.get_window_extent().x0 >= axes.bbox.x1 for text in axes.texts)


def test_a_ranking_of_refunds_has_no_shares(axes: Axes) -> None:
    cost_ranking(frame_of({"total_cost": -1.0}), ax=axes)
    assert "share" not in texts(axes)


def test_the_number_of_bars_and_their_colors_can_be_chosen(axes: Axes) -> None:
    cost_ranking(frame_of(*RANKED), top=1, colors={"a": "black"}, ax=axes)
    (bars,) = layers(axes)
    assert [(bar.get_width(), to_hex(bar.get_facecolor())) for bar in bars] == [(6.0, "#000000"), (4.0, GREY)]


def test_a_chart_with_few_rows_is_lower() -> None:
    cost_ranking(frame_of(*RANKED))
    height = plt.gcf().get_figheight()
    plt.close("all")
    assert height < 3


def test_groups_with_a_small_part_of_the_cost_are_among_the_others(axes: Axes) -> None:
    frame = frame_of({"total_cost": 98.0}, {"model": "b", "total_cost": 1.5}, {"model": "c", "total_cost": 0.5})
    assert stacks(cost_over_time(frame, ax=axes)) == {"a": [98.0], "2 others": [2.0]}


def test_the_number_of_layers_and_their_colors_can_be_chosen(axes: Axes) -> None:
    frame = frame_of(*({"model": f"m{cost}", "total_cost": float(cost)} for cost in range(1, 5)))
    cost_over_time(frame, top=2, colors={"m3": "#123456"}, ax=axes)
    drawn = {str(bars.get_label()): to_hex(bars[0].get_facecolor()) for bars in layers(axes)}
    assert drawn == {"m4": HUES[0], "m3": "#123456", "2 others": GREY}


def test_the_pointer_reads_the_layers_of_a_period_and_their_total(axes: Axes) -> None:
    cost_over_time(frame_of(on("2026-03-02"), on("2026-03-02", model="b"), on("2026-03-03")), ax=axes)
    assert pointed(axes) == [
        "Mon 2026-03-02\na: $1.000\nb: $1.000\ntotal: $2.000",
        "Tue 2026-03-03\na: $1.000",
    ]
    assert {label for _, label in find_content(axes).series} == {"a", "b"}


def test_another_period_is_an_outline_aligned_by_its_first_day(axes: Axes) -> None:
    before = frame_of(on("2026-02-01", total_cost=5.0), on("2026-02-02", total_cost=7.0))
    cost_over_time(frame_of(on("2026-03-01"), on("2026-03-03")), against=before, ax=axes)
    (outline,) = axes.lines
    assert points(outline)[1].tolist()[:4] == [5.0, 5.0, 7.0, 7.0]
    assert np.isnan(points(outline)[1][4:]).all()
    assert legend(axes) == ["a", "2026-02-01 to 2026-02-02"]


def test_the_days_ahead_are_pale(axes: Axes) -> None:
    days = [on(f"2026-{month:02}-{day:02}", total_cost=2.0) for month in (2, 3) for day in range(1, 29)]
    frame = frame_of(*days, fetched="2026-03-29T01:00")
    ahead = forecast(frame)
    cost_over_time(frame, ahead=ahead, ax=axes)
    known, expected = stacks(axes).values()
    assert sum(known) == 112.0
    assert expected == [pytest.approx(2.0)] * 3
    assert ahead.answer.rstrip(".") in detail(axes)


def test_no_past_day_with_refunds_expects_a_cost(axes: Axes) -> None:
    costs = dict.fromkeys(range(1, 29), 2.0) | {5: -3.0}
    days = [on(f"2026-{month:02}-{day:02}", total_cost=costs[day]) for month in (2, 3) for day in costs]
    frame = frame_of(*days, fetched="2026-03-29T01:00")
    cost_over_time(frame, ahead=forecast(frame), ax=axes)
    assert len(stacks(axes)["expected"]) == 3


@pytest.mark.parametrize("chart", [cost_over_time, items_over_time])
def test_costs_of_0_are_a_sentence(axes: Axes, chart: Callable[..., Axes]) -> None:
    chart(frame_of(on("2026-03-01", total_cost=0.0)), ax=axes)
    assert find_content(axes).reason == "every known cost is $0.00"


def test_a_forecast_of_days_is_not_drawn_in_weeks(axes: Axes) -> None:
    frame = frame_of(on("2026-03-01"))
    with pytest.raises(InputError, match="a forecast has days, and every is 'week'"):
        cost_over_time(frame, every="week", ahead=forecast(frame), ax=axes)


@pytest.mark.parametrize(("days", "hatched"), [(("04", "19"), [True, False, True]), (("02", "22"), [False] * 3)])
def test_weeks_that_the_data_do_not_fill_are_hatched(axes: Axes, days: tuple[str, str], hatched: list[bool]) -> None:
    frame = frame_of(*(on(f"2026-03-{day}") for day in days), fetched="2026-04-30T00:00")
    cost_over_time(frame, every="week", ax=axes)
    assert [bool(bar.get_hatch()) for container in layers(axes) for bar in container] == hatched


@pytest.mark.parametrize(("every", "number"), [("day", 366), ("hour", 800)])
def test_many_periods_are_an_area_that_can_be_seen(axes: Axes, every: Period, number: int) -> None:
    starts = pd.date_range("2026-01-01", periods=number, freq=every[0].replace("d", "D"))
    cost_over_time(frame_of(*({"created_at": f"{start.isoformat()}Z"} for start in starts)), every=every, ax=axes)
    (area,) = [patch for patch in axes.patches if isinstance(patch, StepPatch)]
    assert len(area.get_data()[0]) == number
    assert axes.get_ylim()[0] == 0


def test_a_ranking_leaves_out_what_nobody_knows(axes: Axes) -> None:
    cost_ranking(frame_of(*RANKED, {"model": "d", "total_cost": None}), ax=axes)
    assert tick_texts(axes, "y") == ["a", "b", "c"]


def test_a_bar_with_unknown_costs_says_that_its_amounts_are_lower_bounds(axes: Axes) -> None:
    frame = frame_of(
        on("2026-03-01", model="a", is_byok=True, upstream_inference_cost=None),
        on("2026-03-01", model="b"),
        on("2026-03-02", model="a"),
    )
    cost_over_time(frame, ax=axes)
    assert [text.split("\n")[1:] for text in pointed(axes)] == [
        ["a: ≥ $1.000", "b: $1.000", "total: ≥ $2.000"],
        ["a: $1.000"],
    ]
