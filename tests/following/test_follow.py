"""Ids in growing logs become records in a growing data set, also through outages of the service."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from genanalytics import Client
from genanalytics.dataset.manifest import read_failures, read_manifest
from genanalytics.dataset.redact import Redaction
from genanalytics.dataset.writer import Writer
from genanalytics.errors import InputError, KeyRefusedError, OutputError
from genanalytics.fetching import outage
from genanalytics.files import read_parquet
from genanalytics.following.follow import Follower
from support.fault_server import FaultServer
from support.faults import HangsUp, assert_true, good, make_ids, refusal
from support.followed import wait_until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no data sets are written there")

IDS = make_ids(40)
ROUND_S = 0.02


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def follower(log: Path, tmp_path: Path, client: Client) -> Iterator[Follower]:
    with Follower((log,), tmp_path / "set", client, round_s=ROUND_S, outage_pause_s=0.05) as follower:
        yield follower


def write(log: Path, *ids: str) -> None:
    with log.open("a") as stream:
        stream.writelines(f'{{"id":"{each}"}}\n' for each in ids)


def turn_until(follower: Follower, is_true: Callable[[], object]) -> None:
    def turn() -> object:
        follower.turn()
        return is_true()

    wait_until(turn, lambda: str(follower.counts))


def test_each_id_becomes_a_record_once_over_restarts(
    follower: Follower, log: Path, client: Client, server: FaultServer
) -> None:
    assert len(read_parquet(follower.directory)) == 0, "readers can open the data set at once"
    write(log, *IDS[:20])
    turn_until(follower, lambda: follower.counts.new == 20)
    write(log, *IDS[10:25])
    turn_until(follower, lambda: follower.counts.new == 25)
    assert follower.is_idle
    log.rename(f"{log}.1")
    write(log, *IDS[25:30])
    with Follower((log,), follower.directory, client, round_s=ROUND_S) as again:
        turn_until(again, lambda: again.counts.new == 5)
        assert (again.counts.records, again.counts.waiting, again.counts.missing) == (30, 0, 0)
    frame = read_parquet(follower.directory)
    assert sorted(frame["requested_id"]) == sorted(IDS[:30])
    assert_true(frame)
    assert set(server.asked.values()) == {1}


def test_an_id_is_asked_for_until_it_has_a_record(follower: Follower, log: Path, server: FaultServer) -> None:
    [new] = make_ids(1, created=int(time.time()))
    server.plan(new, refusal(404, "not yet"))
    server.otherwise = lambda each: refusal(404, "unknown") if each == IDS[0] else good(each)
    write(log, new, IDS[0])
    turn_until(follower, lambda: follower.counts.requests >= 2)
    assert (follower.counts.waiting, follower.counts.missing) == (1, 1)
    assert sorted(read_failures(follower.directory)["outcome"].to_pylist()) == ["not_found", "pending"]
    turn_until(follower, lambda: follower.counts.records == 1)
    assert (follower.counts.waiting, follower.counts.missing, follower.counts.young) == (0, 1, 1)
    assert server.asked == {new: 2, IDS[0]: 1}


@pytest.mark.usefixtures("brisk")
def test_an_outage_is_a_problem_and_no_end(
    follower: Follower, log: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "PATIENCE_S", 0.2)
    write(log, *IDS[:6])
    server.otherwise = lambda _: HangsUp()
    turn_until(follower, lambda: follower.counts.problems)
    assert "Remote end closed connection" in follower.counts.problems[0]
    assert (follower.counts.waiting, follower.counts.records) == (6, 0)
    server.otherwise = good
    turn_until(follower, lambda: follower.counts.records == 6)
    assert (follower.counts.problems, follower.counts.waiting) == ((), 0)


def test_another_writer_is_a_problem_and_no_end(follower: Follower, log: Path) -> None:
    with Writer(follower.directory, partition="month"):
        write(log, *IDS[:2])
        turn_until(follower, lambda: follower.counts.problems)
        assert "is being written by" in follower.counts.problems[0]
        assert follower.counts.waiting == 2
        with pytest.raises(OutputError, match="is being written by"):
            Follower((log,), follower.directory, follower.client)
    turn_until(follower, lambda: follower.counts.records == 2)


def test_a_refused_key_ends_it(follower: Follower, log: Path, server: FaultServer) -> None:
    server.otherwise = lambda _: refusal(401)
    write(log, IDS[0])
    with pytest.raises(KeyRefusedError):
        turn_until(follower, lambda: False)


def test_columns_are_redacted_before_they_are_written(log: Path, tmp_path: Path, client: Client) -> None:
    write(log, IDS[0])
    with Follower((log,), tmp_path / "set", client, redact=Redaction(["model"])) as follower:
        follower.turn()
    assert read_parquet(tmp_path / "set")["model"].isna().all()
    with pytest.raises(InputError, match="has another redaction"):
        Follower((log,), tmp_path / "set", client)


def test_the_end_of_a_log_is_read_when_nothing_follows(follower: Follower, log: Path) -> None:
    log.write_text(IDS[0])
    follower.turn()
    assert follower.counts.records == 0
    follower.finish()
    assert follower.counts.records == 1


def test_small_files_are_merged(follower: Follower, log: Path) -> None:
    follower.round_s = 0.0
    for generation_id in IDS[:8]:
        write(log, generation_id)
        follower.turn()
    assert follower.counts.records == 8
    assert len(read_manifest(follower.directory).files) <= 3


def test_young_records_are_fetched_again_when_they_are_final(
    log: Path, tmp_path: Path, make_client: Callable[..., Client], server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    young = make_ids(7, created=int(time.time()) - 3_590)
    write(log, *young)
    with Follower((log,), tmp_path / "set", make_client(), round_s=0.0) as follower:
        turn_until(follower, lambda: follower.counts.records == 7)
        assert follower.counts.young == 7
    later = time.time() + 60
    monkeypatch.setattr(time, "time", lambda: later)
    with Follower((log,), tmp_path / "set", make_client(), round_s=0.0) as follower:
        turn_until(follower, lambda: follower.counts.young == 0)
    assert set(server.asked.values()) == {2}
    assert len(read_parquet(tmp_path / "set")) == 7
