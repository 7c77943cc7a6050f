import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from genanalytics.errors import InputError, KeyRefusedError
from genanalytics.fetching.answers import Answer, Outcome
from genanalytics.fetching.client import Client
from genanalytics.fetching.dispatch import MAX_FAILURES
from support.dispatching import answers_of, cached, dispatch_of
from support.fault_server import FaultServer, Request
from support.faults import KEY, LONG_AGO, HangsUp, Says, good, make_ids, refusal

MakeClient = Callable[..., Client]

pytestmark = pytest.mark.usefixtures("brisk")


def until(holds: Callable[[], bool], *, timeout_s: float = 5.0) -> bool:
    """Wait until something holds, and return whether it came to that."""
    deadline = time.monotonic() + timeout_s
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


def test_what_may_pass_is_asked_for_six_times_and_everything_else_once(server: FaultServer, client: Client) -> None:
    passing = [408, 425, 500, 502, 503, 504, *range(520, 529)]
    lasting = [301, 302, 307, 308, 400, 402, 403, 404]
    ids = dict(zip([*passing, *lasting, 0], make_ids(24), strict=True))
    for status in passing:
        server.plan(ids[status], *[refusal(status)] * 6)
    for status in lasting:
        server.plan(ids[status], refusal(status))
    server.plan(ids[0], *[HangsUp()] * 6)
    answers = answers_of(client, list(ids.values()))
    attempts = {status: answers[generation_id].attempts for status, generation_id in ids.items()}
    assert attempts == dict.fromkeys([*passing, 0], 6) | dict.fromkeys(lasting, 1)
    assert server.asked == {ids[status]: times for status, times in attempts.items()}
    outcomes = {status: answers[generation_id].outcome.value for status, generation_id in ids.items()}
    assert outcomes == dict.fromkeys(ids, "failed") | {403: "forbidden", 404: "not_found"}


@pytest.mark.parametrize("status", [429, 529])
def test_being_asked_too_often_is_no_failure_of_an_id(status: int, server: FaultServer, client: Client) -> None:
    [generation_id] = make_ids(1)
    server.plan(generation_id, *[refusal(status)] * (MAX_FAILURES + 2))
    answer = answers_of(client, [generation_id])[generation_id]
    assert (answer.outcome, answer.attempts) == (Outcome.OK, MAX_FAILURES + 3)


