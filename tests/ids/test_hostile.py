"""Ids are strangers' text: whatever stands in a list, each gets one outcome, and is asked for as it is or never."""

import unicodedata
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, seed, settings, strategies as st

import genanalytics as ga
from genanalytics.ids.form import MAX_LENGTH
from support.fault_server import FaultServer, assert_whole
from support.faults import KEY, assert_true

NASTY = [
    "../../etc/passwd",
    "a/b?id=gen-other&id=x#fragment",
    "a&id=gen-other",
    "%2e%2e%2f%00",
    "100%",
    "a+b",
    "x\r\nHost: evil.example",
    "x\r\n\r\nGET /api/v1/generation?id=gen-other HTTP/1.1\r\n\r\n",
    "nul\0nul",
    "\u202egen-rtl\u202c",
    "\u2066left\u2069",
    "'; DROP TABLE responses; --",
    '"><script>alert(1)</script>',
    "{{7*7}}${7*7}",
    "\x1b[31mred",
    "\ufeffgen-1",
    "gen\u200b-1",
    "e\u0301",
    "\u00e9",
    "\U0001f600" * 10,
    "\ud800",
    "\udcff",
    ".",
    "..",
    "~",
    "None",
    "gen-1756000000-" + "x" * (MAX_LENGTH - 15),
    "x" * MAX_LENGTH,
    "x" * (MAX_LENGTH + 1),
    "\U0001f600" * MAX_LENGTH,
    "=cmd|' /C calc'!A0",
    "#comment",
    "\u2028line\u2029",
    "\x85",
    "\x7f",
]
PIECES = st.sampled_from([*"/?#&=%+;:@,'\"\\<>[]{}|^`~\0\r\n\t \u202e\u200b\u00e9\ud800", "id=", "%00", "%2F", "gen-"])
TEXT = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=40),
    st.lists(PIECES, min_size=1, max_size=12).map("".join),
    st.sampled_from(NASTY),
    st.integers(MAX_LENGTH - 1, MAX_LENGTH + 1).map(lambda length: "y" * length),
)


def assert_each_is_asked_for_as_it_is(ids: list[str]) -> int:
    """Assert it of every id, and of the second run out of the cache; return how many different ids these were."""
    with (
        FaultServer() as server,
        TemporaryDirectory() as cache_dir,
        ga.Client(KEY, base_url=server.base_url, cache_dir=cache_dir) as client,
    ):
        fetched = ga.fetch(iter(ids), client=client)
        assert_whole(fetched, server)
        assert_true(fetched.frame)
        asked = fetched.frame["requested_id"].tolist()
        assert sorted(asked) == sorted(server.asked)
        assert set(server.asked.values()) <= {1}
        assert set(fetched.stats.outcomes) <= {"ok", "invalid"}
        assert {request.path for request in server.requests} <= {"/api/v1/generation"}
        assert all(request.values("Host")[0] in server.base_url for request in server.requests)
        for each in asked:
            assert each in ids or each in [given_id.strip() for given_id in ids]
            assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in each)
            assert len(each) <= MAX_LENGTH
        again = ga.fetch(iter(ids), client=client)
        assert again.stats.requests == 0
        assert again.frame["requested_id"].tolist() == asked
        assert fetched.failures.equals(again.failures)
        return fetched.stats.distinct


def test_ids_that_were_thought_up_to_do_harm() -> None:
    assert assert_each_is_asked_for_as_it_is(NASTY) == len(NASTY)


@seed(1)
@given(st.lists(TEXT, max_size=60))
def test_ids_of_any_text(ids: list[str]) -> None:
    assert_each_is_asked_for_as_it_is(ids)


@pytest.mark.long
def test_a_thousand_ids_of_any_text() -> None:
    tried: set[str] = set()

    @settings(max_examples=35, database=None)
    @given(st.lists(TEXT, min_size=60, max_size=120, unique=True))
    def attempt(ids: list[str]) -> None:
        assert_each_is_asked_for_as_it_is(ids)
        tried.update(ids)

    attempt()
    assert len(tried) >= 1_000
