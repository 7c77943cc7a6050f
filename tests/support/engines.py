"""Data on engines, and summaries that must be the same on each."""

import duckdb
import pandas as pd

RELATIVE = 1e-9
"""The largest relative difference between the numbers of two engines."""


def relation_in(zone: str, path: str) -> duckdb.DuckDBPyRelation:
    """Return a Parquet file as a relation of a connection with its own time zone."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = ?", [zone])
    return connection.read_parquet(path)


def assert_alike(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Assert that two summaries are equal, except for rounding."""
    pd.testing.assert_frame_equal(found, expected, rtol=RELATIVE, atol=0)
    assert found.attrs == expected.attrs
