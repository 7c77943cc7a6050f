"""Results that are computed once."""

import pandas as pd

import genanalytics as ga
from genanalytics.base.remembering import remember, remembers
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
