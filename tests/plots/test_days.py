from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from genanalytics.decide.shifts.changes import changes
from genanalytics.errors import InputError
from genanalytics.plots import cost_calendar
from genanalytics.plots.content import find_content
from support.artists import bars, cells, pointed, points, texts, tick_texts
from support.generations import frame_of, on


@pytest.fixture
def axes() -> Axes:
    return Figure(figsize=(9, 5)).subplots()


def outlined(ax: Axes) -> list[tuple[float, float]]:
    """Return the places of outlines: the column, and the upper end of the row."""
    return [(bar.get_x(), bar.get_y()) for bar in bars(ax) if not bar.get_hatch()]


JUNE = [on(f"2026-06-{day:02}", total_cost=float(day)) for day in range(1, 31) if day not in {10, 11}]
"""June 2026 begins on a Monday; day n costs $n."""


def test_weeks_are_columns_and_weekdays_rows(axes: Axes) -> None:
    cost_calendar(frame_of(*JUNE), ax=axes)
    table = cells(axes)
    assert table.shape == (7, 5)
    by_hand = np.arange(1.0, 36.0).reshape(5, 7).T
    by_hand[(by_hand > 30) | (by_hand == 10) | (by_hand == 11)] = np.nan
    np.testing.assert_array_equal(table, by_hand)
    assert tick_texts(axes, "y") == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert "Jun 2026" in texts(axes)
    assert "30\n$30.00" in texts(axes)


def test_amounts_that_are_wider_than_a_day_are_left_out() -> None:
    narrow = Figure(figsize=(4.2, 4)).subplots()
    cost_calendar(frame_of(on("2026-06-01", total_cost=0.046071)), ax=narrow)
    assert "1" in texts(narrow)
    assert not any("0.046" in text for text in texts(narrow))


def test_a_day_without_records_has_a_dot_and_one_at_no_cost_a_color(axes: Axes) -> None:
    records = [on("2026-06-01", total_cost=0.0), on("2026-06-03", total_cost=None), on("2026-06-04")]
    cost_calendar(frame_of(*records), ax=axes)
    assert cells(axes)[:4, 0].tolist() == pytest.approx([0.0, np.nan, np.nan, 1.0], nan_ok=True)
    marks = {str(line.get_label()): np.column_stack(points(line)).tolist() for line in axes.lines}
    assert marks == {"no record": [[0.5, 1.5]], "not known": [[0.5, 2.5]]}
    assert [entry.label for entry in find_content(axes).entries] == ["no record", "not known"]
    assert pointed(axes) == [
        "Mon 2026-06-01: cost $0.00; 1 request",
        "Tue 2026-06-02: no record",
        "Wed 2026-06-03: cost –; 1 request",
        "Thu 2026-06-04: cost $1.000; 1 request",
    ]


def test_the_first_day_of_a_new_level_is_outlined_and_named(axes: Axes) -> None:
    """From Saturday 29 August on, everything costs twice as much."""
    days = pd.Series(pd.date_range("2026-08-01", periods=56, tz="UTC")).repeat(4).reset_index(drop=True)
    costs = (0.5 + 0.01 * (days.index % 7 + days.index**2 % 5)) * (1 + (days >= pd.Timestamp("2026-08-29", tz="UTC")))
    frame = pd.DataFrame({"created_at": days, "total_cost": costs, "is_byok": False, "upstream_inference_cost": 0.0})
    cost_calendar(frame, ax=axes)
    (row,) = changes(frame, by=None, metrics="effective_cost").to_dict("records")
    assert row["since"] == pd.Timestamp("2026-08-29", tz="UTC")
    assert outlined(axes) == [(4, 5)]
    detail = f"outlined: 2026-08-29 (cost per day ${row['before']:.3f} before, ${row['after']:.3f} since)"
    assert find_content(axes).details[0] == detail
    other = Figure(figsize=(9, 5)).subplots()
    found = changes(frame, by=None, metrics="effective_cost", causes=False)
    assert found["cause"].isna().all()
    cost_calendar(frame, flagged=found, ax=other)
    assert (outlined(other), find_content(other).details[0]) == ([(4, 5)], detail)


def test_given_days_are_outlined(axes: Axes) -> None:
    cost_calendar(frame_of(*JUNE), flagged=[date(2026, 6, 30), date(2026, 6, 2), date(2025, 6, 2)], ax=axes)
    assert outlined(axes) == [(0, 1), (4, 1)]
    assert find_content(axes).details[0] == "outlined: 2026-06-02, 2026-06-30"
    assert "Tue 2026-06-02: cost $2.000; 1 request; flagged" in pointed(axes)


