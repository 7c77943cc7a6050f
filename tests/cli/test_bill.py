"""The commands `price-changes` and `cache-flips`, on a file."""

import json
from pathlib import Path

import pandas as pd
import pytest

from genanalytics import write
from genanalytics.cli.main import run
from genanalytics.units import Unit, format_value
from support.billed import find_extra, frame_surcharged, list_surcharged

CALLS = [(10_000, 0), (12_000, 9_997), (13_000, 11_997), (14_000, 12_997), (17_000, 13_997), (18_000, 0)]


def make_records() -> pd.DataFrame:
    """Return a session that loses its cache at the last call, at US$ 0.2, 0.02 and 1.2 per million tokens."""
    frame = pd.DataFrame(CALLS, columns=["native_tokens_prompt", "native_tokens_cached"]).astype("Int64")
    frame["native_tokens_completion"] = pd.array([50, 70, 20, 10, 90, 31], dtype="Int64")
    saved = 0.18 * frame["native_tokens_cached"] / 1e6
    gross = (0.2 * frame["native_tokens_prompt"] + 1.2 * frame["native_tokens_completion"]) / 1e6
    return frame.assign(
        requested_id=[f"gen-{place}" for place in range(len(frame))],
        created_at=pd.date_range("2026-08-20", periods=len(frame), freq="min", tz="UTC").as_unit("us"),
        model="m",
        provider_name="p",
        session_id="s",
        fetched_at=pd.Timestamp("2026-09-01", tz="UTC").as_unit("us"),
        cache_discount=saved.astype("Float64"),
        total_cost=(gross - saved).astype("Float64"),
    )


@pytest.fixture(autouse=True)
def _in_a_directory_with_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    write(make_records(), "out.parquet")


def test_cache_flips_are_a_table_by_cause_and_by_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache-flips", "out.parquet"]) == 0
    printed = capsys.readouterr().out
    assert "nothing visible" in printed
    assert "gen-5" in printed
    assert "Losses are upper bounds" in printed


def test_cache_flips_as_json_are_objects(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache-flips", "out.parquet", "--json"]) == 0
    (flip,) = json.loads(capsys.readouterr().out)
    assert (flip["requested_id"], flip["lost_tokens"], round(flip["loss"] * 1e9)) == ("gen-5", 17_000, 17_000 * 180)


def test_nothing_to_show_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache-flips", "out.parquet", "--where", "native_tokens_prompt<18000"]) == 0
    assert "No session lost its cache: 4 calls compared with the call before." in capsys.readouterr().out
    assert run(["price-changes", "out.parquet"]) == 0
    assert "No price change: every group has one known price at a time, or none." in capsys.readouterr().out


def test_the_first_line_of_price_changes_is_the_largest_real_change(capsys: pytest.CaptureFixture[str]) -> None:
    write(frame_surcharged(), "surcharged.parquet")
    assert run(["price-changes", "surcharged.parquet"]) == 0
    extra = format_value(find_extra(list_surcharged()), Unit.USD)
    assert capsys.readouterr().out.splitlines()[0] == (
        f"The largest surcharge: maker/m, P: 1.1 times regime 1, at the same time, {extra} more for 10 requests."
        f" In all, 1 surcharge cost {extra}."
    )


def test_price_changes_as_csv_have_their_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["price-changes", "out.parquet", "--csv"]) == 0
    assert capsys.readouterr().out.startswith("model,provider_name,regime,kind,since,until,relation,requests,")
