"""Each group against all others, worked out by hand."""

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from genanalytics.errors import InputError
from genanalytics.metrics.intervals.chances import find_chance_of_rate
from genanalytics.metrics.others import compare_with_others
from support.row_values import FAILURES, MEAN


def flags(**groups: tuple[int, int]) -> pd.DataFrame:
    """Return rows of groups, each with its number of failures and of rows."""
    rows = [(name, int(place < failed)) for name, (failed, n) in groups.items() for place in range(n)]
    return pd.DataFrame(rows, columns=["provider", "flag"]).assign(
        session_id=[f"s{place}" for place in range(len(rows))]
    )


THREE = flags(a=(10, 100), b=(3, 200), c=(6, 300))


def test_the_others_are_the_rows_without_the_group() -> None:
    found = compare_with_others(THREE, by="provider", rates=[FAILURES])
    assert found["provider"].tolist() == ["a", "b", "c"]
    assert found["n"].tolist() == [100, 200, 300]
    assert found["value"].tolist() == [0.1, 0.015, 0.02]
    assert found["others"].tolist() == pytest.approx([9 / 500, 16 / 400, 13 / 300])
    expected = [find_chance_of_rate(10 / 100, 100, 9 / 500, 500), find_chance_of_rate(3 / 200, 200, 16 / 400, 400)]
    assert found["chance"].tolist()[:2] == pytest.approx(expected, rel=1e-3)


def test_a_group_of_all_rows_and_one_without_known_rows_are_left_out() -> None:
    assert compare_with_others(flags(a=(1, 9)), by="provider", rates=[FAILURES]).empty
    frame = pd.concat([THREE, pd.DataFrame({"provider": ["d"], "flag": [None]})]).astype({"flag": "Int64"})
    assert "d" not in compare_with_others(frame, by="provider", rates=[FAILURES])["provider"].tolist()


def test_rows_of_a_session_are_worth_less_than_independent_ones() -> None:
    alone = compare_with_others(THREE, by="provider", rates=[FAILURES])["chance"]
    together = THREE.assign(session_id=[f"s{place // 5}" for place in range(len(THREE))])
    clustered = compare_with_others(together, by="provider", rates=[FAILURES])["chance"]
    assert clustered[0] > 10 * alone[0]


def test_duckdb_gives_the_same() -> None:
    mine = compare_with_others(THREE, by="provider", rates=[FAILURES])
    data = duckdb.connect().from_arrow(pa.Table.from_pandas(THREE))
    theirs = compare_with_others(data, by="provider", rates=[FAILURES])
    assert theirs["chance"].tolist() == pytest.approx(mine["chance"].tolist())


def test_only_rates_can_be_compared() -> None:
    with pytest.raises(InputError, match="'cost_mean' is not a rate"):
        compare_with_others(THREE, by="provider", rates=[MEAN])
