"""Aggregates over the rows around each row."""

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from genanalytics.metrics.engines.protocol import Window
from genanalytics.metrics.engines.windows import add_windows

WINDOWS = {
    "all": Window(("key", "other")),
    "before": Window(("key", "other"), -10, 0),
    "long before": Window(("key",), -60, -11),
    "largest after": Window(("key",), 1, 30, "size"),
    "until": Window(("key",), None, -5),
}


def make_rows(number: int) -> pa.Table:
    rng = np.random.default_rng(number)
    sizes = np.where(rng.random(number) < 0.2, np.nan, rng.integers(0, 99, number))
    return pa.table(
        {
            "id": np.arange(number),
            "moment": rng.integers(0, 500, number),
            "key": pa.array(rng.choice(np.array(["a", "b", None], dtype=object), number).tolist(), pa.string()),
            "other": rng.integers(0, 3, number),
            "size": pa.array(sizes, from_pandas=True),
        }
    )


def aggregate(rows: pa.Table, window: Window) -> list[float | None]:
    """Return the aggregate of each row, in plain Python."""
    start = -np.inf if window.start is None else window.start
    end = np.inf if window.end is None else window.end
    found: list[float | None] = []
    records = rows.to_pylist()
    for row in records:
        alike = [one for one in records if all(one[name] == row[name] for name in window.by)]
        inside = [one for one in alike if start <= one["moment"] - row["moment"] <= end]
        values = [one[window.largest] for one in inside if window.largest and one[window.largest] is not None]
        found.append(max(values, default=None) if window.largest else len(inside))
    return found


@pytest.mark.parametrize("number", [0, 1, 2, 60])
def test_memory_and_duckdb_count_what_plain_python_counts(number: int) -> None:
    rows = make_rows(number)
    here = add_windows(rows, "moment", WINDOWS)
    there = add_windows(duckdb.connect().from_arrow(rows), "moment", WINDOWS).order("id").to_arrow_table()
    for name, window in WINDOWS.items():
        assert here[name].to_pylist() == there[name].to_pylist() == aggregate(rows, window)
