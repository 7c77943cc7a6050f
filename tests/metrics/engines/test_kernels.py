from decimal import Decimal

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from genanalytics.metrics.declare import Quantile, RowValue
from genanalytics.metrics.engines.kernels import Groups, Portion, Ranked, group_rows, to_matrix
from genanalytics.units import Unit

LEVELS = [0.0, 0.5, 0.9, 0.95, 0.99, 1.0]
VALUE = RowValue("value", "value", Unit.NONE, "Any number", (), nw.lit(1.0))
RANKS = [(0, Quantile(VALUE, level).ranks) for level in LEVELS]
GAP = np.nan

FLOATS = st.floats(-1e9, 1e9) | st.just(GAP)
ROWS = st.lists(st.tuples(st.integers(0, 4), FLOATS), max_size=50)


def of_numpy(codes: "np.ndarray", values: "np.ndarray", count: int) -> "np.ndarray":
    """Return percentiles as numpy has them, one row per level."""
    result = np.full((len(LEVELS), count), np.nan)
    for group in range(count):
        known = values[(codes == group) & ~np.isnan(values)]
        if len(known):
            result[:, group] = np.quantile(known, LEVELS, method="linear")
    return result


def rank(codes: "np.ndarray | None", values: "np.ndarray", count: int, portion: int = 7_000) -> "np.ndarray":
    """Return percentiles as the kernels have them, of rows in portions."""
    ranked = Ranked(1, count)
    for start in range(0, len(values), portion):
        part = Portion(None if codes is None else codes[start:][:portion], len(values[start:][:portion]), count)
        own = part.arrange(values[start:][:portion])[None, :]
        known = ~np.isnan(own)
        ranked.add(part.groups, own, known, part.sum(known))
    return ranked.find(RANKS)


@given(ROWS)
def test_percentiles_of_small_groups_are_those_of_numpy(rows: list[tuple[int, float]]) -> None:
    codes, values = np.array([code for code, _ in rows], dtype=np.int64), np.array([value for _, value in rows])
    for portion in (1, 7, 100):
        found = rank(codes, values, 5, portion)
        np.testing.assert_allclose(found, of_numpy(codes, values, 5), rtol=1e-12, atol=1e-6)


@pytest.mark.parametrize(("rows", "count"), [(20_000, 3), (20_000, 5_000), (4_000, 70_000)])
def test_percentiles_of_few_large_and_of_many_small_groups_are_those_of_numpy(rows: int, count: int) -> None:
    random = np.random.default_rng(1)
    codes = random.integers(0, count, rows)
    values = np.where(random.random(rows) < 0.2, GAP, random.lognormal(3, 2, rows))
    values[codes == 1] = GAP  # nothing known of a whole group
    before = values.copy()
    np.testing.assert_allclose(rank(codes, values, count), of_numpy(codes, values, count), rtol=1e-12)
    np.testing.assert_array_equal(values, before)


@given(ROWS)
def test_sums_and_counts_are_those_of_each_group(rows: list[tuple[int, float]]) -> None:
    codes, values = np.array([code for code, _ in rows], dtype=np.int64), np.array([value for _, value in rows])
    groups, portion = Groups(codes, len(rows), 5), Portion(codes, len(rows), 5)
    known = ~np.isnan(values)
    sums, counts = np.zeros(5), np.zeros(5, dtype=np.int64)
    sums[portion.groups] += portion.sum(portion.arrange(np.where(known, values, 0.0)))
    counts[portion.groups] += portion.sum(portion.arrange(known))
    assert portion.size().tolist() == groups.size()[portion.groups].tolist()
    for group in range(5):
        own = values[codes == group]
        assert groups.size()[group] == len(own)
        assert counts[group] == np.count_nonzero(~np.isnan(own))
        assert groups.sum(values)[group] == pytest.approx(np.nansum(own), abs=1e-6)
        assert sums[group] == pytest.approx(np.nansum(own), abs=1e-6)


def test_one_group_of_all_rows_needs_no_numbers() -> None:
    values = np.array([4.0, GAP, 1.0])
    groups = Groups(None, 3, 1)
    assert [groups.size()[0], groups.sum(values)[0], *groups.part(slice(1, 3)).size()] == [3, 5.0, 2]
    assert rank(None, values, 1)[1].tolist() == [2.5]
    assert np.isnan(rank(None, np.array([]), 1)).all()


def test_a_gap_is_a_key_of_its_own() -> None:
    models = pd.Series(["a", None, "a", None], dtype="str")
    flags = pd.Series([True, True, None, True], dtype="boolean")
    groups, (model, flag) = group_rows([models, flags], 4)
    assert groups.size().tolist() == [1, 2, 1]
    assert model.isna().tolist() == [False, True, False]
    assert flag.isna().tolist() == [False, False, True]


def test_many_keys_of_many_values_do_not_overflow() -> None:
    rows = 10_000
    keys = [pd.Series(np.random.default_rng(seed).permutation(rows)) for seed in range(8)]  # 10_000 ** 8 > 2 ** 64
    groups, names = group_rows(keys, rows)
    assert groups.count == rows
    assert all(name.tolist() == key.tolist() for name, key in zip(names, keys, strict=True))


def test_a_matrix_has_all_rows_of_a_table() -> None:
    table = pa.table({"n": [7, None], "share": [0.5, 2.0]})
    found = to_matrix(pa.concat_tables([table, table.slice(1), table.slice(0, 1)]))
    np.testing.assert_array_equal(found, [[7.0, GAP, GAP, 7.0], [0.5, 2.0, 2.0, 0.5]])
    assert to_matrix(table.slice(0, 0)).shape == (2, 0)
    assert to_matrix(table.select([])).shape == (0, 2)


def test_a_matrix_is_made_of_numbers_of_any_type() -> None:
    table = pa.table(
        {"exact": [Decimal("1.25")], "flag": [True], "short": pa.array([3], pa.int32()), "gap": pa.nulls(1)}
    )
    np.testing.assert_array_equal(to_matrix(table), [[1.25], [1.0], [3.0], [GAP]])
