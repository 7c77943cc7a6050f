"""A small file that unpacks to gigabytes takes little memory, and the ids in the rest of it are found."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.id_files import IDS

READ = """
import re, resource, sys
from pathlib import Path
import pyarrow.parquet, sqlite3
import genanalytics as ga
from genanalytics.errors import InputError

def read_peak():  # in KiB; unlike the peak of `resource`, it begins anew with a program
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])


limit = 3 << 30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
before = read_peak()
ids = ga.read_ids(Path(sys.argv[1]))
try:
    found = set(ids)
except InputError as error:
    found, problem = set(), str(error)
else:
    problem = ""
print(len(found), read_peak() - before, problem or ids.notices)
"""
ROWS = 100_000


def one_note_in_every_row(note: str) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array([0] * ROWS, pa.int32()), pa.array([note]))


def write_parquet(columns: dict[str, pa.Array], path: Path, *, use_dictionary: bool = True) -> None:
    pq.write_table(
        pa.table(columns),
        path,
        compression="zstd",
        write_statistics=False,
        use_dictionary=use_dictionary,
        dictionary_pagesize_limit=1 << 30,
        store_schema=False,
    )


def parquet_of_one_note(path: Path) -> None:
    ids = pa.array(IDS + [None] * (ROWS - len(IDS)))
    write_parquet({"ref": ids, "note": one_note_in_every_row("x" * 100_000)}, path)


def parquet_to_search(path: Path) -> None:
    note = " ".join(["x" * 100_000, *IDS])
    write_parquet({"note": one_note_in_every_row(note)}, path)


def parquet_of_lists(path: Path) -> None:
    values = pa.array(["z" * 1000]).dictionary_encode().take(pa.array([0] * 1_000_000))
    offsets = pa.array(range(0, 1_025_000, 25_000), pa.int32())
    write_parquet({"ref": pa.array(IDS), "tags": pa.ListArray.from_arrays(offsets, values)}, path)


def parquet_of_a_large_page(path: Path) -> None:
    notes = pa.array(["y" * (100 << 20)] + [None] * 39)
    write_parquet({"ref": pa.array(IDS), "note": notes}, path, use_dictionary=False)


def database_of_computed_columns(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE t (id TEXT)")
    database.executemany("INSERT INTO t (id) VALUES (?)", [(each,) for each in IDS])
    database.execute("ALTER TABLE t ADD COLUMN a AS (hex(zeroblob(40000000)))")
    database.commit()
    database.close()


def database_of_a_long_default(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE t (id TEXT)")
    database.executemany("INSERT INTO t VALUES (?)", [(each,) for each in IDS * 25])
    database.execute(f"ALTER TABLE t ADD COLUMN note TEXT DEFAULT '{'x' * 500_000}'")
    database.commit()
    database.close()


def read_in_a_child(path: Path) -> tuple[int, int, str]:
    """Return the number of distinct ids, the growth of memory in MB, and the problem or the notices."""
    done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True)
    found, grown, said = done.stdout.split(" ", 2)
    return int(found), int(grown) * (1 if sys.platform == "darwin" else 1024) >> 20, said


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (parquet_of_one_note, "99,960 rows without an id"),
        (parquet_to_search, "()"),
        (parquet_of_lists, "ids are read from the column 'ref'"),
        (parquet_of_a_large_page, "the column 'note' has a page that unpacks to 104,857,6"),
        (database_of_computed_columns, "ids are read from the column 'id'"),
        (database_of_a_long_default, "ids are read from the column 'id'"),
    ],
)
def test_a_small_file_takes_little_memory_and_its_ids_are_found(
    tmp_path: Path, made: Callable[[Path], None], said: str
) -> None:
    path = tmp_path / "data"
    made(path)
    assert path.stat().st_size < 1 << 20
    found, grown_mb, notices = read_in_a_child(path)
    assert found == len(IDS)
    assert said in notices
    assert grown_mb < 100


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (IDS, "ids are read from the column 'id'"),
        ([*(f"see {each}" for each in IDS), *["nothing"] * 50], "()"),
    ],
    ids=["a column", "to search"],
)
def test_a_long_value_in_a_database_is_not_loaded_and_the_rows_around_it_are_read(
    tmp_path: Path, values: list[str], said: str
) -> None:
    database = sqlite3.connect(tmp_path / "data")
    database.execute("CREATE TABLE t (id TEXT)")
    database.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values[:20]])
    database.execute("INSERT INTO t VALUES (CAST(zeroblob(150000000) AS TEXT))")
    database.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values[20:]])
    database.commit()
    database.close()
    found, grown_mb, notices = read_in_a_child(tmp_path / "data")
    assert found == len(IDS)
    assert said == "()" or said in notices
    assert "left out 1 value longer than 33,554,432 bytes" in notices
    assert grown_mb < 100


@pytest.mark.parametrize("is_stream", [True, False])
def test_a_batch_that_unpacks_to_too_much_is_refused_in_one_sentence(tmp_path: Path, *, is_stream: bool) -> None:
    path = tmp_path / "data"
    table = pa.table({"ref": IDS, "note": pa.array(["y" * (130 << 20)] + [None] * 39, pa.large_string())})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    make = pa.ipc.new_stream if is_stream else pa.ipc.new_file
    with make(path, table.schema, options=options) as writer:
        writer.write_table(table)
    found, grown_mb, problem = read_in_a_child(path)
    assert found == 0
    assert problem.startswith(f"cannot read {path}: one of its batches unpacks to 136,31")
    assert "write it in smaller batches or as Parquet" in problem
    assert grown_mb < 100


def test_a_file_of_many_columns_takes_little_memory(tmp_path: Path) -> None:
    write_parquet(
        {"ref": pa.array(IDS)} | {f"c{number}": pa.array(["w"] * 40) for number in range(300)}, tmp_path / "data"
    )
    found, grown_mb, _ = read_in_a_child(tmp_path / "data")
    assert found == len(IDS)
    assert grown_mb < 100
