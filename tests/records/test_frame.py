"""Answers become one typed frame: every value lands in its own column, nothing is dropped, order is kept."""

import io
import json
import subprocess
import sys
from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

from genanalytics.base.frames import TEXT
from genanalytics.errors import InputError
from genanalytics.records.frame import drift, parse_frame, to_frame
from genanalytics.records.parse import Row, parse_rows
from genanalytics.records.record import NotARecordError
from genanalytics.records.schema import ARROW_SCHEMA
from genanalytics.sandbox import sample

FETCHED_AT = 1_790_000_000.123456
"""2026-09-21 14:13:20.123456 UTC."""

CONTRACT = {  # no value stands twice
    "id": "gen-1",
    "upstream_id": "up-2",
    "total_cost": 0.03,
    "cache_discount": -0.04,
    "upstream_inference_cost": 0.05,
    "created_at": "2026-06-06T06:06:06.060606Z",
    "model": "vendor/model-7",
    "app_id": 8,
    "streamed": True,
    "cancelled": False,
    "provider_name": "Provider 11",
    "latency": 12,
    "moderation_latency": 13,
    "generation_time": 14,
    "finish_reason": "stop-15",
    "native_finish_reason": "STOP-16",
    "tokens_prompt": 17,
    "tokens_completion": 18,
    "native_tokens_prompt": 19,
    "native_tokens_completion": 20,
    "native_tokens_reasoning": 21,
    "num_media_prompt": 22,
    "num_media_completion": 23,
    "num_search_results": 24,
    "origin": "https://example.org/25",
    "usage": 0.26,
    "is_byok": True,
}
ATTEMPTS: list[dict[str, object]] = [
    {"provider_name": "Provider 37", "status": 429},
    {
        "endpoint_id": "endpoint-38",
        "id": "try-39",
        "is_byok": False,
        "latency": 40,
        "model_permaslug": "vendor/model-41",
        "provider_name": "Provider 42",
        "status": 200,
        "routed_service_tier": "tier-43",
    },
]
LIVE = {
    "api_type": "completions-28",
    "data_region": "region-29",
    "external_user": "user-30",
    "http_referer": "https://example.org/31",
    "native_tokens_cached": 32,
    "native_tokens_completion_images": 33,
    "num_fetches": 34,
    "num_input_audio_prompt": 35,
    "preset_id": "preset-36",
    "provider_responses": ATTEMPTS,
    "request_id": "req-44",
    "response_cache_source_id": "gen-45",
    "router": "router-46",
    "service_tier": "tier-47",
    "session_id": "session-48",
    "user_agent": "agent-49",
    "web_search_engine": "engine-50",
    "workspace_id": "workspace-51",
}
RECORD = CONTRACT | LIVE

NO_ATTEMPT: dict[str, object] = dict.fromkeys(
    ("endpoint_id", "id", "is_byok", "latency", "model_permaslug", "provider_name", "status", "routed_service_tier")
)

DTYPES = {str: "str", int: "Int64", float: "Float64", bool: "boolean"}


def row(record: object, requested_id: str = "gen-asked", fetched_at: float | None = FETCHED_AT) -> Row:
    return Row(requested_id, json.dumps({"data": record}).encode(), fetched_at)


def values(frame: pd.DataFrame, place: int = 0) -> dict[str, object]:
    """Return what a row of the frame holds, gaps left out."""
    return {name: value for name, value in to_arrow(frame).to_pylist()[place].items() if value is not None}


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, schema=ARROW_SCHEMA, preserve_index=False)


EXPECTED = RECORD | {
    "created_at": datetime(2026, 6, 6, 6, 6, 6, 60606, tzinfo=UTC),
    "provider_responses": [NO_ATTEMPT | attempt for attempt in ATTEMPTS],
}
OURS = {"requested_id": "gen-asked", "fetched_at": datetime(2026, 9, 21, 14, 13, 20, 123456, tzinfo=UTC)}


def test_each_of_45_values_lands_in_its_own_column() -> None:
    assert values(parse_frame([row(RECORD)])) == OURS | EXPECTED


def test_a_field_that_nobody_knows_moves_none_of_them() -> None:
    assert values(parse_frame([row({"new": 1} | RECORD)])) == OURS | EXPECTED | {"extra": '{"new":1}'}


@pytest.mark.parametrize("names", [list(CONTRACT), list(CONTRACT)[:11], list(RECORD)[::-1], ["id"]])
def test_a_field_that_an_answer_does_not_have_is_null(names: list[str]) -> None:
    record = {name: RECORD[name] for name in names}
    frame = parse_frame([row(record), row(record | {"new": 1})])
    assert values(frame) == OURS | {name: EXPECTED[name] for name in names}
    assert values(frame, 1) == values(frame) | {"extra": '{"new":1}'}
    assert frame.shape == (2, 48)


