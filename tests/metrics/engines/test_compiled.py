"""The statements for other engines: those of DuckDB, written by Ibis in the SQL of each. They are not run."""

from typing import Any

import pyarrow.parquet as pq
import pytest

from genanalytics import prices, summarize
from support.awkward import awkward

ibis = pytest.importorskip("ibis", reason="Ibis is not installed: it is in the group `stores`")
pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning"),  # of Ibis, with a new DuckDB
    pytest.mark.filterwarnings("ignore:The 'future.infer_string' option"),  # of Ibis, with a new pandas
]


@pytest.fixture(scope="module")
def statements(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Return the expressions that are run on DuckDB for summaries with intervals and periods, and for prices."""
    path = tmp_path_factory.mktemp("awkward") / "awkward.parquet"
    pq.write_table(awkward(), path)
    connection = ibis.duckdb.connect()
    table, found = connection.read_parquet(path), []
    run = type(connection).to_pyarrow

    def record(backend: Any, statement: Any, **options: Any) -> Any:  # noqa: ANN401
        found.append(statement)
        return run(backend, statement, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(connection), "to_pyarrow", record)
        summarize(table, by="model_family", metrics=["ttft_ms", "error_rate", "cost_per_request_mean"], intervals=True)
        summarize(table, by="hour", every="week", tz="Europe/Berlin", metrics="error_rate")
        prices(table)
    return found


@pytest.mark.parametrize("engine", ["bigquery", "clickhouse", "databricks", "postgres", "snowflake", "trino"])
def test_every_statement_can_be_written(engine: str, statements: list[Any]) -> None:
    assert len(statements) > 5
    for statement in statements:
        text = str(ibis.to_sql(statement, dialect=engine))
        assert text.startswith(("SELECT", "WITH"))
