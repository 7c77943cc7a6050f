"""Recommended actions: what they are worth follows from the bill, and weak ones are left out."""

import math
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import genanalytics as ga
from genanalytics.cli.main import run
from genanalytics.decide.advice.monthly import DAYS_PER_MONTH, estimate_per_month
from genanalytics.decide.advice.recommend import rank_actions
from genanalytics.decide.losses.waste import measure_waste
from genanalytics.tables.recommendations import format_recommendations
from support.billed import Sheet, bill_call
from support.engines import relation_in
from support.generations import frame_of

DAYS = 20
PLAIN = Sheet(write=200)
"""Prices at which writing to the cache costs no more than input."""
EXPENSIVE = PLAIN.times(10_000)
"""Prices at which a few calls a day are worth dollars."""


def list_records(
    days: int = DAYS, sheet: Sheet = EXPENSIVE, percent: int = 110, model: str = "maker/m"
) -> list[dict[str, Any]]:
    """Return four calls a day, one of them at a higher price."""
    return [
        bill_call(
            place,
            sheet.times(percent) if place % 4 == 1 else sheet,
            session_id=f"s-{place}",
            created_at=(pd.Timestamp("2026-03-01T12:00Z") + pd.Timedelta(hours=6 * place)).isoformat(),
            model=model,
        )
        for place in range(4 * days)
    ]


def find_extra_per_month(records: list[dict[str, Any]], days: int) -> float:
    """Return what the calls at 1.1 times the price cost above it, per month."""
    return math.fsum(record["total_cost"] for record in records[1::4]) / 11 / days * DAYS_PER_MONTH


def test_a_surcharge_is_worth_what_it_cost_per_day() -> None:
    records = list_records()
    found = ga.recommend(frame_of(*records))
    row = found[found["action"].str.startswith("Avoid the surcharge on maker/m at P")].iloc[0]
    days = frame_of(*records)["created_at"].dt.date.nunique()
    assert row["usd_per_month"] == pytest.approx(find_extra_per_month(records, days), rel=1e-9)
    assert row["usd_per_month_low"] < row["usd_per_month"] < row["usd_per_month_high"]
    assert row["basis"] == "billed"
    assert "20 requests at 1.1 times regime 1" in row["evidence"]
    after = pd.Timestamp("2026-03-01") + pd.Timedelta(days=days)
    assert shlex.split(row["check"])[-2:] == ["--where", f"created_at>={after:%Y-%m-%d}"]


def test_a_known_ledger_of_waste_gives_the_same_actions() -> None:
    frame = frame_of(*list_records())
    found = rank_actions(frame, tz="UTC", wasted=measure_waste(frame, None))
    pd.testing.assert_frame_equal(found, ga.recommend(frame))


def test_the_most_valuable_action_comes_first() -> None:
    cheap = list_records(model="maker/cheap", sheet=PLAIN.times(7_000))
    found = ga.recommend(frame_of(*cheap, *list_records()))
    assert found["usd_per_month_low"].is_monotonic_decreasing
    surcharges = found[found["action"].str.startswith("Avoid the surcharge")]
    assert surcharges["action"].str.extract(r"on (\S+) at")[0].tolist() == ["maker/m", "maker/cheap"]
    assert any("do not add them up" in notice for notice in found.attrs["notices"])


def test_cancelled_requests_are_worth_their_cost_at_most_and_truncated_ones_nothing() -> None:
    records = list_records(percent=100)
    for record in records[::8]:
        record |= {"cancelled": True, "finish_reason": None}
    for record in records[2::8]:
        record |= {"finish_reason": "length"}
    found = ga.recommend(frame_of(*records)).to_dict("records")
    days = frame_of(*records)["created_at"].dt.date.nunique()
    cancelled = math.fsum(record["total_cost"] for record in records[::8]) / days * DAYS_PER_MONTH
    by_verb = {row["action"].split()[0]: (row["basis"], row["usd_per_month"]) for row in found}
    assert by_verb == {"Cancel": ("upper bound", pytest.approx(cancelled, rel=1e-9))}


def test_the_same_model_elsewhere_is_worth_the_difference_of_the_prices() -> None:
    here, there = list_records(percent=100), list_records(percent=100, sheet=PLAIN.times(5_000))
    frame = frame_of(*here, *({**record, "provider_name": "Q"} for record in there))
    found = ga.recommend(frame)
    row = found[found["action"] == "Route maker/m to Q instead of P"].iloc[0]
    days = frame["created_at"].dt.date.nunique()
    most = math.fsum(record["total_cost"] for record in here) / 2 / days * DAYS_PER_MONTH
    assert 0 < row["usd_per_month"] <= most * (1 + 1e-9)
    assert row["basis"] == "estimate"
    assert "compare both providers first" in row["risk"]


