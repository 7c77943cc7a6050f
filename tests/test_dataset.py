"""A data set is read whole or as it was before, by manifest and by glob, whatever happens to its writer."""

import errno
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

import genanalytics as ga
from genanalytics import commits, dataset, parquet
from genanalytics.commits import Partition, Writer, compact
from genanalytics.dataset import FAILURES, DataFile, is_dataset, read_failures, read_manifest
from genanalytics.errors import InputError, OutputError
from genanalytics.files import coverage_of, read_frame, read_parquet
from genanalytics.parquet import unified_schema
from genanalytics.parse import Row, to_table
from genanalytics.schema import ARROW_SCHEMA, COLUMNS, Kind
from genanalytics.wholefile import sync

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no data sets are written there")

NONE = ARROW_SCHEMA.empty_table()
NO_FAILURE = FAILURES.empty_table()


def rows(*ids: str, created: str | None = "2026-09-01T10:00:00Z", **fields: object) -> pa.Table:
    """Return a record for each id, as it is in a frame."""
    record = {"id": "gen-1", "created_at": created, "total_cost": 0.5, **fields}
    return to_table([Row(each, json.dumps({"data": record | {"id": each}}).encode(), 0.0) for each in ids])


def failures(*ids: str) -> pa.Table:
    return pa.Table.from_pylist([{"requested_id": each, "outcome": "not_found"} for each in ids], schema=FAILURES)


def committed(directory: Path, *tables: pa.Table, partition: Partition = "month") -> None:
    with Writer(directory, partition=partition) as writer:
        for table in tables:
            writer.commit(table, NONE, NO_FAILURE)


def seen(directory: Path) -> Counter[str]:
    """Return how often each id is seen through a glob, by three readers that must agree with the manifest."""
    pattern = f"{directory}/data/**/*.parquet"
    if not glob.glob(pattern, recursive=True):  # noqa: PTH207 - a plain glob is what is tested
        assert len(read_parquet(directory)) == 0
        return Counter()
    with duckdb.connect() as connection:
        by_duckdb = connection.execute(f"SELECT requested_id FROM read_parquet('{pattern}')").fetchall()  # noqa: S608
    by_pandas = pd.read_parquet(directory / "data", columns=["requested_id"])["requested_id"].tolist()
    by_manifest = read_parquet(directory)["requested_id"].tolist()
    assert sorted(by_pandas) == sorted(by_manifest) == sorted(each for (each,) in by_duckdb)
    return Counter(by_manifest)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "generations"


def test_rows_come_back_exactly_and_as_one_frame(directory: Path) -> None:
    first, second = rows("gen-1", "gen-2", model="a/b", new=[1]), rows("gen-3", latency=74512.5)
    committed(directory, first, second)
    assert_frame_equal(read_parquet(directory), ga.read_frame(directory))
    assert dataset.read_table(directory).sort_by("requested_id").equals(pa.concat_tables([first, second]))
    assert seen(directory) == {"gen-1": 1, "gen-2": 1, "gen-3": 1}


def test_a_data_set_without_rows_is_an_empty_frame(directory: Path) -> None:
    committed(directory, NONE)
    assert list(read_parquet(directory).columns) == [column.name for column in COLUMNS]
    assert len(read_parquet(directory)) == 0
    assert coverage_of(directory) is None


@pytest.mark.parametrize(
    ("partition", "segments"),
    [
        ("month", {"month=2026-09", "month=2026-10", "month=__HIVE_DEFAULT_PARTITION__", "month=0001-01"}),
        ("day", {"day=2026-09-01", "day=2026-10-31", "day=__HIVE_DEFAULT_PARTITION__", "day=0001-01-01"}),
        (None, {"data"}),
    ],
)
def test_rows_lie_where_their_partition_says(partition: Partition, segments: set[str], directory: Path) -> None:
    moments = ["2026-09-01T00:00:00Z", "2026-10-31T23:59:59.999999Z", None, "0001-01-01T00:00:00Z"]
    table = pa.concat_tables([rows(f"gen-{place}", created=moment) for place, moment in enumerate(moments)])
    committed(directory, table, partition=partition)
    found = dataset.files(directory)
    assert {file.parent.name for file in found} == segments
    for file in found:
        created = pq.read_table(file, partitioning=None)["created_at"].to_pylist()
        if partition and "HIVE" not in file.parent.name:
            [moment] = created
            assert moment.isoformat().startswith(file.parent.name.partition("=")[2])
    assert read_manifest(directory).partition == partition
    assert sum(seen(directory).values()) == 4


