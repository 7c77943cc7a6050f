"""What every chart promises, whatever it is given."""

import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from genanalytics import plots
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.files import write_parquet
from genanalytics.plots import CHARTS, attempts_by_provider, cost_over_time, latency_percentiles, save
from genanalytics.records.frame import parse_frame
from genanalytics.sandbox import sample
from support.artists import detail, panels, render, texts
from support.generations import frame_of, on

START = datetime(2026, 3, 1, tzinfo=UTC)
CHART = pytest.mark.parametrize("name", CHARTS)
SLOW_ON_ENGINES = {"unused-cost"}
"""Charts of many queries."""


def spread_over(span: timedelta, number: int, groups: int = 3) -> pd.DataFrame:
    """Return generations at even distances, of several groups, each with other figures."""
    return frame_of(
        *(
            {
                "created_at": (START + span * (place / number)).isoformat(),
                "model": f"maker/model-{place % groups:03}",
                "provider_name": f"provider {place % groups:03}",
                "session_id": f"session-{place % (2 * groups):03}",
                "total_cost": 0.01 * (1 + place % groups),
                "cache_discount": (place % 5 - 1) / 100,
                "latency": 300 + 37 * (place % 91),
                "generation_time": 4_000 + 41 * (place % 101),
                "native_tokens_completion": 100 + 13 * (place % 17),
                "finish_reason": ["stop", "length", "error", None, "tool_calls", "something else"][place % 6],
                "cancelled": place % 7 == 0,
                "provider_responses": [{"status": 200}] * (1 + (place % 4 == 0)),
            }
            for place in range(number)
        )
    )


def all_null() -> pd.DataFrame:
    frame = spread_over(timedelta(days=3), 12)
    return pd.DataFrame({name: pd.Series([None] * len(frame), dtype=frame[name].dtype) for name in frame})


FRAMES: dict[str, Callable[[], pd.DataFrame]] = {
    "nothing": lambda: parse_frame([]),
    "one row": lambda: frame_of({}),
    "two rows": lambda: spread_over(timedelta(days=2), 2),
    "three rows": lambda: spread_over(timedelta(days=3), 3),
    "one group": lambda: spread_over(timedelta(days=9), 40, groups=1),
    "200 groups": lambda: spread_over(timedelta(days=9), 1_200, groups=200),
    "all null": all_null,
    "a year": lambda: spread_over(timedelta(days=365), 700),
    "one minute": lambda: spread_over(timedelta(minutes=1), 60),
    "undated": lambda: frame_of({"created_at": None}, {"created_at": None}),
    "free of charge": lambda: frame_of({"total_cost": 0.0, "cache_discount": 0.0}),
    "infinite cost": lambda: frame_of({"total_cost": 1e300, "cache_discount": 1e300}, {}).replace(1e300, np.inf),
    "zero times": lambda: frame_of({"latency": 0, "generation_time": 0, "native_tokens_completion": 0}, {}),
    "strange names": lambda: frame_of(
        *({"model": name, "provider_name": name} for name in ("$a_{b}$ $\\frac$", "x" * 10_000, "a\nb\x1b", "", None))
    ),
}


@pytest.fixture
def axes() -> Axes:
    """Axes of a figure of the caller's own, without pyplot."""
    return Figure(figsize=(9, 5), layout="constrained").subplots()


@pytest.fixture
def _no_figures_left() -> Iterator[None]:
    plt.close("all")  # figures of other tests
    yield
    plt.close("all")


def everything(ax: Axes) -> list[Axes]:
    return [ax, *(child for inner in panels(ax) for child in everything(inner))]


@cache
def made(frame: str) -> pd.DataFrame:
    return FRAMES[frame]()


