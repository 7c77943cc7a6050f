from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from genanalytics.errors import InputError
from genanalytics.metrics import summarize
from genanalytics.plots import latency_percentiles
from genanalytics.plots.content import find_content
from genanalytics.plots.palette import HUES
from support.artists import detail, segments, texts, tick_texts
from support.generations import frame_of


@pytest.fixture
def axes() -> Axes:
    return Figure(figsize=(9, 5)).subplots()


def of_provider(name: str | None, number: int, step: int = 10) -> list[dict[str, object]]:
    """Return generations with latencies of one step, two steps, and so on, in milliseconds."""
    return [{"provider_name": name, "latency": step * (place + 1)} for place in range(number)]


def dots(ax: Axes) -> dict[str, list[tuple[float, float]]]:
    """Return the places of the dots, by percentile."""
    drawn = [artist for artist in ax.collections if isinstance(artist, PathCollection)]
    places: dict[str, Any] = {str(one.get_label()): one.get_offsets() for one in drawn}
    return {name: [(float(x), float(y)) for x, y in found if np.isfinite(x)] for name, found in places.items()}


def test_each_group_has_its_percentiles_the_lowest_p95_on_top(axes: Axes) -> None:
    frame = frame_of(*of_provider("slow", 500, step=30), *of_provider("fast", 500))
    latency_percentiles(frame, ax=axes)
    found = summarize(frame, by="provider_name", metrics=["ttft_ms"], intervals=True).set_index("provider_name")
    assert tick_texts(axes, "y") == ["fast", "slow"]
    for name, places in dots(axes).items():
        assert places == [(found[f"ttft_ms_{name}"]["fast"], 0), (found[f"ttft_ms_{name}"]["slow"], 1)]
    interval = segments(axes)[1]
    assert [line[:, 0].tolist() for line in interval] == [
        [found["ttft_ms_p95_low"][name], found["ttft_ms_p95_high"][name]] for name in ("fast", "slow")
    ]


def test_a_percentile_needs_five_slower_observations(axes: Axes) -> None:
    groups = {"a": 499, "b": 500, "c": 99, "d": 100, "e": 9}
    latency_percentiles(
        frame_of(*(row for name, number in groups.items() for row in of_provider(name, number))), ax=axes
    )
    assert tick_texts(axes, "y") == ["d", "a", "b", "c"]
    assert {name: [row for _, row in places] for name, places in dots(axes).items()} == {
        "p50": [0, 1, 2, 3],
        "p95": [0, 1, 2],
        "p99": [2],
    }
    assert "too few for a median: e" in detail(axes)
    assert "p95 from 100 observations on" in detail(axes)


def test_without_any_p95_the_medians_are_written(axes: Axes) -> None:
    latency_percentiles(frame_of(*of_provider("a", 11), *of_provider("b", 12)), ax=axes)
    assert texts(axes) == ["p50", "60 ms", "65 ms", "n", "11", "12"]
    assert [entry.label for entry in find_content(axes).entries] == ["p50"]


def test_groups_beyond_top_are_counted_and_small_ones_named(axes: Axes) -> None:
    rows = [row for place in range(5) for row in of_provider(f"p{place}", 20 - place)]
    few = [row for place in range(5) for row in of_provider(f"few{place}", 9 - place)]
    latency_percentiles(frame_of(*rows, *few), top=3, ax=axes)
    assert sorted(tick_texts(axes, "y")) == ["p0", "p1", "p2"]
    assert "the largest 3 of 5 by observations" in detail(axes)
    assert "too few for a median: few0, few1, few2 and 2 more" in detail(axes)


def test_figures_are_beside_the_rows_and_under_the_pointer(axes: Axes) -> None:
    latency_percentiles(frame_of(*of_provider("a", 100)), metric="ttft_ms", ax=axes)
    assert texts(axes) == ["p95", "950 ms", "n", "100"]
    (value,) = find_content(axes).values
    assert value.text.startswith("a\np50 505 ms\np95 950 ms (")
    assert value.text.endswith(")\np99 –\nn 100")
    assert (value.bottom, value.top) == (-0.5, 0.5)
    assert {label for _, label in find_content(axes).series} == {"p50", "p95"}


def test_colors_belong_to_groups(axes: Axes) -> None:
    frame = frame_of(*of_provider("a", 100), *of_provider("b", 100, step=20), *of_provider(None, 100, step=30))
    latency_percentiles(frame, colors={"b": "#008080", "unused": "black"}, ax=axes)
    (p95,) = [artist for artist in axes.collections if artist.get_label() == "p95"]
    colors: Any = p95.get_facecolor()
    assert [to_hex(color) for color in colors] == [HUES[0], "#008080", HUES[0]]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (of_provider("a", 9), "too few observations: a median needs 10 in one provider"),
        ([{"latency": None}], "no known TTFT"),
    ],
)
def test_without_a_percentile_the_chart_says_why(axes: Axes, rows: list[dict[str, object]], reason: str) -> None:
    latency_percentiles(frame_of(*rows), ax=axes)
    assert texts(axes)[-1] == reason


def test_a_speed_is_refused(axes: Axes) -> None:
    with pytest.raises(InputError, match=r"metric='tps_decode' is not a time, .*: give ttft_ms, e2e_ms"):
        latency_percentiles(frame_of(*of_provider("a", 100)), metric="tps_decode", ax=axes)
