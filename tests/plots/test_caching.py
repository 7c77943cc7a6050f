import matplotlib.pyplot as plt
import pandas as pd
import pytest
from hypothesis import given
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from genanalytics.metrics import summarize
from genanalytics.plots import cache_payback, cache_savings_rate, cache_waterfall
from genanalytics.plots.palette import GAIN, LOSS
from support.artists import detail, dots, layers, points, segments, texts, tick_texts
from support.generations import CHARGED, frame_of, on


@pytest.fixture
def axes() -> Axes:
    return Figure().subplots()


def test_the_waterfall_leads_from_the_cost_without_caching_to_the_bill(axes: Axes) -> None:
    """Without caching 3 + 5 + (-1) + 2 = 9; the premium 1 and the savings 5 lead to the bill of 3 + 2 = 5."""
    frame = frame_of({"total_cost": 3.0, "cache_discount": 5.0}, {"total_cost": 2.0, "cache_discount": -1.0})
    cache_waterfall(frame, ax=axes)
    (bars,) = layers(axes)
    assert [(bar.get_y(), bar.get_height()) for bar in bars] == [(0, 9.0), (9.0, 1.0), (10.0, -5.0), (0, 5.0)]
    assert [to_hex(bar.get_facecolor()) for bar in bars[1:3]] == [LOSS, GAIN]
    assert texts(axes) == ["$9.00", "+$1.00", "−$5.00", "$5.00"]
    assert tick_texts(axes, "x") == ["without\ncaching", "write\npremium", "read\nsavings", "paid"]


@given(CHARGED)
def test_the_steps_of_the_waterfall_add_up_to_what_was_paid(records: list[dict[str, object]]) -> None:
    frame, axes = frame_of(*records), Figure().subplots()
    cache_waterfall(frame, ax=axes)
    found = summarize(frame, metrics=["cost", "cache"]).iloc[0]
    if pd.isna(found["net_cache_savings"]):
        assert "no discount reported" in texts(axes)
        return
    (bars,) = layers(axes)
    ends = [bar.get_y() + bar.get_height() for bar in bars]
    assert [bar.get_y() for bar in bars] == [0, *ends[:-2], 0]
    assert ends[-2] == ends[-1]
    names = ["cost_without_cache", "write_premium", "read_savings", "effective_cost"]
    drawn = [abs(bar.get_height()) for bar in (*bars[:3], bars[-1])]
    assert drawn == [0 if pd.isna(found[name]) else abs(found[name]) for name in names]
    unknown = found["cost_unknown"]
    assert [label.startswith("not known") for label in tick_texts(axes, "x")].count(True) == (unknown > 0)
    assert ("+ ?" in texts(axes)) == (unknown > 0)


def test_an_unknown_cost_is_a_step_without_a_height_and_makes_both_costs_lower_bounds(axes: Axes) -> None:
    """The cost without caching is at least 3 + 1 + 0.9, of which 1 + 0.9 was saved."""
    own = {"is_byok": True, "total_cost": 0.0, "upstream_inference_cost": None, "cache_discount": 0.9}
    cache_waterfall(frame_of({"total_cost": 3.0, "cache_discount": 1.0}, own), ax=axes)
    assert texts(axes) == ["≥ $4.90", "$0.00", "−$1.90", "+ ?", "≥ $3.00"]
    assert tick_texts(axes, "x")[3] == "not known\n(1)"
    assert "a lower bound: cost not fully known for 1 request" in detail(axes)


def test_the_waterfall_of_byok_leads_to_all_that_was_paid(axes: Axes) -> None:
    """0.90 was saved of 0.05 + 1.00 + 0.90, although the bill of OpenRouter is only 0.05."""
    own = {"is_byok": True, "total_cost": 0.05, "upstream_inference_cost": 1.0, "cache_discount": 0.9}
    cache_waterfall(frame_of(own), ax=axes)
    assert texts(axes) == ["$1.95", "$0.00", "−$0.90", "$1.05"]


def test_without_any_known_cost_nothing_is_drawn_as_paid(axes: Axes) -> None:
    cache_waterfall(frame_of({"total_cost": None, "cache_discount": 5.0}), ax=axes)
    assert texts(axes) == ["≥ $5.00", "$0.00", "−$5.00", "+ ?", "–"]


def test_the_waterfall_says_how_often_a_discount_is_reported(axes: Axes) -> None:
    cache_waterfall(frame_of({"cache_discount": 1.0}, {}, {}, {}), ax=axes)
    assert "a discount is reported for 25.0 % of the generations" in detail(axes)


@pytest.mark.parametrize("chart", [cache_waterfall, cache_savings_rate, cache_payback])
def test_no_discount_reported_is_said_in_words(axes: Axes, chart: object) -> None:
    chart(frame_of({}, {}), ax=axes)  # type: ignore[operator]
    assert "no discount reported" in texts(axes)
    assert not axes.patches


SESSIONS = [
    {"model": "good", "total_cost": 1.0 + place / 10, "cache_discount": 3.0, "session_id": f"s{place}"}
    for place in range(8)
] + [
    {"model": "bad", "total_cost": 2.0, "cache_discount": -0.5 - place / 10, "session_id": f"t{place}"}
    for place in range(8)
]


