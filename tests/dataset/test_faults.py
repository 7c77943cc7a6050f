"""However an export ends, or if two run at once: the data set opens, no id occurs twice, the next run finishes."""

import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import genanalytics as ga
from genanalytics import Client
from genanalytics.dataset.export import export
from genanalytics.dataset.manifest import is_dataset, read_manifest
from genanalytics.errors import OutputError
from genanalytics.files import read_parquet
from support.datasets import seen, shown_by_plain_readers
from support.exports import kill_export, start_export
from support.fault_server import FaultServer
from support.faults import KEY, Fault, Wire, assert_true, good, make_ids

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LONG = pytest.mark.long

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no data sets are written there")


def started(
    server: FaultServer, directory: Path, ids: list[str], *, batch_rows: int = 40, cache: str = "cache"
) -> "subprocess.Popen[str]":
    """Start an export in a process of its own, with a cache next to the data set."""
    return start_export(server, directory, directory.parent / cache, ids, batch_rows=batch_rows)


def until(is_so: Callable[[], bool], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("trials", [3, pytest.param(40, marks=[LONG, pytest.mark.timeout(900)])])
def test_kill_9_at_any_moment_of_repeated_exports(trials: int, server: FaultServer, directory: Path) -> None:
    """Young records among them, and compactions between, so that files are replaced all the time."""
    chance = random.Random(trials)  # noqa: S311 - moments, not secrets
    ids = make_ids(60 * trials) + make_ids(5 * trials, created=int(time.time()) - 3590)
    chance.shuffle(ids)
    server.otherwise = lambda each: good(each, after_s=0.01)
    held: set[str] = set()
    killed = 0
    for trial in range(trials):
        given, batch_rows = ids[: len(ids) * (trial + 1) // trials], chance.choice([1, 7, 30])
        start = partial(started, server, directory, given, batch_rows=batch_rows)
        killed += kill_export(server, start, chance.uniform(0, 0.4))
        if is_dataset(directory):
            there = Counter(read_parquet(directory)["requested_id"])
            assert set(there.values()) <= {1}
            shown = shown_by_plain_readers(directory)
            assert set(shown.values()) <= {1}
            assert held <= shown.keys() <= there.keys(), "a commit may be shown in part until the next run"
            held = set(there)
            if trial % 10 == 3:
                ga.compact(directory)
                assert seen(directory) == there
    assert killed > trials / 2
    with started(server, directory, ids) as running:
        _, errors = running.communicate(timeout=300)
    assert running.returncode == 0, errors
    assert set(seen(directory)) == set(ids)
    assert sum(seen(directory).values()) == len(ids)
    assert_true(read_parquet(directory))
    left = {path.name for path in directory.iterdir()}
    assert left == {".files", ".lock", "data", "failures.parquet", "manifest.json"}


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_an_export_in_one_sentence(
    sent: signal.Signals, code: int, server: FaultServer, directory: Path
) -> None:
    ids = make_ids(600)
    server.otherwise = lambda each: good(each, after_s=0.05)
    environment = os.environ | {
        "OPENROUTER_API_KEY": KEY,
        "GENANALYTICS_BASE_URL": server.base_url,
        "GENANALYTICS_CACHE_DIR": str(directory.parent / "cache"),
    }
    (directory.parent / "ids.txt").write_text("\n".join(ids))
    command = [sys.executable, "-m", "genanalytics", "export", "ids.txt", "--dataset", str(directory)]
    with subprocess.Popen(command, env=environment, cwd=directory.parent, stderr=subprocess.PIPE, text=True) as running:
        until(lambda: len(server.requests) > 100)
        running.send_signal(sent)
        _, errors = running.communicate(timeout=30)
    assert running.returncode == code
    assert errors.strip() == "Interrupted. Fetched records are kept; run again to resume."
    before = len(server.requests)
    server.otherwise = good
    with started(server, directory, ids, batch_rows=200) as running:
        running.communicate(timeout=60)
    assert set(seen(directory)) == set(ids)
    assert len(server.requests) - before < len(ids) - 80


@dataclass(frozen=True)
class Holds(Fault):
    """The good answer, once it is let go."""

    generation_id: str
    let_go: threading.Event

    def deliver(self, wire: Wire) -> None:
        assert self.let_go.wait(60)
        good(self.generation_id).deliver(wire)


def test_of_two_exports_at_once_the_second_is_refused(server: FaultServer, directory: Path) -> None:
    ids = make_ids(400)
    told = threading.Event()
    server.otherwise = lambda each: Holds(each, told)
    with started(server, directory, ids) as first:
        until(lambda: len(server.requests) == 16)
        with started(server, directory, ids, cache="other") as second:
            _, errors = second.communicate(timeout=30)
        assert second.returncode == 1
        last = errors.splitlines()[-1]
        assert f"{directory} is being written by process {first.pid} on " in last
        told.set()
        _, errors = first.communicate(timeout=60)
        assert first.returncode == 0, errors
    assert seen(directory) == dict.fromkeys(ids, 1)
    assert set(server.asked.values()) == {1}, "the second asked for nothing"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a file system of one mebibyte, where this machine lets a test mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "mount") or libc.mount(b"tmpfs", bytes(place), b"tmpfs", 0, b"size=1m") != 0:
        pytest.skip("no file system can be mounted here")
    yield place
    assert libc.umount2(bytes(place), 2) == 0  # lazily: whoever still reads it may finish


def test_a_full_disk_keeps_what_was_committed_and_more_room_finishes_the_job(client: Client, small_disk: Path) -> None:
    directory, ids = small_disk / "generations", make_ids(3_000)
    with pytest.raises(OutputError, match=r"^cannot write the data set \S+: No space left on device; earlier commits"):
        export(ids, directory, client=client, batch_rows=100)
    there = seen(directory)
    assert 0 < len(there) < len(ids)
    assert set(there.values()) == {1}
    with pytest.raises(OutputError, match="No space left on device"):
        export(ids, directory, client=client, batch_rows=100)
    assert seen(directory) == there
    libc = ctypes.CDLL(None)
    remount = 32
    assert libc.mount(b"tmpfs", bytes(small_disk), b"tmpfs", remount, b"size=64m") == 0
    done = export(ids, directory, client=client, batch_rows=1_000)
    assert (done.coverage, done.rows) == (1, 3_000)
    assert done.present == len(there)
    assert seen(directory) == dict.fromkeys(ids, 1)
    assert_true(read_parquet(directory))


def test_a_read_only_disk_is_read_and_said(client: Client, small_disk: Path) -> None:
    directory, ids = small_disk / "generations", make_ids(20)
    export(ids[:10], directory, client=client)
    libc = ctypes.CDLL(None)
    remount_read_only = 32 | 1
    assert libc.mount(b"tmpfs", bytes(small_disk), b"tmpfs", remount_read_only, b"") == 0
    with pytest.raises(OutputError, match=r"cannot write the data set \S+: Read-only file system"):
        export(ids, directory, client=client)
    with pytest.raises(OutputError, match="Read-only file system"):
        ga.compact(directory)
    assert seen(directory) == dict.fromkeys(ids[:10], 1)
    assert read_manifest(directory).rows == 10


@LONG
@pytest.mark.timeout(600)
def test_spark_reads_what_was_left_by_a_kill(server: FaultServer, directory: Path, spark: "SparkSession") -> None:
    ids = make_ids(2_000)
    server.otherwise = lambda each: good(each, after_s=0.01)
    with started(server, directory, ids, batch_rows=50) as running:
        until(lambda: is_dataset(directory) and read_manifest(directory).commit > 5)
        running.kill()
    there = shown_by_plain_readers(directory)
    assert there.keys() <= set(read_parquet(directory)["requested_id"]), "a commit may be shown in part"
    rows = spark.read.parquet(str(directory / "data")).select("requested_id", "month").collect()
    assert sorted(row["requested_id"] for row in rows) == sorted(there)
    assert {row["month"] for row in rows} == {"2025-08"}
