"""A small file that unpacks to gigabytes is refused by `read` in one sentence, before it takes memory."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import genanalytics as ga
from support.datasets import committed, rows

ROWS = 100_000
NOTE = "x" * 100_000
READ_EACH = """
import re, resource, sys
from pathlib import Path
import pyarrow.parquet
import genanalytics as ga

def read_peak():  # in KiB; unlike the peak of `resource`, it begins anew with a program
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])


resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
before = read_peak()
for path in sys.argv[1:]:
    try:
        ga.read(path)
    except ga.InputError as error:
        print(path, error)
print(read_peak() - before)
"""


def table_of(note: pa.Array) -> pa.Table:
    moments = pa.array([0] * ROWS, pa.timestamp("us", "UTC"))
    ids = pa.array([f"gen-{number}" for number in range(ROWS)])
    return pa.table({"requested_id": ids, "fetched_at": moments, "created_at": moments, "note": note})


def repeat_note() -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array([0] * ROWS, pa.int32()), pa.array([NOTE]))


def write_parquet(note: pa.Array, path: Path, **options: object) -> None:
    pq.write_table(table_of(note), path, compression="zstd", write_statistics=False, store_schema=False, **options)


def parquet_with_a_dictionary(path: Path) -> None:
    write_parquet(repeat_note(), path)


def parquet_with_lists(path: Path) -> None:
    write_parquet(pa.ListArray.from_arrays(pa.array(range(ROWS + 1), pa.int32()), repeat_note()), path)


def parquet_of_many_rows(path: Path) -> None:
    gaps = pa.nulls(20_000_000, pa.int8())
    pq.write_table(pa.table({f"column {number}": gaps for number in range(8)}), path, row_group_size=20_000_000)


def arrow_with_a_dictionary(path: Path) -> None:
    write_arrow(table_of(repeat_note()), path)


def arrow_with_views(path: Path) -> None:
    """Each text is a view of one and the same."""
    view = pa.array([NOTE], pa.string_view())
    views = pa.Array.from_buffers(
        pa.string_view(), ROWS, [None, pa.py_buffer(view.buffers()[1].to_pybytes()[:16] * ROWS), view.buffers()[2]]
    )
    write_arrow(table_of(views), path)


def write_arrow(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(path, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)


def zstd_of_lines(path: Path) -> None:
    """One frame of 1 MiB is written many times."""
    frame = pa.compress(b'{"data": {"id": "gen-1"}}' + b" " * (1 << 20) + b"\n", "zstd", asbytes=True)
    path.write_bytes(frame * 1100)


BOMBS: dict[str, Callable[[Path], None]] = {
    "dictionary.parquet": parquet_with_a_dictionary,
    "lists.parquet": parquet_with_lists,
    "rows.parquet": parquet_of_many_rows,
    "dictionary.arrow": arrow_with_a_dictionary,
    "views.arrow": arrow_with_views,
    "lines.zst": zstd_of_lines,
}


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory in units of Linux")
def test_a_small_file_that_unpacks_to_gigabytes_is_refused_with_little_memory(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in BOMBS]
    for path in paths:
        BOMBS[path.name](path)
        assert path.stat().st_size < 1 << 20
    done = subprocess.run([sys.executable, "-c", READ_EACH, *paths], capture_output=True, text=True, check=True)
    *lines, grown = done.stdout.splitlines()
    assert [line.partition(" ")[0] for line in lines] == [str(path) for path in paths]
    assert all("unpacks to more than 1,073,741,824 bytes" in line for line in lines)
    assert int(grown) < 300 << 10


@pytest.mark.skipif(os.name == "nt", reason="no data sets are written there")
def test_it_is_refused_in_a_data_set_of_others_and_by_scan_too(tmp_path: Path) -> None:
    committed(tmp_path / "own", rows("gen-1"))
    shutil.copytree(tmp_path / "own", tmp_path / "set", symlinks=True)
    [file] = (tmp_path / "set").glob("data/**/*.parquet")
    parquet_with_a_dictionary(file)
    for read in (ga.read, lambda path: ga.scan(path, engine="pandas")):
        with pytest.raises(ga.InputError, match=r"unpacks to more than 1,073,741,824 bytes"):
            read(tmp_path / "set")


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_records_with_repeated_long_texts_are_read(tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame(
        {
            "requested_id": pd.array([f"gen-{number}" for number in range(5_000)], "str"),
            "fetched_at": pd.Timestamp("2026-08-24", tz="UTC"),
            "created_at": pd.Timestamp("2026-08-24", tz="UTC"),
            "user_agent": pd.array(["x" * 1_000, None] * 2_500, "str"),
        }
    )
    ga.write(frame, tmp_path / f"records{suffix}")
    read = ga.read(tmp_path / f"records{suffix}")
    assert read["user_agent"].equals(frame["user_agent"])


def test_many_records_with_attempts_of_their_own_are_read(tmp_path: Path) -> None:
    number_of_rows = 30_000
    moments = pa.array([0] * number_of_rows, pa.timestamp("us", "UTC"))
    ids = [f"gen-{number}" for number in range(number_of_rows)]
    attempts = [[{"id": f"attempt-{number}-{'x' * 40}", "provider_name": "Azure"}] for number in range(number_of_rows)]
    columns = {"requested_id": ids, "fetched_at": moments, "created_at": moments, "provider_responses": attempts}
    pq.write_table(pa.table(columns), tmp_path / "records.parquet", row_group_size=10_000)
    read = ga.read(tmp_path / "records.parquet")
    assert [each[0]["id"] for each in read["provider_responses"]] == [each[0]["id"] for each in attempts]
