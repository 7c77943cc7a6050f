"""Calls that lost the cache of their session."""

from itertools import pairwise
from typing import Any

import duckdb
import pandas as pd
import pytest

from genanalytics import InputError, MissingColumnError, cache_flip_summary, cache_flips
from genanalytics.bill.selection import select_sessions
from genanalytics.metrics.engines.source import open_source
from genanalytics.records.frame import to_arrow, to_frame
from genanalytics.sandbox import sample
from support.generations import parse_records


def relate(frame: pd.DataFrame) -> duckdb.DuckDBPyRelation:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection.from_arrow(to_arrow(frame))


READ, INPUT, WRITE, OUTPUT = 20, 200, 250, 1_200
"""Nano-dollars per token."""


def make_calls(calls: "list[tuple[int, int]]", **columns: Any) -> pd.DataFrame:  # noqa: ANN401 - of any type
    """Return a call per minute for each prompt and number of cached tokens; the rest of a prompt is written."""
    frame = pd.DataFrame(calls, columns=["native_tokens_prompt", "native_tokens_cached"])
    completion = pd.Series([37 * place * place % 411 + 20 for place in range(len(frame))])
    written = frame["native_tokens_prompt"] - frame["native_tokens_cached"]
    cost = READ * frame["native_tokens_cached"] + WRITE * written + OUTPUT * completion
    saved = (INPUT - READ) * frame["native_tokens_cached"] - (WRITE - INPUT) * written
    return frame.assign(
        requested_id=[f"gen-{place:02}" for place in range(len(frame))],
        created_at=pd.date_range("2026-08-20", periods=len(frame), freq="min", tz="UTC"),
        model="m",
        provider_name="p",
        session_id="s",
        native_tokens_completion=completion,
        total_cost=cost / 1e9,
        cache_discount=saved / 1e9,
    ).assign(**columns)


GROWING = [(10_000, 0), (12_000, 9_997), (13_000, 11_997), (14_000, 12_997), (17_000, 13_997), (19_000, 16_997)]
FLIP = [*GROWING, (20_000, 0), (21_000, 19_997)]


def test_a_session_that_keeps_its_cache_has_no_flip() -> None:
    found = cache_flips(make_calls(GROWING))
    assert found.empty
    assert found.attrs["compared"] == len(GROWING) - 1


def test_a_loss_is_the_price_of_writing_again_less_that_of_reading() -> None:
    found = cache_flips(make_calls(FLIP))
    assert found[["requested_id", "previous_id", "lost_tokens", "cause"]].to_dict("records") == [
        {"requested_id": "gen-06", "previous_id": "gen-05", "lost_tokens": 19_000, "cause": "nothing visible"}
    ]
    assert round(found["loss"][0] * 1e9) == 19_000 * (WRITE - READ)
    assert "losses are upper bounds: a part of the cache might have expired in any case" in found.attrs["notices"]


def test_a_partial_loss_counts_only_what_was_not_read() -> None:
    found = cache_flips(make_calls([*GROWING, (20_000, 9_000)]))
    assert found["lost_tokens"].tolist() == [10_000]


@pytest.mark.parametrize(("column", "value", "cause"), [("model", "n", "model"), ("provider_name", "q", "provider")])
def test_the_cause_is_what_changed(column: str, value: str, cause: str) -> None:
    calls = make_calls(FLIP)
    calls.loc[6:, column] = value
    assert cache_flips(calls)["cause"].tolist() == [cause]


@pytest.mark.parametrize(
    ("minutes", "cause"),
    [(4, "nothing visible"), (6, "gap above 5 min"), (11, "gap above 10 min"), (61, "gap above 1 h")],
)
def test_a_pause_is_a_cause(minutes: int, cause: str) -> None:
    calls = make_calls(FLIP)
    calls.loc[6:, "created_at"] += pd.Timedelta(minutes=minutes - 1, seconds=1)
    found = cache_flips(calls)
    assert found["cause"].tolist() == [cause]
    assert found["gap_ms"].tolist() == [minutes * 60_000 + 1_000]


def test_an_endpoint_and_a_failed_attempt_are_causes() -> None:
    good = [{"endpoint_id": "a", "status": 200}]
    moved = [good] * 6 + [[{"endpoint_id": "b", "status": 200}]] * 2
    retried = [good] * 6 + [[{"endpoint_id": "b", "status": 429}, *good], good]
    for responses, cause in ((moved, "endpoint"), (retried, "failed attempt")):
        assert cache_flips(make_calls(FLIP, provider_responses=responses))["cause"].tolist() == [cause]


def test_no_loss_is_claimed_for_a_shorter_prompt() -> None:
    found = cache_flips(make_calls([*GROWING, (5_000, 0), (6_000, 4_997), (8_000, 5_997)]))
    assert found["cause"].tolist() == ["shorter prompt"]
    assert found["loss"].isna().all()