TEXTS = st.text(st.sampled_from("/\\\0.=*?%:\"'\n ~$🙂\u202e") | st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.lists(st.tuples(TEXTS, TEXTS, st.none() | st.datetimes()), max_size=5))
def test_no_text_reaches_a_path_and_every_text_comes_back(records: list[tuple[str, str, Any]]) -> None:
    tables = [
        rows(f"gen-{place}{text}", created=moment and f"{moment.isoformat()}Z", model=model, session_id=text)
        for place, (text, model, moment) in enumerate(records)
    ]
    with tempfile.TemporaryDirectory() as folder:
        for partition in ("month", "day", None):
            directory = Path(folder, str(partition))
            committed(directory, pa.concat_tables([NONE, *tables]), partition=partition)
            value = r"(\d{4}-\d\d(-\d\d)?|__HIVE_DEFAULT_PARTITION__)"
            for file in read_manifest(directory).files:
                assert re.fullmatch(rf"data/((month|day)={value}/)?\d{{8}}\.parquet", file.path)
            there = dataset.read_table(directory).sort_by("requested_id")
            assert there.equals(pa.concat_tables([NONE, *tables]).sort_by("requested_id"))


def test_young_rows_stand_apart_and_are_replaced(directory: Path) -> None:
    with Writer(directory, partition="month") as writer:
        writer.commit(rows("gen-1"), rows("gen-2", "gen-3", total_cost=1), NO_FAILURE)
        assert (writer.manifest.rows, writer.manifest.young) == (3, 2)
        writer.commit(rows("gen-4"), NONE, NO_FAILURE)
        writer.commit(rows("gen-2", total_cost=2), NONE, NO_FAILURE)
        assert (writer.manifest.rows, writer.manifest.young) == (4, 1)
        writer.commit(NONE, rows("gen-3", total_cost=3), NO_FAILURE)
    assert seen(directory) == {f"gen-{number}": 1 for number in (1, 2, 3, 4)}
    frame = read_parquet(directory).set_index("requested_id")
    assert frame["total_cost"].to_dict() == {"gen-1": 0.5, "gen-2": 2, "gen-3": 3, "gen-4": 0.5}
    young = [file for file in read_manifest(directory).files if file.young]
    assert [(file.path, file.rows) for file in young] == [("data/month=2026-09/00000004-young.parquet", 1)]


def test_failures_stay_until_there_is_a_record(directory: Path) -> None:
    with Writer(directory, partition=None) as writer:
        writer.commit(NONE, NONE, failures("gen-1", "gen-2", "gen-3"))
        writer.commit(rows("gen-1"), rows("gen-2"), failures("gen-3", "gen-4"))
    assert read_failures(directory)["requested_id"].to_pylist() == ["gen-3", "gen-4"]
    assert read_manifest(directory).failures == 2
    assert coverage_of(directory) == 0.5
    assert pq.read_schema(directory / "failures.parquet").names == FAILURES.names
    assert {path.name for path in Path(directory, "data").iterdir()} == {"00000002.parquet", "00000002-young.parquet"}


def test_files_say_what_they_hold_and_are_small_to_read(directory: Path) -> None:
    committed(directory, pa.concat_tables([rows("gen-2", created="2026-09-02T00:00:00Z"), rows("gen-1", model="m")]))
    [file] = dataset.files(directory)
    with pq.ParquetFile(file) as opened:
        column = opened.metadata.row_group(0).column(opened.schema_arrow.names.index("created_at"))
        assert (column.compression, column.statistics.min.day, column.statistics.max.day) == ("ZSTD", 1, 2)
        assert opened.schema_arrow.field("latency").metadata[b"unit"] == b"ms"
        assert opened.schema_arrow.metadata == {b"genanalytics_schema_version": b"1"}
        assert opened.read(["requested_id"])["requested_id"].to_pylist() == ["gen-1", "gen-2"]


