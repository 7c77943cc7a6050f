"""A file is never replaced by a poorer one."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from genanalytics.cli.main import run
from genanalytics.errors import PoorerResultError
from genanalytics.files import SUFFIXES, read, write, write_failures
from genanalytics.records.coverage import MOST_LISTED, Coverage
from genanalytics.records.frame import parse_frame
from genanalytics.records.parse import Row
from genanalytics.report import write_report
from genanalytics.sandbox import sample
from genanalytics.service.focus import focus_charges

MADE = sample(8)
IDS = list(dict.fromkeys(MADE.ids))
FRAME = parse_frame(
    [Row(one, json.dumps({"data": MADE.records[one]}).encode(), 1.8e9) for one in IDS if one in MADE.records]
)
FOUND = FRAME["requested_id"].tolist()


def partial(rows: int, missing: list[str]) -> pd.DataFrame:
    frame = FRAME.head(rows).copy()
    frame.attrs["coverage"] = Coverage.of(missing, found=rows).to_json()
    return frame


@pytest.fixture(params=SUFFIXES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == ".duckdb":
        pytest.importorskip("duckdb")
    file = tmp_path / f"generations{request.param}"
    write(FRAME, file)
    return file


def test_a_record_that_was_requested_again_and_not_found_stays(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(PoorerResultError, match=r"was not replaced: 2 of its \d records would be lost"):
        write(partial(2, [*FOUND[2:4], "gen-new"]), path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    write(partial(2, [*FOUND[2:4], "gen-new"]), path, force=True)
    assert len(read(path)) == 2


def test_records_that_were_not_requested_again_can_be_replaced(path: Path) -> None:
    write(partial(2, ["gen-new"]), path)
    assert len(read(path)) == 2
    write(FRAME.head(1), path)
    assert len(read(path)) == 1


def test_nothing_replaces_no_records(path: Path) -> None:
    with pytest.raises(PoorerResultError, match="would be lost"):
        write(FRAME.head(0), path)
    assert len(read(path)) == len(FRAME)


def test_with_too_many_missing_ids_each_record_that_is_not_found_again_counts(path: Path) -> None:
    missing = [f"gen-{number}" for number in range(MOST_LISTED + 1)]
    with pytest.raises(PoorerResultError, match=f"{len(FRAME) - 2} of its"):
        write(partial(2, missing), path)
    write(partial(len(FRAME), missing), path)


@pytest.mark.parametrize("ids", [FOUND[:1], ["gen-x"], []])
def test_failures_do_not_replace_records(path: Path, ids: list[str]) -> None:
    failures = pd.DataFrame({"requested_id": ids, "outcome": "forbidden"})
    with pytest.raises(PoorerResultError, match="would be lost"):
        write_failures(failures, path)
    assert len(read(path)) == len(FRAME)
    write_failures(failures, path, force=True)
    write_failures(failures.assign(outcome="not_found"), path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".arrow"])
def test_charges_replace_no_charges_that_they_lack(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"charges{suffix}"
    write(focus_charges(FRAME), path)
    before = path.read_bytes()
    for poorer in (partial(0, FOUND), partial(2, FOUND[2:4])):
        with pytest.raises(PoorerResultError, match="would be lost"):
            write(focus_charges(poorer), path)
    assert path.read_bytes() == before
    write(focus_charges(partial(len(FRAME), ["gen-x"])), path)


@pytest.mark.parametrize("damage", [lambda text: text[40:], gzip.compress], ids=["first line", "packed"])
def test_damaged_json_lines_are_replaced_only_by_a_complete_result(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "generations.jsonl"
    write(FRAME, path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(PoorerResultError, match="So it was not replaced"):
        write(partial(2, FOUND[2:4]), path)
    write(FRAME, path)
    assert len(read(path)) == len(FRAME)


def test_a_file_of_another_program_is_replaced_if_it_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    for text in ("", "a,b\n1,2\n"):
        path.write_text(text)
        write(partial(2, ["gen-x"]), path, force=False)
        assert len(read(path)) == 2
    path = tmp_path / "notes.parquet"
    path.write_text("no parquet")
    with pytest.raises(PoorerResultError, match=r"cannot read .*So it was not replaced: name another file"):
        write(partial(2, ["gen-x"]), path)
    write(FRAME, path)  # nothing is missing, so nothing can be lost
    assert len(read(path)) == len(FRAME)


def test_a_report_of_fewer_records_replaces_none_of_more(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write_report(partial(4, ["gen-x"]), page)
    before = page.read_bytes()
    with pytest.raises(PoorerResultError, match="it shows 4 records, and the new report 1 of at least as many"):
        write_report(partial(1, [*FOUND[1:4], "gen-x"]), page)
    assert page.read_bytes() == before
    write_report(partial(1, ["gen-x"]), page)  # of other ids
    write_report(partial(4, ["gen-x"]), page)
    write_report(partial(1, [*FOUND[1:4], "gen-x"]), page, force=True)


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.jsonl"])
@pytest.mark.parametrize("command", ["fetch", "export"])
def test_without_the_account_of_the_records_a_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(FRAME, name)
    before = Path(name).read_bytes()
    offline = [command, *FOUND, "--offline", "--account", "other", "--cache-dir", "cache", "--output", name]
    assert run(offline) == 3
    printed = capsys.readouterr().err
    assert f"Error: {name} was not replaced: {len(FRAME)} of its {len(FRAME)} records would be lost" in printed
    assert f"to {name}." not in printed
    assert Path(name).read_bytes() == before
    assert run([*offline, "--force"]) == 3
    assert Path(name).read_bytes() != before


def test_a_command_without_a_poorer_result_needs_no_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(partial(2, ["gen-x"]), "a.parquet")
    write(FRAME, "out.csv")
    assert run(["export", "--from", "a.parquet", "--output", "out.csv"]) == 0
    assert run(["report", "a.parquet"]) == 0
    write(partial(1, [FOUND[1], "gen-x"]), "b.parquet")
    assert run(["report", "b.parquet"]) == 3
    assert run(["export", "--from", "b.parquet", "--output", "a.parquet"]) == 3
    assert "Error: a.parquet was not replaced: 1 of its 2 records would be lost" in capsys.readouterr().err
    assert run(["report", "b.parquet", "--force"]) == 0