def test_side_calls_are_neither_flips_nor_previous_calls() -> None:
    assert cache_flips(make_calls([*GROWING[:3], (3_000, 0), *GROWING[3:], (2_000, 0)])).empty


def test_sessions_are_guessed_without_their_ids() -> None:
    calls = make_calls(FLIP).drop(columns="session_id")
    calls.loc[6:, "provider_name"] = "q"
    found = cache_flips(calls)
    assert found["requested_id"].tolist() == ["gen-06"]
    assert found["session_id"].isna().all()
    assert any("their sessions are guessed" in notice for notice in found.attrs["notices"])


def test_awkward_rows_are_left_out_and_counted() -> None:
    calls = make_calls(FLIP).astype({"native_tokens_cached": "Int64"})
    calls.loc[1, "native_tokens_cached"] = pd.NA
    calls.loc[2, "created_at"] = pd.NaT
    twice = pd.concat([calls, calls[3:4]], ignore_index=True).sample(frac=1, random_state=2)
    found = cache_flips(twice)
    assert found["requested_id"].tolist() == ["gen-06"]
    for reason in ("another one has the same id", "created_at is unknown", "native_tokens_cached is unknown"):
        assert f"1 record left out, since {reason}" in found.attrs["notices"]


@pytest.mark.parametrize("rows", [0, 1])
def test_little_data_has_no_flip(rows: int) -> None:
    assert cache_flips(make_calls(FLIP)[:rows]).empty


def test_a_missing_column_is_refused() -> None:
    with pytest.raises(MissingColumnError, match="created_at"):
        cache_flips(make_calls(FLIP).drop(columns="created_at"))


@pytest.mark.parametrize("without", [(), ("session_id",), ("app_id", "native_tokens_cached")])
def test_duckdb_finds_the_same_flips(without: tuple[str, ...]) -> None:
    """Some ids occur twice, some moments and sessions are unknown."""
    frame = parse_records(sample(1_200).records)
    frame = pd.concat([frame, frame[:60]], ignore_index=True)
    frame.loc[200:230, "created_at"] = pd.NaT
    frame = frame.drop(columns=list(without))
    found = cache_flips(relate(frame))
    pd.testing.assert_frame_equal(found, cache_flips(frame))
    assert found.attrs == cache_flips(frame).attrs


def test_an_engine_yields_a_few_sessions_at_a_time() -> None:
    names = [*(f"s{place}" for place in range(7)), "quiet"]
    calls = [make_calls(GROWING if name == "quiet" else FLIP, session_id=name) for name in names]
    frame = pd.concat(calls, ignore_index=True)
    source = open_source(relate(frame.assign(requested_id=[f"gen-{place}" for place in range(len(frame))])))
    selection = select_sessions(source, least_prompt=1_024, block=128, portion_rows=3 * len(FLIP))
    assert selection is not None
    portions = [to_frame(portion.table(["session_id"])) for portion in selection.portions]
    assert [len(portion) for portion in portions] == [3 * len(FLIP), 3 * len(FLIP), len(FLIP)]
    assert "quiet" not in set(pd.concat(portions)["session_id"])


def test_too_many_rows_without_sessions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genanalytics.bill.selection.GUESSED_ROWS", 5)
    with pytest.raises(InputError, match="sessions of 8 rows cannot be guessed: give at most 5"):
        cache_flips(relate(make_calls(FLIP, session_id=None)))


def test_flips_of_the_sandbox_are_the_calls_that_another_endpoint_served() -> None:
    """A later call of a session that read nothing moved to another endpoint, and wrote its whole prompt again."""
    month = sample(6_000, seed=3)
    frame = parse_records(month.records)
    found = cache_flips(frame).set_index("requested_id")
    calls = frame[frame["session_id"].notna() & frame["native_tokens_cached"].notna()]
    calls = calls[calls["native_tokens_prompt"] > 5_000]  # others are side calls
    expected = {}
    for _, session in calls.sort_values("created_at").groupby("session_id"):
        for before, call in pairwise(session.to_dict("records")):
            if call["native_tokens_cached"] == 0:
                sheet = month.priced_by[call["requested_id"]]
                lost = (sheet.cache_write_price or 0) - (sheet.cache_read_price or 0)
                expected[call["requested_id"]] = round(before["native_tokens_prompt"] * lost * 1_000)
    assert len(expected) > 20
    assert set(found.index) == set(expected)
    assert set(found["cause"]) == {"endpoint"}
    assert {name: round(loss * 1e9) for name, loss in found["loss"].items()} == expected


def test_a_summary_adds_the_losses_up_by_cause() -> None:
    found = cache_flip_summary(cache_flips(make_calls(FLIP)))
    assert found[["cause", "flips", "lost_tokens"]].to_dict("records") == [
        {"cause": "nothing visible", "flips": 1, "lost_tokens": 19_000}
    ]
    assert round(found["loss"][0] * 1e9) == 19_000 * (WRITE - READ)
