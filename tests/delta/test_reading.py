"""A Delta table is read through its log: live files only, with the values that only the log contains."""

import json
import shutil
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import genanalytics as ga
from genanalytics.cli.main import run
from genanalytics.dataset.delta.writer import DeltaWriter
from genanalytics.errors import InputError
from genanalytics.ids.known import KnownIds
from genanalytics.records.frame import to_arrow
from support.datasets import NONE, failures, rows
from support.generations import frame_of, on

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

deltalake = pytest.importorskip("deltalake", reason="deltalake is not installed: pip install 'genanalytics[delta]'")
DeltaTable, write_deltalake = deltalake.DeltaTable, deltalake.write_deltalake

CALLS = [
    on("2026-03-01", model="a b/c", total_cost=1.0),
    on("2026-03-01", model="ü=x", total_cost=2.0),
    on("2026-03-02", model="a b/c", total_cost=4.0),
    on("2026-03-02", model="ü=x", total_cost=8.0),
]


def make_table(path: Path, *records: dict[str, Any], partition_by: list[str] | None = None) -> pa.Table:
    """Write records as a program that is not ours does, one file for each; return them."""
    table = to_arrow(frame_of(*records)).replace_schema_metadata()
    for place in range(len(table)):
        write_deltalake(path, table.slice(place, 1), partition_by=partition_by, mode="append")
    return table


