"""Reference values are worked out by hand, next to the rows that they come from."""

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa
import pytest

from genanalytics import attempt_summary, attempts
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.records.frame import parse_frame, to_frame
from genanalytics.records.schema import ARROW_SCHEMA, ATTEMPT


def tried(provider: str, status: int | None, latency: int | None, **others: object) -> dict[str, object]:
    return {"provider_name": provider, "status": status, "latency": latency, **others}


MOMENT = pd.Timestamp("2026-03-01T10:00Z")
ROWS: tuple[Mapping[str, object], ...] = (
    {"requested_id": "gen-1", "created_at": MOMENT, "provider_responses": [tried("A", 429, 50), tried("B", 200, 400)]},
    {"requested_id": "gen-2", "created_at": MOMENT, "provider_responses": None},
    {"requested_id": "gen-3", "created_at": MOMENT, "provider_responses": []},
    {
        "requested_id": "gen-4",
        "created_at": None,
        "provider_responses": [tried("A", 200, 100, id="msg-9", model_permaslug="m", is_byok=True, endpoint_id="e")],
    },
    {"requested_id": "gen-5", "created_at": MOMENT, "provider_responses": [tried("A", 500, 7), tried("A", None, None)]},
)


def frame_of(*rows: Mapping[str, object]) -> pd.DataFrame:
    return to_frame(pa.Table.from_pylist([dict(row) for row in rows], schema=ARROW_SCHEMA))


def test_each_attempt_is_a_row_under_the_id_that_was_asked_for() -> None:
    found = attempts(frame_of(*ROWS))
    assert found["requested_id"].tolist() == ["gen-1", "gen-1", "gen-4", "gen-5", "gen-5"]
    assert found["position"].tolist() == [1, 2, 1, 1, 2]
    assert found["of"].tolist() == [2, 2, 1, 2, 2]
    assert found["provider_name"].tolist() == ["A", "B", "A", "A", "A"]
    assert found["is_fallback"].tolist() == [False, True, False, False, True]
    assert found["succeeded"].tolist()[:4] == [False, True, True, False]
    assert pd.isna(found["succeeded"].iloc[4])
    assert found.attrs == {"without_attempts": 2}


def test_an_attempt_keeps_every_field_and_its_own_id_next_to_that_of_the_generation() -> None:
    row = attempts(frame_of(*ROWS)).iloc[2]
    assert row["attempt_id"] == "msg-9"
    assert row["model_permaslug"] == "m"
    assert row["endpoint_id"] == "e"
    assert row["is_byok"]
    assert row["latency"] == 100
    assert pd.isna(row["created_at"])
    assert {field.name for field in ATTEMPT} - {"id"} <= set(row.index)


def test_a_summary_says_of_each_provider_how_often_it_answered_how_fast_and_what_it_cost_in_time() -> None:
    found = attempt_summary(frame_of(*ROWS)).set_index("provider_name")
    assert found["attempts"].to_dict() == {"A": 4, "B": 1}
    assert found.loc["A", "success_rate"] == 1 / 3  # of the three with a status
    assert found.loc["A", "rate_limited"] == 1 / 3
    assert found.loc["A", "fell_back"] == 2 / 4
    assert found.loc["A", "wait_ms_p50"] == 100  # the only one that succeeded
    assert found.loc["A", "wait_ms_n"] == 1
    assert found.loc["A", "lost_ms"] == 50 + 7
    assert found.loc["B", "lost_ms"] == 0
    assert found.loc["B", "wait_ms_mean"] == 400
    assert (found.attrs["units"]["attempts"], found.attrs["labels"]["attempts"]) == ("count", "attempts")
    assert found.attrs["units"]["lost_ms"] == "ms"
    assert found.attrs["without_attempts"] == 2


def test_attempts_are_grouped_by_their_own_columns_and_by_time() -> None:
    found = attempt_summary(frame_of(*ROWS), by=["day", "is_fallback"])
    assert found["attempts"].tolist() == [2, 2, 1]
    assert attempt_summary(frame_of(*ROWS), by=None)["attempts"].tolist() == [5]


def test_the_rows_of_a_part_of_a_frame_are_those_of_the_part() -> None:
    frame = frame_of(*ROWS)
    parts = [attempts(frame.iloc[:2]), attempts(frame.iloc[2:])]
    whole = attempts(frame)
    whole.attrs = {}
    for part in parts:
        part.attrs = {}
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)


@pytest.mark.parametrize("frame", [parse_frame([]), frame_of(*ROWS[1:3])], ids=["no row", "no attempt"])
def test_without_an_attempt_there_is_no_row(frame: pd.DataFrame) -> None:
    found = attempts(frame)
    assert found.empty
    assert found.dtypes.equals(attempts(frame_of(*ROWS)).dtypes)
    assert attempt_summary(frame).empty


def test_data_without_attempts_or_not_in_memory_is_refused_with_the_next_step() -> None:
    with pytest.raises(MissingColumnError, match="no column 'provider_responses', which 'attempts' needs"):
        attempts(frame_of(*ROWS).drop(columns="provider_responses"))
    duckdb = pytest.importorskip("duckdb", reason="duckdb is an extra")
    with (
        duckdb.connect() as connection,
        pytest.raises(
            InputError,
            match=r"attempts need a frame in memory: convert a relation with \.df\(\), .* the columns requested_id,",
        ),
    ):
        attempts(connection.sql("select 1 as requested_id"))


def test_intervals_of_shares_count_attempts_of_a_session_as_dependent() -> None:
    statuses = [429] * 20 + [200] * 60
    alone, together = (
        attempt_summary(
            frame_of(
                *(
                    {
                        "requested_id": f"gen-{place}",
                        "created_at": MOMENT + pd.Timedelta(hours=place),
                        "session_id": f"session-{place // rows}",
                        "provider_responses": [tried("A", status, 10)],
                    }
                    for place, status in enumerate(statuses)
                )
            ),
            intervals=True,
        ).iloc[0]
        for rows in (1, 20)
    )
    assert alone["success_rate"] == together["success_rate"] == 0.75
    assert alone["success_rate_low"] < 0.75 < alone["success_rate_high"]
    assert together["success_rate_low"] < alone["success_rate_low"]
