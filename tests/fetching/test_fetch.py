import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import genanalytics as ga
from genanalytics import Client
from genanalytics.cache import database
from genanalytics.cache.entry import Entry
from genanalytics.ids.read import IdSource
from genanalytics.records.schema import COLUMNS
from support.fault_server import FaultServer, assert_whole
from support.faults import KEY, HangsUp, Says, assert_true, envelope, good, make_ids, record_of, refusal

MakeClient = Callable[..., Client]
FAILURES_DTYPES = {
    "requested_id": "str",
    "outcome": "str",
    "status": "Int64",
    "message": "str",
    "attempts": "Int64",
    "returned_id": "str",
    "body": "str",
}

pytestmark = pytest.mark.usefixtures("brisk")


def keep(client: Client, generation_id: str, *, expires: int | None = None, **fields: object) -> None:
    """Put a record into the cache as an earlier run would have."""
    body = envelope(record_of(generation_id) | fields)
    entry = Entry(generation_id, f"{client.base_url}/generation", 200, time.time() - 60, expires, None, body)
    client.archive.store({client.make_cache_key(generation_id): entry})


def test_ids_become_rows_in_their_order_once_each(server: FaultServer, client: Client) -> None:
    ids = [make_ids(300)[7 * index % 300] for index in range(300)]
    fetched = ga.fetch([*ids, *ids[:40], ids[7]], client=client)
    assert fetched.frame["requested_id"].tolist() == ids
    assert fetched.frame["id"].tolist() == ids
    assert_true(fetched.frame)
    assert_whole(fetched, server)
    assert server.asked == dict.fromkeys(ids, 1)
    stats = fetched.stats
    assert (stats.requested, stats.distinct, stats.duplicates, stats.requests) == (341, 300, 41, 300)
    assert (stats.outcomes, stats.coverage, stats.from_cache, stats.not_stored) == ({"ok": 300}, 1.0, 0, 0)
    assert stats.notices == ()
    assert 0 < stats.seconds < 30


def test_every_outcome_is_reached_and_said(server: FaultServer, client: Client) -> None:
    fine, missing, others, odd, broken, unlucky, late = make_ids(7)
    [young] = make_ids(1, created=int(time.time()))
    server.plan(missing, refusal(404, f"Generation {missing} not found"))
    server.plan(others, refusal(403))
    server.plan(odd, good("gen-odd"), good("gen-odd"))
    server.plan(broken, refusal(400, "what?"))
    server.plan(unlucky, *[HangsUp()] * 6)
    server.plan(late, replace(refusal(429, Retry_After="600"), after_s=0.8))
    server.plan(young, refusal(404))
    ids = ["", fine, missing, others, odd, broken, unlucky, late, young, "two words"]
    fetched = ga.fetch(ids, client=client, wait_s=0)
    assert_whole(fetched, server)
    assert fetched.frame["requested_id"].tolist() == [fine]
    told = fetched.failures.set_index("requested_id")
    assert told.index.tolist() == [generation_id for generation_id in ids if generation_id != fine]
    told["status"] = told["status"].fillna(0)
    rows = told.drop(index=[unlucky, late])[["outcome", "status", "attempts", "message"]].itertuples(name=None)
    assert {generation_id: tuple(row) for generation_id, *row in rows} == {
        "": ("invalid", 0, 0, "an id cannot be empty"),
        missing: ("not_found", 404, 1, "the service has no record of it"),
        others: ("forbidden", 403, 1, "the generation belongs to another account: 'no'"),
        odd: ("mismatch", 200, 2, "the answer carries another id: 'gen-odd'"),
        broken: ("failed", 400, 1, "the service answered 400: 'what?'"),
        young: ("pending", 404, 1, "the service has no record of it yet"),
        "two words": ("invalid", 0, 0, "an id cannot contain white space"),
    }
    assert told["outcome"][[unlucky, late]].tolist() == ["failed", "skipped"]
    assert told["attempts"][[unlucky, late]].tolist() == [6, 1]
    assert told["message"][unlucky].startswith("no answer: ")
    assert fetched.stats.notices == (told["message"][late],)
    assert "the service asked for a pause until" in told["message"][late]
    assert fetched.stats.coverage == 0.1

    again = ga.fetch(ids, client=client, wait_s=0)
    asked = {generation_id for generation_id, times in server.asked.items() if times > 1}
    assert asked == {others, odd, broken, unlucky, late, young}, "only the record and the old 404 are remembered"
    assert again.stats.outcomes == {"ok": 7, "not_found": 1, "invalid": 2}
    remembered = again.failures.set_index("requested_id")["message"][missing]
    assert remembered.startswith("the service had no record of it on 20")


