"""Tables of Ibis: the answers of frames in memory, and one sentence for what an engine cannot do."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genanalytics import itemize, prices, sandbox, select, summarize, waste
from genanalytics.bill.split import COLUMNS
from genanalytics.errors import InputError
from genanalytics.metrics import Quantile, RowValue, Statistic
from genanalytics.metrics.engines.protocol import Window
from genanalytics.metrics.engines.source import collect, hold, open_source
from genanalytics.metrics.engines.windows import add_windows
from genanalytics.records.frame import to_frame
from genanalytics.units import Unit
from support.awkward import awkward
from support.engines import assert_alike
from support.generations import parse_records

ibis = pytest.importorskip("ibis", reason="Ibis is not installed: it is in the group `stores`")
pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning"),  # of Ibis, with a new DuckDB
    pytest.mark.filterwarnings("ignore:The 'future.infer_string' option"),  # of Ibis, with a new pandas
]

AWKWARD = awkward()
FRAME = to_frame(AWKWARD)
LATENCY = RowValue("latency", "latency", Unit.MS, "Latency", ("latency",), nw.col("latency"))
KEYS: dict[str, dict[str, Any]] = {
    "in all": {},
    "by family and a flag": {"by": ["model_family", "streamed"]},
    "by local hour": {"by": "hour", "tz": "Australia/Lord_Howe", "metrics": ["cost", "latency"]},
    "by month": {"by": "model", "every": "month", "tz": "Europe/Berlin", "metrics": ["cost"]},
}
OPTIONS: dict[str, Any] = {"by": "model", "metrics": ["error_rate", "cost_per_request_mean", "cost_of_like_period"]}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("awkward") / "awkward.parquet"
    pq.write_table(AWKWARD, path)
    return str(path)


@pytest.fixture
def table(path: str) -> Iterator[Any]:
    connection = ibis.duckdb.connect()
    yield connection.read_parquet(path)
    connection.disconnect()


@pytest.mark.parametrize("percentiles", ["exact", "sketch"])
@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
def test_every_statistic_is_the_same(keys: dict[str, Any], percentiles: Any, table: Any) -> None:  # noqa: ANN401
    found, expected = (summarize(data, **keys, percentiles=percentiles) for data in (table, FRAME))
    assert_alike(found, expected)


def test_percentiles_are_sketched_unless_exact_ones_are_wanted(table: Any) -> None:  # noqa: ANN401
    assert summarize(table, metrics="ttft_ms").attrs["percentiles"] == "sketch"


def test_intervals_are_the_same(table: Any) -> None:  # noqa: ANN401
    found, expected = (summarize(data, **OPTIONS, intervals=True, percentiles="sketch") for data in (table, FRAME))
    assert_alike(found, expected)


def test_moments_without_a_zone_are_in_utc(path: str) -> None:
    with duckdb.connect() as connection:
        moments = "timezone('UTC', created_at) AS created_at, timezone('UTC', fetched_at) AS fetched_at"
        connection.execute(f"CREATE TABLE naive AS SELECT * REPLACE ({moments}) FROM '{path}'")  # noqa: S608 - ours
        table = ibis.duckdb.from_connection(connection).table("naive")
        connection.execute("SET TimeZone = 'Pacific/Apia'")
        options: dict[str, Any] = {
            "every": "day",
            "tz": "Asia/Kathmandu",
            "metrics": "error_rate",
            "percentiles": "sketch",
        }
        assert_alike(summarize(table, **options), summarize(FRAME, **options))


def test_chosen_rows_stay_a_table(table: Any) -> None:  # noqa: ANN401
    where = ["hour in (1, 2, 3, 23)", "model is not null"]
    found = select(table, where=where, tz="Europe/Berlin")
    assert isinstance(found, ibis.Table)
    assert open_source(found).count() == len(select(FRAME, where=where, tz="Europe/Berlin")) > 0


def test_prices_items_and_waste_are_the_same(tmp_path: Path) -> None:
    frame = parse_records(sandbox.sample(1_500).records).drop(columns="provider_responses")
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), tmp_path / "sample.parquet")
    table = ibis.duckdb.connect().read_parquet(tmp_path / "sample.parquet")
    of_frame = prices(frame)
    pd.testing.assert_frame_equal(prices(table), of_frame, check_exact=True)
    found, expected = (
        collect(itemize(data, of_frame)).sort_values("requested_id", ignore_index=True) for data in (table, frame)
    )
    pd.testing.assert_frame_equal(found[list(COLUMNS)], expected[list(COLUMNS)], check_dtype=False, check_exact=True)
    pd.testing.assert_frame_equal(waste(table), waste(frame), rtol=1e-9)


def test_windows_before_around_and_after_a_row_are_the_same() -> None:
    rows = pa.table({"row": range(40), "moment": [7 * n % 23 for n in range(40)], "key": ["a", "b", None, "a"] * 10})
    rows = rows.append_column("size", pa.array([float(n % 7) if n % 5 else None for n in range(40)]))
    windows = {
        "all": Window(("key",)),
        "around": Window(("key",), -3, 3),
        "before": Window(("key",), -9, -2),
        "until": Window(("key",), None, -1),
        "after": Window(("key",), 1, 5, "size"),
        "from": Window(("key",), 0, None, "size"),
    }
    here, there = (collect(add_windows(data, "moment", windows)) for data in (rows, ibis.memtable(rows)))
    there = there.sort_values("row", ignore_index=True)
    pd.testing.assert_frame_equal(there, here, check_dtype=False)


def test_held_rows_are_computed_once_and_then_dropped() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE VIEW rows AS SELECT random() AS x FROM range(50)")
        table = ibis.duckdb.from_connection(connection).table("rows")
        with hold(table) as held:
            assert collect(held).equals(collect(held))
            assert not collect(table).equals(collect(held))
        assert connection.sql("SELECT table_name FROM duckdb_tables()").fetchall() == []


def test_names_that_are_syntax_elsewhere_are_names() -> None:
    with duckdb.connect() as connection:
        connection.execute("""CREATE TABLE t AS SELECT 1.5 AS total_cost, 'a' AS "5"" disk", 'b' AS "a.b" """)
        table = ibis.duckdb.from_connection(connection).table("t")
        for name in ('5" disk', "a.b"):
            assert summarize(table, by=name, metrics=[]).columns[0] == name


def test_an_engine_without_percentiles_has_no_exact_ones(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "some.db") as connection:
        connection.execute("CREATE TABLE t (finish_reason TEXT, latency REAL)")
    table = ibis.sqlite.connect(tmp_path / "some.db").table("t")
    tail = Statistic("tail", "tail", Unit.MS, "p99 of the latency", finish=Quantile(LATENCY, 0.99))
    with pytest.raises(InputError, match="Ibis on sqlite cannot compute exact percentiles: use percentiles='sketch'"):
        summarize(table, metrics=tail, percentiles="exact")


def test_what_an_engine_cannot_compute_is_named(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "some.db") as connection:
        connection.execute("CREATE TABLE t (created_at TIMESTAMP, finish_reason TEXT)")
    table = ibis.sqlite.connect(tmp_path / "some.db").table("t")
    with pytest.raises(InputError, match=r"Ibis on sqlite cannot compute this: .*TimestampDelta"):
        summarize(table, by="hour", metrics="error_rate")


def test_a_table_without_a_connection_is_refused() -> None:
    table = ibis.table({"model": "string"}, name="generations")
    with pytest.raises(InputError, match="the Ibis table belongs to no connection"):
        summarize(table, metrics=[])
