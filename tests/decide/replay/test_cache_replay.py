"""What other lifetimes of the prompt cache would have cost."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

import genanalytics as ga
from genanalytics import InputError, MissingColumnError, cache_replay
from genanalytics.decide.replay.policies import NO_CACHE_PRICE, NO_CHOICE, NOT_SURE, NOT_USED
from genanalytics.records.frame import parse_frame
from support.cached_sessions import INPUT, READ, Call, draw_calls, frame_calls, join_apps, total_cost
from support.engines import relation_in

SHORT, LONG = 300.0, 3_600.0
MULTIPLES: dict[str, Any] = {"five_min_write": 1.25, "one_hour_write": 2.0}


def draw(seed: int, sessions: int = 30, **options: float) -> list[Call]:
    return draw_calls(np.random.default_rng(seed), sessions, **options)


def replay(data: Any, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - records
    (row,) = cache_replay(data, **{**MULTIPLES, **options}).to_dict("records")
    return {str(name): value for name, value in row.items()}


def replay_apps(apps: list[list[Call]], seen: float) -> list[dict[str, Any]]:
    """Return the figures of data sets, each of which is an app of one frame."""
    found = cache_replay(join_apps(apps, seen), by="app_id", **MULTIPLES).set_index("app_id").sort_index()
    return [{str(name): value for name, value in row.items()} for row in found.to_dict("records")]


APPS = [draw(seed, sessions=15, gap_s=200.0, lost=lost) for seed in range(5) for lost in (0.0, 0.1)]
"""Data sets without and, every other one, with calls that another endpoint serves, which has no cache."""


@pytest.mark.parametrize(("seen", "name"), [(SHORT, "five_min"), (LONG, "one_hour")])
def test_the_policy_as_seen_and_no_cache_cost_exactly_what_they_cost(seen: float, name: str) -> None:
    for calls, row in zip(APPS, replay_apps(APPS, seen), strict=True):
        assert row["as_seen"] == pytest.approx(total_cost(calls, seen), rel=1e-12)
        assert row[name] == row[f"{name}_least"] == row[f"{name}_most"] == pytest.approx(row["as_seen"], rel=1e-12)
        assert row["off"] == pytest.approx(total_cost(calls, None), rel=1e-12)


def test_a_shorter_lifetime_costs_what_the_same_traffic_costs_under_it() -> None:
    for calls, row in zip(APPS, replay_apps(APPS, LONG), strict=True):
        assert row["five_min"] == row["five_min_least"] == row["five_min_most"]
        assert row["five_min"] == pytest.approx(total_cost(calls, SHORT), rel=1e-12)


def test_a_longer_lifetime_costs_what_the_same_traffic_costs_if_every_call_hits() -> None:
    found = replay_apps(APPS, SHORT)
    for calls, row in zip(APPS[::2], found[::2], strict=True):
        assert row["one_hour"] == row["one_hour_least"] == pytest.approx(total_cost(calls, LONG), rel=1e-12)
        assert row["one_hour_most"] > row["one_hour"]
    errors = []
    for calls, row in zip(APPS[1::2], found[1::2], strict=True):
        truth = total_cost(calls, LONG)
        assert row["one_hour_least"] <= truth <= row["one_hour_most"]
        errors.append(row["one_hour"] / truth - 1)
    assert abs(np.mean(errors)) < 0.1


def recompute(frame: pd.DataFrame, seconds: float, write: float, seen: float) -> dict[str, float]:
    """Return the cost of a lifetime in plain Python: neutral, pessimistic, and if no call hits that did not.

    All calls within five minutes hit, so that the chance to hit is 1.
    """
    last: dict[str, tuple[pd.Timestamp, int]] = {}
    totals = {"neutral": 0.0, "most": 0.0, "none": 0.0}
    for row in frame.sort_values("created_at").to_dict("records"):
        before = last.get(row["session_id"])
        last[row["session_id"]] = row["created_at"], row["native_tokens_prompt"]
        gap = (row["created_at"] - before[0]).total_seconds() if before else np.inf
        prompt, cached = row["native_tokens_prompt"], row["native_tokens_cached"]
        rest = row["total_cost"] * 1e9 - READ * cached - (1_250 if seen == SHORT else 2_000) * (prompt - cached)
        for variant, longest in (("neutral", seconds), ("most", min(seconds, 600.0)), ("none", 0.0)):
            read = 0
            if before and gap <= seconds:
                read = before[1] if gap <= longest and seconds > seen else cached
            totals[variant] += rest + READ * read + write * (prompt - read)
    return {variant: amount / 1e9 for variant, amount in totals.items()}


def test_the_figures_are_those_of_plain_python() -> None:
    calls = draw(0, sessions=12, gap_s=250.0)
    for seen in (SHORT, LONG):
        frame = frame_calls(calls, seen)
        row = replay(frame)
        for name, seconds, write in (("five_min", SHORT, 1_250), ("one_hour", LONG, 2_000)):
            expected = recompute(frame, seconds, write, seen)
            assert row[name] == pytest.approx(expected["neutral"], rel=1e-12)
            # all calls within five minutes hit, but that is no proof that all others would
            assert expected["most"] * (1 - 1e-12) <= row[f"{name}_most"] <= expected["none"] * (1 + 1e-12)


def test_a_written_token_has_to_be_read_as_often_as_its_premium_contains_its_gain() -> None:
    calls = draw(1)
    for seen, write in ((SHORT, 1_250), (LONG, 2_000)):
        row = replay(frame_calls(calls, seen))
        assert row["break_even_reads"] == pytest.approx((write - INPUT) / (INPUT - READ))
        frame = frame_calls(calls, seen)
        read, prompt = frame["native_tokens_cached"].sum(), frame["native_tokens_prompt"].sum()
        assert row["reads_per_write"] == pytest.approx(read / (prompt - read))
        assert row["hit_rate"] == pytest.approx(read / prompt)
        assert row["sessions"] == frame["session_id"].nunique()


def test_a_cache_that_is_never_read_is_better_off() -> None:
    calls = [Call(f"s-{number}", 1_000.0 * number, 20_000 + 37 * number**2, 50 + number) for number in range(30)]
    row = replay(frame_calls(calls, SHORT))
    assert row["best"] == "off"
    assert row["difference"] == pytest.approx(total_cost(calls, SHORT) - total_cost(calls, None))
    assert row["difference_low"] < row["difference"] < row["difference_high"]
    assert pd.isna(row["reason"])


def test_a_lifetime_that_no_gap_needs_is_too_long() -> None:
    calls = draw(2, sessions=40, gap_s=20.0, spread=0.5)
    row = replay(frame_calls(calls, LONG))
    assert row["best"] == "five_min"
    assert row["difference"] == pytest.approx(total_cost(calls, LONG) - total_cost(calls, SHORT))


def test_a_lifetime_that_nearly_every_gap_needs_is_too_short() -> None:
    calls = draw(3, sessions=40, gap_s=400.0, spread=0.1, calls=12)
    near = draw_calls(np.random.default_rng(4), 40, gap_s=10.0, spread=0.3, calls=12)
    together = [*calls, *(Call(f"near {call.session}", *call_values(call)) for call in near)]
    row = replay(frame_calls(together, SHORT))
    assert row["best"] == "one_hour"
    assert total_cost(together, LONG) < total_cost(together, SHORT)


def call_values(call: Call) -> tuple[float, int, int]:
    return call.at_s, call.prompt, call.completion


def test_few_sessions_name_no_policy() -> None:
    calls = [Call(f"s-{number}", 1_000.0 * number, 20_000 + 37 * number**2, 50 + number) for number in range(5)]
    row = replay(frame_calls(calls, SHORT))
    assert row["off"] < row["as_seen"]
    assert pd.isna(row["best"])
    assert row["reason"] == "fewer than 6 independent observations"


def test_traffic_for_which_the_cache_pays_back_exactly_names_no_policy() -> None:
    rng = np.random.default_rng(15)
    apps = [
        [
            Call(f"s-{number}", 100.0 * number + 60 * place, 20_000 + 500 * place, int(rng.integers(20, 300)))
            for number in range(30)
            for place in range(1 + (rng.random() < 0.28))  # 0.25 / 0.9 of what is written is read
        ]
        for _ in range(40)
    ]
    assert sum(pd.notna(row["best"]) for row in replay_apps(apps, SHORT)) <= 1


def test_the_price_of_another_lifetime_is_the_one_in_the_data() -> None:
    calls = draw(5, sessions=20)
    others = draw(6, sessions=20)
    both = frame_calls(others, LONG, app_id=8)
    for name in ("requested_id", "session_id"):
        both[name] = "other " + both[name]
    found = cache_replay(pd.concat([frame_calls(calls, SHORT), both], ignore_index=True)).set_index("app_id")
    assert not any("price of writes" in notice for notice in found.attrs["notices"])
    assert found.loc[7, "one_hour"] == pytest.approx(total_cost(calls, LONG))
    assert found.loc[8, "five_min"] == pytest.approx(total_cost(others, SHORT))


def test_a_price_that_is_not_in_the_data_is_bounded_and_said() -> None:
    calls = draw(5, sessions=20)
    found = cache_replay(frame_calls(calls, SHORT))
    given = cache_replay(frame_calls(calls, SHORT), one_hour_write=2.0)
    assert sum("The price of writes for another lifetime" in notice for notice in found.attrs["notices"]) == 1
    assert not any("The price of writes" in notice for notice in given.attrs["notices"])
    assert found["one_hour_least"][0] < given["one_hour_least"][0]
    assert found["one_hour"][0] == given["one_hour"][0]
    assert found["one_hour_most"][0] == given["one_hour_most"][0]


def test_without_any_sign_of_a_cache_no_lifetime_has_a_cost() -> None:
    row = replay(frame_calls(draw(7), None))
    assert row["off"] == row["as_seen"]
    assert all(pd.isna(row[name]) for name in ("five_min", "five_min_least", "one_hour", "one_hour_most", "best"))
    assert row["reason"] == NO_CACHE_PRICE


def test_given_prices_bound_what_a_cache_would_cost_that_was_never_used() -> None:
    calls = draw(7)
    frame = frame_calls(calls, None)
    prices = ga.prices(frame)
    prices["cache_read_price"], prices["cache_write_price"] = READ / 1e3, 1.25
    found = cache_replay(frame, prices=prices)
    (row,) = found.to_dict("records")
    assert row["five_min_least"] == pytest.approx(total_cost(calls, SHORT))
    assert row["five_min_most"] == pytest.approx(
        total_cost(calls, None) + 0.25 * frame["native_tokens_prompt"].sum() / 1e6
    )
    assert pd.isna(row["five_min"])
    assert row["reason"] == NOT_USED
    assert any(notice.startswith("Groups that have never used the cache") for notice in found.attrs["notices"])


def test_writes_without_a_premium_leave_no_choice() -> None:
    calls = draw(8, sessions=12)
    frame = frame_calls(calls, SHORT)
    saved = (INPUT - READ) * frame["native_tokens_cached"] / 1e9
    without = frame["total_cost"] + frame["cache_discount"]
    row = replay(frame.assign(cache_discount=saved, total_cost=without - saved))
    assert row["reason"] == NO_CHOICE
    assert row["break_even_reads"] == 0
    assert pd.isna(row["reads_per_write"])
    assert row["one_hour"] < row["five_min"]


def test_a_policy_that_pays_has_no_better_one() -> None:
    row = replay(frame_calls(draw(2, sessions=40, gap_s=20.0, spread=0.5), SHORT))
    assert row["reason"] == NOT_SURE


def test_calls_outside_of_sessions_are_counted() -> None:
    frame = frame_calls(draw(9, sessions=12), SHORT)
    frame.loc[0, "session_id"] = None
    frame["native_tokens_prompt"] = frame["native_tokens_prompt"].mask(frame.index == 1, 900)
    frame["total_cost"] = frame["total_cost"].mask(frame.index == 2, 5.123456789)
    frame["native_tokens_cached"] = frame["native_tokens_cached"].mask(frame.index == 3)
    frame["response_cache_source_id"] = pd.Series(None, frame.index, dtype="str").mask(frame.index == 4, "gen")
    found = cache_replay(frame, **MULTIPLES)
    assert found["requests"].sum() == len(frame) - 5
    assert [notice for notice in found.attrs["notices"] if "left out" in notice] == [
        "1 call left out, of answers that were replayed",
        "1 call left out, without a session_id",
        "1 call left out, whose model, provider, time or tokens are unknown",
        "1 call left out, with a prompt below 1,024 tokens, which no provider caches",
        "1 call left out, since no price explains their cost",
    ]


def test_the_user_s_own_key_pays_the_same() -> None:
    calls = draw(10, sessions=12)
    frame = frame_calls(calls, SHORT)
    own = frame.assign(upstream_inference_cost=frame["total_cost"], total_cost=0.0, is_byok=True)
    assert replay(own) == pytest.approx(replay(frame), nan_ok=True)


def test_sessions_that_no_record_names_are_guessed() -> None:
    calls = draw(11, sessions=10, gap_s=20.0, spread=0.5)
    frame = frame_calls(calls, SHORT, session_id=pd.Series(None, dtype="str"))
    found = cache_replay(frame, **MULTIPLES)
    assert found["as_seen"][0] == pytest.approx(total_cost(calls, SHORT))
    assert any("their sessions are guessed" in notice for notice in found.attrs["notices"])


def test_groups_add_up_to_the_whole() -> None:
    frame = frame_calls(draw(12, gap_s=200.0), SHORT)
    frame["app_id"] = pd.array([int(name[2:]) % 3 for name in frame["session_id"]], dtype="Int64")
    parts = cache_replay(frame, by="app_id", **MULTIPLES)
    whole = cache_replay(frame, by=[], **MULTIPLES)
    for name in ("requests", "sessions", "as_seen", "off", "five_min", "one_hour", "one_hour_least"):
        assert parts[name].sum() == pytest.approx(whole[name][0])
    assert parts["as_seen"].is_monotonic_decreasing


def make_relation(frame: pd.DataFrame, tmp_path: Any) -> Any:  # noqa: ANN401 - of an engine
    path = str(tmp_path / "rows.parquet")
    ga.write_parquet(frame, path)
    return relation_in("Asia/Kolkata", path)


KINDS: dict[str, Callable[[pd.DataFrame, Any], Any]] = {
    "DuckDB": make_relation,
    "polars": lambda frame, _: pl.from_pandas(frame),
    "Arrow": lambda frame, _: pa.Table.from_pandas(frame),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_engine_replays_alike(kind: str, tmp_path: Any) -> None:  # noqa: ANN401 - a fixture
    frame = frame_calls(draw(13, gap_s=200.0, lost=0.05), SHORT, is_byok=False, upstream_inference_cost=0.0)
    frame["app_id"] = pd.array([int(name[2:]) % 3 or None for name in frame["session_id"]], dtype="Int64")
    frame.loc[3, "session_id"] = None
    expected = cache_replay(frame)
    found = cache_replay(KINDS[kind](frame, tmp_path))
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9)
    assert found.attrs == expected.attrs


SHUFFLED = frame_calls(draw(14, sessions=6, gap_s=200.0), SHORT)


@settings(max_examples=5)
@given(st.permutations(range(len(SHUFFLED))))
def test_the_order_of_rows_does_not_matter_and_the_input_stays(order: list[int]) -> None:
    turned = SHUFFLED.iloc[order]
    copy = turned.copy(deep=True)
    prices = ga.prices(SHUFFLED)
    pd.testing.assert_frame_equal(
        cache_replay(turned, prices=prices), cache_replay(SHUFFLED, prices=prices), rtol=1e-12
    )
    pd.testing.assert_frame_equal(turned, copy)


@pytest.mark.parametrize(
    "frame", [parse_frame([]), frame_calls(draw(1, sessions=2), SHORT)[:1]], ids=["none", "one row"]
)
def test_too_few_rows_give_a_clear_answer(frame: pd.DataFrame) -> None:
    found = cache_replay(frame)
    assert found["best"].isna().all()
    assert found.empty
    assert any(notice.startswith("No call can be replayed") for notice in found.attrs["notices"])


def test_rows_of_gaps_give_a_clear_answer() -> None:
    frame = frame_calls(draw(1, sessions=4), SHORT)
    gaps = pd.DataFrame({name: pd.Series([None] * len(frame), dtype=frame[name].dtype) for name in frame})
    found = cache_replay(gaps)
    assert found.empty
    assert f"{len(frame)} calls left out, without a session_id" in found.attrs["notices"]


def test_what_cannot_be_used_is_named() -> None:
    frame = frame_calls(draw(1, sessions=2), SHORT)
    with pytest.raises(MissingColumnError, match="'session_id', which 'cache_replay' needs"):
        cache_replay(frame.drop(columns="session_id"))
    with pytest.raises(MissingColumnError, match="cannot group by 'app'"):
        cache_replay(frame, by="app")
    with pytest.raises(InputError, match=r"one_hour_write=-1 is no multiple of the input price: give a number"):
        cache_replay(frame, one_hour_write=-1)
    with pytest.raises(MissingColumnError, match=r"give the result of ga\.prices"):
        cache_replay(frame, prices=frame)
