"""The `ids` command finds ids and says what it did; `fetch` takes whatever files it can read."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from genanalytics.cli.main import run
from genanalytics.sandbox import Sandbox, sample

A, B, C = (f"gen-{second}-AbCdEfGhIjKlMnOpQrSt" for second in (1_756_000_000, 1_760_000_000, 1_764_000_000))

MONTH = sample(40, seed=3)


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
        (["app.log", "--since", "soon"], "--since 'soon' is not a moment: give a date or time (2026-09-01"),
        (
            ["app.log", "--since", "2026-01-01", "--until", "2025-01-01"],
            "--since 2026-01-01 is not before --until 2025-01-01",
        ),
        ([], "Missing argument 'FILE...': give files with ids, or --from-service to ask the service"),
        (["app.log", "--from-service", "--since", "7d"], "--from-service asks the service, which has no files"),
        (["--from-service", "--since", "7d", "--column", "x"], "--from-service asks the service, which has no files"),
        (["--from-service"], "--from-service needs a period: give --since, such as --since 7d"),
        (["--from-service", "--since", "soon"], "--since 'soon' is not a moment: give a date or time"),
        (["app.log", "--base-url", "x"], "--management-key-file and --base-url are for --from-service"),
        (["app.log", "--management-key-file", "x"], "--management-key-file and --base-url are for --from-service"),
        (["--from-service", "--since", "7d", "--management-key-file", "app.log"], "it must contain only the key"),
    ],
)
def test_what_cannot_be_used_is_exit_2(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ids", *arguments]) == 2
    assert sentence in capsys.readouterr().err


@pytest.fixture
def service() -> Iterator[Sandbox]:
    with Sandbox(MONTH) as service:
        yield service


def from_service(service: Sandbox, *arguments: str) -> list[str]:
    Path("management.key").write_text("any-management-key\n")
    period = ["--since", "2026-09-01", "--until", "2026-10-01"]
    return ["ids", "--from-service", *period, "--base-url", service.base_url, *arguments]


def test_the_service_lists_ids(service: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(from_service(service, "--management-key-file", "management.key")) == 0
    output = capsys.readouterr()
    assert sorted(output.out.split()) == sorted(MONTH.records)
    requests = f"{len(MONTH.records)} requests in the period (2 HTTP requests)"
    assert output.err == f"{len(MONTH.records)} ids; the service counts {requests}.\n"


def test_ids_of_the_service_as_counts(
    service: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", "any-management-key")
    assert run(from_service(service, "--json", "--quiet")) == 0
    output = capsys.readouterr()
    count = len(MONTH.records)
    assert json.loads(output.out) == {"found": count, "distinct": count, "notices": []}
    assert output.err == ""


@pytest.mark.parametrize("key", ["", "sk-or-v1-0123456789abcdef0123"])
def test_a_missing_key_and_an_api_key_are_exit_4(
    key: str, service: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", key)
    assert run(from_service(service)) == 4
    output = capsys.readouterr()
    assert output.out == ""
    assert "management key" in output.err
    assert "sk-or" not in output.err


def test_ages_and_days_are_read_for_files_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ids", "app.log", "--since", "52w", "--until", "now", "--quiet"]) == 0
    assert set(capsys.readouterr().out.split()) <= {A, B}
    assert run(["ids", "app.log", "--until", "today", "--quiet"]) == 0
    assert capsys.readouterr().out.split() == [A, B]


def test_fetch_finds_ids_in_the_same_files(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-test")
    assert run(["fetch", "calls.csv", "--input", "app.log", "--offline", "--cache-dir", "cache", "--json"]) == 3
    output = capsys.readouterr()
    counts = json.loads(output.out)
    assert (counts["requested"], counts["distinct"]) == (5, 3)
    assert "Note: calls.csv: ids are read from the column 'ref'." in output.err
