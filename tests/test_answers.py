"""What makes an answer's body a record, and what is said of one that is none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genanalytics.base.text import excerpt
from genanalytics.fetching.answers import Answer, Outcome
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
        ('{"data": {"id": "gen-1"}}'.encode("utf-16"), {"id": "gen-1"}),
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
        (b"", "no readable JSON: ''"),
        (body({"id": "gen-1", "total_cost": 0.5})[:-3], "no readable JSON"),
        (body({"id": "gen-1"}) + b"}", "no readable JSON"),
        (b'{"data": {"id": "gen-1", "total_cost": NaN}}', "no readable JSON"),
        (b'{"data": {"id": "gen-1", "total_cost": Infinity}}', "no readable JSON"),
        (b'{"data": {"id": "gen-1", "total_cost": -Infinity}}', "no readable JSON"),
        (b'{"data": {"id": "gen-1", "app_id": ' + b"9" * 5_000 + b"}}", "no readable JSON"),
        (b'{"data": {"id": "gen-\xff"}}', "no readable JSON"),
        (b"\xff\xfe", "no readable JSON"),
        (b"\x00" * 500, "no readable JSON"),
        (b"[" * 100_000, "no readable JSON"),
        (nested(101), "no readable JSON"),
        (b'{"data":{"id":"gen-1","new":' + b'{"a":' * 99 + b"5" + b"}" * 99 + b"}}", "no readable JSON"),
        (nested(500), "no readable JSON"),
        (nested(100_000), "no readable JSON"),
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


def test_a_short_body_is_shown_whole_and_a_long_one_cut_within_the_length() -> None:
    assert excerpt(b"Bad gateway") == "'Bad gateway'"
    assert excerpt(b"Bad gateway", 13) == "'Bad gateway'"
    assert excerpt(b"Bad gateway", 12) == "'Bad gat...'"
    assert excerpt(b"it's a bad gateway", 10) == '"it\'s ..."'
    assert len(excerpt(b"x" * 10_000)) == 120


@given(st.binary(max_size=700), st.integers(10, 200))
def test_an_excerpt_never_holds_control_characters_and_is_bounded(content: bytes, length: int) -> None:
    text = excerpt(content, length)
    assert text.isascii()
    assert text.isprintable()
    assert 2 <= len(text) <= length
    assert text[0] == text[-1]


def test_an_answer_says_nothing_that_did_not_happen_and_stays_as_it_is() -> None:
    answer = Answer("gen-1", Outcome.FAILED)
    assert (answer.body, answer.status, answer.message, answer.attempts, answer.fetched_at) == (b"", None, "", 0, 0.0)
    assert (answer.from_cache, answer.returned_id, answer.sent, answer.retry_in_s) == (False, None, False, None)
    with pytest.raises(AttributeError):
        answer.status = 200  # type: ignore[misc]


def test_an_outcome_is_written_as_one_lower_case_word() -> None:
    assert [str(outcome) for outcome in Outcome] == [
        "ok", "pending", "not_found", "forbidden", "mismatch", "invalid", "failed", "unavailable", "skipped",
    ]  # fmt: skip
