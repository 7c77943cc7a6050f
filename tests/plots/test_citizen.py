"""A chart in a figure of the caller: its cells, its titles, its style, its pickles."""

import pickle
from collections.abc import Sequence
from functools import cache
from io import StringIO
from itertools import combinations
from typing import Any, Literal

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from genanalytics.plots import CHARTS, cost_over_time, cost_ranking
from genanalytics.plots.content import find_content
from genanalytics.plots.palette import measure_contrast
from genanalytics.sandbox import sample
from support.generations import frame_of, on, parse_records

GRIDS = [tuple(CHARTS)[start : start + 4] for start in range(0, len(CHARTS), 4)]
LAYOUTS: list[tuple[tuple[float, float], Literal["constrained"] | None]] = [((9, 7), "constrained"), ((12, 8), None)]
TWO_DAYS = frame_of(on("2026-03-02"), on("2026-03-03", model="b", total_cost=3.0))


@cache
def made() -> pd.DataFrame:
    return parse_records(sample(300).records)


@cache
def draw_dark(name: str) -> Axes:
    with plt.style.context("dark_background"):
        return CHARTS[name].draw(made(), ax=Figure(layout="constrained").subplots())


@pytest.mark.long
@pytest.mark.parametrize(("size", "layout"), LAYOUTS, ids=str)
@pytest.mark.parametrize("names", GRIDS, ids=lambda names: names[0])
def test_charts_in_a_grid_are_whole_and_apart(
    names: Sequence[str], size: tuple[float, float], layout: Literal["constrained"] | None
) -> None:
    figure = Figure(figsize=size, layout=layout)
    axes = dict(zip(names, figure.subplots(2, 2).flat, strict=False))
    for name, ax in axes.items():
        CHARTS[name].draw(made(), ax=ax)
    figure.draw_without_rendering()
    boxes = {name: ax.get_tightbbox() for name, ax in axes.items()}
    for name, box in boxes.items():
        assert min(box.x0, box.y0, figure.bbox.x1 - box.x1, figure.bbox.y1 - box.y1) > -2, [name, box, "is cut"]
        own = axes[name].get_window_extent()
        assert own.width > 0.35 * figure.bbox.width / 2, [name, "is a strip"]
        assert own.height > 0.35 * figure.bbox.height / 2, [name, "is a strip"]
    for one, other in combinations(names, 2):
        assert not boxes[one].shrunk(0.98, 0.98).overlaps(boxes[other].shrunk(0.98, 0.98)), [one, other]


def list_texts(ax: Axes) -> list[str]:
    figure: Any = ax.figure
    figure.draw_without_rendering()
    return [text.get_text() for text in ax.findobj(Text) if text.get_visible()]


def test_the_title_of_a_chart_is_its_subject() -> None:
    ax = cost_over_time(TWO_DAYS, ax=Figure().subplots())
    assert ax.get_title() == find_content(ax).title == "Cost per day by model"


def test_a_title_of_the_caller_replaces_title_and_details() -> None:
    ax = cost_over_time(TWO_DAYS, ax=Figure().subplots())
    assert not ax.title.get_parse_math()
    ax.set_title("Spend")
    assert ax.get_title() == "Spend"
    assert ax.title.get_parse_math()
    figure: Any = ax.figure
    figure.draw_without_rendering()
    drawn = ax.title.get_window_extent()
    assert drawn.x0 < (ax.bbox.x0 + ax.bbox.x1) / 2 < drawn.x1, "where matplotlib puts titles"
    legend: Any = ax.get_legend()
    assert drawn.height - legend.get_window_extent().height < 30, "one line and the legend"


def test_a_title_of_the_caller_at_the_left_replaces_the_subject() -> None:
    ax = cost_over_time(TWO_DAYS, ax=Figure().subplots())
    ax.set_title("Spend", loc="left")
    assert "Cost per day by model" not in list_texts(ax)


