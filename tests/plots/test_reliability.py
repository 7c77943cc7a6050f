import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genanalytics.plots import outcomes
from support.artists import points, stacks
from support.generations import frame_of, on


@pytest.fixture
def axes() -> Axes:
    return Figure().subplots()


def test_shares_are_those_of_the_endings_of_all_recorded_generations(axes: Axes) -> None:
    frame = frame_of(
        {},
        {"finish_reason": "tool_calls"},
        {"finish_reason": "complete"},
        {"finish_reason": "error"},
        {"finish_reason": "error", "cancelled": True},  # cancelled whatever the reason
        {"finish_reason": None, "cancelled": True},
        {"finish_reason": "length", "cancelled": None},
        {"finish_reason": "content_filter"},
        {"finish_reason": None},
        {"finish_reason": "of another world"},
    )
    outcomes(frame, ax=axes)
    assert {name: heights[0] for name, heights in stacks(axes).items()} == pytest.approx(
        {
            "error": 0.1,
            "cancelled": 0.2,
            "truncated": 0.1,
            "filtered": 0.1,
            "no reason given": 0.1,
            "another reason": 0.1,
        }
    )


def test_what_completed_is_no_bar(axes: Axes) -> None:
    outcomes(frame_of({}, {}), ax=axes)
    assert stacks(axes) == {}
    assert axes.get_ylim()[0] == 0


def test_fallbacks_are_a_line_that_does_not_cross_gaps(axes: Axes) -> None:
    one, two = [{"status": 200}], [{"status": 429}, {"status": 200}]
    frame = frame_of(
        on("2026-03-01", provider_responses=one),
        on("2026-03-01", provider_responses=two),
        on("2026-03-03", provider_responses=two),
        on("2026-03-04"),
    )
    outcomes(frame, ax=axes)
    (line,) = axes.lines
    assert list(map(str, points(line)[1].tolist())) == ["0.5", "nan", "1.0", "nan"]
    assert line.get_label() == "fallbacks"


def test_a_day_without_a_generation_has_no_bar(axes: Axes) -> None:
    outcomes(frame_of(on("2026-03-01", finish_reason="error"), on("2026-03-03")), ax=axes)
    assert stacks(axes) == {"error": [1.0, 0.0, 0.0]}


def test_the_axis_says_among_what(axes: Axes) -> None:
    outcomes(frame_of({}), ax=axes)
    assert axes.get_ylabel() == "share of recorded generations"
