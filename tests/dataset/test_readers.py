"""Readers of a data set see one whole commit of it, whatever is written meanwhile."""

import glob
import shutil
import threading
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

import genanalytics as ga
from genanalytics.dataset import manifest as dataset
from genanalytics.dataset.manifest import is_dataset
from genanalytics.dataset.writer import Writer, compact
from genanalytics.errors import InputError
from genanalytics.files import read_coverage, read_parquet
from genanalytics.formats import parquet
from genanalytics.formats.parquet import unify_schemas
from genanalytics.records.coverage import Coverage
from genanalytics.records.schema import COLUMNS, Kind
from support.datasets import NO_FAILURE, NONE, committed, make_old, rows, seen


def test_readers_that_began_with_a_commit_finish_with_it(directory: Path) -> None:
    with Writer(directory, partition=None) as writer:
        writer.commit(NONE, rows("gen-0"), NO_FAILURE)
        before = dataset.list_files(directory)
        for number in range(10):
            make_old(directory)
            writer.commit(NONE, rows("gen-0", total_cost=number), NO_FAILURE)
            assert pq.ParquetFile(before[0]).read().num_rows == 1
        for number in range(9):
            writer.commit(NONE, rows("gen-0", total_cost=number), NO_FAILURE)
        assert not before[0].exists()
        replaced = dataset.list_files(directory)
        for number in range(30):
            writer.commit(NONE, rows("gen-0", total_cost=number), NO_FAILURE)
        assert replaced[0].exists(), "for an hour"
        assert len(list((directory / ".files" / "manifests").iterdir())) <= 12


def test_a_reader_of_the_directory_itself_gets_an_error_and_never_a_row_twice(directory: Path) -> None:
    committed(directory, rows("gen-1"), rows("gen-2"))
    for source in (directory, directory / "**" / "*.parquet", directory / "*" / "*.parquet"):
        query = f"FROM read_parquet('{source}', union_by_name = true)"
        with duckdb.connect() as connection, pytest.raises(duckdb.Error, match="READ_data_NOT_THIS_FOLDER"):
            connection.execute(query).fetchall()
        with pytest.raises((pl.exceptions.ComputeError, pl.exceptions.InvalidOperationError)):
            pl.scan_parquet(source, missing_columns="insert", extra_columns="ignore").collect()
    with pytest.raises(pa.ArrowInvalid, match=r"manifest\.json"):
        pd.read_parquet(directory)
    with pytest.raises(pa.ArrowInvalid, match="READ_data_NOT_THIS_FOLDER"):
        pd.concat(map(pd.read_parquet, directory.rglob("*.parquet")))
    with pytest.raises(InputError, match=r"failures\.parquet contains ids without a record: give the data set itself"):
        ga.scan(directory / "**" / "*.parquet")
    assert ga.scan(directory, engine="pandas")["requested_id"].tolist() == ["gen-1", "gen-2"]


def test_a_reader_of_data_gets_each_row_once(directory: Path) -> None:
    committed(directory, rows("gen-1"), rows("gen-2"))
    data = directory / "data"
    expected = ["gen-1", "gen-2"]
    files = sorted(glob.glob(f"{data}/**/*.parquet", recursive=True))  # noqa: PTH207 - a plain glob is what is tested
    assert [path.as_posix() for path in sorted(data.rglob("*.parquet"))] == files
    assert sorted(pads.dataset(data).to_table()["requested_id"].to_pylist()) == expected
    for source in (data, data / "**" / "*.parquet"):
        assert sorted(pl.scan_parquet(source).collect()["requested_id"]) == expected
        assert ga.scan(source, engine="pandas")["requested_id"].tolist() == expected
        with duckdb.connect() as connection:
            found = connection.execute(f"SELECT requested_id FROM read_parquet('{source}')").fetchall()  # noqa: S608
        assert sorted(each for (each,) in found) == expected


def test_pandas_alone_reads_the_same_dtypes(directory: Path) -> None:
    committed(directory, rows("gen-1", latency=5), rows("gen-2", created="2026-10-01T10:00:00Z", is_byok=True))
    found = pd.read_parquet(directory / "data")
    assert str(found.pop("month").dtype) == "category"
    same = [name for name in found if name != "provider_responses"]
    assert_frame_equal(found[same], read_parquet(directory)[same])


