"""The same declarations give the same numbers on every engine, and SQL written by hand agrees."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb
import narwhals.stable.v2 as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from genanalytics.metrics import DEFAULT, REQUESTS, Quantile, RowValue, Statistic, spread, summarize
from genanalytics.metrics.declare import LEVELS
from genanalytics.metrics.engines.scan import scan
from genanalytics.metrics.engines.sketch import ACCURACY, classify
from genanalytics.metrics.engines.source import open_source
from genanalytics.metrics.grouping.calendar import Period
from genanalytics.metrics.intervals import clusters
from genanalytics.metrics.sets.latency import TTFT
from genanalytics.records.frame import to_frame
from genanalytics.records.schema import ARROW_SCHEMA
from genanalytics.units import Unit
from support.awkward import awkward
from support.engines import RELATIVE, assert_alike, relation_in

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AWKWARD = awkward()
FRAME = to_frame(AWKWARD)
OPINION = (Path(__file__).parent / "opinion.sql").read_text(encoding="utf-8")

KEYS: dict[str, dict[str, Any]] = {
    "in all": {},
    "by model": {"by": "model"},
    "by model and provider": {"by": ["model", "provider_name"]},
    "by a number and a flag": {"by": ["native_tokens_completion", "streamed"]},
    "by family": {"by": "model_family"},
    "by local hour and weekday": {"by": ["hour", "weekday"], "tz": "Australia/Lord_Howe"},
    "by day": {"by": ["model", "day"], "tz": "Asia/Kathmandu"},
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("awkward") / "awkward.parquet"
    pq.write_table(AWKWARD, path)
    return str(path)


ENGINES: dict[str, Callable[[str, pytest.FixtureRequest], Any]] = {
    "Arrow": lambda *_: AWKWARD,
    "polars": lambda *_: pl.from_arrow(AWKWARD),
    "DuckDB": lambda path, _: relation_in("Pacific/Apia", path),
    "scan": lambda path, _: scan(path, memory_limit="1GB"),
    "Spark": lambda path, request: request.getfixturevalue("spark").read.parquet(path),
}
SHARES_OF_ALL_ROWS = {"cache_coverage", "cache_touched_share", "error_rate", "truncation_rate", "filter_rate"}
OF_EACH_KIND = [
    "cost_of_like_period",
    "cost_per_request_mean",
    "usd_per_mtok",
    "cache_hit_rate",
    "cache_savings_rate",
    "error_rate",
    "ttft_ms_p50",
]
"""A statistic of each kind of interval; Spark needs seconds to plan each."""
ENGINE = pytest.mark.parametrize(
    "engine", [pytest.param(name, marks=[pytest.mark.long] if name == "Spark" else []) for name in ENGINES]
)


@ENGINE
@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
def test_every_statistic_is_the_same_on_every_engine(
    engine: str, keys: dict[str, Any], path: str, request: pytest.FixtureRequest
) -> None:
    assert_alike(summarize(ENGINES[engine](path, request), **keys), summarize(FRAME, **keys))


def test_intervals_need_no_session_request_or_time(path: str) -> None:
    columns = ["model", "finish_reason"]
    options: dict[str, Any] = {"by": "model", "metrics": ["error_rate"], "intervals": True}
    relation = relation_in("UTC", path).project(", ".join(columns))
    assert_alike(summarize(relation, **options), summarize(FRAME[columns], **options))


@ENGINE
def test_intervals_are_the_same_on_every_engine(
    engine: str, path: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of percentiles are approximate where values may not fit into memory; their gaps are the same."""
    monkeypatch.setattr(clusters, "KEPT", 0)
    metrics = OF_EACH_KIND if engine == "Spark" else [*DEFAULT, "cost_of_like_period"]
    options: dict[str, Any] = {**KEYS["by model and provider"], "metrics": metrics, "intervals": True}
    found, expected = summarize(ENGINES[engine](path, request), **options), summarize(FRAME, **options)
    for suffix in LEVELS:
        for column in [str(name) for name in expected if str(name).endswith((f"_{suffix}_low", f"_{suffix}_high"))]:
            assert found[column].isna().tolist() == expected[column].isna().tolist()
            found[column] = expected[column]
    assert_alike(found, expected)


@ENGINE
@pytest.mark.parametrize("every", ["day", "week", "month"])
def test_periods_are_the_same_on_every_engine(
    engine: str, every: Period, path: str, request: pytest.FixtureRequest
) -> None:
    keys: dict[str, Any] = {"by": "provider_name", "every": every, "tz": "Europe/Berlin", "metrics": ["cost", "tokens"]}
    assert_alike(summarize(ENGINES[engine](path, request), **keys), summarize(FRAME, **keys))