def test_nothing_gives_the_full_schema_without_rows(server: FaultServer, client: Client) -> None:
    fetched = ga.fetch([], client=client)
    assert len(fetched.frame) == 0
    dtypes = {column.name: column.kind.pandas_dtype for column in COLUMNS}
    assert fetched.frame.dtypes.astype(str).to_dict() == dtypes
    assert fetched.stats.coverage is None
    assert (fetched.stats.requested, fetched.stats.outcomes) == (0, {})
    assert_whole(fetched, server)


@pytest.mark.parametrize("ids", [[], make_ids(1), ["", "a b", *make_ids(2)]])
def test_failures_have_their_types_whatever_failed(ids: list[str], client: Client) -> None:
    assert ga.fetch(ids, client=client).failures.dtypes.astype(str).to_dict() == FAILURES_DTYPES


def test_ids_that_are_no_text_and_no_unicode_are_invalid(server: FaultServer, client: Client) -> None:
    fetched = ga.fetch([None, 7, "gen-\ud800", "x" * 257, "\x00"], client=client)
    assert fetched.failures["outcome"].tolist() == ["invalid"] * 5
    assert fetched.failures["requested_id"][2] == "gen-\\ud800"
    fetched.failures["requested_id"].str.encode("utf-8")
    assert_whole(fetched, server)


@pytest.mark.parametrize("form", [tuple, iter, pd.Series, pd.Index])
def test_ids_come_in_any_form(form: Callable[[list[str]], IdSource], client: Client) -> None:
    assert ga.fetch(form(make_ids(3)), client=client).frame["requested_id"].tolist() == make_ids(3)


def test_one_id_is_a_text_and_a_file_a_path(client: Client, tmp_path: Path) -> None:
    ids = make_ids(3)
    (tmp_path / "ids.txt").write_text("\n".join(ids))
    assert ga.fetch(ids[0], client=client).frame["requested_id"].tolist() == ids[:1]
    assert ga.fetch(tmp_path / "ids.txt", client=client).frame["requested_id"].tolist() == ids


def test_a_generator_is_read_once_and_as_it_goes(server: FaultServer, client: Client) -> None:
    asked_when_read: list[int] = []

    def generated() -> Iterator[str]:
        for generation_id in make_ids(4_100):
            asked_when_read.append(len(server.requests))
            yield generation_id

    fetched = ga.fetch(generated(), client=client)
    assert fetched.frame["requested_id"].tolist() == make_ids(4_100)
    assert asked_when_read[-1] > 1_900
    assert_whole(fetched, server)
    assert ga.fetch(generated(), client=client).stats.requests == 0
    assert_true(fetched.frame.sample(50, random_state=1))


def test_the_second_fetch_asks_nothing(server: FaultServer, make_client: MakeClient) -> None:
    ids = make_ids(50)
    first = ga.fetch(ids, client=make_client())
    second = ga.fetch(ids[::-1], client=make_client())
    assert len(server.requests) == 50
    assert (second.stats.requests, second.stats.from_cache, second.stats.outcomes) == (0, 50, {"ok": 50})
    pd.testing.assert_frame_equal(second.frame, first.frame[::-1].reset_index(drop=True))


