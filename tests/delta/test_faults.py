"""However runs end, and however many write at once: each id is in the table once, and the next run finishes."""

import os
import random
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import genanalytics as ga
from genanalytics import Client
from genanalytics.dataset.delta.log import open_snapshot
from genanalytics.dataset.delta.writer import DeltaWriter
from genanalytics.dataset.export import export
from genanalytics.ids.known import KnownIds
from support.datasets import NO_FAILURE, NONE, failures, rows
from support.exports import kill_export, start_export
from support.fault_server import FaultServer
from support.faults import assert_true, good, make_ids, refusal

if TYPE_CHECKING:
    import subprocess

deltalake = pytest.importorskip("deltalake", reason="deltalake is not installed: pip install 'genanalytics[delta]'")
DeltaTable, write_deltalake = deltalake.DeltaTable, deltalake.write_deltalake

pytestmark = [pytest.mark.long, pytest.mark.skipif(os.name == "nt", reason="it has no SIGKILL")]


def start(server: FaultServer, place: Path, ids: list[str], *, batch_rows: int, cache: str) -> "subprocess.Popen[str]":
    """Start an export in a process of its own."""
    return start_export(server, place, place.parent / cache, ids, batch_rows=batch_rows, table_format="delta")


def seen(place: Path) -> Counter[str]:
    """Return how often each id is in the table, as two readers see it."""
    found = Counter(ga.read(place)["requested_id"].tolist())
    assert found == Counter(pl.scan_delta(str(place)).select("requested_id").collect()["requested_id"].to_list())
    return found


def test_two_processes_store_overlapping_ids_once(server: FaultServer, tmp_path: Path) -> None:
    place, ids = tmp_path / "table", make_ids(800)
    lost = ids[400:410]
    server.otherwise = lambda each: refusal(404) if each in lost else good(each)
    with (
        start(server, place, ids[:600], batch_rows=40, cache="one") as first,
        start(server, place, ids[200:], batch_rows=40, cache="two") as second,
    ):
        there: Counter[str] = Counter()
        while first.poll() is None or second.poll() is None:
            if (place / "_delta_log" / f"{0:020d}.json").exists():
                now = Counter(ga.read(place)["requested_id"].tolist())
                assert set(now.values()) <= {1}, "a reader never sees an id twice"
                assert there.keys() <= now.keys()
                there = now
            time.sleep(0.05)
        assert [each.stderr.read() for each in (first, second) if each.stderr] == ["", ""]
    assert (first.returncode, second.returncode) == (0, 0)
    assert seen(place) == dict.fromkeys(set(ids) - set(lost), 1)
    assert_true(ga.read(place))
    assert ga.read(place).attrs["coverage"]["missing"] == lost
    written = {str(path.relative_to(place)) for path in place.glob("month=*/*.parquet")}
    assert written == {file.path for file in open_snapshot(place).files}, "a writer that loses leaves no file"


def test_kill_9_at_any_moment(server: FaultServer, tmp_path: Path) -> None:
    trials = 4
    chance = random.Random(trials)  # noqa: S311 - moments, not secrets
    place = tmp_path / "table"
    ids = make_ids(60 * trials) + make_ids(5 * trials, created=int(time.time()) - 3590)
    chance.shuffle(ids)
    server.otherwise = lambda each: good(each, after_s=0.005)
    held: set[str] = set()
    killed = 0
    for trial in range(trials):
        given, batch_rows = ids[: len(ids) * (trial + 1) // trials], chance.choice([3, 20])
        export_given = partial(start, server, place, given, batch_rows=batch_rows, cache="cache")
        killed += kill_export(server, export_given, chance.uniform(0, 0.6))
        if list(place.glob("_delta_log/*.json")):
            there = seen(place)
            assert set(there.values()) <= {1}
            assert there.keys() >= held, "what was committed stays"
            held = set(there)
    assert killed > trials / 2
    with start(server, place, ids, batch_rows=100, cache="cache") as running:
        _, errors = running.communicate(timeout=300)
    assert running.returncode == 0, errors
    assert seen(place) == dict.fromkeys(ids, 1)
    assert_true(ga.read(place))


def test_a_writer_that_another_overtakes_drops_what_is_stored_by_now(tmp_path: Path) -> None:
    place = tmp_path / "table"
    with DeltaWriter(place, partition="month") as slow, DeltaWriter(place, partition="month") as fast:
        slow.learn_ids(KnownIds())
        fast.learn_ids(KnownIds())
        fast.commit(rows("gen-1", "gen-2"), NONE, failures("gen-3", "gen-4"))
        slow.commit(rows("gen-2", "gen-3"), NONE, failures("gen-1", "gen-4", "gen-5"))
        assert sorted(slow.read_failures()["requested_id"].to_pylist()) == ["gen-4", "gen-5"]
        assert slow.manifest.rows == 3
        version = DeltaTable(place).version()
        fast.commit(rows("gen-1", "gen-3"), NONE, NO_FAILURE)
        assert DeltaTable(place).version() == version, "what is stored is no commit"
    assert seen(place) == {"gen-1": 1, "gen-2": 1, "gen-3": 1}


def test_rows_that_another_program_appends_are_noticed(tmp_path: Path) -> None:
    place = tmp_path / "table"
    with DeltaWriter(place, partition="month") as writer:
        writer.learn_ids(KnownIds())
        with DeltaWriter(tmp_path / "other", partition="month") as other:
            other.commit(rows("gen-1"), NONE, NO_FAILURE)
        table = DeltaTable(tmp_path / "other").to_pyarrow_table()
        write_deltalake(place, table, mode="append")
        writer.commit(rows("gen-1", "gen-2"), NONE, NO_FAILURE)
    assert seen(place) == {"gen-1": 1, "gen-2": 1}


def test_a_merge_of_files_between_two_commits(client: Client, tmp_path: Path) -> None:
    place, young = tmp_path / "table", make_ids(3, created=int(time.time()))
    with DeltaWriter(place, partition="month") as writer:
        writer.learn_ids(KnownIds())
        for each in young:
            writer.commit(NONE, rows(each, total_cost=1.0), NO_FAILURE)
        DeltaTable(place).optimize.compact()
        export(make_ids(2), place, client=client, format="delta")
        final = rows(*young, fetched=time.time() + 4_000, total_cost=2.0)
        writer.commit(final, NONE, NO_FAILURE)
    costs = ga.read(place).set_index("requested_id")["total_cost"]
    assert costs[young].tolist() == [2.0] * 3
    assert len(costs) == 5
