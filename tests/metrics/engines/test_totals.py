import narwhals.stable.v2 as nw
import numpy as np
import pytest

from genanalytics.metrics.declare import Aggregate, Count, Quantile, RowValue, Sum
from genanalytics.metrics.engines.arrays import Column
from genanalytics.metrics.engines.kernels import Groups
from genanalytics.metrics.engines.totals import Totals
from genanalytics.units import Unit

COST, TIME = (RowValue(name, name, Unit.NONE, "Any number", (), nw.lit(1.0)) for name in ("cost", "time"))
CODES = np.array([1, 0, 1, 1, 0])
COSTS = np.array([4.0, 1.0, 2.0, 0.0, 3.0])
COSTS_KNOWN = np.array([True, True, True, False, True])
TIMES = np.array([50.0, 20.0, 10.0, 30.0, 40.0])
AGGREGATES: list[Aggregate] = [
    *(Count(), Sum(COST), Count(COST), Quantile(COST, 0.5)),
    *(Count(TIME), Quantile(TIME, 1.0), Sum(TIME)),
]


@pytest.mark.parametrize("rows", [5, 10_000_000], ids=["ranked at once", "ranked one by one"])
@pytest.mark.parametrize("size", [2, 5])
def test_aggregates_of_several_row_values_are_added_up_over_parts(rows: int, size: int) -> None:
    totals, groups = Totals(AGGREGATES, 2, rows), Groups(CODES, 5, 2)
    for start in range(0, 5, size):
        part = slice(start, min(start + size, 5))
        portion = groups.part(part)
        costs = Column(portion.arrange(COSTS[part]), portion.arrange(COSTS_KNOWN[part]))
        totals.add(portion, {COST: costs, TIME: Column(portion.arrange(TIMES[part]))})
    assert totals.find().tolist() == [
        *([2, 3], [4.0, 6.0], [2, 2], [2.0, 3.0]),
        *([2, 3], [40.0, 50.0], [60.0, 90.0]),
    ]


def test_a_percentile_of_nothing_is_a_gap() -> None:
    totals = Totals([Quantile(COST, 0.5), Quantile(TIME, 0.5)], 2, 1)
    portion = Groups(np.array([1]), 1, 2).part(slice(0, 1))
    totals.add(portion, {COST: Column(np.zeros(1), np.zeros(1, dtype=bool)), TIME: Column(np.ones(1))})
    np.testing.assert_array_equal(totals.find(), [[np.nan, np.nan], [np.nan, 1.0]])
