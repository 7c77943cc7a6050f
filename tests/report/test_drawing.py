"""The drawings of a page, as SVG."""

import re

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
