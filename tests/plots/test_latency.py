import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch

from genanalytics.errors import InputError
from genanalytics.metrics import distribution, summarize
from genanalytics.plots import latency_heatmap, latency_tails
from genanalytics.plots.content import find_content
from genanalytics.plots.palette import HUES, find_look
from support.artists import detail, panels, points, texts, tick_texts
from support.generations import frame_of, on


@pytest.fixture
def axes() -> Axes:
    return Figure(figsize=(9, 5)).subplots()


def of_provider(name: str, number: int) -> list[dict[str, object]]:
    """Return generations with the latencies 10, 20, 30, ... milliseconds."""
    return [{"provider_name": name, "latency": 10 * (place + 1)} for place in range(number)]


def titles(ax: Axes) -> list[str]:
    return [panel.get_title() for panel in panels(ax)]


def test_each_group_has_a_panel_those_with_most_observations_first(axes: Axes) -> None:
    frame = frame_of(*of_provider("few", 6), *of_provider("many", 30), *of_provider("some", 20))
    latency_tails(frame, ax=axes)
    assert titles(axes) == ["many", "some", "few"]
    assert [panel.texts[0].get_text() for panel in panels(axes)] == ["n = 30", "n = 20", "n = 6"]


def test_the_percentile_axis_is_stretched_toward_the_slowest(axes: Axes) -> None:
    """Of 100 observations 10, 20, ... ms the 90th, 900 ms, is at 1 = -log10(1 - 0.9), where p90 is written."""
    latency_tails(frame_of(*of_provider("P", 100)), ax=axes)
    (panel,) = panels(axes)
    (line,) = panel.lines
    drawn = dict(zip(points(line)[0].round(9), points(line)[1], strict=True))
    assert drawn[1.0] == 900
    assert drawn[round(-np.log10(0.5), 9)] == 500
    assert dict(zip(tick_texts(panel, "x"), panel.get_xticks(), strict=False))["p90"] == pytest.approx(1)


def test_a_line_stops_where_fewer_than_five_observations_are_beyond_it(axes: Axes) -> None:
    latency_tails(frame_of(*of_provider("P", 100)), ax=axes)
    (line,) = panels(axes)[0].lines
    assert max(points(line)[1]) == 950  # five of a hundred are slower


def test_the_other_groups_stand_grey_behind(axes: Axes) -> None:
    frame = frame_of(*of_provider("A", 20), *of_provider("B", 19), *of_provider("C", 18))
    latency_tails(frame, ax=axes)
    for panel in panels(axes):
        assert [to_hex(line.get_color()) for line in panel.lines] == [find_look(axes).pale] * 2 + [HUES[0]]


def test_six_groups_have_a_panel_and_the_others_stand_behind_only(axes: Axes) -> None:
    latency_tails(frame_of(*(row for place in range(9) for row in of_provider(f"p{place}", 20 - place))), ax=axes)
    assert titles(axes) == [f"p{place}" for place in range(6)]
    assert {len(panel.lines) for panel in panels(axes)} == {9}
    assert "the largest of 9 by observations" in detail(axes)


def test_panels_share_their_scales(axes: Axes) -> None:
    latency_tails(frame_of(*of_provider("A", 20), *of_provider("B", 400)), ax=axes)
    assert len({(panel.get_xlim(), panel.get_ylim()) for panel in panels(axes)}) == 1


def test_lines_have_few_points(axes: Axes) -> None:
    latency_tails(frame_of(*of_provider("P", 900), *of_provider("Q", 800)), ax=axes)
    for panel in panels(axes):
        behind, own = (points(line)[0] for line in panel.lines)
        assert len(behind) <= 30
        assert len(own) <= 66


def test_small_axes_have_fewer_panels_and_top_limits_them() -> None:
    frame = frame_of(*(row for place in range(9) for row in of_provider(f"p{place}", 20 - place)))
    small = Figure(figsize=(4.2, 4), layout="constrained").subplots()
    latency_tails(frame, ax=small)
    assert titles(small) == ["p0", "p1", "p2", "p3"]
    large = Figure(figsize=(9, 5), layout="constrained").subplots()
    latency_tails(frame, top=2, colors={"p1": "#123456"}, ax=large)
    assert [to_hex(panel.lines[-1].get_color()) for panel in panels(large)] == [HUES[0], "#123456"]


def test_too_few_observations_are_described_in_words(axes: Axes) -> None:
    latency_tails(frame_of(*of_provider("P", 5)), ax=axes)
    assert find_content(axes).reason == "too few observations: a percentile needs 5 slower ones"
    assert not axes.child_axes


def test_panels_stay_in_the_place_of_the_callers_axes() -> None:
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    latency_tails(frame_of(*of_provider("A", 20), *of_provider("B", 19)), ax=right)
    figure.draw_without_rendering()
    outer = right.get_window_extent().padded(1)
    for panel in panels(right):
        inner = panel.get_window_extent()
        assert outer.contains(inner.x0, inner.y0)
        assert outer.contains(inner.x1, inner.y1)
    assert not left.child_axes


def test_durations_are_written_as_on_a_clock(axes: Axes) -> None:
    rows = [{"latency": latency} for latency in (200, 1_000, 10_000, 60_000, 300_000) for _ in range(9)]
    latency_tails(frame_of(*rows), ax=axes)
    assert tick_texts(panels(axes)[0], "y") == ["1 s", "10 s", "1 min"]