class _Died(BaseException):
    """What a kill looks like from within: nothing after it runs that cleans up."""


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_a_commit_that_fails_at_any_step_leaves_the_one_before(
    code: int, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed(directory, rows("gen-1"))
    tried = 0
    while tried < 100:
        steps = iter(range(tried))

        def failing(path: Path, steps: Iterator[int] = steps) -> None:
            if next(steps, None) is None:
                raise OSError(code, os.strerror(code))
            sync(path)

        monkeypatch.setattr(commits, "sync", failing)
        with Writer(directory, partition="month") as writer:
            told = r"^cannot write the data set \S+: .*; what was committed before stays$"
            with pytest.raises(OutputError, match=told):
                writer.commit(rows("gen-2"), NONE, NO_FAILURE)
            assert seen(directory) in ({"gen-1": 1}, {"gen-1": 1, "gen-2": 1})
        tried += 1
        if seen(directory) == {"gen-1": 1, "gen-2": 1}:  # only the very last sync came after the rename
            break
        assert len(list((directory / ".commits").iterdir())) == 1
    assert tried >= 7
    monkeypatch.undo()
    committed(directory, rows("gen-3"))
    assert seen(directory) == {"gen-1": 1, "gen-2": 1, "gen-3": 1}


def test_what_a_killed_run_began_is_removed_by_the_next(directory: Path) -> None:
    committed(directory, rows("gen-1"))
    begun = directory / ".commits" / "00000002" / "data" / "month=2026-09"
    begun.mkdir(parents=True)
    (begun / "00000002.parquet").write_bytes(b"PAR1 half a file")
    (directory / ".current.next").symlink_to(".commits/00000002")
    assert seen(directory) == {"gen-1": 1}
    committed(directory, rows("gen-2"))
    assert seen(directory) == {"gen-1": 1, "gen-2": 1}
    assert sorted(path.name for path in directory.iterdir()) == [
        ".commits",
        ".current",
        ".lock",
        "data",
        "failures.parquet",
        "manifest.json",
    ]


def test_a_first_run_that_was_killed_leaves_a_directory_that_the_next_takes_up(directory: Path) -> None:
    with pytest.raises(_Died), Writer(directory, partition="month"):
        raise _Died
    assert not is_dataset(directory)
    with pytest.raises(InputError, match=r"no data set is in the directory \(no manifest.json\)"):
        read_parquet(directory)
    committed(directory, rows("gen-1"))
    assert seen(directory) == {"gen-1": 1}


def test_readers_that_began_with_a_commit_finish_with_it(directory: Path) -> None:
    with Writer(directory, partition=None) as writer:
        writer.commit(NONE, rows("gen-0"), NO_FAILURE)
        before = dataset.files(directory)
        for number in range(10):
            writer.commit(NONE, rows("gen-0", total_cost=number), NO_FAILURE)
            assert pq.ParquetFile(before[0]).read().num_rows == 1
        writer.commit(NONE, rows("gen-0"), NO_FAILURE)
    assert not before[0].exists()
    assert len(list((directory / ".commits").iterdir())) == 1 + 10


def test_a_reader_that_was_overtaken_begins_again(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    committed(directory, rows("gen-1"), partition=None)
    overtaken: list[bool] = []

    def slowly(path: str, **options: Any) -> pa.Table:  # noqa: ANN401 - whatever it takes
        if not overtaken:
            overtaken.append(True)
            with Writer(directory, partition=None) as writer:
                for number in range(12):
                    writer.commit(rows(f"gen-new-{number}"), NONE, NO_FAILURE)
        return parquet.read_table(path, **options)

    monkeypatch.setattr(dataset, "read_file", slowly)
    assert len(read_parquet(directory)) == 13


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.long)])
def test_whoever_reads_while_it_is_written_sees_each_id_once(seconds: float, directory: Path) -> None:
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
    """Return the ids that a glob shows; a reader may be told that a file is gone, and asks again."""
    with duckdb.connect() as connection:
        for _ in range(100):
            try:
                found = connection.execute(f"SELECT requested_id FROM '{directory}/data/**/*.parquet'").fetchall()  # noqa: S608
                return [each for (each,) in found]
            except duckdb.IOException:
                continue
    raise AssertionError


def _by_manifest(directory: Path) -> list[str]:
    ids: list[str] = dataset.read_table(directory, columns=["requested_id"])["requested_id"].to_pylist()
    return ids


