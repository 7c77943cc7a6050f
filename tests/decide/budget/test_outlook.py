"""How a forecast reads."""

import json

import numpy as np
import pandas as pd
import pytest

from genanalytics import Forecast, forecast
from genanalytics.records.coverage import Coverage
from support.spending import make_spending

WEEK = [10.0, 12.0, 11.0, 9.0, 8.0, 2.0, 1.0]
FRAME = make_spending([*WEEK * 9, *WEEK[:5]])  # from 1 June to 7 August


@pytest.fixture(scope="module")
def found() -> Forecast:
    return forecast(FRAME, budget=200)


def test_the_first_line_is_the_answer(found: Forecast) -> None:
    assert str(found).splitlines()[0] == (
        "August 2026 will cost about $225 (80 %: $225 to $225); chance to exceed $200: over 99 %."
    )


def test_periods_are_named() -> None:
    assert forecast(FRAME, until="week").answer.startswith("2026-08-03 to 2026-08-09 will cost about $53.00 ")
    assert forecast(FRAME, until="2026-08-20").answer.startswith("2026-08-01 to 2026-08-20 will cost about ")


def test_a_page_has_the_figures_the_days_and_the_past(found: Forecast) -> None:
    lines = [" ".join(line.split()) for line in str(found).splitlines()]
    assert "known $53.00 days until 2026-08-07 are complete" in lines
    assert "to come $172 24 days until 2026-08-31" in lines
    assert "out of 9 weeks from 2026-06-06" in lines
    assert "2026-08-10 Mon $10.00 $66.00 $66.00 to $66.00 $66.00 to $66.00" in lines
    assert any(
        line.startswith("budget $200 chance to exceed it: over 99 %; used up about 2026-08-27") for line in lines
    )
    assert "In the past of these data, the 80 % band would have held in 6 of 6 weeks and 1 of 1 month." in lines
    assert "Coverage: unknown; the data does not contain the number of requested ids." in lines


def test_a_long_period_shows_its_first_days() -> None:
    text = str(forecast(FRAME, until="2026-10-31"))
    assert "Days to come (and 54 more in .days)" in text


def test_a_budget_out_of_reach_has_no_day() -> None:
    assert "chance to exceed it: under 1 %\n" in str(forecast(FRAME, budget=1_000))


def test_chances_of_partial_data_are_lower_bounds() -> None:
    frame = FRAME.copy()
    frame.attrs["coverage"] = Coverage.of(["gen-x"], found=len(frame)).to_json()
    answers = [forecast(frame, budget=budget).answer for budget in (200, 1_000)]
    assert [answer.partition("; ")[2] for answer in answers] == [
        "chance to exceed $200: over 99 %.",
        "chance to exceed $1,000: unknown, since records are missing.",
    ]
    assert answers[0].startswith("August 2026 will cost ≥ $")


def test_html_has_the_same_figures(found: Forecast) -> None:
    html = found._repr_html_()
    assert "August 2026 will cost about $225" in html
    assert "<td" in html


def test_json_has_everything_in_plain_values(found: Forecast) -> None:
    values = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert values["answer"] == found.answer
    assert (values["first"], values["last"], values["known_until"]) == ("2026-08-01", "2026-08-31", "2026-08-07")
    assert values["days"][0] == {"day": "2026-06-01", "cost": 10.0} | dict.fromkeys(
        ["expected", "cumulative", "low_80", "high_80", "low_95", "high_95"]
    )
    assert values["backtest"][0]["held_80"] is True
    assert values["backtest"][0]["first"] == "2026-08-01"
    assert values["chance_to_exceed"] > 0.99
    assert values["notices"] == list(found.notices)


def test_the_frames_can_be_plotted(found: Forecast) -> None:
    assert isinstance(found.days["day"].dtype, pd.DatetimeTZDtype)
    ahead = found.days[found.days["low_80"].notna()]
    assert (np.diff(ahead["cumulative"].astype(float)) > 0).all()
