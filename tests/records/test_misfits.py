"""What does not fit its column is never dropped: it stands verbatim in `extra`, and the column is null or rounded."""

import inspect
import json
import sys
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, strategies as st

from genanalytics.records.frame import drift, parse_frame
from genanalytics.records.parse import Row, parse_rows
from genanalytics.records.record import NotARecordError
from genanalytics.records.schema import BY_NAME, COLUMNS, Kind, Origin

FIELDS = [column.name for column in COLUMNS if column.origin is not Origin.OURS and column.name != "id"]
ATTEMPT_FIELDS = (
    "endpoint_id",
    "id",
    "is_byok",
    "latency",
    "model_permaslug",
    "provider_name",
    "status",
    "routed_service_tier",
)


def row(fields: str, requested_id: str = "gen-1") -> Row:
    """Return a record of an id and these fields, given as JSON text."""
    return Row(requested_id, f'{{"data":{{"id":"gen-1"{"," if fields else ""}{fields}}}}}'.encode(), 0.0)


def read(fields: str) -> dict[str, Any]:
    """Return what the columns of that record hold, gaps left out."""
    [held] = parse_rows([row(fields)]).to_pylist()
    return {name: value for name, value in held.items() if value is not None}


OURS = read("")


@pytest.mark.parametrize(
    ("field", "text", "held"),
    [
        ("latency", "12", 12),
        ("latency", "12.0", 12),
        ("latency", "1e3", 1_000),
        ("latency", "-0.0", 0),
        ("latency", "-5", -5),
        ("app_id", "9223372036854775807", 2**63 - 1),
        ("app_id", "-9223372036854775808", -(2**63)),
        ("app_id", "9.223372036854774784e18", 2**63 - 1024),
        ("total_cost", "1", 1.0),
        ("total_cost", "0.00003452", 0.00003452),
        ("total_cost", "9007199254740992", 2.0**53),
        ("total_cost", "18014398509481984", 2.0**54),
        ("total_cost", "-1.7976931348623157e308", -sys.float_info.max),
        ("total_cost", "5e-324", 5e-324),
        ("streamed", "false", False),
        ("model", '""', ""),
        ("model", '" "', " "),
        ("model", '"\\u0000\\"\\n\\ud83d\\ude42"', '\0"\n🙂'),
        ("provider_responses", "[]", []),
    ],
)
def test_a_value_that_fits_leaves_nothing_in_extra(field: str, text: str, held: object) -> None:
    assert read(f'"{field}":{text}') == OURS | {field: held}


@pytest.mark.parametrize("field", FIELDS)
def test_null_is_a_gap_and_no_misfit(field: str) -> None:
    assert read(f'"{field}":null') == OURS


@pytest.mark.parametrize(
    ("fraction", "rounded"),
    [("74512.5", 74_512), ("74513.5", 74_514), ("0.4", 0), ("-1.6", -2), ("1e-9", 0), ("4503599627370495.5", 2**52)],
)
def test_a_fraction_in_an_integer_field_is_rounded_and_kept(fraction: str, rounded: int) -> None:
    held = read(f'"latency":{fraction}')
    assert held.pop("extra") == f'{{"latency":{json.loads(fraction)!r}}}'
    assert held == OURS | {"latency": rounded}


MISFITS = [
    *(("latency", text) for text in ('"12"', '"fast"', "true", "false", "[12]", '{"ms":12}', '""')),
    *(("app_id", text) for text in ("9223372036854775808", "-9223372036854775809", "9" * 400, "1e+19", "-1e+300")),
    *(("total_cost", text) for text in ('"0.5"', '"free"', "true", "[0.5]", '{"usd":0.5}', "9" * 400)),
    *(("streamed", text) for text in ("0", "1", "0.0", '"true"', '"false"', "[true]", "{}")),
    *(("model", text) for text in ("5", "0.5", "true", '["a"]', '{"slug":"a"}', '"\\ud800"', '"a\\udfffb"')),
    *(("provider_responses", text) for text in ("5", '"DeepInfra"', "true", "{}", "[1]", "[null]", '[{"id":"a"},[]]')),
    *(("created_at", text) for text in ("1756000000", "1756000000.5", "true", "[]", "{}", '""')),
]