@pytest.mark.parametrize("name", RECORD)
def test_a_value_fills_no_column_but_its_own(name: str) -> None:
    record = {"id": "gen-1", name: RECORD[name]}
    assert values(parse_frame([row(record)])) == OURS | {"id": "gen-1", name: EXPECTED[name]}
    assert values(parse_frame([row(record | {"new": 1})])) == OURS | record | {
        name: EXPECTED[name],
        "extra": '{"new":1}',
    }


@pytest.mark.parametrize("rows", [[], [row({"id": "gen-1"})], [row(RECORD)], [row(RECORD | {"latency": "slow"})]])
def test_the_dtypes_are_the_same_whatever_the_rows_hold(rows: list[Row]) -> None:
    dtypes = {name: str(dtype) for name, dtype in parse_frame(rows).dtypes.items()}
    assert dtypes.pop("created_at") == dtypes.pop("fetched_at") == "datetime64[us, UTC]"
    assert dtypes.pop("provider_responses").startswith("list<")
    assert dtypes.pop("requested_id") == dtypes.pop("extra") == "str"
    assert dtypes == {name: DTYPES[type(RECORD[name])] for name in RECORD if name in dtypes}


def test_without_rows_there_is_the_full_schema() -> None:
    frame = parse_frame([])
    assert frame.shape == (0, 48)
    assert isinstance(frame.index, pd.RangeIndex)
    assert_frame_equal(parse_frame([row(RECORD)]).head(0), frame)


def test_gaps_are_gaps_and_not_zero() -> None:
    frame = parse_frame([row(CONTRACT), row(dict.fromkeys(RECORD) | {"id": "gen-1"})])
    assert frame["cache_discount"].isna().tolist() == [False, True]
    assert frame["total_cost"].sum() == 0.03
    assert frame["extra"].isna().all()


def test_rows_keep_their_order_and_repeat_as_often_as_they_are_given() -> None:
    order = [f"gen-{number}" for number in (3, 1, 2, 1)]
    assert parse_frame([row(RECORD, name) for name in order])["requested_id"].tolist() == order


def test_the_id_that_was_asked_for_and_the_one_that_came_back_both_stand_there() -> None:
    frame = parse_frame([row({"id": "gen-other"})])
    assert frame[["requested_id", "id"]].to_numpy().tolist() == [["gen-asked", "gen-other"]]


@pytest.mark.parametrize(
    ("seconds", "moment"),
    [
        (0.0, "1970-01-01T00:00:00+00:00"),
        (1_790_000_000.1234564, "2026-09-21T14:13:20.123456+00:00"),
        (1_790_000_000.9999999, "2026-09-21T14:13:21+00:00"),
    ],
)
def test_the_moment_of_fetching_is_kept_to_the_microsecond(seconds: float, moment: str) -> None:
    assert parse_frame([row(RECORD, fetched_at=seconds)])["fetched_at"].tolist() == [pd.Timestamp(moment)]


def test_a_moment_of_fetching_that_is_not_known_is_null() -> None:
    assert parse_frame([row(RECORD, fetched_at=None), row(RECORD)])["fetched_at"].isna().tolist() == [True, False]


def test_a_body_that_is_no_record_is_refused() -> None:
    with pytest.raises(NotARecordError, match="an HTML page"):
        parse_frame([row(RECORD), Row("gen-2", b"<html>", FETCHED_AT)])


def test_every_value_of_the_sample_fits() -> None:
    records = sample(400).records
    frame = parse_frame([row(record, generation_id) for generation_id, record in records.items()])
    assert frame["requested_id"].tolist() == list(records)
    assert frame["extra"].isna().all()
    assert frame["total_cost"].tolist() == [record["total_cost"] for record in records.values()]
    assert frame["created_at"].notna().all()


def test_a_table_is_a_frame_again_after_parquet() -> None:
    rows = [row(RECORD), row({"id": "gen-1"}), row(RECORD | {"new": [1], "latency": 0.5})]
    file = io.BytesIO()
    pq.write_table(parse_rows(rows), file)
    assert_frame_equal(to_frame(pq.read_table(file)), parse_frame(rows))


