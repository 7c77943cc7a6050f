"""Ids become a data set that has each record once, however often and in however many runs its id is given."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import genanalytics as ga
from genanalytics import Client
from genanalytics.dataset.directory import SIGNPOST
from genanalytics.dataset.export import export
from genanalytics.dataset.manifest import list_files, read_failures, read_manifest
from genanalytics.errors import InputError, KeyRefusedError
from genanalytics.files import read_parquet
from genanalytics.records.record import SETTLING_S
from support.fault_server import FaultServer
from support.faults import Cuts, HangsUp, Says, assert_true, envelope, good, make_ids, record_of, refusal

MakeClient = Callable[..., Client]
IDS = make_ids(300)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no data sets are written there")


def failed(directory: Path) -> dict[str, dict[str, object]]:
    return {row["requested_id"]: row for row in read_failures(directory).to_pylist()}


def test_a_batch_has_room_for_four_times_as_many_answers_of_the_cache(client: Client, tmp_path: Path) -> None:
    export(IDS[:40], tmp_path / "fetched", client=client, batch_rows=10)
    done = export(IDS[:40], tmp_path / "cached", client=client, batch_rows=10)
    assert done.from_cache == 40
    assert [read_manifest(tmp_path / name).commit for name in ("fetched", "cached")] == [4, 1]


def test_each_record_once_in_batches_over_several_runs(server: FaultServer, client: Client, directory: Path) -> None:
    done = export([*IDS[:200], *IDS[:100]], directory, client=client, batch_rows=64)
    assert (done.requested, done.distinct, done.present, done.rows) == (300, 200, 0, 200)
    assert (dict(done.outcomes), done.requests, done.from_cache, done.coverage) == ({"ok": 200}, 200, 0, 1)
    assert read_manifest(directory).commit == 4
    done = export(iter(IDS[150:]), directory, client=client, batch_rows=64)
    assert (done.requested, done.distinct, done.present, done.rows) == (150, 150, 50, 300)
    assert (done.requests, done.coverage) == (100, 1)
    assert str(done).startswith("150 ids: 50 already in the data set, 100 ok (100 requests, 0 from the cache, ")
    frame = read_parquet(directory)
    assert sorted(frame["requested_id"]) == sorted(IDS)
    assert_true(frame)
    before = read_manifest(directory)
    done = export(IDS, directory, client=client)
    assert (done.present, done.requests, done.outcomes) == (300, 0, {})
    assert read_manifest(directory) == before, "nothing new is no commit"
    assert set(server.asked.values()) == {1}


def test_what_the_cache_holds_is_not_asked_for(client: Client, directory: Path) -> None:
    ga.fetch(IDS, client=client)
    done = export(IDS, directory, client=client)
    assert (done.requests, done.from_cache, done.rows) == (0, 300, 300)


def test_ids_come_from_files_streams_and_generators(client: Client, directory: Path, tmp_path: Path) -> None:
    listed = tmp_path / "ids.txt"
    listed.write_text("\n".join(IDS[:10]))
    assert export(listed, directory, client=client).rows == 10
    with listed.open("rb") as stream:
        assert export(stream, directory, client=client).present == 10
    assert export((each for each in IDS[:12]), directory, client=client).rows == 12
    assert export(IDS[12], directory, client=client).rows == 13


def test_no_id_makes_a_data_set_without_rows(client: Client, directory: Path) -> None:
    done = export([], directory, client=client)
    assert (done.rows, done.coverage) == (0, None)
    assert len(read_parquet(directory)) == 0


def test_an_id_is_taken_from_a_generator_when_it_can_be_dealt_with(client: Client, directory: Path) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        for generation_id in make_ids(20_000):
            if read_manifest_commit(directory) >= 1:
                return
            taken += 1
            yield generation_id

    with pytest.raises(InputError, match="batch_rows=0"):
        export([], directory, client=client, batch_rows=0)
    export(endless(), directory, client=client, batch_rows=100)
    assert taken < 6_000, "what is looked up at once, and what waits for that, is all that is read ahead"


def read_manifest_commit(directory: Path) -> int:
    return read_manifest(directory).commit if (directory / "manifest.json").exists() else 0


@pytest.mark.usefixtures("brisk")
def test_failures_say_when_to_try_again_and_retry_asks_for_those(
    server: FaultServer, make_client: MakeClient, directory: Path
) -> None:
    client = make_client()
    ok, lost, broken, foreign, other, young = [*IDS[:5], make_ids(1, created=int(time.time()) - 60)[0]]
    server.plan(lost, refusal(404, "Generation not found"))
    server.plan(broken, *[HangsUp()] * 6)
    server.plan(foreign, refusal(403))
    server.plan(other, *[good(ok)] * 2)
    server.plan(young, refusal(404))
    done = export([ok, lost, broken, foreign, other, young, "two words"], directory, client=client, wait_s=0)
    assert done.coverage == 1 / 7
    assert (done.rows, done.failures) == (1, 6)
    there = failed(directory)
    assert {each: row["outcome"] for each, row in there.items()} == {
        lost: "not_found",
        broken: "failed",
        foreign: "forbidden",
        other: "mismatch",
        young: "pending",
        "two words": "invalid",
    }
    assert there[other]["returned_id"] == ok
    assert there[broken]["attempts"] == 6
    assert {each for each, row in there.items() if row["retry_at"] is None} == {foreign, other, "two words"}
    in_s = {each: row["retry_at"].timestamp() - time.time() for each, row in there.items() if row["retry_at"]}  # type: ignore[attr-defined]
    assert in_s[broken] < 0
    assert in_s[young] == pytest.approx(SETTLING_S - 60, abs=30)
    assert in_s[lost] == pytest.approx(86_400, abs=30)

    done = export([], directory, client=client, retry=True)
    assert (done.distinct, done.coverage, done.rows, done.failures) == (1, 1, 2, 5)
    assert broken not in failed(directory)
    soon = datetime.fromtimestamp(int(young.split("-")[1]) + SETTLING_S, UTC)
    later = f"the first is due at {soon:%Y-%m-%d %H:%M} UTC; 3 cannot succeed without a change (see failures.parquet)"
    assert done.notices == (f"5 failures not retried: {later}",)
    done = export([lost, young], directory, client=client)
    assert (done.rows, done.failures) == (3, 4), "an id that is given is asked for whenever it is"
    assert sorted(read_parquet(directory)["requested_id"]) == sorted([ok, broken, young])


def test_a_young_record_is_replaced_once_it_is_final_whether_or_not_it_is_given(
    server: FaultServer, client: Client, directory: Path
) -> None:
    soon = make_ids(4, created=int(time.time()) - SETTLING_S + 2)
    later = make_ids(2, created=int(time.time()) - 60)
    server.otherwise = lambda each: Says(200, envelope(record_of(each) | {"cache_discount": None}))
    done = export([*soon, *later, *IDS[:3]], directory, client=client)
    assert (done.rows, done.young) == (9, 6)
    server.otherwise = good
    done = export(soon, directory, client=client)
    assert (done.present, done.settled, done.requests) == (4, 0, 0)
    time.sleep(max(0, soon_final_s(soon) + 1.1 - time.time()))
    server.plan(soon[0], refusal(404))
    done = export([IDS[0], *soon[1:2]], directory, client=client, wait_s=0)
    assert (done.present, done.settled, done.outcomes, done.rows, done.young) == (2, 3, {}, 9, 3)
    assert done.failures == 0, "what could not be had again stays as it was"
    frame = read_parquet(directory).set_index("requested_id")
    assert frame["cache_discount"].isna().to_dict() == dict.fromkeys(frame.index, True) | dict.fromkeys(soon[1:], False)
    done = export([], directory, client=client)
    assert (done.settled, done.young) == (1, 2)
    assert sorted(read_parquet(directory)["requested_id"]) == sorted([*soon, *later, *IDS[:3]])


def soon_final_s(ids: list[str]) -> float:
    return int(ids[0].split("-")[1]) + SETTLING_S


def test_where_nobody_says_when_it_was_created_a_record_is_young_for_an_hour_and_then_final(
    server: FaultServer, client: Client, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.otherwise = lambda each: Says(200, envelope(record_of(each) | {"created_at": None}))
    assert export(["gen_strange"], directory, client=client).young == 1
    hour_later = time.time() + SETTLING_S + 10
    monkeypatch.setattr(time, "time", lambda: hour_later)
    done = export([], directory, client=client)
    assert (done.settled, done.young, done.rows) == (1, 0, 1)
    assert len(server.requests) == 2
    assert [re.sub("-[0-9a-f]{8}", "", file.path) for file in read_manifest(directory).files] == [
        "data/month=__HIVE_DEFAULT_PARTITION__/00000002.parquet"
    ]


def test_a_refused_key_ends_the_run_and_what_was_committed_stays(
    server: FaultServer, make_client: MakeClient, directory: Path
) -> None:
    client = make_client(max_workers=1)
    server.plan(IDS[150], refusal(401))
    with pytest.raises(KeyRefusedError):
        export(IDS, directory, client=client, batch_rows=50)
    there = read_parquet(directory)
    assert 50 <= len(there) <= 150
    assert_true(there)
    before = len(server.requests)
    done = export(IDS, directory, client=client, batch_rows=50)
    assert (done.rows, done.coverage) == (300, 1)
    assert len(server.requests) - before <= 150, "what was fetched before the end is in the cache"


@pytest.mark.usefixtures("brisk")
def test_a_server_that_is_lost_and_comes_back(server: FaultServer, make_client: MakeClient, directory: Path) -> None:
    client = make_client()
    gone = set(IDS[100:])
    body = envelope(record_of(IDS[0]))
    server.otherwise = lambda each: Cuts(body, sent=9) if each in gone else good(each)
    done = export(IDS, directory, client=client, batch_rows=30)
    assert done.rows == 100
    assert done.coverage == 100 / 300
    assert set(failed(directory)) == gone
    server.otherwise = good
    done = export([], directory, client=client, retry=True, batch_rows=30)
    assert (done.rows, done.failures, done.coverage) == (300, 0, 1)
    assert_true(read_parquet(directory))
    assert sorted(read_parquet(directory)["requested_id"]) == sorted(IDS)


SECRETS = {
    "external_user": "alice@example.org",
    "user_agent": "AgentOfAlice/1.0",
    "http_referer": "https://alice.example.org",
    "origin": "https://origin-of-alice",
    "session_id": "session-of-alice",
}


@pytest.mark.parametrize("key", [None, b"0123456789abcdef0123456789abcdef"])
def test_nothing_remains_of_what_is_redacted(
    key: bytes | None, server: FaultServer, client: Client, directory: Path
) -> None:
    misfit = IDS[0]
    server.otherwise = lambda each: Says(
        200, envelope(record_of(each) | SECRETS | ({"session_id": ["session-of-alice"]} if each == misfit else {}))
    )
    server.plan(IDS[1], *[Says(200, envelope(record_of("gen-other") | SECRETS))] * 2)  # a mismatch
    redact = ga.Redaction(sorted(SECRETS), key)
    done = export(IDS[:20], directory, client=client, redact=redact, batch_rows=5)
    assert (done.rows, done.failures) == (19, 1)
    ga.compact(directory)
    for path in (path for path in directory.rglob("*") if path.is_file() and path.name != SIGNPOST):
        content = path.read_bytes()
        for file in [path] if path.suffix == ".parquet" else []:  # what compression may hide
            content += repr(pq.ParquetFile(file).read().to_pydict()).encode() + str(pq.read_metadata(file)).encode()
        assert b"alice" not in content.lower(), path
    frame = read_parquet(directory).set_index("requested_id")
    for name in SECRETS:
        tokens = set(frame.drop(misfit)[name].dropna())
        assert len(tokens) == (0 if key is None else 1)
    assert frame["extra"].isna().all()
    assert read_manifest(directory).redact is not None
    with pytest.raises(InputError, match=r"has another redaction \(external_user,.* redacted\)"):
        export(IDS, directory, client=client)
    other = None if key else b"fedcba9876543210fedcba9876543210"
    with pytest.raises(InputError, match="give the same columns and key"):
        export(IDS, directory, client=client, redact=ga.Redaction(sorted(SECRETS), other))
    assert export(IDS[:2], directory, client=client, redact=redact).rows == 20


def test_a_field_that_is_new_is_kept_and_days_are_partitions_too(
    server: FaultServer, client: Client, directory: Path
) -> None:
    days = {each: f"2026-09-{1 + place % 3:02d}T12:00:00Z" for place, each in enumerate(IDS[:9])}
    server.otherwise = lambda each: Says(200, envelope(record_of(each) | {"created_at": days[each], "of_2027": [each]}))
    export(IDS[:9], directory, client=client, partition="day")
    frame = read_parquet(directory)
    assert [json.loads(extra)["of_2027"] for extra in frame["extra"]] == [[each] for each in frame["requested_id"]]
    assert {file.parent.name for file in list_files(directory)} == {f"day=2026-09-0{day}" for day in (1, 2, 3)}
    with pytest.raises(InputError, match="is partitioned by day, not month"):
        export(IDS, directory, client=client)


def test_many_small_files_are_worth_a_notice(client: Client, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genanalytics.dataset.export.MANY_FILES", 3)
    done = export(IDS[:10], directory, client=client, batch_rows=2)
    assert done.notices == ("the data set has 5 small files: merge them with `genanalytics compact`",)
    assert ga.compact(directory) == 4


def test_the_environment_says_which_client(
    server: FaultServer, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-test")
    monkeypatch.setenv("GENANALYTICS_BASE_URL", server.base_url)
    monkeypatch.setenv("GENANALYTICS_CACHE_DIR", str(tmp_path / "cache"))
    assert ga.export(IDS[:3], directory).rows == 3


def test_a_bar_shows_the_rate_and_what_is_left(
    server: FaultServer, client: Client, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.otherwise = lambda each: good(each, after_s=0.15)
    export([*IDS[:100], *IDS[:20]], directory, client=client, progress=True)
    shown = capsys.readouterr().err
    assert "120/120" in shown
    assert "ids/s" in shown
