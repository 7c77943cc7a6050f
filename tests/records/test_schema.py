"""The schema holds the contract's fields, the known live ones, and three of our own, each declared once."""

import pyarrow as pa
import pytest

from genanalytics.records.frame import parse_frame
from genanalytics.records.parse import parse_rows
from genanalytics.records.schema import ARROW_SCHEMA, BY_NAME, COLUMNS, Column, Kind, Origin
from genanalytics.units import Unit

CONTRACT = [  # name, JSON type, nullable: the properties of the contract's schema in their order
    ("id", "string", False),
    ("upstream_id", "string", True),
    ("total_cost", "number", False),
    ("cache_discount", "number", True),
    ("upstream_inference_cost", "number", True),
    ("created_at", "string", False),
    ("model", "string", False),
    ("app_id", "integer", True),
    ("streamed", "boolean", True),
    ("cancelled", "boolean", True),
    ("provider_name", "string", True),
    ("latency", "integer", True),
    ("moderation_latency", "integer", True),
    ("generation_time", "integer", True),
    ("finish_reason", "string", True),
    ("native_finish_reason", "string", True),
    ("tokens_prompt", "integer", True),
    ("tokens_completion", "integer", True),
    ("native_tokens_prompt", "integer", True),
    ("native_tokens_completion", "integer", True),
    ("native_tokens_reasoning", "integer", True),
    ("num_media_prompt", "integer", True),
    ("num_media_completion", "integer", True),
    ("num_search_results", "integer", True),
    ("origin", "string", False),
    ("usage", "number", False),
    ("is_byok", "boolean", False),
]

LIVE = [  # name, JSON type: what the live service says beyond the contract
    ("api_type", "string"),
    ("data_region", "string"),
    ("external_user", "string"),
    ("http_referer", "string"),
    ("native_tokens_cached", "integer"),
    ("native_tokens_completion_images", "integer"),
    ("num_fetches", "integer"),
    ("num_input_audio_prompt", "integer"),
    ("preset_id", "string"),
    ("provider_responses", "array"),
    ("request_id", "string"),
    ("response_cache_source_id", "string"),
    ("router", "string"),
    ("service_tier", "string"),
    ("session_id", "string"),
    ("user_agent", "string"),
    ("web_search_engine", "string"),
    ("workspace_id", "string"),
]

DTYPES = {
    "integer": "Int64",
    "number": "Float64",
    "boolean": "boolean",
    "string": "str",
    "array": "list<item: struct<endpoint_id: string, id: string, is_byok: bool, latency: int64,"
    " model_permaslug: string, provider_name: string, status: int64, routed_service_tier: string>>[pyarrow]",
}

MONEY = {"total_cost", "cache_discount", "upstream_inference_cost", "usage"}
DURATIONS = {"latency", "moderation_latency", "generation_time"}


def of_origin(origin: Origin) -> list[Column]:
    return [column for column in COLUMNS if column.origin is origin]


def test_the_contracts_fields_stand_in_its_order_with_its_types() -> None:
    declared = [(column.name, column.kind.pandas_dtype) for column in of_origin(Origin.CONTRACT)]
    promised = [(name, DTYPES[json_type]) for name, json_type, _ in CONTRACT]
    promised[5] = ("created_at", "datetime64[us, UTC]")  # only "string" in the contract, a moment in fact
    assert len(declared) == 27
    assert declared == promised


def test_the_contract_requires_what_it_does_not_call_nullable() -> None:
    required = {column.name for column in of_origin(Origin.CONTRACT) if column.required}
    assert required == {name for name, _, nullable in CONTRACT if not nullable}


def test_the_known_live_fields_follow_none_of_them_required() -> None:
    live = of_origin(Origin.LIVE)
    assert len(live) == 18
    assert [(column.name, column.kind.pandas_dtype) for column in live] == [(name, DTYPES[kind]) for name, kind in LIVE]
    assert not any(column.required for column in live)


def test_our_own_columns_stand_around_them() -> None:
    names = [column.name for column in COLUMNS]
    ours = ["requested_id", *(name for name, *_ in CONTRACT), *(name for name, _ in LIVE), "extra", "fetched_at"]
    assert names == ours
    assert {name: BY_NAME[name].kind.pandas_dtype for name in ("requested_id", "extra", "fetched_at")} == {
        "requested_id": "str",
        "extra": "str",
        "fetched_at": "datetime64[us, UTC]",
    }


def test_a_name_stands_for_one_column() -> None:
    assert len(BY_NAME) == len(COLUMNS) == 48
    assert all(BY_NAME[column.name] is column for column in COLUMNS)


def test_every_column_says_what_it_means() -> None:
    meanings = [column.meaning for column in COLUMNS]
    assert all(meaning.strip() == meaning != "" for meaning in meanings)
    assert len(set(meanings)) == len(meanings)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_a_unit_stands_where_there_is_one(column: Column) -> None:
    if column.name in MONEY:
        assert column.unit is Unit.USD
    elif column.name in DURATIONS:
        assert column.unit is Unit.MS
    elif "tokens" in column.name:
        assert column.unit is Unit.TOKENS
    elif column.name.startswith("num_"):
        assert column.unit is Unit.COUNT
    elif column.kind is Kind.TIME:
        assert column.unit is Unit.TIME
    else:
        assert column.unit is Unit.NONE


def test_an_empty_frame_has_the_declared_dtypes() -> None:
    frame = parse_frame([])
    assert frame.shape == (0, 48)
    assert [(name, str(dtype)) for name, dtype in frame.dtypes.items()] == [
        (column.name, column.kind.pandas_dtype) for column in COLUMNS
    ]


def test_the_arrow_schema_is_that_of_the_frame_and_refuses_no_gap() -> None:
    assert parse_rows([]).schema.equals(ARROW_SCHEMA)
    assert [(field.name, field.type) for field in ARROW_SCHEMA] == [
        (column.name, column.kind.arrow_type) for column in COLUMNS
    ]
    assert all(field.nullable for field in ARROW_SCHEMA)
    assert ARROW_SCHEMA.field("created_at").type == pa.timestamp("us", tz="UTC")
