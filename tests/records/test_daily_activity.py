"""The daily activity: every doubtful form is read, and everything else is refused."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from genanalytics.errors import InputError
from genanalytics.records.daily_activity import parse_daily_activity

ROW: dict[str, Any] = {
    "date": "2026-09-30",
    "model": "a/b",
    "model_permaslug": "a/b-20260101",
    "endpoint_id": "x",
    "provider_name": "C",
    "usage": 0.5,
    "byok_usage_inference": 0.25,
    "requests": 3,
    "prompt_tokens": 4,
    "completion_tokens": 5,
    "reasoning_tokens": 6,
}
AT = datetime(2026, 10, 1, 12, tzinfo=UTC)


def parse(*rows: dict[str, Any]) -> pd.DataFrame:
    return parse_daily_activity({"data": list(rows)}, at=AT)


def test_a_row_has_types_and_the_frame_the_listed_days() -> None:
    frame = parse(ROW)
    assert frame.to_dict("records") == [
        {
            "day": pd.Timestamp("2026-09-30", tz="UTC"),
            "model": "a/b-20260101",
            "provider_name": "C",
            "usage": 0.5,
            "byok_usage_inference": 0.25,
            "requests": 3,
            "prompt_tokens": 4,
            "completion_tokens": 5,
            "reasoning_tokens": 6,
        }
    ]
    assert list(map(str, frame.dtypes)) == ["datetime64[us, UTC]", "str", "str", *["Float64"] * 2, *["Int64"] * 4]
    assert frame.attrs == {"first_day": "2026-09-01", "last_day": "2026-09-30", "at": "2026-10-01T12:00:00+00:00"}


@pytest.mark.parametrize("date", ["2026-09-30 00:00:00", "2026-09-30T00:00:00Z", "2026-09-30T23:59:59.5+00:00"])
def test_a_date_may_have_a_time(date: str) -> None:
    assert parse(ROW | {"date": date})["day"].tolist() == [pd.Timestamp("2026-09-30", tz="UTC")]


def test_numbers_may_be_texts_and_what_is_none_is_a_gap() -> None:
    frame = parse(
        ROW | {"usage": "0.5", "requests": "3", "prompt_tokens": 4.0},
        ROW | {"usage": None, "requests": True, "prompt_tokens": "x", "byok_usage_inference": 1e300},
    )
    assert frame["usage"].tolist() == [0.5, pd.NA]
    assert frame["requests"].tolist() == [3, pd.NA]
    assert frame["prompt_tokens"].tolist() == [4, pd.NA]
    assert frame["byok_usage_inference"].tolist() == [0.25, pd.NA]


def test_a_model_without_a_permanent_slug_has_its_name() -> None:
    frame = parse(ROW | {"model_permaslug": None}, ROW | {"model_permaslug": "", "model": 7, "provider_name": ""})
    assert frame["model"].isna().tolist() == [False, True]
    assert frame["model"][0] == "a/b"
    assert frame["provider_name"].isna().tolist() == [False, True]


def test_without_a_time_the_last_row_decides_the_days() -> None:
    frame = parse_daily_activity({"data": [ROW, ROW | {"date": "2026-09-07"}]})
    assert frame.attrs == {"first_day": "2026-09-01", "last_day": "2026-09-30", "at": None}


def test_no_rows_are_thirty_days_without_a_bill() -> None:
    frame = parse()
    assert len(frame) == 0
    assert (frame.attrs["first_day"], frame.attrs["last_day"]) == ("2026-09-01", "2026-09-30")
    with pytest.raises(InputError, match="has no rows: the days that it lists are unknown"):
        parse_daily_activity({"data": []})


@pytest.mark.parametrize("document", [None, [], {}, {"data": None}, {"data": {"a": 1}}, {"data": [7]}, "x"])
def test_anything_else_is_refused(document: object) -> None:
    with pytest.raises(InputError, match="no daily activity: give the JSON of an answer to GET /activity"):
        parse_daily_activity(document, at=AT)


@pytest.mark.parametrize("date", [None, "", "soon", 7, "2026-99-01", "\x1b[31m"])
def test_a_row_without_a_day_is_refused(date: object) -> None:
    with pytest.raises(InputError, match=r"row 2 of the daily activity has date=.*, which is no day") as caught:
        parse(ROW, ROW | {"date": date})
    assert "\x1b" not in str(caught.value)
