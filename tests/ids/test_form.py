"""What an id is: what cannot be one, what it tells of its generation, and how it is known in any text."""

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from genanalytics.ids.form import LONGEST_MATCH, PATTERN, find_problem, read_created_s
from genanalytics.sandbox import sample

A = "gen-1756000000-AbCdEfGhIjKlMnOpQrSt"


@pytest.mark.parametrize(
    ("generation_id", "reason"),
    [
        ("", "an id cannot be empty"),
        ("x" * 257, "an id has at most 256 characters, this one has 257"),
        ("x" * 12_345, "an id has at most 256 characters, this one has 12,345"),
        ("two words", "an id cannot contain white space"),
        ("gen-1\n", "an id cannot contain white space"),
        ("gen\u00a01", "an id cannot contain white space"),
        ("gen\u20031", "an id cannot contain white space"),
        ("gen\x1c1", "an id cannot contain white space"),
        ("gen\x00", "an id cannot contain control characters"),
        ("gen\x1b[31m", "an id cannot contain control characters"),
        ("gen\x7f", "an id cannot contain control characters"),
        ("gen\x9b", "an id cannot contain control characters"),
        ("gen\ud800", "an id cannot contain control characters"),
        ("not text: 5", "an id must be text"),
    ],
)
def test_what_cannot_be_an_id_has_a_problem(generation_id: str, reason: str) -> None:
    assert find_problem(generation_id) == reason


@pytest.mark.parametrize(
    "generation_id",
    [
        A,
        "gen_abc",
        "chatcmpl-1",
        "x",
        "x" * 256,
        "5",
        "🙂",
        "👨‍👩‍👧",
        "../../etc/passwd",
        "?id=1&x=%00",
        "gen-1#2",
        "ÅΩ中",
    ],
)
def test_a_strange_id_is_asked_for(generation_id: str) -> None:
    assert find_problem(generation_id) is None


@pytest.mark.parametrize("kind", ["", "img-", "vid-", "tts-", "stt-", "dec-", "rerank-", "batch-"])
def test_an_id_of_any_kind_tells_its_second(kind: str) -> None:
    assert read_created_s(f"gen-{kind}1756000000-AbCdEfGhIjKlMnOpQrSt") == 1_756_000_000


@pytest.mark.parametrize(
    "generation_id",
    [
        "gen-AbCdEfGhIjKlMnOpQrStUvWx", "gen-12345678901234567890abcd", "gen_1756000000-x", "chatcmpl-1756000000-x",
        "resp_1", "msg_1", "gen-1756000000", "gen-175600000-x", "gen-17560000000-x", "xgen-1756000000-x",
        "gen-IMG-1756000000-x", "gen-waytoolong-1756000000-x", "",
    ],
)  # fmt: skip
def test_an_id_without_a_second_tells_none(generation_id: str) -> None:
    assert read_created_s(generation_id) is None


def test_the_samples_ids_tell_the_second_of_their_record() -> None:
    made = sample(60)
    for generation_id, record in made.records.items():
        second = read_created_s(generation_id)
        assert find_problem(generation_id) is None
        assert second is None or abs(pd.Timestamp(str(record["created_at"])).timestamp() - second) <= 2


@pytest.mark.parametrize(
    "generation_id",
    [
        A,
        "gen-1756000000-AbCdEfGhIjKlMnOp",
        "gen-1756000000-AbCdEfGhIjKlMnOpQrStUvWx",
        "gen-rerank-1756000000-AbCdEfGhIjKlMnOpQrSt",
        "gen-AbCdEfGhIjKlMnOpQrStUvWx",
        "gen-1234567890abcdefghij",
    ],
)
def test_an_id_is_known_in_any_text(generation_id: str) -> None:
    for before, after in [
        ("", ""),
        ('{"id":"', '"}'),
        ("\\n", "\\n"),
        ("%22", "%22"),
        ("id=", "&x=1"),
        ("x", "-x"),
        ("é", "é"),
    ]:
        assert PATTERN.findall(f"{before}{generation_id}{after}") == [generation_id]


@pytest.mark.parametrize(
    "text",
    [
        "gen-1756000000", "gen-1756000000-short", f"{A}uVwXyZ0123", "gen_1756000000-AbCdEfGhIjKlMnOpQrSt",
        "gen-AbCdEfGhIjKlMnOpQrS", f"gen-{'A' * 33}", "nitrogen-containingheterocycles",
        "gen-IMG-1756000000-AbCdEfGhIjKlMnOpQrSt",
        "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx",
    ],
)  # fmt: skip
def test_what_only_looks_a_little_like_an_id_is_none(text: str) -> None:
    assert PATTERN.search(text) is None


@given(st.from_regex(PATTERN, fullmatch=True))
def test_no_match_is_longer_than_is_said(generation_id: str) -> None:
    assert len(generation_id) < LONGEST_MATCH
