"""Rows as JSON, JSON lines and CSV."""

import io
import json
import math
from typing import Any

import pandas as pd
from hypothesis import given, settings, strategies as st

from genanalytics.tables.encode import encode_csv, encode_json, encode_jsonl, encode_object, round_figure

ROWS = pd.DataFrame(
    {
        "model": pd.array(["=cmd|'/c calc'!A1", None], dtype="str"),
        "requests": pd.array([12_345_678_901_234_567, None], dtype="Int64"),
        "cost": pd.array([10.597999999999917, math.inf], dtype="Float64"),
        "first": pd.to_datetime(pd.Series(["2026-09-02T03:04:05Z", None])),
        "open": pd.array([True, None], dtype="boolean"),
        "any": [0.1 + 0.2, "-1"],
    }
)
EXPECTED: list[dict[str, Any]] = [
    {
        "model": "=cmd|'/c calc'!A1",
        "requests": 12_345_678_901_234_567,
        "cost": 10.598,
        "first": "2026-09-02T03:04:05+00:00",
        "open": True,
        "any": 0.3,
    },
    {"model": None, "requests": None, "cost": None, "first": None, "open": None, "any": "-1"},
]


@settings(max_examples=100)
@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False))
def test_a_rounded_figure_is_right_to_eleven_digits(value: float) -> None:
    found = round_figure(value)
    assert abs(found - value) <= 1e-11 * abs(value)
    assert round_figure(found) == found
    assert round_figure(-value) == -found


@settings(max_examples=50)
@given(st.lists(st.decimals(-1_000, 1_000, places=8, allow_nan=False), max_size=20))
def test_a_sum_of_amounts_is_written_as_it_is_paid(amounts: list[Any]) -> None:
    added = sum(map(float, amounts))
    assert json.loads(encode_object(added)) == float(round(sum(amounts), 8))


@settings(max_examples=50)
@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_integers_stay_as_they_are(numbers: list[int]) -> None:
    rows = pd.DataFrame({"requests": pd.array(numbers, dtype="Int64")})
    assert [row["requests"] for row in json.loads(encode_json(rows))] == numbers
    assert [int(line) for line in encode_csv(rows).splitlines()[1:]] == numbers


def test_json_and_json_lines_contain_plain_values() -> None:
    assert json.loads(encode_json(ROWS)) == EXPECTED
    assert [json.loads(line) for line in encode_jsonl(ROWS).splitlines()] == EXPECTED
    assert encode_json(ROWS.head(0)) == "[]\n"
    assert encode_jsonl(ROWS.head(0)) == ""


def test_csv_has_rounded_figures_and_no_formula() -> None:
    lines = encode_csv(ROWS.rename(columns={"any": "=1+1"})).splitlines()
    assert lines[0] == "model,requests,cost,first,open,'=1+1"
    assert lines[1] == "'=cmd|'/c calc'!A1,12345678901234567,10.598,2026-09-02 03:04:05+00:00,True,0.3"
    assert lines[2].endswith(",'-1")
    assert pd.read_csv(io.StringIO(encode_csv(ROWS)))["requests"].iloc[0] == 12_345_678_901_234_567


def test_rows_are_not_changed() -> None:
    before = ROWS.copy(deep=True)
    encode_json(ROWS)
    encode_csv(ROWS)
    pd.testing.assert_frame_equal(ROWS, before)