def test_the_title_and_the_details_can_be_chosen() -> None:
    ax = cost_ranking(TWO_DAYS, title="Spend", subtitle=False, ax=Figure().subplots())
    assert (ax.get_title(), list(find_content(ax).details)) == ("Spend", [])


def test_a_long_title_is_inside_of_the_figure() -> None:
    ax = cost_ranking(TWO_DAYS, title="Spend of all teams " * 20, ax=Figure(layout="constrained").subplots())
    figure: Any = ax.figure
    figure.draw_without_rendering()
    drawn = ax.title.get_window_extent()
    assert drawn.x1 <= figure.bbox.x1
    assert ax.get_position().height > 0.5


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_can_be_pickled(name: str) -> None:
    ax = draw_dark(name)
    (again,) = pickle.loads(pickle.dumps(ax.figure)).axes[:1]  # noqa: S301 - made here
    assert again.get_title() == ax.get_title()
    assert find_content(again).entries == find_content(ax).entries


@pytest.mark.parametrize("name", CHARTS)
def test_all_text_is_readable_in_a_dark_style(name: str) -> None:
    ax = draw_dark(name)
    legend = ax.get_legend()
    on_paper = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.get_xticklabels(), *ax.get_yticklabels()]
    for text in [*on_paper, *(legend.get_texts() if legend else [])]:
        assert measure_contrast(to_hex(text.get_color()), "#000000") >= 4.5, text


def test_a_tight_layout_places_the_charts() -> None:
    figure = Figure(figsize=(10, 4))
    for ax in figure.subplots(1, 2):
        cost_ranking(TWO_DAYS, ax=ax)
    before = figure.axes[0].get_position(original=True).bounds
    figure.tight_layout()
    figure.draw_without_rendering()
    assert figure.axes[0].get_position().bounds == figure.axes[0].get_position(original=True).bounds != before


def test_the_font_of_the_caller_counts() -> None:
    with plt.rc_context({"font.size": 16}):
        ax = cost_over_time(TWO_DAYS, ax=Figure().subplots())
    legend: Any = ax.get_legend()
    assert legend.get_texts()[0].get_fontsize() > 12


def test_the_legend_of_a_caller_stays() -> None:
    ax = cost_over_time(TWO_DAYS, ax=Figure().subplots())
    ax.legend(title="mine")
    list_texts(ax)
    legend: Any = ax.get_legend()
    assert legend.get_title().get_text() == "mine"


@pytest.mark.parametrize("name", ["latency-percentiles", "latency-tails", "outcomes", "cost-bridge"])
def test_the_reason_of_an_empty_chart_is_inside_of_narrow_axes(name: str) -> None:
    ax = CHARTS[name].draw(frame_of({}), ax=Figure(figsize=(3.5, 3.5), layout="constrained").subplots())
    figure: Any = ax.figure
    figure.draw_without_rendering()
    (reason,) = [text for text in ax.texts if text.get_transform() == ax.transAxes]
    assert " ".join(reason.get_text().split()) == find_content(ax).reason
    assert ax.bbox.x0 <= reason.get_window_extent().x0 < reason.get_window_extent().x1 <= ax.bbox.x1


def test_titles_of_panels_take_no_room_from_the_layout() -> None:
    named = frame_of(*({"provider_name": f"{side} {'name ' * 7}"} for side in "ab" for _ in range(12)))
    ax = CHARTS["latency-tails"].draw(named, ax=Figure(figsize=(4.2, 4), layout="constrained").subplots())
    figure: Any = ax.figure
    figure.draw_without_rendering()
    assert ax.bbox.width > 0.75 * figure.bbox.width


def test_a_number_is_in_one_line_with_its_percent_sign() -> None:
    ax = cost_ranking(TWO_DAYS, title="half of it " + "19 % " * 40, ax=Figure(figsize=(6, 4)).subplots())
    figure: Any = ax.figure
    with plt.rc_context({"svg.fonttype": "none"}):
        figure.savefig(drawn := StringIO(), format="svg")
    assert "19 %" in drawn.getvalue()
    assert ">%" not in drawn.getvalue()