def test_a_service_that_refuses_everything_ends_the_run(
    server: FaultServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genanalytics.fetching.outage.PATIENCE_WITH_REFUSALS_S", 1.0)
    monkeypatch.setattr("genanalytics.fetching.pacing.pace.MAX_DELAY_S", 0.1)
    server.otherwise = lambda _: refusal(429)
    dispatch = dispatch_of(client)
    answers = [answer for _, answer in dispatch.answers(iter(make_ids(40)))]
    assert {answer.outcome for answer in answers} == {Outcome.SKIPPED}
    assert len(answers) == 40
    [notice] = dispatch.notices
    assert notice.startswith("the service refused everything for ")
    assert notice.endswith(
        " s (the service answered 429: 'no'): fetch again as soon as `genanalytics doctor` gets an answer; fetched"
        " records are kept"
    )


@pytest.mark.parametrize("failures", range(MAX_FAILURES))
def test_any_number_of_failures_below_the_limit_ends_in_the_record(
    failures: int, server: FaultServer, client: Client
) -> None:
    [generation_id] = make_ids(1)
    server.plan(generation_id, *[refusal(503), HangsUp(), Says(200, b"<html>"), refusal(429), refusal(524)][:failures])
    answer = answers_of(client, [generation_id])[generation_id]
    assert (answer.outcome, answer.attempts) == (Outcome.OK, failures + 1)
    assert server.asked == {generation_id: failures + 1}


def test_what_failed_is_not_kept(server: FaultServer, client: Client) -> None:
    [generation_id] = make_ids(1)
    server.plan(generation_id, *[Says(200, b'{"data": null}')] * 6)
    assert answers_of(client, [generation_id])[generation_id].outcome is Outcome.FAILED
    assert answers_of(client, [generation_id])[generation_id].outcome is Outcome.OK


def test_an_id_that_is_asked_again_keeps_no_worker(server: FaultServer, make_client: MakeClient) -> None:
    waiting, *others = make_ids(20)
    server.plan(waiting, *[refusal(503)] * 4)
    answers_of(make_client(max_workers=1), [waiting, *others])
    order = [request.generation_id for request in server.requests]
    assert order.index(others[0]) < len(order) - 1 - order[::-1].index(waiting)


def test_an_id_that_is_asked_again_goes_before_those_that_were_not_asked_yet(
    server: FaultServer, make_client: MakeClient
) -> None:
    ids = make_ids(200)
    server.plan(ids[0], refusal(503))
    server.otherwise = lambda generation_id: good(generation_id, after_s=0.001)
    answers_of(make_client(max_workers=1), ids)
    assert [request.generation_id for request in server.requests][-1] == ids[-1]


def test_the_rate_is_kept(make_client: MakeClient) -> None:
    started = time.monotonic()
    answers_of(make_client(rate=100), make_ids(30))
    assert 28 / 100 <= time.monotonic() - started < 2


def test_a_run_that_ended_early_still_gives_what_is_kept(server: FaultServer, make_client: MakeClient) -> None:
    known, asked = make_ids(2_500), make_ids(2_100, created=1_757_000_000)
    client = make_client(max_workers=1)
    kept = {client.make_cache_key(known[-1]): client.make_entry(answers_of(client, [known[-1]])[known[-1]])}
    assert None not in kept.values()
    server.otherwise = lambda _: refusal(429, Retry_After="600")
    dispatch = dispatch_of(client, refresh=True)
    answers = {answer.requested_id: answer for _, answer in dispatch.answers(iter([*asked, *known]))}
    assert answers[known[-1]].outcome is Outcome.OK
    assert answers[known[-1]].from_cache
    assert len(answers) == 4_600


def test_a_404_that_was_remembered_stands_for_nothing_once_its_day_is_over(server: FaultServer, client: Client) -> None:
    [generation_id] = make_ids(1)
    entry = client.make_entry(Answer(generation_id, Outcome.NOT_FOUND, fetched_at=LONG_AGO + 2 * 24 * 60 * 60))
    assert entry is not None
    client.archive.store({client.make_cache_key(generation_id): entry})
    server.plan(generation_id, refusal(400))
    assert answers_of(client, [generation_id])[generation_id].outcome is Outcome.FAILED


@pytest.mark.long
def test_young_ids_are_asked_for_ever_more_rarely_until_the_record_appears(server: FaultServer, client: Client) -> None:
    early, late, never = make_ids(3, created=int(time.time()))
    server.plan(early, refusal(404))
    server.plan(late, *[refusal(404)] * 3)
    server.plan(never, *[refusal(404)] * 4)
    dispatch = dispatch_of(client, wait_s=5)
    answers = {answer.requested_id: answer for _, answer in dispatch.answers(iter([early, late, never]))}
    outcomes = [answers[generation_id].outcome for generation_id in (early, late, never)]
    assert outcomes == [Outcome.OK, Outcome.OK, Outcome.PENDING]
    first, second, third, last = (request.at for request in server.requests if request.generation_id == never)
    assert second - first >= 0.9
    assert third - second >= 1.9
    assert last - first >= 4.9
    assert server.asked == {early: 2, late: 4, never: answers[never].attempts}
    assert dispatch.requests == 10


def test_waiting_for_the_young_keeps_no_worker(server: FaultServer, make_client: MakeClient) -> None:
    young, old = make_ids(3, created=int(time.time())), make_ids(10)
    for generation_id in young:
        server.plan(generation_id, refusal(404))
    answers = dispatch_of(make_client(max_workers=1), wait_s=2).answers(iter(young + old))
    order = [answer.requested_id for _, answer in answers]
    assert set(order[:10]) == set(old)
    assert set(order[10:]) == set(young)


def test_more_failures_than_requests_do_not_use_up_the_patience(server: FaultServer, client: Client) -> None:
    [young] = make_ids(1, created=int(time.time()))
    server.plan(young, *[refusal(503)] * 5, refusal(404))
    [(_, answer)] = dispatch_of(client, wait_s=0.2).answers(iter([young]))
    assert (answer.outcome, answer.attempts) == (Outcome.OK, 7)


def test_a_refused_key_ends_the_run_at_once_and_keeps_what_came(server: FaultServer, make_client: MakeClient) -> None:
    ids = make_ids(40)
    server.plan(ids[10], refusal(401))
    client = make_client(max_workers=1)
    with pytest.raises(KeyRefusedError):
        answers_of(client, ids)
    assert len(server.requests) <= 12
    assert set(ids[:10]) <= cached(client, ids)
    answers_of(client, ids)
    assert set(server.asked) == set(ids)
    assert {generation_id for generation_id, times in server.asked.items() if times > 1} <= set(ids[10:12])


def test_ids_that_fail_to_come_cost_no_answer(client: Client) -> None:
    ids = make_ids(4_001)

    def broken() -> Iterator[str]:
        yield from ids
        msg = "no more"
        raise InputError(msg)

    with pytest.raises(InputError, match="no more"):
        for _ in dispatch_of(client).answers(broken()):
            pass
    assert len(cached(client, ids)) >= 1_900


def test_a_caller_that_leaves_early_loses_nothing(server: FaultServer, client: Client) -> None:
    ids = make_ids(200)
    taken = []
    for _, answer in dispatch_of(client).answers(iter(ids)):
        taken.append(answer.requested_id)
        if len(taken) == 20:
            break
    assert set(taken) <= cached(client, ids)
    assert until(lambda: server.open_connections == len({request.connection for request in server.requests}))
    before = len(server.requests)
    assert before <= 20 + 2 * 16 + 16
    answers_of(client, ids)
    assert {generation_id for generation_id, times in server.asked.items() if times > 1}.isdisjoint(taken)


def test_what_came_while_the_caller_was_busy_is_kept_too(server: FaultServer, make_client: MakeClient) -> None:
    ids = make_ids(100)
    client = make_client(max_workers=8)
    server.plan(ids[15], refusal(503))
    for _ in dispatch_of(client).answers(iter(ids)):
        assert until(lambda: len(server.requests) == 16)  # what was handed out: two for each worker
        time.sleep(0.1)
        break
    assert cached(client, ids) == set(ids[:15])


def worker_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "genanalytics worker"}


