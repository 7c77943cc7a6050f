import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from genanalytics import __version__
from genanalytics.cli.main import run
from genanalytics.files import read, read_parquet
from genanalytics.sandbox import Sample, Sandbox, sample
from genanalytics.units import format_count

MADE = sample(60, seed=3)
RECORDS: Mapping[str, dict[str, Any]] = MADE.records
RESOLVING = tuple(RECORDS)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(MADE) as served:
        yield served


@pytest.fixture(autouse=True)
def environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Point the command line at the sandbox, with a key and a cache of the test's own."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-test")
    monkeypatch.setenv("GENANALYTICS_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("GENANALYTICS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def written(name: str, ids: object) -> str:
    Path(name).write_text("".join(f"{generation_id}\n" for generation_id in ids))  # type: ignore[attr-defined]
    return name


def test_a_file_of_ids_becomes_a_parquet_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fetch", written("ids.txt", RESOLVING), "--output", "out.parquet"]) == 0
    assert read_parquet("out.parquet")["requested_id"].tolist() == list(RESOLVING)
    output = capsys.readouterr()
    assert output.out == ""
    assert f"Wrote {len(RESOLVING)} rows to out.parquet." in output.err


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_the_suffix_names_the_form(suffix: str) -> None:
    assert run(["fetch", *RESOLVING[:3], "--output", f"out{suffix}", "--quiet"]) == 0
    assert read(f"out{suffix}")["id"].tolist() == list(RESOLVING[:3])


def test_without_an_output_the_records_are_json_lines_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fetch", RESOLVING[0]]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["requested_id"] == RESOLVING[0]
    assert line["data"]["total_cost"] == MADE.records[RESOLVING[0]]["total_cost"]


def test_json_is_one_object_with_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    missing = next(generation_id for generation_id in MADE.ids if generation_id not in MADE.records)
    arguments = ["fetch", RESOLVING[0], RESOLVING[0], missing, "two words", "--json", "--output", "out.parquet"]
    assert run(arguments) == 3
    said = json.loads(capsys.readouterr().out)
    assert set(said) == {"requested", "distinct", "outcomes", "coverage", "requests", "from_cache", "seconds"}
    assert (said["requested"], said["distinct"]) == (4, 3)
    assert said["outcomes"] == {"ok": 1, "not_found": 1, "invalid": 1}
    assert said["coverage"] == 1 / 3
    assert (said["requests"], said["from_cache"]) == (2, 0)
    assert len(read_parquet("out.parquet")) == 1
    assert run(arguments) == 3
    again = json.loads(capsys.readouterr().out)
    assert (again["requests"], again["from_cache"]) == (0, 2)


def test_ids_come_from_arguments_files_and_stdin_in_that_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{RESOLVING[3]}\r\n".encode())))
    listed = written("ids.txt", RESOLVING[1:3])
    assert run(["fetch", RESOLVING[0], "--input", listed, "--input", "-", "--output", "out.parquet"]) == 0
    assert read_parquet("out.parquet")["requested_id"].tolist() == list(RESOLVING[:4])


def test_some_without_a_record_is_exit_3_and_the_rest_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    listed = written("ids.txt", MADE.ids)
    assert run(["fetch", listed, "--output", "out.parquet", "--failures", "failures.csv"]) == 3
    assert len(read_parquet("out.parquet")) == len(RESOLVING)
    failures = pd.read_csv("failures.csv")
    assert set(failures["requested_id"]) == set(MADE.ids) - set(RESOLVING)
    assert set(failures["outcome"]) == {"not_found"}
    assert f"Wrote {format_count(len(failures), 'failure')} to failures.csv." in capsys.readouterr().err


def test_failures_that_nobody_asked_for_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fetch", "gen-unknown", RESOLVING[0], "--output", "out.parquet"]) == 3
    said = capsys.readouterr().err
    assert "Use --failures FILE to list the ids without a record; the first is 'gen-unknown': the service" in said
    assert "1 id without a record, so totals are lower bounds:\n  1 not_found: unknown to the service; check" in said


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fetch", "gen-unknown", "--output", "out.parquet", "--quiet"]) == 3
    output = capsys.readouterr()
    assert output.out + output.err == ""


def test_offline_answers_from_the_cache_alone(capsys: pytest.CaptureFixture[str], sandbox: Sandbox) -> None:
    run(["fetch", RESOLVING[0], "--account", "team", "--output", "out.parquet"])
    before = sandbox.requests
    assert run(["fetch", *RESOLVING[:2], "--account", "team", "--offline", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["outcomes"] == {"ok": 1, "unavailable": 1}
    assert sandbox.requests == before


def test_refresh_asks_again(sandbox: Sandbox) -> None:
    run(["fetch", RESOLVING[0], "--quiet"])
    before = sandbox.requests
    assert run(["fetch", RESOLVING[0], "--refresh", "--quiet"]) == 0
    assert sandbox.requests == before + 1


def test_the_key_can_stand_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENROUTER_API_KEY")
    Path("key").write_text("sk-from-a-file\n")
    assert run(["fetch", RESOLVING[0], "--api-key-file", "key", "--quiet"]) == 0


def test_options_win_over_the_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENANALYTICS_BASE_URL", "http://127.0.0.1:9/api/v1")
    other = tmp_path / "other"
    arguments = ["--base-url", sandbox.base_url, "--cache-dir", str(other), "--max-workers", "2", "--rate", "1000"]
    assert run(["fetch", RESOLVING[0], *arguments, "--quiet"]) == 0
    assert (other / "generations.sqlite").exists()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "no generation ids: give ids or files of ids as arguments, or --input - to read them from stdin"),
        (["--input", "-"], "no generation ids"),
        (["empty.txt"], "no generation ids"),
        (["missing.txt"], "no file 'missing.txt': give the path of a file of ids, or an id"),
        (["--input", "missing"], "cannot read missing: No such file or directory"),
        (["--input", "log"], "no generation ids (log: no id of the known form found"),
        (["."], "no generation ids"),
        (["binary.bin"], "binary.bin is of no known form: give text, CSV, JSON, JSON lines, Parquet, Arrow or SQLite"),
        (
            ["gen-1", "--output", "out.xlsx"],
            "'out.xlsx' ends in '.xlsx': give a file that ends in .parquet, .csv, .jsonl, .arrow, .duckdb",
        ),
        (["gen-1", "--output", "no/such/out.csv"], "there is no directory 'no/such'"),
        (["gen-1", "--base-url", "http://example.org/api"], "base URL 'http://example.org/api' cannot be used"),
        (["gen-1", "--api-key-file", "no-key"], "cannot read the key file no-key: No such file or directory"),
        (["gen-1", "--rate", "0"], "rate=0.0 cannot be used: give a number above 0"),
        (["gen-1", "--rate", "nan"], "rate=nan cannot be used"),
        (["gen-1", "--wait", "nan"], "wait_s=nan cannot be used: give 0 or more"),
        (
            ["gen-1", "--api-key-file", "empty.txt"],
            "the key file empty.txt contains 0 words: it must contain only",
        ),
        (["gen-1", "--output", "a.csv", "--failures", "./a.csv"], "'a.csv' would be overwritten"),
        (["empty.csv", "--output", "empty.csv"], "'empty.csv' would be overwritten"),
        (["gen-1", "--max-workers", "0"], "Invalid value for '--max-workers'"),
        (["gen-1", "--nonsense"], "--nonsense"),
    ],
)
def test_what_cannot_be_used_is_exit_2_and_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"# nothing\n\n")))
    Path("empty.txt").touch()
    Path("empty.csv").touch()
    Path("log").write_text('{"id": "gen-1", "prompt": "a secret"}\n')
    Path("binary.bin").write_bytes(bytes(range(256)))
    assert run(["fetch", *arguments]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said


def test_no_key_is_exit_4_and_names_the_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENROUTER_API_KEY")
    assert run(["fetch", "gen-1"]) == 4
    assert capsys.readouterr().err.startswith("Error: no API key: set OPENROUTER_API_KEY")


def test_a_file_that_cannot_be_written_is_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").touch()
    assert run(["demo", "--directory", "file/below"]) == 1
    assert "cannot create the directory file/below" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_full_disk_behind_stdout_is_exit_1_and_one_sentence(form: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "genanalytics", "fetch", *RESOLVING, *form, "--quiet"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[0] == "Error: cannot write the output: No space left on device"
    assert "Traceback" not in ended.stderr


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "Usage: genanalytics" in "".join(capsys.readouterr())


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


def process(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "genanalytics", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)


def test_the_sandbox_serves_until_it_is_interrupted() -> None:
    with process("sandbox", "--records", "20", "--seed", "5", "--ids", "ids.txt") as server:
        assert server.stderr is not None
        assert server.stderr.readline().startswith("Wrote ")
        base_url = server.stderr.readline().split()[4].rstrip(";")
        made: Sample = sample(20, seed=5)
        assert run(["fetch", "ids.txt", "--base-url", base_url, "--output", "out.parquet", "--quiet"]) in {0, 3}
        assert set(read_parquet("out.parquet")["requested_id"]) == set(made.records)
        server.send_signal(signal.SIGINT)
        assert server.wait(10) == 0


def test_a_reader_that_goes_away_ends_the_run_without_a_traceback() -> None:
    written("ids.txt", RESOLVING)
    with process("fetch", "ids.txt", "--quiet") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert "Traceback" not in running.stderr.read()


def test_a_damaged_cache_is_a_notice_and_loses_no_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "generations.sqlite").write_bytes(b"no database " * 100)
    assert run(["fetch", *RESOLVING[:3], "--output", "out.parquet"]) == 0
    assert "Note: the cache was damaged (file is not a database): it was renamed to" in capsys.readouterr().err
    assert len(read_parquet("out.parquet")) == 3
