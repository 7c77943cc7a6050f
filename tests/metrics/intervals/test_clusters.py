"""The clusters of rows, and what they add to a mean or a ratio, against pandas and statsmodels."""

from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import statsmodels.api

from genanalytics.metrics import Basis, Count, Sum
from genanalytics.metrics.engines.source import open_source
from genanalytics.metrics.grouping.calendar import find_zone
from genanalytics.metrics.grouping.keys import find_key
from genanalytics.metrics.intervals.clusters import Clusters
from support.row_values import COST, TOKENS

MODEL = find_key("model", find_zone("UTC"))
RATIO = Basis("ratio", COST, TOKENS)


def rows(n: int = 400) -> pd.DataFrame:
    """Return rows of two models in sessions, in requests and alone; sessions may have rows of both models."""
    rng = np.random.default_rng(11)
    label = rng.integers(0, n // 4, n)
    return pd.DataFrame(
        {
            "model": np.array(["a", "b"])[rng.integers(0, 2, n)],
            "session_id": pd.Series([f"s{number}" if number % 3 == 0 else None for number in label], dtype="str"),
            "request_id": pd.Series([f"r{number}" if number % 3 == 1 else None for number in label], dtype="str"),
            "usd": rng.lognormal(0, 1, n),
            "out": rng.integers(1, 100, n).astype(float),
        }
    )


def label_clusters(frame: pd.DataFrame) -> "pd.Series[str]":
    """Return the cluster of each row."""
    alone = pd.Series([f"row {place}" for place in range(len(frame))], index=frame.index)
    labels: pd.Series[str] = frame["session_id"].fillna(frame["request_id"]).fillna(alone)
    return labels


def on_duckdb(frame: pd.DataFrame) -> duckdb.DuckDBPyRelation:
    return duckdb.connect().from_arrow(pa.Table.from_pandas(frame, preserve_index=False))


def clusters_of(data: Any, bases: dict[str, Basis], by: list[Any]) -> tuple[Clusters, pa.Table]:  # noqa: ANN401
    source = open_source(data)
    groups = source.aggregate(by, [Count()], {}, [])
    return Clusters(source, by, bases, groups), groups


def test_a_cluster_is_a_session_else_a_request_else_a_row() -> None:
    names = ["session_id", "request_id", "usd"]
    labelled = [("s", f"r{number}", 1.0) for number in range(3)] + [(None, "r", 2.0)] * 2 + [(None, None, 4.0)] * 2
    frame = pd.DataFrame([*labelled, ("r", None, 8.0)], columns=names)
    frame = frame.astype({"session_id": "str", "request_id": "str"})
    for data in (frame, on_duckdb(frame)):
        clusters = open_source(data).sum_clusters([], [COST]).collect(backend="pyarrow").to_native()
        assert sorted(clusters[Sum(COST).name].to_pylist()) == [3, 4, 4, 4, 8]
        assert sorted(clusters[Count(COST).name].to_pylist()) == [1, 1, 1, 2, 3]


@pytest.mark.parametrize("engine", ["pandas", "DuckDB"])
def test_moments_are_sums_over_the_clusters_of_each_group(engine: str) -> None:
    frame = rows()
    bases = {"price": RATIO, "mean": Basis("mean", COST), "sum": Basis("sum", COST)}
    clusters, groups = clusters_of(frame if engine == "pandas" else on_duckdb(frame), bases, [MODEL])
    counts, moments = clusters.moments()
    for place, model in enumerate(groups[MODEL.group].to_pylist()):
        own = frame[frame["model"] == model]
        sums = own.groupby(label_clusters(own)).agg(
            over=("usd", "sum"), under=("out", "sum"), count=("usd", "count"), one=("usd", lambda _: 1.0)
        )
        assert counts[place] == len(sums)
        for name, under in (("price", sums["under"]), ("mean", sums["count"]), ("sum", sums["one"])):
            found = moments[name]
            assert found.clusters[place] == len(sums)
            assert found.over[place] == pytest.approx(sums["over"].sum())
            assert found.under[place] == pytest.approx(under.sum())
            assert found.over_2[place] == pytest.approx((sums["over"] ** 2).sum())
            assert found.product[place] == pytest.approx((sums["over"] * under).sum())
            assert found.under_2[place] == pytest.approx((under**2).sum())


def test_clusters_come_by_size_whatever_the_order_of_rows() -> None:
    frame = rows()
    first: list[float] = []
    for data in (frame, frame.sample(frac=1, random_state=3), on_duckdb(frame)):
        clusters, groups = clusters_of(data, {"price": RATIO}, [MODEL])
        found: dict[str, tuple[list[float], list[float]]] = {}
        for places, over, under in clusters.by_size():
            assert over.shape == under.shape == (len(over), len(places))
            for column, place in enumerate(places):
                found[groups[MODEL.group][place].as_py()] = over[:, column].tolist(), under[:, column].tolist()
        assert set(found) == {"a", "b"}
        for model, (over_sums, under_sums) in found.items():
            own = frame[frame["model"] == model]
            sums = own.groupby(label_clusters(own))[["usd", "out"]].sum()
            assert sorted(over_sums) == pytest.approx(sorted(sums["usd"]))
            assert sorted(under_sums) == pytest.approx(sorted(sums["out"]))
        first = first or found["a"][0]
        assert found["a"][0] == pytest.approx(first)


def test_residuals_are_those_of_a_regression_with_hc2_errors() -> None:
    """A ratio is a mean weighted by the denominators; HC2 enlarges residuals by what a row draws the mean to itself."""
    frame = rows()[["usd", "out"]]
    clusters, _ = clusters_of(frame, {"price": RATIO}, [])
    price, total = frame["usd"].sum() / frame["out"].sum(), frame["out"].sum()
    (found,) = clusters.residuals(np.array([price]), np.array([total]), np.array([[1 / total]]))
    model = statsmodels.api.WLS(frame["usd"] / frame["out"], np.ones(len(frame)), weights=frame["out"])
    assert float(np.linalg.norm(found)) == pytest.approx(float(model.fit(cov_type="HC2").bse.iloc[0]))


def test_a_cluster_in_two_groups_has_one_residual_and_one_outside_has_none() -> None:
    """Session s is in both groups, t only in the second. By hand: prices 2 and 3, residuals times factors 1 and 10."""
    frame = pd.DataFrame(
        {
            "model": ["a", "a", "b", "b"],
            "session_id": ["s", "s", "s", "t"],
            "usd": [1.0, 3.0, 5.0, 4.0],
            "out": [1.0, 1.0, 1.0, 2.0],
        }
    )
    clusters, groups = clusters_of(frame, {"price": RATIO}, [MODEL])
    assert groups[MODEL.group].to_pylist() == ["a", "b"]
    ratios, totals = np.array([2.0, 3.0]), np.array([1e12, 1e12])  # so large that no cluster draws the ratio to itself
    both, first = clusters.residuals(ratios, totals, np.array([[1.0, 10.0], [1.0, 0.0]]))
    assert sorted(both) == pytest.approx([-20.0, 20.0])  # t: 10 x (4 - 3 x 2); s: (4 - 2 x 2) + 10 x (5 - 3)
    assert sorted(np.isnan(first)) == [False, True]
    assert np.nansum(first) == pytest.approx(0.0, abs=1e-9)