def test_changes_of_groups_are_named_with_the_group(axes: Axes) -> None:
    row = {"metric": "effective_cost", "unit": "US$", "kind": "level", "before": 1.0, "after": 2.0, "scope": "group"}
    since = pd.to_datetime(["2026-06-02T00:00Z", "2026-06-02T00:00Z"])
    found = pd.DataFrame([{"model": "a", **row}, {"model": "b", **row, "metric": "input_price"}]).assign(since=since)
    drift = pd.DataFrame([{"model": None, **row, "scope": "all rows", "kind": "drift", "since": pd.NaT}])
    found = pd.concat([found, drift], ignore_index=True)
    found = found[["model", "scope", *(name for name in found if name not in {"model", "scope"})]]
    cost_calendar(frame_of(*JUNE), flagged=found, ax=axes)
    both = "cost per day of a $1.000 before, $2.000 since, input price of b $1.000 before, $2.000 since"
    assert find_content(axes).details[:2] == [
        f"outlined: 2026-06-02 ({both})",
        "slow change: cost per day $1.000 at first, $2.000 at last",
    ]


def test_a_year_is_in_strips_of_whole_weeks(axes: Axes) -> None:
    """2026 begins on a Thursday and has 53 weeks: two strips of 27, and no day is lost."""
    days = pd.date_range("2026-01-01", "2026-12-31")
    costs = 1.0 + np.arange(len(days))
    cost_calendar(frame_of(*(on(f"{day:%Y-%m-%d}", total_cost=c) for day, c in zip(days, costs, strict=True))), ax=axes)
    table = cells(axes)
    assert table.shape == (15, 27)
    assert np.isnan(table[7]).all()
    drawn = np.concatenate([table[:7].T.ravel(), table[8:].T.ravel()])
    assert drawn[~np.isnan(drawn)].tolist() == costs.tolist()
    assert drawn[3] == 1.0
    months = [text for text in texts(axes) if "\n" not in text]
    assert months == ["Jan 2026", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def test_another_statistic_has_its_unit_and_no_words_on_costs(axes: Axes) -> None:
    cost_calendar(frame_of(*JUNE, on("2026-06-03", total_cost=None)), metric="error_rate", ax=axes)
    content = find_content(axes)
    assert content.title == "Errors of each day"
    assert not any("cost" in detail for detail in content.details)
    assert pointed(axes)[0] == "Mon 2026-06-01: errors 0.0 %; 1 request"


def test_the_day_of_the_fetch_is_hatched(axes: Axes) -> None:
    cost_calendar(frame_of(*JUNE, fetched="2026-06-30 18:00"), ax=axes)
    (bar,) = (bar for bar in bars(axes) if bar.get_hatch())
    assert isinstance(bar, Rectangle)
    assert (bar.get_x(), bar.get_y()) == (4, 1)
    assert [entry.label for entry in find_content(axes).entries] == ["no record", "incomplete"]


def test_unknown_costs_are_said(axes: Axes) -> None:
    cost_calendar(frame_of(*JUNE, on("2026-06-03", total_cost=None), {"created_at": None}), ax=axes)
    details = find_content(axes).details
    assert "a lower bound: cost not fully known for 1 request" in details
    assert "1 undated left out" in details


@pytest.mark.parametrize(
    ("record", "reason"),
    [({"created_at": None}, "no dated generation"), (on("2026-07-01", total_cost=None), "no known cost")],
)
def test_without_any_day_a_sentence_says_why(axes: Axes, record: dict[str, Any], reason: str) -> None:
    cost_calendar(frame_of(record), ax=axes)
    assert texts(axes) == [reason]


def test_more_than_three_years_are_refused(axes: Axes) -> None:
    with pytest.raises(InputError, match="cover 1,462 days, and a calendar shows at most 1,100: choose fewer days"):
        cost_calendar(frame_of(on("2020-01-01"), on("2024-01-01")), ax=axes)


def test_a_day_with_unknown_costs_is_a_lower_bound(axes: Axes) -> None:
    frame = frame_of(*JUNE, on("2026-06-30", is_byok=True, upstream_inference_cost=None))
    cost_calendar(frame, flagged=[], ax=axes)
    assert pointed(axes)[-2:] == [
        "Mon 2026-06-29: cost $29.00; 1 request",
        "Tue 2026-06-30: cost ≥ $31.00; 2 requests",
    ]
