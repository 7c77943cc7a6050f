"""Data sets on a real S3 server: each record once, under faults of the server, the connection and the writers."""

import random
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pandas as pd
import pytest

import genanalytics as ga
from genanalytics import Client
from genanalytics.base.stores.store import Store
from genanalytics.cli.main import run
from genanalytics.dataset import shared_bucket
from genanalytics.dataset.manifest import is_dataset, read_failures, read_manifest
from genanalytics.dataset.redact import Redaction
from genanalytics.dataset.writer import Writer
from genanalytics.errors import InputError, OutputError
from genanalytics.files import read_parquet
from support.datasets import NO_FAILURE, NONE, failures, rows
from support.exports import start_export
from support.fault_server import FaultServer
from support.faults import assert_true, good, make_ids, refusal
from support.s3_server import ACCESS_KEY, SECRET_KEY, Cut, Fault, Lost, Refuses, S3Server, Slow
from support.stores import URL, count_ids, count_plain, list_orphans

if TYPE_CHECKING:
    import subprocess

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def _no_local_folder(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - it sets the environment
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shared_bucket, "GRACE_S", 0.0)


def test_an_export_to_a_store_is_the_same_as_one_to_a_directory(
    server: FaultServer, client: Client, tmp_path: Path
) -> None:
    ids = make_ids(300)
    server.plan(ids[0], refusal(404))
    for place in (URL, tmp_path / "local"):
        first = ga.export(ids[:200], place, client=client, batch_rows=64)
        assert (first.present, first.rows, first.failures) == (0, 199, 1)
        second = ga.export(ids, place, client=client, batch_rows=64)
        assert (second.present, second.rows, second.failures) == (199, 299, 1)
    ours, theirs = (
        read_parquet(place).sort_values("requested_id", ignore_index=True) for place in (URL, tmp_path / "local")
    )
    pd.testing.assert_frame_equal(ours.drop(columns="fetched_at"), theirs.drop(columns="fetched_at"))
    assert_true(ours)
    assert count_plain() == dict.fromkeys(ids[1:], 1)
    assert read_failures(URL)["requested_id"].to_pylist() == ids[:1]
    assert {path.name for path in tmp_path.iterdir()} == {"cache", "local"}


@pytest.mark.usefixtures("environment")
def test_the_command_line_takes_urls(server: FaultServer, capsys: pytest.CaptureFixture[str]) -> None:
    ids = make_ids(12)
    server.plan(ids[0], refusal(404))
    assert run(["export", *ids[:6], "--dataset", f"{URL}/"]) == 3
    output = capsys.readouterr().err
    assert f"{URL}/ contains 5 records." in output
    assert f"{URL}/ lists 1 id without a record in failures/; --retry asks again." in output
    assert run(["export", *ids[6:], "--dataset", URL, "--quiet"]) == 0
    assert run(["export", "--retry", "--dataset", URL]) == 0
    assert "1 failure not retried" in capsys.readouterr().err
    assert run(["compact", URL]) == 0
    assert capsys.readouterr().err == f"{URL} now has 1 file, 1 fewer than before.\n"
    assert run(["compact", "s3://bucket/none"]) == 2
    assert "the URL is not a data set" in capsys.readouterr().err
    assert run(["watch", "log.txt", "--dataset", URL]) != 0
    assert "give a path" in capsys.readouterr().err