def test_another_time_can_be_measured_and_an_unknown_one_is_named(axes: Axes) -> None:
    latency_tails(frame_of(*of_provider("P", 20)), metric="e2e_ms", ax=axes)
    assert axes.get_title() == "E2E by percentile and provider"
    with pytest.raises(InputError, match="no row value 'e2e'"):
        latency_tails(frame_of({}), metric="e2e", ax=axes)


def days(*numbers: int) -> list[dict[str, object]]:
    """Return so many generations on each day of March, with the latencies 10, 20, 30, ... milliseconds."""
    return [
        on(f"2026-03-{day + 1:02}", latency=10 * (place + 1))
        for day, number in enumerate(numbers)
        for place in range(number)
    ]


def count_corners(area: PathPatch) -> int:
    return len(np.asarray(area.get_path().vertices))


def areas(ax: Axes) -> list[PathPatch]:
    return [artist for artist in ax.findobj(PathPatch) if artist.get_path().codes is not None]


def test_each_column_of_the_heat_map_is_a_period(axes: Axes) -> None:
    """Each day has one area of cells with a share above 0 at its place; the empty day has none."""
    frame = frame_of(*days(10, 0, 5))
    latency_heatmap(frame, ax=axes)
    found = distribution(frame, "ttft_ms", every="day", kind="histogram")
    all_cells = areas(axes)[0].get_path()
    first, last = (axes.get_xlim()[0] + place for place in (0.5, 2.5))
    for row in found.to_dict("records"):
        middle = float(np.sqrt(row["low"] * row["high"]))
        assert all_cells.contains_point((first if row["time"].day == 1 else last, middle))
    assert not any(all_cells.contains_point((first + 1, latency)) for latency in range(5, 110))
    assert np.diff(axes.get_xlim()) == pytest.approx(3)


def test_darker_levels_are_inside_of_lighter_ones(axes: Axes) -> None:
    latency_heatmap(frame_of(*days(40, 30, 7)), ax=axes)
    light, dark = areas(axes)[0], areas(axes)[-1]
    outer, inner = light.get_path().get_extents(), dark.get_path().get_extents()
    assert outer.x0 <= inner.x0 < inner.x1 <= outer.x1
    assert outer.y0 < inner.y0 < inner.y1 < outer.y1
    assert count_corners(dark) < count_corners(light)
    assert all(0 < (area.get_alpha() or 0) < 1 for area in areas(axes))


def test_the_pointer_reads_the_percentiles_of_a_period(axes: Axes) -> None:
    latency_heatmap(frame_of(*days(10, 0, 5)), ax=axes)
    values = [*find_content(axes).values]  # noqa: PD011 - no frame
    assert [value.text for value in values] == [
        "Sun 2026-03-01\np50: 55 ms\np95: –\nn = 10",
        "Mon 2026-03-02\np50: –\np95: –\nn = 0",
        "Tue 2026-03-03\np50: –\np95: –\nn = 5",
    ]
    assert values[1].right - values[1].left == 1  # type: ignore[operator]


def test_a_year_of_days_is_a_small_drawing(axes: Axes) -> None:
    rng = np.random.default_rng(1)
    moments = pd.date_range("2026-01-01", "2026-12-31", freq="h", tz="UTC")
    rows = [
        {"created_at": moment.isoformat(), "latency": int(latency)}
        for moment, latency in zip(moments[::2], rng.lognormal(7, 1, len(moments)), strict=False)
    ]
    latency_heatmap(frame_of(*rows), ax=axes)
    assert sum(count_corners(area) for area in areas(axes)) < 20_000


def test_percentiles_are_drawn_where_five_observations_or_more_are_beyond(axes: Axes) -> None:
    """p50 needs 10 observations and p95 100; a day with fewer is a gap that no line crosses."""
    frame = frame_of(*days(120, 9, 10, 120))
    latency_heatmap(frame, ax=axes)
    known = summarize(frame, every="day", metrics=["ttft_ms"])
    p50, p95 = (points(line)[1] for line in axes.lines)
    assert np.isnan(p50).tolist() == [False, True, False, False]
    assert np.isnan(p95).tolist() == [False, True, True, False]
    assert p50[[0, 2, 3]].tolist() == known["ttft_ms_p50"].iloc[[0, 2, 3]].tolist()
    assert p95[0] == known["ttft_ms_p95"].iloc[0]


def test_a_percentile_between_two_gaps_is_a_dot(axes: Axes) -> None:
    latency_heatmap(frame_of(*days(10, 0, 10, 10)), ax=axes)
    assert axes.lines[0].get_markevery() == [0]


def test_the_lines_are_named_where_they_end(axes: Axes) -> None:
    latency_heatmap(frame_of(*days(120, 120)), ax=axes)
    assert {"p50", "p95"} <= set(texts(axes))
    assert axes.get_legend() is None


def test_colors_have_a_scale_in_words_and_numbers(axes: Axes) -> None:
    latency_heatmap(frame_of(*days(20)), ax=axes)
    (scale,) = panels(axes)
    assert scale.get_ylabel() == "share of the day"
    assert all(text.endswith(" %") for text in tick_texts(scale, "y"))
