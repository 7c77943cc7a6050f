"""The drawings of a page, as SVG."""

import re

from matplotlib.axes import Axes

from genanalytics.plots import cost_calendar
from genanalytics.report.svg import draw_chart
from support.generations import frame_of, on


def test_days_of_one_cost_are_cells_of_their_own() -> None:
    """Monday 1, 8 and 15 June 2026 are neighbors."""
    frame = frame_of(*(on(f"2026-06-{day:02}") for day in (1, 8, 15)))
    chart = draw_chart(lambda axes: cost_calendar(frame, ax=axes), name="days", question="When?")
    (cells,) = re.findall(r'class="cells"[^>]*>(.*?)</g>', str(chart.wide))[:1]
    (days,) = (path for path in re.findall(r"<path[^>]*>", cells) if 'fill="none"' not in path)
    assert days.count("M") == 3


def test_small_texts_of_ticks_become_readable() -> None:
    def draw(axes: Axes) -> None:
        axes.set(yscale="log", ylim=(2, 8))  # its labels are those of minor ticks
        axes.tick_params(which="both", labelsize=4)
        axes.plot([1, 2], [3, 6])

    chart = draw_chart(draw, name="small", question="How much?")
    for drawing, least in ((chart.wide, 9), (chart.narrow, 9.3)):
        sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)px"', str(drawing))]
        assert len(sizes) > 5
        assert min(sizes) >= least