def test_a_retry_and_young_records(server: FaultServer, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genanalytics.fetching.dispatch.MAX_FAILURES", 1)
    now = int(time.time())
    old, young = make_ids(5), make_ids(5, created=now - 1800)
    server.plan(old[0], refusal(500))
    first = ga.export(old + young, URL, client=client)
    assert (first.rows, first.young, first.failures) == (9, 5, 1)
    assert count_plain() == dict.fromkeys(old[1:], 1), "young rows are replaced, so plain readers do not see them"
    assert ga.export([], URL, client=client, retry=True).failures == 0
    monkeypatch.setattr(time, "time", lambda: now + 3700.0)
    third = ga.export([], URL, client=client)
    assert (third.settled, third.young, third.rows) == (5, 0, 10)
    assert count_ids() == count_plain() == dict.fromkeys(old + young, 1)


def test_another_partition_or_redaction_is_refused(client: Client) -> None:
    ga.export(make_ids(3), URL, client=client, redact=Redaction(["session_id"]))
    assert read_parquet(URL)["session_id"].isna().all()
    with pytest.raises(InputError, match=f"{URL} has another redaction \\(session_id redacted\\)"):
        ga.export(make_ids(4), URL, client=client)
    with pytest.raises(InputError, match=f"{URL} is partitioned by month, not day"):
        ga.export(make_ids(4), URL, client=client, partition="day", redact=Redaction(["session_id"]))


@pytest.mark.parametrize(
    ("fault", "request_of", "times"),
    [
        (Refuses(503), "* ", 6),
        (Refuses(500, "InternalError"), "PUT data/", 2),
        (Slow(1.0), "PUT manifests/", 1),
        (Cut(20), "GET manifests/", 1),
        (Cut(20), "GET ids/", 1),
        (Cut(20), "GET ^$", 2),
        (Lost(), "PUT data/", 2),
        (Lost(), "PUT manifests/", 2),
        (Lost(), "PUT probes/", 1),
        (Refuses(409, "ConditionalRequestConflict"), "PUT manifests/", 2),
    ],
)
def test_an_export_survives_faults(fault: Fault, request_of: str, times: int, s3: S3Server, client: Client) -> None:
    ids = make_ids(120)
    ga.export(ids[:60], URL, client=client, batch_rows=25)
    method, _, key = request_of.partition(" ")
    s3.plan(fault, method=method, key=key, times=times)
    done = ga.export(ids, URL, client=client, batch_rows=25)
    assert (done.coverage, done.rows) == (1, 120)
    assert count_ids() == count_plain() == dict.fromkeys(ids, 1)
    assert list_orphans() == []


def test_a_refusal_in_the_middle_keeps_what_was_committed(s3: S3Server, client: Client) -> None:
    ids = make_ids(100)
    ga.export(ids[:40], URL, client=client)
    s3.plan(Refuses(403, "AccessDenied"), method="PUT", key="data/", times=9)
    with pytest.raises(OutputError) as raised:
        ga.export(ids, URL, client=client)
    s3.forget_plans()
    assert str(raised.value) == (
        f"cannot write the data set {URL}: the store s3://bucket: access denied; earlier commits are unaffected"
    )
    assert count_ids() == dict.fromkeys(ids[:40], 1)
    assert ga.export(ids, URL, client=client).rows == 100


@pytest.mark.parametrize(
    ("variables", "bucket", "reason"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "bucket", "nothing answers at 127.0.0.1:9 (connection refused)"),
        ({}, "other", "there is no such bucket"),
    ],
)
@pytest.mark.usefixtures("environment")
def test_a_store_that_cannot_be_written_is_told_before_anything_is_fetched(
    variables: dict[str, str], bucket: str, reason: str, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    started = time.monotonic()
    with pytest.raises(InputError) as raised:
        ga.export(make_ids(3), f"s3://{bucket}/a")
    assert time.monotonic() - started < 20
    assert str(raised.value) == f"cannot read s3://{bucket}/a: the store s3://{bucket}: {reason}"
    assert not any(key in str(raised.value) for key in (ACCESS_KEY, SECRET_KEY))
    assert server.requests == []


def test_a_store_without_conditional_writes_is_refused(s3: S3Server, client: Client, server: FaultServer) -> None:
    s3.ignore_conditions()
    with pytest.raises(OutputError, match=r"creates an object that exists already \(it ignores If-None-Match\)"):
        ga.export(make_ids(3), URL, client=client)
    assert server.requests == []
    assert list(Store(URL).list()) == []


def test_two_writers_and_a_reader_at_once(server: FaultServer, tmp_path: Path) -> None:
    ids = make_ids(800)
    chance = random.Random(1)  # noqa: S311 - an order, not a secret
    ended = threading.Event()
    seen: list[int] = []

    def watch() -> None:
        while not ended.is_set():
            if is_dataset(URL):
                counts = count_ids()
                assert set(counts.values()) <= {1}
                seen.append(len(counts))

    reader = threading.Thread(target=watch)
    reader.start()
    running: list[subprocess.Popen[str]] = []
    for number in range(2):
        chance.shuffle(ids)
        running.append(start_export(server, URL, tmp_path / f"cache-{number}", ids, batch_rows=60))
    errors = [each.communicate(timeout=200)[1] for each in running]
    ended.set()
    reader.join()
    assert [each.returncode for each in running] == [0, 0], errors
    assert count_ids() == count_plain() == dict.fromkeys(ids, 1)
    assert seen == sorted(seen)
    assert len(set(seen)) > 2


def test_kill_9_of_two_writers_at_any_moment(server: FaultServer, tmp_path: Path, s3: S3Server) -> None:
    chance = random.Random(3)  # noqa: S311 - moments, not secrets
    trials, killed, held = 4, 0, 0
    ids = make_ids(70 * trials)
    server.otherwise = lambda each: good(each, after_s=0.005)
    for trial in range(trials):
        given = ids[: 70 * (trial + 1)]
        running = [start_export(server, URL, tmp_path / f"cache-{number}", given, batch_rows=20) for number in range(2)]
        before = s3.counts["PUT"]
        while s3.counts["PUT"] < before + 4 and running[0].poll() is None:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.3))
        for each in running:
            each.kill()
            each.communicate()
            killed += each.returncode != 0
        if is_dataset(URL):
            counts = count_ids()
            assert set(counts.values()) <= {1}
            assert len(counts) >= held
            held = len(counts)
    assert killed > trials
    with start_export(server, URL, tmp_path / "cache-0", ids) as last:
        _, error = last.communicate(timeout=60)
    assert last.returncode == 0, error
    assert count_ids() == dict.fromkeys(ids, 1)
    assert list_orphans() == [], "the next run removes what is left of killed ones"
    assert count_plain() == dict.fromkeys(ids, 1)


