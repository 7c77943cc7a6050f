"""Prices and items are the same wherever the data is, row by row."""

from collections.abc import Callable
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genanalytics import itemize, prices, sandbox
from genanalytics.bill.split import BYOK_ITEMS, COLUMNS, ITEMS
from support.engines import relation_in
from support.generations import parse_records

ID = "requested_id"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return parse_records(sandbox.sample(1_500).records).drop(columns="provider_responses")


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
    columns = items.set_index(ID).sort_index()[list(COLUMNS)].apply(pd.to_numeric)
    arranged: pd.DataFrame = columns.astype("Float64")
    return arranged


def collect_items(found: Any) -> pd.DataFrame:  # noqa: ANN401 - of any engine
    rows: nw.LazyFrame[Any] = nw.from_native(found).lazy()
    return arrange(rows.select(ID, *COLUMNS).collect(backend="pyarrow").to_pandas())


Engine = Callable[[str, pytest.FixtureRequest], Any]
ENGINES: dict[str, Engine] = {
    "DuckDB": lambda path, _: relation_in("UTC", path),
    "Spark": lambda path, request: request.getfixturevalue("spark").read.parquet(path),
}
ENGINE = pytest.mark.parametrize(
    "engine", [pytest.param(name, marks=[pytest.mark.long] if name == "Spark" else []) for name in ENGINES]
)


@ENGINE
def test_prices_are_the_same_on_every_engine(
    engine: str, path: str, expected_prices: pd.DataFrame, request: pytest.FixtureRequest
) -> None:
    found = prices(ENGINES[engine](path, request))
    pd.testing.assert_frame_equal(found, expected_prices, check_exact=True)


def test_prices_do_not_depend_on_the_zone_of_a_connection(path: str, expected_prices: pd.DataFrame) -> None:
    found = prices(relation_in("Pacific/Apia", path))
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
    pd.testing.assert_frame_equal(collect_items(found), expected_items, check_exact=True, check_index_type=False)


@ENGINE
def test_items_add_up_to_the_amounts_in_whole_nano_dollars(
    engine: str, path: str, frame: pd.DataFrame, expected_prices: pd.DataFrame, request: pytest.FixtureRequest
) -> None:
    items = collect_items(itemize(ENGINES[engine](path, request), expected_prices))
    amounts = frame.set_index(ID).sort_index()
    own = amounts["is_byok"].fillna(value=False).to_numpy(bool)
    assert own.any()
    total, upstream = (to_nano_dollars(amounts[name]) for name in ("total_cost", "upstream_inference_cost"))
    assert to_nano_dollars(items[list(ITEMS)]).sum(axis=1).tolist() == total.tolist()
    assert to_nano_dollars(items[list(BYOK_ITEMS)]).sum(axis=1).tolist() == np.where(own, upstream, 0).tolist()


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
        pd.testing.assert_frame_equal(collect_items(found), expected_items, check_exact=True, check_index_type=False)


def test_a_relation_of_duckdb_stays_one(path: str, expected_prices: pd.DataFrame) -> None:
    assert isinstance(itemize(duckdb.read_parquet(path), expected_prices), duckdb.DuckDBPyRelation)