def test_a_table_keeps_the_columns_of_its_user() -> None:
    mine = {
        "team": pd.Series(["red", None], dtype=TEXT),
        "share": pd.Series([0.5, None], dtype="Float64"),
        "tickets": pd.Series([2, None], dtype="Int32"),
        "bytes": pd.Series([3, None], dtype="UInt8"),
        "ratio": pd.Series([1.5, None], dtype="Float32"),
        "good": pd.Series([True, None], dtype="boolean"),
        "day": pd.Series([pd.Timestamp("2026-09-01"), None], dtype="datetime64[ns]"),
    }
    table = parse_rows([row(RECORD), row({"id": "gen-1"})])
    for name, series in mine.items():
        table = table.append_column(name, pa.array(series, from_pandas=True))
    frame = to_frame(table)
    assert frame.shape == (2, 48 + len(mine))
    for name, series in mine.items():
        assert_series_equal(frame[name], series, check_names=False)


def test_the_metadata_of_pandas_does_not_make_an_index_of_a_column() -> None:
    frame = parse_frame([row(RECORD), row({"id": "gen-1"})]).set_index("requested_id")
    back = to_frame(pa.Table.from_pandas(frame))
    assert back["requested_id"].tolist() == ["gen-asked", "gen-asked"]
    assert isinstance(back.index, pd.RangeIndex)


@pytest.mark.parametrize(
    ("name", "held", "reason"),
    [
        ("latency", pa.array(["slow"]), "column 'latency' holds string, it should hold int64"),
        ("latency", pa.array([1.5]), "column 'latency' holds double, it should hold int64"),
        ("created_at", pa.array(["\x1b[31m"]), "column 'created_at' holds string, it should hold timestamp"),
        ("provider_responses", pa.array([1]), "column 'provider_responses' holds int64, it should hold list"),
        ("is_byok", pa.array(["x" * 9_999]), "column 'is_byok' holds string, it should hold bool"),
    ],
)
def test_a_known_column_of_another_type_is_one_printable_sentence(name: str, held: pa.Array, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as refused:
        to_frame(pa.table({name: held}))
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 500


def test_a_known_column_of_a_type_that_says_the_same_is_taken() -> None:
    table = pa.table({"latency": pa.array([1, None], pa.int16()), "model": pa.array(["m", None]).dictionary_encode()})
    frame = to_frame(table)
    assert frame.dtypes.astype(str).to_dict() == {"latency": "Int64", "model": "str"}
    assert frame["latency"].tolist() == [1, pd.NA]
    assert frame["model"].isna().tolist() == [False, True]


def test_drift_counts_the_records_in_which_a_field_did_not_fit() -> None:
    frame = parse_frame([
        row({"id": "gen-1", "latency": 74512.5, "new": {"a": [1]}}),
        row({"id": "gen-2", "latency": "slow", "other": None}),
        row({"id": "gen-3"}),
        row({"id": "gen-4", "latency": 0.5, "new": 2, "extra": "mine", "provider_responses": [{"price": 1}]}),
    ])  # fmt: skip
    report = drift(frame)
    assert report.dtypes.astype(str).to_dict() == {"field": "str", "what": "str", "rows": "Int64", "example": "str"}
    assert report.to_numpy().tolist() == [
        ["latency", "misfit", 3, "74512.5"],
        ["new", "unknown", 2, '{"a": [1]}'],
        ["extra", "unknown", 1, '"mine"'],
        ["other", "unknown", 1, "null"],
        ["provider_responses", "misfit", 1, '[{"price": 1}]'],
    ]


@pytest.mark.parametrize("rows", [[], [row(RECORD)]])
def test_drift_is_empty_where_everything_fits(rows: list[Row]) -> None:
    report = drift(parse_frame(rows))
    assert report.shape == (0, 4)
    assert report.dtypes.astype(str).to_dict() == {"field": "str", "what": "str", "rows": "Int64", "example": "str"}


def test_drift_leaves_the_frame_as_it_is_and_does_not_depend_on_its_order() -> None:
    frame = parse_frame([row({"id": "gen-1", "b": 1, "a": 1}), row({"id": "gen-2", "a": 1, "b": 1})])
    before = frame.copy(deep=True)
    report = drift(frame)
    assert_frame_equal(frame, before)
    assert_frame_equal(drift(frame.iloc[::-1]), report)


def test_a_table_stays_as_it_is() -> None:
    table = pa.table({"latency": pa.array([1], pa.int16()), "mine": ["x"]})
    before = pa.table(table.to_pydict(), schema=table.schema)
    to_frame(table)
    assert table.equals(before)


def test_ctrl_c_while_the_times_get_their_zone_is_not_taken_for_a_missing_zone() -> None:
    script = """
import zoneinfo._common
from genanalytics.records.frame import parse_frame

def interrupt(*_):
    raise KeyboardInterrupt

zoneinfo._common.load_data = interrupt
print(parse_frame([])["created_at"].dtype)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("datetime64[us, UTC]\n", "")
