"""Rows and commits, as tests of data sets need them."""

import glob
import json
import os
import time
from collections import Counter
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa

from genanalytics.dataset.failures import FAILURES
from genanalytics.dataset.partitions import Partition
from genanalytics.dataset.writer import Writer
from genanalytics.files import read_parquet
from genanalytics.records.parse import Row, parse_rows
from genanalytics.records.schema import ARROW_SCHEMA

NONE = ARROW_SCHEMA.empty_table()
NO_FAILURE = FAILURES.empty_table()


def rows(*ids: str, created: str | None = "2026-09-01T10:00:00Z", fetched: float = 0.0, **fields: object) -> pa.Table:
    """Return a record for each id, as it is in a frame."""
    record = {"id": "gen-1", "created_at": created, "total_cost": 0.5, **fields}
    return parse_rows([Row(each, json.dumps({"data": record | {"id": each}}).encode(), fetched) for each in ids])


def failures(*ids: str) -> pa.Table:
    return pa.Table.from_pylist([{"requested_id": each, "outcome": "not_found"} for each in ids], schema=FAILURES)


def committed(directory: Path, *tables: pa.Table, partition: Partition = "month") -> None:
    with Writer(directory, partition=partition) as writer:
        for table in tables:
            writer.commit(table, NONE, NO_FAILURE)


def make_old(directory: Path) -> None:
    """Make the files of a data set two hours old, so that replaced ones can be removed."""
    for path in (directory / ".files").rglob("*"):
        os.utime(path, (moment := time.time() - 7_200, moment), follow_symlinks=False)


def seen(directory: Path) -> Counter[str]:
    """Return how often each id is seen through a glob, by readers that must agree with the manifest."""
    shown = shown_by_plain_readers(directory)
    assert shown == Counter(read_parquet(directory)["requested_id"])
    return shown


def shown_by_plain_readers(directory: Path) -> Counter[str]:
    """Return how often DuckDB and pandas, which must agree, show each id; neither knows the manifest."""
    pattern = f"{directory}/data/**/*.parquet"
    if not glob.glob(pattern, recursive=True):  # noqa: PTH207 - a plain glob is what is tested
        return Counter()
    with duckdb.connect() as connection:
        by_duckdb = connection.execute(f"SELECT requested_id FROM read_parquet('{pattern}')").fetchall()  # noqa: S608
    by_pandas = pd.read_parquet(directory / "data", columns=["requested_id"])["requested_id"].tolist()
    assert sorted(by_pandas) == sorted(each for (each,) in by_duckdb)
    return Counter(by_pandas)
