"""Ids and values found in bytes of any kind, no matter where one chunk ends and the next begins."""

import io
import json

import pytest
from hypothesis import given, strategies as st

from genanalytics.ids.form import MAX_LENGTH, PATTERN
from genanalytics.ids.search import search_ids, search_values

A, B = "gen-1756000000-AbCdEfGhIjKlMnOpQrSt", "gen-1756000001-AbCdEfGhIjKlMnOpQrSt"
SIZES = st.lists(st.integers(1, 200), min_size=1, max_size=20)


def cut(content: bytes, sizes: list[int]) -> list[bytes]:
    """Return the content in chunks of these sizes, and the rest."""
    stream = io.BytesIO(content)
    return [stream.read(size) for size in sizes] + [stream.read()]


@given(st.lists(st.sampled_from([A, B, "gen-", "gen-1756000000-", "x", "-", " ", '"', "\n", "é"]), max_size=200), SIZES)
def test_no_id_is_lost_or_doubled_where_two_chunks_meet(parts: list[str], sizes: list[int]) -> None:
    content = "".join(parts).encode()
    assert list(search_ids(cut(content, sizes))) == PATTERN.findall(content.decode("latin-1"))


@given(st.lists(st.text(max_size=20), max_size=20), SIZES, st.booleans())
def test_no_value_is_lost_or_doubled_where_two_chunks_meet(
    values: list[str],
    sizes: list[int],
    ascii_only: bool,  # noqa: FBT001 - given by position
) -> None:
    content = json.dumps([{"id": value} for value in values], ensure_ascii=ascii_only).encode()
    assert list(search_values("id", cut(content, sizes))) == values


@pytest.mark.parametrize("letter", ["x", "\n"])
@pytest.mark.parametrize("gap", ["", " " * 16])
def test_the_longest_value_is_found_where_every_byte_is_a_chunk(letter: str, gap: str) -> None:
    longest = letter * MAX_LENGTH
    content = f'{{"id"{gap}:{gap}{json.dumps(longest)}}}'.encode()
    assert list(search_values("id", (bytes([byte]) for byte in content))) == [longest]
    assert list(search_values("id", [json.dumps({"id": longest + letter}).encode()])) == []


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ('{"id": "x"}', ["x"]),
        ('{"a": [{"b": {"id":"x"}}], "id"\n:\t"y"}', ["x", "y"]),
        ('data: {"id": "x"}\n\ndata: [DONE]\n', ["x"]),
        ('{"id": "a \\"quoted\\" \\u00e9\\n"}', ['a "quoted" é\n']),
        ('{"text": "{\\"id\\": \\"x\\"}"}', []),
        ('{"ids": "x", "my id": "y", "id": 5, "id": null, "id": ["z"]}', []),
        ('{"id": "not \\x JSON"}', []),
        ('{"id": "x', []),
    ],
)
def test_the_text_values_of_a_key_are_found(content: str, values: list[str]) -> None:
    assert list(search_values("id", [content.encode()])) == values
