"""The hit rate by the time since the previous call."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import genanalytics as ga
from genanalytics import MissingColumnError, hit_rate_by_gap
from genanalytics.decide.replay.hit_rate import GAPS
from genanalytics.records.frame import parse_frame
from support.cached_sessions import Call, draw_calls, frame_calls
from support.engines import relation_in


def make_calls() -> pd.DataFrame:
    calls = draw_calls(np.random.default_rng(3), 40, gap_s=300.0, spread=2.0)
    return frame_calls(calls, 300.0)


def recompute(frame: pd.DataFrame) -> dict[str, tuple[int, int, int]]:
    """Return calls, prompt and cached tokens by gap, in plain Python."""
    last: dict[str, pd.Timestamp] = {}
    found: dict[str, tuple[int, int, int]] = {}
    for row in frame.sort_values("created_at").to_dict("records"):
        before = last.get(row["session_id"])
        last[row["session_id"]] = row["created_at"]
        name = GAPS[0].name
        if before is not None:
            gap_ms = (row["created_at"] - before).total_seconds() * 1e3
            name = next(gap.name for gap in GAPS[1:] if gap.low_ms < gap_ms <= gap.high_ms)
        calls, prompt, cached = found.get(name, (0, 0, 0))
        found[name] = calls + 1, prompt + row["native_tokens_prompt"], cached + row["native_tokens_cached"]
    return found


def test_calls_and_tokens_are_counted_by_gap() -> None:
    frame = make_calls()
    found = hit_rate_by_gap(frame)
    counted = {row["gap"]: (row["requests"], row["prompt"], row["cached"]) for row in found.to_dict("records")}
    assert counted == recompute(frame)
    assert found["gap"].tolist() == [gap.name for gap in GAPS if gap.name in counted]
    assert found["hit_rate"].tolist() == pytest.approx((found["cached"] / found["prompt"]).tolist())


def test_a_cache_of_five_minutes_hits_up_to_five_minutes() -> None:
    found = hit_rate_by_gap(make_calls()).set_index("gap")
    soon = found[found["gap_high_ms"] <= 300_000]
    assert (soon["hit_rate_low"] > 0.7).all()
    assert (found.loc["5 to 10 min":, "cached"] == 0).all()
    assert found.loc["first call", "cached"] == 0
    assert (found["hit_rate_high"] >= found["hit_rate"]).all()


def test_a_limit_belongs_to_the_shorter_gap() -> None:
    moments = [0.0, 10.0, 310.0, 310.001, 4_000.0]
    calls = [Call("s", at_s, 10_000 + 100 * place, 20) for place, at_s in enumerate(moments)]
    found = hit_rate_by_gap(frame_calls(calls, 300.0))
    assert found["gap"].tolist() == ["first call", "up to 10 s", "1 to 5 min", "1 to 6 h"]
    assert found["requests"].tolist() == [1, 2, 1, 1]


def test_a_side_call_neither_shortens_a_gap_nor_is_the_previous_call() -> None:
    sizes = [(0.0, 50_000), (400.0, 2_000), (402.0, 51_000)]
    frame = frame_calls([Call("s", at_s, prompt, 20) for at_s, prompt in sizes], 300.0)
    found = hit_rate_by_gap(frame)
    assert found["gap"].tolist() == ["first call", "5 to 10 min"]
    assert found["requests"].tolist() == [1, 2]


def test_another_provider_has_a_cache_of_its_own() -> None:
    calls = [Call("s", 60.0 * place, 10_000 + 100 * place, 20) for place in range(4)]
    frame = frame_calls(calls, 300.0)
    frame["provider_name"] = ["P", "Q", "P", "Q"]
    found = hit_rate_by_gap(frame, by="provider_name")
    assert found["requests"].tolist() == [1, 1, 1, 1]
    assert found["gap"].tolist() == ["first call", "1 to 5 min"] * 2


def test_duckdb_finds_the_same(tmp_path: Any) -> None:  # noqa: ANN401 - a fixture
    frame = make_calls()
    frame["app_id"] = pd.array([int(name[2:]) % 3 or None for name in frame["session_id"]], dtype="Int64")
    path = str(tmp_path / "rows.parquet")
    ga.write_parquet(frame, path)
    expected = hit_rate_by_gap(frame, by=["app_id", "model"])
    found = hit_rate_by_gap(relation_in("Asia/Kolkata", path), by=["app_id", "model"])
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9)
    assert found.attrs == expected.attrs


def test_sessions_that_no_record_names_are_guessed() -> None:
    frame = frame_calls(draw_calls(np.random.default_rng(5), 8, gap_s=20.0, spread=0.5), 300.0)
    expected = hit_rate_by_gap(frame)
    found = hit_rate_by_gap(frame.assign(session_id=pd.Series(None, dtype="str")))
    pd.testing.assert_frame_equal(found, expected)


def test_nothing_gives_an_empty_answer() -> None:
    found = hit_rate_by_gap(parse_frame([]))
    assert found.empty
    assert list(found.columns) == [
        *("gap", "gap_low_ms", "gap_high_ms", "requests", "prompt", "cached"),
        *("hit_rate", "hit_rate_low", "hit_rate_high"),
    ]
    with pytest.raises(MissingColumnError, match="'native_tokens_cached', which 'hit_rate_by_gap' needs"):
        hit_rate_by_gap(make_calls().drop(columns="native_tokens_cached"))
