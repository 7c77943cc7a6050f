"""The clusters of rows, and what they add to a mean or a ratio, against pandas."""

import math
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from genanalytics.metrics import Basis, Count, Sum
from genanalytics.metrics.engines.protocol import PLACE
from genanalytics.metrics.engines.source import open_source
from genanalytics.metrics.grouping.calendar import find_zone
from genanalytics.metrics.grouping.keys import find_key
from genanalytics.metrics.intervals import clusters as clusters_of_groups
from genanalytics.metrics.intervals.cells import Strata
from genanalytics.metrics.intervals.clusters import Clusters
from support.row_values import COST, TOKENS

MODEL = find_key("model", find_zone("UTC"))
RATIO = Basis("ratio", COST, TOKENS)
SHARE = Basis("ratio", COST, TOKENS, bound="share")


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
    groups = source.aggregate(by, [Count()], {}, []).to_table()
    return Clusters(source, by, bases, groups), groups


def test_a_cluster_is_a_session_else_a_request_else_a_row() -> None:
    names = ["session_id", "request_id", "usd"]
    labelled = [("s", f"r{number}", 1.0) for number in range(3)] + [(None, "r", 2.0)] * 2 + [(None, None, 4.0)] * 2
    frame = pd.DataFrame([*labelled, ("r", None, 8.0)], columns=names)
    frame = frame.astype({"session_id": "str", "request_id": "str"})
    for data in (frame, on_duckdb(frame)):
        groups = pa.table({PLACE: [0]})
        clusters = open_source(data).sum_clusters([], [COST], groups).collect(backend="pyarrow").to_native()
        assert sorted(clusters[Sum(COST).name].to_pylist()) == [3, 4, 4, 4, 8]
        assert sorted(clusters[Count(COST).name].to_pylist()) == [1, 1, 1, 2, 3]


ENGINES = pytest.mark.parametrize("engine", ["pandas", "DuckDB, fetched", "DuckDB"])


