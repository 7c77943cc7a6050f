"""Two ways lead from bodies to a table, Arrow's parser and our rules: they must not be told apart by what they give.

A body with a second key beside `data` holds the same record, and is refused by Arrow's parser: it goes the other way.
"""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from genanalytics.records.parse import Row, parse_rows
from genanalytics.records.record import NotARecordError
from genanalytics.records.schema import ARROW_SCHEMA, COLUMNS, Kind, Origin
from genanalytics.sandbox import sample

FIELDS = [column for column in COLUMNS if column.origin is not Origin.OURS and column.name != "id"]


def rows_of(*records: dict[str, Any], by_rules: bool = False) -> list[Row]:
    beside = {"x": 1} if by_rules else {}
    return [Row(record["id"], json.dumps({"data": record} | beside).encode(), 1.5) for record in records]


def fitting(kind: Kind) -> st.SearchStrategy[object]:
    """Values that a column of this kind holds as they are, or that only the rules can tell to be misfits."""
    attempts = {"status": fitting_integer, "provider_name": st.text(), "is_byok": st.booleans()}
    return {
        Kind.INTEGER: fitting_integer,
        Kind.NUMBER: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60),
        Kind.FLAG: st.booleans(),
        Kind.TEXT: st.text(),
        Kind.TIME: st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
        Kind.ATTEMPTS: st.lists(st.fixed_dictionaries({}, optional=attempts) | st.none(), max_size=2),
    }[kind]


fitting_integer = st.integers(-(2**63), 2**63 - 1)
odd = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.lists(st.integers())
)
records = st.fixed_dictionaries(
    {"id": st.just("gen-1")}, optional={column.name: fitting(column.kind) | st.none() for column in FIELDS}
)
odd_records = st.fixed_dictionaries({"id": st.just("gen-1")}, optional={column.name: odd for column in FIELDS})


@given(st.lists(records | odd_records, max_size=4))
def test_both_ways_give_the_same_table(found: list[dict[str, Any]]) -> None:
    assert parse_rows(rows_of(*found)).equals(parse_rows(rows_of(*found, by_rules=True)))


def test_both_ways_give_the_same_table_of_a_whole_sample() -> None:
    found = list(sample(1500).records.values())
    table = parse_rows(rows_of(*found))
    assert table.equals(parse_rows(rows_of(*found, by_rules=True)))
    assert table.num_rows == len(found)
    assert table["extra"].null_count == len(found)


@pytest.mark.parametrize("misfits", [{0}, {700}, {63, 64, 65}, set(range(0, 1000, 7))])
def test_rows_stay_in_their_order_around_a_misfit(misfits: set[int]) -> None:
    found = [
        {"id": f"gen-{number}", "latency": 1.5 if number in misfits else number}
        | ({"new": 1} if number in misfits else {})
        for number in range(1000)
    ]
    table = parse_rows(rows_of(*found))
    assert table["id"].to_pylist() == [record["id"] for record in found]
    assert {place for place, extra in enumerate(table["extra"].to_pylist()) if extra} == misfits
    assert [value for place, value in enumerate(table["latency"].to_pylist()) if place not in misfits] == [
        number for number in range(1000) if number not in misfits
    ]


def test_an_answer_that_is_written_over_many_lines_is_one_answer() -> None:
    pretty = json.dumps({"data": {"id": "gen-1", "origin": "a\nb\r\nc", "latency": 5}}, indent=2).replace("\n", "\r\n")
    table = parse_rows([Row("gen-1", pretty.encode(), None), *rows_of({"id": "gen-2"})])
    assert table["origin"].to_pylist() == ["a\nb\r\nc", None]
    assert table["requested_id"].to_pylist() == ["gen-1", "gen-2"]


def test_the_last_of_two_values_under_one_name_counts() -> None:
    assert parse_rows([Row("gen-1", b'{"data": {"id": "gen-1", "latency": 1, "latency": 2}}', None)])[
        "latency"
    ].to_pylist() == [2]


def test_nothing_is_a_table_of_the_schema_without_rows() -> None:
    assert parse_rows([]).equals(ARROW_SCHEMA.empty_table())


@pytest.mark.parametrize(
    "body", [b'{"data": null}', b"", b'{"data": {}}', b'{"data": {"id": "a"}} {"data": {"id": "b"}}']
)
def test_what_is_no_record_is_refused_among_others(body: bytes) -> None:
    with pytest.raises(NotARecordError):
        parse_rows([*rows_of({"id": "gen-1"}), Row("gen-2", body, None)])


def test_every_column_has_the_type_that_the_schema_says() -> None:
    assert parse_rows(rows_of({"id": "gen-1"})).schema == ARROW_SCHEMA
    assert pa.types.is_list(ARROW_SCHEMA.field("provider_responses").type)


def test_text_that_is_no_unicode_stands_in_extra_however_it_is_written() -> None:
    table = parse_rows([Row("gen-1", b'{"data": {"id": "gen-1", "model": "\\ud800"}}', None)])
    assert table["model"].to_pylist() == [None]
    assert json.loads(table["extra"].to_pylist()[0]) == {"model": "\ud800"}
