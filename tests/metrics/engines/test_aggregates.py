from zoneinfo import ZoneInfo

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from genanalytics.metrics.declare import Count, Quantile, Sum
from genanalytics.metrics.engines.aggregates import Aggregates, read_aggregates
from genanalytics.metrics.engines.source import open_source
from genanalytics.metrics.forms import of_column
from genanalytics.metrics.grouping.keys import find_key

COST = of_column("cost")
STEPS = (Sum(COST), Count(COST), Quantile(COST, 0.5), Count())
MODEL = find_key("model", ZoneInfo("UTC"))
FRAME = pd.DataFrame({"model": ["a", "b", "a"], "cost": [4.0, None, 3.0]})
TABLE: dict[str, list[object]] = {
    MODEL.group: ["a", "b"],
    "sum of cost": [7.0, 0.0],
    "count of cost": [2, 0],
    "quantile 0_5 of cost": [3.5, None],
    "rows": [2, 1],
    "most": [4.0, None],
}


@pytest.fixture
def aggregates() -> Aggregates:
    return open_source(FRAME).aggregate([MODEL], STEPS, {"most": nw.col("cost").max()}, ["cost"])


def test_aggregates_as_a_table_have_names_counts_are_integers_and_nan_is_a_gap(aggregates: Aggregates) -> None:
    table = aggregates.to_table()
    assert table.to_pydict() == TABLE
    assert table.schema.field("count of cost").type == pa.int64()
    assert len(aggregates) == 2


def test_a_table_is_read_as_the_same_aggregates_in_the_wanted_order(aggregates: Aggregates) -> None:
    found = read_aggregates(aggregates.to_table(), [MODEL], STEPS[::-1])
    np.testing.assert_array_equal(found.numbers, aggregates.numbers[::-1])
    assert found.keys[MODEL.group].to_pylist() == ["a", "b"]
    assert found.others["most"].to_pylist() == [4.0, None]


def test_a_group_without_a_place_has_gaps_only(aggregates: Aggregates) -> None:
    table = aggregates.take(np.array([1.0, np.nan, 0.0])).to_table().to_pydict()
    assert table == {name: [cells[1], None, cells[0]] for name, cells in TABLE.items()}
