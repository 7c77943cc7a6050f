"""The commands `change` and `compare`, on a file."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from genanalytics import write
from genanalytics.cli.main import run
from support.periods import Traffic, make_period

CHEAP = Traffic(requests=310)
DEAR = Traffic(model="maker/large", provider="Q", requests=62, input_price=10_000, output_price=50_000)


def spread(period: pd.DataFrame, first: str, days: int) -> pd.DataFrame:
    """Return a period with its requests on as many days in turn."""
    days_of_rows = pd.to_timedelta([place % days for place in range(len(period))], unit="D")
    return period.assign(created_at=(pd.Timestamp(first, tz="UTC") + days_of_rows).as_unit("us"))


@pytest.fixture(scope="module")
def records() -> pd.DataFrame:
    """Return August, and September with as many requests per day and twice the tokens of the cheap model's answers."""
    after = replace(CHEAP, requests=300, completion=800), replace(DEAR, requests=60)
    august = spread(make_period(CHEAP, DEAR), "2026-08-01T12:00", 31)
    september = spread(make_period(*after, start="2026-09-01"), "2026-09-01T12:00", 30)
    fetched = pd.Timestamp("2026-10-02", tz="UTC").as_unit("us")
    return pd.concat([august, september], ignore_index=True).assign(fetched_at=fetched)


@pytest.fixture(autouse=True)
def _in_a_directory_with_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, records: pd.DataFrame) -> None:
    monkeypatch.chdir(tmp_path)
    write(records, "out.parquet")


def printed_by(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert run(arguments) == 0
    return capsys.readouterr().out.splitlines()


def object_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed_by(capsys, *arguments, "--json")[0])[0]
    return found


def test_a_change_is_a_sentence_and_a_table_with_a_total(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed_by(capsys, "change", "out.parquet")
    assert lines[0].startswith("September 2026 cost $")
    assert " more than August 2026 (+" in lines[0]
    assert lines[1].startswith("Per day (31 and 30 days): $")
    assert "output tokens +$0.06" in lines[1]
    assert [line.split()[0] for line in lines if line.startswith(("maker", "total"))] == [
        "maker/m",
        "maker/large",
        "total",
    ]
    assert "unexplained" not in "".join(lines)


def test_rows_as_json_say_what_was_compared(capsys: pytest.CaptureFixture[str], records: pd.DataFrame) -> None:
    row = object_of(capsys, "change", "out.parquet", "--by", "provider_name")
    assert (row["provider_name"], row["per_day"]) == ("P", True)
    assert (row["before_since"], row["after_until"]) == ("2026-08-01T00:00:00+00:00", "2026-10-01T00:00:00+00:00")
    august = records[(records["created_at"] < "2026-09-01") & (records["provider_name"] == "P")]
    assert row["before"] == pytest.approx(august["total_cost"].sum() / 31)
    assert row["by_output_tokens"] == pytest.approx(row["change"], rel=0.01)


def test_periods_of_one_length_are_compared_as_a_whole(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed_by(capsys, "change", "out.parquet", "--period", "week", "--where", "model=maker/m")
    assert lines[0].startswith("The week of 2026-09-21 cost $")
    assert lines[1] == ""
    assert "per day" not in "".join(lines)


def test_one_period_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["change", "out.parquet", "--where", "created_at>=2026-09-01"]) == 2
    said = capsys.readouterr().err
    assert "all records are in one month, September 2026" in said
    assert "a change needs two: use --period 'week', which fits these records" in said


def test_a_cost_that_is_unknown_is_no_change(capsys: pytest.CaptureFixture[str], records: pd.DataFrame) -> None:
    is_before = records["created_at"] < "2026-09-01"
    write(records.assign(total_cost=records["total_cost"].mask(is_before)), "unknown.parquet")
    assert "The cost of August 2026 is unknown" in printed_by(capsys, "change", "unknown.parquet")[0]


@pytest.mark.long
def test_an_engine_prints_what_pandas_prints(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("duckdb", reason="duckdb is an extra")
    here = printed_by(capsys, "change", "out.parquet", "--engine", "pandas")
    assert printed_by(capsys, "change", "out.parquet", "--engine", "duckdb") == here


def test_a_comparison_is_a_sentence_with_its_interval(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["compare", "out.parquet", "--by", "provider_name", "--a", "P", "--b", "Q"]
    metric = ["--metric", "cost_per_request_mean", "--match", ""]
    lines = printed_by(capsys, *arguments, *metric)
    assert lines[0].startswith("Cost per request mean: P is $")
    assert " lower than Q, " in lines[0]
    assert "(95 % interval of the difference: −$" in lines[0]
    row = object_of(capsys, *arguments, *metric)
    assert row["difference_low"] < row["difference"] < row["difference_high"] < 0
    assert (row["n_a"], row["n_b"], row["comparable"]) == (610, 122, True)


def test_what_has_nothing_in_common_is_not_compared(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--by", "provider_name", "--a", "P", "--b", "Q", "--metric", "cost_per_request_mean"]
    assert printed_by(capsys, "compare", "out.parquet", *arguments)[0] == (
        "Cost per request mean: P and Q cannot be compared, since they have too little in common."
    )


@pytest.mark.parametrize(
    ("by", "a", "b"), [("is_byok", "false", "true"), ("weekday", "1", "2"), ("day", "2026-08-01", "2026-08-02")]
)
def test_values_are_read_as_those_of_the_column(
    capsys: pytest.CaptureFixture[str], records: pd.DataFrame, by: str, a: str, b: str
) -> None:
    write(records.assign(is_byok=[place % 2 == 0 for place in range(len(records))]), "own.parquet")
    assert printed_by(
        capsys, "compare", "own.parquet", "--by", by, "--a", a, "--b", b, "--metric", "cost_per_request_p50"
    )[0].startswith("Cost per request p50: ")


def test_a_value_that_does_not_exist_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["compare", "out.parquet", "--by", "model", "--b", "maker/m", "--metric", "cost_per_request_mean"]
    assert run([*arguments, "--a", "maker/larg"]) == 2
    assert "no model 'maker/larg'; did you mean 'maker/large'?" in capsys.readouterr().err
    assert run([*arguments, "--a", "maker/large", "--match", "nodel"]) == 2
    assert "did you mean 'model'?" in capsys.readouterr().err
