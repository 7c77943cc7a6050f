"""The pauses that a service asks for: short ones are kept, and long ones leave out ids or end the run."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import pytest

from genanalytics.fetching.answers import Outcome
from genanalytics.fetching.client import Client
from support.dispatching import answers_of, dispatch_of
from support.fault_server import FaultServer
from support.faults import LONG_AGO, Says, good, make_ids, refusal

MakeClient = Callable[..., Client]

pytestmark = pytest.mark.usefixtures("brisk")


@pytest.mark.parametrize("header", ["1", "0.3", "date"])
def test_a_pause_is_never_shorter_than_asked_for(header: str, server: FaultServer, client: Client) -> None:
    [generation_id] = make_ids(1)
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    server.plan(generation_id, refusal(429, Retry_After=date if header == "date" else header))
    assert answers_of(client, [generation_id])[generation_id].outcome is Outcome.OK
    first, second = server.requests
    not_before = parsedate_to_datetime(date).timestamp() if header == "date" else first.at + float(header)
    assert not_before <= second.at < not_before + 1


def test_a_pause_for_one_id_holds_no_other(server: FaultServer, make_client: MakeClient) -> None:
    poison, *others = make_ids(60)
    server.plan(poison, *[refusal(429, Retry_After="1")] * 2)
    answers_of(make_client(max_workers=3), [others[0], poison, *others[1:]])
    at = {request.generation_id: request.at for request in server.requests}
    assert at[poison] - server.requests[0].at >= 2
    assert max(at[generation_id] for generation_id in others) < at[poison]


def test_a_pause_that_everyone_is_asked_for_holds_every_worker(server: FaultServer, make_client: MakeClient) -> None:
    ids = make_ids(30)
    began = time.monotonic()
    server.otherwise = lambda generation_id: (
        good(generation_id) if time.monotonic() > began + 1 else refusal(429, Retry_After="1")
    )
    answers_of(make_client(max_workers=3), ids)
    asked_s = [request.at - server.requests[0].at for request in server.requests]
    assert len([second for second in asked_s if second < 1]) <= 8
    assert len(asked_s) <= len(ids) + 8


@pytest.mark.parametrize("header", ["121", "86400", "1e300"])
def test_a_long_pause_for_one_id_holds_only_itself_back(
    header: str, server: FaultServer, make_client: MakeClient
) -> None:
    ids = make_ids(40)
    server.plan(ids[2], refusal(429, Retry_After=header))
    dispatch = dispatch_of(make_client(max_workers=1))
    outcomes = {answer.requested_id: answer.outcome for _, answer in dispatch.answers(iter(ids))}
    assert outcomes == dict.fromkeys(ids, Outcome.OK) | {ids[2]: Outcome.SKIPPED}
    assert len(server.requests) == 40
    [notice] = dispatch.notices
    assert notice.startswith("left out 1 id: the service asked for a pause until ")
    assert notice.endswith("; fetch again then")


def test_long_pauses_for_many_ids_are_one_notice(server: FaultServer, make_client: MakeClient) -> None:
    ids = make_ids(60)
    for number, one in enumerate(ids[1::3]):
        server.plan(one, refusal(429, Retry_After=str(1_000 + 60 * number)))
    dispatch = dispatch_of(make_client(max_workers=1))
    longest = timedelta(seconds=1_000 + 60 * 19)
    before = datetime.now()  # noqa: DTZ005 - as the clock on the wall shows it
    outcomes = {answer.requested_id: answer.outcome for _, answer in dispatch.answers(iter(ids))}
    assert outcomes == dict.fromkeys(ids, Outcome.OK) | dict.fromkeys(ids[1::3], Outcome.SKIPPED)
    [notice] = dispatch.notices
    form = "left out 20 ids: the service asked for a pause until %Y-%m-%d %H:%M:%S; fetch again then"
    until = datetime.strptime(notice, form)  # noqa: DTZ007
    assert before + longest - timedelta(seconds=1) <= until <= datetime.now() + longest  # noqa: DTZ005


@pytest.mark.parametrize("status", [429, 503])
def test_a_long_pause_for_every_id_ends_the_run(status: int, server: FaultServer, make_client: MakeClient) -> None:
    ids = make_ids(400)
    server.otherwise = lambda _: refusal(status, Retry_After="600")
    dispatch = dispatch_of(make_client(max_workers=4))
    outcomes = [answer.outcome for _, answer in dispatch.answers(iter(ids))]
    assert outcomes == [Outcome.SKIPPED] * 400
    assert len(server.requests) < 40
    [notice] = dispatch.notices
    assert notice.startswith("the service asked for a pause until ")


def test_a_run_that_ends_early_waits_for_no_shorter_pause(server: FaultServer, make_client: MakeClient) -> None:
    ids = make_ids(20)
    server.plan(ids[0], Says(429, headers=(("Retry-After", "100"),), after_s=1.5))  # the other is under way by then
    client = make_client(max_workers=2)
    answers_of(client, make_ids(2, created=LONG_AGO + 1))  # a client begins with one request at a time
    server.otherwise = lambda _: Says(429, headers=(("Retry-After", "600"),), after_s=0.05)
    before, started = len(server.requests), time.monotonic()
    dispatch = dispatch_of(client)
    outcomes = {answer.requested_id: answer.outcome for _, answer in dispatch.answers(iter(ids))}
    assert outcomes == dict.fromkeys(ids, Outcome.SKIPPED)
    assert time.monotonic() - started < 5
    assert dispatch.requests == len(server.requests) - before < 15


def test_the_last_attempt_can_end_the_run_too(server: FaultServer, client: Client) -> None:
    [generation_id] = make_ids(1)
    server.plan(generation_id, *[refusal(503)] * 5, refusal(503, Retry_After="600"))
    answer = answers_of(client, [generation_id])[generation_id]
    assert (answer.outcome, answer.attempts) == (Outcome.SKIPPED, 6)


def test_one_notice_is_enough(server: FaultServer, make_client: MakeClient) -> None:
    ids = make_ids(2)
    server.plan(ids[0], Says(429, headers=(("Retry-After", "600"),), after_s=0.1))
    server.plan(ids[1], Says(503, headers=(("Retry-After", "700"),), after_s=0.2))
    client = make_client(max_workers=2)
    answers_of(client, make_ids(2, created=LONG_AGO + 1))  # a client begins with one request at a time
    dispatch = dispatch_of(client)
    assert [answer.outcome for _, answer in dispatch.answers(iter(ids))] == [Outcome.SKIPPED] * 2
    assert len(dispatch.notices) == 1


def test_the_notice_tells_the_day_on_which_the_pause_ends(server: FaultServer, client: Client) -> None:
    [generation_id] = make_ids(1)
    server.plan(generation_id, refusal(429, Retry_After="86400"))
    dispatch = dispatch_of(client)
    list(dispatch.answers(iter([generation_id])))
    tomorrow = datetime.now() + timedelta(days=1)  # noqa: DTZ005 - as the clock on the wall shows it
    assert f"{tomorrow:%Y-%m-%d %H:%M}" in dispatch.notices[0]
