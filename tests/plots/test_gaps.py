"""The chart of cache hits by the time between calls."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genanalytics import hit_rate_by_gap as find_hit_rates
from genanalytics.decide.replay.hit_rate import GAPS
from genanalytics.plots import hit_rate_by_gap
from support.artists import detail
from support.cached_sessions import draw_calls, frame_calls, join_apps


@pytest.fixture
def axes() -> Axes:
    return Figure(figsize=(9, 5), layout="constrained").subplots()


def make_frame() -> pd.DataFrame:
    return frame_calls(draw_calls(np.random.default_rng(3), 30, gap_s=200.0, spread=2.0), 300.0)


def test_each_gap_has_its_hit_rate_its_interval_and_its_calls(axes: Axes) -> None:
    frame = make_frame()
    found = find_hit_rates(frame).set_index("gap").reindex([gap.name for gap in GAPS])
    hit_rate_by_gap(frame, ax=axes)
    drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    np.testing.assert_allclose(drawn, found["hit_rate"].to_numpy(dtype=float, na_value=np.nan))
    labels = [label.get_text().splitlines() for label in axes.get_xticklabels()]
    calls = found["requests"].fillna(0).tolist()
    assert [int(count.replace(",", "")) for _, count in labels] == calls[: len(labels)]
    assert calls[len(labels) :] == [0] * (len(GAPS) - len(labels))
    assert [name for name, _ in labels][:2] == ["first call", "≤ 10 s"]
    (intervals,) = axes.collections
    assert len(intervals.get_paths()) == len(GAPS)


def test_groups_have_a_line_each_the_ones_with_most_calls(axes: Axes) -> None:
    drawn = [draw_calls(np.random.default_rng(seed), 10 + seed, gap_s=60.0) for seed in range(7)]
    hit_rate_by_gap(join_apps(drawn, 300.0), by="app_id", ax=axes)
    legend = axes.get_legend()
    assert legend is not None
    assert sorted(text.get_text() for text in legend.get_texts()) == ["2", "3", "4", "5", "6"]
    assert "the largest 5 of 7 by calls" in detail(axes)


def test_data_without_sessions_says_so(axes: Axes) -> None:
    frame = make_frame()
    hit_rate_by_gap(frame.assign(native_tokens_cached=pd.array([None] * len(frame), dtype="Int64")), ax=axes)
    assert "no call of a session with known tokens" in [text.get_text() for text in axes.texts]
