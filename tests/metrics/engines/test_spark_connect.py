"""Frames of Spark Connect give the numbers of a frame in memory, next to sessions of another kind."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genanalytics import prices, sandbox, select
from genanalytics.errors import InputError
from genanalytics.metrics import RowValue, summarize, total
from genanalytics.metrics.engines.scan import scan
from genanalytics.records.frame import to_frame
from genanalytics.units import Unit
from support.awkward import awkward
from support.engines import assert_alike
from support.generations import parse_records
from support.spark import find_url

pytestmark = pytest.mark.long
AWKWARD = awkward()
FRAME = to_frame(AWKWARD)


@pytest.fixture(scope="module")
def rows(spark_connect: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:  # noqa: ANN401 - pyspark is an extra
    path = tmp_path_factory.mktemp("connect") / "awkward.parquet"
    pq.write_table(AWKWARD, path)
    return scan(path, engine="spark", session=spark_connect)


OPTIONS: dict[str, dict[str, Any]] = {
    "all statistics": {},
    "by model and provider": {"by": ["model", "provider_name"]},
    "by local hour": {"by": "hour", "tz": "Australia/Lord_Howe", "metrics": ["cost"]},
    "by day": {"by": "model", "every": "day", "tz": "Asia/Kathmandu", "metrics": ["tokens", "latency"]},
    "by week": {"every": "week", "tz": "Europe/Berlin", "metrics": ["cost"]},
    "sketched percentiles": {"by": "model", "percentiles": "sketch", "metrics": ["latency"]},
    "intervals": {"by": "provider_name", "metrics": ["cache_hit_rate", "error_rate"], "intervals": True},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_statistics_are_those_of_a_frame_in_memory(options: dict[str, Any], rows: Any) -> None:  # noqa: ANN401
    assert_alike(summarize(rows, **options), summarize(FRAME, **options))


def test_no_setting_of_a_session_is_changed(spark_connect: Any, rows: Any) -> None:  # noqa: ANN401
    before = spark_connect.conf.getAll
    summarize(rows, by="day", tz="Europe/Berlin", metrics=["cost"])
    assert spark_connect.conf.getAll == before


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("connect") / "sample.parquet"
    frame = parse_records(sandbox.sample(1_500).records).drop(columns="provider_responses")
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
    return path


def test_prices_and_conditions_are_those_of_a_frame_in_memory(sample: Path, spark_connect: Any) -> None:  # noqa: ANN401
    frame, rows = scan(sample, engine="pandas"), scan(sample, engine="spark", session=spark_connect)
    pd.testing.assert_frame_equal(prices(rows), prices(frame), check_exact=True)
    assert select(rows, "total_cost > 0.01").count() == (frame["total_cost"] > 0.01).sum()


def test_an_error_of_the_server_is_one_sentence(spark_connect: Any) -> None:  # noqa: ANN401
    data = spark_connect.sql("SELECT CAST('y' AS DOUBLE) AS total_cost")
    cost = RowValue("cost", "cost", Unit.USD, "Any number", ("total_cost",), nw.col("total_cost"))
    with pytest.raises(InputError, match=r"^Spark cannot compute this: \[CAST_INVALID_INPUT\] .*'y'.*"):
        summarize(data, metrics=[total(cost)])


def test_the_python_client_needs_no_java(sample: Path, spark: Any) -> None:  # noqa: ANN401
    """The package `pyspark-client` has neither py4j nor the part of pyspark that uses it."""
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", AS_A_CLIENT, find_url(spark), str(sample)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == summarize(scan(sample, engine="pandas"), by="model", metrics=["cost"]).to_json()


AS_A_CLIENT = """
import sys

sys.modules["py4j"] = sys.modules["pyspark.core"] = None
import genanalytics as ga
from pyspark.sql import SparkSession

session = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
rows = ga.scan(sys.argv[2], engine="spark", session=session)
print(ga.summarize(rows, by="model", metrics=["cost"]).to_json())
"""
