"""The section on hours and days: means that are worked out by hand."""

import pandas as pd
import pytest

from genanalytics.report.blocks import Section, Text
from genanalytics.report.given import make_given
from genanalytics.report.sections.when import make_when
from support.generations import frame_of
from support.pages import find_numbers, make_section, read_rows


@pytest.fixture(scope="module")
def section() -> Section:
    """Return the section on $7 from Monday 2 March 10:00 to the end of Sunday 15 March: 13 days and 14 hours."""
    return make_section(
        make_when,
        frame_of(
            {"created_at": "2026-03-02T10:30:00Z", "total_cost": 4.0},
            {"created_at": "2026-03-10T10:15:00Z", "total_cost": 2.0},
            {"created_at": "2026-03-15T23:30:00Z", "total_cost": 1.0},
        ),
    )


def test_the_answer_is_a_mean_per_hour(section: Section) -> None:
    assert section.answer == (  # 6 / 14 against 7 / 326, and 4 / (14 + 24)
        "The most expensive hour of the day is 10:00 to 11:00 (UTC): $0.4286 per hour, 20.0 times the average of"
        " $0.02147. The most expensive day of the week is Monday: $0.1053 per hour, 4.9 times."
    )


def test_the_numbers_are_means_per_hour_of_the_week(section: Section) -> None:
    rows = read_rows(find_numbers(section, "hour-of-week"))
    assert len(rows) == 24
    assert rows[10][:3] == ["10:00", "$2.000", "$1.000"]  # two Mondays and two Tuesdays


def test_unknown_costs_are_not_claimed() -> None:
    days = [
        {"created_at": f"2026-03-{day:02}T10:00:00Z", "total_cost": None if day == 4 else 1.0} for day in range(2, 10)
    ]
    assert make_section(make_when, frame_of(*days)).answer.endswith("; unknown costs are not included.")


def test_more_than_five_weeks_have_a_calendar(section: Section) -> None:
    days = pd.date_range("2026-03-02T10:00Z", periods=37)
    frame = frame_of(*({"created_at": day.isoformat(), "total_cost": day.day / 4} for day in days))
    rows = read_rows(find_numbers(make_section(make_when, frame), "cost-calendar"))
    assert len(rows) == 37
    assert rows[36] == ["2026-04-07", "1", "$1.750"]
    assert not any(getattr(block, "name", "") == "cost-calendar" for block in section.blocks)


def test_decades_have_no_calendar() -> None:
    frame = frame_of({"created_at": "1970-01-01T10:00:00Z"}, {"created_at": "2026-03-02T10:00:00Z"})
    texts = [block.text for block in make_section(make_when, frame).blocks if isinstance(block, Text)]
    assert texts == [
        "There is no calendar: the records cover 20,515 days, and a calendar shows at most 1,100: choose fewer days."
    ]


def test_one_day_is_not_compared() -> None:
    section = make_section(make_when, frame_of({}))
    assert section.answer == "The records cover 1 day of the week: too few to compare all of them."
    assert not section.blocks


def test_without_a_date_there_is_no_section() -> None:
    assert make_when(make_given(frame_of({"created_at": None}))) is None