def test_compact_merges_files_and_removes_what_nothing_needs(s3: S3Server, client: Client) -> None:
    ids = make_ids(60)
    for start in range(0, 60, 10):
        ga.export(ids[start : start + 10], URL, client=client)
    orphan = "data/month=2025-08/00000099-1f0c9a7e.parquet"
    Store(URL).write(orphan, b"of a writer that was killed")
    Store(URL).write("data/notes.txt", b"of somebody else")
    assert len(read_manifest(URL).files) == 6
    assert ga.compact(URL) == 5
    assert len(read_manifest(URL).files) == 1
    assert [each.key for each in Store(URL).list("data") if each.key not in {orphan, "data/notes.txt"}] == [
        read_manifest(URL).files[0].path
    ]
    assert orphan in list_orphans(), "it may belong to a writer that is at work"
    s3.skew_clock(-5 * 86_400)
    ga.compact(URL)
    s3.skew_clock(5 * 86_400)
    ga.compact(URL)
    assert orphan in list_orphans(), "its age is by the clock of the store"
    s3.age(90_000)
    assert ga.compact(URL) == 0
    assert list_orphans() == ["data/notes.txt"], "what no writer has written is never removed"
    Store(URL).remove(["data/notes.txt"])
    assert count_ids() == count_plain() == dict.fromkeys(ids, 1)


@pytest.mark.parametrize(("compacts", "has_young"), [(True, True), (True, False), (False, True)])
def test_a_slow_writer_whose_number_is_free_again_loses_nothing(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, *, compacts: bool, has_young: bool
) -> None:
    monkeypatch.setattr(shared_bucket, "_MOST_KEPT", 2)
    with Writer(URL, partition="month") as slow:
        slow.commit(rows("gen-1"), rows("gen-2") if has_young else NONE, failures("gen-3"))
        for number in range(4, 8):
            with Writer(URL, partition="month") as fast:
                fast.commit(rows(f"gen-{number}", *(["gen-2"] if number == 4 else [])), NONE, NO_FAILURE)
        s3.age(90_000)
        with Writer(URL, partition="month") as fast:
            fast.commit(rows("gen-8"), NONE, NO_FAILURE)
        if compacts:
            ga.compact(URL)
            assert list(Store(URL).list("young")) == []
        else:
            Store(URL).remove([f"manifests/0000000{number}.json" for number in range(1, 5)])
        assert min(each.key for each in Store(URL).list("manifests")) == "manifests/00000005.json"
        slow.commit(rows("gen-9", "gen-4"), rows("gen-10"), failures("gen-8"))
    assert count_ids() == {f"gen-{number}": 1 for number in (1, 2, 4, 5, 6, 7, 8, 9, 10)}
    assert read_failures(URL)["requested_id"].to_pylist() == ["gen-3"]
    assert list_orphans() == []


