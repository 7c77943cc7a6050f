from decimal import Decimal
from itertools import chain
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from genanalytics.errors import InputError
from genanalytics.metrics import summarize
from genanalytics.metrics.catalog import SETS
from genanalytics.metrics.declare import RowValue, Statistic, Sum, list_needed
from genanalytics.metrics.engines.arrays import Numbers, read_column, stack
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.plan import make_plan
from genanalytics.metrics.engines.protocol import order_by_need
from genanalytics.metrics.quality import CHECKS
from genanalytics.metrics.sets.reliability import goodput
from genanalytics.metrics.sets.token_mix import TOKEN_MIX
from genanalytics.records.schema import BY_NAME, Kind
from genanalytics.units import Unit

STATISTICS = (*chain(*SETS.values()), *TOKEN_MIX, goodput(ttft_ms=2, tps=1))
VALUES = tuple(dict.fromkeys(value for statistic in STATISTICS for value in statistic.row_values))
COLUMNS = tuple(dict.fromkeys(column for value in VALUES for column in value.columns))

NUMBERS = st.none() | st.sampled_from([0.0, 1.0, -1.0, 2.0, 17.0, 250.0, 1e-6]) | st.floats(-1e6, 1e6)
FLAGS = st.none() | st.booleans()
TEXTS = st.sampled_from([None, "error", "length", "stop", ""])
LISTS = st.none() | st.lists(st.just({"status": 200}), max_size=3)
FLAG_COLUMNS = {"success"}
TEXT_COLUMNS = {"regime"}


def choose_cells(name: str) -> tuple[st.SearchStrategy[Any], pa.DataType]:
    """Return values of a column, and their type."""
    kind = BY_NAME[name].kind if name in BY_NAME else None
    if kind is Kind.FLAG or name in FLAG_COLUMNS:
        return FLAGS, pa.bool_()
    if kind is Kind.TEXT or name in TEXT_COLUMNS:
        return TEXTS, pa.string()
    if kind is Kind.ATTEMPTS:
        return LISTS, pa.list_(pa.struct({"status": pa.int64()}))
    return NUMBERS, pa.float64()


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Return a table with the columns of all statistics."""
    rows = draw(st.integers(0, 12))
    columns = {name: choose_cells(name) for name in COLUMNS}
    return pa.table(
        {
            name: pa.array(draw(st.lists(cells, min_size=rows, max_size=rows)), kind)
            for name, (cells, kind) in columns.items()
        }
    )


def run(table: pa.Table, values: tuple[RowValue, ...]) -> Numbers:
    found = make_plan(values).run(lambda name: read_column(table[name], lambda cells: cells))
    return stack([found[value] for value in values], len(table))


def run_narwhals(table: pa.Table, values: tuple[RowValue, ...]) -> "dict[RowValue, np.ndarray]":
    """Return row values as narwhals computes them on Arrow; what is not finite as NaN."""
    frame = nw.from_native(table, eager_only=True)
    for step in order_by_need(values):
        frame = frame.with_columns(value.expression.alias(value.name) for value in step)
    columns = {value: to_floats(frame[value.name].to_native()) for value in values}
    return {value: np.where(np.isfinite(column), column, np.nan) for value, column in columns.items()}


@given(tables())
def test_every_row_value_is_what_narwhals_computes(table: pa.Table) -> None:
    expected = run_narwhals(table, VALUES)
    numbers, known = run(table, VALUES)
    assert np.isfinite(numbers).all()
    for value, found in zip(VALUES, numbers if known is None else np.where(known, numbers, np.nan), strict=True):
        np.testing.assert_array_equal(found, expected[value], err_msg=value.name)


def test_every_row_value_of_the_package_is_compiled() -> None:
    assert make_plan(VALUES).others == ()
    assert [value.name for value in make_plan(CHECKS).others] == ["fetched_young"]  # it compares moments


def test_equal_operations_are_computed_once() -> None:
    plan = make_plan(VALUES)
    operations = sum(repr(value.expression).count("(") for value in dict.fromkeys(list_needed(VALUES)))
    assert len(plan.steps) < operations / 2


def make_value(name: str, needs: tuple[str | RowValue, ...], expression: nw.Expr) -> RowValue:
    return RowValue(name, name, Unit.NONE, name, needs, expression)


def total(value: RowValue) -> Statistic:
    return Statistic(f"all {value.name}", value.label, Unit.NONE, value.description, finish=Sum(value))


def test_a_row_value_that_cannot_be_compiled_is_computed_by_narwhals() -> None:
    letters = make_value("letters", ("model",), nw.col("model").str.len_chars())
    twice = make_value("twice", (letters,), letters.column * 2)
    other = make_value("other", ("n",), nw.col("n") + 1)
    assert make_plan((letters, twice, other)).others == (letters, twice)
    frame = pd.DataFrame({"model": ["a", "bcd", None], "n": [1, 2, 3]})
    found = summarize(frame, metrics=[total(letters), total(twice), total(other)])
    assert found.iloc[0].tolist() == [3, 4.0, 8.0, 9.0]


@pytest.mark.parametrize(
    ("cells", "expression", "expected"),
    [
        ([2**53 + 1, 2**53], nw.col("n") - 2**53, 1.0),  # exact only as integers
        ([1, 2, 3], nw.col("n") // 2, 2.0),
        ([True, False, True], nw.col("n").cast(nw.Float64) * 2, 4.0),
        ([0.0, 1.0, -1.0], 1.0 / nw.col("n"), 0.0),  # infinity is a gap
        ([-1.0, 2.0, None], nw.when(nw.col("n") < 0).then(5.0).otherwise(-nw.col("n")), 3.0),
        ([0.0, 2.0, None], (nw.col("n") / nw.col("n")).fill_null(7.0), 8.0),  # NaN is not a gap before the end
        ([0.0, 2.0, None], (nw.col("n") / nw.col("n")).is_null().cast(nw.Int64), 1.0),
        ([2**60, 1, 2], (nw.col("n") >= 2**60).cast(nw.Int64), 1.0),
        ([0.0, 2.0, None], nw.col("n") * Decimal("1.5"), 3.0),
    ],
)
def test_any_type_and_any_operation_has_the_same_result(cells: list[Any], expression: nw.Expr, expected: float) -> None:
    value = make_value("value", ("n",), expression)
    assert summarize(pd.DataFrame({"n": cells}), metrics=[total(value)]).iloc[0, 1] == pytest.approx(expected)
    assert np.nansum(run_narwhals(pa.table({"n": cells}), (value,))[value]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        (nw.col("model").is_in([1]), "string vs int64"),
        (nw.col("model").str.contains("("), "Invalid regular expression"),
    ],
)
def test_a_text_that_cannot_be_compared_so_is_a_mistake_of_the_expression(expression: nw.Expr, reason: str) -> None:
    value = make_value("value", ("model",), expression)
    with pytest.raises(InputError, match=f"'value' cannot be computed: .*{reason}"):
        summarize(pd.DataFrame({"model": ["a"]}), metrics=[total(value)])


def test_a_row_value_reads_only_what_it_declares() -> None:
    value = make_value("value", (), nw.col("n") + 1)
    with pytest.raises(InputError, match="an expression reads only what is in `needs`"):
        summarize(pd.DataFrame({"n": [1]}), metrics=[total(value)])
