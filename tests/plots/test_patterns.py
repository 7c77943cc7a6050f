import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from genanalytics.errors import InputError
from genanalytics.plots import hour_of_week
from genanalytics.plots.content import find_content
from support.artists import bars, detail, panels, tick_texts
from support.generations import frame_of


@pytest.fixture
def axes() -> Axes:
    return Figure().subplots()


TUESDAY = {"created_at": "2026-09-01T05:30:00Z", "total_cost": 2.0}
A_WEEK_LATER = {"created_at": "2026-09-08T05:59:00Z", "total_cost": 0.5}
SUNDAY = {"created_at": "2026-09-06T23:00:00Z", "latency": 700}


def colors(ax: Axes) -> PolyCollection:
    (drawn,) = [artist for artist in ax.collections if isinstance(artist, PolyCollection)]
    return drawn


def cells(ax: Axes) -> dict[tuple[int, int], float]:
    """Return the values of the cells by their row and column."""
    drawn = colors(ax)
    corners = [path.vertices.min(axis=0).astype(int) for path in drawn.get_paths()]  # type: ignore[union-attr]
    values = np.asarray(drawn.get_array(), dtype=float)
    return {(int(row), int(column)): float(value) for (column, row), value in zip(corners, values, strict=True)}


def test_cells_are_hours_of_the_week_monday_on_top(axes: Axes) -> None:
    """Tuesday 5:00 occurs twice and has 2.5 US$, Sunday 23:00 once; the week between them has no other cost."""
    hour_of_week(frame_of(TUESDAY, A_WEEK_LATER, SUNDAY), ax=axes)
    table = cells(axes)
    assert table[1, 5] == 1.25
    assert table[6, 23] == 1.0
    assert sum(table.values()) == 2.25
    assert len(table) == 7 * 24  # each hour of the week occurs
    assert "mean per hour" in detail(axes)
    assert tick_texts(axes, "y") == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert axes.yaxis_inverted()


def test_hours_that_do_not_occur_are_blank(axes: Axes) -> None:
    hour_of_week(frame_of(TUESDAY, SUNDAY), ax=axes)
    assert (1, 4) not in cells(axes)
    assert (1, 6) in cells(axes)


def test_margins_are_means_by_hour_and_by_weekday(axes: Axes) -> None:
    """5:00 occurs on 8 days. Bars of both margins have one scale, on which 3 columns are as long as 1.4 rows."""
    hour_of_week(frame_of(TUESDAY, A_WEEK_LATER), ax=axes)
    above, beside = bars(axes)[:24], bars(axes)[24:]
    highest = 2.5 / 8
    assert above[5].get_height() == pytest.approx(-1.4)
    assert beside[1].get_width() == pytest.approx(3.0 * (2.5 / (19 + 6)) / highest)


def test_hours_are_those_of_the_zone(axes: Axes) -> None:
    hour_of_week(frame_of(SUNDAY), tz="Asia/Tokyo", ax=axes)
    assert cells(axes) == {(0, 8): 1.0}
    assert axes.get_xlabel() == "hour of the day (Asia/Tokyo)"


def test_any_statistic_can_have_colors(axes: Axes) -> None:
    hour_of_week(frame_of(SUNDAY), metric="ttft_ms_p50", ax=axes)
    assert cells(axes)[6, 23] == 700
    assert axes.get_title() == "TTFT p50 by hour of the week"
    assert "mean" not in detail(axes)
    assert tick_texts(panels(axes)[0], "y")[1].endswith(" ms")


def test_a_name_of_several_statistics_is_refused(axes: Axes) -> None:
    with pytest.raises(InputError, match="'ttft_ms' is the name of 6 statistics: give one of ttft_ms_mean, ttft_ms"):
        hour_of_week(frame_of({}), metric="ttft_ms", ax=axes)


def test_colors_have_a_scale_with_a_unit(axes: Axes) -> None:
    hour_of_week(frame_of(TUESDAY), ax=axes)
    (scale,) = panels(axes)
    assert scale.get_ylabel() == "cost per hour (US$)"
    assert tick_texts(scale, "y")[0] == "$0.00"


def test_one_hour_far_above_the_others_does_not_make_them_pale(axes: Axes) -> None:
    hours = [{"created_at": f"2026-09-01T{hour:02}:00:00Z", "latency": 1000 + hour} for hour in range(23)]
    hour_of_week(
        frame_of(*hours, {"created_at": "2026-09-01T23:00:00Z", "latency": 90_000}), metric="ttft_ms_p50", ax=axes
    )
    assert detail(axes).endswith("; strongest color: 1.02 s or more")
    assert colors(axes).norm.vmax == pytest.approx(1021.85)  # 0.95 of the way from the 1st to the 24th


def test_the_scale_of_a_sum_has_the_largest_hour_in_it(axes: Axes) -> None:
    hours = [{"created_at": f"2026-09-01T{hour:02}:00:00Z", "total_cost": 1.0} for hour in range(23)]
    hour_of_week(frame_of(*hours, {"created_at": "2026-09-01T23:00:00Z", "total_cost": 90.0}), ax=axes)
    assert colors(axes).norm.vmax == 90.0
    assert "strongest" not in detail(axes)


def test_unknown_costs_are_said() -> None:
    frame = frame_of({"total_cost": 1.0}, {"total_cost": None})
    costs, requests = (
        hour_of_week(frame, metric=name, ax=Figure().subplots()) for name in ("effective_cost", "requests")
    )
    assert "a lower bound: cost not fully known for 1 request" in find_content(costs).details
    assert not any("lower bound" in each for each in find_content(requests).details)
