"""What is redacted is gone, or a token that only the holder of the key can make."""

import hmac
import json
import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from genanalytics.dataset.redact import Redaction, read_key
from genanalytics.errors import InputError
from genanalytics.records.parse import Row, parse_rows

KEY = b"0123456789abcdef"


def table(**fields: object) -> pa.Table:
    return parse_rows([Row("gen-1", json.dumps({"data": {"id": "gen-1", **fields}}).encode(), 0.0)])


def test_without_a_key_a_column_is_emptied_and_the_others_stay() -> None:
    before = table(origin="https://a", model="m/n", session_id="s")
    after = Redaction(["origin", "session_id"]).apply(before)
    assert after.schema.equals(before.schema, check_metadata=True)
    [row] = after.to_pylist()
    assert row == before.to_pylist()[0] | {"origin": None, "session_id": None}


@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), max_size=6))
def test_a_token_is_the_hmac_of_the_text_and_a_gap_stays_one(texts: list[str | None]) -> None:
    tokens = Redaction(["origin"], KEY).apply(pa.table({"origin": pa.array(texts, pa.string())}))["origin"].to_pylist()
    for text, token in zip(texts, tokens, strict=True):
        assert token == (None if text is None else hmac.new(KEY, text.encode(), "sha256").hexdigest()[:32])


def test_one_text_has_one_token_in_every_column_and_another_with_another_key() -> None:
    before = table(origin="alice", session_id="alice")
    [row] = Redaction(["origin", "session_id"], KEY).apply(before).to_pylist()
    assert row["origin"] == row["session_id"]
    assert Redaction(["origin"], KEY[::-1]).apply(before)["origin"].to_pylist() != [row["origin"]]


def test_copies_of_a_redacted_value_in_other_columns_are_removed_too() -> None:
    attempts = [{"provider_name": "P", "status": 200}]
    before = table(session_id=5, new="kept", provider_name="P", provider_responses=attempts)
    [row] = Redaction(["session_id"]).apply(before).to_pylist()
    assert (row["session_id"], row["extra"]) == (None, '{"new":"kept"}')
    assert row["provider_responses"] is not None
    assert Redaction(["session_id"]).apply(table(session_id=5))["extra"].to_pylist() == [None]
    assert Redaction(["extra"]).apply(before)["extra"].to_pylist() == [None]
    assert Redaction(["provider_name"]).apply(before)["provider_responses"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("sesion_id", "cannot redact 'sesion_id'; did you mean 'session_id'? possible columns are upstream_id, model"),
        ("requested_id", "cannot redact 'requested_id'"),
        ("latency", "cannot redact 'latency'; possible columns are upstream_id, model"),
        ("zzz", "possible columns are upstream_id, model, "),
    ],
)
def test_another_name_is_refused(name: str, sentence: str) -> None:
    with pytest.raises(InputError, match=re.escape(sentence)):
        Redaction(["origin", name])


def test_a_key_has_to_be_long_enough_and_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the key for redaction has 5 bytes: give at least 16"):
        Redaction(["origin"], b"short")
    (tmp_path / "key").write_bytes(KEY + b"\r\n")
    redaction = Redaction(["origin"], read_key(tmp_path / "key"))
    assert redaction == Redaction(["origin"], KEY)
    assert repr(redaction) == "Redaction(['origin'], key=...)"
    assert KEY.decode() not in json.dumps(redaction.description)
    assert repr(Redaction(["origin"])) == "Redaction(['origin'])"
    with pytest.raises(InputError, match=r"cannot read the key file \S+none: No such file"):
        read_key(tmp_path / "none")


def test_a_redaction_is_known_again_by_its_columns_and_its_key() -> None:
    told = Redaction(["session_id", "origin"], KEY).description
    assert told == Redaction(["origin", "session_id"], KEY).description == json.loads(json.dumps(told))
    assert told["key"] != Redaction(["origin", "session_id"], KEY[::-1]).description["key"]
    assert Redaction(["origin"]).description == {"columns": ["origin"], "key": None}


@pytest.mark.parametrize("key", [None, KEY])
def test_a_number_that_names_somebody_is_emptied_with_a_key_too(key: bytes | None) -> None:
    table = pa.table({"app_id": [502744, None], "extra": ['{"app_id":"mine","b":1}', None]})
    assert Redaction(["app_id"], key).apply(table).to_pylist() == [
        {"app_id": None, "extra": '{"b":1}'},
        {"app_id": None, "extra": None},
    ]
