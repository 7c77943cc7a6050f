"""The command `cache-replay`, on a file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import genanalytics as ga
from genanalytics.cli.main import run
from genanalytics.units import Unit, format_value
from support.cached_sessions import Call, draw_calls, frame_calls

UNREAD = [Call(f"s-{number}", 1_000.0 * number, 20_000 + 37 * number**2, 50 + number) for number in range(30)]


@pytest.fixture(autouse=True)
def _in_a_directory_with_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    calls = draw_calls(np.random.default_rng(2), 40, gap_s=60.0, spread=2.0)
    for name, part in (("read", calls), ("unread", UNREAD)):
        fetched_at = pd.Timestamp("2026-10-01", tz="UTC").as_unit("us")
        ga.write(frame_calls(part, 300.0, fetched_at=fetched_at), f"{name}.parquet")


def printed_by(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["cache-replay", *arguments]) == 0
    return capsys.readouterr().out


def test_the_answer_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    first, _, *table = printed_by(capsys, "unread.parquet").splitlines()
    found = ga.cache_replay(ga.read("unread.parquet"))
    less = format_value(float(found["difference"][0]), Unit.USD)
    assert first == f"For 7, maker/m, no cache would have cost {less} less of $1.155 in all (1 group)."
    assert any(line.split()[-5:-3] == ["off", less] for line in table)
    assert printed_by(capsys, "read.parquet").startswith(
        "No other cache policy is surely cheaper than the one as seen, which cost $"
    )


def test_nothing_to_replay_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed_by(capsys, "read.parquet", "--where", "native_tokens_prompt<1000").splitlines()
    assert lines[0] == "No call can be replayed."
    assert any(line.startswith("No call can be replayed: sessions need") for line in lines[1:])


def test_rows_as_json_are_those_of_the_function(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--by", "model", "--one-hour-write", "2")
    (row,) = json.loads(printed_by(capsys, "read.parquet", *options, "--json"))
    expected = ga.cache_replay(ga.read("read.parquet"), by="model", one_hour_write=2.0)
    assert list(row) == [*expected.columns, "coverage"]
    assert row["one_hour_least"] == pytest.approx(expected["one_hour_least"][0])
    assert row["best"] is None


def test_gaps_are_a_table_of_hit_rates(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed_by(capsys, "read.parquet", "--gaps")
    assert text.startswith("The cache was read for 9")
    assert " of the prompts up to 5 min after the previous call and 0.0 % of the prompts later." in text
    assert "10 to 60 min" in text
    rows: list[dict[str, Any]] = json.loads(printed_by(capsys, "read.parquet", "--gaps", "--by", "model", "--json"))
    assert [row["gap"] for row in rows][:2] == ["first call", "up to 10 s"]
    assert printed_by(capsys, "unread.parquet", "--gaps").startswith("No call continues another one.")


def test_options_that_do_not_fit_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache-replay", "read.parquet", "--gaps", "--one-hour-write", "2"]) == 2
    assert "--gaps shows no costs" in capsys.readouterr().err
    assert run(["cache-replay", "read.parquet", "--one-hour-write", "0"]) == 2
    assert "--one-hour-write" in capsys.readouterr().err