@CHART
@pytest.mark.parametrize("frame", FRAMES)
def test_a_chart_is_a_right_picture_or_a_labelled_empty_one(name: str, frame: str, axes: Axes) -> None:
    assert CHARTS[name].draw(made(frame), ax=axes) is axes
    assert axes.get_title()
    assert "generation" in detail(axes)
    render(axes)  # outside of the style's context: names with dollars stay text
    for ax in everything(axes):
        for axis, side in ((ax.xaxis, "x"), (ax.yaxis, "y")):
            low, high = sorted(axis.get_view_interval())
            labels = [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            shown = [label for label in labels if label.get_text() and label.get_visible()]
            ends = sorted(tuple(getattr(label.get_window_extent(), f"interval{side}")) for label in shown)
            assert all(one[1] <= other[0] for one, other in pairwise(ends)), ["labels overlap", *map(str, shown)]


@CHART
def test_a_chart_stays_inside_of_its_figure(name: str, axes: Axes) -> None:
    CHARTS[name].draw(spread_over(timedelta(days=9), 400, groups=9), ax=axes)
    assert isinstance(axes.figure, Figure)
    axes.figure.draw_without_rendering()
    drawn = axes.figure.get_tightbbox()
    width, height = axes.figure.get_size_inches()
    assert drawn.x0 >= 0
    assert drawn.y0 >= 0
    assert drawn.x1 <= width
    assert drawn.y1 <= height


@CHART
@pytest.mark.usefixtures("_no_figures_left")
def test_a_chart_without_axes_gets_a_figure_of_its_own(name: str) -> None:
    ax = CHARTS[name].draw(frame_of({}, {}))
    assert [plt.figure(number) for number in plt.get_fignums()] == [ax.figure]


@CHART
def test_a_chart_changes_neither_settings_nor_neighbors_nor_the_data(name: str) -> None:
    before = dict(mpl.rcParams)
    figure = Figure()
    left, right = figure.subplots(1, 2)
    place = right.get_position().bounds
    frame = spread_over(timedelta(days=3), 30)
    copy = frame.copy(deep=True)
    CHARTS[name].draw(frame, ax=left)
    assert dict(mpl.rcParams) == before
    assert right.get_position().bounds == place
    assert figure.axes == [left, right]
    assert not right.has_data()
    pd.testing.assert_frame_equal(frame, copy)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name in SLOW_ON_ENGINES else []) for name in CHARTS]
)
def test_a_chart_of_a_relation_is_that_of_the_frame(name: str, axes: Axes, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    frame = spread_over(timedelta(days=3), 90)
    write_parquet(frame, tmp_path / "frame.parquet")
    with duckdb.connect() as engine:
        CHARTS[name].draw(engine.read_parquet(str(tmp_path / "frame.parquet")), ax=axes)
    other = CHARTS[name].draw(frame, ax=Figure(figsize=(9, 5), layout="constrained").subplots())
    assert texts(axes) == texts(other)
    assert [patch.get_height() for patch in axes.patches if hasattr(patch, "get_height")] == pytest.approx(
        [patch.get_height() for patch in other.patches if hasattr(patch, "get_height")]
    )


@CHART
def test_a_zone_that_does_not_exist_is_refused(name: str, axes: Axes) -> None:
    with pytest.raises(InputError, match="no time zone 'Mars/Olympus'"):
        CHARTS[name].draw(frame_of({}), tz="Mars/Olympus", ax=axes)


@CHART
def test_a_missing_column_is_named(name: str, axes: Axes) -> None:
    with pytest.raises(MissingColumnError, match=r"no column|cannot group by"):
        CHARTS[name].draw(pd.DataFrame({"id": ["gen-1"]}), ax=axes)


def test_the_catalog_holds_every_chart_of_the_package() -> None:
    drawn = {chart.draw.__name__ for chart in CHARTS.values()}
    assert drawn == set(plots.__all__) - {"CHARTS", "Chart", "find_chart", "save"}
    assert all(chart.question.endswith("?") for chart in CHARTS.values())


@CHART
def test_the_options_of_a_chart_are_keywords(name: str) -> None:
    data, *options = inspect.signature(CHARTS[name].draw).parameters.values()
    assert data.name == "data"
    assert {option.kind for option in options} == {inspect.Parameter.KEYWORD_ONLY}
    assert {"tz", "ax"} <= {option.name for option in options}


def test_a_name_that_no_chart_has_is_answered_with_those_that_exist() -> None:
    with pytest.raises(
        InputError, match=r"no chart 'cost-rankin'; did you mean 'cost-ranking'\? there are cost-"
    ) as told:
        plots.find_chart("cost-rankin")
    assert all(name in str(told.value) for name in CHARTS)


def test_a_name_in_place_of_a_chart_is_answered_with_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"chart='cost-ranking': give a function of genanalytics\.plots, such"):
        save(frame_of({}), "cost-ranking", tmp_path / "chart.png")  # type: ignore[arg-type]


