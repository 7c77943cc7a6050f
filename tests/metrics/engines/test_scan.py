"""Files of any age and any writer, opened as one."""

import os
import random
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import genanalytics as ga
from genanalytics.errors import InputError
from genanalytics.metrics import COST
from genanalytics.metrics.engines.scan import Engine, scan
from genanalytics.records.frame import cast_known
from genanalytics.records.schema import ARROW_SCHEMA, COLUMNS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def write(path: Path, *rows: dict[str, Any], schema: pa.Schema = ARROW_SCHEMA) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)
    return path


def ids(relation: Any) -> list[str]:  # noqa: ANN401
    return sorted(relation.to_arrow_table()["requested_id"].to_pylist())


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a directory of three files, and of what is none of them."""
    write(tmp_path / "old.parquet", {"requested_id": "gen-1"})
    write(tmp_path / "2026" / "model=folder" / "new.parquet", {"requested_id": "gen-2", "model": "in the file"})
    write(tmp_path / "2026" / "odd [1] {x,y} 'q' *?.parquet", {"requested_id": "gen-3"})
    for unfinished in ("_tmp/a.parquet", ".b.parquet", "2026/_c.parquet"):
        write(tmp_path / unfinished, {"requested_id": "gen-9"})
    (tmp_path / "2026" / "notes.txt").write_text("no data")
    return tmp_path


def test_a_directory_means_the_parquet_files_below_it(files: Path) -> None:
    assert ids(scan(files)) == ["gen-1", "gen-2", "gen-3"]
    assert sorted(scan(files, engine="pandas")["requested_id"]) == ["gen-1", "gen-2", "gen-3"]


def test_files_globs_and_directories_may_be_mixed_and_count_once(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    assert ids(scan("old.parquet")) == ["gen-1"]
    assert ids(scan(f"{files}/20*/**/*.parquet")) == ["gen-2", "gen-3"]
    assert ids(scan(["old.parquet", files / "old.parquet", "*.parquet", files])) == ["gen-1", "gen-2", "gen-3"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(files: Path) -> None:
    assert ids(scan(files / "2026" / "odd [1] {x,y} 'q' *?.parquet")) == ["gen-3"]


@pytest.mark.parametrize("engine", ["duckdb", "pandas"])
def test_a_folder_of_the_form_name_is_value_changes_no_column(files: Path, engine: Engine) -> None:
    write(files / "model=folder" / "region=eu" / "x.parquet", {"requested_id": "gen-4", "model": "in the file"})
    found = ga.summarize(scan(files / "model=folder", engine=engine), by="model", metrics=COST)
    assert found["model"].tolist() == ["in the file"]
    assert "region" not in scan(files / "model=folder", engine=engine).columns


OLD = pa.schema(
    [
        ("requested_id", pa.large_string()),
        ("created_at", pa.timestamp("ms")),  # without a zone: UTC
        ("latency", pa.int32()),
        ("native_tokens_prompt", pa.float64()),  # as pandas writes integers with gaps
        ("total_cost", pa.int64()),
        ("finish_reason", pa.null()),
        ("cancelled", pa.null()),
        ("provider_responses", pa.list_(pa.struct([("status", pa.int64())]))),
        ("mine", pa.string()),
    ]
)


def old_and_new(directory: Path) -> Path:
    old = {
        "requested_id": "gen-1",
        "created_at": MOMENT.replace(tzinfo=None),
        "latency": 12,
        "native_tokens_prompt": 7.0,
        "total_cost": 2,
        "provider_responses": [{"status": 429}, {"status": 200}],
        "mine": "a",
    }
    write(directory / "old.parquet", old, schema=OLD)
    new = {"requested_id": "gen-2", "created_at": MOMENT, "cancelled": True, "finish_reason": "stop", "latency": 14}
    write(directory / "new.parquet", new | {"provider_responses": [{"id": "x", "status": 200}]})
    return directory


def assert_one_schema(table: pa.Table) -> None:
    assert table.column_names == [*(column.name for column in COLUMNS), "mine"]
    first, second = table.sort_by("requested_id").to_pylist()
    assert (first["latency"], first["native_tokens_prompt"], first["total_cost"], first["mine"]) == (12, 7, 2.0, "a")
    assert (second["latency"], second["cancelled"], second["finish_reason"], second["mine"]) == (14, True, "stop", None)
    assert first["service_tier"] is first["cancelled"] is first["finish_reason"] is None
    assert first["provider_responses"] is None or len(first["provider_responses"]) == 2


def test_old_and_new_files_have_one_schema_in_duckdb(tmp_path: Path) -> None:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Pacific/Apia'")
    for relation in (scan(old_and_new(tmp_path)), scan(old_and_new(tmp_path), session=connection)):
        table = relation.to_arrow_table()
        assert_one_schema(table)
        assert [moment.timestamp() for moment in table["created_at"].to_pylist()] == [MOMENT.timestamp()] * 2
        types = {field.name: field.type for field in table.schema if not pa.types.is_nested(field.type)}
        moments = {name: types.pop(name) for name in ("created_at", "fetched_at")}
        assert all(moment.tz is not None for moment in moments.values())
        assert types == {field.name: field.type for field in ARROW_SCHEMA if field.name in types} | {
            "mine": pa.string()
        }


def test_a_connection_given_lends_its_database_and_keeps_its_settings(tmp_path: Path) -> None:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Pacific/Apia'")
    before = connection.sql("FROM duckdb_settings()").fetchall()
    ga.summarize(scan(old_and_new(tmp_path), session=connection), by="day", tz="Europe/Berlin")
    assert connection.sql("FROM duckdb_settings()").fetchall() == before


def test_old_and_new_files_have_one_schema_in_pandas(tmp_path: Path) -> None:
    frame = scan(old_and_new(tmp_path), engine="pandas")
    assert {name: str(frame[name].dtype) for name in frame if name != "mine"} == {
        column.name: column.kind.pandas_dtype for column in COLUMNS
    }
    assert frame["created_at"].tolist() == [pd.Timestamp(MOMENT)] * 2
    assert_one_schema(pa.Table.from_pandas(frame, preserve_index=False))


@pytest.mark.long
def test_old_and_new_files_have_one_schema_in_spark(tmp_path: Path, files: Path, spark: "SparkSession") -> None:
    assert ids_in_spark(scan(files, engine="spark", session=spark)) == ["gen-1", "gen-2", "gen-3"]
    old = old_and_new(tmp_path / "ages") / "old.parquet"
    pq.write_table(pq.read_table(old).drop_columns(["cancelled", "finish_reason"]), old)  # Spark knows no null type
    alone = scan(old, engine="spark", session=spark).selectExpr("unix_seconds(created_at)", "total_cost").collect()
    assert [tuple(row) for row in alone] == [(MOMENT.timestamp(), 2.0)]
    with pytest.raises(InputError, match=r"cannot read .* 1 more: \[CANNOT_MERGE_INCOMPATIBLE_DATA_TYPE\]"):
        scan(old.parent, engine="spark", session=spark)
    pq.write_table(cast_known(pq.read_table(old).drop_columns("provider_responses")), old)  # as older files of ours are
    found = scan(old.parent, engine="spark", session=spark)
    assert_one_schema(pa.Table.from_pylist([row.asDict(recursive=True) for row in found.collect()]))


def ids_in_spark(frame: Any) -> list[str]:  # noqa: ANN401
    return sorted(row[0] for row in frame.select("requested_id").collect())


def test_a_connection_of_its_own_never_fills_memory_or_disk(files: Path, tmp_path: Path) -> None:
    relation = scan(files, memory_limit="300MB", temp_directory=tmp_path)
    settings = relation.query(
        "r",
        "SELECT current_setting('memory_limit') AS memory, current_setting('TimeZone') AS zone,"
        " current_setting('temp_directory') AS directory, current_setting('max_temp_directory_size') AS most",
    ).fetchall()
    [(memory, zone, directory, most)] = settings
    assert (memory, zone) == ("286.1 MiB", "UTC")
    assert Path(directory).parent == tmp_path
    assert not Path(directory).exists()
    assert "%" not in most


def test_rows_that_are_read_twice_are_written_where_a_connection_spills(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relation = scan(files, temp_directory=tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    summary = ga.summarize(relation, metrics="latency", percentiles="sketch")
    assert summary.attrs["percentiles"] == "sketch"
    assert list(tmp_path.glob("genanalytics-*")) == []


@pytest.mark.parametrize("place", ["/proc/nowhere", "nowhere/nowhere", "file/nowhere", "", "spills"])
def test_a_connection_that_cannot_spill_has_sketches_too(place: str, files: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "spills").mkdir()
    connection = duckdb.connect()
    connection.execute("SET temp_directory = ?", [str(tmp_path / place) if place else ""])
    found = ga.summarize(scan(files, session=connection), metrics="latency", percentiles="sketch")
    assert found["requests"].sum() == ga.summarize(scan(files), metrics="latency")["requests"].sum()
    assert list((tmp_path / "spills").iterdir()) == []


BAD: dict[str, tuple[Callable[[Path], Any], dict[str, Any], str]] = {
    "no file": (lambda at: at / "nowhere.parquet", {}, r"there is no file '.*nowhere.parquet'"),
    "no match": (lambda at: str(at / "nowhere*.parquet"), {}, r"there is no file '.*nowhere\*.parquet'"),
    "an empty directory": (lambda at: at / "empty", {}, r"no \*.parquet below the directory '.*empty'"),
    "nothing": (lambda _: [], {}, "no file to scan: give a file, a glob, a directory, or a list of them"),
    "a text": (
        lambda at: at / "2026" / "notes.txt",
        {},
        r"notes.txt is not a Parquet file; for CSV and JSON, use `ga.read`",
    ),
    "half a file": (
        lambda at: at / "half.parquet",
        {},
        r"half.parquet is not a Parquet file; it has no end: was it cut short",
    ),
    "a damaged file": (lambda at: at / "damaged.parquet", {}, r"cannot read .*damaged.parquet: "),
    "another engine": (lambda at: at, {"engine": "dask"}, "no engine 'dask'; there are duckdb, spark, pandas"),
    "no session": (lambda at: at, {"engine": "spark"}, r"scan\(..., engine='spark', session=spark\)"),
    "a URL in memory": (
        lambda _: "hdfs://place/x.parquet",
        {"engine": "pandas"},
        "does not read hdfs://place/x.parquet: use 'duckdb'",
    ),
    "a limit of memory": (lambda at: at, {"memory_limit": "much"}, "memory_limit='much': "),
    "a limit of pandas": (lambda at: at, {"engine": "pandas", "memory_limit": "1GB"}, "for a new connection of DuckDB"),
    "a session of pandas": (lambda at: at, {"engine": "pandas", "session": 1}, "has no session"),
    "no directory to spill": (lambda at: at, {"temp_directory": "/nowhere"}, "temp_directory='/nowhere': No such file"),
}


@pytest.mark.parametrize(("source", "options", "message"), BAD.values(), ids=BAD)
def test_a_source_that_cannot_be_opened_is_refused_with_the_next_step(
    source: Callable[[Path], Any], options: dict[str, Any], message: str, files: Path
) -> None:
    (files / "empty").mkdir()
    whole = (files / "old.parquet").read_bytes()
    (files / "half.parquet").write_bytes(whole[: len(whole) // 2])
    (files / "damaged.parquet").write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    with pytest.raises(InputError, match=message):
        scan(source(files), **options)


@pytest.mark.parametrize("engine", ["duckdb", "pandas"])
def test_a_flipped_bit_in_a_footer_is_an_error(tmp_path: Path, engine: Engine) -> None:
    path = tmp_path / "records.parquet"
    ga.write(pd.DataFrame({"requested_id": ["gen-1", "gen-2"], "latency": [1.0, 2.0]}), path)
    whole = path.read_bytes()
    end = 8 + int.from_bytes(whole[-8:-4], "little")
    chance = random.Random(1)  # noqa: S311 - no secret
    session = duckdb.connect() if engine == "duckdb" else None
    for bit in chance.sample(range(8 * end), 40):
        damaged = bytearray(whole)
        damaged[-1 - bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"records\.parquet"):
            scan(path, engine=engine, session=session)


@pytest.mark.parametrize("engine", ["duckdb", "pandas"])
def test_a_known_column_of_another_type_is_named(tmp_path: Path, engine: Engine) -> None:
    wrong = pa.schema([("requested_id", pa.string()), ("latency", pa.string())])
    path = write(tmp_path / "wrong.parquet", {"requested_id": "gen-1", "latency": "fast"}, schema=wrong)
    with pytest.raises(InputError, match=r"column 'latency' holds .*tring, it should hold (int64|numbers)"):
        scan(path, engine=engine)


def test_without_duckdb_the_command_to_install_it_is_named(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(InputError, match=r"needs the package duckdb: pip install 'genanalytics\[duckdb\]'"):
        scan(files)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read anything")
def test_a_file_without_permission_is_refused(files: Path) -> None:
    (files / "old.parquet").chmod(0)
    with pytest.raises(InputError, match=r"cannot read .*old.parquet: Permission denied"):
        scan(files)