def test_no_worker_outlives_the_run(make_client: MakeClient) -> None:
    client = make_client(max_workers=7)
    before, during = worker_threads(), set[threading.Thread]()
    for _ in dispatch_of(client).answers(iter(make_ids(50))):
        during |= worker_threads() - before
    assert len(during) == 7
    assert until(lambda: worker_threads() <= before)


def test_no_more_connections_are_opened_than_workers(server: FaultServer, make_client: MakeClient) -> None:
    ids = make_ids(100)
    server.plan(ids[0], refusal(500), refusal(404))
    server.otherwise = lambda generation_id: good(generation_id, after_s=0.002)
    answers_of(make_client(max_workers=5), ids)
    connections = {request.connection for request in server.requests}
    assert connections == {1, 2, 3, 4, 5}


def test_a_client_serves_several_threads_at_once(server: FaultServer, client: Client) -> None:
    lists = [make_ids(150, created=1_756_000_000 + number) for number in range(4)]
    found: list[dict[str, Answer]] = []
    threads = [threading.Thread(target=lambda ids=ids: found.append(answers_of(client, ids))) for ids in lists]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sorted(answers) for answers in found) == [sorted(ids) for ids in lists]
    assert all(answer.outcome is Outcome.OK for answers in found for answer in answers.values())
    assert len(server.requests) == 600
    assert all(cached(client, ids) == set(ids) for ids in lists)


INTERRUPTED = """
import signal, sys
from pathlib import Path
import genanalytics as ga
signal.signal(signal.SIGINT, signal.default_int_handler)
base_url, key, cache_dir, ids = sys.argv[1:]
with ga.Client(key, base_url=base_url, cache_dir=cache_dir, max_workers=4) as client:
    ga.fetch(Path(ids), client=client)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are another matter there")
def test_an_interrupted_run_ends_soon_and_is_taken_up_where_it_stopped(
    server: FaultServer, make_client: MakeClient, tmp_path: Path
) -> None:
    ids = make_ids(400)
    (tmp_path / "ids.txt").write_text("\n".join(ids))
    slow, stuck = ids[:60], set(ids[60:])
    server.otherwise = lambda generation_id: good(generation_id, after_s=30 if generation_id in stuck else 0.02)
    arguments = [server.base_url, KEY, str(tmp_path / "cache"), str(tmp_path / "ids.txt")]
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, *arguments], stderr=subprocess.PIPE, text=True
    ) as running:
        assert until(lambda: len(server.requests) == 64, timeout_s=30)
        running.send_signal(signal.SIGINT)
        interrupted = time.monotonic()
        _, errors = running.communicate(timeout=30)
    assert time.monotonic() - interrupted < 2
    assert running.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in errors
    assert KEY not in errors

    with closing(sqlite3.connect(tmp_path / "cache" / "generations.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    client = make_client()
    kept = cached(client, ids)
    assert kept <= set(slow)
    assert (
        len(kept) >= len(slow) - 1
    )  # the answer that was just in hand can be lost to the signal: it is asked for again
    server.otherwise = good
    before: list[Request] = server.requests
    answers = answers_of(client, ids)
    assert all(answer.outcome is Outcome.OK for answer in answers.values())
    assert {request.generation_id for request in server.requests[len(before) :]} == set(ids) - kept
