"""A service that is not there, dies, or fails too often ends the run; what came is kept."""

import time
from collections.abc import Callable

import pytest

from genanalytics.fetching.answers import Outcome
from genanalytics.fetching.client import Client
from genanalytics.fetching.dispatch import MAX_FAILURES
from genanalytics.fetching.pacing import controller
from genanalytics.fetching.pacing.pace import Quota
from support.dispatching import answers_of, cached, dispatch_of
from support.fault_server import FaultServer
from support.faults import Hangs, HangsUp, good, make_ids, refusal

MakeClient = Callable[..., Client]

pytestmark = pytest.mark.usefixtures("brisk")


def test_a_dead_service_ends_the_run_after_a_few_probes(
    server: FaultServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genanalytics.fetching.outage.PATIENCE_S", 0.5)
    server.otherwise = lambda _: refusal(500)
    dispatch = dispatch_of(client)
    answers = [answer for _, answer in dispatch.answers(iter(make_ids(900)))]
    assert {answer.outcome for answer in answers} <= {Outcome.SKIPPED, Outcome.FAILED}
    assert len(answers) == 900
    assert len(server.requests) < 400
    [notice] = dispatch.notices
    assert notice.startswith("nothing got through in ")
    assert "the service answered 500" in notice
    assert notice.endswith(
        "check the connection with `genanalytics doctor`, then fetch again; fetched records are kept"
    )


def test_a_service_that_dies_ends_the_run_and_what_came_is_kept(
    server: FaultServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genanalytics.fetching.outage.PATIENCE_S", 0.5)
    monkeypatch.setattr(controller, "SLOWEST_PROBE_OF_FAULTS_S", 0.01)  # so at most some 50 probes
    ids = make_ids(400)
    alive = set(ids[:100])
    server.otherwise = lambda generation_id: good(generation_id) if generation_id in alive else HangsUp()
    answers = answers_of(client, ids)
    assert {answers[generation_id].outcome for generation_id in alive} == {Outcome.OK}
    assert {answers[generation_id].outcome for generation_id in set(ids) - alive} <= {Outcome.SKIPPED, Outcome.FAILED}
    assert len(server.requests) < 300
    assert cached(client, ids) == alive


@pytest.mark.parametrize(("number", "failures"), [(10, 80), (40, 300)])
def test_an_outage_that_ends_costs_no_record(
    number: int, failures: int, server: FaultServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genanalytics.fetching.outage.SHORTEST_S", 0.02)
    monkeypatch.setattr("genanalytics.fetching.dispatch.PROBE_S", 0.01)
    ids = make_ids(number)
    assert failures > number * MAX_FAILURES, "at least one id fails more often than an id may"
    server.otherwise = lambda asked: good(asked) if len(server.requests) > failures else refusal(503)
    answers = answers_of(client, ids)
    assert {answer.outcome for answer in answers.values()} == {Outcome.OK}
    assert max(server.asked.values()) > MAX_FAILURES


def test_a_refusal_after_a_long_wait_for_a_young_record_ends_no_run(
    server: FaultServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genanalytics.fetching.outage.PATIENCE_WITH_REFUSALS_S", 0.5)
    [young] = make_ids(1, created=int(time.time()))
    server.plan(young, refusal(404), refusal(429))  # the second request comes a second later
    [(_, answer)] = dispatch_of(client, wait_s=1.5).answers(iter([young]))
    assert answer.outcome is Outcome.OK


def test_one_worker_gives_up_a_service_that_hangs_after_three_ids(
    server: FaultServer, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genanalytics.fetching.outage.PATIENCE_S", 0.2)
    server.otherwise = lambda _: Hangs()
    answers = answers_of(make_client(max_workers=1, timeout_s=0.3), make_ids(20))
    assert {answer.outcome for answer in answers.values()} == {Outcome.SKIPPED}
    assert len(server.requests) <= 4, "one more may have been under way"


def test_ids_that_fail_alone_have_six_tries(server: FaultServer, client: Client) -> None:
    ids = make_ids(200)
    bad = set(ids[::20])
    server.otherwise = lambda generation_id: refusal(500) if generation_id in bad else good(generation_id)
    answers = answers_of(client, ids)
    assert {answer.requested_id for answer in answers.values() if answer.outcome is Outcome.FAILED} == bad
    assert {server.asked[generation_id] for generation_id in bad} == {MAX_FAILURES}


def test_a_wrong_host_name_is_tried_twice(make_client: MakeClient) -> None:
    client = make_client(base_url="https://no-such-host.invalid/api/v1")
    dispatch = dispatch_of(client)
    answers = [answer for _, answer in dispatch.answers(iter(make_ids(50)))]
    assert {answer.outcome for answer in answers} == {Outcome.SKIPPED}
    assert 2 <= dispatch.requests <= 3, "one more may have been under way"
    [notice] = dispatch.notices
    assert "genanalytics doctor" in notice


def test_when_too_much_fails_the_run_ends(server: FaultServer, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quota of retries ends a run in which something gets through now and then."""
    monkeypatch.setattr(Quota, "CAPACITY", 100)
    ids = make_ids(200)
    server.otherwise = lambda generation_id: good(generation_id) if generation_id in ids[::10] else refusal(500)
    dispatch = dispatch_of(client)
    answers = [answer for _, answer in dispatch.answers(iter(ids))]
    assert Outcome.SKIPPED in {answer.outcome for answer in answers}
    assert len(server.requests) < 150
    [notice] = dispatch.notices
    assert notice.startswith("too many requests failed (the service answered 500")