@pytest.fixture(params=[None, ["model"]], ids=["plain", "partitioned"])
def table(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return a table of four records, one of which was deleted since, and one changed."""
    make_table(tmp_path / "calls", *CALLS, partition_by=request.param)
    written = DeltaTable(tmp_path / "calls")
    written.delete("total_cost = 1.0")
    written.update(updates={"total_cost": "16.0"}, predicate="total_cost = 2.0")
    return tmp_path / "calls"


def costs(data: Any) -> dict[str, float]:  # noqa: ANN401 - records of any engine
    summary = ga.summarize(data, by="model", metrics=["effective_cost"])
    return dict(zip(summary["model"], summary["effective_cost"], strict=True))


LIVE = {"a b/c": 4.0, "ü=x": 24.0}


def test_only_live_rows_are_read(table: Path) -> None:
    frame = ga.read(table)
    assert len(list(table.rglob("*.parquet"))) > DeltaTable(table).count() == len(frame) == 3
    assert sorted(frame["total_cost"]) == [4.0, 8.0, 16.0]
    assert set(frame["model"]) == {"a b/c", "ü=x"}
    pd.testing.assert_frame_equal(ga.read_parquet(table), frame)


def test_every_engine_scans_live_rows(table: Path) -> None:
    assert costs(ga.scan(table)) == LIVE
    assert costs(ga.scan(table, engine="pandas")) == LIVE
    assert costs(pl.scan_delta(str(table))) == LIVE
    assert costs(table) == LIVE


@pytest.mark.long
def test_spark_scans_live_rows(tmp_path: Path, spark: "SparkSession") -> None:
    make_table(tmp_path / "calls", *CALLS, partition_by=["model"])
    table = DeltaTable(tmp_path / "calls")
    table.delete("total_cost = 1.0")
    table.alter.add_columns(deltalake.Schema.from_arrow(pa.schema([("team", pa.string())])).fields)
    scanned = ga.scan(tmp_path / "calls", engine="spark", session=spark)
    assert costs(scanned) == {"a b/c": 4.0, "ü=x": 10.0}
    assert "team" in scanned.columns


def test_a_table_next_to_other_files(table: Path, tmp_path: Path) -> None:
    other = frame_of(on("2026-03-03", model="other", total_cost=32.0))
    ga.write(other.assign(requested_id="gen-9", id="gen-9"), tmp_path / "other.parquet")
    assert costs(ga.scan([table, tmp_path / "other.parquet"])) == LIVE | {"other": 32.0}
    assert costs(ga.read([table, tmp_path / "other.parquet"])) == LIVE | {"other": 32.0}


@pytest.mark.parametrize("place", ["", "calls/**/*.parquet", "*/*.parquet"])
def test_files_of_a_table_are_not_read_without_its_log(place: str, tmp_path: Path) -> None:
    make_table(tmp_path / "calls", CALLS[0])
    with pytest.raises(InputError, match=r"contains files of a Delta table, .* give the table itself, .*/calls$"):
        ga.scan(f"{tmp_path}/{place}")


@pytest.mark.parametrize("read", [ga.read, ga.scan])
def test_files_of_a_table_that_a_shell_lists_are_refused(
    read: Callable[[list[str]], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_table(tmp_path / "calls", CALLS[0], partition_by=["model"])
    [file] = (tmp_path / "calls").glob("*/*.parquet")
    monkeypatch.chdir(file.parent)
    for path in (str(file), file.name):
        with pytest.raises(InputError, match=r"is a file of a Delta table, .* give the table itself, .*/calls$"):
            read([path])


def test_other_columns_and_types_of_partitions(tmp_path: Path) -> None:
    table = to_arrow(frame_of(*CALLS)).replace_schema_metadata()
    days = [date(2026, 3, 1), date(2026, 3, 2), None, None]
    table = table.append_column("team", pa.array(["search", "o'brien", None, "search"]))
    table = table.append_column("on", pa.array(days)).append_column("part", pa.array([1, None, 3, 4]))
    write_deltalake(tmp_path / "calls", table, partition_by=["on", "part"])
    frame = ga.read(tmp_path / "calls").sort_values("total_cost", ignore_index=True)
    assert frame["part"].tolist() == [1, pd.NA, 3, 4]
    assert str(frame["part"].dtype) == "Int64"
    assert [None if pd.isna(day) else day for day in frame["on"]] == days
    scanned = ga.scan(tmp_path / "calls").order("total_cost").to_arrow_table()
    assert scanned["on"].to_pylist() == days
    assert scanned["part"].to_pylist() == [1, None, 3, 4]
    assert scanned["team"].to_pylist() == ["search", "o'brien", None, "search"]


@pytest.mark.long
def test_columns_that_came_later(tmp_path: Path) -> None:
    table = make_table(tmp_path / "calls", *CALLS[:2])
    later = table.set_column(0, "requested_id", pa.array(["gen-8", "gen-9"])).append_column("of_2027", pa.array([1, 2]))
    write_deltalake(tmp_path / "calls", later, mode="append", schema_mode="merge")
    assert sorted(ga.read(tmp_path / "calls")["of_2027"].dropna()) == [1, 2]
    assert ga.scan(tmp_path / "calls").aggregate("sum(of_2027), count(*)").fetchall() == [(3, 4)]


def test_a_column_that_no_live_file_has(table: Path) -> None:
    fields = deltalake.Schema.from_arrow(pa.schema([("team", pa.string()), ("on", pa.date32())])).fields
    DeltaTable(table).alter.add_columns(fields)
    for data in (ga.read(table), ga.scan(table), ga.scan(table, engine="pandas")):
        summary = ga.summarize(data, by=["team", "on"], metrics=["cost"])
        assert summary["requests"].tolist() == [3]
        assert summary[["team", "on"]].isna().all(axis=None)
    assert costs(ga.scan(table)) == LIVE
    assert [str(kind) for kind in ga.scan(table).project('team, "on"').types] == ["VARCHAR", "DATE"]


@pytest.mark.long
def test_timestamps_are_utc(table: Path) -> None:
    assert ga.read(table)["created_at"].min() == pd.Timestamp("2026-03-01T12:00:00Z")
    scanned = ga.scan(table).to_arrow_table()["created_at"]
    assert min(scanned.to_pylist()) == pd.Timestamp("2026-03-01T12:00:00Z")


@pytest.mark.long
def test_a_table_without_coverage_says_that_it_is_unknown(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "coverage" not in ga.read(table).attrs
    for engine in ("pandas", "duckdb"):
        assert run(["summary", str(table), "--engine", engine]) == 0
        assert "overage: unknown" in "".join(capsys.readouterr())


def test_an_empty_table(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "calls", to_arrow(frame_of(CALLS[0])).replace_schema_metadata().slice(0, 0))
    assert len(ga.read(tmp_path / "calls")) == 0
    with pytest.raises(InputError, match="calls contains no rows"):
        ga.scan(tmp_path / "calls")


def change_log(table: Path, version: int, **changes: dict[str, Any]) -> None:
    """Change actions of one commit."""
    log = table / "_delta_log" / f"{version:020d}.json"
    lines = []
    for line in log.read_text().splitlines():
        action = json.loads(line)
        for name, change in changes.items():
            if name in action:
                action[name] |= change
        lines.append(json.dumps(action))
    log.write_text("\n".join(lines))


def test_a_file_without_its_number_of_rows_leaves_the_coverage_unknown(tmp_path: Path) -> None:
    with DeltaWriter(tmp_path / "calls", partition=None) as writer:
        writer.learn_ids(KnownIds())
        writer.commit(rows("gen-1", "gen-2"), NONE, failures("gen-3"))
    assert ga.read(tmp_path / "calls").attrs["coverage"]["asked"] == 3
    change_log(tmp_path / "calls", 1, add={"stats": None})
    frame = ga.read(tmp_path / "calls")
    assert len(frame) == 2
    assert "coverage" not in frame.attrs


FEATURES = {"minReaderVersion": 3, "minWriterVersion": 7}


def test_deletion_vectors_are_refused(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "calls", to_arrow(frame_of(*CALLS * 8)).replace_schema_metadata())
    names = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
    change_log(tmp_path / "calls", 0, protocol=FEATURES | names)
    assert len(ga.read(tmp_path / "calls")) == 32
    # rows 3, 4, 7, 11, 18 and 29
    example = "^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L"
    vector = {"storageType": "i", "pathOrInlineDv": example, "sizeInBytes": 40, "cardinality": 6}
    change_log(tmp_path / "calls", 0, add={"deletionVector": vector})
    for read in (ga.read, ga.scan):
        with pytest.raises(InputError, match=r"calls: rows of its files are deleted by deletion vectors"):
            read(tmp_path / "calls")


def test_renamed_columns_are_refused(tmp_path: Path) -> None:
    make_table(tmp_path / "calls", CALLS[0])
    names = {"readerFeatures": ["columnMapping"], "writerFeatures": ["columnMapping"]}
    configuration = {"configuration": {"delta.columnMapping.mode": "name"}}
    change_log(tmp_path / "calls", 0, protocol=FEATURES | names, metaData=configuration)
    with pytest.raises(InputError, match=r"cannot read the Delta table .*calls: .*olumn.*apping"):
        ga.read(tmp_path / "calls")


@pytest.mark.parametrize("path", ["../other.parquet", "a/../../other.parquet", "%2Fetc/other.parquet"])
def test_files_outside_of_the_table_are_refused(path: str, tmp_path: Path) -> None:
    make_table(tmp_path / "calls", CALLS[0])
    change_log(tmp_path / "calls", 0, add={"path": path})
    with pytest.raises(InputError, match=r"its log names '.*other.parquet', which is not in the table"):
        ga.scan(tmp_path / "calls")


def test_a_damaged_log_and_a_missing_file(tmp_path: Path) -> None:
    make_table(tmp_path / "calls", CALLS[0])
    shutil.copytree(tmp_path / "calls", tmp_path / "damaged")
    (tmp_path / "damaged" / "_delta_log" / f"{0:020d}.json").write_text("no log")
    for read in (ga.read, ga.scan):
        with pytest.raises(InputError, match=r"cannot read the Delta table .*damaged"):
            read(tmp_path / "damaged")
    next((tmp_path / "calls").glob("*.parquet")).unlink()
    for read in (ga.read, ga.scan):
        with pytest.raises(InputError, match=r"cannot read .*calls.*part-.*parquet.* (such file|does not exist)"):
            read(tmp_path / "calls")


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "calls" / "_delta_log").mkdir(parents=True)
    monkeypatch.setitem(sys.modules, "deltalake", None)
    for read in (ga.read, ga.scan):
        with pytest.raises(InputError, match=r"which needs deltalake: pip install 'genanalytics\[delta\]'"):
            read(tmp_path / "calls")
