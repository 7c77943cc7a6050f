"""Reference values are worked out by hand, next to the rows that they come from."""

from collections.abc import Callable, Mapping

import pandas as pd
import pyarrow as pa
import pytest

from genanalytics import attempt_summary, attempts, quality, sessions, summarize
from genanalytics.errors import MissingColumnError
from genanalytics.records.frame import parse_frame, to_frame
from genanalytics.records.schema import ARROW_SCHEMA
from genanalytics.sandbox import sample
from support.generations import parse_records

ROWS: tuple[Mapping[str, object], ...] = (
    {"session_id": "s2", "created_at": pd.Timestamp("2026-03-01T10:00Z"), "total_cost": 4.0},
    {
        "session_id": "s1",
        "created_at": pd.Timestamp("2026-03-01T09:00:02.5Z"),
        "total_cost": 1.0,
        "cache_discount": 3.0,
    },
    {"session_id": "s1", "created_at": pd.Timestamp("2026-03-01T09:00Z"), "total_cost": 2.0, "cache_discount": -0.5},
    {"session_id": None, "created_at": pd.Timestamp("2026-03-01T08:00Z"), "total_cost": 1.0},
    {"session_id": "s3", "created_at": None, "total_cost": None, "native_tokens_prompt": 70},
)


def frame_of(*rows: Mapping[str, object]) -> pd.DataFrame:
    return to_frame(pa.Table.from_pylist([dict(row) for row in rows], schema=ARROW_SCHEMA))


def test_a_session_has_its_cost_its_length_and_what_caching_did() -> None:
    found = sessions(frame_of(*ROWS))
    first = found.iloc[0]
    assert first["session_id"] == "s1"
    assert first["requests"] == 2
    assert first["first"] == pd.Timestamp("2026-03-01T09:00Z")
    assert first["last"] == pd.Timestamp("2026-03-01T09:00:02.5Z")
    assert first["length_ms"] == 2500.0
    assert first["effective_cost"] == 3.0
    assert first["cost_share"] == 3.0 / 8.0  # of all rows, those without a session included
    assert first["net_cache_savings"] == 2.5
    assert first["read_savings"] == 3.0
    assert first["write_premium"] == 0.5
    assert first["cache_payback"] == 6.0
    assert first["cost_without_cache"] == 5.5
    assert first["cache_coverage"] == 1.0


def test_sessions_come_in_the_order_of_their_first_generation_undated_ones_last() -> None:
    found = sessions(frame_of(*ROWS))
    assert found["session_id"].tolist() == ["s1", "s2", "s3"]
    assert found["length_ms"].tolist()[:2] == [2500.0, 0.0]
    assert pd.isna(found["length_ms"].iloc[2])


def test_what_is_not_known_of_a_session_is_a_gap() -> None:
    last = sessions(frame_of(*ROWS)).iloc[2]
    assert pd.isna(last["effective_cost"])
    assert last["cost_unknown"] == 1
    assert pd.isna(last["cache_payback"])
    assert last["tokens_in"] == 70
    assert pd.isna(last["tokens_out"])


def test_rows_without_a_session_are_counted_and_with_them_the_requests_add_up() -> None:
    found = sessions(frame_of(*ROWS))
    assert found.attrs["without_session"] == 1
    assert found["requests"].sum() + 1 == summarize(frame_of(*ROWS))["requests"].iloc[0]
    assert found.attrs["units"]["length_ms"] == "ms"
    assert set(found.attrs["labels"]) == set(found.columns) - {"session_id"}


def test_an_empty_frame_has_no_session() -> None:
    found = sessions(parse_frame([]))
    assert found.empty
    assert found.dtypes.equals(sessions(frame_of(*ROWS)).dtypes)
    assert found.attrs["without_session"] == 0


def test_a_frame_without_session_ids_is_refused() -> None:
    with pytest.raises(MissingColumnError, match="cannot group by 'session_id'"):
        sessions(frame_of(*ROWS).drop(columns="session_id"))


@pytest.mark.parametrize("function", [sessions, attempts, attempt_summary, quality])
def test_what_is_asked_of_a_frame_changes_nothing_in_it_and_row_order_changes_no_figure(
    function: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    frame = parse_records(sample(60, seed=5).records)
    before = frame.copy(deep=True)
    expected = function(frame)
    pd.testing.assert_frame_equal(frame, before)
    found = function(frame.iloc[::-1])
    if function is attempts:  # whose rows are in the order of the frame's
        expected, found = (
            rows.sort_values(["requested_id", "position"], ignore_index=True) for rows in (expected, found)
        )
    pd.testing.assert_frame_equal(found, expected)


def test_duckdb_gives_the_same_sessions() -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is an extra")
    frame = frame_of(*ROWS).drop(columns="provider_responses")
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'Asia/Tokyo'")
        pd.testing.assert_frame_equal(sessions(connection.from_df(frame)), sessions(frame))