HOLDER = """
import sys, time
from pathlib import Path
from genanalytics.commits import Writer
with Writer(Path(sys.argv[1]), partition="month"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_writer_at_a_time_and_the_second_is_told_who(directory: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(directory)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        told = rf"is being written by process {holder.pid} on \S+ since 20\d\d-\S+\+00:00: wait for it to end"
        with pytest.raises(OutputError, match=told), Writer(directory, partition="month"):
            pass
        holder.kill()
    committed(directory, rows("gen-1"))  # the lock died with its process
    assert seen(directory) == {"gen-1": 1}


def test_a_lock_whose_holder_is_not_named_yet_is_a_lock(directory: Path) -> None:
    with Writer(directory, partition="month"):
        (directory / ".lock").write_text("")
        with pytest.raises(OutputError, match="is being written by another process"), Writer(directory, partition=None):
            pass


def test_the_partition_and_the_redaction_are_those_of_the_beginning(directory: Path) -> None:
    redact = {"columns": ["origin"], "key": None}
    with Writer(directory, partition="day", redact=redact) as writer:
        writer.commit(rows("gen-1"), NONE, NO_FAILURE)
    with pytest.raises(InputError, match="is divided by day, not month"), Writer(directory, partition="month"):
        pass
    with (
        pytest.raises(InputError, match=r"was begun with another redaction \(origin redacted\)"),
        Writer(directory, partition="day"),
    ):
        pass
    with Writer(directory, partition="day", redact=redact) as writer:
        assert writer.manifest.rows == 1
    assert compact(directory) == 0
    with pytest.raises(InputError, match="partition='year': it has to be 'month', 'day' or None"):
        Writer(directory, partition="year")  # type: ignore[arg-type]


def test_a_directory_with_something_else_in_it_is_left_alone(directory: Path) -> None:
    directory.mkdir()
    (directory / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match=r"holds other files \(thesis.tex\)"), Writer(directory, partition="month"):
        pass
    assert [path.name for path in directory.iterdir()] == ["thesis.tex"]
    with (
        pytest.raises(OutputError, match="there is a file in its place"),
        Writer(directory / "thesis.tex", partition=None),
    ):
        pass


def test_a_copy_without_links_is_read_here_and_by_url_but_not_written(directory: Path, tmp_path: Path) -> None:
    committed(directory, rows("gen-1"), rows("gen-2"))
    copy = tmp_path / "copy"
    shutil.copytree(directory, copy, ignore=shutil.ignore_patterns(".*"))
    assert not any(path.is_symlink() for path in copy.rglob("*"))
    assert seen(copy) == {"gen-1": 1, "gen-2": 1}
    for url in (copy.as_uri(), directory.as_uri() + "/"):
        assert is_dataset(url)
        assert sorted(read_parquet(url)["requested_id"]) == ["gen-1", "gen-2"]
        assert coverage_of(url) == 1
    with (
        pytest.raises(InputError, match="a copy of a data set, which can only be read"),
        Writer(copy, partition="month"),
    ):
        pass


@pytest.mark.parametrize("url", ["nosuch://bucket/set", "s3://"])
def test_a_url_that_leads_nowhere_is_one_sentence(url: str) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_parquet(url)


def changed_manifest(directory: Path, **changes: object) -> None:
    path = Path(os.path.realpath(directory / "manifest.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_a_newer_version_wrote_is_refused_rather_than_misread(directory: Path) -> None:
    committed(directory, rows("gen-1"))
    changed_manifest(directory, genanalytics_format=2)
    for use in (read_parquet, read_frame, read_manifest, coverage_of, compact, lambda path: committed(path, NONE)):
        with pytest.raises(
            InputError, match=r"was written by a newer genanalytics \(data set of format 2, .* knows 1\)"
        ):
            use(directory)
    changed_manifest(directory, genanalytics_format=1, schema_version=7)
    with pytest.raises(
        InputError, match=r"newer genanalytics \(columns of version 7, this one knows 1\): upgrade with"
    ):
        read_parquet(directory)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"files": []}', "\x00"])
def test_a_manifest_that_is_none_is_one_sentence(content: str, directory: Path) -> None:
    committed(directory, rows("gen-1"))
    Path(os.path.realpath(directory / "manifest.json")).write_text(content)
    with pytest.raises(InputError, match=re.escape(f"cannot read {directory}/manifest.json: ")):
        read_parquet(directory)


def test_a_manifest_may_say_more_than_is_known(directory: Path) -> None:
    committed(directory, rows("gen-1"))
    changed_manifest(directory, of_2027={"a": 1})
    assert read_manifest(directory).rows == 1


def test_files_of_older_and_newer_versions_are_read_under_one_schema(directory: Path) -> None:
    """A field is in `extra` before its column comes; a column that only a newer version has comes along."""
    committed(directory, rows("gen-old", of_2027=1))
    [old] = dataset.files(directory)
    pq.write_table(pq.ParquetFile(old).read().drop_columns(["router", "provider_responses"]), old)
    newer = rows("gen-new").append_column("of_2027", pa.array([2]))
    committed(directory, newer)
    frame = read_parquet(directory).set_index("requested_id")
    assert list(frame.columns) == [*[column.name for column in COLUMNS][1:], "of_2027"]
    assert frame["of_2027"].dropna().to_dict() == {"gen-new": 2}
    assert frame["extra"]["gen-old"] == '{"of_2027":1}'
    assert frame["router"].isna().all()
    schema = unified_schema(dataset.files(directory))
    assert schema.names == [*[column.name for column in COLUMNS], "of_2027"]
    assert schema.field("provider_responses").type == Kind.ATTEMPTS.arrow_type
    assert compact(directory) == 1
    assert_frame_equal(read_parquet(directory).set_index("requested_id").sort_index(), frame.sort_index())


def test_columns_that_do_not_go_together_are_one_sentence(directory: Path) -> None:
    committed(directory, rows("gen-1").append_column("mine", pa.array([1])))
    committed(directory, rows("gen-2").append_column("mine", pa.array(["a"])))
    with pytest.raises(InputError, match=r"the files do not go together: .*mine"):
        read_parquet(directory)


def test_small_files_of_a_partition_are_merged_and_no_row_changes(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "SMALL", 5)
    with Writer(directory, partition="month") as writer:
        writer.commit(rows(*(f"gen-big-{number}" for number in range(6))), NONE, failures("gen-lost"))
        for number in range(7):
            created = f"2026-{9 + number % 2:02d}-{20 - number:02d}T00:00:00Z"
            writer.commit(rows(f"gen-{number}", created=created), rows(f"gen-young-{number}"), NO_FAILURE)
    before = dataset.read_table(directory).sort_by("requested_id")
    files = read_manifest(directory).files
    assert compact(directory) == 7 - 2 + 7 - 2
    assert dataset.read_table(directory).sort_by("requested_id").equals(before)
    assert sum(seen(directory).values()) == 20
    after = read_manifest(directory).files
    assert [file.rows for file in after if not file.young] == [6, 4, 3]
    assert sum(file.rows for file in after if file.young) == 7
    assert read_failures(directory)["requested_id"].to_pylist() == ["gen-lost"]
    assert set(files) & set(after) == {DataFile("data/month=2026-09/00000001.parquet", 6, young=False)}
    for file in dataset.files(directory):
        assert (moments := pq.ParquetFile(file).read()["created_at"].to_pylist()) == sorted(moments)
    assert compact(directory) in {0, 1}  # two young ones may be left over
    commit = read_manifest(directory).commit
    assert compact(directory) == 0
    assert read_manifest(directory).commit == commit


def test_one_month_of_twelve_is_a_twelfth_of_the_files(directory: Path) -> None:
    months = [rows(f"gen-{month}", created=f"2026-{month:02d}-15T00:00:00Z") for month in range(1, 13)]
    committed(directory, pa.concat_tables(months))
    files = f"read_parquet('{directory}/data/**/*.parquet', hive_partitioning = true)"
    query = f"SELECT requested_id FROM {files} WHERE month = '2026-07'"  # noqa: S608 - a path of the test's own
    with duckdb.connect() as connection:
        told = "".join(str(cell) for row in connection.execute(f"EXPLAIN ANALYZE {query}").fetchall() for cell in row)
        assert "Scanning Files: 1/12" in told
        assert len(connection.execute(query).fetchall()) == 1
    found = pd.read_parquet(directory / "data", filters=[("month", "=", "2026-07")])
    assert found["requested_id"].tolist() == ["gen-7"]


def test_a_file_system_without_hard_links_is_said(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    committed(directory, rows("gen-1"))

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OutputError, match="Operation not permitted"):
        committed(directory, rows("gen-2"))
    assert seen(directory) == {"gen-1": 1}
