from typing import Any

import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from genanalytics.decide.mix.cost_change import cost_change
from genanalytics.plots import cost_bridge
from genanalytics.plots.content import find_content
from genanalytics.plots.palette import GAIN, GREY, LOSS
from support.artists import layers, pointed, texts, tick_texts
from support.generations import frame_of, on

PROMPTS = (1_000, 2_500, 4_200, 800, 1_600, 3_100)
COMPLETIONS = (120, 80, 310, 45, 500, 260)


def period(month: str, *, times: int = 1, longer: int = 1, **fields: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return requests of a model at $3 and $15 per million tokens."""
    return [
        on(
            f"{month}-{1 + place:02}",
            native_tokens_prompt=prompt,
            native_tokens_completion=longer * completion,
            total_cost=(3 * prompt + 15 * longer * completion) / 1e6,
            **fields,
        )
        for place, (prompt, completion) in enumerate(zip(PROMPTS * times, COMPLETIONS * times, strict=True))
    ]


@pytest.fixture
def axes() -> Axes:
    return Figure().subplots()


def test_the_bridge_leads_from_the_cost_before_over_the_causes_to_the_cost_after(axes: Axes) -> None:
    """13,200 and 1,315 tokens cost $0.059325; four times the output costs $0.059175 more, and nothing else changed."""
    cost_bridge(frame_of(*period("2026-08", longer=4)), against=frame_of(*period("2026-07")), ax=axes)
    assert tick_texts(axes, "y") == ["before", "output tokens", "after"]
    bars = [bar for (bar,) in layers(axes)]
    assert [bar.get_x() for bar in bars] == pytest.approx([0, 0.059325, 0])
    assert [bar.get_width() for bar in bars] == pytest.approx([0.059325, 0.059175, 0.1185])
    assert [to_hex(bar.get_facecolor()) for bar in bars] == [GREY, LOSS, GREY]
    assert texts(axes) == ["$0.0593", "+$0.0592", "$0.1185"]
    assert find_content(axes).details[0] == "cost: $0.0592 more than before (+99.7 %)"


def test_less_cost_has_another_color_and_a_minus(axes: Axes) -> None:
    cost_bridge(frame_of(*period("2026-08")), against=frame_of(*period("2026-07", longer=4)), ax=axes)
    _, (bar,), _ = layers(axes)
    assert (to_hex(bar.get_facecolor()), texts(axes)[1]) == (GAIN, "−$0.0592")
    content = find_content(axes)
    assert [entry.label for entry in content.entries] == ["less"]
    assert content.series == [(bar, "less")]
    assert pointed(axes) == [
        "before: $0.1185",
        "output tokens: −$0.0592",
        "after: $0.0593",
    ]


def test_the_steps_add_up_to_the_change(axes: Axes) -> None:
    before = frame_of(*period("2026-07"), *period("2026-07", model="b", provider_name="Q", longer=3))
    after = frame_of(*period("2026-08", times=4), *period("2026-08", model="b", provider_name="Q"))
    cost_bridge(after, against=before, ax=axes)
    bars = [bar for (bar,) in layers(axes)]
    ends = [bar.get_x() + bar.get_width() for bar in bars]
    assert [bar.get_x() for bar in bars[1:-1]] == ends[:-2]
    assert ends[-2] == pytest.approx(ends[-1], rel=1e-12)
    known = (float(frame["total_cost"].sum()) for frame in (before, after))
    assert [ends[0], ends[-1]] == pytest.approx([*known])
    change = cost_change(before, after, by="model")
    total = change.attrs["total"]
    other = Figure().subplots()
    cost_bridge(after, against=before, change=change, ax=other)
    assert texts(other) == texts(axes)
    assert sum(bar.get_width() for bar in bars[1:-1]) == pytest.approx(total["change"])


def test_unknown_costs_are_a_step_without_a_length_and_make_costs_lower_bounds(axes: Axes) -> None:
    before = frame_of(*period("2026-07"), on("2026-07-09", total_cost=None))
    cost_bridge(frame_of(*period("2026-08", longer=2)), against=before, ax=axes)
    assert tick_texts(axes, "y")[-2:] == ["cost not known", "after"]
    assert texts(axes)[0] == "≥ $0.05933"
    assert texts(axes)[-2:] == ["?", "$0.07905"]
    content = find_content(axes)
    assert pointed(axes)[-2] == "cost not known: ? (1 request of before)"
    assert content.details[0].startswith("known cost: ")


def test_small_steps_are_seen_since_the_axis_does_not_begin_at_0(axes: Axes) -> None:
    before = frame_of(*period("2026-07", times=4))
    extra = on("2026-08-28", native_tokens_prompt=1_000, native_tokens_completion=120, total_cost=0.0048)
    cost_bridge(frame_of(*period("2026-08", times=4), extra), against=before, ax=axes)
    low, high = axes.get_xlim()
    assert 0 < low < 0.2373 < high
    drawn = [bar.get_x() for layer in layers(axes) for bar in layer]
    assert min(drawn) >= low
    assert any(detail.startswith("the axis begins at $0.23") for detail in find_content(axes).details)


def test_without_another_period_the_last_two_full_months_are_compared_per_day(axes: Axes) -> None:
    days = [
        on(f"{day:%Y-%m-%d}", total_cost=1.0 + (day.month == 2)) for day in pd.date_range("2026-01-01", "2026-03-01")
    ]
    cost_bridge(frame_of(*days), ax=axes)
    assert tick_texts(axes, "y")[0 :: len(tick_texts(axes, "y")) - 1] == ["January 2026", "February 2026"]
    assert axes.get_xlabel() == "cost per day (US$)"
    assert [texts(axes)[0], texts(axes)[-1]] == ["$1.000", "$2.000"]


def test_records_of_one_month_are_compared_by_week(axes: Axes) -> None:
    """14 days at $1, then 7 days at $2, from Monday on."""
    days = [on(f"2026-06-{day:02}", total_cost=1.0 + (day > 14)) for day in range(1, 22)]
    cost_bridge(frame_of(*days), ax=axes)
    assert [texts(axes)[0], texts(axes)[-1]] == ["$7.00", "$14.00"]
    assert tick_texts(axes, "y")[0] == "week of 2026-06-08"
    other = Figure().subplots()
    cost_bridge(frame_of(*days), every="month", ax=other)
    assert "all records are in one month, June 2026" in texts(other)[0].replace("\n", " ")


def test_other_lengths_of_given_periods_are_said(axes: Axes) -> None:
    before = frame_of(*period("2026-07", times=2))
    cost_bridge(frame_of(*period("2026-08")), against=before, ax=axes)
    assert "12 and 6 days: more days count as more requests" in find_content(axes).details
    other = Figure().subplots()
    cost_bridge(frame_of(*period("2026-08")), against=before, days=(12, 6), ax=other)
    assert [texts(other)[0], texts(other)[-1]] == ["$0.009888", "$0.009888"]
    assert find_content(other).details[0] == "cost per day: as much as before"


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([on("2026-07-01"), on("2026-07-02")], "all records are in one week"),
        ([{"created_at": None}], "no record has a time"),
    ],
)
def test_without_two_periods_a_sentence_says_why(axes: Axes, records: list[dict[str, Any]], reason: str) -> None:
    cost_bridge(frame_of(*records), ax=axes)
    assert reason in texts(axes)[0].replace("\n", " ")
    assert not layers(axes)


def test_without_any_known_cost_a_sentence_says_of_which_period(axes: Axes) -> None:
    cost_bridge(frame_of(on("2026-08-01", total_cost=None)), against=frame_of(on("2026-07-01")), ax=axes)
    assert texts(axes) == ["no cost of after is known"]


def test_title_and_details_are_the_callers(axes: Axes) -> None:
    cost_bridge(frame_of({}), against=frame_of({}), title="Mine", subtitle=False, ax=axes)
    assert (find_content(axes).title, list(find_content(axes).details)) == ("Mine", [])
