"""A data set is read whole or as it was before, by manifest and by glob, whatever happens to its writer."""

import errno
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st
from pandas.testing import assert_frame_equal

import genanalytics as ga
from genanalytics.base.atomic import sync
from genanalytics.dataset import disk, manifest as dataset, merging, view
from genanalytics.dataset.failures import FAILURES
from genanalytics.dataset.manifest import is_dataset, read_failures, read_manifest
from genanalytics.dataset.partitions import Partition
from genanalytics.dataset.writer import Writer, compact
from genanalytics.errors import InputError, OutputError
from genanalytics.files import read, read_coverage, read_parquet
from genanalytics.records.coverage import Coverage, find_coverage
from genanalytics.records.schema import COLUMNS
from support.datasets import NO_FAILURE, NONE, committed, failures, make_old, rows, seen

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no data sets are written there")


def test_rows_come_back_exactly_and_as_one_frame(directory: Path) -> None:
    first, second = rows("gen-1", "gen-2", model="a/b", new=[1]), rows("gen-3", latency=74512.5)
    committed(directory, first, second)
    assert_frame_equal(read_parquet(directory), ga.read(directory))
    assert dataset.read_table(directory).sort_by("requested_id").equals(pa.concat_tables([first, second]))
    assert seen(directory) == {"gen-1": 1, "gen-2": 1, "gen-3": 1}


def test_a_data_set_without_rows_is_an_empty_frame(directory: Path) -> None:
    committed(directory, NONE)
    assert list(read_parquet(directory).columns) == [column.name for column in COLUMNS]
    assert len(read_parquet(directory)) == 0
    assert read_coverage(directory) is None


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
    found = dataset.list_files(directory)
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
                assert re.fullmatch(rf"data/((month|day)={value}/)?\d{{8}}-[0-9a-f]{{8}}\.parquet", file.path)
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
    [left] = young
    assert re.fullmatch(r"data/month=2026-09/00000004-[0-9a-f]{8}-young\.parquet", left.path)
    assert left.rows == 1


def test_failures_stay_until_there_is_a_record(directory: Path) -> None:
    with Writer(directory, partition=None) as writer:
        writer.commit(NONE, NONE, failures("gen-1", "gen-2", "gen-3"))
        writer.commit(rows("gen-1"), rows("gen-2"), failures("gen-3", "gen-4"))
    assert read_failures(directory)["requested_id"].to_pylist() == ["gen-3", "gen-4"]
    assert read_manifest(directory).failures == 2
    coverage = Coverage(4, 2, ("gen-3", "gen-4"))
    assert read_coverage(directory) == find_coverage(read(directory)) == coverage
    assert pq.read_schema(directory / "failures.parquet").names == FAILURES.names
    assert sorted(re.sub("-[0-9a-f]{8}", "", path.name) for path in Path(directory, "data").iterdir()) == [
        "00000002-young.parquet",
        "00000002.parquet",
    ]


def test_files_say_what_they_hold_and_are_small_to_read(directory: Path) -> None:
    committed(directory, pa.concat_tables([rows("gen-2", created="2026-09-02T00:00:00Z"), rows("gen-1", model="m")]))
    [file] = dataset.list_files(directory)
    with pq.ParquetFile(file) as opened:
        column = opened.metadata.row_group(0).column(opened.schema_arrow.names.index("created_at"))
        assert (column.compression, column.statistics.min.day, column.statistics.max.day) == ("SNAPPY", 1, 2)
        assert opened.schema_arrow.field("latency").metadata[b"unit"] == b"ms"
        assert opened.schema_arrow.metadata.keys() == {b"genanalytics_schema_version", b"pandas"}
        assert opened.schema_arrow.metadata[b"genanalytics_schema_version"] == b"1"
        assert opened.read(["requested_id"])["requested_id"].to_pylist() == ["gen-1", "gen-2"]