@pytest.mark.parametrize("by", [[], ["model"], ["model", "provider_name"], ["finish_reason", "is_byok"]])
def test_sql_written_by_hand_says_the_same(by: list[str], path: str) -> None:
    sql = OPINION.format(table=f"'{path}'", keys="", groups="".join(f"{key}, " for key in by))
    opinion = duckdb.connect().sql(sql).to_arrow_table()
    found = summarize(FRAME, by=by)
    place = {tuple(row[key] for key in by): number for number, row in enumerate(opinion.select(by).to_pylist())}
    keys = pa.Table.from_pandas(found[by], preserve_index=False).to_pylist() if by else [{}]
    rows = opinion.take([place.pop(tuple(row[key] for key in by)) for row in keys])
    assert place == {}
    for statistic in (REQUESTS, *DEFAULT):
        assert close(found[statistic.name], by_hand(rows, statistic.name)), statistic.name


def by_hand(rows: pa.Table, name: str) -> list[float | None]:
    """Return a statistic out of the SQL's answer, which has all percentiles of a value in one list."""
    value, _, suffix = name.rpartition("_")
    numbers = rows[name] if suffix not in LEVELS else pa.compute.list_element(rows[value], list(LEVELS).index(suffix))
    return list(numbers.cast(pa.float64()).to_pylist())


def close(found: pd.Series, expected: list[float | None]) -> bool:
    """Return whether numbers are equal to a part in a thousand million, and gaps gaps."""
    return [None if pd.isna(value) else value for value in found] == [
        None if value is None else pytest.approx(value, rel=RELATIVE, abs=0) for value in expected
    ]


def test_the_data_set_has_every_gap_and_every_number() -> None:
    """Else the tests above would prove less than they say."""
    groups = summarize(FRAME, by="model").set_index("model")
    for statistic in DEFAULT:
        numbers = groups[statistic.name].dropna()
        assert len(set(numbers)) > 1, statistic.name
        assert len(numbers) < len(groups) or statistic.unit is Unit.COUNT or statistic.name in SHARES_OF_ALL_ROWS


def test_a_statistic_that_a_user_declares_is_the_same_on_duckdb(path: str) -> None:
    longest = Statistic(
        "longest",
        "longest",
        Unit.MS,
        "Longest latency",
        needs=("latency",),
        own={"longest": nw.col("latency").max()},
    )
    tail = Statistic("tail", "tail", Unit.MS, "p99.9", finish=Quantile(TTFT, 0.999))
    again = Statistic("again", "again", Unit.MS, "p50, which is in ttft_ms too", finish=Quantile(TTFT, 0.5))
    spread = Statistic(
        "spread",
        "spread",
        Unit.MS,
        "Longest time to first token - shortest",
        finish=nw.col("slowest") - nw.col("fastest"),
        own={"slowest": TTFT.column.max(), "fastest": TTFT.column.min()},
        needs=(TTFT,),
    )
    metrics: list[Statistic | str] = [longest, tail, again, spread, "ttft_ms"]
    for by in ([], ["model"], ["model", "finish_reason"]):
        assert_alike(summarize(scan(path), by=by, metrics=metrics), summarize(FRAME, by=by, metrics=metrics))


VALUE = RowValue("value", "value", Unit.USD, "Any number", ("total_cost",), nw.col("total_cost"))
NUMBERS = st.none() | st.just(0.0) | st.floats(-1e300, 1e300, allow_subnormal=False)


@given(st.lists(NUMBERS, max_size=60))
def test_a_sketched_percentile_is_right_to_one_percent(values: list[float | None]) -> None:
    frame = pd.DataFrame({"total_cost": pd.array(values, "Float64")})
    found = summarize(frame, metrics=spread(VALUE), percentiles="sketch").iloc[0]
    known = sorted(value for value in values if value is not None)
    for suffix, level in LEVELS.items():
        if not known:
            assert pd.isna(found[f"value_{suffix}"])
            continue
        rank = (len(known) - 1) * level
        low, high, share = known[math.floor(rank)], known[math.ceil(rank)], rank % 1
        allowed = ACCURACY * ((1 - share) * abs(low) + share * abs(high))
        assert abs(found[f"value_{suffix}"] - (low + (high - low) * share)) <= allowed * (1 + RELATIVE)


@ENGINE
@pytest.mark.parametrize("keys", [KEYS["in all"], KEYS["by model and provider"], KEYS["by day"]])
def test_a_sketch_is_the_same_on_every_engine(
    engine: str, keys: dict[str, Any], path: str, request: pytest.FixtureRequest
) -> None:
    found = summarize(ENGINES[engine](path, request), percentiles="sketch", **keys)
    assert found.attrs["percentiles"] == "sketch"
    assert_alike(found, summarize(FRAME, percentiles="sketch", **keys))


