"""How the ticks of charts are written."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genanalytics.metrics.grouping.calendar import Period
from genanalytics.plots.axis import format_tick, set_logarithmic, set_moments, set_times
from genanalytics.units import Unit
from support.artists import tick_texts


@pytest.fixture
def axes() -> Axes:
    return Figure().subplots()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0, 3.0], ["2 ms", "5 ms"]),
        ([200.0, 4_000.0], ["200 ms", "500 ms", "1 s", "2 s"]),
        (
            [10_000.0, 7_200_000.0],
            ["10 s", "20 s", "30 s", "1 min", "2 min", "5 min", "10 min", "30 min", "1 h", "2 h"],
        ),
        ([0.0, -5.0, np.nan, np.inf, 1_000.0], ["500 ms", "1 s", "2 s"]),
    ],
)
def test_durations_have_ticks_as_on_a_clock(axes: Axes, values: list[float], expected: list[str]) -> None:
    set_logarithmic(axes, "y", np.array(values), Unit.MS)
    shown = tick_texts(axes, "y")
    assert set(shown) <= set(expected)
    assert len(shown) >= 2


@pytest.mark.parametrize("most", [10, 1e3, 1e6, 1e9])
def test_a_logarithmic_axis_has_two_to_eight_ticks_and_holds_its_values(axes: Axes, most: float) -> None:
    low, high = set_logarithmic(axes, "x", np.array([1.0, most]), Unit.TOKENS_PER_S)
    assert low < 1 < most < high
    assert 2 <= len(tick_texts(axes, "x")) <= 8


def test_a_duration_between_two_marks_keeps_three_figures() -> None:
    assert format_tick(100_000, Unit.MS) == "1.67 min"
    assert format_tick(-0.05, Unit.SHARE) == "−5 %"


@pytest.mark.parametrize(
    ("starts", "every", "expected"),
    [
        (["2026-03-01"], "day", ["2026-03-01"]),
        (["2026-03-01T10:00"], "hour", ["2026-03-01 10:00"]),
        (["2026-08-31", "2026-09-07"], "week", ["Aug 31", "Sep 07"]),
        (["2026-12-01", "2027-01-01"], "month", ["Dec", "2027"]),
        (["2026-03-01", "2026-03-02", "2026-03-03"], "day", ["Mar 01", "Mar 02", "Mar 03"]),
        ([f"2026-03-{day:02}" for day in range(3, 12)], "day", ["2026-03-09"]),  # one Monday
    ],
)
def test_each_of_a_few_periods_has_a_tick(axes: Axes, starts: list[str], every: Period, expected: list[str]) -> None:
    places, _ = set_times(axes, pd.DatetimeIndex(starts, tz="Europe/Berlin"), every)
    axes.set_xlim(places[0] - 0.1, places[-1] + 0.1)
    assert tick_texts(axes, "x") == expected


def test_weeks_are_called_by_their_first_days_however_many_there_are(axes: Axes) -> None:
    weeks = pd.date_range("2026-08-31", periods=10, freq="7D", tz="UTC")
    places, _ = set_times(axes, weeks, "week")
    axes.set_xlim(places[0] - 1, places[-1] + 1)
    assert tick_texts(axes, "x") == ["Aug 31", "Sep 14", "Sep 28", "Oct 12", "Oct 26"]


def test_the_hour_that_comes_twice_has_two_places(axes: Axes) -> None:
    hours = pd.date_range("2026-10-25", periods=25, freq="h", tz="Europe/Berlin")
    places, _ = set_times(axes, hours, "hour")
    assert np.diff(places) == pytest.approx(1 / 24)


def test_the_year_is_below_the_label_of_a_narrow_axis() -> None:
    first, offsets = pd.Timestamp("2026-03-01T11:20Z"), []
    for width in (2.5, 9):
        figure = Figure(figsize=(width, 3))
        ax = figure.subplots()
        set_moments(ax, first, first + pd.Timedelta(days=20))
        figure.draw_without_rendering()
        offsets.append(ax.xaxis.get_offset_text().get_text())
    assert [offset[0] for offset in offsets] == ["\n", "2"]


@pytest.mark.parametrize("width", [1.2, 2, 4, 9])
def test_any_time_has_a_few_ticks_without_a_warning(width: float) -> None:
    first = pd.Timestamp("2026-03-01T11:20Z")
    for hours in (0.1, 2, 20, 39, 50, 200, 700, 3_000, 20_000):
        ax = Figure(figsize=(width, 3)).subplots()
        set_moments(ax, first, first + pd.Timedelta(hours=hours))
        assert 1 <= len(ax.get_xticks()) <= 8


def test_a_narrow_logarithmic_axis_has_fewer_ticks() -> None:
    wide, narrow = (Figure(figsize=(width, 4)).subplots() for width in (9, 4.2))
    for ax in (wide, narrow):
        set_logarithmic(ax, "x", np.array([0.08, 25.0]), Unit.USD_PER_MTOK)
    assert tick_texts(wide, "x") == ["$0.10", "$0.20", "$0.50", "$1.00", "$2.00", "$5.00", "$10.00", "$20.00"]
    assert tick_texts(narrow, "x") == ["$0.10", "$1.00", "$10.00"]


@pytest.mark.parametrize(
    ("months", "inches", "shown"),
    [
        (14, 9, ["2026", "Apr", "Jul", "Oct"]),
        (14, 2.2, ["2026", "Jul"]),
        (60, 9, ["2026", "2027", "2028", "2029", "2030"]),
        (60, 4, ["2026", "2028", "2030"]),
    ],
)
def test_ticks_of_months_begin_with_years(months: int, inches: float, shown: list[str]) -> None:
    figure = Figure(figsize=(inches, 3), layout="constrained")
    axes = figure.subplots()
    places, width = set_times(axes, pd.date_range("2025-11-01", periods=months, freq="MS", tz="UTC"), "month")
    axes.set_xlim(places[0] - width, places[-1] + width)
    figure.draw_without_rendering()
    assert [tick.get_text() for tick in axes.get_xticklabels()] == shown


def test_small_axes_have_one_date() -> None:
    figure = Figure(figsize=(1.2, 2), layout="constrained")
    axes = figure.subplots()
    set_moments(axes, pd.Timestamp("2026-09-01T00:30Z"), pd.Timestamp("2026-09-30T10:00Z"))
    figure.draw_without_rendering()
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["2026-09-07"]