def test_rates_are_dots_in_rows_best_first_with_their_intervals(axes: Axes) -> None:
    frame = frame_of(*SESSIONS, {"model": "silent"})
    cache_savings_rate(frame, ax=axes)
    found = summarize(frame, by="model", metrics=["cache_savings_rate"], intervals=True).set_index("model")
    assert [(dot.x, dot.y) for dot in dots(axes)] == [
        (found.loc["good", "cache_savings_rate"], 0),
        (found.loc["bad", "cache_savings_rate"], 1),
    ]
    (lines,) = segments(axes)
    limits = [
        end
        for model in ("good", "bad")
        for end in found.loc[model, ["cache_savings_rate_low", "cache_savings_rate_high"]]
    ]
    assert [end[0] for line in lines for end in line] == pytest.approx(limits)
    assert tick_texts(axes, "y") == ["good", "bad"]
    assert [dot.color for dot in dots(axes)] == [GAIN, LOSS]


def test_groups_without_a_rate_are_counted_with_their_reason(axes: Axes) -> None:
    own = {"model": "own", "is_byok": True, "upstream_inference_cost": 1.0, "cache_discount": 1.0}
    cache_savings_rate(frame_of(*SESSIONS, {"model": "silent"}, {"model": "still"}, own), ax=axes)
    assert "no discount reported for 2 models; only BYOK or replayed for 1 model" in detail(axes)
    assert tick_texts(axes, "y") == ["good", "bad"]


def test_groups_have_the_colors_that_the_caller_gives_and_top_rows(axes: Axes) -> None:
    cache_savings_rate(frame_of(*SESSIONS), colors={"good": "#123456"}, top=1, ax=axes)
    assert [dot.color for dot in dots(axes)] == ["#123456"]
    assert "the largest 1 of 2 by cost" in detail(axes)


def test_large_amounts_have_no_cents_where_they_would_overlap() -> None:
    frame = frame_of({"total_cost": 3_000.0, "cache_discount": 5_000.0})
    small = cache_waterfall(frame, ax=Figure(figsize=(4.2, 4), layout="constrained").subplots())
    assert texts(small) == ["$8,000", "$0.00", "−$5,000", "$3,000"]


def test_the_size_of_a_dot_is_the_cost_without_caching(axes: Axes) -> None:
    frame = frame_of(
        {"model": "a", "total_cost": 3.0, "cache_discount": 1.0},
        {"model": "b", "total_cost": 1.0, "cache_discount": 1.0},
    )
    cache_savings_rate(frame, ax=axes)
    small, large = sorted(dot.size - 18 for dot in dots(axes))
    assert large == pytest.approx(2 * small)
    assert {"of $4.000", "of $2.000"} <= set(texts(axes))


def test_a_dot_says_of_which_cost_its_rate_is_a_share(axes: Axes) -> None:
    """The rate leaves out BYOK, replayed rows and unknown discounts, and so does the amount next to it."""
    paid = {"total_cost": 3.0, "cache_discount": 1.0}
    own = {"is_byok": True, "upstream_inference_cost": 9.0, "cache_discount": 1.0}
    cache_savings_rate(frame_of(paid, own, {"total_cost": 7.0}, paid | {"response_cache_source_id": "gen-0"}), ax=axes)
    assert "of $4.000" in texts(axes)


def test_dots_are_inside_of_the_axes_in_a_style_without_margins() -> None:
    with plt.style.context("ggplot"):
        axes = Figure(figsize=(4.2, 4)).subplots()
        cache_savings_rate(
            frame_of({"model": "a", "cache_discount": 8.0}, {"model": "b", "cache_discount": 5.0}), ax=axes
        )
    rates = [dot.x for dot in dots(axes)]
    assert axes.get_xlim()[1] >= max(rates) * 1.05
    assert axes.get_xlim()[0] < 0


def test_savings_add_up_over_time_from_nothing(axes: Axes) -> None:
    frame = frame_of(
        on("2026-03-01", cache_discount=-2.0),
        on("2026-03-03", cache_discount=5.0),
        on("2026-03-03"),  # nothing reported adds nothing
    )
    cache_payback(frame, ax=axes)
    lines = {str(line.get_label()): points(line)[1].tolist() for line in axes.lines}
    assert lines["net"] == [0, -2.0, -2.0, 3.0]
    assert lines["read savings"] == [0, 0, 0, 5.0]
    assert lines["write premium"] == [0, -2.0, -2.0, -2.0]


def test_savings_add_up_over_sessions_the_largest_loss_first(axes: Axes) -> None:
    frame = frame_of(
        {"session_id": "a", "cache_discount": 4.0},
        {"session_id": "b", "cache_discount": -1.0},
        {"session_id": "c", "cache_discount": -2.0},
        {"session_id": "c", "cache_discount": 0.5},
        {"session_id": "d"},
        {"session_id": None, "cache_discount": -9.0},
    )
    cache_payback(frame, by="session_id", ax=axes)
    assert points(axes.lines[0])[1].tolist() == [0, -1.5, -2.5, 1.5]
    assert "caching lost $2.500 in 2 of 3 sessions; net $1.500" in detail(axes)
    assert "no discount reported for 1 more" in detail(axes)
    assert "1 generation without a session left out" in detail(axes)
    assert axes.get_xlabel() == "sessions, the largest loss first"


def test_a_line_over_many_sessions_has_few_points_and_its_lowest_one(axes: Axes) -> None:
    frame = frame_of(*({"session_id": f"s{place}", "cache_discount": (place - 333) / 100} for place in range(1_000)))
    cache_payback(frame, by="session_id", ax=axes)
    drawn = points(axes.lines[0])[1]
    assert len(drawn) <= 302
    assert drawn.min() == pytest.approx(-333 * 334 / 200)
    assert drawn[-1] == pytest.approx(sum(range(-333, 667)) / 100)
