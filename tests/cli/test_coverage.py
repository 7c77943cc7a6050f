"""The command `coverage`: an answer in words, rows for programs, and an exit code for scripts."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import genanalytics as ga
from genanalytics.cli.main import run
from genanalytics.sandbox import Sandbox, sample
from genanalytics.sandbox.account import Account, find_now

MONTH = sample(60, seed=3)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Change to a folder with all records of a month, and with most of them."""
    monkeypatch.chdir(tmp_path)
    lines = [json.dumps({"data": record}) for record in MONTH.records.values()]
    for name, part in (("all", lines), ("most", lines[:-20])):
        Path(f"{name}.jsonl").write_text("\n".join(part))
        ga.write_parquet(ga.read(f"{name}.jsonl"), f"{name}.parquet")
    Path("daily.json").write_text(json.dumps(Account(MONTH, find_now(MONTH)).list_activity()))
    Path("management.key").write_text("any-management-key")
    with Sandbox(MONTH) as sandbox:
        monkeypatch.setenv("GENANALYTICS_BASE_URL", sandbox.base_url)
        yield


def test_the_answer_is_in_words_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["coverage", "all.parquet", "--management-key-file", "management.key"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("100.0 % of the bill is here: ")
    assert f" for {len(MONTH.records)} requests, 2026-09-01 to 2026-09-30. Nothing is missing.\n" in said


def test_gaps_are_shown_the_largest_first(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", "any-management-key")
    assert run(["coverage", "most.parquet", "--by", "day", "--min-coverage", "0.999"]) == 3
    printed = capsys.readouterr()
    answer, _, table = printed.out.partition("\n\n")
    assert "20 requests without a record. Most of it: 2026-09-" in answer
    days = [line.split()[0] for line in table.splitlines() if line.startswith("2026-")]
    assert days[0] in answer
    assert "Less than 99.9 % of the bill is here" in printed.err
    assert run(["coverage", "most.parquet", "--min-coverage", "0.01"]) == 0


def test_rows_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(["coverage", "most.parquet", "--daily-activity", "daily.json", "--by", "model,provider_name", "--json"])
        == 0
    )
    rows = json.loads(capsys.readouterr().out)
    assert rows[0].keys() >= {"model", "provider_name", "bill_usd", "records_usd", "missing_usd", "coverage"}
    gaps = [row["missing_usd"] for row in rows]
    assert gaps == sorted(gaps, reverse=True)
    assert sum(row["billed_requests"] for row in rows) == len(MONTH.records)


def test_the_options_of_all_rows_hold(capsys: pytest.CaptureFixture[str]) -> None:
    most = ["coverage", "most.parquet", "--daily-activity", "daily.json", "--by", "model"]
    assert run([*most, "--total", "--format", "markdown"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert lines[0].startswith("| model | requests in the bill | records | bill | in the records | missing |")
    assert lines[-1].startswith(f"| total | {len(MONTH.records)} | {len(MONTH.records) - 20} |")
    assert run([*most, "--sort", "bill_usd", "--limit", "1", "--columns", "model,bill_usd", "--csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert run([*most, "--output", "gaps.xlsx"]) == 0
    assert Path("gaps.xlsx").stat().st_size


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--daily-activity", "all.jsonl"], "cannot read the daily activity all.jsonl: it is not JSON"),
        (
            ["--daily-activity", "daily.json", "--base-url", "x"],
            "--daily-activity reads a file, and --management-key-file and",
        ),
        (
            ["--daily-activity", "daily.json", "--by", "origin"],
            "--by 'origin' has no totals; give some of day, model, provider_name",
        ),
        (["--daily-activity", "daily.json", "--since", "soon"], "--since 'soon' is not a moment"),
        (["--min-coverage", "95"], "'95' is not a share: give a number from 0 to 1"),
    ],
)
def test_what_cannot_be_used_is_exit_2(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["coverage", "all.parquet", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_wrong_options_are_refused_before_anything_is_asked_or_read(capsys: pytest.CaptureFixture[str]) -> None:
    for options in (["--by", "origin"], ["--until", "soon"]):
        assert run(["coverage", "missing.parquet", *options]) == 2
        assert f"{options[0]} '{options[1]}'" in capsys.readouterr().err


def test_without_a_management_key_it_is_exit_4(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["coverage", "all.parquet"]) == 4
    assert "no management key: set OPENROUTER_MANAGEMENT_KEY" in capsys.readouterr().err
