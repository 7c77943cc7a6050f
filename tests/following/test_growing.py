"""Ids in bytes that arrive in pieces of any size."""

from hypothesis import given, settings, strategies as st

from genanalytics.following.growing import GrowingSearch
from genanalytics.ids.search import search_ids

TEXTS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "gen-1756000000-AbCdEfGhIjKlMnOpQrSt",
                "gen-gen-1756000000-AbCdEfGhIjKlMnOpQrSt",
                "gen-img-1756000000-AbCdEfGhIjKlMnOpQrStUv",
                "gen-aBcDeFgHiJkLmNoPqRsTuVwX",
                "gen-1756000000-",
                "AbCdEfGhIjKlMnOp",
                "nitrogen-containingheterocycles",
                '{"id":"',
                '"}\n',
                " ",
            ]
        ),
        st.text(alphabet='gen-1aZ",\n', max_size=30),
    ),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_ids_are_the_same_in_pieces_and_in_one(texts: list[str], sizes: list[int]) -> None:
    text = "".join(texts).encode()
    search, found, place = GrowingSearch(), [], 0
    while place < len(text):
        for size in sizes:
            found += search.feed(text[place : place + size])
            place += size
    assert [*found, *search.finish()] == list(search_ids([text]))
    assert search.finish() == []
