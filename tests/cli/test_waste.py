"""The command `waste`, on files."""

import json
from pathlib import Path
from typing import Any

import pytest

from genanalytics import write
from genanalytics.cli.main import run
from support.generations import frame_of
from support.wasted import make_month


@pytest.fixture(autouse=True)
def _in_a_directory_with_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    records: list[dict[str, Any]] = [
        {"cancelled": True, "finish_reason": None, "provider_responses": [{"status": 200}]},
        {"total_cost": 2.0, "finish_reason": "length"},
        {"total_cost": 5.0},
    ]
    write(frame_of(*records), "out.parquet")


def test_the_first_line_is_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["waste", "out.parquet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "$1.000 of $8.000 (12.5 %) was paid for nothing, certain; at most $2.000 more was avoidable."
    assert lines[1] == "6.00 s passed in failed requests and attempts."
    assert [line.split()[:4] for line in lines if line.startswith("cancelled ")] == [
        ["cancelled", "certain", "1", "$1.000"]
    ]
    assert "95 %" not in "".join(lines)
    assert "Not judged: surcharge: no price is known." in lines
    assert "  gen-0" in lines


def test_each_class_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    write(make_month().frame, "month.parquet")
    assert run(["waste", "month.parquet", "--json"]) == 0
    found = {row["class"]: row for row in json.loads(capsys.readouterr().out)}
    assert (
        found["near-duplicate"]["cost_low"] <= found["near-duplicate"]["cost"] <= found["near-duplicate"]["cost_high"]
    )
    assert run(["waste", "month.parquet", "--json", "--within", "2"]) == 0
    found = {row["class"]: row for row in json.loads(capsys.readouterr().out)}
    assert found["near-duplicate"]["cost"] == 0


def test_without_records_nothing_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["waste", "out.parquet", "--where", "model=x"]) == 0
    assert capsys.readouterr().out.startswith("Nothing was judged.\n")
    assert run(["waste", "out.parquet", "--within", "0"]) == 2