def test_offline_answers_from_the_cache_alone(server: FaultServer, make_client: MakeClient) -> None:
    known, unknown, expired = make_ids(3)
    client = make_client(account="team-a")
    keep(client, known)
    keep(client, expired, expires=1)
    offline = ga.fetch([known, unknown, expired], client=make_client(None, account="team-a", offline=True))
    assert offline.frame["requested_id"].tolist() == [known, expired]
    [failure] = offline.failures.to_dict("records")
    assert (failure["outcome"], failure["attempts"]) == ("unavailable", 0)
    assert failure["message"] == "offline, and not in the cache"
    assert server.requests == []
    assert offline.stats.notices == ()
    assert_whole(offline, server)


def test_accounts_and_services_never_read_each_other(server: FaultServer, make_client: MakeClient) -> None:
    [generation_id] = make_ids(1)
    clients: list[dict[str, object]] = [
        {},
        {"api_key": "sk-another"},
        {"account": "team-a"},
        {"account": "team-b"},
        {"account": "team-a", "base_url": f"{server.base_url}/v2"},
    ]
    for number, options in enumerate(clients, start=1):
        offline = ga.fetch(generation_id, client=make_client(**options, offline=True))
        assert offline.stats.outcomes == {"unavailable": 1}
        assert ga.fetch(generation_id, client=make_client(**options)).stats.requests == 1
        assert len(server.requests) == number
    for options in clients:
        assert ga.fetch(generation_id, client=make_client(**options)).stats.from_cache == 1


def test_refresh_asks_again_and_keeps_what_it_cannot_better(server: FaultServer, client: Client) -> None:
    better, gone, down = make_ids(3)
    for generation_id in (better, gone, down):
        keep(client, generation_id, latency=1)
    server.plan(gone, refusal(404))
    server.plan(down, *[refusal(503)] * 6)
    assert ga.fetch([better, gone, down], client=client).stats.requests == 0
    fetched = ga.fetch([better, gone, down], client=client, refresh=True)
    assert fetched.frame["latency"].tolist() == [record_of(better)["latency"], 1, 1]
    assert (fetched.stats.requests, fetched.stats.from_cache) == (8, 2)
    assert fetched.stats.notices == ("used 2 cached records: the service did not answer with a record",)
    assert_whole(fetched, server)
    later = ga.fetch([better, gone, down], client=client)
    pd.testing.assert_frame_equal(later.frame, fetched.frame)
    assert later.stats.requests == 0


def test_refresh_with_an_offline_client_is_refused(make_client: Callable[..., Client], server: FaultServer) -> None:
    with pytest.raises(ga.InputError, match="refresh=True asks for every id, and an offline client sends nothing"):
        ga.fetch(make_ids(1), client=make_client(offline=True), refresh=True)
    assert not server.requests


def test_a_young_record_is_kept_until_it_is_final_and_then_asked_for_again(server: FaultServer, client: Client) -> None:
    waiting, due, lost = make_ids(3)
    now = int(time.time())
    keep(client, waiting, latency=1, expires=now + 600)
    keep(client, due, latency=1, expires=now - 1)
    keep(client, lost, latency=1, expires=now - 1)
    server.plan(lost, refusal(404))
    fetched = ga.fetch([waiting, due, lost], client=client)
    assert fetched.frame["latency"].tolist() == [1, record_of(due)["latency"], 1]
    assert server.asked == {due: 1, lost: 1}
    assert len(fetched.stats.notices) == 1
    ga.fetch([waiting, due, lost], client=client)
    assert server.asked == {due: 1, lost: 2}, "what came is final, what did not is asked for again"