def test_numbers_on_limits_are_in_the_same_class_in_sql() -> None:
    powers = [((1 + ACCURACY) / (1 - ACCURACY)) ** power for power in range(-40, 40)]
    sizes = [*powers, *map(float, range(1, 2001)), 1e-9, 5e-324, 2.3e-308, 1.7976931348623157e308]
    numbers = [*sizes, *(-size for size in sizes), 0.0, -0.0]
    table = pa.table({"x": [*numbers, math.inf, -math.inf, math.nan, None]})
    connection = duckdb.connect()
    connection.register("numbers", table)
    number = RowValue("number", "x", Unit.COUNT, "Number", ("x",), nw.col("x"))
    groups = pa.table({"rows": [len(table)]})
    (found,) = open_source(connection.sql("FROM numbers")).sketch([], [number], groups)
    (expected,) = open_source(table).sketch([], [number], groups)
    counts, others = (table.to_pandas().set_index("class")["n"].to_dict() for table in (found, expected))
    assert counts == others
    assert sum(found["n"].to_pylist()) == len(numbers)


@pytest.mark.parametrize("percentiles", ["exact", "sketch"])
def test_a_quotient_that_is_not_finite_is_a_gap(percentiles: Literal["exact", "sketch"]) -> None:
    frame = pd.DataFrame({"model": ["a", "a", "a", "b", "c"], "latency": [0, 2, 4, 0, 5]})
    pace = RowValue("pace", "pace", Unit.MS, "Pace", ("latency",), 1 / nw.col("latency").cast(nw.Float64))
    relation = duckdb.connect().from_arrow(pa.Table.from_pandas(frame))
    found, expected = (
        summarize(data, by="model", metrics=spread(pace), percentiles=percentiles) for data in (relation, frame)
    )
    assert_alike(found, expected)
    assert found["pace_n"].tolist() == [2, 0, 1]
    assert found["pace_mean"].tolist() == [0.375, pd.NA, 0.2]


def test_sketches_of_parts_add_up_to_that_of_the_whole() -> None:
    whole, *parts = (
        open_source(frame).count_classes([], VALUE, classify(VALUE)).to_pandas().set_index("class")["n"]
        for frame in (FRAME, FRAME.iloc[:100], FRAME.iloc[100:])
    )
    together = pd.concat(parts).groupby(level="class").sum()
    assert together.to_dict() == whole.to_dict()


def test_rows_are_sketched_if_exact_percentiles_exceed_the_memory_of_the_engine(path: str) -> None:
    rows = 200_000  # 16 MB
    connection = duckdb.connect()
    connection.read_parquet(path).create("few")
    many = f"SELECT few.* FROM few, range({rows // len(FRAME) + 1})"  # noqa: S608 - a number
    for limit, method in (("15MB", "sketch"), ("30MB", "exact")):
        connection.execute(f"SET memory_limit = '{limit}'")
        assert summarize(connection.sql(many), metrics=["ttft_ms_n", "ttft_ms_p50"]).attrs["percentiles"] == method
    assert summarize(scan(path), metrics=["ttft_ms"]).attrs["percentiles"] == "exact"
    assert summarize(scan(path), metrics=["ttft_ms"], percentiles="sketch").attrs["percentiles"] == "sketch"
    assert summarize(FRAME, metrics=["ttft_ms"]).attrs["percentiles"] == "exact"


def test_no_setting_of_a_connection_is_changed(path: str) -> None:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Pacific/Apia'")
    before = connection.sql("FROM duckdb_settings()").fetchall()
    summarize(connection.read_parquet(path), by="day", tz="Europe/Berlin")
    assert connection.sql("FROM duckdb_settings()").fetchall() == before


@pytest.mark.long
def test_no_setting_of_a_spark_session_is_changed(path: str, spark: "SparkSession") -> None:
    before = spark.sql("SET").collect()
    summarize(scan(path, engine="spark", session=spark), by="day", tz="Europe/Berlin", metrics=["cost"])
    assert spark.sql("SET").collect() == before


RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "model": st.sampled_from(["a", "b", None]),
            "total_cost": st.none() | st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda value: round(value, 6)),
            "latency": st.none() | st.integers(-(10**6), 10**9),
            "generation_time": st.none() | st.integers(-(10**6), 10**9),
            "native_tokens_completion": st.none() | st.integers(-2, 10**6),
            "streamed": st.sampled_from([True, False, None]),
        }
    ),
    max_size=20,
)


@settings(max_examples=15)  # seconds each
@given(RECORDS)
def test_whatever_the_records_are_duckdb_agrees_with_pandas(records: list[dict[str, object]]) -> None:
    table = pa.Table.from_pylist(records, schema=ARROW_SCHEMA)
    relation = duckdb.connect().from_arrow(table)
    for by in ([], ["model"]):
        expected = summarize(table, by=by)
        found = summarize(relation, by=by)
        pd.testing.assert_frame_equal(found, expected, rtol=RELATIVE, atol=1e-6)  # sums that cancel out
