from itertools import pairwise

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genanalytics.plots.columns import ABOVE, write_columns
from genanalytics.plots.style import set_rows
from support.artists import render, texts, tick_texts

COLUMNS = {"cost": ["$1.00", "≥ $20.00"], "share": ["5.0 %", "95.0 %"], "requests": ["1", "1,200"]}


def draw(width: float) -> Axes:
    """Return axes of a width in inches, with two rows and their columns."""
    axes = Figure(figsize=(width, 3), layout="constrained").subplots()
    axes.barh([0, 1], [1_000.0, 20_000.0])
    set_rows(axes, ["openai/gpt-5", "anthropic/claude-4.5-sonnet"], above=ABOVE)
    write_columns(axes, COLUMNS)
    return axes


@pytest.mark.parametrize(("width", "shown"), [(9, 3), (4.2, 1), (2, 0)])
def test_a_narrow_chart_has_the_first_columns(width: float, shown: int) -> None:
    written = [text for heading, column in list(COLUMNS.items())[:shown] for text in (heading, *column)]
    assert texts(draw(width)) == written


@pytest.mark.parametrize("width", [9, 4.2, 3])
def test_columns_and_ticks_neither_overlap_nor_leave_the_figure(width: float) -> None:
    axes = draw(width)
    render(axes)
    boxes = [text.get_window_extent() for text in axes.texts]
    for height in {box.y0 for box in boxes}:
        row = sorted(box.intervalx.tolist() for box in boxes if box.y0 == height)
        assert all(one[1] < other[0] for one, other in pairwise(row))
        assert row[-1][1] <= axes.figure.bbox.x1
    labels = [label.get_window_extent().intervalx.tolist() for label in axes.get_xticklabels() if label.get_text()]
    assert len(tick_texts(axes, "x")) >= 2
    assert all(one[1] < other[0] for one, other in pairwise(labels))
