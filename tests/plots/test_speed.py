from itertools import pairwise

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genanalytics.metrics import distribution, summarize
from genanalytics.plots import speed_against_price, throughput
from genanalytics.plots.palette import GREY, HUES
from support.artists import bars, detail, dots, render, segments, texts, tick_texts
from support.generations import frame_of


@pytest.fixture
def axes() -> Axes:
    return Figure(figsize=(9, 5)).subplots()


def of_model(name: str, *, usd: float, seconds: float, number: int = 5) -> list[dict[str, object]]:
    """Return generations of a million tokens each, a hundred thousand of them completion."""
    return [
        {"model": name, "total_cost": usd, "generation_time": int(1_000 * seconds) + place} for place in range(number)
    ]


MODELS = [
    *of_model("cheap and slow", usd=1.0, seconds=1_000),
    *of_model("dear and fast", usd=4.0, seconds=100),
    *of_model("beaten", usd=5.0, seconds=500),
]


def test_dots_stand_at_price_and_median_speed(axes: Axes) -> None:
    frame = frame_of(*MODELS)
    speed_against_price(frame, ax=axes)
    found = summarize(frame, by="model", metrics=["usd_per_mtok", "tps_e2e_p50"])
    assert [(dot.x, dot.y) for dot in dots(axes)] == list(zip(found["usd_per_mtok"], found["tps_e2e_p50"], strict=True))
    assert found["usd_per_mtok"].tolist() == [5.0, 1.0, 4.0]


def test_only_what_nothing_beats_is_named_and_in_color(axes: Axes) -> None:
    speed_against_price(frame_of(*MODELS), ax=axes)
    assert texts(axes) == ["cheap and slow", "dear and fast"]
    assert [dot.color for dot in dots(axes)] == [GREY, HUES[0], HUES[0]]


def test_intervals_are_those_of_the_summary(axes: Axes) -> None:
    frame = frame_of(
        *(
            {
                "model": "a",
                "total_cost": 1.0 + place / 50,
                "generation_time": 5_000 + 37 * place,
                "session_id": f"s{place}",
            }
            for place in range(40)
        )
    )
    speed_against_price(frame, ax=axes)
    found = summarize(frame, by="model", metrics=["usd_per_mtok", "tps_e2e_p50"], intervals=True).iloc[0]
    up, across = segments(axes)
    assert up[0][:, 1].tolist() == [found["tps_e2e_p50_low"], found["tps_e2e_p50_high"]]
    assert across[0][:, 0].tolist() == [found["usd_per_mtok_low"], found["usd_per_mtok_high"]]


def test_what_has_no_price_is_counted_and_not_drawn(axes: Axes) -> None:
    speed_against_price(frame_of(*MODELS, {"model": "free", "total_cost": 0.0}), ax=axes)
    assert "1 model without a price or a speed" in detail(axes)


def test_both_axes_say_their_units(axes: Axes) -> None:
    speed_against_price(frame_of(*MODELS), ax=axes)
    assert axes.get_xlabel() == "price (US$/M tokens), cheaper to the left"
    assert axes.get_ylabel() == "median throughput, end to end (tokens/s)"
    assert len({len(text.partition(".")[2]) for text in tick_texts(axes, "x")}) == 1


def test_names_do_not_stand_on_each_other(axes: Axes) -> None:
    models = [row for place in range(8) for row in of_model(f"model {place}", usd=1 + place / 50, seconds=100 - place)]
    speed_against_price(frame_of(*models), ax=axes)
    render(axes)
    boxes = sorted((text.get_window_extent() for text in axes.texts), key=lambda box: float(box.y0))
    assert len(boxes) == 8
    assert all(one.y1 <= other.y0 for one, other in pairwise(boxes))


def test_ridges_are_the_histograms_the_fastest_on_top(axes: Axes) -> None:
    frame = frame_of(*of_model("slow", usd=1, seconds=500), *of_model("fast", usd=1, seconds=50))
    throughput(frame, metric="tps_e2e", ax=axes)
    assert tick_texts(axes, "y") == ["fast", "slow"]
    cells = distribution(frame, "tps_e2e", by="model", kind="histogram", per_decade=20)
    drawn = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars(axes)]
    assert drawn == [
        pytest.approx((row["low"], row["high"]))
        for model in ("fast", "slow")
        for _, row in cells[cells["model"] == model].iterrows()
    ]
    heights = [-bar.get_height() for bar in bars(axes)]
    shares = [*cells[cells["model"] == "fast"]["share"], *cells[cells["model"] == "slow"]["share"]]
    assert heights == pytest.approx([0.92 * share / max(shares) for share in shares])


def test_medians_are_marked_and_written_with_n(axes: Axes) -> None:
    frame = frame_of(*of_model("a", usd=1, seconds=500, number=3))
    throughput(frame, metric="tps_e2e", ax=axes)
    (marks,) = segments(axes)
    median = summarize(frame, metrics=["tps_e2e"])["tps_e2e_p50"].iloc[0]
    assert marks[0][0, 0] == median
    assert "p50 200.0\nn = 3" in texts(axes)


def test_eight_groups_have_a_ridge(axes: Axes) -> None:
    models = [row for place in range(10) for row in of_model(f"m{place}", usd=1, seconds=90, number=20 - place)]
    throughput(frame_of(*models), metric="tps_e2e", ax=axes)
    assert sorted(tick_texts(axes, "y")) == [f"m{place}" for place in range(8)]
    assert "the largest 8 of 10 by observations" in detail(axes)
