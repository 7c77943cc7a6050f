"""The chart of outcomes: a panel for each way in which generations did not complete."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

from genanalytics.plots import outcomes
from genanalytics.plots.content import find_content
from genanalytics.plots.palette import LOSS
from support.artists import detail, panels, texts
from support.generations import frame_of, on


@pytest.fixture
def axes() -> Axes:
    return Figure(figsize=(9, 5), layout="constrained").subplots()


def shares(ax: Axes) -> dict[str, list[float]]:
    """Return the heights of the bars of each panel, by its title."""
    found = {}
    for panel in panels(ax):
        heights = sum(patch.get_data()[0] for patch in panel.patches if isinstance(patch, StepPatch))
        found[panel.get_title().partition(" (")[0]] = np.asarray(heights)[::2].tolist()  # between are gaps
    return found


def test_shares_are_those_of_the_endings_of_all_recorded_generations(axes: Axes) -> None:
    frame = frame_of(
        {},
        {"finish_reason": "tool_calls"},
        {"finish_reason": "complete"},
        {"finish_reason": "error"},
        {"finish_reason": "error", "cancelled": True},  # cancelled with any reason
        {"finish_reason": None, "cancelled": True},
        {"finish_reason": "length", "cancelled": None},
        {"finish_reason": "content_filter"},
        {"finish_reason": None},
        {"finish_reason": "of another world"},
    )
    outcomes(frame, ax=axes)
    assert shares(axes) == {
        "error 1": [0.1],
        "cancelled 2": [0.2],
        "truncated 1": [0.1],
        "filtered 1": [0.1],
        "no reason given 1": [0.1],
        "another reason 1": [0.1],
    }
    assert to_hex(panels(axes)[0].patches[0].get_facecolor()) == LOSS


@pytest.mark.parametrize(("number", "sentence"), [(1, "The one recorded completed"), (60, "All 60 recorded completed")])
def test_without_another_ending_a_sentence_says_so(axes: Axes, number: int, sentence: str) -> None:
    outcomes(frame_of(*[{}] * number), ax=axes)
    assert texts(axes) == [sentence]
    assert not axes.child_axes


def test_generations_without_a_date_are_not_counted_as_completed(axes: Axes) -> None:
    outcomes(frame_of({}, {"created_at": None, "finish_reason": "error"}), ax=axes)
    assert texts(axes) == ["The one recorded completed"]
    assert "1 undated left out" in detail(axes)


def test_without_fallbacks_the_sentence_says_so_where_attempts_are_known(axes: Axes) -> None:
    outcomes(frame_of({"provider_responses": [{"status": 200}]}), ax=axes)
    assert find_content(axes).reason == "The one recorded completed, none with a fallback"


def test_fallbacks_are_a_panel_of_their_own(axes: Axes) -> None:
    """Of the four generations, three have known attempts; two of these fell back."""
    one, two = [{"status": 200}], [{"status": 429}, {"status": 200}]
    frame = frame_of(
        on("2026-03-01", provider_responses=one),
        on("2026-03-01", provider_responses=two),
        on("2026-03-03", provider_responses=two),
        on("2026-03-04"),
    )
    outcomes(frame, ax=axes)
    assert shares(axes) == {"fallbacks 66.7 %": [0.5, 0, 1.0, 0]}
    read = [value.text.partition("\n")[2] for value in find_content(panels(axes)[0]).values]  # noqa: PD011 - no frame
    assert read == ["fallbacks: 50.0 %", "fallbacks: –", "fallbacks: 100.0 %", "fallbacks: –"]


def test_a_day_without_a_generation_has_no_bar(axes: Axes) -> None:
    outcomes(frame_of(on("2026-03-01", finish_reason="error"), on("2026-03-03")), ax=axes)
    assert shares(axes) == {"error 1": [1.0, 0.0, 0.0]}


def test_the_axis_says_among_what(axes: Axes) -> None:
    outcomes(frame_of({}), ax=axes)
    assert axes.get_ylabel() == "share of generations"


def fail_daily(days: int, each: int) -> pd.DataFrame:
    starts = pd.date_range("2026-03-02", periods=days, tz="UTC")
    return frame_of(
        *(
            on(f"{day:%Y-%m-%d}", finish_reason="error" if number < each else "stop")
            for day in starts
            for number in range(25)
        )
    )


@pytest.mark.parametrize(
    ("days", "each", "period"), [(14, 1, "day"), (15, 1, "week"), (15, 20, "day"), (70, 20, "week"), (200, 1, "month")]
)
def test_periods_are_longer_if_days_have_few_failures_or_are_many(
    axes: Axes, days: int, each: int, period: str
) -> None:
    outcomes(fail_daily(days, each), ax=axes)
    assert axes.get_xlabel() == f"{period} (UTC)"


def test_the_caller_can_choose_the_period(axes: Axes) -> None:
    outcomes(fail_daily(28, 1), every="day", ax=axes)
    assert len(shares(axes)["error 28"]) == 28


def test_weeks_that_the_records_do_not_fill_are_hatched(axes: Axes) -> None:
    outcomes(
        frame_of(*(on(f"2026-03-{day:02}", cancelled=day % 2 == 0) for day in range(4, 18))), every="week", ax=axes
    )
    plain, hatched = [patch for patch in panels(axes)[0].patches if isinstance(patch, StepPatch)]
    assert hatched.get_hatch()
    assert [list(patch.get_data()[0][::2] > 0) for patch in (plain, hatched)] == [
        [False, True, False],
        [True, False, True],
    ]
    assert "hatched: incomplete week" in detail(axes)


def test_panels_share_a_scale_unless_one_is_far_smaller(axes: Axes) -> None:
    few = [{"finish_reason": "length"}] + [{"finish_reason": "error"}] * 4 + [{}] * 5
    outcomes(frame_of(*few), ax=axes)
    assert len({panel.get_ylim() for panel in panels(axes)}) == 1
    other = Figure(figsize=(9, 5), layout="constrained").subplots()
    outcomes(frame_of(*few, *[{"finish_reason": "error"}] * 30), ax=other)
    assert len({panel.get_ylim() for panel in panels(other)}) == 2
    assert "scales differ" in detail(other)
    assert "scales differ" not in detail(axes)


def test_titles_of_panels_are_no_wider_than_these_when_drawn() -> None:
    frame = frame_of(*[{"finish_reason": reason} for reason in ("error", "length", None, "another", "content_filter")])
    axes = Figure(figsize=(3, 4), layout="constrained").subplots()
    outcomes(frame, ax=axes)
    figure: Any = axes.figure
    figure.canvas.draw()
    figure.canvas.draw()
    for panel in panels(axes):
        assert panel.title.get_window_extent().width <= panel.get_window_extent().width
    assert panels(axes)[0].get_title().startswith("error")
