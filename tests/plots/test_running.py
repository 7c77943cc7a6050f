from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genanalytics.decide.budget.forecast import forecast
from genanalytics.plots import cumulative_cost
from genanalytics.plots.content import find_content
from genanalytics.plots.palette import HUES
from support.artists import pointed, points, texts
from support.generations import frame_of, on


@pytest.fixture
def axes() -> Axes:
    return Figure(figsize=(9, 5)).subplots()


def daily(first: str, last: str, cost: float = 1.0) -> list[dict[str, Any]]:
    """Return a request a day; the weekend is free."""
    days = pd.date_range(first, last)
    return [on(f"{day:%Y-%m-%d}", total_cost=0.0 if day.day_of_week > 4 else cost) for day in days]


def test_a_complete_month_is_added_up_by_day_next_to_the_month_before(axes: Axes) -> None:
    """July 2026 begins on a Wednesday and has 23 working days, June has 22 and begins on a Monday."""
    cumulative_cost(frame_of(*daily("2026-06-01", "2026-06-30", 2.0), *daily("2026-07-01", "2026-07-31")), ax=axes)
    before, now = (points(line) for line in axes.lines)
    assert now[0].tolist() == list(range(32))
    assert now[1][:8].tolist() == [0, 1, 2, 3, 3, 3, 4, 5]
    assert now[1][-1] == 23
    assert before[0].tolist() == list(range(31))
    assert before[1][:8].tolist() == [0, 2, 4, 6, 8, 10, 10, 10]
    assert before[1][-1] == 44
    content = find_content(axes)
    assert content.title == "Cost of July 2026 up to each day"
    assert content.details[:2] == ["$23.00 in all", "June 2026: $44.00"]
    assert texts(axes) == ["$23.00"]
    assert pointed(axes)[6] == "up to day 7: July 2026 $5.00; June 2026 $10.00"


def test_the_forecast_goes_on_to_the_end_of_the_month_with_its_bands(axes: Axes) -> None:
    """Until Monday 20 July, 14 of 23 working days are over; the weeks before were all alike."""
    frame = frame_of(*daily("2026-06-01", "2026-07-20"), fetched="2026-07-21")
    cumulative_cost(frame, ax=axes)
    before, expected, now = (points(line) for line in axes.lines)
    assert before[1][-1] == 22
    assert now[1][-1] == 14
    found = forecast(frame)
    assert found.expected == pytest.approx(23)
    assert (expected[0][0], expected[0][-1]) == (20, 31)
    assert (expected[1][0], expected[1][-1]) == (14, pytest.approx(found.expected))
    assert expected[1][1:].tolist() == found.days["cumulative"].tail(11).tolist()
    content = find_content(axes)
    assert [entry.label for entry in content.entries] == [
        "July 2026",
        "expected",
        "80 % band",
        "95 % band",
        "June 2026",
    ]
    assert {label for _, label in content.series} == {entry.label for entry in content.entries}
    assert found.answer.rstrip(".") in content.details
    assert texts(axes) == ["about $23"]


def test_the_bands_are_those_of_the_forecast(axes: Axes) -> None:
    frame = frame_of(*daily("2026-06-01", "2026-06-28"), *daily("2026-06-29", "2026-07-20", 2.0), fetched="2026-07-21")
    found = forecast(frame)
    cumulative_cost(frame, ahead=found, ax=axes)
    for drawn, level in zip(axes.collections, (80, 95), strict=True):
        edges: Any = drawn.get_paths()[0].vertices
        last = edges[np.isclose(edges[:, 0], 31)][:, 1]
        assert (last.min(), last.max()) == pytest.approx(
            (getattr(found, f"low_{level}"), getattr(found, f"high_{level}"))
        )


def test_without_a_forecast_the_details_say_why(axes: Axes) -> None:
    cumulative_cost(frame_of(*daily("2026-07-01", "2026-07-08"), fetched="2026-07-09"), ax=axes)
    (line,) = axes.lines
    assert points(line)[1].tolist() == [0, 1, 2, 3, 3, 3, 4, 5, 6]
    assert find_content(axes).details[1].startswith("No forecast: 8 of 21 complete days since 2026-07-01")