class _Died(BaseException):
    """What a kill looks like from within: nothing after it runs that cleans up."""


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_a_commit_that_fails_at_any_step_leaves_earlier_commits_as_they_are(
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

        monkeypatch.setattr(disk, "sync", failing)
        monkeypatch.setattr(view, "sync", failing)
        with Writer(directory, partition="month") as writer:
            told = r"^cannot write the data set \S+: .*; earlier commits are unaffected$"
            with pytest.raises(OutputError, match=told):
                writer.commit(rows("gen-2"), NONE, NO_FAILURE)
        tried += 1
        there = sorted(read_parquet(directory)["requested_id"])
        if there == ["gen-1", "gen-2"]:  # the steps after the manifest is published show the commit to other programs
            break
        assert seen(directory) == {"gen-1": 1}
    assert tried >= 7
    monkeypatch.undo()
    committed(directory, rows("gen-3"))
    assert seen(directory) == {"gen-1": 1, "gen-2": 1, "gen-3": 1}


def test_what_a_killed_run_began_is_removed_by_the_next(directory: Path) -> None:
    committed(directory, rows("gen-1"))
    files = directory / ".files"
    begun = files / "data" / "month=2026-09" / "00000002-0000aaaa.parquet"
    begun.write_bytes(b"PAR1 half a file")
    (files / "manifests" / ".00000002.json.part").write_text("{")
    (files / "next" / "month=2026-09").mkdir()
    (files / "next" / "manifest.json").symlink_to("manifests/00000002.json")
    (files / "next" / "link").symlink_to("file")
    assert seen(directory) == {"gen-1": 1}
    committed(directory, rows("gen-2"))
    assert seen(directory) == {"gen-1": 1, "gen-2": 1}
    make_old(directory)
    committed(directory, *(rows(f"gen-more-{number}") for number in range(18)))
    assert not begun.exists()
    assert [path for path in (files / "manifests").iterdir() if path.suffix != ".json"] == []
    assert list((files / "next").iterdir()) == []
    assert sorted(path.name for path in directory.iterdir()) == [
        ".files",
        ".lock",
        "data",
        "failures.parquet",
        "manifest.json",
    ]


def test_a_first_run_that_was_killed_leaves_a_directory_for_the_next_run(directory: Path) -> None:
    with pytest.raises(_Died), Writer(directory, partition="month"):
        raise _Died
    assert not is_dataset(directory)
    for use in (read_parquet, compact):
        with pytest.raises(InputError, match="its first export did not get as far as a commit; export again"):
            use(directory)
    committed(directory, rows("gen-1"))
    assert seen(directory) == {"gen-1": 1}


HOLDER = """
import sys, time
from pathlib import Path
from genanalytics.dataset.writer import Writer
with Writer(Path(sys.argv[1]), partition="month"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_refused_with_the_name_of_the_first(directory: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(directory)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        told = rf"is being written by process {holder.pid} on \S+ since 20\d\d-\S+\+00:00: wait for its end, or stop it"
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


def test_another_partition_or_redaction_is_refused(directory: Path) -> None:
    redact = {"columns": ["origin"], "key": None}
    with Writer(directory, partition="day", redact=redact) as writer:
        writer.commit(rows("gen-1"), NONE, NO_FAILURE)
    with (
        pytest.raises(InputError, match="is partitioned by day, not month: give the same"),
        Writer(directory, partition="month"),
    ):
        pass
    with (
        pytest.raises(InputError, match=r"has another redaction \(origin redacted\): give the same columns"),
        Writer(directory, partition="day"),
    ):
        pass
    with Writer(directory, partition="day", redact=redact) as writer:
        assert writer.manifest.rows == 1
    assert compact(directory) == 0
    with pytest.raises(InputError, match="partition='year': give 'month', 'day' or None"):
        Writer(directory, partition="year")  # type: ignore[arg-type]


def test_a_directory_with_something_else_in_it_is_left_alone(directory: Path) -> None:
    directory.mkdir()
    (directory / "thesis.tex").write_text("x")
    with (
        pytest.raises(InputError, match=r"contains other files \(thesis.tex\): give a new"),
        Writer(directory, partition="month"),
    ):
        pass
    assert [path.name for path in directory.iterdir()] == ["thesis.tex"]
    with (
        pytest.raises(OutputError, match="a file has that name; give a directory"),
        Writer(directory / "thesis.tex", partition=None),
    ):
        pass


def changed_manifest(directory: Path, **changes: object) -> None:
    path = Path(os.path.realpath(directory / "manifest.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_data_set_of_a_newer_version_is_refused(directory: Path) -> None:
    committed(directory, rows("gen-1"))
    changed_manifest(directory, genanalytics_format=3)
    for use in (read_parquet, read, read_manifest, read_coverage, compact, lambda path: committed(path, NONE)):
        with pytest.raises(
            InputError, match=r"was written by a newer genanalytics \(format 3 of data sets, this version reads 2\)"
        ):
            use(directory)
    changed_manifest(directory, genanalytics_format=2, schema_version=7)
    with pytest.raises(
        InputError, match=r"newer genanalytics \(columns of version 7, this one reads 1\): upgrade with"
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


def test_small_files_of_a_partition_are_merged_and_no_row_changes(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "SMALL", 5)
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
    assert set(files) & set(after) == {file for file in files if file.rows == 6}
    for file in dataset.list_files(directory):
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


def test_a_file_system_without_symbolic_links_is_said(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    committed(directory, rows("gen-1"))

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "symlink", refuse)
    with pytest.raises(OutputError, match=r"its file system has no symbolic links \(Operation not permitted\)"):
        committed(directory, rows("gen-2"))
    assert seen(directory) == {"gen-1": 1}