def test_a_brand_new_record_is_kept_for_now(server: FaultServer, client: Client) -> None:
    [young] = make_ids(1, created=int(time.time()))
    assert ga.fetch(young, client=client).stats.requests == 1
    assert ga.fetch(young, client=client).stats.requests == 0
    [entry] = client.archive.look_up([client.make_cache_key(young)]).values()
    assert entry.expires is not None
    assert 3_590 < entry.expires - time.time() < 3_610
    assert server.asked == {young: 1}


def test_ids_without_a_record_yet_are_waited_for(server: FaultServer, client: Client) -> None:
    [young] = make_ids(1, created=int(time.time()))
    server.plan(young, refusal(404))
    fetched = ga.fetch(young, client=client, wait_s=0.2)
    assert fetched.stats.outcomes == {"ok": 1}
    assert fetched.stats.requests == 2
    assert_whole(fetched, server)


def test_without_waiting_they_are_pending_at_once(server: FaultServer, client: Client) -> None:
    young = make_ids(5, created=int(time.time()))
    for generation_id in young:
        server.plan(generation_id, refusal(404))
    fetched = ga.fetch(young, client=client, wait_s=0)
    assert fetched.stats.outcomes == {"pending": 5}
    assert fetched.stats.seconds < 1


def test_an_accepted_mismatch_stands_under_the_id_asked_for_and_only_where_accepted(
    server: FaultServer, client: Client
) -> None:
    [asked] = make_ids(1)
    server.plan(asked, good("gen-other"))
    accepted = ga.fetch(asked, client=client, accept_mismatch=True)
    assert accepted.frame[["requested_id", "id"]].to_dict("records") == [{"requested_id": asked, "id": "gen-other"}]
    assert ga.fetch(asked, client=client, accept_mismatch=True).stats.requests == 0
    assert ga.fetch("gen-other", client=client).frame["id"].tolist() == ["gen-other"]
    assert server.asked == {asked: 1, "gen-other": 1}

    server.plan(asked, refusal(404))
    assert ga.fetch(asked, client=client).stats.outcomes == {"not_found": 1}, "the stored mismatch is not taken"
    server.plan(asked, good(asked))
    assert ga.fetch(asked, client=client, refresh=True).frame["id"].tolist() == [asked]
    assert ga.fetch(asked, client=client, accept_mismatch=True).frame["id"].tolist() == [asked]


def test_a_refused_key_raises_and_what_came_is_kept(server: FaultServer, make_client: MakeClient) -> None:
    ids = make_ids(30)
    server.plan(ids[5], refusal(401))
    client = make_client(max_workers=1)
    with pytest.raises(ga.KeyRefusedError, match="refused the API key"):
        ga.fetch(ids, client=client)
    assert len(server.requests) <= 7
    offline = ga.fetch(ids, client=make_client(offline=True))
    assert offline.frame["requested_id"].tolist()[:5] == ids[:5]


@pytest.mark.parametrize("position", [0, 15, 16, 200, -1])
def test_a_damaged_row_is_fetched_again(position: int, server: FaultServer, client: Client) -> None:
    ids = make_ids(3)
    ga.fetch(ids, client=client)
    with closing(sqlite3.connect(client.archive.path)) as connection, connection:
        key = client.make_cache_key(ids[1])
        [value] = connection.execute("SELECT value FROM responses WHERE key = ?", [key]).fetchone()
        damaged = bytearray(value)
        damaged[position] ^= 0x20
        connection.execute("UPDATE responses SET value = ? WHERE key = ?", [bytes(damaged), key])
    again = ga.fetch(ids, client=client)
    assert_true(again.frame)
    assert server.asked == {ids[0]: 1, ids[1]: 2, ids[2]: 1}
    assert ga.fetch(ids, client=client).stats.requests == 0