def test_an_option_that_a_chart_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cost_over_time has no option 'value'; it has by, every, tz,"):
        save(frame_of({}), cost_over_time, tmp_path / "chart.png", value="ttft_ms")  # type: ignore[call-arg]


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_chart_is_saved_in_the_form_that_the_suffix_names(tmp_path: Path, suffix: str, magic: bytes) -> None:
    path = tmp_path / f"chart.{suffix}"
    save(frame_of({}), cost_over_time, path, by="provider_name")
    assert path.read_bytes().startswith(magic)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_a_chart_saved_twice_is_the_same_bytes_and_says_nothing_of_what_made_it(tmp_path: Path, suffix: str) -> None:
    paths = [tmp_path / f"{place}.{suffix}" for place in range(2)]
    for path in paths:
        save(frame_of(on("2026-03-01"), on("2026-03-02", model="b")), cost_over_time, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert b"atplotlib v" not in paths[0].read_bytes()


def test_a_picture_has_the_size_and_the_paper_that_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "chart.png"
    save(frame_of({}), cost_over_time, path, width=3, height=2, dpi=50, theme="dark")
    picture = plt.imread(path)
    assert picture.shape[:2] == (100, 150)
    assert to_hex(picture[0, 0]) == "#17171a"


def test_a_theme_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no theme 'blue'; there are light, dark"):
        save(frame_of({}), cost_over_time, tmp_path / "chart.png", theme="blue")  # type: ignore[arg-type]


WITH_TOP = [name for name, chart in CHARTS.items() if "top" in inspect.signature(chart.draw).parameters]


@pytest.mark.parametrize("name", WITH_TOP)
def test_a_number_of_groups_below_1_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="top is 0: give the number of groups to draw, from 1 on"):
        CHARTS[name].draw(frame_of({}), top=0, ax=Figure().subplots())


@pytest.mark.parametrize("chart", [attempts_by_provider, latency_percentiles])
def test_a_color_that_does_not_exist_is_refused(chart: Callable[..., Axes]) -> None:
    attempt = {"provider_name": "P", "status": 200, "latency": 300}
    records = frame_of(*[{"provider_name": "P", "latency": 300, "provider_responses": [attempt]}] * 10)
    with pytest.raises(InputError, match=r"colors\['P'\] is 'blau': give a color"):
        chart(records, colors={"P": "blau"}, ax=Figure().subplots())


def test_options_of_another_type_are_refused() -> None:
    options: list[tuple[dict[str, Any], str]] = [
        ({"top": 2.5}, "top is 2.5: give the number of groups to draw, from 1 on"),
        ({"colors": ["teal"]}, r"colors is \['teal'\]: give a mapping from groups to colors"),
    ]
    for option, sentence in options:
        with pytest.raises(InputError, match=sentence):
            cost_over_time(frame_of({}), ax=Figure().subplots(), **option)


def test_the_sample_is_drawn_without_an_empty_chart() -> None:
    made = sample()
    frame = frame_of(*made.records.values())
    for name, chart in CHARTS.items():
        ax = chart.draw(frame, ax=Figure().subplots())
        assert any(inner.has_data() for inner in everything(ax)), name


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no/chart.png", "there is no directory '.*no'; create it first"),
        ("chart.xlsx", "give a name that ends in"),
        ("chart", "give a name that ends in"),
    ],
)
def test_a_picture_that_cannot_be_written_is_refused_before_the_data_is_read(
    tmp_path: Path, name: str, sentence: str
) -> None:
    def draw(data: object, ax: Axes) -> Axes:
        pytest.fail(f"drew {data} on {ax}")

    with pytest.raises(InputError, match=sentence):
        save(parse_frame([]), draw, tmp_path / name)