def test_a_prefix_with_other_objects_is_refused(client: Client, server: FaultServer) -> None:
    copies = dict.fromkeys(("manifest.json", ".files/manifests/00000001.json"), "a copy of a data set")
    for name, words in {"notes.txt": r"other objects \(notes.txt\)", **copies}.items():
        Store(URL).write(name, b"{}")
        with pytest.raises(InputError, match=f"{URL} contains {words}"):
            ga.export(make_ids(3), URL, client=client)
        Store(URL).remove([name])
    assert server.requests == []
    Store(URL).write("data/month=2025-08/00000001-1f0c9a7e.parquet", b"of a writer that was killed")
    assert ga.export(make_ids(3), URL, client=client).rows == 3
    assert list_orphans() == []


def test_a_long_object_is_written_in_one_request(s3: S3Server) -> None:
    content = bytes(6 << 20)
    Store(URL).write("long", content)
    Store(URL).create("long-too", content)
    assert [(request.method, request.query) for request in s3.requests] == [("PUT", "")] * 2
    assert Store(URL).read("long-too") == content


def test_merged_files_remain_for_readers_that_began_before(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = make_ids(20)
    ga.export(ids[:10], URL, client=client)
    ga.export(ids[10:], URL, client=client)
    files = [file.path for file in read_manifest(URL).files]
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        assert all(Store(URL).read(name) for name in files)

    monkeypatch.setattr(shared_bucket, "GRACE_S", 60.0)
    monkeypatch.setattr(shared_bucket, "time", Mock(wraps=time, sleep=wait))  # other threads sleep as they did
    ga.compact(URL)
    assert len(waits) == 1
    assert 50 < waits[0] <= 61
    with pytest.raises(FileNotFoundError):
        Store(URL).read(files[0])


def test_two_compactions_and_an_export_at_once(server: FaultServer, client: Client, tmp_path: Path) -> None:
    ids = make_ids(400)
    for start in range(0, 100, 10):
        ga.export(ids[start : start + 10], URL, client=client)
    errors: list[BaseException] = []

    def compact() -> None:
        try:
            for _ in range(3):
                ga.compact(URL)
        except BaseException as error:  # noqa: BLE001 - of a thread
            errors.append(error)

    compacting = [threading.Thread(target=compact) for _ in range(2)]
    with start_export(server, URL, tmp_path / "other", ids, batch_rows=30) as running:
        for each in compacting:
            each.start()
        for each in compacting:
            each.join()
        _, text = running.communicate(timeout=60)
    assert (errors, running.returncode) == ([], 0), text
    assert count_ids() == count_plain() == dict.fromkeys(ids, 1)


def test_a_hostile_manifest_does_not_lead_out_of_the_data_set(client: Client) -> None:
    ga.export(make_ids(3), URL, client=client)
    store = Store(URL)
    last = max(each.key for each in store.list("manifests"))
    store.write(last, store.read(last).replace(b'"data/month', b'"data/../../month'))
    for act in (lambda: read_parquet(URL), lambda: ga.export(make_ids(4), URL, client=client)):
        with pytest.raises(InputError, match="leads out of the data set"):
            act()


def test_a_damaged_manifest_is_named(client: Client) -> None:
    ga.export(make_ids(3), URL, client=client)
    Store(URL).write("manifests/00000002.json", b"{")
    for act in (lambda: read_parquet(URL), lambda: ga.export(make_ids(4), URL, client=client)):
        with pytest.raises(InputError, match=f"cannot read {URL}/manifests/00000002.json: "):
            act()


def test_a_manifest_of_another_commit_is_refused(client: Client, server: FaultServer) -> None:
    ga.export(make_ids(3), URL, client=client)
    Store(URL).write("manifests/00000009.json", Store(URL).read("manifests/00000001.json"))
    with pytest.raises(InputError, match=rf"manifests/00000009.json of {URL} is that of another commit \(1\)"):
        ga.export(make_ids(4), URL, client=client)
    assert len(server.requests) == 3


def test_a_write_needs_few_requests(s3: S3Server, client: Client) -> None:
    ga.export(make_ids(100), URL, client=client)
    assert sum(s3.counts.values()) < 20
