"""Prices and items are the same wherever the data is, row by row."""

import json
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genanalytics import itemize, prices, sandbox
from genanalytics.bill.split import BYOK_ITEMS, COLUMNS, ITEMS
from genanalytics.records.frame import parse_frame
from genanalytics.records.parse import Row
from support.engines import relation_in

ID = "requested_id"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    records = sandbox.sample(1_500).records
    rows = [Row(name, json.dumps({"data": record}).encode(), 0.0) for name, record in records.items()]
    return parse_frame(rows).drop(columns="provider_responses")


@pytest.fixture(scope="module")
def path(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("bill") / "sample.parquet"
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
    return str(path)


@pytest.fixture(scope="module")
def expected_prices(frame: pd.DataFrame) -> pd.DataFrame:
    return prices(frame)


@pytest.fixture(scope="module")
def expected_items(frame: pd.DataFrame, expected_prices: pd.DataFrame) -> pd.DataFrame:
    return arrange(itemize(frame, expected_prices))


def arrange(items: pd.DataFrame) -> pd.DataFrame:
    """Return the items by id; engines name types and gaps differently, and order rows as they like."""
    columns = items.set_index(ID).sort_index()[list(COLUMNS)]
    numbers: pd.DataFrame = columns.apply(pd.to_numeric).astype("Float64")
    return numbers


Engine = Callable[[str, pytest.FixtureRequest], Any]
ENGINES: dict[str, Engine] = {
    "DuckDB": lambda path, _: relation_in("Pacific/Apia", path),
    "Spark": lambda path, request: request.getfixturevalue("spark").read.parquet(path),
}
ENGINE = pytest.mark.parametrize(
    "engine", [pytest.param(name, marks=[pytest.mark.long] if name == "Spark" else []) for name in ENGINES]
)
COLUMN_OF: dict[str, Callable[[str], Any]] = {"DuckDB": duckdb.ColumnExpression, "Spark": str}
COLLECT: dict[str, Callable[[Any], pd.DataFrame]] = {
    "DuckDB": lambda relation: relation.df(),
    "Spark": lambda spark_frame: spark_frame.toPandas(),
}


@ENGINE
def test_prices_are_the_same_on_every_engine(
    engine: str, path: str, expected_prices: pd.DataFrame, request: pytest.FixtureRequest
) -> None:
    found = prices(ENGINES[engine](path, request))
    pd.testing.assert_frame_equal(found, expected_prices, check_exact=True)


@ENGINE
def test_items_are_the_same_on_every_engine(
    engine: str,
    path: str,
    expected_prices: pd.DataFrame,
    expected_items: pd.DataFrame,
    request: pytest.FixtureRequest,
) -> None:
    found = itemize(ENGINES[engine](path, request), expected_prices)
    items = COLLECT[engine](found.select(*map(COLUMN_OF[engine], [ID, *COLUMNS])))
    pd.testing.assert_frame_equal(arrange(items), expected_items, check_exact=True, check_index_type=False)


def test_items_add_up_to_the_amounts_in_whole_nano_dollars(frame: pd.DataFrame, expected_items: pd.DataFrame) -> None:
    amounts = frame.set_index(ID).sort_index()
    own = amounts["is_byok"].fillna(value=False).to_numpy(bool)
    assert own.any()
    assert (
        to_nano_dollars(expected_items[list(ITEMS)]).sum(axis=1).tolist()
        == to_nano_dollars(amounts["total_cost"]).tolist()
    )
    paid = to_nano_dollars(amounts["upstream_inference_cost"])
    assert to_nano_dollars(expected_items[list(BYOK_ITEMS)]).sum(axis=1)[own].tolist() == paid[own].tolist()


def to_nano_dollars(amounts: "pd.DataFrame | pd.Series") -> "np.ndarray":
    return np.rint(amounts.to_numpy(dtype=float, na_value=0.0) * 1e9).astype(np.int64)


def test_arrow_and_polars_return_their_own_kind(
    path: str, expected_prices: pd.DataFrame, expected_items: pd.DataFrame
) -> None:
    table = pq.read_table(path)
    of_arrow, of_polars = (itemize(data, expected_prices) for data in (table, pl.from_arrow(table)))
    assert isinstance(of_arrow, pa.Table)
    assert isinstance(of_polars, pl.DataFrame)
    for found in (of_arrow, of_polars):
        items = arrange(found.select([ID, *COLUMNS]).to_pandas())
        pd.testing.assert_frame_equal(items, expected_items, check_exact=True, check_index_type=False)


def test_a_relation_of_duckdb_stays_one(path: str, expected_prices: pd.DataFrame) -> None:
    assert isinstance(itemize(duckdb.read_parquet(path), expected_prices), duckdb.DuckDBPyRelation)
