"""The coverage of records is in their file, or next to it."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from genanalytics.errors import InputError
from genanalytics.files import SUFFIXES, read, write
from genanalytics.records.coverage import Coverage, find_coverage
from support.record_files import covered, make_month, written_and_read


@pytest.fixture
def month() -> pd.DataFrame:
    return make_month()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_each_form_keeps_the_coverage(month: pd.DataFrame, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"generations{suffix}"
    coverage = Coverage.of(["gen-y", "gen-x"], found=3)
    frame = covered(month.head(3), coverage)
    again = written_and_read(frame, path)
    assert again.attrs == frame.attrs
    assert find_coverage(again) == coverage
    again = written_and_read(again.head(2), path)
    assert find_coverage(again) == Coverage(5, 3, ("gen-x", "gen-y"), part=True)
    assert written_and_read(month.head(3), path).attrs == {}  # nothing of the file before


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_the_coverage_next_to_a_file_is_replaced_with_it(month: pd.DataFrame, tmp_path: Path, suffix: str) -> None:
    path, sidecar = tmp_path / f"a{suffix}", tmp_path / f"a{suffix}.coverage.json"
    write(covered(month.head(3), Coverage.of(["gen-x"], found=3)), path)
    assert json.loads(sidecar.read_text()) == {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "asked": 4,
        "found": 3,
        "missing": ["gen-x"],
        "exact": True,
        "part": False,
    }
    failing = covered(month.head(3).assign(extra=[complex(1), 2, 3]), Coverage.of([], found=3))
    with pytest.raises(InputError):
        write(failing, path)
    assert find_coverage(read(path)) == Coverage.of(["gen-x"], found=3)  # the old file has its own
    link = tmp_path / f"link{suffix}"
    link.symlink_to(path)
    assert find_coverage(read(link)) == Coverage.of(["gen-x"], found=3)
    write(month.head(3), path)
    assert not sidecar.exists()
    sidecar.write_text("{")
    assert find_coverage(read(path)) is None


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_the_coverage_next_to_a_file_does_not_count_for_other_contents(
    month: pd.DataFrame, tmp_path: Path, suffix: str
) -> None:
    path, other = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    write(covered(month.head(3), Coverage.of([], found=3)), path)
    write(covered(month.head(2), Coverage.of(["gen-x"], found=2)), other)
    other.replace(path)
    assert find_coverage(read(path)) is None


def test_other_programs_read_the_coverage_in_a_duckdb_file(month: pd.DataFrame, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "a.duckdb"
    write(covered(month.head(3), Coverage.of(["gen-x"], found=3)), path)
    with duckdb.connect(path) as connection:
        assert connection.execute("SELECT asked, found, missing FROM coverage").fetchall() == [(4, 3, ["gen-x"])]
        connection.execute("DROP TABLE coverage")
    assert find_coverage(read(path)) is None


def test_several_files_cover_the_ids_of_all_less_those_found_in_any(month: pd.DataFrame, tmp_path: Path) -> None:
    ids = month["requested_id"].tolist()
    first, second = covered(month.head(3), Coverage.of([ids[3], "gen-x"], found=3)), month.iloc[2:5]
    write(first, tmp_path / "a.csv")
    write(covered(second, Coverage.of(["gen-x", "gen-y"], found=3)), tmp_path / "b.duckdb")
    joined = read([tmp_path / "a.csv", tmp_path / "b.duckdb"])
    assert find_coverage(joined) == Coverage(7, 5, ("gen-x", "gen-y"))
    write(second, tmp_path / "unknown.arrow")
    assert find_coverage(read([tmp_path / "a.csv", tmp_path / "unknown.arrow"])) is None
