"""Rows as a workbook, read back with another library."""

import io
import math
from datetime import UTC, datetime
from typing import Any

import openpyxl
import pandas as pd
import pytest

from genanalytics.errors import InputError
from genanalytics.tables import workbook
from genanalytics.tables.workbook import encode_workbook

HOSTILE = ["=1+1", "@SUM(A1)", "https://example.org", "-2", "\x1b[2J\x00\ufffe\u202e", "\ud800", "x" * 40_000]


def read(content: bytes) -> Any:  # noqa: ANN401 - untyped there
    """Return the sheet of a workbook."""
    return openpyxl.load_workbook(io.BytesIO(content)).active


def test_figures_are_numbers_with_formats_and_times_are_dates() -> None:
    rows = pd.DataFrame(
        {
            "model": pd.array(["a", None], dtype="str"),
            "requests": pd.array([1_200, None], dtype="Int64"),
            "cost": pd.array([0.1 + 0.2, math.inf], dtype="Float64"),
            "share": [0.25, math.nan],
            "first": pd.to_datetime(pd.Series(["2026-09-02T03:04:05Z", None])).dt.tz_convert("Europe/Berlin"),
            "open": pd.array([True, None], dtype="boolean"),
        }
    )
    rows.attrs["units"] = {"requests": "count", "cost": "US$", "share": "share", "first": "UTC"}
    sheet = read(encode_workbook(rows))
    heads, first, second = sheet.iter_rows()
    assert [cell.value for cell in heads] == list(rows)
    assert [cell.value for cell in first] == ["a", 1_200, 0.3, 0.25, datetime(2026, 9, 2, 5, 4, 5), True]  # noqa: DTZ001 - as a clock shows it
    assert [cell.value for cell in second] == [None] * 6
    assert [cell.number_format for cell in first] == [
        "General",
        "#,##0",
        "$#,##0.00########",
        "0.0%",
        "yyyy-mm-dd hh:mm:ss",
        "General",
    ]
    assert sheet.freeze_panes == "A2"


def test_no_text_is_a_formula_a_number_or_a_link() -> None:
    sheet = read(encode_workbook(pd.DataFrame({"=1+1": HOSTILE}, dtype="object")))
    cells = [cell for (cell,) in sheet.iter_rows()]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [cell.value for cell in cells][:5] == ["=1+1", *HOSTILE[:4]]
    assert cells[5].value == r"\x1b[2J\x00\ufffe\u202e"
    assert all(cell.hyperlink is None for cell in cells)
    assert cells[-1].value.endswith("x…")


def test_times_before_the_calendar_of_excel_are_texts() -> None:
    rows = pd.DataFrame({"first": [datetime(1899, 12, 31, tzinfo=UTC), datetime(1900, 1, 2, tzinfo=UTC)]})
    cells = [cell.value for cell in read(encode_workbook(rows))["A"]]
    assert cells == ["first", "1899-12-31 00:00:00", datetime(1900, 1, 2)]  # noqa: DTZ001 - as in the sheet


def test_equal_rows_are_equal_bytes() -> None:
    rows = pd.DataFrame({"model": ["a"], "requests": [1]})
    assert encode_workbook(rows) == encode_workbook(rows)
    assert read(encode_workbook(rows.head(0))).max_row == 1


def test_more_rows_than_a_sheet_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 2)
    with pytest.raises(InputError, match="at most 2 rows, not 3: limit them, or write CSV"):
        encode_workbook(pd.DataFrame({"model": ["a", "b", "c"]}))


def test_without_the_package_the_command_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'genanalytics\[xlsx\]'"):
        encode_workbook(pd.DataFrame({"model": ["a"]}))
