"""Results that are computed once."""

import pandas as pd
import pyarrow as pa
import pytest

import genanalytics as ga
from genanalytics.base.remembering import Memory, digest, remember, remembers
from support.generations import frame_of


@remembers
def count(data: list[str], *, letters: tuple[str, ...] = ("a",)) -> pd.DataFrame:
    return pd.DataFrame({letter: [word.count(letter) for word in data] for letter in letters})


def test_what_is_done_to_a_result_does_not_change_the_next_one() -> None:
    words = ["banana"]
    with remember(words):
        found = count(words)
        found["a"] = 0
        found.attrs["seen"] = True
        assert count(words)["a"].tolist() == [3]
        assert count(words).attrs == {}


def test_other_data_and_other_arguments_have_results_of_their_own() -> None:
    words, others = ["banana"], ["ananas"]
    with remember(words):
        assert count(words)["a"].tolist() == [3]
        assert count(words, letters=("b", "n")).to_numpy().tolist() == [[1, 2]]
        assert count(others, letters=("n",)).to_numpy().tolist() == [[2]]


def test_nothing_is_remembered_after_the_block_or_of_other_data() -> None:
    words, others = ["banana"], ["ananas"]
    with remember(words):
        with remember(others):
            count(others)
        others.append("nut")
        assert len(count(others)) == 2
        count(words)
    words.append("nut")
    assert len(count(words)) == 2


def test_statistics_are_the_same_inside() -> None:
    frame = frame_of({"model": "a"}, {"model": "b"})
    with remember(frame):
        twice = [ga.summarize(frame, by="model", metrics=["cost"], intervals=True) for _ in range(2)]
    for found in twice:
        pd.testing.assert_frame_equal(found, ga.summarize(frame, by="model", metrics=["cost"], intervals=True))


def test_a_memory_keeps_the_last_results_alone() -> None:
    memory, computed = Memory[str](most=2), list[str]()

    def compute(key: str) -> str:
        computed.append(key)
        return key.upper()

    def recall(key: str) -> str:
        return memory.recall(key, lambda: compute(key))

    assert [recall(key) for key in "abaca"] == ["A", "B", "A", "C", "A"]
    assert computed == ["a", "b", "c"]
    recall("b")
    assert computed == ["a", "b", "c", "b"]


def test_a_computation_that_fails_is_tried_again() -> None:
    memory = Memory[int](most=2)
    with pytest.raises(ZeroDivisionError):
        memory.recall("a", lambda: 1 // 0)
    assert memory.recall("a", lambda: 1) == 1


def test_tables_with_other_values_types_names_or_gaps_have_other_digests() -> None:
    tables = [
        pa.table({"a": [1, 2]}),
        pa.table({"a": [2, 1]}),
        pa.table({"a": [1, None]}),
        pa.table({"a": [1]}),
        pa.table({"b": [1, 2]}),
        pa.table({"a": pa.array([1, 2], pa.int32())}),
        pa.table({"a": ["1", "2"]}),
        pa.table({"a": ["12", ""]}),
        pa.table({"a": [1, 2], "b": [1, 2]}),
    ]
    assert len({digest(table) for table in tables}) == len(tables)


def test_a_part_of_a_table_has_the_digest_of_its_own_rows() -> None:
    whole = pa.table({"a": [1, 2, 3], "b": ["x", None, "z"]})
    assert digest(whole.slice(1, 1)) == digest(pa.table({"a": [2], "b": pa.array([None], pa.string())}))
    assert digest(whole.slice(1, 1)) != digest(whole.slice(2, 1))
