from itertools import combinations

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from matplotlib.text import Text

from genanalytics.metrics import distribution, summarize
from genanalytics.plots import speed_against_price, throughput
from genanalytics.plots.content import find_content
from genanalytics.plots.names import Names
from genanalytics.plots.palette import GREY, HUES
from support.artists import detail, dots, render, segments, texts, tick_texts
from support.generations import frame_of


@pytest.fixture
def axes() -> Axes:
    return Figure(figsize=(9, 5)).subplots()


def of_model(name: str, *, usd: float, seconds: float, number: int = 5) -> list[dict[str, object]]:
    """Return generations of a million tokens each, a hundred thousand of them completion."""
    return [
        {"model": name, "total_cost": usd, "generation_time": int(1_000 * seconds) + place} for place in range(number)
    ]


def find_names(ax: Axes) -> list[Text]:
    (names,) = (artist for artist in ax.get_children() if isinstance(artist, Names))
    return names.arrange()


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


def test_what_nothing_beats_is_named_first_and_in_color(axes: Axes) -> None:
    speed_against_price(frame_of(*MODELS), ax=axes)
    assert [text.get_text() for text in find_names(axes)] == ["cheap and slow", "dear and fast", "beaten"]
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
    assert "1 model without text, a price or a speed left out" in detail(axes)


def test_both_axes_say_their_units(axes: Axes) -> None:
    speed_against_price(frame_of(*MODELS), ax=axes)
    assert axes.get_xlabel() == "price (US$/M tokens), cheaper to the left"
    assert axes.get_ylabel().replace("\n", " ") == "median throughput (tokens/s)"
    assert len({len(text.partition(".")[2]) for text in tick_texts(axes, "x")}) == 1


@pytest.mark.parametrize("size", [(9, 5), (4.2, 4)])
def test_names_are_inside_of_the_axes_and_apart_from_each_other(size: tuple[float, float]) -> None:
    models = [
        row
        for place in range(20)
        for row in of_model(f"maker/a model with a long name {place}", usd=1 + place / 50, seconds=100 - place)
    ]
    axes = Figure(figsize=size, layout="constrained").subplots()
    speed_against_price(frame_of(*models), ax=axes)
    render(axes)
    boxes = [text.get_window_extent() for text in find_names(axes)]
    assert 2 <= len(boxes) <= 12
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    frame = axes.get_window_extent()
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes)


def test_top_limits_names_and_colors_are_those_of_the_caller(axes: Axes) -> None:
    speed_against_price(frame_of(*MODELS), top=1, colors={"beaten": "#123456"}, ax=axes)
    assert [text.get_text() for text in find_names(axes)] == ["cheap and slow"]
    assert [dot.color for dot in dots(axes)] == ["#123456", *HUES[:2]]


def test_only_answers_in_text_count(axes: Axes) -> None:
    """A provider has the speed of its text; a model without text has no dot."""
    media: list[dict[str, object]] = [
        {"api_type": "tts"},
        {"api_type": "image"},
        {"native_tokens_completion_images": 4_000},
        {"num_media_completion": 1},
        {"native_tokens_completion": 0},
    ]
    other = of_model("media", usd=9.0, seconds=1, number=len(media))
    frame = frame_of(*MODELS, *(row | kind for row, kind in zip(other, media, strict=True)))
    speed_against_price(frame, ax=axes)
    assert [dot.x for dot in dots(axes)] == [5.0, 1.0, 4.0]
    assert "1 model without text, a price or a speed left out" in detail(axes)


def test_ridges_are_the_histograms_the_fastest_on_top(axes: Axes) -> None:
    frame = frame_of(*of_model("slow", usd=1, seconds=500), *of_model("fast", usd=1, seconds=50))
    throughput(frame, metric="tps_e2e", ax=axes)
    assert tick_texts(axes, "y") == ["fast", "slow"]
    cells = distribution(frame, "tps_e2e", by="model", kind="histogram", per_decade=20)
    ridges = [patch for patch in axes.patches if isinstance(patch, StepPatch)]
    for row, (model, ridge) in enumerate(zip(("fast", "slow"), ridges, strict=True)):
        own = cells[cells["model"] == model]
        assert ridge.get_data()[1].tolist() == pytest.approx([*own["low"], own["high"].max()])
        assert (row - ridge.get_data()[0]).tolist() == pytest.approx([0.92 * share for share in own["share"]])


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


def test_ridges_have_the_colors_of_the_caller_and_top_limits_them(axes: Axes) -> None:
    frame = frame_of(*of_model("a", usd=1, seconds=500, number=6), *of_model("b", usd=1, seconds=50))
    throughput(frame, metric="tps_e2e", top=1, colors={"a": "#123456"}, ax=axes)
    assert [to_hex(patch.get_facecolor()) for patch in axes.patches] == ["#123456"]
    assert [value.text for value in find_content(axes).values] == ["a: p50 200.0 tokens/s, n = 6"]
