"""Which bodies are records, and how the message about any other body looks."""

import json

import pytest
from hypothesis import given, strategies as st

from genanalytics.records.record import NotARecordError, read_record
from genanalytics.records.schema import COLUMNS, Origin
from genanalytics.sandbox import sample

CONTRACT = [column.name for column in COLUMNS if column.origin is Origin.CONTRACT]
KNOWN = [column.name for column in COLUMNS if column.origin is not Origin.OURS]


def body(record: object, **envelope: object) -> bytes:
    return json.dumps({"data": record, **envelope}).encode()


def nested(depth: int, beside: bytes = b"") -> bytes:
    """Return an answer that nests as deep as this, its two objects included."""
    return b'{"data":{"id":"gen-1","new":' + b"[" * (depth - 2) + b"5" + b"]" * (depth - 2) + beside + b"}}"


@pytest.mark.parametrize("names", [CONTRACT, KNOWN, CONTRACT[:11], ["id"]], ids=len)
def test_a_record_is_read_however_many_fields_it_has(names: list[str]) -> None:
    record = {name: name for name in names}
    assert read_record(body(record)) == record


def test_every_record_of_the_sample_is_one() -> None:
    for record in sample(60).records.values():
        assert read_record(body(record)) == record


@pytest.mark.parametrize(
    ("answer", "record"),
    [
        (body({"id": "gen-1"}, user_id="user-1", error=None), {"id": "gen-1"}),
        (b'\xef\xbb\xbf{"data": {"id": "gen-1"}}', {"id": "gen-1"}),
        (b'\r\n{"data":\t{"id": "gen-1"}}\n', {"id": "gen-1"}),
        (b'{"data": {"id": "gen-1", "latency": 74512.5}}', {"id": "gen-1", "latency": 74512.5}),
        (b'{"data": {"id": "gen-1", "app_id": 9223372036854775808}}', {"id": "gen-1", "app_id": 2**63}),
        (b'{"data": {"id": "gen-1", "model": ["\\ud800", null]}}', {"id": "gen-1", "model": ["\ud800", None]}),
        (nested(100), {"id": "gen-1", "new": json.loads("[" * 98 + "5" + "]" * 98)}),
        (nested(100, b',"more":{"a":[]}'), json.loads(nested(100, b',"more":{"a":[]}'))["data"]),
        (body({"id": "gen-1", "new": "[{" * 999}), {"id": "gen-1", "new": "[{" * 999}),
        (body({"id": "gen-1", "new": [{}] * 999}), {"id": "gen-1", "new": [{}] * 999}),
    ],
)
def test_an_odd_answer_is_read_as_it_stands(answer: bytes, record: object) -> None:
    assert read_record(answer) == record


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"<!DOCTYPE html><title>502 Bad Gateway</title>", "an HTML page"),
        (b"\n\t <html>", "an HTML page"),
        (b"", "not readable JSON: ''"),
        (body({"id": "gen-1", "total_cost": 0.5})[:-3], "not readable JSON"),
        (body({"id": "gen-1"}) + b"}", "not readable JSON"),
        (b'{"data": {"id": "gen-1", "total_cost": NaN}}', "not readable JSON"),
        (b'{"data": {"id": "gen-1", "total_cost": Infinity}}', "not readable JSON"),
        (b'{"data": {"id": "gen-1", "total_cost": -Infinity}}', "not readable JSON"),
        (b'{"data": {"id": "gen-1", "app_id": ' + b"9" * 5_000 + b"}}", "not readable JSON"),
        (b'{"data": {"id": "gen-\xff"}}', "not readable JSON"),
        (b"\xff\xfe", "not readable JSON"),
        *(
            ('{"data": {"id": "gen-1"}}'.encode(form), "not readable JSON")
            for form in ("utf-16", "utf-16-be", "utf-32")
        ),
        ('{"data": {"id": "\ud800"}}'.encode("utf-8", "surrogatepass"), "not readable JSON"),
        (b"\x00" * 500, "not readable JSON"),
        (b"[" * 100_000, "not readable JSON"),
        (nested(101), "not readable JSON"),
        (b'{"data":{"id":"gen-1","new":' + b'{"a":' * 99 + b"5" + b"}" * 99 + b"}}", "not readable JSON"),
        (nested(500), "not readable JSON"),
        (nested(100_000), "not readable JSON"),
        (b"null", "no record: 'null'"),
        (b"[]", "no record: '[]'"),
        (b'"data"', "no record"),
        (b"{}", "no record: '{}'"),
        (body(None), "no record"),
        (body([]), "no record"),
        (body([{"id": "gen-1"}]), "no record"),
        (body({}), "no record"),
        (body({"id": None}), "no record"),
        (body({"id": ""}), "no record"),
        (body({"id": 5}), "no record"),
        (b'{"error": {"message": "Generation gen-1 not found", "code": 404}}', "no record"),
    ],
)
def test_a_body_that_is_no_record_is_refused_in_one_printable_line(answer: bytes, reason: str) -> None:
    with pytest.raises(NotARecordError) as refused:
        read_record(answer)
    message = str(refused.value)
    assert reason in message
    assert message.isprintable()
    assert message.isascii()
    assert len(message) < 200


@given(st.binary(max_size=300))
def test_any_bytes_are_a_record_or_refused(answer: bytes) -> None:
    try:
        said = read_record(answer)["id"]
    except NotARecordError as error:
        said = str(error)
    assert said
