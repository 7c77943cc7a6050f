"""Whatever ends a run, and whoever runs beside it: the cache stays whole, and the next run asks for what is missing."""

import asyncio
import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import genanalytics as ga
from genanalytics import Client
from genanalytics.cache.archive import FILE_NAME
from genanalytics.files import read
from support.fault_server import FaultServer
from support.faults import KEY, assert_true, good, make_ids

MakeClient = Callable[..., Client]
LONG = pytest.mark.long

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and forks are another matter there")


def started(server: FaultServer, directory: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start `genanalytics fetch ids.txt` in a directory, on the cache that lies in it."""
    environment = os.environ | {
        "OPENROUTER_API_KEY": KEY,
        "GENANALYTICS_BASE_URL": server.base_url,
        "GENANALYTICS_CACHE_DIR": str(directory / "cache"),
    }
    command = [sys.executable, "-m", "genanalytics", "fetch", "ids.txt", *arguments]
    return subprocess.Popen(
        command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def listed(directory: Path, ids: list[str]) -> None:
    (directory / "ids.txt").write_text("\n".join(ids))


def cached(directory: Path, ids: list[str], server: FaultServer) -> set[str]:
    """Return the ids whose records the cache holds; the file must be whole and the records true."""
    file = directory / "cache" / FILE_NAME
    if not file.exists():
        return set()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with Client(KEY, base_url=server.base_url, cache_dir=directory / "cache", offline=True) as client:
        frame = ga.fetch(ids, client=client).frame
    assert_true(frame)
    return set(frame["requested_id"])


def until(is_so: Callable[[], bool], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_fetch_within_two_seconds_in_one_sentence(
    sent: signal.Signals, code: int, server: FaultServer, tmp_path: Path
) -> None:
    ids = make_ids(200)
    quick = set(ids[:40])
    server.otherwise = lambda generation_id: good(generation_id, after_s=0 if generation_id in quick else 30)
    listed(tmp_path, ids)
    with started(server, tmp_path, "--output", "out.parquet") as running:
        until(lambda: len(server.requests) == len(quick) + 16)
        running.send_signal(sent)
        at = time.monotonic()
        output, errors = running.communicate(timeout=30)
    assert time.monotonic() - at < 2
    assert running.returncode == code
    assert errors.strip() == "Interrupted. Fetched records are kept; run again to resume."
    assert output == ""
    assert not (tmp_path / "out.parquet").exists()

    kept = cached(tmp_path, ids, server)
    assert kept <= quick
    assert len(quick - kept) <= 1, "at most the answer that was in hand when the signal came is asked for again"
    before = len(server.requests)
    server.otherwise = good
    with started(server, tmp_path, "--quiet", "--output", "out.parquet") as running:
        assert running.wait(30) == 0
    assert sorted(request.generation_id for request in server.requests[before:]) == sorted(set(ids) - kept)
    assert read(tmp_path / "out.parquet")["requested_id"].tolist() == ids


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("trials", "seed"), [(3, 3), *(pytest.param(20, seed, marks=[LONG, pytest.mark.timeout(900)]) for seed in range(2))]
)
def test_ctrl_c_at_any_moment(trials: int, seed: int, server: FaultServer, tmp_path: Path) -> None:
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    server.otherwise = lambda generation_id: good(generation_id, after_s=0.01)
    codes = set()
    for trial in range(trials):
        directory = tmp_path / str(trial)
        directory.mkdir()
        ids = make_ids(600, created=1_756_000_000 + trial)
        listed(directory, ids)
        before = len(server.requests)
        with started(server, directory, "--json", "--quiet") as running:
            until(lambda: len(server.requests) > before)  # noqa: B023 - called at once
            time.sleep(chance.uniform(0, 0.7))
            running.send_signal(signal.SIGINT)
            at = time.monotonic()
            _, errors = running.communicate(timeout=30)
        assert time.monotonic() - at < 2
        assert KEY not in errors
        assert "Traceback" not in errors or running.returncode == -signal.SIGINT, errors
        codes.add(running.returncode)
        kept = cached(directory, ids, server)
        before = len(server.requests)
        with Client(KEY, base_url=server.base_url, cache_dir=directory / "cache", max_workers=64) as client:
            fetched = ga.fetch(ids, client=client)
        assert fetched.stats.outcomes == {"ok": len(ids)}
        assert_true(fetched.frame)
        assert {request.generation_id for request in server.requests[before:]} == set(ids) - kept
        assert len(server.requests) - before == len(ids) - len(kept)
    assert codes <= {0, 130, -signal.SIGINT}  # 0: it was through; -2: Python itself was on its way out
    assert 130 in codes


@pytest.mark.parametrize("trials", [2, pytest.param(20, marks=[LONG, pytest.mark.timeout(600)])])
def test_kill_9_at_any_moment_of_one_job(trials: int, server: FaultServer, tmp_path: Path) -> None:
    chance = random.Random(trials)  # noqa: S311 - moments, not secrets
    ids = make_ids(2_000)
    listed(tmp_path, ids)
    server.otherwise = lambda generation_id: good(generation_id, after_s=0.2)
    kept: set[str] = set()
    for _ in range(trials):
        before = len(server.requests)
        with started(server, tmp_path, "--quiet") as running:
            until(lambda: len(server.requests) > before)  # noqa: B023 - called at once
            time.sleep(chance.uniform(0, 1.0))
            running.kill()
        assert running.returncode == -signal.SIGKILL
        now = cached(tmp_path, ids, server)
        assert now >= kept
        kept = now
    server.otherwise = good
    before = len(server.requests)
    with started(server, tmp_path, "--quiet", "--output", "out.parquet") as running:
        _, errors = running.communicate(timeout=60)
        assert running.returncode == 0, errors
    assert sorted(request.generation_id for request in server.requests[before:]) == sorted(set(ids) - kept)
    frame = read(tmp_path / "out.parquet")
    assert frame["requested_id"].tolist() == ids
    assert_true(frame)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("processes", [3, pytest.param(8, marks=LONG)])
def test_several_processes_on_one_list_and_one_cache(processes: int, server: FaultServer, tmp_path: Path) -> None:
    ids = make_ids(1_000)
    listed(tmp_path, ids)
    running = [started(server, tmp_path, "--output", f"{number}.parquet") for number in range(processes)]
    for number, each in enumerate(running):
        with each:
            _, errors = each.communicate(timeout=90)
        assert each.returncode == 0, errors
        assert "could not be cached" not in errors
        frame = read(tmp_path / f"{number}.parquet")
        assert frame["requested_id"].tolist() == ids
        assert_true(frame)
    assert cached(tmp_path, ids, server) == set(ids)
    assert len(server.requests) <= processes * len(ids)


def test_inside_a_running_event_loop(server: FaultServer, make_client: MakeClient) -> None:
    ids = make_ids(100)
    client = make_client()

    async def notebook() -> list[str]:
        assert asyncio.get_running_loop().is_running()
        return list(ga.fetch(ids, client=client).frame["requested_id"])

    assert asyncio.run(notebook()) == ids
    assert len(server.requests) == len(ids)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("number", [6, pytest.param(32, marks=LONG)])
def test_threads_that_share_a_client_and_its_answers(number: int, server: FaultServer, make_client: MakeClient) -> None:
    """Each wants ids of its own, and some that all want at once."""
    common = make_ids(100)
    lists = [common + make_ids(100, created=1_756_000_001 + index) for index in range(number)]
    client = make_client(max_workers=4)
    found: dict[int, ga.FetchResult] = {}

    def work(index: int) -> None:
        found[index] = ga.fetch(lists[index], client=client)

    threads = [threading.Thread(target=work, args=[index]) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, ids in enumerate(lists):
        assert found[index].stats.outcomes == {"ok": len(ids)}
        assert found[index].stats.not_stored == 0
        assert found[index].frame["requested_id"].tolist() == ids
        assert_true(found[index].frame)
    assert sum(fetched.stats.requests for fetched in found.values()) == len(server.requests)
    assert all(server.asked[each] == 1 for ids in lists for each in ids[100:])


inherited: list[Client] = []
"""What a forked child finds; another child starts with none."""


def child(number: int, base_url: str, cache_dir: str) -> None:
    ids = make_ids(200, created=1_756_100_000 + number)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client = inherited[0] if inherited else Client(KEY, base_url=base_url, cache_dir=cache_dir)
        fetched = ga.fetch(ids, client=client)
    assert fetched.stats.outcomes == {"ok": 200}, fetched.failures.to_csv()
    assert fetched.stats.not_stored == 0, fetched.stats.notices
    assert fetched.frame["requested_id"].tolist() == ids
    assert_true(fetched.frame)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of a process with threads, which is the point
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_get_their_own_records(
    method: str, server: FaultServer, make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client()
    warm = make_ids(50)
    assert ga.fetch(warm, client=client).stats.outcomes == {"ok": 50}  # connections are open when the children come
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    if method == "fork":
        monkeypatch.setattr(sys.modules[__name__], "inherited", [client])
    context: Any = multiprocessing.get_context(method)
    arguments = [(number, server.base_url, str(tmp_path / "cache")) for number in range(4)]
    children = [context.Process(target=child, args=each) for each in arguments]
    for each in children:
        each.start()
    ids = make_ids(200, created=1_756_200_000)
    fetched = ga.fetch(ids, client=client)
    for each in children:
        each.join(60)
    assert [each.exitcode for each in children] == [0] * 4
    assert fetched.stats.outcomes == {"ok": 200}
    assert_true(fetched.frame)
    assert len(server.requests) == 50 + 5 * 200
    assert ga.fetch(make_ids(200, created=1_756_100_003), client=client).stats.from_cache == 200


def child_with_the_same_id(generation_id: str) -> None:
    assert ga.fetch([generation_id], client=inherited[0]).stats.outcomes == {"ok": 1}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_a_request_of_its_parent(
    server: FaultServer, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    (generation_id,) = make_ids(1)
    client = make_client()
    server.plan(generation_id, good(generation_id, after_s=3))
    waiting = threading.Thread(target=ga.fetch, args=[[generation_id]], kwargs={"client": client})
    waiting.start()
    until(lambda: len(server.requests) == 1)
    monkeypatch.setattr(sys.modules[__name__], "inherited", [client])
    context: Any = multiprocessing.get_context("fork")
    forked = context.Process(target=child_with_the_same_id, args=[generation_id])
    forked.start()
    forked.join(20)
    forked.kill()
    waiting.join()
    assert forked.exitcode == 0
    assert server.asked == {generation_id: 2}
