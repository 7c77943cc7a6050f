import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest

import genanalytics as ga
from genanalytics.cli.main import run
from genanalytics.files import read
from support.fault_server import FaultServer
from support.faults import Says, assert_true, envelope, make_ids, record_of, refusal

IDS = make_ids(30)


@pytest.fixture(autouse=True)
def _ids(environment: None) -> None:  # noqa: ARG001 - changes to the directory
    Path("ids.txt").write_text("\n".join(IDS))


def test_a_file_of_ids_becomes_a_data_set_and_the_last_line_is_the_coverage(
    server: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.plan(IDS[0], refusal(404))
    assert run(["export", "--input", "ids.txt", "--dataset", "set"]) == 3
    output = capsys.readouterr()
    assert output.out == ""
    first, *_, last = output.err.splitlines()
    assert first.startswith("30 ids: 0 already in the data set, 29 ok, 1 not_found (30 requests, 0 from the cache, ")
    assert "set contains 29 records." in output.err
    assert "set lists 1 id without a record in failures.parquet; --retry asks again." in output.err
    assert last == "Coverage: 96.7 % of 30 ids have a record; 1 missing, so totals are lower bounds."
    assert_true(ga.read_parquet("set"))

    assert run(["export", *IDS[1:], "--dataset", "set"]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "Coverage: 100.0 % of 29 ids have a record."


def test_a_summary_reads_a_data_set_and_knows_its_coverage(
    server: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.plan(IDS[0], refusal(404))
    run(["export", "ids.txt", "--dataset", "set", "--quiet"])
    assert run(["summary", "set", "--by", "model"]) == 0
    assert "Coverage: 96.7 % of the ids have a record" in capsys.readouterr().out


def test_retry_asks_for_what_is_due(
    server: FaultServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genanalytics.fetching.dispatch.MAX_FAILURES", 1)
    server.plan(IDS[0], refusal(500))
    assert run(["export", "ids.txt", "--dataset", "set", "--partition", "none", "--quiet"]) == 3
    assert run(["export", "--retry", "--dataset", "set"]) == 0
    assert "1 id: 0 already in the data set, 1 ok" in capsys.readouterr().err
    assert run(["export", "--retry", "--dataset", "set"]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "Coverage: there were no ids to ask for."


def test_a_retry_that_comes_too_early_says_when_it_is_due(
    server: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.plan(IDS[0], refusal(404))
    assert run(["export", "ids.txt", "--dataset", "set", "--quiet"]) == 3
    assert run(["export", "--retry", "--dataset", "set"]) == 0
    assert "1 failure not retried: the first is due at 20" in capsys.readouterr().err


def test_json_says_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "ids.txt", "--dataset", "set", "--json", "--quiet"]) == 0
    output = capsys.readouterr()
    said = json.loads(output.out)
    assert output.err == ""
    assert {name: said[name] for name in ("distinct", "outcomes", "rows", "coverage")} == {
        "distinct": 30,
        "outcomes": {"ok": 30},
        "rows": 30,
        "coverage": 1.0,
    }


def test_ids_come_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("\n".join(IDS).encode())))
    assert run(["export", "--input", "-", "--dataset", "set", "--quiet"]) == 0
    assert sorted(ga.read_parquet("set")["requested_id"]) == IDS


def test_small_files_are_merged(capsys: pytest.CaptureFixture[str]) -> None:
    for each in IDS[:4]:
        run(["export", each, "--dataset", "set", "--quiet"])
    assert run(["compact", "set"]) == 0
    assert capsys.readouterr().err == "set now has 1 file, 3 fewer than before.\n"
    assert len(ga.read_parquet("set")) == 4
    assert run(["compact", "nowhere"]) == 2


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".duckdb"])
def test_the_suffix_of_the_output_chooses_the_format(suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "ids.txt", "--output", f"out{suffix}"]) == 0
    assert capsys.readouterr().err.splitlines()[-2:] == [
        f"Wrote 30 records to out{suffix}.",
        "Coverage: 100.0 % of 30 ids have a record.",
    ]
    frame = read(f"out{suffix}")
    assert sorted(frame["requested_id"]) == IDS
    assert_true(frame)


def test_json_lines_are_the_answers_verbatim(server: FaultServer) -> None:
    odd = b'{"data": {"id" : "%s",\r\n "total_cost": 1.50, "new": 1e400}, "user_id": "u"}'
    server.otherwise = lambda each: Says(200, odd.replace(b"%s", each.encode()))
    assert run(["export", "ids.txt", "--output", "out.jsonl", "--quiet"]) == 0
    lines = Path("out.jsonl").read_bytes().splitlines()
    assert sorted(lines) == [odd.replace(b"%s", each.encode()).replace(b"\r\n", b"  ") for each in IDS]
    assert sorted(read("out.jsonl")["requested_id"]) == IDS


