"""A flipped bit in a Parquet file is an error, or changes nothing: never a wrong figure."""

import json
import random
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

import genanalytics as ga
from genanalytics.errors import GenAnalyticsError
from genanalytics.records.frame import to_frame
from genanalytics.records.parse import Row, parse_rows
from genanalytics.sandbox import sample
from support.datasets import committed


@pytest.fixture(scope="module")
def table() -> pa.Table:
    records = sample(200).records
    return parse_rows(
        [Row(asked, json.dumps({"data": record}).encode(), 1_800_000_000.0) for asked, record in records.items()]
    )


def count_flips_that_change_records(path: Path, source: Path, expected: pd.DataFrame, flips: int) -> tuple[int, int]:
    """Return how many of the flips in a file gave an error, and how many gave other records."""
    whole, chance = path.read_bytes(), random.Random(1)  # noqa: S311 - no secret
    errors = changed = 0
    for _ in range(flips):
        bit = chance.randrange(8 * len(whole))
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            changed += not ga.read(source).equals(expected)
        except GenAnalyticsError:
            errors += 1
    path.write_bytes(whole)
    return errors, changed


@pytest.mark.parametrize("flips", [60, pytest.param(300, marks=pytest.mark.long)])
def test_a_flipped_bit_in_a_file_gives_no_other_records(flips: int, table: pa.Table, tmp_path: Path) -> None:
    frame, path = to_frame(table), tmp_path / "records.parquet"
    ga.write(frame, path)
    errors, changed = count_flips_that_change_records(path, path, ga.read(path), flips)
    assert changed == 0
    assert errors > flips / 2


@pytest.mark.parametrize("flips", [40, pytest.param(300, marks=pytest.mark.long)])
def test_a_flipped_bit_in_a_data_set_gives_no_other_records(flips: int, table: pa.Table, tmp_path: Path) -> None:
    committed(tmp_path / "dataset", table)
    [path, *_] = sorted((tmp_path / "dataset" / "data").rglob("*.parquet"), key=lambda file: -file.stat().st_size)
    errors, changed = count_flips_that_change_records(path, tmp_path / "dataset", ga.read(tmp_path / "dataset"), flips)
    assert changed == 0
    assert errors > flips / 4
