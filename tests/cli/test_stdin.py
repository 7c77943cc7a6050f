"""Commands read records from stdin in any form that a file has."""

import io
import json
from pathlib import Path

import pytest

from genanalytics.cli.main import run
from genanalytics.files import write
from genanalytics.sandbox import sample
from support.generations import parse_records
from support.printed import objects_of

RECORDS = sample(20, seed=6).records
FRAME = parse_records(RECORDS)


def give(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl", ".arrow"])
def test_stdin_has_any_form_of_a_file(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"out{suffix}"
    write(FRAME, path)
    expected = objects_of(capsys, "summary", str(path), "--by", "model")
    give(monkeypatch, path.read_bytes())
    assert objects_of(capsys, "summary", "-", "--by", "model") == expected


def test_a_saved_answer_comes_from_stdin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    give(monkeypatch, json.dumps({"data": next(iter(RECORDS.values()))}, indent=2).encode())
    assert objects_of(capsys, "summary", "-")[0]["requests"] == 1


def test_stdin_is_read_twice_by_a_command_that_needs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write(FRAME, tmp_path / "out.parquet")
    content = (tmp_path / "out.parquet").read_bytes()
    for arguments in (["quality", "-"], ["show", next(iter(RECORDS)), "-"], ["export", "--from", "-", "-o", "x.csv"]):
        give(monkeypatch, content)
        monkeypatch.chdir(tmp_path)
        assert run(arguments) == 0
    capsys.readouterr()


def test_an_empty_stdin_contains_no_records(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, b"")
    assert run(["summary", "-"]) == 2
    assert capsys.readouterr().err == "Error: - is empty: it contains no records\n"


def test_an_error_names_stdin_as_it_was_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, "\n".join(RECORDS).encode())
    assert run(["summary", "-"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("Error: - contains generation ids, not records: fetch their records first")
    assert "`genanalytics fetch - --output generations.parquet`" in error
