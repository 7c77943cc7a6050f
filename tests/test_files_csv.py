"""CSV for other programs, and for spreadsheets: no cell runs a formula."""

import csv
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, strategies as st
from pandas.testing import assert_frame_equal

from genanalytics.files import read, write, write_spreadsheet
from genanalytics.records.frame import parse_frame
from genanalytics.records.schema import COLUMNS, Kind
from support.record_files import NASTY, RECORDS, row


def test_csv_is_what_other_programs_read(tmp_path: Path) -> None:
    record = {"model": NASTY, "origin": "", "total_cost": 0.1, "is_byok": True, "created_at": "2026-09-01T10:00:00Z"}
    frame = parse_frame([row(record)])
    write(frame, tmp_path / "generations.csv")
    with (tmp_path / "generations.csv").open(encoding="utf-8", newline="") as stream:
        [line] = csv.DictReader(stream)
    assert list(line) == [column.name for column in COLUMNS]
    held = {name: value for name, value in line.items() if value}
    assert held == {
        "requested_id": "gen-1",
        "id": "gen-1",
        "model": NASTY,
        "total_cost": "0.1",
        "is_byok": "true",
        "created_at": "2026-09-01 10:00:00.000000Z",
        "fetched_at": "2026-09-21 14:13:20.123456Z",
    }


def test_in_csv_of_other_programs_only_an_empty_cell_is_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "generations.csv"
    header = b"model,requested_id,latency,created_at,fetched_at"
    path.write_bytes(b"\xef\xbb\xbf" + header + b"\r\nNA,gen-1,12,,\r\nnull,gen-2,,,\r\n,gen-3,0,,\r\n")
    frame = read(path)
    assert frame["model"].isna().tolist() == [False, False, True]
    assert frame["model"].tolist()[:2] == ["NA", "null"]
    assert frame["latency"].tolist() == [12, pd.NA, 0]


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1"]


def test_cells_for_spreadsheets_run_no_formula_and_times_are_iso(tmp_path: Path) -> None:
    texts = [*FORMULAS, "a=b", "", None, "'=1"]
    records = [{"origin": text, "total_cost": -0.5, "created_at": "2026-09-01T10:00:00.5Z"} for text in texts]
    frame = parse_frame([row(record) for record in records])
    assert write_spreadsheet(frame, tmp_path / "out.csv") == len(FORMULAS)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [line["origin"] for line in lines] == [*(f"'{text}" for text in FORMULAS), "a=b", "", "", "'=1"]
    assert {line["total_cost"] for line in lines} == {"-0.5"}
    assert {line["created_at"] for line in lines} == {"2026-09-01T10:00:00.500000Z"}


@given(st.lists(RECORDS, max_size=4))
def test_no_cell_for_spreadsheets_begins_as_a_formula_does(records: list[dict[str, object]]) -> None:
    frame = parse_frame([row(record, f"gen-{place}") for place, record in enumerate(records)])
    before = frame.copy(deep=True)
    with tempfile.TemporaryDirectory() as folder:
        write_spreadsheet(frame, Path(folder, "out.csv"))
        with Path(folder, "out.csv").open(encoding="utf-8", newline="") as stream:
            lines = list(csv.DictReader(stream))
    assert_frame_equal(frame, before)
    texts = [column.name for column in COLUMNS if column.kind is Kind.TEXT]
    assert len(lines) == len(frame)
    assert not any(line[name][:1] in set("=+-@\t\r\n") - {""} for line in lines for name in texts)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv_is_read_in_the_encodings_of_spreadsheets(tmp_path: Path, encoding: str) -> None:
    frame = parse_frame([row({"total_cost": 0.75})])
    write(frame, tmp_path / "written.csv")
    (tmp_path / "saved.csv").write_text((tmp_path / "written.csv").read_text("utf-8"), encoding=encoding)
    assert_frame_equal(read(tmp_path / "saved.csv"), frame)