def test_a_reader_that_was_overtaken_begins_again(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    committed(directory, rows("gen-1"), partition=None)
    overtaken: list[bool] = []

    def slowly(path: str, **options: Any) -> pa.Table:  # noqa: ANN401 - whatever it takes
        if not overtaken:
            overtaken.append(True)
            with Writer(directory, partition=None) as writer:
                writer.commit(rows(*(f"gen-new-{number}" for number in range(12))), NONE, NO_FAILURE)
                writer.compact()
                make_old(directory)
                for _ in range(20):
                    writer.commit(NONE, rows("gen-young"), NO_FAILURE)
        return parquet.read_table(path, **options)

    monkeypatch.setattr(dataset, "read_file", slowly)
    assert len(read_parquet(directory)) == 14


@pytest.mark.parametrize("seconds", [3, pytest.param(20, marks=pytest.mark.long)])
def test_readers_see_each_id_once_while_it_is_written(seconds: float, directory: Path) -> None:
    committed(directory, rows("gen-0"))
    stop, problems, counts = threading.Event(), [], []

    def read() -> None:
        while not stop.is_set():
            for look in (_by_duckdb, _by_manifest):
                ids = look(directory)
                counts.append(len(ids))
                if len(set(ids)) != len(ids):
                    problems.append(ids)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    timer = threading.Timer(seconds, stop.set)
    timer.start()
    try:
        with Writer(directory, partition="month") as writer:
            number = 0
            while not stop.is_set():
                number += 1
                writer.commit(rows(f"gen-{number}"), rows(f"gen-young-{number}"), NO_FAILURE)
                writer.commit(rows(f"gen-young-{number}"), NONE, NO_FAILURE)
                if number % 5 == 0:
                    writer.compact()
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert problems == []
    assert len(counts) > 10
    assert sum(seen(directory).values()) == 1 + 2 * number


def _by_duckdb(directory: Path) -> list[str]:
    """Return the ids that a glob shows; if a file is gone, it asks again."""
    with duckdb.connect() as connection:
        for _ in range(100):
            try:
                found = connection.execute(f"SELECT requested_id FROM '{directory}/data/**/*.parquet'").fetchall()  # noqa: S608
                return [each for (each,) in found]
            except duckdb.IOException:
                continue
    raise AssertionError


def _by_manifest(directory: Path) -> list[str]:
    ids: list[str] = dataset.read_table(directory)["requested_id"].to_pylist()
    return ids


def test_a_copy_without_links_is_read_here_and_by_url_but_not_written(directory: Path, tmp_path: Path) -> None:
    committed(directory, rows("gen-1"), rows("gen-2"))
    copy = tmp_path / "copy"
    shutil.copytree(directory, copy, ignore=shutil.ignore_patterns(".*"))
    assert not any(path.is_symlink() for path in copy.rglob("*"))
    assert seen(copy) == {"gen-1": 1, "gen-2": 1}
    for url in (copy.as_uri(), directory.as_uri() + "/"):
        assert is_dataset(url)
        assert sorted(read_parquet(url)["requested_id"]) == ["gen-1", "gen-2"]
        assert read_coverage(url) == Coverage(2, 2, ())
    with (
        pytest.raises(InputError, match="contains a copy of a data set, which is read-only: give a new directory"),
        Writer(copy, partition="month"),
    ):
        pass


@pytest.mark.parametrize("url", ["nosuch://bucket/set", "s3://"])
def test_a_url_that_leads_nowhere_is_one_sentence(url: str) -> None:
    with pytest.raises(InputError, match=r"cannot read|give s3://BUCKET/PATH"):
        read_parquet(url)


def test_files_of_older_and_newer_versions_are_read_under_one_schema(directory: Path) -> None:
    """A field is in `extra` before its column comes; a column that only a newer version has comes along."""
    committed(directory, rows("gen-old", of_2027=1))
    [old] = dataset.list_files(directory)
    pq.write_table(pq.ParquetFile(old).read().drop_columns(["router", "provider_responses"]), old)
    newer = rows("gen-new").append_column("of_2027", pa.array([2]))
    committed(directory, newer)
    frame = read_parquet(directory).set_index("requested_id")
    assert list(frame.columns) == [*[column.name for column in COLUMNS][1:], "of_2027"]
    assert frame["of_2027"].dropna().to_dict() == {"gen-new": 2}
    assert frame["extra"]["gen-old"] == '{"of_2027":1}'
    assert frame["router"].isna().all()
    schema = unify_schemas(dataset.list_files(directory))
    assert schema.names == [*[column.name for column in COLUMNS], "of_2027"]
    assert schema.field("provider_responses").type == Kind.ATTEMPTS.arrow_type
    assert compact(directory) == 1
    assert_frame_equal(read_parquet(directory).set_index("requested_id").sort_index(), frame.sort_index())


def test_columns_that_cannot_be_combined_are_refused_in_one_sentence(directory: Path) -> None:
    committed(directory, rows("gen-1").append_column("mine", pa.array([1])))
    committed(directory, rows("gen-2").append_column("mine", pa.array(["a"])))
    with pytest.raises(InputError, match=r"the files have columns that cannot be combined: .*mine"):
        read_parquet(directory)