@pytest.mark.parametrize(("field", "text"), MISFITS)
def test_a_value_that_does_not_fit_leaves_a_gap_and_stands_verbatim_in_extra(field: str, text: str) -> None:
    assert read(f'"{field}":{text}') == OURS | {"extra": f'{{"{field}":{text}}}'}


@pytest.mark.parametrize(
    ("field", "text", "held"),
    [
        ("latency", "12", 12),
        ("total_cost", "0.5", 0.5),
        ("total_cost", "3", 3.0),
        ("streamed", "false", False),
        ("model", '"m"', "m"),
        ("created_at", '"1970-01-02T00:00:00Z"', datetime(1970, 1, 2, tzinfo=UTC)),
        ("provider_responses", "[]", []),
    ],
)
def test_a_misfit_changes_nothing_for_its_neighbors(field: str, text: str, held: object) -> None:
    rows = [row(f'"{field}":{text}'), row(f'"{field}":{{}}'), row(""), row(f'"{field}":{text}')]
    table = parse_rows(rows)
    assert table.column(field).to_pylist() == [held, None, None, held]
    assert table.column("extra").to_pylist() == [None, f'{{"{field}":{{}}}}', None, None]


def test_half_a_character_is_no_text_however_it_was_sent() -> None:
    body = '{"data":{"id":"gen-1","model":"\ud800"}}'
    [held] = parse_rows([Row("gen-1", body.encode("utf-8", "backslashreplace"), 0.0)]).to_pylist()
    assert (held["model"], held["extra"]) == (None, '{"model":"\\ud800"}')
    with pytest.raises(NotARecordError):
        parse_rows([Row("gen-1", body.encode("utf-8", "surrogatepass"), 0.0)])


def test_an_integer_that_is_no_double_is_the_nearest_one_and_kept() -> None:
    held = read('"total_cost":9007199254740993')
    assert held == OURS | {"total_cost": 2.0**53, "extra": '{"total_cost":9007199254740993}'}


@pytest.mark.parametrize(
    ("fields", "extra"),
    [
        ('"total_cost":1e400', '{"total_cost":"1e400"}'),
        ('"total_cost":-1e400', '{"total_cost":"-1e400"}'),
        ('"latency":1e400', '{"latency":"1e400"}'),
        ('"new":[1e999,0.5,{"a":2E+999}]', '{"new":["1e999",0.5,{"a":"2E+999"}]}'),
    ],
)
def test_a_number_beyond_every_double_is_kept_by_its_digits(fields: str, extra: str) -> None:
    assert read(fields) == OURS | {"extra": extra}


def test_a_number_beyond_every_double_in_an_attempt_is_kept_too() -> None:
    held = read('"provider_responses":[{"status":200,"latency":1e400}]')
    assert held["extra"] == '{"provider_responses":[{"status":200,"latency":"1e400"}]}'
    assert (held["provider_responses"][0]["status"], held["provider_responses"][0]["latency"]) == (200, None)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2023-09-02T20:29:18.574972+00:00", "2023-09-02T20:29:18.574972+00:00"),
        ("2026-04-30T03:37:28.054Z", "2026-04-30T03:37:28.054000+00:00"),
        ("2026-10-02T23:28:05.87Z", "2026-10-02T23:28:05.870000+00:00"),
        ("2026-10-02T23:28:05.8Z", "2026-10-02T23:28:05.800000+00:00"),
        ("2026-10-02T23:28:05.8765Z", "2026-10-02T23:28:05.876500+00:00"),
        ("2026-10-02T23:28:05Z", "2026-10-02T23:28:05+00:00"),
        ("2026-08-24 22:00:18.189", "2026-08-24T22:00:18.189000+00:00"),
        ("2026-08-24T22:00:18", "2026-08-24T22:00:18+00:00"),
        ("2026-08-24T22:00:18.123456000000Z", "2026-08-24T22:00:18.123456+00:00"),
        ("2026-08-24T22:00:18+05:30", "2026-08-24T16:30:18+00:00"),
        ("2026-08-24T22:00:18+0530", "2026-08-24T16:30:18+00:00"),
        ("2026-08-24 22:00:18-07", "2026-08-25T05:00:18+00:00"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00+00:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+00:00"),
    ],
)
def test_a_moment_is_read_in_any_of_its_forms_and_is_utc_without_a_zone(text: str, moment: str) -> None:
    assert read(f'"created_at":"{text}"') == OURS | {"created_at": datetime.fromisoformat(moment)}
    assert parse_frame([row(f'"created_at":"{text}"')])["created_at"].tolist() == [pd.Timestamp(moment)]


