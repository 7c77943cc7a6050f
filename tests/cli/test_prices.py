"""The commands `prices` and `items`, on files."""

import io
from pathlib import Path

import pandas as pd
import pytest

from genanalytics.cli.main import run
from genanalytics.files import write
from genanalytics.metrics.catalog import SETS
from genanalytics.records.coverage import Coverage
from support.billed import frame_surcharged
from support.generations import frame_of
from support.printed import objects_of, printed_by

FRAME = frame_surcharged()


@pytest.fixture(autouse=True)
def _in_a_directory_with_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    write(FRAME, "out.parquet")


def test_prices_are_printed_with_all_of_their_digits_and_how_they_relate(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed_by(capsys, "prices", "out.parquet").splitlines()
    first, second = (line.split() for line in lines if line.startswith("maker/m"))
    assert first[:5] == ["maker/m", "P", "1", "30", "75.0"]
    assert [cell for cell in first if cell.startswith("$")] == ["$0.20", "$0.02", "$0.25", "$1.20"]
    assert [cell for cell in second if cell.startswith("$")] == ["$0.22", "$0.022", "$0.275", "$1.32"]
    assert " ".join(second).endswith("yes 1.1 times regime 1, at the same time")
    assert "95 % interval" not in "".join(lines)


def test_moments_are_in_the_readers_zone_and_left_out_of_a_narrow_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "2026-03-01 14:00+01:00" in printed_by(capsys, "prices", "out.parquet", "--tz", "Europe/Berlin")
    monkeypatch.setattr("genanalytics.cli.output.find_terminal_width", lambda: 100)
    text = printed_by(capsys, "prices", "out.parquet")
    assert "first seen" not in text
    assert max(map(len, text.splitlines())) <= 100
    assert "1.1 times regime 1" in text


def test_prices_of_chosen_groups(capsys: pytest.CaptureFixture[str]) -> None:
    rows = objects_of(capsys, "prices", "out.parquet", "--by", "api_type", "--by", "model")
    assert list(rows[0])[:3] == ["api_type", "model", "regime"]
    assert [(row["regime"], row["requests"], row["input_price"]) for row in rows] == [(1, 30, 0.2), (2, 10, 0.22)]
    table = pd.read_csv(io.StringIO(printed_by(capsys, "prices", "out.parquet", "--csv")))
    assert table["relation"].tolist() == ["regime 1", "1.1 times regime 1, at the same time"]


def test_requests_without_a_price_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    write(frame_of({}, {"total_cost": 2.0}), "two.parquet")
    lines = printed_by(capsys, "prices", "two.parquet").splitlines()
    assert any("too few requests" in line for line in lines)
    assert "Not explained by a price: 2 requests." in lines


def test_no_request_has_no_price(capsys: pytest.CaptureFixture[str]) -> None:
    assert "No price: no request was billed.\n" in printed_by(capsys, "prices", "out.parquet", "--where", "model=x")


def test_a_derived_group_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prices", "out.parquet", "--by", "day"]) == 2
    assert "cannot find prices by 'day': give columns of the data" in capsys.readouterr().err


def test_items_add_up_to_the_bill_in_a_table_with_a_total(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed_by(capsys, "items", "out.parquet", "--by", "model").splitlines()
    amounts = [float(cell[1:]) for cell in next(line for line in lines if line.startswith("total")).split()[2:]]
    billed, *items = amounts
    assert billed == pytest.approx(FRAME["total_cost"].sum(), abs=1e-4)
    assert sum(items) == pytest.approx(billed, abs=5e-4)
    assert "unexplained" in lines[-4]


def test_items_as_json_have_shares_and_average_prices(capsys: pytest.CaptureFixture[str]) -> None:
    days = objects_of(capsys, "items", "out.parquet", "--every", "day")
    assert [day["time"] for day in days] == sorted(day["time"] for day in days)
    assert sum(day["requests"] for day in days) == len(FRAME)
    assert {statistic.name for statistic in SETS["items"]} < set(days[0])
    assert 0.2 < days[0]["output_usd_per_mtok"] < 1.32


@pytest.mark.long
def test_an_engine_prints_what_pandas_prints(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("duckdb", reason="duckdb is an extra")
    FRAME.attrs["coverage"] = Coverage.of(["gen-x"], found=len(FRAME)).to_json()
    write(FRAME, "partial.parquet")
    del FRAME.attrs["coverage"]
    for command in (["prices"], ["items", "--by", "model"], ["items", "--every", "day"]):
        here = printed_by(capsys, *command, "partial.parquet", "--engine", "pandas")
        assert "(1 of 41 missing)" in here
        assert printed_by(capsys, *command, "partial.parquet", "--engine", "duckdb") == here


def test_a_summary_without_items_says_which_column_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert "unexplained" not in printed_by(capsys, "summary", "out.parquet")
    assert run(["summary", "out.parquet", "--metrics", "items"]) == 2
    assert "the data has no column 'input_cost'" in capsys.readouterr().err
