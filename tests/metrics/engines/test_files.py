"""Which files a scan reads, and whether they agree in their columns."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genanalytics.metrics.engines.files import find_files

COLUMNS = [("requested_id", pa.string()), ("total_cost", pa.float64())]
OTHERS = {
    "another order": COLUMNS[::-1],
    "another type": [COLUMNS[0], ("total_cost", pa.float32())],
    "one more": [*COLUMNS, ("model", pa.string())],
    "one less": COLUMNS[:1],
    "another name": [COLUMNS[0], ("total_cosT", pa.float64())],
}


def make(path: Path, columns: list[tuple[str, pa.DataType]], rows: int) -> None:
    table = pa.table({name: pa.nulls(rows, kind) for name, kind in columns})
    pq.write_table(table, path, row_group_size=2)


def test_files_that_differ_in_rows_alone_have_one_schema(tmp_path: Path) -> None:
    for rows in (0, 1, 5):
        make(tmp_path / f"{rows}.parquet", COLUMNS, rows)
    assert find_files(tmp_path).has_one_schema
    assert find_files([tmp_path, tmp_path / "1.parquet"]).paths == tuple(
        str(tmp_path / f"{n}.parquet") for n in (0, 1, 5)
    )


@pytest.mark.parametrize("name", OTHERS)
def test_other_columns_are_noticed(name: str, tmp_path: Path) -> None:
    make(tmp_path / "a.parquet", COLUMNS, 1)
    make(tmp_path / "b.parquet", OTHERS[name], 1)
    make(tmp_path / "c.parquet", COLUMNS, 1)
    assert not find_files(tmp_path).has_one_schema
    assert find_files([tmp_path / "a.parquet", tmp_path / "c.parquet"]).has_one_schema