def data_on(engine: str, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401
    """Return a frame on an engine, whose clusters are fetched or stay there."""
    monkeypatch.setattr(clusters_of_groups, "KEPT", 0 if engine == "DuckDB" else 10**9)
    return frame if engine == "pandas" else on_duckdb(frame)


@ENGINES
def test_moments_are_sums_over_the_clusters_of_each_group(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = rows()
    bases = {"price": RATIO, "mean": Basis("mean", COST), "sum": Basis("sum", COST), "share": SHARE}
    clusters, groups = clusters_of(data_on(engine, frame, monkeypatch), bases, [MODEL])
    found = clusters.find_moments()
    for place, model in enumerate(groups[MODEL.group].to_pylist()):
        own = frame[frame["model"] == model]
        sums = own.groupby(label_clusters(own)).agg(
            over=("usd", "sum"), under=("out", "sum"), count=("usd", "count"), one=("usd", lambda _: 1.0)
        )
        for name, under in (("price", "under"), ("mean", "count"), ("sum", "one"), ("share", "under")):
            x, w = sums["over"] / sums[under].sum(), sums[under] / sums[under].sum()
            value = x.sum()
            d, y = x - value * w, value * w
            logs = np.log(x / y)
            expected = {
                "clusters": len(sums),
                "value": value,
                "d_2": (d**2).sum(),
                "hc2_2": (d**2 / (1 - w)).sum(),
                "w_2": (w**2).sum(),
                "some": len(sums),
            }
            if name == "share":
                expected |= {"hc3_2": (d**2 / (1 - w) ** 2).sum(), "short": (x < w).sum()}
            else:
                expected |= {
                    "turned_2": (d**2 / (1 - x / value)).sum(),
                    "x_2": (x**2).sum(),
                    "y_2": (y**2).sum(),
                    "known": len(sums),
                    "low_x": x.min(),
                    "high_x": x.max(),
                    "y_0": value,
                    "y_00": (y**2).sum(),
                    "y_1": (y * logs).sum(),
                    "y_2l": (y * logs**2).sum(),
                    "y_3": (y * logs**3).sum(),
                    "x_0": value,
                    "x_00": (x**2).sum(),
                    "x_1": (x * logs).sum(),
                    "x_2l": (x * logs**2).sum(),
                    "x_3": (x * logs**3).sum(),
                }
            for field, number in expected.items():
                assert getattr(found[name], field)[place] == pytest.approx(number), (name, field)


@ENGINES
def test_rows_of_an_hour_are_a_cluster_if_they_go_together(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two models only one has hours in which everything costs the same; a session keeps its own cluster."""
    rng = np.random.default_rng(5)
    hours = rng.integers(0, 12, 400)
    models = np.array(["a", "b"])[rng.integers(0, 2, 400)]
    hourly = rng.lognormal(0, 1, 12)[hours]
    alternating = np.zeros(400)
    for model in "ab":
        for hour in range(12):  # in each hour the residuals of model b cancel
            own = np.flatnonzero((models == model) & (hours == hour))
            alternating[own] = np.where(np.arange(len(own)) % 2 == 0, 1.0, 3.0)
    frame = pd.DataFrame(
        {
            "model": models,
            "session_id": pd.array(["s" if number < 20 else None for number in range(400)], "str"),
            "created_at": pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(hours * 60 + 7, unit="min"),
            "usd": np.where(models == "a", hourly, alternating),
            "out": 1.0,
        }
    )
    clusters, groups = clusters_of(
        data_on(engine, frame, monkeypatch), {"mean": Basis("mean", COST), "sum": Basis("sum", COST)}, [MODEL]
    )
    found = clusters.find_moments()
    a, b = (groups[MODEL.group].to_pylist().index(model) for model in "ab")
    single = [((models == model) & (np.arange(400) >= 20)).sum() for model in "ab"]
    assert found["mean"].clusters[[a, b]].tolist() == [12 + 1, single[1] + 1]
    assert found["sum"].clusters[[a, b]].tolist() == [single[0] + 1, single[1] + 1]


@ENGINES
def test_a_cluster_in_several_strata_and_on_both_sides(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Residuals in the same session add up over the strata of a side; those of both sides make a correlation."""
    frame = rows(600).assign(side=np.random.default_rng(2).integers(0, 2, 600))
    labels = label_clusters(frame)
    side = find_key("side", find_zone("UTC"))
    clusters, groups = clusters_of(data_on(engine, frame, monkeypatch), {"price": RATIO}, [side, MODEL])
    sides = groups[side.group].to_numpy()
    weights = {"a": 0.3, "b": 0.7}
    gains = np.array([weights[model] for model in groups[MODEL.group].to_pylist()])
    moments, correlation = clusters.compare(Strata(gains, sides))
    residuals: list[pd.Series] = []
    for number in (0, 1):
        parts, value = [], 0.0
        for model, weight in weights.items():
            own = frame[(frame["side"] == number) & (frame["model"] == model)]
            sums = own.groupby(labels[own.index])[["usd", "out"]].sum()
            ratio, share = own["usd"].sum() / own["out"].sum(), sums["out"] / own["out"].sum()
            value += weight * ratio
            own_residuals = weight * (sums["usd"] - ratio * sums["out"]) / own["out"].sum() / np.sqrt(1 - share)
            parts.append(own_residuals)
        residuals.append(pd.concat(parts).groupby(level=0).sum())
        assert moments.value[number] == pytest.approx(value)
        assert moments.clusters[number] == len(residuals[number])
        assert moments.hc2_2[number] == pytest.approx((residuals[number] ** 2).sum())
    product = (residuals[0] * residuals[1]).dropna().sum()
    assert correlation == pytest.approx(product / math.sqrt((residuals[0] ** 2).sum() * (residuals[1] ** 2).sum()))
