"""Reference values are worked out by hand, next to the rows that they come from."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, get_args

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics import ROW_VALUES, RowValue, distribution
from genanalytics.metrics.distribution import Kind
from genanalytics.metrics.engines import sketch
from genanalytics.units import Unit

MODULE = import_module("genanalytics.metrics.distribution")  # the function hides it

WAITED = RowValue("waited", "waited", Unit.MS, "Time waited", ("ms",), nw.col("ms"))


def frame_of(values: Sequence[float | None], models: Sequence[str | None] | None = None) -> pd.DataFrame:
    models = ["a"] * len(values) if models is None else models
    return pd.DataFrame({"ms": pd.array(values, "Float64"), "model": pd.array(models, "str")})


def test_an_ecdf_gives_the_share_of_rows_at_or_below_each_value() -> None:
    found = distribution(frame_of([30, 10, None, 10, 20]), WAITED)
    assert found.to_dict("list") == {"value": [10.0, 20.0, 30.0], "share": [0.5, 0.75, 1.0], "n": [4, 4, 4]}
    assert found.attrs == {
        "metric": "waited",
        "label": "waited",
        "unit": "ms",
        "description": "Time waited",
        "tz": "UTC",
        "accuracy": 0.0,
        "notices": [],
        "coverage": None,
        "lower_bounds": [],
    }


def test_each_group_has_its_own_ecdf_and_a_missing_key_is_a_group() -> None:
    found = distribution(frame_of([3, 1, 2, 5, None], ["b", None, "b", "a", "c"]), WAITED, by="model")
    assert found["model"].tolist()[:3] == ["a", "b", "b"]
    assert pd.isna(found["model"].iloc[3])
    assert found["value"].tolist() == [5.0, 2.0, 3.0, 1.0]
    assert found["share"].tolist() == [1.0, 0.5, 1.0, 1.0]
    assert found["n"].tolist() == [1, 2, 2, 1]


def test_a_histogram_counts_in_buckets_that_hold_their_upper_limit() -> None:
    found = distribution(frame_of([10, 10.5, 100, 1000, 1001, 0, -10, None]), WAITED, kind="histogram", per_decade=1)
    assert found["low"].tolist() == pytest.approx([-10, 0, 1, 10, 100, 1000])
    assert found["high"].tolist() == pytest.approx([-1, 0, 10, 100, 1000, 10_000])
    assert found["rows"].tolist() == [1, 1, 1, 2, 1, 1]
    assert found["share"].tolist() == [1 / 7, 1 / 7, 1 / 7, 2 / 7, 1 / 7, 1 / 7]
    assert set(found["n"]) == {7}


def test_points_are_few_and_each_is_a_point_of_the_full_ecdf() -> None:
    values = np.random.default_rng(1).lognormal(8, 1, 20_000)
    full = distribution(frame_of(list(values)), WAITED, points=20_000)
    few = distribution(frame_of(list(values)), WAITED, points=200)
    assert len(full) == 20_000
    assert 150 < len(few) <= 200
    assert few.merge(full).shape == few.shape
    assert few["value"].iloc[[0, -1]].tolist() == [values.min(), values.max()]
    assert few["share"].diff().max() < 0.015
    assert (few["share"] > 0.999).sum() > 10  # of 20 rows: the tail is what people look for


def test_rows_by_time_are_those_of_the_readers_zone() -> None:
    moments = pd.to_datetime(["2026-03-01T22:30Z", "2026-03-01T23:30Z"]).as_unit("us")
    frame = frame_of([1, 2]).assign(created_at=moments)
    found = distribution(frame, WAITED, every="day", tz="Europe/Berlin")
    assert found["time"].tolist() == list(pd.date_range("2026-03-01", periods=2, tz="Europe/Berlin"))


def test_the_statistics_own_row_values_are_known_by_name() -> None:
    assert sorted(ROW_VALUES) == [
        "cost_per_request",
        "decode_ms",
        "e2e_ms",
        "itl_ms",
        "moderation_ms",
        "tps_decode",
        "tps_e2e",
        "ttft_ms",
    ]
    frame = pd.DataFrame(
        {
            "latency": [40],
            "streamed": [True],
            "cancelled": [False],
            "finish_reason": ["stop"],
            "response_cache_source_id": pd.array([None], "str"),
        }
    )
    assert distribution(frame, "ttft_ms")["value"].tolist() == [40.0]


@pytest.mark.parametrize("kind", get_args(Kind))
def test_nothing_known_gives_no_row_but_all_columns(kind: Kind) -> None:
    for values in ([], [None, None]):
        found = distribution(frame_of(values), WAITED, by="model", kind=kind)
        assert found.empty
        assert found.columns[0] == "model"
        assert found.columns[-1] == "n"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"metric": "tfft_ms"},
            r"no row value 'tfft_ms'; did you mean 'ttft_ms'\? there are cost_per_request, ttft_ms",
        ),
        ({"kind": "violin"}, "kind='violin'; there are ecdf, histogram"),
        ({"points": 0}, "points=0: give a whole number above 0"),
        ({"per_decade": -1}, "per_decade=-1"),
        ({"by": "modell"}, r"cannot group by 'modell'; did you mean 'model'\?"),
        ({"by": "value"}, "two columns of the result would be named 'value'"),
        ({"tz": "Europe/Berlim"}, r"no time zone 'Europe/Berlim'; did you mean 'Europe/Berlin'\?"),
        (
            {"metric": "ttft_ms"},
            "the data has no column 'cancelled', .*'latency', 'streamed', which 'ttft_ms' needs",
        ),
    ],
)
def test_a_name_or_a_number_that_is_not_possible_is_refused(options: dict[str, object], sentence: str) -> None:
    with pytest.raises((InputError, MissingColumnError), match=sentence):
        distribution(frame_of([1.0]), **({"metric": WAITED} | options))  # type: ignore[arg-type]


VALUES = st.lists(
    st.none() | st.floats(-1e9, 1e9).filter(lambda value: value == 0 or abs(value) > 1e-9), min_size=1, max_size=40
)


@given(VALUES, st.sampled_from(get_args(Kind)), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(values: list[float | None], kind: Kind, random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    expected = distribution(frame_of(values), WAITED, kind=kind)
    pd.testing.assert_frame_equal(distribution(frame_of(shuffled), WAITED, kind=kind), expected)


@given(VALUES)
def test_the_buckets_of_a_histogram_hold_every_row_once(values: list[float | None]) -> None:
    known = np.array([value for value in values if value is not None], dtype=float)
    found = distribution(frame_of(values), WAITED, kind="histogram")
    assert found["rows"].sum() == len(known)
    assert found["share"].sum() == pytest.approx(1.0 if len(known) else 0.0)
    for low, high, rows in zip(found["low"], found["high"], found["rows"], strict=True):
        slack = 1e-8 * max(abs(low), abs(high))
        assert np.sum((known >= low - slack) & (known <= high + slack)) >= rows


@given(VALUES)
def test_classes_give_the_ecdf_to_one_percent(values: list[float | None]) -> None:
    exact = distribution(frame_of(values), WAITED)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(MODULE, "EXACT_ROWS", 0)
        counted = distribution(frame_of(values), WAITED)
    assert counted.attrs["accuracy"] == sketch.ACCURACY
    for value, share in zip(exact["value"], exact["share"], strict=True):
        at_rank = counted.loc[counted["share"] >= share - 1e-12, "value"].iloc[0]
        assert at_rank == pytest.approx(value, rel=1.001 * sketch.ACCURACY)


def awkward() -> pd.DataFrame:
    """Return values over many powers of ten, zeros, negative ones, gaps and groups of very different sizes."""
    draws = np.random.default_rng(2)
    values: list[float | None] = [*(draws.lognormal(5, 3, 2000) * draws.choice([1, 1, 1, -1], 2000)), 0.0, 0.0, None]
    return frame_of(values, [*draws.choice(["a", "b"], 2000), "a", "c", "d"])


def test_duckdb_counts_as_a_frame_in_memory_does(monkeypatch: pytest.MonkeyPatch) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is an extra")
    monkeypatch.setattr(MODULE, "EXACT_ROWS", 0)
    frame = awkward()
    with duckdb.connect() as connection:
        relation = connection.from_df(frame)
        for kind in get_args(Kind):
            there = distribution(relation, WAITED, by="model", kind=kind)
            pd.testing.assert_frame_equal(there, distribution(frame, WAITED, by="model", kind=kind))


@pytest.mark.long
def test_spark_counts_as_a_frame_in_memory_does(
    spark: Any,  # noqa: ANN401 - pyspark has no types that are known here
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MODULE, "EXACT_ROWS", 0)
    frame = awkward()
    rows = [(None if pd.isna(ms) else float(ms), str(model)) for ms, model in frame.itertuples(index=False)]
    data = spark.createDataFrame(rows, "ms double, model string")
    for kind in get_args(Kind):
        there = distribution(data, WAITED, by="model", kind=kind)
        pd.testing.assert_frame_equal(there, distribution(frame, WAITED, by="model", kind=kind))