def test_csv_is_harmless_to_spreadsheets_and_says_so(server: FaultServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.otherwise = lambda each: Says(200, envelope(record_of(each) | {"origin": "=cmd|' /C calc'!A0"}))
    assert run(["export", "ids.txt", "--output", "out.csv"]) == 0
    notice = "Note: 30 cells of out.csv could run as a formula (= + - @) and got a leading apostrophe"
    assert notice in capsys.readouterr().err
    with Path("out.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert {line["origin"] for line in lines} == {"'=cmd|' /C calc'!A0"}
    assert {line["created_at"] for line in lines} == {"2025-08-24T01:46:40.123456Z"}
    assert run(["fetch", "ids.txt", "--output", "exact.csv", "--quiet"]) == 0
    assert set(read("exact.csv")["origin"]) == {"=cmd|' /C calc'!A0"}


def test_records_that_are_there_are_written_once_more_in_another_form(capsys: pytest.CaptureFixture[str]) -> None:
    run(["export", "ids.txt", "--dataset", "set", "--quiet"])
    assert run(["export", "--from", "set", "--output", "out.parquet"]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "Wrote 30 records to out.parquet."
    assert run(["export", "--from", "out.parquet", "--output", "out.jsonl", "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out) == {"rows": 30, "coverage": 1.0}
    assert sorted(read("out.jsonl")["requested_id"]) == IDS


def test_focus_rows_have_their_columns(server: FaultServer) -> None:
    server.plan(IDS[0], Says(200, envelope(record_of(IDS[0]) | {"is_byok": True, "upstream_inference_cost": 3})))
    assert run(["export", "ids.txt", "--focus", "--output", "focus.parquet", "--quiet"]) == 0
    frame = pd.read_parquet("focus.parquet")
    assert len(frame) == 31
    assert float(frame["EffectiveCost"].sum() - frame["BilledCost"].sum()) == 3
    assert run(["export", "ids.txt", "--focus", "--output", "focus.csv", "--quiet"]) == 0
    assert list(pd.read_csv("focus.csv").columns) == list(frame.columns)


@pytest.mark.parametrize("output", ["out.parquet", "out.csv", "out.jsonl", "out.duckdb", "out.arrow"])
def test_what_is_redacted_is_in_no_file(server: FaultServer, output: str) -> None:
    Path("key").write_text("0123456789abcdef")
    server.otherwise = lambda each: Says(200, envelope(record_of(each) | {"session_id": "alice"}))
    for way in ([], ["--redact-key-file", "key"]):
        assert run(["export", "ids.txt", "--redact", "session_id, origin", *way, "--output", output, "--quiet"]) == 0
        assert b"alice" not in Path(output).read_bytes()
        tokens = set(read(output)["session_id"].dropna())
        assert len(tokens) == len(way) / 2
        assert "alice" not in tokens
    assert run(["export", "ids.txt", "--redact", "session_id", "--dataset", "set", "--quiet"]) == 0
    assert ga.read_parquet("set")["session_id"].isna().all()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "give --dataset DIR for a data set that grows, or --output FILE for one file"),
        (["--dataset", "set", "--output", "out.csv"], "give --dataset DIR for a data set that grows, or --output FILE"),
        (["--dataset", "set", "--focus"], "--from and --focus write one file: give --output FILE"),
        (["--dataset", "set", "--from", "x"], "--from and --focus write one file: give --output FILE"),
        (["--output", "out.csv", "--retry"], "--partition and --format are about a data set: give --dataset DIR"),
        (["--output", "out.csv", "--partition", "day"], "--retry, --partition and --format are about a data set"),
        (["gen-1", "--from", "x", "--output", "out.csv"], "--from reads existing records: give no ids"),
        (["--from", "missing.csv", "--output", "out.csv"], "cannot read missing.csv: No such file or directory"),
        (["gen-1", "--output", "out.xlsx"], "give a file that ends in .parquet, .csv, .jsonl, .arrow, .duckdb"),
        (["gen-1", "--focus", "--output", "out.jsonl"], "--focus writes tables: give a file that ends in .csv"),
        (["gen-1", "--redact", "sesion_id", "--output", "out.csv"], "did you mean 'session_id'?"),
        (["gen-1", "--redact-key-file", "key", "--dataset", "set"], "--redact-key-file is for the columns of --redact"),
        (["gen-1", "--redact", "origin", "--redact-key-file", "no", "--dataset", "set"], "cannot read the key file no"),
        (["--dataset", "set"], "no generation ids"),
        (["--dataset", "set", "--retry"], "cannot read set: the directory is not a data set"),
        (["gen-1", "--dataset", "old", "--partition", "day"], "old is partitioned by month, not day"),
        (["gen-1", "--dataset", "other"], "other contains other files (mine.txt): give a new directory"),
        (["gen-1", "--dataset", "set", "--partition", "year"], "Invalid value for '--partition'"),
    ],
)
def test_what_cannot_be_used_is_exit_2_and_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["export", IDS[0], "--dataset", "old", "--quiet"])
    Path("other").mkdir()
    Path("other/mine.txt").touch()
    assert run(["export", *arguments]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said


def test_a_file_with_the_name_of_the_data_set_is_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", IDS[0], "--dataset", "ids.txt"]) == 1
    assert "cannot write the data set ids.txt: a file has that name; give a directory" in capsys.readouterr().err
