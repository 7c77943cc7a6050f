"""Each check finds the one row that is made doubtful, and no other."""

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa
import pytest

from genanalytics import quality
from genanalytics.errors import MissingColumnError
from genanalytics.metrics import CHECKS
from genanalytics.metrics.engines.source import Records
from genanalytics.records.frame import parse_frame, to_frame
from genanalytics.records.schema import ARROW_SCHEMA, COLUMNS, Origin

SOUND: Mapping[str, object] = {
    "requested_id": "gen-1",
    "id": "gen-1",
    "total_cost": 0.1 + 0.2,  # which differs from 0.3 by rounding alone
    "usage": 0.3,
    "created_at": pd.Timestamp("2026-03-01T10:00Z"),
    "fetched_at": pd.Timestamp("2026-03-01T11:00Z"),
    "model": "m",
    "origin": "",
    "is_byok": False,
    "streamed": True,
    "latency": 100,
    "generation_time": 100,
    "native_tokens_prompt": 10,
    "native_tokens_cached": 10,
    "native_tokens_completion": 5,
    "native_tokens_reasoning": 5,
}
OTHER = {"requested_id": "gen-2", "id": "gen-2"}


def frame_of(*rows: Mapping[str, object]) -> pd.DataFrame:
    return to_frame(pa.Table.from_pylist([dict(row) for row in rows], schema=ARROW_SCHEMA))


def doubtful(frame: Records) -> dict[str, int]:
    """Return the checks that find something, and in how many rows."""
    report = quality(frame)
    return {str(check): int(rows) for check, rows in zip(report["check"], report["rows"], strict=True) if rows}


def test_a_sound_record_is_not_doubtful() -> None:
    report = quality(frame_of(SOUND, dict(SOUND) | OTHER))
    assert report["rows"].tolist() == [0] * len(report)
    assert report["of"].tolist() == [2] * len(report)
    assert report["share"].tolist() == [0.0] * len(report)
    assert report["examples"].isna().all()


@pytest.mark.parametrize(
    ("check", "values"),
    [
        ("usage_differs", {"usage": 0.30001}),
        ("usage_differs", {"usage": 0.29999}),
        ("byok_cost_unknown", {"is_byok": True}),
        ("reasoning_above_completion", {"native_tokens_reasoning": 6}),
        ("cached_above_prompt", {"native_tokens_cached": 11}),
        ("generation_below_latency", {"generation_time": 99}),
        ("id_mismatch", {"id": "gen-3"}),
        ("unread", {"extra": '{"new": 1}'}),
        ("created_after_fetched", {"created_at": pd.Timestamp("2026-03-01T11:00:01Z")}),
        ("fetched_young", {"created_at": pd.Timestamp("2026-03-01T10:00:01Z")}),
        ("repeated_id", {"requested_id": "gen-1", "id": "gen-1"}),
        *((f"no_{column.name}", {column.name: None}) for column in COLUMNS if column.name in {"model", "created_at"}),
    ],
)
def test_each_check_finds_its_row_and_names_it(check: str, values: Mapping[str, object]) -> None:
    frame = frame_of(SOUND, dict(SOUND) | OTHER | dict(values))
    assert doubtful(frame) == {check: 1}
    first = quality(frame).iloc[0]
    assert first["share"] == 0.5
    assert first["examples"] == ("gen-1" if check == "repeated_id" else "gen-2")
    assert first["meaning"]


@pytest.mark.parametrize("source", [None, "x", "activity"])
def test_what_exports_never_have_is_no_gap_in_a_row_of_one(source: str | None) -> None:
    exported = dict(SOUND) | OTHER | dict.fromkeys(("origin", "usage", "is_byok", "fetched_at"))
    frame = frame_of(SOUND, exported).assign(source=pd.array([None, source], dtype="str"))
    found = {} if source == "activity" else {"no_origin": 1, "no_usage": 1, "no_is_byok": 1}
    assert doubtful(frame) == found
    assert doubtful(frame.assign(model=None))["no_model"] == 2
    report = quality(frame).set_index("check")
    assert report.loc["no_origin", "of"] == (1 if source == "activity" else 2)


def test_a_column_source_of_another_kind_hides_no_gap() -> None:
    frame = frame_of(dict(SOUND) | {"origin": None}).assign(source=7)
    assert doubtful(frame) == {"no_origin": 1}


def test_a_required_value_has_a_check_for_its_gap() -> None:
    required = {column.name for column in COLUMNS if column.required and column.origin is Origin.CONTRACT}
    assert {f"no_{name}" for name in required} <= {check.name for check in CHECKS}
    assert {"total_cost", "created_at", "model"} <= required


def test_what_cannot_be_checked_leaves_the_denominator() -> None:
    unknown = dict(SOUND) | OTHER | {"usage": None, "streamed": False, "generation_time": 1}
    report = quality(frame_of(SOUND, unknown)).set_index("check")
    assert report.loc["usage_differs", "of"] == 1
    assert report.loc["generation_below_latency", "of"] == 1
    assert report.loc["generation_below_latency", "rows"] == 0
    assert report.loc["no_usage", "rows"] == 1


def test_the_examples_are_the_first_and_the_last_id() -> None:
    rows = [dict(SOUND) | {"requested_id": f"gen-{number}", "id": "other"} for number in (3, 1, 2)]
    report = quality(frame_of(*rows)).set_index("check")
    assert report.loc["id_mismatch", "rows"] == 3
    assert report.loc["id_mismatch", "examples"] == "gen-1, gen-3"


def test_surplus_rows_are_counted_for_ids_that_occur_more_than_twice_too() -> None:
    report = quality(frame_of(SOUND, SOUND, SOUND, dict(SOUND) | OTHER)).set_index("check")
    assert report.loc["repeated_id", "rows"] == 2
    assert report.loc["repeated_id", "of"] == 4


def test_a_check_without_its_columns_has_gaps_and_comes_last() -> None:
    report = quality(frame_of(SOUND).drop(columns=["usage", "extra"])).set_index("check")
    assert report.index[-3:].tolist() == ["usage_differs", "unread", "no_usage"]
    assert report.loc["unread", ["rows", "of", "share"]].isna().all()


def test_an_empty_frame_has_nothing_doubtful() -> None:
    report = quality(parse_frame([]))
    assert set(report["rows"]) == {0}
    assert report["share"].isna().all()


def test_a_frame_without_requested_ids_is_refused() -> None:
    with pytest.raises(MissingColumnError, match="no column 'requested_id', which 'quality' needs"):
        quality(pd.DataFrame({"id": ["gen-1"]}))


def test_duckdb_gives_the_same_report() -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is an extra")
    rows = (SOUND, SOUND, dict(SOUND) | OTHER | {"id": "x", "usage": 9.0, "extra": "{}"}, {"requested_id": "gen-4"})
    frame = frame_of(*rows).drop(columns="provider_responses")
    with duckdb.connect() as connection:
        pd.testing.assert_frame_equal(quality(connection.from_df(frame)), quality(frame))
