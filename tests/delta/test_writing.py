"""Ids become a Delta table that has each record once, as they become a Parquet data set."""

import json
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import genanalytics as ga
from genanalytics import Client
from genanalytics.cli.main import run
from genanalytics.dataset.delta.log import open_snapshot
from genanalytics.dataset.delta.writer import DeltaWriter
from genanalytics.dataset.export import export
from genanalytics.dataset.partitions import Partition
from genanalytics.dataset.writers import Format
from genanalytics.errors import InputError, OutputError
from genanalytics.ids.known import KnownIds
from genanalytics.records.record import SETTLING_S
from support.datasets import NO_FAILURE, NONE, failures, rows
from support.fault_server import FaultServer
from support.faults import HangsUp, Says, assert_true, envelope, make_ids, record_of, refusal

deltalake = pytest.importorskip("deltalake", reason="deltalake is not installed: pip install 'genanalytics[delta]'")
DeltaTable, write_deltalake = deltalake.DeltaTable, deltalake.write_deltalake
CommitFailedError = deltalake.exceptions.CommitFailedError

IDS = make_ids(300)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return the place of a table, which does not exist yet."""
    return tmp_path / "table"


def list_operations(place: Path) -> list[str]:
    return [commit["operation"] for commit in DeltaTable(place).history()]


def test_each_record_once_in_batches_over_several_runs(server: FaultServer, client: Client, place: Path) -> None:
    done = export([*IDS[:200], *IDS[:100]], place, client=client, batch_rows=64, format="delta")
    assert (done.requested, done.distinct, done.present, done.rows) == (300, 200, 0, 200)
    assert (dict(done.outcomes), done.requests, done.coverage) == ({"ok": 200}, 200, 1)
    assert DeltaTable(place).version() == 4
    done = export(iter(IDS[150:]), place, client=client, batch_rows=64)
    assert (done.requested, done.distinct, done.present, done.rows, done.requests) == (150, 150, 50, 300, 100)
    frame = ga.read(place)
    assert sorted(frame["requested_id"]) == sorted(IDS)
    assert_true(frame)
    before = DeltaTable(place).version()
    done = export(IDS, place, client=client)
    assert (done.present, done.requests, done.outcomes) == (300, 0, {})
    assert DeltaTable(place).version() == before, "nothing new is no commit"
    assert set(server.asked.values()) == {1}


@pytest.mark.long
@pytest.mark.parametrize("partition", ["month", "day", None])
def test_both_formats_have_equal_rows(
    partition: Partition, server: FaultServer, client: Client, tmp_path: Path
) -> None:
    days = ["2026-08-31T23:59:59.999999Z", "2026-09-01T00:00:00.000001Z", None]
    attempts = [{"provider_name": "P", "status": 500}, {"provider_name": "Q", "status": 200}]
    server.otherwise = lambda each: Says(
        200, envelope(record_of(each) | {"created_at": days[int(each[-1]) % 3], "provider_responses": attempts})
    )
    server.plan(IDS[5], refusal(404))
    for name in get_args(Format):
        export(IDS[:50], tmp_path / name, client=client, batch_rows=20, partition=partition, format=name)
    table, files = (ga.read(tmp_path / name).sort_values("requested_id") for name in ("delta", "parquet"))
    pd.testing.assert_frame_equal(table.reset_index(drop=True), files.reset_index(drop=True))
    assert table.attrs == files.attrs
    assert table.attrs["coverage"]["missing"] == [IDS[5]]
    by_table, by_files = (ga.summarize(ga.scan(tmp_path / name), by="model") for name in ("delta", "parquet"))
    pd.testing.assert_frame_equal(by_table, by_files, rtol=1e-9)
    assert DeltaTable(tmp_path / "delta").metadata().partition_columns == ([] if partition is None else [partition])
    others = pl.scan_delta(str(tmp_path / "delta")).collect()
    assert len(others) == DeltaTable(tmp_path / "delta").to_pyarrow_table().num_rows == 49
    assert others["created_at"].dtype == pl.Datetime("us", "UTC")


@pytest.mark.long
def test_the_log_has_limits_that_contain_all_values(client: Client, place: Path) -> None:
    export(IDS[:20], place, client=client, format="delta")
    moment = datetime(2025, 8, 24, 1, 46, 40, 123456, UTC)
    found = pl.scan_delta(str(place)).filter(pl.col("created_at") == moment)
    assert len(found.collect()) == 20
    later = pl.scan_delta(str(place)).filter(pl.col("created_at") > moment)
    assert len(later.collect()) == 0
    table = DeltaTable(place)
    limits = table.get_add_actions(flatten=True)
    assert limits.column("min.created_at").to_pylist()[0] <= moment <= limits.column("max.created_at").to_pylist()[0]
    assert table.get_add_actions().column("num_records").to_pylist() == [20]


@pytest.mark.usefixtures("brisk")
def test_failures_and_retry(server: FaultServer, make_client: Callable[..., Client], place: Path) -> None:
    client = make_client()
    ok, lost, broken, foreign = IDS[:4]
    server.plan(lost, refusal(404, "Generation not found"))
    server.plan(broken, *[HangsUp()] * 6)
    server.plan(foreign, refusal(403))
    done = export([ok, lost, broken, foreign, "two words"], place, client=client, wait_s=0, format="delta")
    assert (done.rows, done.failures, done.coverage) == (1, 4, 1 / 5)
    assert ga.read(place).attrs["coverage"]["missing"] == sorted([lost, broken, foreign, "two words"])
    done = export([], place, client=client, retry=True)
    assert (done.distinct, done.coverage, done.rows, done.failures) == (1, 1, 2, 3)
    assert re.fullmatch(r"3 failures not retried: .*; 2 cannot succeed .* \(see _genanalytics\)", done.notices[0])
    assert sorted(ga.read(place)["requested_id"]) == sorted([ok, broken])
    assert len(pl.scan_delta(str(place)).collect()) == 2, "no Delta reader sees failures"


def test_a_young_record_is_replaced_in_one_commit_once_it_is_final(
    server: FaultServer, client: Client, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    young = make_ids(4, created=int(time.time()) - 60)
    server.otherwise = lambda each: Says(200, envelope(record_of(each) | {"cache_discount": None}))
    done = export([*young, *IDS[:3]], place, client=client, format="delta")
    assert (done.rows, done.young) == (7, 4)
    assert export(young, place, client=client).present == 4
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + SETTLING_S)
    server.otherwise = lambda each: Says(200, envelope(record_of(each) | {"cache_discount": 0.25}))
    server.plan(young[0], refusal(404))
    before = DeltaTable(place).version()
    done = export(IDS[:1], place, client=client, wait_s=0)
    assert (done.present, done.settled, done.rows, done.young, done.failures) == (1, 3, 7, 1, 0)
    assert DeltaTable(place).version() == before + 1
    discounts = ga.read(place).set_index("requested_id")["cache_discount"]
    assert discounts.isna().to_dict() == dict.fromkeys([*IDS[:3], young[0]], True) | dict.fromkeys(young[1:], False)
    then = DeltaTable(place, version=before).to_pyarrow_table()
    assert then.num_rows == 7, "time travel shows the rows as they were"
    assert set(then["cache_discount"].to_pylist()) == {None}


def test_young_rows_in_a_file_that_others_merged(place: Path) -> None:
    young, now = make_ids(2, created=int(time.time())), time.time()
    with DeltaWriter(place, partition="month") as writer:
        writer.commit(
            rows(*IDS[:3], fetched=now, total_cost=1.0), rows(*young, fetched=now, total_cost=2.0), NO_FAILURE
        )
    DeltaTable(place).optimize.compact()
    assert len(open_snapshot(place).files) == 1
    with DeltaWriter(place, partition="month") as writer:
        writer.learn_ids(KnownIds())
        assert writer.manifest.young == 2
        writer.commit(rows(young[1], fetched=now - 1, total_cost=9.0), NONE, NO_FAILURE)
        writer.commit(rows(young[0], fetched=now + SETTLING_S + 1, total_cost=3.0), NONE, NO_FAILURE)
        assert (writer.manifest.rows, writer.manifest.young) == (5, 1)
    costs = ga.read(place).set_index("requested_id")["total_cost"].to_dict()
    assert costs == dict.fromkeys(IDS[:3], 1.0) | {young[0]: 3.0, young[1]: 2.0}


@pytest.mark.long
def test_redaction(server: FaultServer, client: Client, place: Path) -> None:
    server.otherwise = lambda each: Says(200, envelope(record_of(each) | {"session_id": "session-of-alice"}))
    redact = ga.Redaction(["session_id"], b"0123456789abcdef0123456789abcdef")
    export(IDS[:20], place, client=client, redact=redact, batch_rows=5, format="delta")
    ga.compact(place)
    for path in (path for path in place.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if path.suffix == ".parquet":  # what compression may hide
            content += repr(pq.ParquetFile(path).read().to_pydict()).encode() + str(pq.read_metadata(path)).encode()
        assert b"alice" not in content
        assert b"0123456789abcdef" not in content
    assert ga.read(place)["session_id"].unique().shape == (1,)
    with pytest.raises(InputError, match=r"has another redaction \(session_id redacted\): give the same columns"):
        export(IDS, place, client=client)
    with pytest.raises(InputError, match="give the same columns and key"):
        export(IDS, place, client=client, redact=ga.Redaction(["session_id"], b"fedcba9876543210"))
    assert export(IDS[:21], place, client=client, redact=redact).rows == 21


def test_another_partition_or_format_is_refused(client: Client, place: Path, tmp_path: Path) -> None:
    export(IDS[:2], place, client=client, format="delta")
    with pytest.raises(InputError, match="is partitioned by month, not day"):
        export(IDS, place, client=client, partition="day")
    with pytest.raises(InputError, match="is a Delta table, not a Parquet data set"):
        export(IDS, place, client=client, format="parquet")
    export(IDS[:2], tmp_path / "set", client=client)
    with pytest.raises(InputError, match="is a Parquet data set, not a Delta table"):
        export(IDS, tmp_path / "set", client=client, format="delta")
    with pytest.raises(InputError, match=r"format='iceberg': give 'parquet' or 'delta'"):
        export(IDS, tmp_path / "new", client=client, format="iceberg")  # type: ignore[arg-type]


def test_places_with_other_content_are_refused(client: Client, place: Path, tmp_path: Path) -> None:
    write_deltalake(place, pa.table({"n": [1]}))
    with pytest.raises(InputError, match="is a Delta table that genanalytics did not create: give another place"):
        export(IDS, place, client=client, format="delta")
    with pytest.raises(InputError, match="did not create"):
        ga.compact(place)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"contains other files \(notes.txt\)"):
        export(IDS, tmp_path / "other", client=client, format="delta")
    (tmp_path / "file").write_text("a file")
    with pytest.raises(OutputError, match=r"cannot write the Delta table .*file"):
        export(IDS, tmp_path / "file", client=client, format="delta")


@pytest.mark.parametrize(("name", "part"), [("tab[le] 1%", "["), ("a|b", "|"), ("p%20q", "%20")])
def test_a_path_that_the_library_cannot_open_is_refused(
    name: str, part: str, server: FaultServer, client: Client, tmp_path: Path
) -> None:
    (tmp_path / name / "_delta_log").mkdir(parents=True)
    for use in (ga.read, ga.scan, lambda place: export(IDS, place, client=client, format="delta")):
        with pytest.raises(InputError, match=rf"deltalake cannot open the path .*, which contains '{re.escape(part)}'"):
            use(tmp_path / name)
    assert server.requests == []


@pytest.mark.parametrize("name", ["1% & <ü>=x", "a b?#*'"])
def test_other_signs_in_a_path(name: str, client: Client, tmp_path: Path) -> None:
    export(IDS[:3], tmp_path / name, client=client, format="delta")
    assert sorted(ga.read(tmp_path / name)["requested_id"]) == IDS[:3]
    assert len(ga.summarize(ga.scan(tmp_path / name))) == 1


def test_columns_of_this_version_are_added_to_an_older_table(client: Client, place: Path) -> None:
    export(IDS[:2], place, client=client, format="delta")
    log = place / "_delta_log" / f"{0:020d}.json"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for metadata in (line["metaData"] for line in lines if "metaData" in line):
        schema = json.loads(metadata["schemaString"])
        schema["fields"] = [field for field in schema["fields"] if field["name"] != "service_tier"]
        schema["fields"].append({"name": "of_2030", "type": "long", "nullable": True, "metadata": {}})
        metadata["schemaString"] = json.dumps(schema)
    log.write_text("\n".join(map(json.dumps, lines)))
    assert '"service_tier"' not in DeltaTable(place).schema().to_json()
    assert export(IDS[:4], place, client=client).rows == 4
    assert '"service_tier"' in DeltaTable(place).schema().to_json()
    frame = ga.read(place)
    assert len(frame) == 4
    assert frame["of_2030"].isna().all(), "a column of a later version stays"


def test_compact_merges_files_and_removes_what_no_version_of_a_week_needs(client: Client, place: Path) -> None:
    export(IDS[:20], place, client=client, batch_rows=4, format="delta")
    (place / "month=2025-08" / "orphan.parquet").write_bytes(b"of a killed writer")
    assert ga.compact(place) == 4
    assert list_operations(place).count("OPTIMIZE") == 1
    assert len(open_snapshot(place).files) == 1
    assert DeltaTable(place, version=5).to_pyarrow_table().num_rows == 20, "time travel works"
    DeltaTable(place).vacuum(0, dry_run=False, enforce_retention_duration=False, full=True)
    assert [path.name for path in (place / "month=2025-08").iterdir()] == [
        Path(file.path).name for file in open_snapshot(place).files
    ]
    done = export(IDS[:22], place, client=client)
    assert (done.present, done.rows, done.failures) == (20, 22, 0)
    assert_true(ga.read(place))


def test_failures_outlive_a_vacuum(place: Path) -> None:
    with DeltaWriter(place, partition=None) as writer:
        writer.commit(rows(*IDS[:3]), NONE, failures("gen-a", "gen-b"))
    DeltaTable(place).vacuum(0, dry_run=False, enforce_retention_duration=False, full=True)
    with DeltaWriter(place, partition=None) as writer:
        assert writer.read_failures()["requested_id"].to_pylist() == ["gen-a", "gen-b"]
        writer.learn_ids(KnownIds())
        writer.commit(rows("gen-a"), NONE, failures("gen-b", "gen-c", IDS[0]))
        assert sorted(writer.read_failures()["requested_id"].to_pylist()) == ["gen-b", "gen-c"]
    assert ga.read(place).attrs["coverage"] == {
        "asked": 6,
        "found": 4,
        "missing": ["gen-b", "gen-c"],
        "exact": True,
        "part": False,
    }


def test_a_copy_without_failures_warns_before_it_forgets_them(place: Path) -> None:
    with DeltaWriter(place, partition="month") as writer:
        writer.learn_ids(KnownIds())
        writer.commit(rows("gen-1"), NONE, failures("gen-2"))
    shutil.rmtree(place / "_genanalytics")
    with pytest.warns(UserWarning, match="table is a copy without _genanalytics, so the failures .* are unknown"):
        ga.compact(place)
    assert "coverage" not in ga.read(place).attrs


@pytest.mark.long
def test_rows_that_another_program_deletes_and_adds(client: Client, place: Path) -> None:
    export(IDS[:10], place, client=client, format="delta")
    DeltaTable(place).delete(f"requested_id = '{IDS[0]}'")
    assert export(IDS[:10], place, client=client).rows == 10, "a deleted record is fetched again"
    assert len(ga.read(place)) == 10


@pytest.mark.parametrize("ending", [CommitFailedError("its answer was lost"), KeyboardInterrupt()], ids=repr)
def test_a_commit_that_took_place_keeps_its_files(
    ending: BaseException, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit: Any = DeltaTable.create_write_transaction

    def commit_and_fail(*given: object, **options: object) -> None:
        monkeypatch.undo()
        commit(*given, **options)
        with DeltaWriter(place, partition="month") as other:
            other.learn_ids(KnownIds())
            other.commit(rows("gen-2", "gen-3"), NONE, NO_FAILURE)
        raise ending

    with DeltaWriter(place, partition="month") as writer:
        writer.learn_ids(KnownIds())
        monkeypatch.setattr(DeltaTable, "create_write_transaction", commit_and_fail)
        with suppress(KeyboardInterrupt):
            writer.commit(rows("gen-1", "gen-2"), NONE, NO_FAILURE)
    assert sorted(ga.read(place)["requested_id"]) == ["gen-1", "gen-2", "gen-3"]


@pytest.mark.usefixtures("environment")
def test_the_command_line(server: FaultServer, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    server.plan(IDS[0], refusal(404))
    (tmp_path / "ids.txt").write_text("\n".join(IDS[:10]))
    assert run(["export", "--input", "ids.txt", "--dataset", "table", "--format", "delta", "--partition", "day"]) == 3
    assert "table lists 1 id without a record in _genanalytics; --retry asks again." in capsys.readouterr().err
    assert run(["export", "--input", "ids.txt", "--dataset", "table", "--json"]) in {0, 3}
    assert json.loads(capsys.readouterr().out)["present"] == 9
    assert run(["export", "--dataset", "table", "--retry"]) in {0, 3}
    assert run(["compact", "table"]) == 0
    assert "table now has 1 file" in capsys.readouterr().err
    assert run(["summary", "table"]) == 0
    assert run(["export", "--from", "table", "--output", "one.parquet"]) == 0
    assert run(["export", "--from", "table", "--output", "one.parquet", "--format", "delta"]) == 2
    assert len(ga.read("one.parquet")) >= 9
