"""The command `changes`, on files."""

from pathlib import Path

import numpy as np
import pytest

from support.daily import make_records
from support.printed import objects_of, printed_by

RECORDS = make_records(
    np.random.default_rng(3), models=1, days=45, change={"requests": (25, 2.5), "price": (30, 1.25)}
).assign(model="maker/m")


@pytest.fixture(autouse=True)
def _in_a_directory_with_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    RECORDS.to_parquet("out.parquet")
    RECORDS[RECORDS["created_at"] < "2026-06-06"].to_parquet("short.parquet")


def test_the_first_line_is_the_answer_and_the_table_names_day_levels_and_cause(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, _, *lines = printed_by(capsys, "changes", "out.parquet").splitlines()
    assert "daily statistics of 45 days. The largest: " in first
    assert first.endswith(" more a day.")
    requests = next(line for line in lines if line.startswith("maker/m") and " requests " in line)
    assert "2026-06-26" in requests
    assert "more requests ($" in requests
    price = next(line for line in lines if "input_price" in line)
    assert "$1.00/M tokens to $1.25/M tokens" in price
    assert "certain" in price
    assert any(line.startswith("all rows") for line in lines)


def test_json_has_every_column_and_gaps_for_all_rows(capsys: pytest.CaptureFixture[str]) -> None:
    rows = objects_of(capsys, "changes", "out.parquet")
    assert {row["model"] for row in rows} == {"maker/m", None}
    row = next(row for row in rows if row["metric"] == "requests" and row["scope"] == "group")
    assert row["since_low"] <= row["since"] <= row["since_high"]
    assert row["after"] > 2 * row["before"]
    assert 0 < row["p_value"] <= row["q_value"] <= 0.05


def test_all_records_together_and_other_groups(capsys: pytest.CaptureFixture[str]) -> None:
    rows = objects_of(capsys, "changes", "out.parquet", "--by", "")
    assert {row["scope"] for row in rows} == {"all rows"}
    assert "model" not in rows[0]
    rows = objects_of(capsys, "changes", "out.parquet", "--by", "provider_name,finish_reason")
    assert list(rows[0])[:2] == ["provider_name", "finish_reason"]
    assert "scope" in printed_by(capsys, "changes", "out.parquet", "--by", "")


def test_few_days_are_refused_with_what_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed_by(capsys, "changes", "short.parquet")
    assert text.startswith("Nothing can be compared.")
    assert "5 days; changes need 14 days with data." in text
    assert objects_of(capsys, "changes", "short.parquet") == []


def test_no_change_is_said_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed_by(capsys, "changes", "out.parquet", "--where", "created_at<2026-06-24")
    assert text.startswith("No change is proved: 14 daily statistics of 23 days.")


def test_without_any_known_cost_the_first_line_is_the_clearest_change(capsys: pytest.CaptureFixture[str]) -> None:
    RECORDS.assign(total_cost=np.nan, cache_discount=np.nan).to_parquet("unpaid.parquet")
    first = printed_by(capsys, "changes", "unpaid.parquet", "--by", "").splitlines()[0]
    assert "The clearest: requests of all rows from " in first
    assert first.endswith("; its effect on the cost is unknown.")