def test_other_records_are_the_month_before(axes: Axes) -> None:
    frame = frame_of(*daily("2026-07-01", "2026-07-08"), fetched="2026-07-09")
    cumulative_cost(frame, against=frame_of(*daily("2025-07-01", "2025-07-31", 3.0)), ax=axes)
    assert find_content(axes).details[:2] == [
        "$6.00 after 8 days",
        "July 2025: $69.00, $18.00 after 8 days",
    ]


def test_the_month_before_can_be_in_both_records(axes: Axes) -> None:
    """The other records end on 15 June, so June is in both, and with 22 working days in all."""
    frame = frame_of(*daily("2026-06-16", "2026-07-08"), fetched="2026-07-09")
    cumulative_cost(frame, against=frame_of(*daily("2026-05-20", "2026-06-15")), ax=axes)
    assert find_content(axes).details[1] == "June 2026: $22.00, $6.00 after 8 days"
    assert points(axes.lines[0])[0].tolist() == list(range(31))


def test_bands_have_their_own_shade_in_the_legend(axes: Axes) -> None:
    cumulative_cost(frame_of(*daily("2026-06-01", "2026-07-20"), fetched="2026-07-21"), ax=axes)
    colors = {entry.label: entry.color for entry in find_content(axes).entries}
    assert colors["80 % band"] == f"{HUES[0]}4c"
    assert colors["95 % band"] == f"{HUES[0]}26"


def test_a_day_that_is_not_over_is_dotted_and_no_part_of_the_comparison(axes: Axes) -> None:
    records = [*daily("2026-06-01", "2026-07-08")]
    frame = frame_of(*records, fetched="2026-07-08 18:00")
    cumulative_cost(frame, ax=axes)
    dotted = axes.lines[-1]
    assert dotted.get_linestyle() == ":"
    assert [place.tolist() for place in points(dotted)] == [[7, 8], [5, 6]]
    assert find_content(axes).details[:2] == [
        "$6.00 so far, $5.00 after 7 days",
        "June 2026: $22.00, $5.00 after 7 days",
    ]


def test_unknown_costs_make_the_total_a_lower_bound(axes: Axes) -> None:
    cumulative_cost(frame_of(*daily("2026-07-01", "2026-07-31"), on("2026-07-09", total_cost=None)), ax=axes)
    assert texts(axes) == ["≥ $23.00"]
    content = find_content(axes)
    assert content.details[0] == "≥ $23.00 in all"
    assert content.details[-1] == "a lower bound: cost not fully known for 1 request"


def test_a_month_without_its_first_days_is_said(axes: Axes) -> None:
    cumulative_cost(frame_of(*daily("2026-06-20", "2026-07-31")), ax=axes)
    assert find_content(axes).details[1] == "June 2026: $7.00, without its first 19 days"
    assert points(axes.lines[0])[0][0] == 19


@pytest.mark.parametrize(
    ("record", "reason"),
    [({"created_at": None}, "no dated generation"), (on("2026-07-01", total_cost=None), "no known cost")],
)
def test_without_any_day_a_sentence_says_why(axes: Axes, record: dict[str, Any], reason: str) -> None:
    cumulative_cost(frame_of(record), ax=axes)
    assert texts(axes) == [reason]


def test_days_are_those_of_the_zone(axes: Axes) -> None:
    records = [{"created_at": "2026-06-30T23:00:00Z", "total_cost": 4.0}, on("2026-07-31")]
    cumulative_cost(frame_of(*records), tz="Europe/Berlin", ax=axes)
    assert points(axes.lines[-1])[1][1] == 4
    assert find_content(axes).title == "Cost of July 2026 up to each day"
    assert date(2026, 7, 1) == forecast(frame_of(*records), tz="Europe/Berlin").days["day"][0].date()


def test_each_month_with_unknown_costs_is_a_lower_bound(axes: Axes) -> None:
    unknown = on("2026-06-10", is_byok=True, upstream_inference_cost=None)
    frame = frame_of(*daily("2026-06-01", "2026-06-30", 2.0), unknown, *daily("2026-07-01", "2026-07-31"))
    cumulative_cost(frame, ax=axes)
    assert list(find_content(axes).details)[:2] == ["$23.00 in all", "June 2026: ≥ $45.00"]
    assert pointed(axes)[6] == "up to day 7: July 2026 $5.00; June 2026 ≥ $10.00"