@pytest.mark.parametrize(
    "text",
    [
        "yesterday", "2026-08-24", "22:00:18", "20260824T220018Z", "2026-08-24T22:00Z", "2026-08-24t22:00:18z",
        "1756000000", "2026-08-24T22:00:18.1234567Z", "2026-08-24T22:00:18.Z", "2026-08-24T22:00:18,5Z",
        " 2026-08-24T22:00:18Z", "2026-08-24T22:00:18Z ", "2026-08-24T22:00:18 Z", "2026-08-24T22:00:18Z+00:00",
        "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z", "2026-08-24T25:00:00Z",
        "2026-08-24T22:60:00Z", "2026-08-24T22:00:60Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "2026-08-24T22:00:18+24:00",
        "\uff12\uff10\uff12\uff16-08-24T22:00:18Z", "-2026-08-24T22:00:18Z", "\ud800",
    ],
)  # fmt: skip
def test_a_moment_that_cannot_be_told_to_the_microsecond_is_a_misfit(text: str) -> None:
    assert read(f'"created_at":{json.dumps(text)}') == OURS | {"extra": f'{{"created_at":{json.dumps(text)}}}'}


def test_unknown_fields_stand_in_extra_as_they_came_and_in_their_order() -> None:
    fields = '"zeta":{"b":[1,2.50,null,{"a":"\\u00e9"}],"a":1},"latency":12,"alpha":null,"Zeta":"","":[]'
    extra = '{"zeta":{"b":[1,2.5,null,{"a":"\\u00e9"}],"a":1},"alpha":null,"Zeta":"","":[]}'
    assert read(fields) == OURS | {"latency": 12, "extra": extra}


def test_misfits_follow_the_unknown_fields_in_the_order_of_the_columns() -> None:
    held = read('"usage":"u","new":1,"model":5,"newer":2')
    assert held == OURS | {"extra": '{"new":1,"newer":2,"model":5,"usage":"u"}'}


def test_a_record_with_fields_called_as_our_columns_changes_none_of_them() -> None:
    fields = '"requested_id":"theirs","extra":{"a":1},"fetched_at":"2026-01-01T00:00:00Z","index":0'
    assert read(fields) == OURS | {"extra": f"{{{fields}}}"}
    assert drift(parse_frame([row(fields)]))["what"].tolist() == ["unknown"] * 4


@pytest.mark.parametrize(
    ("attempts", "held"),
    [
        ('[{"status":200,"price":1}]', [{"status": 200}]),
        ('[{"status":"200","id":"a"}]', [{"id": "a"}]),
        ('[{"latency":0.6}]', [{"latency": 1}]),
        ('[{"is_byok":1,"provider_name":["a"],"endpoint_id":{}}]', [{}]),
        ('[{"id":"a"},{"status":9223372036854775808}]', [{"id": "a"}, {}]),
        ('[{"id":"\\ud800","routed_service_tier":"flex"}]', [{"routed_service_tier": "flex"}]),
        ('[{"price":null}]', [{}]),
    ],
)
def test_an_attempt_is_kept_as_far_as_it_fits_and_verbatim_in_extra(
    attempts: str, held: list[dict[str, object]]
) -> None:
    no_attempt: dict[str, object] = dict.fromkeys(ATTEMPT_FIELDS)
    fields = f'"provider_responses":{attempts}'
    assert read(fields) == OURS | {
        "provider_responses": [no_attempt | attempt for attempt in held],
        "extra": f"{{{fields}}}",
    }


