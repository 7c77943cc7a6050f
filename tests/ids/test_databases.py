"""Ids come out of SQLite databases of every kind, whoever writes them meanwhile; nothing in them is run or changed."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from genanalytics.errors import InputError
from genanalytics.ids.read import read_ids
from support.id_files import (
    A,
    B,
)


def test_a_database_that_is_being_written_is_read_with_its_log_and_left_alone(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "live.db")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE t (id TEXT)")
    database.execute("INSERT INTO t VALUES (?)", [A])
    database.commit()
    assert (tmp_path / "live.db-wal").stat().st_size
    assert list(read_ids(tmp_path / "live.db")) == [A]
    database.execute("INSERT INTO t VALUES (?)", [B])
    database.commit()
    database.close()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert list(read_ids(tmp_path / "live.db")) == [A, B]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


HALF_A_TRANSACTION = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("PRAGMA cache_size = 5")  # so that pages are written before the end
database.execute("UPDATE t SET id = ?", [sys.argv[2]])
os._exit(0)
"""


def test_a_database_whose_writer_was_killed_is_not_read_halfway(tmp_path: Path) -> None:
    path = tmp_path / "killed.db"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE t (id TEXT)")
    database.executemany("INSERT INTO t VALUES (?)", [(A,)] * 3_000)
    database.commit()
    database.close()
    subprocess.run([sys.executable, "-c", HALF_A_TRANSACTION, path, B], check=True)
    assert B.encode() in path.read_bytes()
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(InputError, match="its last writer was killed in a transaction: open it once"):
        list(read_ids(path))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    database = sqlite3.connect(path)
    database.execute("SELECT * FROM t").fetchone()
    database.close()
    assert set(read_ids(path)) == {A}


def test_a_database_in_a_transaction_is_read_as_it_was_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "busy.db"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE t (id TEXT)")
    database.executemany("INSERT INTO t VALUES (?)", [(A,)] * 3_000)
    database.commit()
    database.execute("UPDATE t SET id = ? WHERE rowid = 1", [B])
    assert set(read_ids(path)) == {A}
    database.execute("PRAGMA cache_size = 5")
    database.execute("UPDATE t SET id = ?", [B])
    with pytest.raises(InputError, match="locked"):
        list(read_ids(path))
    database.close()


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
@pytest.mark.parametrize("table", ["(ref TEXT PRIMARY KEY) WITHOUT ROWID", "(ref TEXT, rowid TEXT, oid INT)"])
def test_any_encoding_and_any_table_of_a_database_is_read(tmp_path: Path, encoding: str, table: str) -> None:
    path = tmp_path / "calls.db"
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA encoding = '{encoding}'")
    database.execute(f"CREATE TABLE t {table}")
    database.executemany("INSERT INTO t (ref) VALUES (?)", [(A,), (B,), ("z" * 2_000_000,)])
    database.commit()
    database.close()
    ids = read_ids(path)
    assert list(ids) == [A, B, "z" * 1024]
    assert "cut 1 value of the column of ids to 1,024 characters" in ids.notices[-1]


def test_nothing_that_a_database_brings_along_is_run(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "trap.db")
    database.execute("CREATE TABLE t (id TEXT)")
    database.execute("INSERT INTO t VALUES (?)", [A])
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT 'gen-' || x AS id FROM n"
    database.execute(f"CREATE VIEW v AS {endless}")
    database.execute("CREATE VIRTUAL TABLE f USING fts5(id)")
    database.commit()
    database.close()
    assert set(read_ids(tmp_path / "trap.db")) == {A}
