from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

from genanalytics.errors import InputError
from genanalytics.metrics.expensive import most_expensive
from support.generations import frame_of

FRAME = frame_of(
    {"total_cost": 0.5},
    {"total_cost": 0.25, "is_byok": True, "upstream_inference_cost": 4.0},
    {"total_cost": None},
    {"total_cost": 0.25, "is_byok": False, "upstream_inference_cost": 8.0},
)


def test_the_cost_includes_the_provider_with_your_own_key_only() -> None:
    found = most_expensive(FRAME)
    assert found["requested_id"].tolist() == ["gen-1", "gen-0", "gen-3"]
    assert found["cost"].tolist() == [4.25, 0.5, 0.25]
    assert found["cost_share"].tolist() == [0.85, 0.1, 0.05]
    assert found.attrs["cost_of_all"] == 5.0


def test_every_engine_finds_the_same_rows() -> None:
    expected = most_expensive(FRAME, n=2)
    assert len(expected) == 2
    for data in (duckdb.connect().from_df(FRAME), pl.from_pandas(FRAME.drop(columns="provider_responses"))):
        pd.testing.assert_frame_equal(most_expensive(data, n=2), expected)


def test_nothing_is_most_expensive_among_none() -> None:
    found = most_expensive(FRAME[:0])
    assert found.empty
    assert found.attrs["cost_of_all"] is None


@pytest.mark.parametrize("n", [0, -1, "3", 2.0, None])
def test_a_number_that_is_none_is_refused_with_the_next_step(n: Any) -> None:  # noqa: ANN401 - of a wrong type
    with pytest.raises(InputError, match=r"give a whole number from 1 on, such as n=10"):
        most_expensive(FRAME, n)


def test_a_number_of_numpy_is_one() -> None:
    number: Any = np.int64(1)
    assert len(most_expensive(FRAME, number)) == 1
