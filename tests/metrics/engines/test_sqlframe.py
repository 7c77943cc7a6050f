"""Frames of SQLFrame on DuckDB: the answers of frames in memory."""

from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from genanalytics import select, summarize
from genanalytics.errors import InputError
from genanalytics.metrics.engines.source import open_source
from genanalytics.records.frame import to_frame
from support.awkward import awkward
from support.engines import assert_alike

pytest.importorskip("sqlframe", reason="SQLFrame is not installed: it is in the group `stores`")
pytestmark = pytest.mark.long

AWKWARD = awkward()
FRAME = to_frame(AWKWARD)


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> Any:  # noqa: ANN401
    from sqlframe.duckdb import DuckDBSession  # noqa: PLC0415 - it may not be installed

    path = str(tmp_path_factory.mktemp("awkward") / "awkward.parquet")
    pq.write_table(AWKWARD, path)
    connection = duckdb.connect()  # which stays open: all sessions of SQLFrame are one
    connection.execute("SET TimeZone = 'Pacific/Apia'")
    return DuckDBSession(conn=connection).read.parquet(path)


@pytest.mark.parametrize("percentiles", ["auto", "sketch"])
def test_every_statistic_is_the_same(frame: Any, percentiles: Any) -> None:  # noqa: ANN401
    options: dict[str, Any] = {"by": ["model", "day"], "tz": "Europe/Berlin", "percentiles": percentiles}
    assert_alike(summarize(frame, **options), summarize(FRAME, **options))


def test_a_frame_that_was_computed_is_read_as_it_is(frame: Any) -> None:  # noqa: ANN401
    from sqlframe.duckdb import functions  # noqa: PLC0415

    dearer = frame.filter(functions.col("total_cost") > 0.001).withColumn("team", functions.lit("Search"))
    found = summarize(dearer, by="team", metrics="cost")
    assert found["team"].tolist() == ["Search"]
    assert_alike(found.drop(columns="team"), summarize(FRAME[FRAME["total_cost"] > 0.001], metrics="cost"))


def test_rows_are_chosen(frame: Any) -> None:  # noqa: ANN401
    where = ["hour in (1, 2, 3, 23)", "model is not null"]
    found = select(frame, where=where, tz="Europe/Berlin")
    assert open_source(found).count() == len(select(FRAME, where=where, tz="Europe/Berlin")) > 0


def test_another_engine_is_refused_with_the_way_to_it() -> None:
    from sqlframe.standalone import StandaloneSession  # noqa: PLC0415

    frame = StandaloneSession().createDataFrame([("a", 1.0)], ["model", "total_cost"])
    with pytest.raises(InputError, match="SQLFrame on spark cannot be used as it is: give its statement to Ibis"):
        summarize(frame, metrics=[])