def test_an_attempt_with_gaps_fits() -> None:
    held = read('"provider_responses":[{},{"id":null,"latency":12.0}]')
    assert "extra" not in held
    assert [attempt["latency"] for attempt in held["provider_responses"]] == [None, 12]


def test_the_nested_column_can_be_taken_apart_in_pandas() -> None:
    frame = parse_frame(
        [row('"provider_responses":[{"status":429},{"status":200}]'), row(""), row('"provider_responses":[]')]
    )
    attempts = frame["provider_responses"]
    assert attempts.isna().tolist() == [False, True, False]
    assert attempts.list.len().tolist() == [2, pd.NA, 0]
    assert attempts.dropna().list.flatten().struct.field("status").tolist() == [429, 200]


def test_a_deep_record_is_read_wherever_the_caller_stands() -> None:
    """What a thread could read when the answer came, a reader with little stack left can turn into a frame."""
    deep = row('"new":' + "[" * 98 + "]" * 98)

    def stand(depth: int) -> tuple[int, int]:
        return stand(depth - 1) if depth else parse_frame([deep]).shape

    assert stand(sys.getrecursionlimit() - len(inspect.stack(0)) - 250) == (1, 48)


TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-5, 5).map(float)
    | TEXTS
    | st.datetimes().map(lambda moment: moment.isoformat())
)
ATTEMPTS = st.lists(st.dictionaries(st.sampled_from(ATTEMPT_FIELDS) | TEXTS, SCALARS, max_size=3), max_size=3)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=5
)
RECORDS = st.dictionaries(st.sampled_from(FIELDS) | TEXTS, JSON | ATTEMPTS, max_size=6)


def as_sent(record: dict[str, Any]) -> Row:
    return Row("gen-1", json.dumps({"data": record | {"id": "gen-1"}}).encode(), 0.0)


def holds(kind: Kind, held: Any, value: Any) -> bool:  # noqa: ANN401 - whatever JSON can hold
    """Return whether a column of this kind holds exactly this value."""
    match kind:
        case Kind.FLAG:
            return type(value) is bool and held is value
        case Kind.INTEGER | Kind.NUMBER:
            return type(value) in {int, float} and bool(held == value)
        case Kind.TEXT:
            return type(value) is str and bool(held == value)
        case Kind.TIME:
            read = datetime.fromisoformat(value)
            return bool(held.replace(tzinfo=read.tzinfo) == read)  # what is made here has no zone
        case Kind.ATTEMPTS:
            given = [{name: part for name, part in attempt.items() if part is not None} for attempt in value]
            return bool(
                given == [{name: part for name, part in attempt.items() if part is not None} for attempt in held]
            )


@given(RECORDS)
@example({"latency": True, "streamed": 1, "total_cost": False})
@example({"provider_responses": [{"status": 200.5}], "": {"": []}})
def test_nothing_is_dropped(record: dict[str, Any]) -> None:
    record = json.loads(json.dumps(record)) | {"id": "gen-1"}  # two halves of a character are one once they were sent
    [held] = parse_rows([as_sent(record)]).to_pylist()
    extra = json.loads(held["extra"] or "{}")
    assert extra.keys() <= record.keys()
    for name, value in record.items():
        if name in extra:
            assert json.dumps(extra[name]) == json.dumps(value)
        else:
            column = BY_NAME[name]
            assert column.origin is not Origin.OURS
            assert held[name] is None if value is None else holds(column.kind, held[name], value)
    for name in set(FIELDS) - record.keys():
        assert held[name] is None


@given(st.lists(RECORDS, min_size=2, max_size=4))
def test_what_a_row_becomes_does_not_depend_on_its_neighbors(records: list[dict[str, Any]]) -> None:
    rows = [as_sent(record) for record in records]
    assert parse_rows(rows).equals(pa.concat_tables([parse_rows([one]) for one in rows]).combine_chunks())