def test_an_action_worth_less_than_a_dollar_is_left_out_and_counted() -> None:
    found = ga.recommend(frame_of(*list_records(sheet=PLAIN)))
    assert found.empty
    assert found.attrs["considered"] >= 1
    assert any("left out" in notice for notice in found.attrs["notices"])


def test_nothing_is_recommended_where_nothing_is_to_gain() -> None:
    draws = np.random.default_rng(5)
    for _ in range(4):
        records = list_records(days=15, percent=100)
        for record in records:
            later = pd.Timestamp(record["created_at"]) + pd.Timedelta(minutes=int(draws.integers(60)))
            record |= {"native_tokens_cached": 0, "created_at": str(later)}
        assert ga.recommend(frame_of(*records)).empty


def test_fewer_than_two_weeks_say_nothing_about_a_month() -> None:
    found = ga.recommend(frame_of(*list_records(days=9)))
    assert found.empty
    assert found.attrs["notices"] == ["10 days of records say too little about a month: recommendations need 14 days"]


@pytest.mark.parametrize("rows", [0, 1])
def test_no_records_give_no_actions(rows: int) -> None:
    found = ga.recommend(frame_of(*list_records()).head(rows))
    assert found.empty
    assert found["usd_per_month"].dtype == "Float64"


def test_columns_that_are_missing_are_named() -> None:
    frame = frame_of(*list_records()).drop(columns=["native_tokens_cached", "requested_id"])
    notices = ga.recommend(frame).attrs["notices"]
    assert any(
        notice.startswith("waste, surcharges, lost caches not examined: ") and "requested_id" in notice
        for notice in notices
    )


def test_names_from_strangers_are_quoted_in_commands() -> None:
    name = "m'; rm -rf * #\n"
    found = ga.recommend(frame_of(*list_records(model=name)))
    words = shlex.split(found["details"].iloc[0])
    assert words == ["genanalytics", "price-changes", "PATH", "--where", f"model={name}"]
    text = format_recommendations(found, paths=["my file.parquet"])
    assert "price-changes 'my file.parquet' --where" in text


def test_the_order_of_rows_does_not_matter_and_the_frame_stays_as_it_is() -> None:
    frame = frame_of(*list_records())
    before = frame.copy(deep=True)
    pd.testing.assert_frame_equal(ga.recommend(frame.iloc[::-1].reset_index(drop=True)), ga.recommend(frame))
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.long
def test_duckdb_gives_the_same_actions(tmp_path: Path) -> None:
    frame = frame_of(*list_records())
    ga.write_parquet(frame, tmp_path / "records.parquet")
    found = ga.recommend(relation_in("Asia/Kolkata", str(tmp_path / "records.parquet")))
    pd.testing.assert_frame_equal(found, ga.recommend(frame))
    assert len(found)


def test_limits_hold_the_true_amount_per_month() -> None:
    draws = np.random.default_rng(3)
    truth = math.exp(0.5) * 0.7 * DAYS_PER_MONTH
    daily = {place: pd.Series(draws.lognormal(size=30) * (draws.random(30) < 0.7)) for place in range(400)}
    limits = pd.DataFrame(estimate_per_month(daily).values())
    assert 0.92 < ((limits["low"] <= truth) & (truth <= limits["high"])).mean() < 0.99


def test_the_command_prints_a_numbered_list(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "records.parquet"
    ga.write(frame_of(*list_records()), path)
    assert run(["recommend", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("1. $")
    assert " a month (95 % interval $" in lines[0]
    assert f"   Details: genanalytics price-changes {path} --where model=maker/m" in lines
    assert run(["recommend", str(path), "--json"]) == 0
    assert '"basis": "billed"' in capsys.readouterr().out


def test_the_command_says_why_there_is_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    ga.write(frame_of(*list_records(days=3)), tmp_path / "records.parquet")
    assert run(["recommend", str(tmp_path / "records.parquet")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Nothing to recommend."
    assert "recommendations need 14 days." in lines[1]


def test_commands_choose_the_same_records(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "records.parquet"
    ga.write_parquet(frame_of(*list_records()), path)
    chosen = ["--where", "model=maker/m", "--since", "2026-03-02", "--until", "2026-03-20", "--tz", "Asia/Tokyo"]
    assert run(["recommend", str(path), *chosen]) == 0
    commands = [line for line in capsys.readouterr().out.splitlines() if ": genanalytics " in line]
    details, later = (line.partition(": ")[2] for line in commands[:2])
    moments = ["--since", "2026-03-01T15:00:00Z", "--until", "2026-03-19T15:00:00Z"]
    assert shlex.split(details)[-8:] == ["--where", "model=maker/m", *moments, "--tz", "Asia/Tokyo"]
    assert shlex.split(later)[-4:] == ["--where", "model=maker/m", "--tz", "Asia/Tokyo"]
    assert run(shlex.split(details)[1:]) == 0
