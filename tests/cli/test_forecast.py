"""The command `forecast`, on files."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genanalytics import forecast
from genanalytics.cli.main import run
from genanalytics.files import write
from support.spending import draw_costs, make_spending

COSTS = draw_costs("independent days, weekday pattern", 53, np.random.default_rng(1))
FRAME = make_spending(COSTS)


@pytest.fixture(autouse=True)
def _in_a_directory_with_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    write(FRAME, "out.parquet")
    write(FRAME[:30], "short.parquet")


def printed_by(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(["forecast", *arguments]) == code
    return capsys.readouterr().out


def test_the_first_line_says_the_total_and_the_chance(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed_by(capsys, "out.parquet", "--budget", "900").splitlines()
    assert lines[0] == forecast(FRAME, budget=900).answer
    assert "; chance to exceed $900: " in lines[0]


def test_a_chance_above_the_limit_is_exit_code_5(capsys: pytest.CaptureFixture[str]) -> None:
    total = forecast(FRAME).expected or 0
    for budget, code in ((0.5 * total, 5), (0.9 * total, 5), (1.5 * total, 0)):
        printed_by(capsys, "out.parquet", "--budget", str(budget), "--fail-above", "0.5", code=code)
    printed_by(capsys, "out.parquet", "--budget", str(0.9 * total))  # not asked for
    printed_by(capsys, "out.parquet", "--budget", "1", "--fail-above", "1", code=5)  # it is used up


def test_an_unknown_chance_is_no_success_for_a_scheduler(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed_by(capsys, "short.parquet", "--budget", "900").startswith("No forecast: 10 of 21 complete days")
    for form in ([], ["--json"], ["--csv"]):
        assert run(["forecast", "short.parquet", "--budget", "9000", "--fail-above", "0.5", *form]) == 6
        assert "so the chance to exceed the budget is unknown" in capsys.readouterr().err
    printed_by(capsys, "short.parquet", "--budget", "1", "--fail-above", "0.5", code=5)  # used up all the same


def test_json_is_one_object_with_the_days_and_the_past(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed_by(capsys, "out.parquet", "--json", "--until", "2026-08-09", "--tz", "Europe/Berlin"))
    assert found["expected"] == pytest.approx(forecast(FRAME, until="2026-08-09", tz="Europe/Berlin").expected)
    assert found["tz"] == "Europe/Berlin"
    assert found["days"][-1]["day"] == "2026-08-09"
    assert found["backtest"]
    refused = json.loads(printed_by(capsys, "short.parquet", "--json"))
    assert refused["expected"] is None
    assert refused["refusal"].startswith("10 of 21 complete days")


def test_csv_is_a_row_per_day(capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.read_csv(io.StringIO(printed_by(capsys, "out.parquet", "--csv", "--until", "week")))
    assert table["cost"].notna().sum() == 53
    assert {"expected", "cumulative", "low_80", "high_95", "coverage"} <= set(table)


def test_conditions_and_the_kind_of_cost_count(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed_by(capsys, "out.parquet", "--json", "--where", "created_at<2026-07-10"))
    assert found["known_until"] == "2026-07-09"
    assert printed_by(capsys, "out.parquet", "--cost", "byok_cost").startswith("No forecast: ")


def test_an_engine_prints_what_pandas_prints(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("duckdb", reason="duckdb is an extra")
    here = printed_by(capsys, "out.parquet", "--budget", "900", "--engine", "pandas")
    assert printed_by(capsys, "out.parquet", "--budget", "900", "--engine", "duckdb") == here


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fail-above", "0.5"], "--fail-above needs a --budget"),
        (["--json", "--csv"], "give one of them"),
        (["--budget", "-1"], "--budget -1.0 cannot be used"),
        (["--budget", "1", "--fail-above", "2"], "2.0 is not in the range"),
        (["--until", "2026-01-01"], "--until 2026-01-01 is a past day"),
        (["--until", "soon"], "--until 'soon' cannot be used"),
    ],
)
def test_wrong_options_are_refused(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert run(["forecast", "out.parquet", *arguments]) == 2
    assert message in capsys.readouterr().err
