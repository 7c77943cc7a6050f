"""The `ids` command finds ids and says what it did; `fetch` takes whatever files it can read."""

import io
import json
from pathlib import Path

import pytest

from genanalytics.cli.main import run

A, B, C = (f"gen-{second}-AbCdEfGhIjKlMnOpQrSt" for second in (1_756_000_000, 1_760_000_000, 1_764_000_000))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("app.log").write_text(f"one {A}\ntwo {B}\nagain {A} here\n")
    Path("calls.csv").write_text(f"model,ref,other\nx,{C},x-1\ny,{A},x-2\n")


def test_ids_of_several_files_are_printed_once_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ids", "app.log", "calls.csv"]) == 0
    output = capsys.readouterr()
    assert output.out == f"{A}\n{B}\n{C}\n"
    assert output.err == "Note: calls.csv: ids are read from the column 'ref'.\n3 ids, found 5 times.\n"


def test_ids_come_from_stdin_and_directories(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"x={C}".encode())))
    assert run(["ids", "-", ".", "--quiet"]) == 0
    output = capsys.readouterr()
    assert output.out.split() == [C, A, B]
    assert output.err == ""


def test_a_window_of_time_acts_on_the_ids(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ids", "app.log", "calls.csv", "--since", "2025-10-01", "--until", "2025-11-01T00:00+01:00"]) == 0
    output = capsys.readouterr()
    assert output.out.split() == [B]
    assert "Note: left out 2 ids outside the period." in output.err


def test_a_column_can_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ids", "calls.csv", "--column", "other"]) == 0
    assert capsys.readouterr().out.split() == ["x-1", "x-2"]


def test_json_is_one_object_of_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ids", "app.log", "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out) == {"found": 3, "distinct": 2, "notices": []}


def test_a_value_that_cannot_be_an_id_is_left_out_with_a_notice(capsys: pytest.CaptureFixture[str]) -> None:
    Path("list").write_bytes(b"gen_abc\ngen-\xff\ntwo words\n")
    assert run(["ids", "list"]) == 0
    output = capsys.readouterr()
    assert output.out.split() == ["gen_abc"]
    notice = "left out 2 values that cannot be ids; the first is 'gen-\\udcff': an id cannot contain control"
    assert notice in output.err


def test_a_file_without_ids_is_a_notice(capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.log").write_text("nothing to see here\n")
    assert run(["ids", "other.log"]) == 0
    output = capsys.readouterr()
    assert output.out == ""
    assert "no id of the known form found; name the column or key of the ids" in output.err
    assert "0 ids, found 0 times." in output.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.log"], "cannot read missing.log: No such file or directory"),
        (["calls.csv", "--column", "id"], "no column 'id' with text in calls.csv; it has model, ref, other"),
        (["app.log", "--since", "yesterday"], "since='yesterday' is not a moment: give an ISO date"),
        (["app.log", "--since", "2026-01-01", "--until", "2025-01-01"], "since=2026-01-01 is not before until=2025-01"),
        ([], "Missing argument 'FILE...'"),
    ],
)
def test_what_cannot_be_used_is_exit_2(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ids", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_fetch_finds_ids_in_the_same_files(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-test")
    assert run(["fetch", "calls.csv", "--input", "app.log", "--offline", "--cache-dir", "cache", "--json"]) == 3
    output = capsys.readouterr()
    counts = json.loads(output.out)
    assert (counts["requested"], counts["distinct"]) == (5, 3)
    assert "Note: calls.csv: ids are read from the column 'ref'." in output.err
