"""Any file with records is opened as a frame, whoever wrote it; of several, each generation counts once."""

import gzip
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from genanalytics.errors import InputError, MissingColumnError
from genanalytics.files import write_frame, write_spreadsheet
from genanalytics.reading import joined, open_frame
from genanalytics.records.frame import from_rows
from genanalytics.records.parse import Row
from genanalytics.service.activity import read_activity

EXPORT = b"created_at,cost_total,generation_id\n2026-09-01 10:00:00.5,0.25,gen-1\n2026-09-01 10:00:01,0.5,gen-2\n"
FETCHED = from_rows([Row("gen-2", b'{"data": {"id": "gen-2", "total_cost": 0.75}}', 0.0)])


@pytest.mark.parametrize("name", ["activity.csv", "Activity.CSV", "activity", "activity.csv.gz"])
def test_an_export_is_known_by_its_header(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(EXPORT) if name.endswith("gz") else EXPORT)
    assert_frame_equal(open_frame(tmp_path / name), read_activity(tmp_path / name))


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_what_was_written_is_opened(tmp_path: Path, suffix: str) -> None:
    write_frame(FETCHED, tmp_path / f"out{suffix}")
    assert_frame_equal(open_frame(str(tmp_path / f"out{suffix}")), FETCHED)


def test_what_is_neither_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(MissingColumnError, match="has no column 'requested_id'"):
        open_frame(tmp_path / "other.csv")
    with pytest.raises(InputError, match=r"ends in '.xlsx': name a file that ends in"):
        open_frame(tmp_path / "missing.xlsx")


def test_a_record_counts_before_the_row_of_an_export(tmp_path: Path) -> None:
    (tmp_path / "activity.csv").write_bytes(EXPORT)
    exported = open_frame(tmp_path / "activity.csv")
    for frames in ([FETCHED, exported], [exported, FETCHED]):
        frame = joined(frames).sort_values("requested_id")
        assert frame["requested_id"].tolist() == ["gen-1", "gen-2"]
        assert frame["total_cost"].tolist() == [0.25, 0.75]
        assert frame["source"].fillna("-").tolist() == ["activity", "-"]


def test_a_list_of_failures_is_told_from_records(tmp_path: Path) -> None:
    failures = from_rows([])[["requested_id", "finish_reason"]]
    write_frame(failures, tmp_path / "failures.parquet")
    with pytest.raises(MissingColumnError, match=r"failures\.parquet holds no records, .*did `--failures` write it\?"):
        open_frame(tmp_path / "failures.parquet")


def test_an_export_can_be_written_for_spreadsheets(tmp_path: Path) -> None:
    (tmp_path / "activity.csv").write_bytes(EXPORT)
    write_spreadsheet(open_frame(tmp_path / "activity.csv"), tmp_path / "sheet.csv")
    assert "gen-2" in (tmp_path / "sheet.csv").read_text()
