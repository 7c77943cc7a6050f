"""A set of ids that knows what a set of strings would know, in a fraction of the memory."""

import tracemalloc

from hypothesis import given, strategies as st

from genanalytics.ids.known import KnownIds

IDS = st.text(st.characters(codec=None), max_size=3)


@given(st.lists(st.lists(IDS, max_size=20), max_size=8))
def test_it_knows_what_a_set_knows(batches: list[list[str]]) -> None:
    known, expected = KnownIds(), set[str]()
    for batch in batches:
        assert known.has(batch) == [each in expected for each in batch]
        first = [each not in expected and each not in batch[:place] for place, each in enumerate(batch)]
        assert known.add(batch) == first
        expected.update(batch)
        assert len(known) == len(expected)


def test_an_id_costs_sixteen_bytes() -> None:
    known = KnownIds()
    tracemalloc.start()
    for start in range(0, 100_000, 1_000):
        known.add([f"gen-1756000000-{number:020d}" for number in range(start, start + 1_000)])
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 20 * 100_000