def test_a_cache_that_cannot_be_written_costs_no_row(server: FaultServer, client: Client) -> None:
    keep(client, make_ids(1)[0])
    with closing(sqlite3.connect(client.archive.path)) as connection, connection:
        refused = "CREATE TRIGGER t BEFORE INSERT ON responses BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        connection.execute(refused)
    fetched = ga.fetch(make_ids(50), client=client)
    assert fetched.frame["requested_id"].tolist() == make_ids(50)
    assert_true(fetched.frame)
    assert_whole(fetched, server)
    assert (fetched.stats.not_stored, fetched.stats.from_cache) == (49, 1)
    failed = f"the cache {client.archive.path} failed: disk is full"
    assert fetched.stats.notices == (f"49 answers could not be cached and will be fetched again: {failed}",)


def test_a_cache_that_another_process_is_writing_to_costs_no_row(
    server: FaultServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.archive.close()
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 50)
    with closing(sqlite3.connect(client.archive.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        fetched = ga.fetch(make_ids(20), client=client)
        other.execute("ROLLBACK")
    assert len(fetched.frame) == fetched.stats.not_stored == 20
    assert "database is locked" in fetched.stats.notices[0]
    assert ga.fetch(make_ids(20), client=client).stats.not_stored == 0
    assert ga.fetch(make_ids(20), client=client).stats.requests == 0
    assert len(server.requests) == 40


def test_a_cache_that_cannot_be_read_is_an_error(client: Client) -> None:
    client.archive.path.unlink()
    client.archive.path.mkdir()
    with pytest.raises(ga.CacheError, match="it is not a file"):
        ga.fetch(make_ids(1), client=client)


def test_without_a_client_one_is_made_from_the_environment(
    server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ga.KeyRefusedError, match="OPENROUTER_API_KEY"):
        ga.fetch(make_ids(1))
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    monkeypatch.setenv("GENANALYTICS_BASE_URL", server.base_url)
    monkeypatch.setenv("GENANALYTICS_CACHE_DIR", str(tmp_path / "cache"))
    server.plan(make_ids(2)[1], good("gen-other"))
    fetched = ga.fetch(iter(make_ids(2)), wait_s=0, refresh=True, accept_mismatch=True, progress=False)
    assert fetched.stats.outcomes == {"ok": 2}
    assert server.requests[0].values("Authorization") == [f"Bearer {KEY}"]
    assert [file.name for file in (tmp_path / "cache").iterdir()] == ["generations.sqlite"], "and closed afterwards"


def test_progress_is_silent_where_nobody_looks_and_drawn_where_asked_for(
    server: FaultServer, make_client: MakeClient, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.otherwise = lambda generation_id: good(generation_id, after_s=0.3)
    client = make_client(max_workers=2)
    ids = make_ids(4)
    ga.fetch(ids, client=client, refresh=True)
    ga.fetch(ids, client=client, refresh=True, progress=False)
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "")
    ga.fetch([*ids, ids[0]], client=client, refresh=True, progress=True)
    output = capsys.readouterr()
    assert output.out == ""
    assert "5/5" in output.err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    ga.fetch(iter(ids), client=client, refresh=True)
    assert "4 ids" in capsys.readouterr().err


def test_the_key_is_nowhere(server: FaultServer, client: Client, tmp_path: Path) -> None:
    ids = make_ids(6)
    page = Says(200, f"<html>your key is {KEY}</html>".encode())
    server.plan(ids[0], refusal(400, f"bad key {KEY}"))
    server.plan(ids[1], *[page] * 6)
    server.plan(ids[2], good(KEY), good(KEY))
    server.plan(ids[3], *[HangsUp()] * 6)
    fetched = ga.fetch(ids, client=client)
    assert fetched.stats.outcomes == {"ok": 2, "mismatch": 1, "failed": 3}
    shown = fetched.failures.to_csv() + fetched.frame.to_csv() + repr(fetched) + repr(client)
    assert KEY[:8] not in shown
    assert "[key]" in shown
    files = list((tmp_path / "cache").iterdir())
    assert len(files) == 3, "the write-ahead log too"
    assert all(KEY[:8].encode() not in file.read_bytes() for file in files)
